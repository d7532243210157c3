//! Refused items that are tried again.

use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::words::State,
    wpi::{ItemStatus, Reason},
};

const DAY: Duration = Duration::from_hours(24);

/// Lets days pass on which the phone comes whenever it is asked; how often it was written to.
fn writes_in(stage: &mut Stage, phone: &mut Phone, days: u32) -> usize {
    let mut writes = 0;
    for _ in 0..days * 24 {
        stage.pass(DAY / 24);
        while let Some((device, ticket, _)) = stage.contacts.pop() {
            stage.fleet.contact_done(&device, ticket, true, stage.now);
            writes += phone.session(stage, Reason::Solicited).writes().len();
        }
    }
    writes
}

fn refusing(status: ItemStatus) -> (Stage, Phone) {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("sntp-addr"), status);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::Degraded);
    (stage, phone)
}

#[test]
fn a_word_that_may_pass_is_tried_again_once_a_day_and_three_times_at_most() {
    for status in [ItemStatus::Failed, ItemStatus::UndefinedStatus] {
        let (mut stage, mut phone) = refusing(status);
        assert_eq!(writes_in(&mut stage, &mut phone, 2), 2);
        assert_eq!(writes_in(&mut stage, &mut phone, 20), 1);
        assert_eq!(stage.view(MAC).state, State::Degraded);
    }
}

#[test]
fn the_tries_are_counted_over_a_restart() {
    let (mut stage, mut phone) = refusing(ItemStatus::Failed);
    assert_eq!(writes_in(&mut stage, &mut phone, 2), 2);
    let mut restarted = stage.restarted(ENFORCED);
    assert_eq!(writes_in(&mut restarted, &mut phone, 20), 1);
}

#[test]
fn a_try_that_works_ends_the_matter() {
    let (mut stage, mut phone) = refusing(ItemStatus::Failed);
    phone.refuses.clear();
    assert_eq!(writes_in(&mut stage, &mut phone, 2), 1);
    assert_eq!((stage.view(MAC).state, stage.view(MAC).refused.len()), (State::InSync, 0));
    assert_eq!(writes_in(&mut stage, &mut phone, 5), 0);
}

#[test]
fn a_word_on_the_value_stays_until_a_person_says_so() {
    let statuses = [ItemStatus::InvalidData, ItemStatus::ReadOnly, ItemStatus::Other("missing item content".into())];
    for status in statuses {
        let (mut stage, mut phone) = refusing(status.clone());
        assert_eq!(writes_in(&mut stage, &mut phone, 10), 0, "{status}, R-901");
        stage.with_phone(MAC, |phone| assert_eq!(phone.try_again(), 1));
        assert_eq!(stage.view(MAC).state, State::Pending);
        assert_eq!(writes_in(&mut stage, &mut phone, 10), 1, "{status}: refused anew, and that stays");
        assert_eq!(stage.view(MAC).state, State::Degraded);
    }
}

#[test]
fn an_index_out_of_range_is_one_whatever_the_phone_calls_it() {
    let yaml = ENFORCED.replace("daylight-save: true", "daylight-save: true, Canonical-lookup-local-code: {60: \"1\"}");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("Canonical-lookup-local-code[60]"), ItemStatus::Failed);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::Degraded);
    assert_eq!(writes_in(&mut stage, &mut phone, 10), 0, "R-902");
}

#[test]
fn in_report_nothing_is_tried_again() {
    let (mut stage, mut phone) = refusing(ItemStatus::Failed);
    stage.push(&ENFORCED.replace("Enforce", "Report"));
    assert_eq!(writes_in(&mut stage, &mut phone, 10), 0);
    assert_eq!(stage.view(MAC).state, State::Drifted);
}
