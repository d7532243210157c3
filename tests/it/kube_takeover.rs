//! One process of a release is active, and when it goes another one takes over with nothing forgotten.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use phoneops::sim::{Fault, PhoneView, SimPhone};
use serde_json::{Value, json};
use smol_str::SmolStr;
use tokio::time::sleep;

use crate::{
    kube_replicas::{Front, Replica, active},
    kube_server::Cluster,
    service_stage::{LONG, has, id, idle, mac, text, times_written, told, until},
};

fn is_in(state: &str) -> impl Fn(&Value) -> bool {
    move |resource| {
        let status = &resource["status"];
        status["state"] == state && status["observedGeneration"] == resource["metadata"]["generation"]
    }
}

async fn profile(cluster: &Cluster, time: &str) {
    let spec = json!({
        "policy": {"mode": "Enforce", "interval": "30d"}, "seed": {"ringer-melody": 3},
        "items": {"sntp-addr": time, "date-format": 1, "sip-pwd": {"secret": {"name": "sip", "key": "password"}}},
    });
    cluster.apply("PhoneProfile", "fleet", &spec).await;
}

async fn config(cluster: &Cluster, number: u32) {
    let spec = json!({"phone": {"mac": mac(number)}, "profiles": ["fleet"]});
    cluster.apply("PhoneConfig", &format!("phone-{number}"), &spec).await;
}

async fn set_up(replicas: usize) -> (Cluster, Vec<Replica>) {
    let cluster = Cluster::start().await;
    cluster.secret("sip", &[("phoneops.dev/phone-secret", "true")], &[("password", "planted-one")]).await;
    profile(&cluster, "192.0.2.5").await;
    config(&cluster, 9).await;
    let mut all = Vec::new();
    for number in 0..replicas {
        all.push(Replica::start(&cluster, &format!("phoneops-{number}"), &[]).await);
    }
    (cluster, all)
}

async fn is_asked_to_write(phone: &SimPhone, item: &'static str, times: usize) {
    let wish = move |view: &PhoneView| {
        let has_item = |written: &[phoneops::wpi::ItemId]| written.iter().any(|id| id.name.as_str() == item);
        view.exchanges().filter(|exchange| has_item(exchange.written())).count() == times
    };
    phone.wait_for(wish, LONG).await.unwrap();
}

/// A new phone, one in mid-session, one that refuses an item; the active process goes, another one takes over.
async fn taken_over(count: usize, end: fn(&mut Replica)) {
    let (cluster, mut replicas) = set_up(count).await;
    let first = active(&replicas.iter().collect::<Vec<_>>(), 1).await;
    let front = Front::start(&cluster, &replicas.iter().collect::<Vec<_>>()).await;
    cluster.becomes("PhoneConfig", "phone-9", is_in("Unknown")).await;
    // they come with a revision that is seen to arrive, so that secret and seed are written
    let mut phones = Vec::new();
    for number in 0..3 {
        config(&cluster, number).await;
    }
    for number in 0..3 {
        cluster.becomes("PhoneConfig", &format!("phone-{number}"), is_in("Unknown")).await;
        let refuses = |settings: &mut phoneops::sim::SimSettings| {
            if number == 2 {
                let (item, word) = (SmolStr::new("date-format"), SmolStr::new("readOnly"));
                settings.faults = vec![Fault::WriteStatus(item, word)];
            }
        };
        let phone = front.phone(number, refuses).await;
        phone.boot();
        phones.push(phone);
    }
    cluster.becomes("PhoneConfig", "phone-0", is_in("InSync")).await;
    cluster.becomes("PhoneConfig", "phone-1", is_in("InSync")).await;
    cluster.becomes("PhoneConfig", "phone-2", is_in("Degraded")).await;
    for phone in &phones {
        idle(phone).await;
        assert_eq!(times_written(phone, "sip-pwd"), 1, "{:#?}", told(phone, 0));
        assert_eq!(times_written(phone, "ringer-melody"), 1, "{:#?}", told(phone, 0));
    }
    let refusals = times_written(&phones[2], "date-format");

    phones[1].set_fault(Fault::SlowReply(1));
    profile(&cluster, "192.0.2.6").await;
    is_asked_to_write(&phones[1], "sntp-addr", 2).await;
    let begun = Instant::now();
    end(&mut replicas[first]);
    let second = active(&replicas.iter().collect::<Vec<_>>(), 2).await;
    println!("taken over by {} of {count} after {:.1} s", replicas[second].pod, begun.elapsed().as_secs_f64());
    assert_ne!(first, second);
    phones[1].clear_fault("slow-reply");
    for (number, phone) in phones.iter().enumerate() {
        let log = || format!("phone-{number}: {:#?}\n{}", told(phone, 0), replicas[second].log());
        until(|| has(phone, "sntp-addr") == "192.0.2.6", log).await;
    }
    // a phone that is asked to call in mid-session does not, and is asked again minutes later: it calls by itself here
    idle(&phones[1]).await;
    phones[1].restart();
    for (number, state) in ["InSync", "InSync", "Degraded"].into_iter().enumerate() {
        cluster.becomes("PhoneConfig", &format!("phone-{number}"), is_in(state)).await;
    }
    for phone in &phones {
        idle(phone).await;
        assert_eq!(times_written(phone, "sip-pwd"), 1, "no secret again: {:#?}", told(phone, 0));
        assert_eq!(times_written(phone, "ringer-melody"), 1, "no seed again: {:#?}", told(phone, 0));
        assert_eq!(times_written(phone, "sntp-addr"), 2, "once for each value: {:#?}", told(phone, 0));
        assert_eq!(phone.violations(), [""; 0]);
    }
    assert_eq!(times_written(&phones[2], "date-format"), refusals, "what was refused is not tried again");

    // the one that went comes back and waits
    replicas[first].run(&cluster, &[]);
    let held = replicas[first].times_active();
    let answer = |path: &str| {
        let (address, path) = (replicas[first].status, format!("GET {path}"));
        async move { crate::service_stage::api_as(address, &path, None).await }
    };
    let deadline = tokio::time::Instant::now() + LONG;
    while std::net::TcpStream::connect(replicas[first].status).is_err() {
        assert!(tokio::time::Instant::now() < deadline, "{}", replicas[first].log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(answer("/readyz").await.body, "standby\n");
    let elsewhere = answer("/api/v1/phones").await;
    let pod = &replicas[second].pod;
    let names_it = |body: &str| body.contains("waits for the lease") && (body.contains(pod) || body.contains("nobody"));
    assert!(elsewhere.status == 503 && names_it(&elsewhere.body), "{elsewhere:?}");
    assert_eq!(replicas[first].times_active(), held);
    for replica in &replicas {
        assert!(!replica.log().contains("planted"), "a secret in the log of {}", replica.pod);
    }
    for phone in phones {
        phone.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_the_active_one_ends_in_order_in_mid_session_and_the_other_one_goes_on_with_nothing_forgotten() {
    taken_over(2, Replica::terminate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_the_active_one_is_killed_in_mid_session_and_the_other_one_goes_on_with_nothing_forgotten() {
    taken_over(2, Replica::kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_the_active_one_ends_in_order_in_mid_session_and_another_one_goes_on_with_nothing_forgotten() {
    taken_over(3, Replica::terminate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_the_active_one_is_killed_in_mid_session_and_another_one_goes_on_with_nothing_forgotten() {
    taken_over(3, Replica::kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_halted_until_another_one_took_over_writes_nothing_and_waits_again() {
    let (cluster, replicas) = set_up(2).await;
    let both: Vec<&Replica> = replicas.iter().collect();
    let first = active(&both, 1).await;
    let front = Front::start(&cluster, &both).await;
    let phone = front.phone(9, |_| ()).await;
    phone.boot();
    cluster.becomes("PhoneConfig", "phone-9", is_in("InSync")).await;
    idle(&phone).await;
    let writes = phone.writes();
    replicas[first].signal("-STOP");
    let second = active(&both, 2).await;
    // the halted one may be ready all the same
    let labelled = async || {
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let of_active = ListParams::default().labels("phoneops.dev/active=true");
        let list = pods.list(&of_active).await.unwrap().items;
        list.into_iter().filter_map(|pod| pod.metadata.name).collect::<Vec<_>>()
    };
    let deadline = Instant::now() + LONG;
    while labelled().await != [replicas[second].pod.clone()] {
        assert!(Instant::now() < deadline, "{:?}", labelled().await);
        sleep(Duration::from_millis(50)).await;
    }
    profile(&cluster, "192.0.2.6").await;
    until(|| has(&phone, "sntp-addr") == "192.0.2.6", || replicas[second].log()).await;
    cluster.becomes("PhoneConfig", "phone-9", is_in("InSync")).await;
    idle(&phone).await;
    let (contacts, flows) = (phone.contacts_received(), phone.counts().flows);
    replicas[first].signal("-CONT");
    let gave_up = || replicas[first].log().contains("another process has the lease; this one waits again");
    until(gave_up, || replicas[first].log()).await;
    assert_eq!((phone.contacts_received(), phone.counts().flows), (contacts, flows), "nobody was asked to call");
    assert_eq!(phone.writes(), writes + 1, "{:#?}", told(&phone, 0));
    phone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_of_phones_at_rest_leaves_each_status_as_it_is() {
    // promise 6: the next process knows no observation, and reads; what the one before said stands meanwhile
    let (cluster, mut replicas) = set_up(2).await;
    let first = active(&replicas.iter().collect::<Vec<_>>(), 1).await;
    let front = Front::start(&cluster, &replicas.iter().collect::<Vec<_>>()).await;
    let phone = front.phone(9, |_| ()).await;
    phone.boot();
    cluster.becomes("PhoneConfig", "phone-9", is_in("InSync")).await;
    idle(&phone).await;
    let is_ready = |profile: &Value| profile["status"]["inSync"] == 1;
    cluster.becomes("PhoneProfile", "fleet", is_ready).await;
    let versions = async || {
        let of = async |kind, name| cluster.get(kind, name).await["metadata"]["resourceVersion"].clone();
        [of("PhoneConfig", "phone-9").await, of("PhoneProfile", "fleet").await]
    };
    let (before, flows) = (versions().await, phone.counts().ended);
    phone.set_fault(Fault::ContactSwallowed);
    Replica::terminate(&mut replicas[first]);
    let second = active(&replicas.iter().collect::<Vec<_>>(), 2).await;
    let becomes = async |state: &str| {
        let deadline = Instant::now() + LONG;
        let of_phone = || crate::service_stage::api_as(replicas[second].status, "GET /api/v1/phones/phone-9", None);
        while !matches!(of_phone().await, answer if answer.status == 200 && answer.json()["state"] == state) {
            assert!(Instant::now() < deadline, "never {state}: {}", replicas[second].log());
            sleep(Duration::from_millis(50)).await;
        }
        // a look of the status writer, and one more
        sleep(Duration::from_millis(2_500)).await;
    };
    becomes("Unknown").await;
    assert_eq!(versions().await, before, "{:#}", cluster.get("PhoneConfig", "phone-9").await);
    phone.clear_fault("contact-swallowed");
    phone.restart();
    phone.wait_for(move |view| view.counts().ended > flows && view.is_idle(), LONG).await.unwrap();
    becomes("InSync").await;
    assert_eq!(versions().await, before, "{:#}", cluster.get("PhoneConfig", "phone-9").await);
    phone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_api_server_is_away_the_active_one_answers_and_reads_and_neither_writes_nor_asks() {
    let (mut cluster, replicas) = set_up(1).await;
    let both: Vec<&Replica> = replicas.iter().collect();
    active(&both, 1).await;
    let front = Front::start(&cluster, &both).await;
    let phone = front.phone(9, |_| ()).await;
    phone.boot();
    cluster.becomes("PhoneConfig", "phone-9", is_in("InSync")).await;
    idle(&phone).await;
    let writes = phone.writes();
    // the Service goes on leading to the pod: what it knows does not go with the API server
    front.hold();
    cluster.stop_api();
    let over = || replicas[0].log().contains("the lease cannot be renewed");
    until(over, || replicas[0].log()).await;
    let contacts = phone.contacts_received();
    phone.local_change(id("sntp-addr"), text("192.0.2.9"));
    let flows = phone.counts().ended;
    phone.restart();
    phone.wait_for(move |view| view.counts().ended > flows && view.is_idle(), LONG).await.unwrap();
    assert_eq!((has(&phone, "sntp-addr").as_str(), phone.writes()), ("192.0.2.9", writes), "{:#?}", told(&phone, 0));
    assert_eq!(phone.contacts_received(), contacts, "nobody is asked to call");
    cluster.start_api().await;
    until(|| has(&phone, "sntp-addr") == "192.0.2.5", || replicas[0].log()).await;
    cluster.becomes("PhoneConfig", "phone-9", is_in("InSync")).await;
    assert_eq!(replicas[0].times_active(), 1, "it had the lease all the time");
    phone.stop().await;
}

/// What the cluster keeps of a phone.
async fn record(cluster: &Cluster, number: u32) -> Value {
    let resource = cluster.get("PhoneRecord", &mac(number).replace(':', "").to_lowercase()).await;
    resource["spec"]["record"].clone()
}

/// The record of a phone whose last write is proven, and nothing of it is open.
async fn settles(cluster: &Cluster, number: u32) {
    let name = mac(number).replace(':', "").to_lowercase();
    let is_settled = |resource: &Value| {
        let record = &resource["spec"]["record"];
        record["inFlight"].is_null() && record["unverified"].is_null() && record["lastWrite"].is_string()
    };
    cluster.becomes("PhoneRecord", &name, is_settled).await;
}

/// One process, and phone 9, which was asked to write `sntp-addr` and takes its time to reply; the write is recorded.
/// Where it led last, the Service leads on: what it knows does not go with the API server.
async fn asked_to_write(cluster: &Cluster, replica: &Replica) -> (Front, SimPhone) {
    active(&[replica], 1).await;
    let front = Front::start(cluster, &[replica]).await;
    let phone = front.phone(9, |_| ()).await;
    phone.boot();
    cluster.becomes("PhoneConfig", "phone-9", is_in("InSync")).await;
    settles(cluster, 9).await;
    idle(&phone).await;
    phone.set_fault(Fault::SlowReply(3));
    profile(cluster, "192.0.2.6").await;
    is_asked_to_write(&phone, "sntp-addr", 2).await;
    let in_flight = record(cluster, 9).await["inFlight"]["items"].clone();
    assert!(in_flight.to_string().contains("sntp-addr"), "recorded before it was sent: {in_flight}");
    front.hold();
    (front, phone)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_between_a_write_and_its_reply_costs_nothing_and_other_phones_are_served() {
    let (mut cluster, replicas) = set_up(1).await;
    let replica = &replicas[0];
    let own = json!({"phone": {"mac": mac(8)}, "policy": {"mode": "Enforce"}, "items": {"sntp-addr": "192.0.2.5"}});
    cluster.apply("PhoneConfig", "phone-8", &own).await;
    active(&[replica], 1).await;
    let (front, phone) = asked_to_write(&cluster, replica).await;
    let ended = phone.counts().ended;
    cluster.stop_api();
    // its reply comes while nothing can be kept: it is taken and read back
    phone.clear_fault("slow-reply");
    phone.wait_for(move |view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    let actions = told(&phone, 0);
    assert!(actions.last().is_some_and(|flow| flow.ends_with("WriteItems ReadItems CleanUp")), "{actions:#?}");
    // one that calls meanwhile is answered and read, and not written
    let other = front.phone(8, |_| ()).await;
    other.boot();
    other.wait_for(|view| view.counts().ended > 0 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(other.writes(), 0, "{:#?}", told(&other, 0));
    cluster.start_api().await;
    settles(&cluster, 9).await;
    cluster.becomes("PhoneConfig", "phone-9", is_in("InSync")).await;
    until(|| has(&other, "sntp-addr") == "192.0.2.5", || replica.log()).await;
    cluster.becomes("PhoneConfig", "phone-8", is_in("InSync")).await;
    settles(&cluster, 8).await;
    for (phone, times) in [(phone, 2), (other, 1)] {
        idle(&phone).await;
        assert_eq!(times_written(&phone, "sntp-addr"), times, "once for each value: {:#?}", told(&phone, 0));
        assert_eq!(times_written(&phone, "sip-pwd"), 0, "no secret: {:#?}", told(&phone, 0));
        assert_eq!(phone.violations(), [""; 0]);
        phone.stop().await;
    }
    assert_eq!(replica.times_active(), 1, "it had the lease all the time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_while_the_api_server_is_away_leaves_its_write_in_flight_and_the_next_one_reads_first() {
    let (mut cluster, mut replicas) = set_up(1).await;
    let (_front, phone) = asked_to_write(&cluster, &replicas[0]).await;
    cluster.stop_api();
    replicas[0].kill();
    phone.clear_fault("slow-reply");
    // its reply finds nobody
    idle(&phone).await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.6", "it has what it was asked to write");
    cluster.start_api().await;
    let kept = record(&cluster, 9).await;
    assert!(kept["inFlight"]["items"].to_string().contains("sntp-addr"), "as it was recorded: {kept:#}");
    replicas[0].run(&cluster, &[]);
    active(&[&replicas[0]], 2).await;
    let seen = phone.transcript().len();
    phone.restart();
    settles(&cluster, 9).await;
    cluster.becomes("PhoneConfig", "phone-9", is_in("InSync")).await;
    idle(&phone).await;
    let since = told(&phone, seen);
    assert!(since.first().is_some_and(|flow| flow.ends_with(": ReadItems CleanUp")), "resolved by reading: {since:#?}");
    assert_eq!(times_written(&phone, "sntp-addr"), 2, "once for each value: {:#?}", told(&phone, 0));
    assert_eq!(times_written(&phone, "sip-pwd"), 0, "no secret: {:#?}", told(&phone, 0));
    assert_eq!(phone.violations(), [""; 0]);
    phone.stop().await;
}
