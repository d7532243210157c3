//! Thousands of resources: what a change costs the API server, and that rest costs it nothing.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    kube_replicas::{Front, Replica, active},
    kube_server::Cluster,
    service_stage::{LONG, idle, mac},
};

const PHONES: u32 = 2_000;
/// Phones that are there; the others have not been heard of.
const THERE: u32 = 20;

/// Writes of the service to phoneops' own resources and events so far, by what they are.
fn writes(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let is_write = |verb: &str| matches!(verb, "create" | "update" | "patch" | "delete");
    for call in cluster.calls().iter().filter(|call| is_write(&call.verb) && call.resource != "leases") {
        *counts.entry(call.what()).or_default() += 1;
    }
    counts
}

fn since(before: &BTreeMap<String, usize>, after: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let new = |(what, count): (&String, &usize)| {
        let more = count - before.get(what).copied().unwrap_or_default();
        (more > 0).then(|| (what.clone(), more))
    };
    after.iter().filter_map(new).collect()
}

/// Waits until nothing was written for a while.
async fn rests(cluster: &Cluster) -> BTreeMap<String, usize> {
    let deadline = tokio::time::Instant::now() + 6 * LONG;
    loop {
        let before = writes(cluster);
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        let after = writes(cluster);
        if before == after {
            return after;
        }
        assert!(tokio::time::Instant::now() < deadline, "it never rests: {:#?}", since(&before, &after));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_two_thousand_phones_a_change_costs_what_it_changes_and_rest_costs_nothing() {
    let cluster = Cluster::start().await;
    let profile =
        |server: &str| json!({"policy": {"mode": "Enforce", "interval": "30d"}, "items": {"sntp-addr": server}});
    cluster.apply("PhoneProfile", "there", &profile("192.0.2.5")).await;
    cluster.apply("PhoneProfile", "away", &profile("192.0.2.5")).await;
    let configs = stream::iter(0..PHONES).map(|number| {
        let cluster = &cluster;
        async move {
            let profile = if number < THERE { "there" } else { "away" };
            let spec = json!({"phone": {"mac": mac(number)}, "profiles": [profile]});
            cluster.apply("PhoneConfig", &format!("phone-{number}"), &spec).await;
        }
    });
    configs.buffer_unordered(16).collect::<Vec<()>>().await;
    let replica = Replica::start(&cluster, "phoneops-0", &[]).await;
    active(&[&replica], 1).await;
    let front = Front::start(&cluster, &[&replica]).await;
    let first = rests(&cluster).await;
    println!("{PHONES} new resources: {first:#?}");
    assert_eq!(first["patch phoneconfigs/status.phoneops.dev"], PHONES as usize, "one status each");
    assert_eq!(first["create phonerecords.phoneops.dev"], PHONES as usize, "one record each");

    let mut phones = Vec::new();
    for number in 0..THERE {
        let phone = front.phone(number, |_| ()).await;
        phone.boot();
        phones.push(phone);
    }
    cluster.becomes("PhoneProfile", "there", |profile| profile["status"]["inSync"] == THERE).await;
    let settled = rests(&cluster).await;
    println!("{THERE} phones come and are written: {:#?}", since(&first, &settled));

    // sweeps read and write nothing
    for phone in &phones {
        phone.restart();
    }
    for phone in &phones {
        phone.wait_for(|view| view.counts().ended >= 2 && view.is_idle(), LONG).await.unwrap();
    }
    let swept = rests(&cluster).await;
    assert_eq!(since(&settled, &swept), BTreeMap::new(), "reads that find nothing new cost nothing (promise 6)");

    cluster.apply("PhoneProfile", "there", &profile("192.0.2.6")).await;
    cluster
        .becomes("PhoneProfile", "there", |profile| {
            profile["status"]["observedGeneration"] == 2 && profile["status"]["inSync"] == THERE
        })
        .await;
    for phone in &phones {
        idle(phone).await;
        assert_eq!(phone.writes(), 2);
    }
    let changed = rests(&cluster).await;
    let cost = since(&swept, &changed);
    println!("a change of {THERE} phones: {cost:#?}");
    let each = |what: &str| cost.get(what).copied().unwrap_or_default();
    let there = THERE as usize;
    // in force, in flight, proven; pending, in sync
    assert!((2 * there..=5 * there).contains(&each("update phonerecords.phoneops.dev")), "{cost:#?}");
    assert!((there..=3 * there).contains(&each("patch phoneconfigs/status.phoneops.dev")), "{cost:#?}");
    assert!(each("create events.events.k8s.io") <= 2 * there, "{cost:#?}");
    for phone in phones {
        phone.stop().await;
    }
}
