//! Documents in a real Kubernetes cluster: phones are brought to what resources say, and their status tells how they are.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret as ClusterSecret;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use phoneops::{
    fleet::{settings::GateSettings, words::PendingReason},
    sim::{Model, SimPhone},
    source::{KubeSettings, SourceSettings},
    wpi::{ItemText, Secret},
};
use serde_json::{Value, json};

use crate::{
    kube_server::Cluster,
    service_child::{phoneops, run},
    service_stage::{LONG, Stage, has, id, idle, mac, text, times_written, until},
};

/// A service on the namespace of a cluster.
async fn stage(cluster: &Cluster) -> Stage {
    stage_with(cluster, GateSettings::OFF).await
}

async fn stage_with(cluster: &Cluster, gate: GateSettings) -> Stage {
    let mut stage = Stage::dark("");
    stage.settings.fleet.gate = gate;
    let settings = KubeSettings {
        config: Some(cluster.config().await),
        debounce: Duration::from_millis(50),
        ..KubeSettings::new(vec![cluster.namespace.clone()])
    };
    stage.settings.source = SourceSettings::Kube(Box::new(settings));
    stage.start().await;
    stage.taken_over().await;
    stage
}

async fn profile(cluster: &Cluster, items: Value) {
    let spec = json!({"policy": {"mode": "Enforce", "interval": "30d"}, "items": items});
    cluster.apply("PhoneProfile", "fleet", &spec).await;
}

async fn config(cluster: &Cluster, number: u32, items: Value) {
    let spec = json!({"phone": {"mac": mac(number)}, "profiles": ["fleet"], "items": items});
    cluster.apply("PhoneConfig", &format!("phone-{number}"), &spec).await;
}

fn is_in(state: &str) -> impl Fn(&Value) -> bool {
    move |resource| {
        let status = &resource["status"];
        status["state"] == state && status["observedGeneration"] == resource["metadata"]["generation"]
    }
}

fn condition<'r>(resource: &'r Value, kind: &str) -> Option<&'r Value> {
    resource["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

async fn phone(stage: &Stage, number: u32) -> SimPhone {
    let phone = stage.phone(number, Model::OpenStage40V3R5).await;
    phone.boot();
    phone
}

/// The table that `kubectl get` prints, wide.
async fn table(cluster: &Cluster, plural: &str) -> (Vec<String>, Vec<Vec<Value>>) {
    let path = format!("/apis/phoneops.dev/v1alpha1/namespaces/{}/{plural}", cluster.namespace);
    let request = http::Request::get(path)
        .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Vec::new())
        .unwrap();
    let table: Value = cluster.client.request(request).await.unwrap();
    let columns = table["columnDefinitions"].as_array().unwrap().iter();
    let columns = columns.map(|column| column["name"].as_str().unwrap().to_owned()).collect();
    let rows = table["rows"].as_array().unwrap().iter().map(|row| row["cells"].as_array().unwrap().clone()).collect();
    (columns, rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_becomes_what_its_resource_says_and_the_status_tells_until_the_resource_is_gone() {
    let cluster = Cluster::start().await;
    profile(&cluster, json!({"sntp-addr": "192.0.2.5"})).await;
    config(&cluster, 0, json!({"sip-name": "Reception"})).await;
    let stage = stage(&cluster).await;
    let waiting = cluster.becomes("PhoneConfig", "phone-0", is_in("Unknown")).await;
    assert_eq!(condition(&waiting, "Ready").unwrap()["status"], "False");
    let handset = phone(&stage, 0).await;
    let resource = cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    assert_eq!((has(&handset, "sntp-addr"), has(&handset, "sip-name")), ("192.0.2.5".into(), "Reception".into()));
    let ready = condition(&resource, "Ready").unwrap();
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("True"), &json!("InSync")));
    assert!(condition(&resource, "Reconciling").is_none() && condition(&resource, "Stalled").is_none());
    assert_eq!((&resource["status"]["proven"], &resource["status"]["managed"]), (&json!(2), &json!(2)));
    let profile_status = cluster.becomes("PhoneProfile", "fleet", |profile| profile["status"]["inSync"] == 1).await;
    assert_eq!(condition(&profile_status, "Ready").unwrap()["status"], "True");

    let (columns, rows) = table(&cluster, "phoneconfigs").await;
    assert_eq!(columns[1..6], ["Phone", "Model", "State", "Drift", "Ready"]);
    assert_eq!(columns[7..], ["Pending", "Site", "Revision", "Firmware", "Message"]);
    let told: Vec<Value> = rows[0][..6].to_vec();
    assert_eq!(
        told,
        [json!("phone-0"), json!(mac(0)), json!("OpenStage 40"), json!("InSync"), json!(0), json!("True")]
    );

    // a person's change of the profile reaches the phone by contact-me, and what is ours stays ours
    profile(&cluster, json!({"sntp-addr": "192.0.2.6"})).await;
    until(|| has(&handset, "sntp-addr") == "192.0.2.6", || has(&handset, "sntp-addr")).await;
    idle(&handset).await;
    let revision = json!(stage.view(0).revision.unwrap());
    let told = |resource: &Value| is_in("InSync")(resource) && resource["status"]["revision"] == revision;
    let resource = cluster.becomes("PhoneConfig", "phone-0", told).await;
    let owners = resource["metadata"]["managedFields"].as_array().unwrap();
    for owner in owners {
        let fields = owner["fieldsV1"].as_object().unwrap();
        let ours = owner["manager"] == "phoneops-status";
        assert_eq!((fields.contains_key("f:status"), fields.contains_key("f:spec")), (ours, !ours), "{owner}");
    }

    // at rest nothing is written
    let version = |resource: &Value| resource["metadata"]["resourceVersion"].clone();
    let before = version(&cluster.get("PhoneConfig", "phone-0").await);
    handset.restart();
    let ended = handset.counts().ended;
    handset.wait_for(move |view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let after = cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    assert_eq!(version(&after), before, "a read changes nothing: {after:#}");

    let told = async |reason: &str| {
        let deadline = tokio::time::Instant::now() + LONG;
        loop {
            let events = cluster.events("phone-0").await;
            if let Some((_, note)) = events.iter().find(|(known, _)| known == reason) {
                break note.clone();
            }
            assert!(tokio::time::Instant::now() < deadline, "no {reason} in {events:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(told("Applied").await.starts_with("has all of revision kube-"));
    config(&cluster, 0, json!({"sip-name": "Reception", "no-such-thing": {"a": 1}})).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("Invalid")).await;
    let note = told("Invalid").await;
    assert!(note.contains("phoneconfig/phone-0.yaml") && note.contains("is no index"), "{note}");

    cluster.api("PhoneConfig").delete("phone-0", &kube::api::DeleteParams::default()).await.unwrap();
    stage.reaches(0, phoneops::fleet::words::State::Abandoned).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_asks_the_cluster_where_there_is_no_service_to_ask() {
    let cluster = Cluster::start().await;
    cluster.grant(|_| ()).await;
    profile(&cluster, json!({"sntp-addr": "192.0.2.123"})).await;
    config(&cluster, 0, json!({})).await;
    config(&cluster, 1, json!({"e164": "4711"})).await;
    let stage = stage(&cluster).await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = cluster.kubeconfig(folder.path());
    let ask = async |words: &[&str]| {
        let mut command = phoneops("status");
        command.env("KUBECONFIG", &kubeconfig).args(["--kubernetes", "-n", &cluster.namespace]).args(words);
        run(command).await
    };
    let phone = phone(&stage, 0).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    cluster.becomes("PhoneConfig", "phone-1", is_in("Unknown")).await;
    let (code, out) = ask(&[]).await;
    assert!(code == 3 && out.contains("2 phones: ") && out.contains("1 InSync"), "{code} {out}");
    let (code, out) = ask(&["--state", "InSync", "-o", "json"]).await;
    let view: phoneops::fleet::view::PhoneView = serde_json::from_str(out.trim()).unwrap();
    assert_eq!((code, view.name.as_deref(), view.mac, view.proven), (0, Some("phone-0"), mac(0), 1));
    phone.start_call();
    profile(&cluster, json!({"sntp-addr": "192.0.2.123", "sntp-tz-offset": 60})).await;
    cluster.becomes("PhoneConfig", "phone-0", |resource| resource["status"]["pending"]["reason"] == "InCall").await;
    let (code, out) = ask(&["phone-0"]).await;
    assert!(code == 3 && out.contains("Pending: InCall") && !out.contains("since"), "promise 10: {code} {out}");
    assert_eq!(ask(&["nobody"]).await.0, 2);
    let (code, out) = ask(&["--item", "sntp-addr"]).await;
    assert!(code == 2 && out.contains("--kubernetes"), "{code} {out}");
    let mut command = phoneops("status");
    command.env("KUBECONFIG", "/nowhere").arg("--kubernetes");
    let (code, out) = run(command).await;
    assert!(code == 2 && out.contains("cannot read PhoneConfigs from the Kubernetes cluster"), "{code} {out}");
    phone.end_call();
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_secrets_with_the_label_are_read_and_a_rotated_one_is_written_once() {
    let cluster = Cluster::start().await;
    let secrets: Api<ClusterSecret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let secret = |labels: Value, password: &str| {
        let secret = json!({"metadata": {"name": "sip-0", "labels": labels}, "stringData": {"password": password}});
        serde_json::from_value::<ClusterSecret>(secret).unwrap()
    };
    secrets.create(&PostParams::default(), &secret(json!({}), "planted-one")).await.unwrap();
    profile(&cluster, json!({"sntp-addr": "192.0.2.5"})).await;
    config(&cluster, 0, json!({})).await;
    let stage = stage(&cluster).await;
    let handset = phone(&stage, 0).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    let reference = json!({"sip-pwd": {"secret": {"name": "sip-0", "key": "password"}}});
    config(&cluster, 0, reference).await;
    let refused = cluster.becomes("PhoneConfig", "phone-0", is_in("Invalid")).await;
    let message = refused["status"]["message"].as_str().unwrap();
    assert!(message.contains("there is no Secret sip-0 with the label phoneops.dev/phone-secret"), "{message}");
    assert_eq!(condition(&refused, "Stalled").unwrap()["status"], "True");

    let labelled = json!({"phoneops.dev/phone-secret": "true"});
    let patch = json!({"metadata": {"labels": labelled}});
    secrets.patch("sip-0", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    let value = || handset.value(&id("sip-pwd"));
    until(|| value() == Some(ItemText::Secret(Secret::new("planted-one"))), || "never written".to_owned()).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    let rotated = json!({"stringData": {"password": "planted-two"}});
    secrets.patch("sip-0", &PatchParams::default(), &Patch::Merge(&rotated)).await.unwrap();
    until(|| value() == Some(ItemText::Secret(Secret::new("planted-two"))), || "never rotated".to_owned()).await;
    let resource = cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    assert_eq!(times_written(&handset, "sip-pwd"), 2);
    assert!(!resource["status"].to_string().contains("planted"));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_resources_for_one_phone_the_older_stays_in_force_and_an_annotation_has_it_read_now() {
    let cluster = Cluster::start().await;
    profile(&cluster, json!({"sntp-addr": "192.0.2.5"})).await;
    config(&cluster, 0, json!({})).await;
    let stage = stage(&cluster).await;
    let handset = phone(&stage, 0).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    // creation times are whole seconds
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let other = json!({"phone": {"mac": mac(0)}, "items": {"sntp-addr": "192.0.2.66"}});
    cluster.apply("PhoneConfig", "a-copy", &other).await;
    let refused = cluster.becomes("PhoneConfig", "a-copy", is_in("Invalid")).await;
    assert!(
        refused["status"]["message"].as_str().unwrap().contains("PhoneConfig phone-0, which is older"),
        "{refused:#}"
    );
    assert_eq!(has(&handset, "sntp-addr"), "192.0.2.5");

    // what is wrong by the definition itself never gets in
    let wrong = json!({"apiVersion": "phoneops.dev/v1alpha1", "kind": "PhoneConfig", "metadata": {"name": "phone-0"},
        "spec": {"phone": {"mac": mac(0)}, "items": {"e164": 4_930_123}}});
    let params = PatchParams::apply("ada").force();
    let error = cluster.api("PhoneConfig").patch("phone-0", &params, &Patch::Apply(&wrong)).await.unwrap_err();
    assert!(error.to_string().contains("spec.items.e164"), "{error}");

    handset.local_change(id("sntp-addr"), text("192.0.2.5"));
    idle(&handset).await;
    let contacts = handset.contacts_received();
    let wish = json!({"metadata": {"annotations": {"phoneops.dev/reconcile-at": "2026-03-01T08:00:00Z"}}});
    cluster.api("PhoneConfig").patch("phone-0", &PatchParams::default(), &Patch::Merge(&wish)).await.unwrap();
    until(|| handset.contacts_received() > contacts, || "never asked".to_owned()).await;
    let told = |resource: &Value| resource["status"]["reconcileAt"] == "2026-03-01T08:00:00Z";
    cluster.becomes("PhoneConfig", "phone-0", told).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_api_server_is_away_phones_are_served_and_what_changed_meanwhile_comes_after_it() {
    let mut cluster = Cluster::start().await;
    profile(&cluster, json!({"sntp-addr": "192.0.2.5"})).await;
    config(&cluster, 0, json!({})).await;
    let stage = stage(&cluster).await;
    let handset = phone(&stage, 0).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    cluster.stop_api();
    handset.local_change(id("sntp-addr"), text("192.0.2.9"));
    // it is answered and read; what must not be forgotten cannot be kept, so nothing is written
    stage.pending(0, PendingReason::StoreAway).await;
    idle(&handset).await;
    assert_eq!((has(&handset, "sntp-addr").as_str(), handset.writes()), ("192.0.2.9", 1));
    cluster.start_api().await;
    until(|| has(&handset, "sntp-addr") == "192.0.2.5", || "drift is not put right".to_owned()).await;
    profile(&cluster, json!({"sntp-addr": "192.0.2.6"})).await;
    until(|| has(&handset, "sntp-addr") == "192.0.2.6", || "the watch is not resumed".to_owned()).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_read_or_to_write_a_status_the_service_goes_on_and_says_what_it_may_not_do() {
    let cluster = Cluster::start().await;
    profile(&cluster, json!({"sntp-addr": "192.0.2.5"})).await;
    config(&cluster, 0, json!({})).await;
    let without = |resource: &'static str| {
        move |role: &mut k8s_openapi::api::rbac::v1::Role| {
            let names = |rule: &k8s_openapi::api::rbac::v1::PolicyRule| {
                rule.resources.iter().flatten().any(|known| known == resource)
            };
            role.rules.as_mut().unwrap().retain(|rule| !names(rule));
        }
    };
    for resource in ["phoneconfigs", "configmaps"] {
        cluster.grant(without(resource)).await;
        let mut stage = Stage::dark("");
        let settings = KubeSettings {
            config: Some(cluster.config().await),
            debounce: Duration::from_millis(20),
            ..KubeSettings::new(vec![cluster.namespace.clone()])
        };
        stage.settings.source = SourceSettings::Kube(Box::new(settings));
        stage.start().await;
        let not_ready = async || stage.api("GET /readyz").await.body;
        let deadline = tokio::time::Instant::now() + LONG;
        while !not_ready().await.contains("is forbidden") {
            assert!(tokio::time::Instant::now() < deadline, "{}", not_ready().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage.end().await;
    }
    cluster.grant(without("phoneconfigs/status")).await;
    let handset = {
        let stage = stage(&cluster).await;
        let handset = phone(&stage, 0).await;
        stage.reaches(0, phoneops::fleet::words::State::InSync).await;
        assert!(cluster.get("PhoneConfig", "phone-0").await.get("status").is_none());
        stage.end().await;
        handset
    };
    assert_eq!(has(&handset, "sntp-addr"), "192.0.2.5");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_of_the_examples_are_taken_by_the_server_and_by_the_loader() {
    let cluster = Cluster::start().await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kubernetes");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let list: Value = ::serde_yaml::from_str(&read("kustomization.yaml")).unwrap();
    let files = list["resources"].as_array().unwrap().iter().map(|name| read(name.as_str().unwrap()));
    for document in files.collect::<Vec<_>>().join("---\n").split("---\n") {
        let resource: Value = ::serde_yaml::from_str(document).unwrap();
        let name = resource["metadata"]["name"].as_str().unwrap();
        match resource["kind"].as_str().unwrap() {
            "Secret" => {
                let secrets: Api<ClusterSecret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
                secrets.patch(name, &PatchParams::apply("ada"), &Patch::Apply(&resource)).await.unwrap();
            }
            kind => cluster.apply(kind, name, &resource["spec"]).await,
        }
    }
    let stage = stage(&cluster).await;
    let resource = cluster.becomes("PhoneConfig", "berlin-reception", is_in("Unknown")).await;
    assert_eq!(resource["status"]["site"], "berlin", "{resource:#}");
    cluster.becomes("PhoneSite", "berlin", |site| site["status"]["phones"] == 3).await;
    let fleet = cluster.becomes("PhoneProfile", "fleet", |profile| profile["status"]["phones"] == 7).await;
    let ready = condition(&fleet, "Ready").unwrap();
    assert_eq!(
        (&ready["status"], &ready["message"]),
        (&json!("False"), &json!("none of 6 phones was reached")),
        "{fleet:#}"
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brake_and_an_approval_are_resources_whose_rights_the_cluster_gives() {
    let cluster = Cluster::start().await;
    profile(&cluster, json!({"sntp-addr": "192.0.2.5"})).await;
    config(&cluster, 0, json!({})).await;
    let small = GateSettings { phones: 0, percent: 0, risky: 0, vanish: 0, trailer: false };
    let first = stage_with(&cluster, small).await;
    let handset = phone(&first, 0).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;

    let until = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(2)).to_string();
    let brake = json!({"selector": {"site": "default"}, "until": until, "reason": "ward 3 is silent"});
    cluster.apply("PhoneBrake", "stop", &brake).await;
    let on = cluster.becomes("PhoneBrake", "stop", |brake| brake["status"]["state"] == "On").await;
    assert_eq!(on["status"]["phones"], 1);
    profile(&cluster, json!({"sntp-addr": "192.0.2.6"})).await;
    first.pending(0, PendingReason::Braked).await;
    let told = |resource: &Value| resource["status"]["pending"]["reason"] == "Braked";
    cluster.becomes("PhoneConfig", "phone-0", told).await;
    assert_eq!(has(&handset, "sntp-addr"), "192.0.2.5");
    cluster.api("PhoneBrake").delete("stop", &kube::api::DeleteParams::default()).await.unwrap();
    crate::service_stage::until(|| has(&handset, "sntp-addr") == "192.0.2.6", || "not released".to_owned()).await;
    let past = json!({"selector": {"all": true}, "until": "2026-03-01T08:00:00Z", "reason": "too late"});
    cluster.apply("PhoneBrake", "late", &past).await;
    cluster.becomes("PhoneBrake", "late", |brake| brake["status"]["state"] == "Over").await;
    let mut stage = first;
    idle(&handset).await;
    stage.stop().await;

    // with a gate that lets no risky item through to more than no phone, a change of the number waits
    stage.settings.fleet.gate = GateSettings { risky: 1, ..small };
    stage.start().await;
    stage.taken_over().await;
    let numbers = |number: u32| json!({"reg-addr": format!("192.0.2.{number}")});
    for number in [1, 2] {
        config(&cluster, number, json!({})).await;
    }
    profile(&cluster, numbers(20)).await;
    let held = cluster.becomes("PhoneConfig", "phone-0", is_in("Held")).await;
    let digest = held["status"]["held"]["digest"].as_str().unwrap().to_owned();
    let wrong = json!({"digest": "0000000000000000", "reason": "change 4711"});
    cluster.apply("PhoneApproval", "change-4711", &wrong).await;
    cluster.becomes("PhoneApproval", "change-4711", |approval| approval["status"]["state"] == "Waits").await;
    assert_ne!(has(&handset, "reg-addr"), "192.0.2.20");
    cluster.apply("PhoneApproval", "change-4711", &json!({"digest": digest, "reason": "change 4711"})).await;
    cluster.becomes("PhoneApproval", "change-4711", |approval| approval["status"]["state"] == "Approved").await;
    crate::service_stage::until(|| has(&handset, "reg-addr") == "192.0.2.20", || "not let go".to_owned()).await;
    let (_, csv) = crate::service_stage::command(&stage, &["audit", "-o", "csv"]).await;
    for act in ["Brake", "ReleaseBrake", "Approve"] {
        assert!(csv.contains(&format!(",{act},")), "{act} in {csv}");
    }
    assert!(csv.contains(&format!("PhoneApproval {}/change-4711", cluster.namespace)), "{csv}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_resources_are_told_once_each_and_a_change_of_one_writes_one_status() {
    const PHONES: u32 = 400;
    let cluster = Cluster::start().await;
    profile(&cluster, json!({"sntp-addr": "192.0.2.5"})).await;
    let made = futures_util::stream::iter((1..=PHONES).map(|number| config(&cluster, number, json!({}))));
    futures_util::StreamExt::for_each(futures_util::StreamExt::buffer_unordered(made, 8), async |()| ()).await;
    let stage = stage(&cluster).await;
    let settled = |profile: &Value| profile["status"]["phones"] == PHONES;
    cluster.becomes("PhoneProfile", "fleet", settled).await;
    let versions = async || {
        let all = cluster.api("PhoneConfig").list(&kube::api::ListParams::default()).await.unwrap();
        let version = |resource: kube::api::DynamicObject| {
            let told = resource.data["status"]["state"] == "Unknown";
            (resource.metadata.name.unwrap(), (told, resource.metadata.resource_version.unwrap()))
        };
        all.into_iter().map(version).collect::<std::collections::BTreeMap<_, _>>()
    };
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let before = loop {
        let versions = versions().await;
        if versions.values().all(|(told, _)| *told) {
            break versions;
        }
        assert!(tokio::time::Instant::now() < deadline, "not all are told");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(versions().await, before, "at rest no status is written (promise 6)");
    config(&cluster, 7, json!({"sip-name": "Ward 7"})).await;
    cluster.becomes("PhoneConfig", "phone-7", is_in("Unknown")).await;
    let after = versions().await;
    let changed: Vec<&String> =
        after.iter().filter(|(name, version)| before[*name] != **version).map(|(name, _)| name).collect();
    assert_eq!(changed, ["phone-7"]);
    stage.end().await;
}

/// All that was told of a phone in this word: the sentence, and how often.
async fn told_in(cluster: &Cluster, reason: &str) -> Vec<(String, i32)> {
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let all = events.list(&kube::api::ListParams::default()).await.unwrap();
    let of_it = all.into_iter().filter(|event| event.reason.as_deref() == Some(reason));
    let mut told: Vec<(String, i32)> =
        of_it.map(|event| (event.note.unwrap_or_default(), event.series.map_or(1, |series| series.count))).collect();
    told.sort();
    told
}

async fn is_told(cluster: &Cluster, reason: &str, wish: &[(&str, i32)]) {
    let deadline = tokio::time::Instant::now() + LONG;
    let is_so =
        |told: &[(String, i32)]| told.iter().map(|(note, count)| (note.as_str(), *count)).eq(wish.iter().copied());
    loop {
        let told = told_in(cluster, reason).await;
        if is_so(&told) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{reason}: {told:?} and not {wish:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_drift_again_is_one_event_with_a_count_and_another_drift_is_another_event() {
    let cluster = Cluster::start().await;
    let spec = json!({"policy": {"mode": "Report"}, "items": {"sntp-addr": "192.0.2.5", "sip-name": "Reception"}});
    cluster.apply("PhoneProfile", "fleet", &spec).await;
    config(&cluster, 0, json!({})).await;
    let stage = stage(&cluster).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("Unknown")).await;
    let handset = phone(&stage, 0).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("Drifted")).await;
    is_told(&cluster, "DriftDetected", &[("differs: sip-name, sntp-addr", 1)]).await;
    let set = async |name: &str, value: &str, state: &str| {
        handset.local_change(id(name), text(value));
        cluster.becomes("PhoneConfig", "phone-0", is_in(state)).await;
        idle(&handset).await;
    };
    handset.local_change(id("sip-name"), text("Reception"));
    set("sntp-addr", "192.0.2.5", "InSync").await;
    is_told(&cluster, "DriftCorrected", &[("as it is wanted again: sip-name, sntp-addr", 1)]).await;
    set("sntp-addr", "192.0.2.9", "Drifted").await;
    let first = ("differs: sip-name, sntp-addr", 1);
    is_told(&cluster, "DriftDetected", &[first, ("differs: sntp-addr", 1)]).await;
    set("sntp-addr", "192.0.2.5", "InSync").await;
    set("sntp-addr", "192.0.2.9", "Drifted").await;
    is_told(&cluster, "DriftDetected", &[first, ("differs: sntp-addr", 2)]).await;
    set("sntp-addr", "192.0.2.5", "InSync").await;
    // an event that is gone, as all are after an hour, is told anew
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let all = kube::api::ListParams::default();
    events.delete_collection(&kube::api::DeleteParams::default(), &all).await.unwrap();
    set("sntp-addr", "192.0.2.9", "Drifted").await;
    is_told(&cluster, "DriftDetected", &[("differs: sntp-addr", 1)]).await;
    set("sntp-addr", "192.0.2.5", "InSync").await;
    set("sntp-addr", "192.0.2.9", "Drifted").await;
    is_told(&cluster, "DriftDetected", &[("differs: sntp-addr", 2)]).await;
    stage.end().await;
}
