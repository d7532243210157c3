//! Phones that may keep the wish to be called after a call: who has to keep silent about calls is told as long as one may
//! be kept (promise 10).

use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage};
use crate::{
    fleet::words::PendingReason,
    wpi::{DeviceId, Reason},
};

fn tells(stage: &Stage) -> bool {
    stage.fleet.is_in_call(&DeviceId::new(MAC).unwrap())
}

/// A phone in a call that was sent the wish.
fn in_call() -> (Stage, Phone) {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    assert!(!tells(&stage));
    assert!(phone.session(&mut stage, Reason::StartUp).wish());
    assert!(tells(&stage));
    (stage, phone)
}

#[test]
fn a_call_of_any_length_is_kept_silent_about_until_the_phone_has_come_back() {
    let (mut stage, mut phone) = in_call();
    stage.pass(Duration::from_mins(40));
    assert_ne!(stage.view(MAC).pending.unwrap().reason, PendingReason::InCall, "nobody waits for its end any more");
    assert!(tells(&stage), "the phone keeps the wish");
    phone.in_call = false;
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes().len(), 1);
    assert!(!tells(&stage));
}

#[test]
fn neither_who_asks_the_phone_nor_what_it_is_asked_uses_up_its_wish() {
    let (mut stage, mut phone) = in_call();
    let device = DeviceId::new(MAC).unwrap();
    stage.pass(Duration::from_mins(2));
    stage.fleet.look_at(&device, stage.now);
    assert!(tells(&stage), "`phoneops contact` does not wait for the end of a call");
    stage.pass(Duration::from_mins(2));
    assert!(phone.asked_and_called(&mut stage).writes().is_empty(), "it is read only");
    assert!(tells(&stage), "R-713: a job without a write does not cancel it");
    phone.in_call = false;
    phone.session(&mut stage, Reason::Solicited);
    assert!(!tells(&stage));
}

#[test]
fn a_phone_that_came_back_for_nothing_keeps_no_wish() {
    let (mut stage, mut phone) = in_call();
    stage.push(&ENFORCED.replace("policy: {mode: Enforce}", "policy: {mode: Report}"));
    stage.pass(Duration::from_mins(40));
    assert!(tells(&stage));
    phone.in_call = false;
    assert!(phone.session(&mut stage, Reason::Solicited).writes().is_empty());
    assert!(!tells(&stage), "later sessions tell nothing of a call");
    let (mut stage, mut phone) = in_call();
    stage.pass(Duration::from_mins(40));
    phone.session(&mut stage, Reason::StartUp);
    phone.in_call = false;
    phone.session(&mut stage, Reason::StartUp);
    assert!(!tells(&stage), "R-712: it is lost with a restart");
}

#[test]
fn another_process_may_have_sent_a_wish_that_this_one_does_not_know() {
    let (stage, mut phone) = in_call();
    let mut restarted = stage.restarted(ENFORCED);
    assert!(tells(&restarted));
    phone.in_call = false;
    phone.session(&mut restarted, Reason::Solicited);
    assert!(!tells(&restarted));
    let mut again = restarted.restarted(ENFORCED);
    assert!(tells(&again), "nothing of it is stored");
    assert!(phone.session(&mut again, Reason::LocalChanges).writes().is_empty());
    assert!(!tells(&again), "nothing waits for it, so it got none");
}
