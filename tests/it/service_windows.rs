//! Windows, pauses and shares of sites, over real sockets and on the real clock. A window is as coarse as a minute, so
//! the schedules are made around the time of the test: one that is open all along, and one that is not.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use phoneops::{
    fleet::words::{PendingReason, State},
    sim::{Model, SimPhone},
};

use crate::service_stage::{LONG, Stage, config, configs, has, idle, profile, times_written, told};

const ITEMS: &str = "sntp-addr: 192.0.2.123, sntp-tz-offset: 60";

/// The fleet with this policy beside mode Enforce.
fn fleet(policy: &str, items: &str) -> String {
    profile(&format!("Enforce, {policy}"), items) + "---\n" + &config(0, "")
}

/// A window of an hour each day that opens so many minutes from now.
fn opens_in(minutes: i64) -> String {
    let at = Timestamp::now().checked_add(minutes.minutes()).unwrap().strftime("%-M %-H * * *").to_string();
    format!("windows: [{{schedule: \"{at}\", duration: 1h, timeZone: UTC}}]")
}

fn open() -> String {
    opens_in(-30)
}

fn closed() -> String {
    opens_in(30)
}

#[tokio::test]
async fn outside_its_window_a_phone_is_read_and_a_change_of_the_window_lets_the_write_out() {
    let stage = Stage::with(&fleet(&closed(), ITEMS)).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    stage.pending(0, PendingReason::WindowClosed).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 0), ["start-up: ReadItems CleanUp"]);

    let shown = stage.api("GET /api/v1/phones/phone-0").await.json();
    assert_eq!((&shown["state"], &shown["pending"]["reason"]), (&"Pending".into(), &"WindowClosed".into()));
    let next: Timestamp = shown["pending"]["next"].as_str().unwrap().parse().unwrap();
    let wait = next.duration_since(Timestamp::now()).as_mins();
    assert!((28..=30).contains(&wait), "it opens in {wait} minutes");
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.contains("phoneops_pending_phones{reason=\"WindowClosed\"} 1\n"), "{metrics}");

    stage.ask_to_call(0).await;
    phone.wait_for(|view| view.counts().ended >= 2, LONG).await.unwrap();
    assert_eq!(told(&phone, 0)[1], "solicited: ReadItems CleanUp", "a person may look");

    let before = phone.contacts_received();
    stage.change("all.yaml", &fleet(&open(), ITEMS)).await;
    stage.reaches(0, State::InSync).await;
    assert!(phone.contacts_received() > before, "the opening is a trigger");
    assert_eq!(times_written(&phone, "sntp-addr"), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_call_that_ends_outside_the_window_gets_a_plain_clean_up() {
    let stage = Stage::with(&fleet(&open(), ITEMS)).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    phone.start_call();
    stage.change("all.yaml", &fleet(&open(), &ITEMS.replace("192.0.2.123", "192.0.2.124"))).await;
    stage.pending(0, PendingReason::InCall).await;
    idle(&phone).await;
    stage.change("all.yaml", &fleet(&closed(), &ITEMS.replace("192.0.2.123", "192.0.2.124"))).await;
    stage.pending(0, PendingReason::WindowClosed).await;
    let (before, ended) = (told(&phone, 0).len(), phone.look(|view| view.counts().ended));
    phone.end_call();
    phone.wait_for(|view| view.counts().ended > ended, LONG).await.unwrap();
    assert_eq!(told(&phone, 0)[before..], ["solicited: CleanUp"], "R-714");
    assert_eq!((has(&phone, "sntp-addr"), times_written(&phone, "sntp-addr")), ("192.0.2.123".to_owned(), 2));

    stage.change("all.yaml", &fleet(&open(), &ITEMS.replace("192.0.2.123", "192.0.2.124"))).await;
    stage.reaches(0, State::InSync).await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.124");
    stage.end().await;
}

#[tokio::test]
async fn the_end_of_a_pause_lets_the_write_out_by_itself() {
    let end = Timestamp::now().checked_add(1500.milliseconds()).unwrap();
    let stage = Stage::with(&fleet(&format!("pause: {{until: \"{end}\", reason: fair, by: ada}}"), ITEMS)).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    stage.pending(0, PendingReason::Paused).await;
    assert_eq!(stage.view(0).pending.unwrap().next, Some(end));
    stage.reaches(0, State::InSync).await;
    assert!(Timestamp::now() >= end, "not before");
    assert_eq!(told(&phone, 0)[0], "start-up: ReadItems CleanUp", "no write before the end");
    assert_eq!(times_written(&phone, "sntp-addr"), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_pause_without_an_end_is_lifted_by_a_commit() {
    let stage = Stage::with(&fleet("pause: {reason: fair, by: ada}", ITEMS)).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    stage.pending(0, PendingReason::Paused).await;
    idle(&phone).await;
    assert_eq!(phone.contacts_received(), 0);
    stage.change("all.yaml", &fleet("interval: 24h", ITEMS)).await;
    stage.reaches(0, State::InSync).await;
    stage.end().await;
}

#[tokio::test]
async fn a_site_with_more_phones_than_sessions_is_served_in_turn_and_the_metrics_say_so() {
    let items = "sntp-addr: 192.0.2.123";
    let documents = profile("Enforce", items) + "---\n" + &configs(0..8);
    let stage = Stage::set(&documents, |settings| {
        settings.fleet.site_flows = 1;
        settings.fleet.overload_rest = Duration::from_millis(100);
    })
    .await;
    let mut phones = Vec::new();
    for number in 0..8 {
        phones.push(stage.phone(number, Model::OpenStage40V3R5).await);
    }
    phones.iter().for_each(SimPhone::boot);
    for number in 0..8 {
        stage.reaches(number, State::InSync).await;
    }
    let overload = phones.iter().flat_map(SimPhone::transcript);
    let overload = overload.filter(|exchange| exchange.cleanup_reason() == Some("overload"));
    let counted = stage.running().shared().with_fleet(|fleet, _| fleet.counters().site_overload);
    assert_eq!(overload.count() as u64, counted, "R-904: told and counted");
    assert!(counted >= 1, "eight at once do not fit");
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.contains(&format!("bound=\"site-overload\"}} {counted}\n")), "{metrics}");
    stage.end().await;
}
