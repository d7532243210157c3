//! What counts as drift, what is remembered of it, and how often an item is put right.

use std::time::Duration;

use super::{
    history::loses_reply,
    stage::{ENFORCED, MAC, Phone, Stage, id},
};
use crate::{
    fleet::{
        retry::RetryAnswer,
        schedule::after,
        view::DriftView,
        words::{DegradedReason, State, TugOfWar},
    },
    wpi::Reason,
};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// A phone in sync with what is enforced.
fn proven(yaml: &str) -> (Stage, Phone) {
    let mut stage = Stage::with(yaml);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.history.clear();
    (stage, phone)
}

/// Somebody sets an item on the phone, and the phone says so.
fn change(stage: &mut Stage, phone: &mut Phone, item: &str, value: &str) {
    phone.values.insert(id(item), value.to_owned());
    phone.session(stage, Reason::LocalChanges);
}

/// Ten minutes pass, and the phone calls whenever it is asked to. What it is given to write.
fn called(stage: &mut Stage, phone: &mut Phone) -> Vec<Vec<String>> {
    lives(stage, phone, 10 * MINUTE)
}

/// The same for longer.
fn lives(stage: &mut Stage, phone: &mut Phone, time: Duration) -> Vec<Vec<String>> {
    let end = after(stage.now, time);
    let mut writes = Vec::new();
    while stage.now < end {
        stage.pass(MINUTE);
        for (device, ticket, _) in std::mem::take(&mut stage.contacts) {
            stage.fleet.contact_done(&device, ticket, true, stage.now);
            writes.extend(phone.session(stage, Reason::Solicited).writes());
        }
    }
    writes
}

fn drift(stage: &Stage, item: &str) -> Option<DriftView> {
    stage.view(MAC).drift.into_iter().find(|drift| drift.item == item)
}

#[test]
fn drift_tells_since_when_and_how_often_and_is_put_right_in_a_session_of_its_own() {
    let (mut stage, mut phone) = proven(ENFORCED);
    let first = stage.now;
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
    let seen = drift(&stage, "sntp-addr").unwrap();
    assert_eq!((seen.times, seen.observed.as_deref()), (1, Some("192.0.2.9")));
    assert!(seen.first_seen.unwrap() >= first, "when it was read");
    assert_eq!(called(&mut stage, &mut phone), [["sntp-addr"]], "R-705");
    assert_eq!(drift(&stage, "sntp-addr"), None);
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
    let again = drift(&stage, "sntp-addr").unwrap();
    assert_eq!((again.times, again.first_seen), (2, seen.first_seen));
    assert_eq!(drift(&stage.restarted(ENFORCED), "sntp-addr"), Some(again), "kept over a restart");
}

#[test]
fn what_the_documents_change_and_nobody_has_written_yet_was_not_seen_drifting() {
    let (mut stage, mut phone) = proven(ENFORCED);
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.124"));
    phone.in_call = true;
    phone.session(&mut stage, Reason::Solicited);
    let waits = drift(&stage, "sntp-addr").unwrap();
    assert_eq!((waits.times, waits.first_seen), (0, None));
    let unread = Stage::with(ENFORCED);
    assert!(unread.view(MAC).drift.is_empty(), "nor is what was never read");
}

#[test]
fn in_mode_report_all_that_differs_is_drift_from_the_first_read_on() {
    let report = ENFORCED.replace("Enforce", "Report");
    let mut stage = Stage::with(&report);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let seen = drift(&stage, "sntp-addr").unwrap();
    assert_eq!((seen.times, stage.view(MAC).state), (1, State::Drifted));
    stage.pass(DAY);
    phone.session(&mut stage, Reason::Solicited);
    let later = drift(&stage, "sntp-addr").unwrap();
    assert_eq!((later.times, later.first_seen), (1, seen.first_seen), "it went away once");
    stage.push(ENFORCED);
    assert_eq!(drift(&stage, "sntp-addr").unwrap().times, 0, "armed, it is a change that waits to be written");
}

#[test]
fn an_item_that_drifts_back_too_often_is_left_alone_and_the_others_are_put_right() {
    let (mut stage, mut phone) = proven(ENFORCED);
    for _ in 0..3 {
        change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
        assert_eq!(called(&mut stage, &mut phone), [["sntp-addr"]]);
    }
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
    assert!(called(&mut stage, &mut phone).is_empty(), "policy.selfHealLimit is 3");
    let view = stage.view(MAC);
    assert_eq!((view.state, view.degraded), (State::Degraded, vec![DegradedReason::TugOfWar]));
    assert_eq!(stage.fleet.census(stage.now).reasons, [((State::Degraded, "TugOfWar"), 1)].into());
    assert_eq!((view.tug_of_war[0].item.as_str(), view.tug_of_war[0].cause), ("sntp-addr", TugOfWar::Item));
    assert_eq!((view.proven, view.managed), (2, 3));
    change(&mut stage, &mut phone, "sntp-tz-offset", "0");
    assert_eq!(called(&mut stage, &mut phone), [["sntp-tz-offset"]], "its others go on");
    assert!(lives(&mut stage, &mut phone, 3 * DAY).is_empty());
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "nor later");

    let mut restarted = stage.restarted(ENFORCED);
    assert!(phone.session(&mut restarted, Reason::StartUp).writes().is_empty(), "nor after a restart");
    assert_eq!(restarted.view(MAC).degraded, [DegradedReason::TugOfWar]);
}

#[test]
fn a_limit_of_none_puts_nothing_right() {
    let yaml = ENFORCED.replace("mode: Enforce", "mode: Enforce, selfHealLimit: 0");
    let (mut stage, mut phone) = proven(&yaml);
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
    assert!(called(&mut stage, &mut phone).is_empty());
    assert_eq!(stage.view(MAC).degraded, [DegradedReason::TugOfWar]);
}

#[test]
fn corrections_far_apart_are_no_tug_of_war() {
    let (mut stage, mut phone) = proven(ENFORCED);
    for _ in 0..8 {
        change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
        assert_eq!(called(&mut stage, &mut phone), [["sntp-addr"]]);
        assert!(lives(&mut stage, &mut phone, 9 * 60 * MINUTE).is_empty());
    }
}

/// A phone whose `sntp-addr` is in a tug of war.
fn fought() -> (Stage, Phone) {
    let (mut stage, mut phone) = proven(ENFORCED);
    for _ in 0..4 {
        change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
        called(&mut stage, &mut phone);
    }
    assert_eq!(stage.view(MAC).state, State::Degraded);
    (stage, phone)
}

#[test]
fn another_value_ends_a_tug_of_war() {
    let (mut stage, mut phone) = fought();
    stage.push(&ENFORCED.replace("sntp-tz-offset: 60", "sntp-tz-offset: 120"));
    assert_eq!(called(&mut stage, &mut phone), [["sntp-tz-offset"]], "that of another item does not");
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.124"));
    assert_eq!(called(&mut stage, &mut phone).len(), 1);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_persons_retry_ends_a_tug_of_war() {
    let (mut stage, mut phone) = fought();
    let device = stage.fleet.device(MAC).unwrap();
    let retry = |stage: &mut Stage| match stage.fleet.retry(&device, false, stage.now) {
        RetryAnswer::Taken(retried) => retried.refusals,
        other => panic!("{other:?}"),
    };
    assert_eq!(retry(&mut stage), 1);
    stage.carry_out();
    assert_eq!(called(&mut stage, &mut phone), [["sntp-addr"]]);
    assert_eq!(retry(&mut stage), 0, "nothing is held any more");
}

#[test]
fn an_item_that_comes_right_by_itself_and_stays_so_for_a_day_is_put_right_again() {
    let (mut stage, mut phone) = fought();
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.123");
    assert_eq!(stage.view(MAC).state, State::InSync);
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
    assert!(called(&mut stage, &mut phone).is_empty(), "not yet");
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.123");
    assert!(lives(&mut stage, &mut phone, DAY + 60 * MINUTE).is_empty());
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
    assert_eq!(called(&mut stage, &mut phone), [["sntp-addr"]]);
}

#[test]
fn the_group_of_an_item_in_a_tug_of_war_is_written_without_it() {
    let yaml = |label: &str| {
        format!(
            "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: reception}}\nspec:\n  phone: \
             {{mac: \"{MAC}\"}}\n  policy: {{mode: Enforce, selfHealLimit: 0}}\n  items: {{function-key-def: {{1: 59}}, \
             key-label-unicode: {{1: {label}}}, stimulus-led-control-uri: {{1: \"42\"}}}}\n"
        )
    };
    let (mut stage, mut phone) = proven(&yaml("Anna"));
    change(&mut stage, &mut phone, "stimulus-led-control-uri[1]", "43");
    assert!(called(&mut stage, &mut phone).is_empty());
    stage.push(&yaml("Berta"));
    assert_eq!(called(&mut stage, &mut phone), [["function-key-def[1]", "key-label-unicode[1]"]], "R-1210");
    assert_eq!(phone.values[&id("stimulus-led-control-uri[1]")], "43");
}

#[test]
fn corrections_whose_replies_are_lost_count_like_all_others() {
    let (mut stage, mut phone) = proven(ENFORCED);
    for _ in 0..3 {
        change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
        loses_reply(&mut stage, &mut phone);
        phone.session(&mut stage, Reason::StartUp);
        assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123");
    }
    change(&mut stage, &mut phone, "sntp-addr", "192.0.2.9");
    assert!(called(&mut stage, &mut phone).is_empty(), "policy.selfHealLimit is 3");
    assert_eq!(stage.view(MAC).degraded, [DegradedReason::TugOfWar]);
}

#[test]
fn an_item_that_the_phone_does_not_have_any_more_is_in_no_tug_of_war() {
    let (mut stage, mut phone) = fought();
    phone.unknown.insert(id("sntp-addr"));
    phone.session(&mut stage, Reason::StartUp);
    let view = stage.view(MAC);
    assert_eq!((view.state, view.not_applicable_count, view.tug_of_war.len()), (State::InSync, 1, 0));
    assert_eq!(stage.fleet.census(stage.now).held, 0);
    stage.pass(DAY + MINUTE);
    stage.contacts.clear();
    phone.session(&mut stage, Reason::StartUp);
    phone.unknown.clear();
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123", "after a day nothing is left of it");
}
