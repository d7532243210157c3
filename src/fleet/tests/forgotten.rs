//! What was lost, put back, or not known yet has nothing written and nothing called proven (promise 8).

use super::{
    stage::{ENFORCED, MAC, Phone, Stage, id},
    writes::phone_with,
};
use crate::{
    fleet::{
        Settings,
        record::PhoneRecord,
        restart::{Restart, Wish},
        words::State,
    },
    wpi::{Action, Reason},
};

const PROFILES: &str = r"
apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: all}
spec: {items: {ldap-pwd: {file: all}}}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: small}
spec:
  models: [OpenStage 40]
  items: {ldap-pwd: {file: small}}
---";

/// A phone whose password comes from the layer of its model.
fn by_model() -> String {
    format!("{PROFILES}{}  profiles: [all, small]\n", phone_with("", "sntp-addr: 192.0.2.5"))
}

#[test]
fn a_model_that_becomes_known_is_no_change_of_a_secret() {
    let mut stage = Stage::with(&by_model());
    let mut phone = Phone::new(MAC);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]], "nobody changed the password");
    assert_eq!(stage.view(MAC).assumed, ["ldap-pwd"]);
    stage.secrets = 1;
    stage.push(&by_model());
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["ldap-pwd"]], "its content did");
    stage.push(&by_model().replace("file: small", "file: other"));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["ldap-pwd"]], "and so does a commit");
}

#[test]
fn after_a_source_that_declared_nobody_no_phone_is_new() {
    let yaml = phone_with("", "sntp-addr: 192.0.2.5, ldap-pwd: {file: sip}") + "  seed: {ringer-melody: 3}\n";
    let mut stage = Stage::with("");
    stage.push(&yaml);
    let mut phone = Phone::new(MAC);
    let writes = phone.session(&mut stage, Reason::StartUp).writes();
    assert_eq!(writes, [["sntp-addr"]], "the folder was not filled yet, and the store is new");
    assert_eq!(stage.view(MAC).assumed, ["ldap-pwd"]);
}

/// The record of a phone that was in sync.
fn older() -> (PhoneRecord, Phone) {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    (stage.saved.into_values().next().unwrap(), phone)
}

#[test]
fn an_older_record_proves_nothing_until_the_phone_is_read() {
    let (mut record, mut phone) = older();
    record.distrust();
    let mut stage = Stage::empty(Settings::default());
    stage.fleet.restore(vec![record], stage.now);
    assert_eq!(stage.view(MAC).state, State::Pending);
    stage.push(ENFORCED);
    assert_eq!(stage.view(MAC).state, State::Pending, "it is to be read");
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_wish_to_restart_in_an_older_record_is_not_granted_again() {
    let (mut record, mut phone) = older();
    let wish = Some(Wish { by: "alice".into(), at: "2026-03-01T08:00:00Z".parse().unwrap(), opens: None });
    record.restart = Some(Box::new(Restart { wish, ..Restart::default() }));
    record.distrust();
    let mut stage = Stage::empty(Settings::default());
    stage.fleet.restore(vec![record], stage.now);
    stage.push(ENFORCED);
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp]);
}

#[test]
fn what_was_in_force_in_an_older_record_is_not_written() {
    let (mut record, mut phone) = older();
    record.distrust();
    let mut stage = Stage::empty(Settings::default());
    stage.fleet.restore(vec![record], stage.now);
    phone.values.insert(id("sntp-addr"), "192.0.2.99".to_owned());
    let newer = ENFORCED.replace("192.0.2.123", "192.0.2.99");
    let wanted = stage.load(&[("fleet.yaml", &newer)]);
    let phones = stage.announce(&wanted);
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "the documents are still being read");
    stage.fleet.apply(phones, stage.now);
    phone.values.insert(id("sntp-tz-offset"), "0".to_owned());
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-tz-offset"]]);
}
