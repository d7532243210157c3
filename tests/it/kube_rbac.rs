//! The Role allows what the service needs, and nothing that it does not use.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::Role;
use serde_json::json;

use crate::{
    kube_replicas::{Front, Replica, active},
    kube_server::Cluster,
    service_stage::{LONG, id, idle, mac, text},
};

fn granted(role: &Role) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for rule in role.rules.iter().flatten() {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                let dot = if group.is_empty() { "" } else { "." };
                all.extend(rule.verbs.iter().map(|verb| format!("{verb} {resource}{dot}{group}")));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_life_uses_every_verb_of_the_role_and_asks_for_no_other() {
    let cluster = Cluster::start().await;
    let mut role = None;
    cluster.grant(|given| role = Some(given.clone())).await;
    cluster.secret("sip", &[("phoneops.dev/phone-secret", "true")], &[("password", "not-to-be-guessed")]).await;
    let password = json!({"secret": {"name": "sip", "key": "password"}});
    let profile = json!({"policy": {"mode": "Enforce"}, "items": {"sntp-addr": "192.0.2.5"}});
    cluster.apply("PhoneProfile", "fleet", &profile).await;
    cluster.apply("PhoneSite", "berlin", &json!({})).await;
    let config = json!({
        "phone": {"mac": mac(0)}, "profiles": ["fleet"], "site": "berlin", "items": {"sip-pwd": password},
    });
    cluster.apply("PhoneConfig", "phone-0", &config).await;
    let mut first = Replica::start(&cluster, "phoneops-0", &[]).await;
    active(&[&first], 1).await;
    let second = Replica::start(&cluster, "phoneops-1", &[]).await;
    let front = Front::start(&cluster, &[&first, &second]).await;
    let phone = front.phone(0, |_| ()).await;
    phone.boot();
    let in_sync = |phone: &serde_json::Value| phone["status"]["state"] == "InSync";
    cluster.becomes("PhoneConfig", "phone-0", in_sync).await;
    idle(&phone).await;
    // a brake, an approval, a change at the phone, so that everything has a status
    let until = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(2)).to_string();
    let brake = json!({"selector": {"site": "berlin"}, "until": until, "reason": "ward 3 is silent"});
    cluster.apply("PhoneApproval", "go", &json!({"digest": "none", "reason": "planned"})).await;
    cluster.becomes("PhoneApproval", "go", |approval| approval["status"]["state"] == "Waits").await;
    for server in ["192.0.2.8", "192.0.2.9"] {
        cluster.apply("PhoneBrake", "stop", &brake).await;
        cluster.becomes("PhoneBrake", "stop", |brake| brake["status"]["state"] == "On").await;
        phone.local_change(id("sntp-addr"), text(server));
        cluster.becomes("PhoneConfig", "phone-0", |phone| phone["status"]["drift"]["count"] == 1).await;
        // somebody touches the record, which then is another version than the one that was seen last
        let touched = json!({"metadata": {"annotations": {"seen-by": server}}});
        let patch = kube::api::Patch::Merge(&touched);
        cluster.api("PhoneRecord").patch("001ae8000001", &kube::api::PatchParams::default(), &patch).await.unwrap();
        cluster.api("PhoneBrake").delete("stop", &kube::api::DeleteParams::default()).await.unwrap();
        cluster.becomes("PhoneConfig", "phone-0", in_sync).await;
        idle(&phone).await;
    }
    first.terminate();
    active(&[&first, &second], 2).await;
    // a phone that is declared no more and dismissed is forgotten
    cluster.api("PhoneConfig").delete("phone-0", &kube::api::DeleteParams::default()).await.unwrap();
    second.dismissed(&mac(0)).await;
    let deadline = tokio::time::Instant::now() + LONG;
    let names = loop {
        let calls = cluster.calls();
        let refused: Vec<_> = calls.iter().filter(|call| !call.allowed).collect();
        assert!(refused.is_empty(), "it asked for what the Role does not allow: {refused:#?}");
        let used: BTreeSet<String> = calls.iter().map(super::kube_audit::Call::what).collect();
        let unused: Vec<String> = granted(role.as_ref().unwrap()).difference(&used).cloned().collect();
        if unused.is_empty() {
            break calls;
        }
        assert!(tokio::time::Instant::now() < deadline, "the Role allows what is never used: {unused:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let secrets = names.iter().filter(|call| call.resource == "secrets" && call.verb == "get");
    let names: BTreeSet<_> = secrets.filter_map(|call| call.name.as_deref()).collect();
    assert_eq!(names, BTreeSet::from(["phoneops-fingerprint-key"]), "no other Secret is asked for by name");
    phone.stop().await;
}
