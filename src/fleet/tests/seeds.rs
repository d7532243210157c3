//! Seeds: written once to a new phone, then left to its user.

use super::{
    stage::{ENFORCED, Phone, Stage, id},
    writes::phone_with,
};
use crate::{
    fleet::{retry::RetryAnswer, words::State},
    wpi::{Action, DeviceId, ItemStatus, Reason},
};

const NEW: &str = "00:1A:E8:11:22:44";

/// A second phone `porter` with these seeds.
fn porter(seeds: &str) -> String {
    let porter = phone_with("", "sntp-addr: 192.0.2.5").replace(":33", ":44").replace("reception", "porter");
    format!("{ENFORCED}---{porter}  seed: {{{seeds}}}\n")
}

const SEED: &str = "ringer-melody: 3";

#[test]
fn a_new_phone_gets_its_seeds_once_and_then_they_are_its_users() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED));
    let mut phone = Phone::new(NEW);
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.writes(), [["ringer-melody", "sntp-addr"]], "without `userItems: Manage`");
    assert_eq!(stage.view("porter").state, State::InSync);
    phone.values.insert(id("ringer-melody"), "7".to_owned());
    stage.push(&porter("ringer-melody: 4"));
    let session = phone.session(&mut stage, Reason::StartUp);
    assert!(session.writes().is_empty(), "neither drift nor a new value is written");
    let asked: Vec<_> = session.messages.iter().flat_map(|message| &message.items).collect();
    assert!(asked.iter().all(|item| item.id != id("ringer-melody")), "it is not even read");
    assert_eq!(stage.view("porter").drift_count, 0);
    let mut restarted = stage.restarted(&porter("ringer-melody: 4"));
    assert!(phone.session(&mut restarted, Reason::StartUp).writes().is_empty());
}

#[test]
fn in_report_a_new_phone_says_what_is_to_be_written_and_is_no_drift() {
    let reported = |documents: &str| documents.replace("mode: Enforce", "mode: Report");
    let mut stage = Stage::with(&reported(ENFORCED));
    stage.push(&reported(&porter(SEED)));
    let mut phone = Phone::new(NEW);
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(stage.view("porter").notes, ["seeds to be written: ringer-melody"], "who arms it should know");
    stage.push(&porter(SEED));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view("porter").notes, [""; 0]);
}

#[test]
fn a_phone_found_without_a_record_gets_no_seed() {
    let mut stage = Stage::with(&porter(SEED));
    let mut phone = Phone::new(NEW);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]], "promise 8");
    stage.saved.clear();
    let mut restarted = stage.restarted(&porter(SEED));
    assert!(phone.session(&mut restarted, Reason::StartUp).writes().is_empty(), "promise 8");
}

#[test]
fn a_seed_that_comes_later_is_for_phones_that_come_later() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED));
    let mut phone = Phone::new(NEW);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&porter(&format!("{SEED}, ringer-volume: 5")));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
}

#[test]
fn a_new_phone_that_stands_at_its_seed_already_is_not_written() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED));
    let mut phone = Phone::new(NEW);
    phone.values.insert(id("ringer-melody"), "3".to_owned());
    phone.values.insert(id("sntp-addr"), "192.0.2.5".to_owned());
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp]);
    phone.values.insert(id("ringer-melody"), "1".to_owned());
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "done with");
}

#[test]
fn a_seed_outlives_a_call_and_a_restart_until_it_is_written() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED));
    let mut phone = Phone::new(NEW);
    phone.in_call = true;
    phone.session(&mut stage, Reason::StartUp);
    phone.in_call = false;
    let mut restarted = stage.restarted(&porter(SEED));
    assert_eq!(phone.session(&mut restarted, Reason::Solicited).writes(), [["ringer-melody", "sntp-addr"]]);
}

#[test]
fn a_seed_whose_write_was_not_answered_is_read_before_it_is_written_again() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED));
    let mut phone = Phone::new(NEW);
    let write = phone.up_to_the_write(&mut stage);
    phone.obey(&write.message);
    let mut restarted = stage.restarted(&porter(SEED));
    let session = phone.session(&mut restarted, Reason::Solicited);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "R-1404: it had been written");
}

#[test]
fn a_refused_seed_is_told_and_tried_again_only_by_a_person() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED));
    let mut phone = Phone::new(NEW);
    phone.refuses.insert(id("ringer-melody"), ItemStatus::InvalidData);
    phone.session(&mut stage, Reason::StartUp);
    let view = stage.view("porter");
    assert_eq!(view.state, State::Degraded);
    assert_eq!((view.refused.len(), view.drift_count), (1, 0));
    let mut stage = stage.restarted(&porter(SEED));
    let view = stage.view("porter");
    assert_eq!((view.state, view.refused.len()), (State::Degraded, 1), "a restart forgets it not");
    phone.refuses.clear();
    phone.firmware = "V3 R5.13.0".to_owned();
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "not even with another firmware");
    let device = DeviceId::new(NEW).unwrap();
    assert!(matches!(stage.fleet.retry(&device, false, stage.now), RetryAnswer::Taken(_)));
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["ringer-melody"]]);
    assert_eq!(stage.view("porter").state, State::InSync);
}

#[test]
fn a_seed_that_the_phone_does_not_know_is_told_and_not_sent() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED));
    let mut phone = Phone::new(NEW);
    phone.unknown.insert(id("ringer-melody"));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]]);
    assert_eq!(stage.view("porter").refused.len(), 1);
}

#[test]
fn in_report_a_seed_is_neither_written_nor_drift() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED).replace("policy: {mode: Enforce}\n  items", "policy: {mode: Report}\n  items"));
    let mut phone = Phone::new(NEW);
    phone.values.insert(id("sntp-addr"), "192.0.2.5".to_owned());
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "promise 11");
    assert_eq!(stage.view("porter").state, State::InSync);
}

#[test]
fn a_seed_that_can_cut_the_phone_off_needs_leave() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter("vlan-id: 7"));
    let mut phone = Phone::new(NEW);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]]);
}

#[test]
fn a_phone_that_another_shard_served_gets_neither_seed_nor_secret_when_it_comes() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&porter(SEED));
    stage.fleet.is_served_elsewhere(&crate::wpi::DeviceId::new(NEW).unwrap(), stage.now);
    let mut phone = Phone::new(NEW);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]], "promise 8");
}
