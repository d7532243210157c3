//! An Abandoned phone is left as it is until a person has its account taken off it, or has it forgotten.

use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        ContactAnswer,
        paging::{List, Part},
        release::{DismissAnswer, ReleaseAnswer},
        words::State,
    },
    wpi::{DeviceId, Reason},
};

const ITEMS: &str = "{sntp-addr: 192.0.2.123, sntp-tz-offset: 60, daylight-save: true}";
const ACCOUNT: &str = "{e164: \"4930100\", sip-user-id: \"4930100\", realm: pbx.example, reg-addr: 192.0.2.20, \
                       registrar-addr: 192.0.2.20, sip-pwd: {file: sip}, sntp-addr: 192.0.2.123}";

fn documents() -> String {
    ENFORCED.replace(ITEMS, ACCOUNT)
}

fn abandoned() -> (Stage, Phone, DeviceId) {
    let mut stage = Stage::with(&documents());
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.values[&id("reg-addr")], "192.0.2.20");
    stage.push("");
    assert_eq!(stage.view(MAC).state, State::Abandoned);
    (stage, phone, DeviceId::new(MAC).unwrap())
}

#[test]
fn a_released_phone_loses_its_account_and_nothing_else_and_is_nobodys_then() {
    let (mut stage, mut phone, device) = abandoned();
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "not before a person says so");
    let answer = stage.fleet.release(&device, stage.now);
    assert!(matches!(answer, ReleaseAnswer::Taken(ContactAnswer::Queued(_))), "{answer:?}");
    stage.carry_out();
    let view = stage.view(MAC);
    assert!(view.state == State::Pending && view.notes[0].contains("account is being taken off"), "{view:?}");
    stage.pass(Duration::from_secs(61));
    let writes = phone.session(&mut stage, Reason::Solicited).writes();
    let written: Vec<&str> = writes.iter().flatten().map(String::as_str).collect();
    assert!(
        written.contains(&"e164") && written.contains(&"sip-pwd") && !written.contains(&"sntp-addr"),
        "{written:?}"
    );
    for (item, value) in
        [("e164", "NULL"), ("registrar-addr", "NULL"), ("reg-addr", ""), ("realm", ""), ("sip-user-id", "")]
    {
        assert_eq!(phone.values[&id(item)], value, "{item} (R-1220)");
    }
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123");
    assert_eq!(stage.view(MAC).state, State::Undeclared);
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    let restarted = stage.restarted("");
    assert_eq!(restarted.view(MAC).state, State::Undeclared);
}

#[test]
fn a_release_goes_on_after_a_restart_and_another_revision_does_not_end_it() {
    let (mut stage, mut phone, device) = abandoned();
    stage.fleet.release(&device, stage.now);
    stage.carry_out();
    let mut stage = stage.restarted("");
    stage.push("# nothing\n");
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().len(), 1);
    assert_eq!(stage.view(MAC).state, State::Undeclared);
}

#[test]
fn a_document_that_names_the_phone_again_ends_its_release() {
    let (mut stage, mut phone, device) = abandoned();
    stage.fleet.release(&device, stage.now);
    stage.push(&documents());
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.values[&id("e164")], "4930100");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_dismissed_phone_is_nobodys_and_nothing_is_written_to_it() {
    let (mut stage, mut phone, device) = abandoned();
    assert_eq!(stage.fleet.dismiss(&device, stage.now), DismissAnswer::Done);
    stage.carry_out();
    let view = stage.view(MAC);
    assert_eq!((view.state, view.model.as_deref()), (State::Undeclared, Some("OpenStage 40")));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(phone.values[&id("e164")], "4930100");
    assert!(stage.fleet.leftovers(None, &Part::lines(List::Leftovers)).leftovers.is_empty());
}

#[test]
fn a_phone_that_is_declared_or_was_never_written_to_is_not_released() {
    let mut stage = Stage::with(&ENFORCED.replace("mode: Enforce", "mode: Report"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let device = DeviceId::new(MAC).unwrap();
    assert!(
        matches!(stage.fleet.release(&device, stage.now), ReleaseAnswer::Refused(why) if why.contains("Abandoned"))
    );
    assert!(matches!(stage.fleet.dismiss(&device, stage.now), DismissAnswer::Refused(_)));
    stage.push("");
    assert!(matches!(stage.fleet.release(&device, stage.now), ReleaseAnswer::Refused(why) if why.contains("dismiss")));
    assert_eq!(stage.view(MAC).state, State::Abandoned);
    let nobody = DeviceId::new("00:1A:E8:00:00:99").unwrap();
    assert_eq!(stage.fleet.release(&nobody, stage.now), ReleaseAnswer::NotFound);
    assert_eq!(stage.fleet.dismiss(&nobody, stage.now), DismissAnswer::NotFound);
}
