//! Several releases in one cluster, each with namespaces of its own, and one release with several namespaces.

use serde_json::{Value, json};

use crate::{
    kube_replicas::{Front, Replica, active},
    kube_server::Cluster,
    service_stage::{LONG, api_as, has, idle, mac, times_written, told, until},
};

fn is_in(state: &str) -> impl Fn(&Value) -> bool {
    move |resource| resource["status"]["state"] == state
}

fn config(server: &str) -> Value {
    json!({"phone": {"mac": mac(0)}, "policy": {"mode": "Enforce"}, "items": {"sntp-addr": server}})
}

#[tokio::test(flavor = "multi_thread")]
async fn two_shards_never_serve_one_phone_and_the_second_one_has_it_when_the_first_one_lets_it_go() {
    let cluster = Cluster::start().await;
    let other = cluster.another_namespace("ward").await;
    let (first_space, second_space) = (cluster.namespace.clone(), other.namespace.clone());
    cluster.grant_shards(&["north", "south"]).await;
    cluster.apply("PhoneConfig", "phone-0", &config("192.0.2.5")).await;
    let first = Replica::start(&cluster, "north-0", &["--shard", "north", "--namespace", &first_space]).await;
    active(&[&first], 1).await;
    let north = Front::start(&cluster, &[&first]).await;
    let phone = north.phone(0, |_| ()).await;
    phone.boot();
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    idle(&phone).await;

    other.apply("PhoneConfig", "phone-0", &config("192.0.2.66")).await;
    let more = ["--shard", "south", "--namespace", &second_space];
    let second = Replica::start(&cluster, "south-0", &more).await;
    active(&[&second], 1).await;
    let told = |resource: &Value| {
        let message = resource["status"]["message"].as_str().unwrap_or_default();
        is_in("Invalid")(resource) && message.contains("served by the phoneops of shard north")
    };
    other.becomes("PhoneConfig", "phone-0", told).await;
    // also when the phone calls there
    let writes = phone.writes();
    phone.stop().await;
    let south = Front::start(&cluster, &[&second]).await;
    let phone = south.phone(0, |_| ()).await;
    phone.boot();
    phone.wait_for(|view| view.counts().ended >= 1 && view.is_idle(), LONG).await.unwrap();
    assert_eq!((phone.writes(), writes), (0, 1), "nothing is written by a shard that does not serve it");
    let counted = api_as(second.status, "GET /metrics", None).await.body;
    let refused =
        counted.lines().find_map(|line| line.strip_prefix("phoneops_kubernetes_records_total{result=\"refused\"} "));
    let refused = refused.unwrap_or_else(|| panic!("{counted}"));
    assert_ne!(refused, "0", "a record that is another shard's was refused");
    assert!(counted.contains(&format!("phoneops_service_bounds_hit_total{{bound=\"record-refused\"}} {refused}\n")));

    // the first one lets it go
    cluster.api("PhoneConfig").delete("phone-0", &kube::api::DeleteParams::default()).await.unwrap();
    first.dismissed(&mac(0)).await;
    let gone = async || cluster.api("PhoneRecord").get_opt("001ae8000001").await.unwrap().is_none();
    let deadline = tokio::time::Instant::now() + LONG;
    while !gone().await {
        assert!(tokio::time::Instant::now() < deadline, "{}", first.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // which a new start finds out, as a look again does
    drop(second);
    let third = Replica::start(&cluster, "south-1", &more).await;
    active(&[&third], 1).await;
    let south = Front::start(&cluster, &[&third]).await;
    phone.stop().await;
    let phone = south.phone(0, |_| ()).await;
    phone.boot();
    until(|| has(&phone, "sntp-addr") == "192.0.2.66", || third.log()).await;
    other.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    phone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_release_serves_several_namespaces_each_with_secrets_of_its_own() {
    let cluster = Cluster::start().await;
    let other = cluster.another_namespace("ward").await;
    let label = [("phoneops.dev/phone-secret", "true")];
    for (space, password) in [(&cluster, "planted-one"), (&other, "planted-two")] {
        space.secret("sip", &label, &[("password", password)]).await;
    }
    // a profile for all, and a phone in each
    let profile = json!({"policy": {"mode": "Enforce"}, "items": {"sntp-addr": "192.0.2.5"}});
    cluster.apply("PhoneProfile", "fleet", &profile).await;
    let password = json!({"secret": {"name": "sip", "key": "password"}});
    let served = format!("{},{}", cluster.namespace, other.namespace);
    let replica = Replica::start(&cluster, "phoneops-0", &["--namespace", &served]).await;
    active(&[&replica], 1).await;
    let front = Front::start(&cluster, &[&replica]).await;
    // phones that come to others are new, and get their password
    cluster.apply("PhoneConfig", "phone-9", &json!({"phone": {"mac": mac(9)}, "profiles": ["fleet"]})).await;
    cluster.becomes("PhoneProfile", "fleet", |profile| profile["status"]["phones"] == 1).await;
    for (number, space) in [(0, &cluster), (1, &other)] {
        let spec = json!({"phone": {"mac": mac(number)}, "profiles": ["fleet"], "items": {"sip-pwd": password}});
        space.apply("PhoneConfig", &format!("phone-{number}"), &spec).await;
    }
    for (number, space, content) in [(0, &cluster, "planted-one"), (1, &other, "planted-two")] {
        let name = format!("phone-{number}");
        space.becomes("PhoneConfig", &name, is_in("Unknown")).await;
        let phone = front.phone(number, |_| ()).await;
        phone.boot();
        space.becomes("PhoneConfig", &name, is_in("InSync")).await;
        let password = phone.value(&crate::service_stage::id("sip-pwd")).unwrap();
        assert_eq!(password, phoneops::wpi::ItemText::Secret(phoneops::wpi::Secret::new(content)));
        assert_eq!(has(&phone, "sntp-addr"), "192.0.2.5");
        phone.stop().await;
    }
    assert!(!replica.log().contains("planted"));
}

/// What one release has kept of phones, by its own label.
async fn shard_of(cluster: &Cluster, number: u32) -> Option<String> {
    let name = phoneops::store::kube::name_of(&phoneops::wpi::DeviceId::new(&mac(number)).unwrap());
    let record = cluster.api("PhoneRecord").get_opt(&name).await.unwrap()?;
    record.metadata.labels?.get("phoneops.dev/shard").cloned()
}

async fn is_of(cluster: &Cluster, number: u32, shard: &str, replicas: &[&Replica]) {
    let deadline = tokio::time::Instant::now() + LONG;
    while shard_of(cluster, number).await.as_deref() != Some(shard) {
        let logs: Vec<String> = replicas.iter().map(|replica| replica.log()).collect();
        assert!(tokio::time::Instant::now() < deadline, "phone-{number} is not {shard}'s: {}", logs.join("\n====\n"));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn site(cluster: &Cluster, name: &str, region: &str) {
    let site = json!({
        "apiVersion": "phoneops.dev/v1alpha1", "kind": "PhoneSite",
        "metadata": {"name": name, "labels": {"region": region}}, "spec": {"networks": ["127.0.0.0/8"]},
    });
    let params = kube::api::PatchParams::apply("ada").force();
    cluster.api("PhoneSite").patch(name, &params, &kube::api::Patch::Apply(&site)).await.unwrap();
}

async fn profile(cluster: &Cluster, server: &str) {
    let password = json!({"secret": {"name": "sip", "key": "password"}});
    let spec = json!({
        "policy": {"mode": "Enforce", "interval": "30d"}, "seed": {"ringer-melody": 3},
        "items": {"sntp-addr": server, "sip-pwd": password},
    });
    cluster.apply("PhoneProfile", "fleet", &spec).await;
}

async fn phone_at(cluster: &Cluster, number: u32, site: Option<&str>) {
    let mut spec = json!({"phone": {"mac": mac(number)}, "profiles": ["fleet"]});
    if let Some(site) = site {
        spec["site"] = json!(site);
    }
    cluster.apply("PhoneConfig", &format!("phone-{number}"), &spec).await;
}

/// A namespace with sites of two regions, and a release for each that serves the other's not; phones that come there are
/// new, and get a password and a seed.
async fn two_regions() -> (Cluster, Replica, Replica) {
    let cluster = Cluster::start().await;
    cluster.grant_shards(&["north", "south"]).await;
    cluster.secret("sip", &[("phoneops.dev/phone-secret", "true")], &[("password", "planted-one")]).await;
    profile(&cluster, "192.0.2.5").await;
    for (name, region) in [("hall", "north"), ("yard", "south")] {
        site(&cluster, name, region).await;
    }
    phone_at(&cluster, 9, Some("hall")).await;
    phone_at(&cluster, 8, Some("yard")).await;
    let release = async |name: &str, selector: &str| {
        Replica::start(&cluster, &format!("{name}-0"), &["--shard", name, "--site-selector", selector]).await
    };
    let north = release("north", "region=north").await;
    let south = release("south", "region!=north").await;
    active(&[&north], 1).await;
    active(&[&south], 1).await;
    for number in [8, 9] {
        cluster.becomes("PhoneConfig", &format!("phone-{number}"), is_in("Unknown")).await;
    }
    (cluster, north, south)
}

/// Writes to statuses so far.
fn status_writes(cluster: &Cluster) -> usize {
    let calls = cluster.calls();
    calls.iter().filter(|call| call.verb == "patch" && call.resource.ends_with("/status")).count()
}

/// Waits until no status was written for three looks of the writers.
async fn statuses_rest(cluster: &Cluster, replicas: &[&Replica]) {
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let before = status_writes(cluster);
        tokio::time::sleep(std::time::Duration::from_millis(3_500)).await;
        if status_writes(cluster) == before {
            return;
        }
        let logs: Vec<String> = replicas.iter().map(|replica| replica.log()).collect();
        assert!(tokio::time::Instant::now() < deadline, "statuses are fought over\n{}", logs.join("\n====\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_share_a_namespace_by_the_labels_of_sites_and_each_phone_is_served_by_exactly_one() {
    let (cluster, north, south) = two_regions().await;
    let both = [&north, &south];
    let fronts = [Front::start(&cluster, &[&north]).await, Front::start(&cluster, &[&south]).await];
    for (number, site) in [(0, Some("hall")), (1, Some("yard")), (2, None)] {
        phone_at(&cluster, number, site).await;
        cluster.becomes("PhoneConfig", &format!("phone-{number}"), is_in("Unknown")).await;
    }
    for (number, own) in [(0, 0), (1, 1), (2, 1)] {
        // at the other one's door nothing is asked of it
        let phone = fronts[1 - own].phone(number, |_| ()).await;
        phone.boot();
        phone.wait_for(|view| view.counts().ended >= 1 && view.is_idle(), LONG).await.unwrap();
        let done = phone.counts();
        assert_eq!((done.exchanges, done.writes), (done.ended, 0), "phone-{number}: {:#?}", told(&phone, 0));
        phone.stop().await;
        let phone = fronts[own].phone(number, |_| ()).await;
        phone.boot();
        cluster.becomes("PhoneConfig", &format!("phone-{number}"), is_in("InSync")).await;
        idle(&phone).await;
        for item in ["sntp-addr", "sip-pwd", "ringer-melody"] {
            assert_eq!(times_written(&phone, item), 1, "phone-{number} {item}: {:#?}", told(&phone, 0));
        }
        is_of(&cluster, number, ["north", "south"][own], &both).await;
        assert_eq!(phone.violations(), [""; 0]);
        phone.stop().await;
    }
    // the profile has phones of both, the sites of one each
    let is_whole = |profile: &Value| {
        let status = &profile["status"];
        (&status["phones"], &status["inSync"], &status["pending"]) == (&json!(5), &json!(3), &json!(2))
    };
    let profile_now = cluster.becomes("PhoneProfile", "fleet", is_whole).await;
    let shards = profile_now["status"]["shards"].as_array().unwrap();
    let of = |name: &str| shards.iter().find(|entry| entry["name"] == name).map(|entry| entry["phones"].clone());
    assert_eq!((of("north"), of("south")), (Some(json!(2)), Some(json!(3))), "{shards:#?}");
    for name in ["hall", "yard"] {
        cluster.becomes("PhoneSite", name, |site| site["status"]["phones"] == 2).await;
    }
    statuses_rest(&cluster, &both).await;
    // a change of what both share settles too
    profile(&cluster, "192.0.2.6").await;
    let taken = |profile: &Value| {
        let status = &profile["status"];
        let all = status["shards"].as_array().into_iter().flatten();
        all.clone().count() == 2
            && all.clone().all(|entry| entry["observedGeneration"] == 2)
            && status["observedGeneration"] == 2
    };
    cluster.becomes("PhoneProfile", "fleet", taken).await;
    statuses_rest(&cluster, &both).await;
    for replica in both {
        assert!(!replica.log().contains("planted"), "a secret in the log of {}", replica.pod);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_changes_hands_a_phone_over_with_its_memory_and_nothing_is_written_twice() {
    let (cluster, north, south) = two_regions().await;
    let both = [&north, &south];
    phone_at(&cluster, 0, Some("hall")).await;
    cluster.becomes("PhoneConfig", "phone-0", is_in("Unknown")).await;
    // one address for both, which leads where it is told
    let front = Front::start(&cluster, &[&north]).await;
    let phone = front.phone(0, |_| ()).await;
    phone.boot();
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    idle(&phone).await;
    let writes = phone.writes();
    is_of(&cluster, 0, "north", &both).await;

    let ended = phone.counts().ended;
    site(&cluster, "hall", "south").await;
    front.lead_to(&south);
    is_of(&cluster, 0, "south", &both).await;
    is_of(&cluster, 9, "south", &both).await;
    // it is asked to call by the one that serves it now, and read
    let is_settled = |status: &Value| status["status"]["state"] == "InSync";
    phone
        .wait_for(move |view| view.counts().ended > ended && view.is_idle(), 2 * LONG)
        .await
        .unwrap_or_else(|_| panic!("{}", south.log()));
    cluster.becomes("PhoneConfig", "phone-0", is_settled).await;
    assert_eq!(phone.writes(), writes, "nothing is written because it moved: {:#?}", told(&phone, 0));
    for item in ["sntp-addr", "sip-pwd", "ringer-melody"] {
        assert_eq!(times_written(&phone, item), 1, "{item}: {:#?}", told(&phone, 0));
    }
    let record = cluster.get("PhoneRecord", "001ae8000001").await;
    assert!(record["spec"]["releasedBy"].is_null() && record["spec"]["shard"] == "south", "{record:#}");
    assert!(record["spec"]["record"]["seeding"].to_string().contains("ringer-melody"), "{record:#}");
    cluster.becomes("PhoneSite", "hall", |site| site["status"]["phones"] == 2).await;
    cluster
        .becomes("PhoneProfile", "fleet", |profile| {
            let shards = profile["status"]["shards"].as_array().into_iter().flatten();
            shards.map(|entry| &entry["name"]).eq([&json!("south")]) && profile["status"]["phones"] == 3
        })
        .await;
    statuses_rest(&cluster, &both).await;
    // and what is new is written by the one that has it
    profile(&cluster, "192.0.2.6").await;
    until(|| has(&phone, "sntp-addr") == "192.0.2.6", || south.log()).await;
    idle(&phone).await;
    assert_eq!((times_written(&phone, "sntp-addr"), times_written(&phone, "sip-pwd")), (2, 1));
    assert_eq!(phone.violations(), [""; 0]);
    phone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_that_overlap_never_have_one_phone_written_by_two() {
    let cluster = Cluster::start().await;
    cluster.grant_shards(&["north", "south"]).await;
    site(&cluster, "hall", "north").await;
    let spec = |server: &str| json!({"phone": {"mac": mac(0)}, "site": "hall", "policy": {"mode": "Enforce"}, "items": {"sntp-addr": server}});
    cluster.apply("PhoneConfig", "phone-0", &spec("192.0.2.5")).await;
    let first = Replica::start(&cluster, "north-0", &["--shard", "north", "--site-selector", "region=north"]).await;
    active(&[&first], 1).await;
    is_of(&cluster, 0, "north", &[&first]).await;
    let second =
        Replica::start(&cluster, "south-0", &["--shard", "south", "--site-selector", "region in (north, south)"]).await;
    active(&[&second], 1).await;
    let both = [&first, &second];
    let told_so = || second.log().contains("is that of shard north, which serves the phone");
    until(told_so, || second.log()).await;
    let metric = async || {
        let answer = crate::service_stage::api_as(second.status, "GET /metrics", None).await;
        answer.body.lines().any(|line| line == "phoneops_foreign_phones 1")
    };
    let deadline = tokio::time::Instant::now() + LONG;
    while !metric().await {
        assert!(tokio::time::Instant::now() < deadline, "{}", second.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let fronts = [Front::start(&cluster, &[&first]).await, Front::start(&cluster, &[&second]).await];
    let phone = fronts[1].phone(0, |_| ()).await;
    phone.boot();
    phone.wait_for(|view| view.counts().ended >= 1 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(phone.writes(), 0, "{:#?}", told(&phone, 0));
    phone.stop().await;
    let phone = fronts[0].phone(0, |_| ()).await;
    phone.boot();
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    cluster.apply("PhoneConfig", "phone-0", &spec("192.0.2.6")).await;
    until(|| has(&phone, "sntp-addr") == "192.0.2.6", || first.log()).await;
    idle(&phone).await;
    assert_eq!((times_written(&phone, "sntp-addr"), shard_of(&cluster, 0).await.as_deref()), (2, Some("north")));
    statuses_rest(&cluster, &both).await;
    phone.stop().await;
}
