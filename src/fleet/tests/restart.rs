//! Restarts: for items that take effect with one, and for people.

use std::time::Duration;

use super::{
    stage::{MAC, Phone, Stage, Transcript, id},
    writes::phone_with as documents,
};
use crate::{
    fleet::{
        RestartAnswer,
        words::{PendingReason, State},
    },
    wpi::{Action, DeviceId, Reason},
};

const PLAIN: &str = "sntp-addr: 192.0.2.5, date-format: 0";

fn device() -> DeviceId {
    DeviceId::new(MAC).unwrap()
}

/// A phone that has all it is to have.
fn settled(yaml: &str) -> (Stage, Phone) {
    let (mut stage, mut phone) = (Stage::with(yaml), Phone::new(MAC));
    phone.session(&mut stage, Reason::StartUp);
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.view(MAC).state, State::InSync);
    (stage, phone)
}

fn restarts(session: &Transcript) -> usize {
    session.actions().iter().filter(|action| **action == Action::Restart).count()
}

fn notes(stage: &Stage) -> String {
    stage.view(MAC).notes.join("\n")
}

#[test]
fn items_that_take_effect_with_a_restart_are_followed_by_one_where_policy_allows_it() {
    let items = "sntp-addr: 192.0.2.5, sip-transport-user: 1, enable-WBM: false";
    let mut stage = Stage::with(&documents(", lockoutItems: Allow, restart: Allow", items));
    let mut phone = Phone::new(MAC);
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.writes(), [["sntp-addr"], ["sip-transport-user"], ["enable-WBM"]]);
    let actions = session.actions();
    assert_eq!(
        actions[actions.len() - 2..],
        [Action::ReadItems, Action::Restart],
        "R-716: behind the read, no CleanUp"
    );
    let again = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(again.actions(), [Action::ReadItems, Action::CleanUp], "once");
    assert_eq!(stage.view(MAC).state, State::InSync);
    assert_eq!(notes(&stage), "");
}

#[test]
fn without_leave_people_are_told_which_items_wait_for_a_restart() {
    let mut stage = Stage::with(&documents("", "sntp-addr: 192.0.2.5, sip-transport-user: 1"));
    let mut phone = Phone::new(MAC);
    assert_eq!(restarts(&phone.session(&mut stage, Reason::StartUp)), 0);
    assert_eq!(notes(&stage), "takes effect with a restart: sip-transport-user");
    let restarted = stage.restarted(&documents("", "sntp-addr: 192.0.2.5, sip-transport-user: 1"));
    assert_eq!(notes(&restarted), "takes effect with a restart: sip-transport-user", "kept in the record");
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 0);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(notes(&stage), "", "the phone has started");
}

#[test]
fn a_group_that_is_written_whole_needs_no_restart_for_what_was_right_already() {
    let items = "registrar-addr: pbx.example.com, sip-transport-user: 1";
    let mut stage = Stage::with(&documents(", restart: Allow", items));
    let mut phone = Phone::new(MAC);
    phone.values.insert(id("sip-transport-user"), "1".to_owned());
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.writes(), [["registrar-addr", "sip-transport-user"]], "R-1210");
    assert_eq!(restarts(&session), 0);
}

#[test]
fn a_person_restarts_a_phone_once_and_only_after_it_took_a_write() {
    let (mut stage, mut phone) = settled(&documents("", PLAIN));
    assert!(matches!(stage.fleet.restart(&device(), "alice", stage.now), RestartAnswer::Queued(Some(_))));
    assert_eq!(stage.fleet.restart(&device(), "bob", stage.now), RestartAnswer::UnderWay);
    assert!(notes(&stage).contains("asked for by alice"));
    let session = phone.session(&mut stage, Reason::Solicited);
    let expected = [Action::ReadItems, Action::WriteItems, Action::ReadItems, Action::Restart];
    assert_eq!(session.actions(), expected, "a phone in a call would say so to the write");
    assert_eq!(session.writes(), [["date-format"]], "with the value it has");
    let sent = stage.saved[&device()].restart.as_ref().and_then(|restart| restart.sent);
    assert!(sent.is_some(), "recorded before it left");
    assert_eq!(stage.fleet.restart(&device(), "bob", stage.now), RestartAnswer::UnderWay);
    assert_eq!(restarts(&phone.session(&mut stage, Reason::StartUp)), 0);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn who_asks_for_a_restart_outside_the_window_or_in_a_pause_is_told_what_it_waits_for() {
    let closed = documents(r#", windows: [{schedule: "0 0 1 1 *", duration: 1h, timeZone: Europe/Berlin}]"#, PLAIN);
    let (mut stage, _) = settled(&documents("", PLAIN));
    stage.push(&closed);
    let answer = stage.fleet.restart(&device(), "alice", stage.now);
    assert!(
        matches!(answer, RestartAnswer::Waits { reason: PendingReason::WindowClosed, until: Some(_) }),
        "{answer:?}"
    );
    let (mut stage, _) = settled(&documents("", PLAIN));
    stage.push(&documents(", pause: {reason: move of the ward, by: Ann}", PLAIN));
    let answer = stage.fleet.restart(&device(), "alice", stage.now);
    assert_eq!(answer, RestartAnswer::Waits { reason: PendingReason::Paused, until: None });
    assert!(notes(&stage).contains("paused by Ann: move of the ward"), "{}", notes(&stage));
}

#[test]
fn a_phone_in_a_call_is_restarted_after_it() {
    let (mut stage, mut phone) = settled(&documents("", PLAIN));
    stage.fleet.restart(&device(), "alice", stage.now);
    phone.in_call = true;
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(restarts(&session), 0);
    assert!(session.wish(), "it is asked to call after it");
    assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::InCall);
    phone.in_call = false;
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 1);
}

#[test]
fn a_phone_that_answers_busy_to_the_restart_keeps_the_wish() {
    use crate::wpi::ReplyStatus;
    let (mut stage, mut phone) = settled(&documents("", PLAIN));
    stage.fleet.restart(&device(), "alice", stage.now);
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 1);
    let busy = phone.reply(Action::Restart, ReplyStatus::Busy, Vec::new());
    let end = phone.session_from(&mut stage, busy);
    assert!(end.wish(), "R-715: busy may follow any action");
    assert!(notes(&stage).contains("asked for by alice"));
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 1);
}

#[test]
fn in_report_and_without_a_store_no_restart_leaves() {
    let (mut stage, _) = settled(&documents("", PLAIN));
    stage.push(&documents("", PLAIN).replace("Enforce", "Report"));
    assert!(matches!(stage.fleet.restart(&device(), "alice", stage.now), RestartAnswer::Refused(_)));

    let (mut stage, mut phone) = settled(&documents("", PLAIN));
    stage.fleet.restart(&device(), "alice", stage.now);
    stage.fleet.set_store_away(true, stage.now);
    assert_eq!(phone.session(&mut stage, Reason::Solicited).actions(), [Action::ReadItems, Action::CleanUp]);
    stage.fleet.set_store_away(false, stage.now);
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 1, "the wish stayed");
}

#[test]
fn a_restart_waits_for_the_window_of_the_phone() {
    let window = ", windows: [{schedule: \"0 22 * * *\", duration: 3h, timeZone: UTC}]";
    let (mut stage, mut phone) = (Stage::with(&documents(window, PLAIN)), Phone::new(MAC));
    phone.values.extend([(id("sntp-addr"), "192.0.2.5".to_owned()), (id("date-format"), "0".to_owned())]);
    phone.session(&mut stage, Reason::StartUp);
    stage.fleet.restart(&device(), "alice", stage.now);
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 0);
    assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::WindowClosed);
    stage.contacts.clear();
    stage.pass(Duration::from_hours(15));
    assert!(!stage.contacts.is_empty(), "the opening is a trigger");
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 1);
}

#[test]
fn a_wish_is_forgotten_after_a_day() {
    let (mut stage, mut phone) = settled(&documents("", PLAIN));
    stage.fleet.restart(&device(), "alice", stage.now);
    stage.pass(Duration::from_hours(25));
    assert_eq!(notes(&stage), "");
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 0);
}

#[test]
fn after_a_crash_a_restart_is_not_repeated_and_its_outcome_is_told_as_unknown() {
    let yaml = documents(", restart: Allow", "sntp-addr: 192.0.2.5, date-format: 0, sip-transport-user: 1");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    assert_eq!(restarts(&phone.session(&mut stage, Reason::StartUp)), 1);
    let mut stage = stage.restarted(&yaml);
    assert!(notes(&stage).contains("outcome is unknown"), "{}", notes(&stage));
    assert_eq!(stage.view(MAC).state, State::Pending);
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 0, "promise 3: at most once");
    assert!(notes(&stage).contains("no start-up followed"), "{}", notes(&stage));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(notes(&stage), "");
}

#[test]
fn a_wish_outlives_the_process_and_is_fulfilled_once() {
    let (mut stage, mut phone) = settled(&documents("", PLAIN));
    stage.fleet.restart(&device(), "alice", stage.now);
    stage.carry_out();
    let mut stage = stage.restarted(&documents("", PLAIN));
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 1);
    assert_eq!(restarts(&phone.session(&mut stage, Reason::StartUp)), 0);
}

#[test]
fn a_phone_that_does_not_start_within_ten_minutes_is_asked_to_call() {
    let (mut stage, mut phone) = settled(&documents("", PLAIN));
    stage.fleet.restart(&device(), "alice", stage.now);
    stage.pass(Duration::from_secs(61));
    stage.contacts.clear();
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 1);
    stage.pass(Duration::from_mins(9));
    assert_eq!(stage.contacts, [], "it starts, and is left alone");
    assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::Called);
    assert!(notes(&stage).contains("its start is awaited"));
    stage.pass(Duration::from_mins(10));
    assert_eq!(stage.contacts.len(), 1, "R-716");
}

#[test]
fn what_can_make_a_phone_vanish_is_proven_only_behind_its_restart() {
    let yaml = documents(", lockoutItems: Allow, restart: Allow", "vlan-id: 7");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!((session.writes().len(), restarts(&session)), (1, 1));
    assert!(notes(&stage).contains("to be heard of again"));
    stage.pass(Duration::from_secs(5));
    phone.session(&mut stage, Reason::InventoryChanges);
    assert!(notes(&stage).contains("to be heard of again"), "it has not started yet");
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(notes(&stage), "");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_wish_waits_for_a_window_that_is_days_away() {
    let window = ", windows: [{schedule: \"0 22 * * 6\", duration: 3h, timeZone: UTC}]";
    let (mut stage, mut phone) = (Stage::with(&documents(window, PLAIN)), Phone::new(MAC));
    phone.values.extend([(id("sntp-addr"), "192.0.2.5".to_owned()), (id("date-format"), "0".to_owned())]);
    phone.session(&mut stage, Reason::StartUp);
    stage.fleet.restart(&device(), "alice", stage.now);
    stage.pass(Duration::from_hours(72));
    assert!(notes(&stage).contains("asked for by alice"));
    stage.pass(Duration::from_hours(87));
    assert_eq!(restarts(&phone.session(&mut stage, Reason::Solicited)), 1);
}

#[test]
fn an_item_that_the_phone_does_not_have_is_not_what_it_is_asked_by() {
    let (mut stage, mut phone) = (Stage::with(&documents("", PLAIN)), Phone::new(MAC));
    phone.unknown.insert(id("date-format"));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).not_applicable_count, 1);
    stage.fleet.restart(&device(), "ada", stage.now);
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!((session.writes(), restarts(&session)), (vec![vec!["sntp-addr".to_owned()]], 1));
}
