//! Items that can make phones vanish, and restarts, with simulated phones that do vanish and restart.

use std::time::Duration;

use phoneops::{
    fleet::words::{PendingReason, State},
    sim::{Fault, Model},
};

use crate::service_stage::{Stage, config, configs, has, idle, profile, times_written, told, until};

const LOCKOUT: &str = "Enforce, lockoutItems: Allow";

fn documents(policy: &str, items: &str, phones: u32) -> String {
    profile(policy, items) + "---\n" + &configs(0..phones)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_vanishes_stops_its_site_until_it_is_heard_of_again() {
    let before = documents(LOCKOUT, "sntp-addr: 192.0.2.5", 5);
    let change = |settings: &mut phoneops::service::ServiceSettings| {
        settings.fleet.lockout_wait = Duration::from_millis(300);
    };
    let stage = Stage::set(&before, change).await;
    let mut phones = Vec::new();
    for number in 0..5 {
        let phone = stage.phone_in(number, Model::OpenStage40V3R5, State::InSync).await;
        phone.set_fault(Fault::SilentAfter("vlan-id".into()));
        phones.push(phone);
    }
    stage.change("all.yaml", &documents(LOCKOUT, "sntp-addr: 192.0.2.6, vlan-id: 7", 5)).await;
    let stopped = || stage.running().shared().with_fleet(|fleet, now| fleet.census(now).stopped_ladders);
    until(|| stopped() == 1, || "the site never stopped".to_owned()).await;
    for phone in &phones {
        until(|| has(phone, "sntp-addr") == "192.0.2.6", || format!("{:#?}", told(phone, 0))).await;
    }
    let written: Vec<usize> = (0..5).filter(|number| times_written(&phones[*number], "vlan-id") > 0).collect();
    let [lost] = written[..] else { panic!("{written:?} were written to") };
    let other = u32::try_from((lost + 1) % 5).unwrap();
    stage.pending(other, PendingReason::Turn).await;
    let answer = stage.api(&format!("GET /api/v1/phones/phone-{other}")).await.json();
    let note = answer["notes"][0].as_str().unwrap().to_owned();
    assert!(note.contains(&format!("phone-{lost} (")) && note.contains("not heard of"), "{note}");
    assert!(stage.api("GET /metrics").await.body.contains("phoneops_lockout_stopped_sites 1"));

    for phone in &phones {
        phone.clear_fault("silent-after");
    }
    phones[lost].boot();
    for (number, phone) in (0..5).zip(&phones) {
        stage.reaches(number, State::InSync).await;
        assert_eq!(times_written(phone, "vlan-id"), 1, "{:#?}", told(phone, 0));
    }
    assert_eq!(stopped(), 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_restarts_for_what_it_took_is_heard_of_by_its_start() {
    let stage = Stage::with(&documents(LOCKOUT, "sntp-addr: 192.0.2.5, vlan-id: 7", 1)).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.set_fault(Fault::RestartAfter("vlan-id".into(), Some(20)));
    phone.boot();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    let flows = told(&phone, 0);
    assert_eq!(flows.iter().filter(|flow| flow.starts_with("start-up")).count(), 2, "{flows:#?}");
    assert_eq!(times_written(&phone, "vlan-id"), 1, "{flows:#?}");
    assert_eq!(stage.view(0).notes, [""; 0]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_restarts_a_phone_that_is_in_a_call_after_the_call() {
    let stage =
        Stage::with(&(profile("Enforce", "sntp-addr: 192.0.2.5, date-format: 0") + "---\n" + &config(0, ""))).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    phone.start_call();
    let from = phone.transcript().len();
    let answer = stage.api("POST /api/v1/phones/phone-0/restart").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    stage.pending(0, PendingReason::InCall).await;
    assert!(phone.in_call(), "the call goes on");
    let again = stage.api("POST /api/v1/phones/phone-0/restart").await;
    assert_eq!(again.json()["result"], "AlreadyUnderWay");
    phone.end_call();
    until(
        || told(&phone, from).iter().any(|flow| flow.starts_with("start-up")),
        || format!("{:#?}", told(&phone, from)),
    )
    .await;
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    let flows = told(&phone, from);
    let restarts = flows.iter().filter(|flow| flow.contains("Restart")).count();
    assert_eq!(restarts, 1, "{flows:#?}");
    assert_eq!(flows[0], "solicited: ReadItems WriteItems CleanUp+wish", "{flows:#?}");
    assert!(flows.contains(&"solicited: ReadItems WriteItems ReadItems Restart".to_owned()), "{flows:#?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_take_effect_with_a_restart_are_followed_by_one_where_that_is_allowed() {
    let stage = Stage::with(&documents("Enforce", "sntp-addr: 192.0.2.5", 1)).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let from = phone.transcript().len();
    stage.change("all.yaml", &documents("Enforce", "sntp-addr: 192.0.2.5, sip-transport-user: 1", 1)).await;
    stage.becomes(0, |view| view.notes == ["takes effect with a restart: sip-transport-user"]).await;
    idle(&phone).await;
    assert!(!told(&phone, from).iter().any(|flow| flow.contains("Restart")));
    stage
        .change("all.yaml", &documents("Enforce, restart: Allow", "sntp-addr: 192.0.2.5, sip-transport-user: 1", 1))
        .await;
    stage.becomes(0, |view| view.notes.is_empty() && view.state == State::InSync).await;
    let flows = told(&phone, from);
    assert_eq!(flows.iter().filter(|flow| flow.ends_with("Restart")).count(), 1, "{flows:#?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_mode_report_nobody_restarts_a_phone() {
    let stage = Stage::with(&documents("Report", "sntp-addr: 192.0.2.5, date-format: 0", 1)).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    stage.reaches(0, State::Drifted).await;
    let answer = stage.api("POST /api/v1/phones/phone-0/restart").await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (409, Some("cannot-be-restarted")),
        "{answer:?}"
    );
    idle(&phone).await;
    assert_eq!(told(&phone, 0), ["start-up: ReadItems CleanUp"]);
    stage.end().await;
}
