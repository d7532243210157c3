//! The fault menu against the running service: statuses, items and parts of replies (F-12 to F-21).

use std::time::Duration;

use phoneops::{
    fleet::words::{DegradedReason, PendingReason, State},
    sim::{Fault, Model},
    wpi::Item,
};

use crate::service_stage::{LONG, Stage, configs, has, id, idle, profile, told};

const WANTED: &str = "sntp-addr: 192.0.2.123, sip-name: Reception";
const WRITTEN: &str = "start-up: ReadItems WriteItems ReadItems CleanUp";

fn enforced(items: &str) -> String {
    profile("Enforce", items) + "---\n" + &configs(0..1)
}

#[tokio::test]
async fn a_phone_that_is_busy_again_and_again_is_written_in_the_end() {
    // F-12, R-711, R-713, R-715: it is in no call, so each wish brings it back at once
    let wait = Duration::from_millis(150);
    let stage = Stage::set(&enforced(WANTED), |settings| settings.fleet.call_wait = wait).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    phone.set_fault(Fault::BusyTimes(6));
    stage.change("all.yaml", &enforced("sntp-addr: 192.0.2.200")).await;
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(0, State::InSync).await;
    let flows = told(&phone, 4);
    assert_eq!(flows.len(), 7, "{flows:?}");
    let wishes = flows.iter().filter(|flow| flow.ends_with("+wish")).count();
    assert!((1..6).contains(&wishes), "not for ever in a circle: {flows:?}");
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.200");
    stage.end().await;
}

#[tokio::test]
async fn a_phone_that_fails_every_action_is_never_written() {
    // F-13, R-515, R-901
    let stage = Stage::with(&enforced(WANTED)).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::ActionFailed];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.wait_for(|view| view.counts().ended >= 2, LONG).await.unwrap();
    assert!(told(&phone, 0).iter().all(|flow| flow.ends_with(": ReadItems CleanUp")), "{:?}", told(&phone, 0));
    stage.pending(0, PendingReason::Queued).await;
    assert_eq!(stage.view(0).last_proof, None);
    phone.clear_fault("action-failed");
    stage.reaches(0, State::InSync).await;
    assert_eq!(phone.writes(), 1);
    stage.end().await;
}

/// The words of R-517, and one that nobody knows (F-15), each for an item of its own.
const REFUSALS: [(&str, &str, &str); 11] = [
    ("sntp-addr", "192.0.2.123", "failed"),
    ("sip-name", "Reception", "unknown item"),
    ("blf-code", "\"*8\"", "read only"),
    ("language-iso", "de", "invalid index"),
    ("country-iso", "DE", "unexpected item"),
    ("reg-ttl", "1800", "not supported"),
    ("sntp-tz-offset", "60", "invalid data"),
    ("sip-user-id", "reception", "undefined status"),
    ("realm", "pbx.example", "missing item content"),
    ("pickup-group-uri", "\"*7\"", "not implemented"),
    ("snmp-trap-addr", "192.0.2.7", "Kaffeepause"),
];

#[tokio::test]
async fn every_word_of_refusal_is_kept_and_the_rest_is_written() {
    // F-14, F-15, R-516, R-517, R-901
    let each = |(name, value, _): &(&str, &str, &str)| format!("{name}: {value}");
    let items = REFUSALS.iter().map(each).collect::<Vec<_>>().join(", ") + ", display-id-unicode: Room 12";
    let stage = Stage::with(&enforced(&items)).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    let fault = |(name, _, word): &(&str, &str, &str)| format!("write-status:{name}={word}").parse().unwrap();
    settings.faults = REFUSALS.iter().map(fault).collect();
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(0, State::Degraded).await;
    idle(&phone).await;
    let view = stage.view(0);
    assert_eq!(view.degraded, [DegradedReason::Refused]);
    let mut refused: Vec<_> = view.refused.iter().map(|one| (one.item.as_str(), one.status.as_str())).collect();
    refused.sort_unstable();
    let mut expected: Vec<_> = REFUSALS.iter().map(|(name, _, word)| (*name, *word)).collect();
    expected.sort_unstable();
    assert_eq!(refused, expected, "the phone's own words");
    assert_eq!((has(&phone, "display-id-unicode").as_str(), has(&phone, "realm").as_str()), ("Room 12", ""));
    // asked again, it is not told the same again
    let (before, ended) = (phone.transcript().len(), phone.counts().ended);
    stage.ask_to_call(0).await;
    phone.wait_for(|view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    assert_eq!(told(&phone, before), ["solicited: ReadItems CleanUp"]);
    stage.end().await;
}

#[tokio::test]
async fn strange_items_in_a_reply_are_no_drift_and_never_written() {
    // F-16 to F-18, R-506, R-507, R-804
    let stage = Stage::with(&enforced("sntp-addr: 192.0.2.123, ldap-server-port: 389")).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::UnknownItem, Fault::DuplicateItem, Fault::IndexZeroAndNone];
    settings.items = vec![Item::plain(id("ldap-server-port"), "389")];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 0), [WRITTEN]);
    let written: Vec<_> = phone.transcript().iter().flat_map(|exchange| exchange.written().to_vec()).collect();
    assert_eq!(written, [id("sntp-addr")], "the last of two values counts, and index 0 is another item");
    assert_eq!(stage.view(0).drift_count, 0);
    stage.end().await;
}

#[tokio::test]
async fn a_reply_cut_off_between_its_parts_is_no_ground_to_write_on() {
    // F-21, R-215, R-803: only a whole reply counts
    let quick = Duration::from_millis(150);
    let stage = Stage::set(&enforced(WANTED), |settings| settings.fleet.flow_idle = quick).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.fragment_items = Some(1);
    settings.faults = vec![Fault::FragmentCut];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.wait_for(|view| view.counts().flows >= 3, LONG).await.unwrap();
    assert!(told(&phone, 0).iter().all(|flow| flow.ends_with(": ReadItems GetNextFragment")), "{:?}", told(&phone, 0));
    let view = stage.view(0);
    assert!(matches!(view.state, State::Pending | State::Reconciling), "{view:?}");
    assert_eq!((view.last_proof, view.drift_count, phone.writes()), (None, 0, 0), "nothing is known of it");
    phone.clear_fault("fragment-cut");
    stage.reaches(0, State::InSync).await;
    assert_eq!(phone.writes(), 1);
    stage.end().await;
}
