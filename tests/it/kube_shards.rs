//! Several releases in one cluster, each with namespaces of its own, and one release with several namespaces.

use serde_json::{Value, json};

use crate::{
    kube_replicas::{Front, Replica, active},
    kube_server::Cluster,
    service_stage::{LONG, has, idle, mac, until},
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
