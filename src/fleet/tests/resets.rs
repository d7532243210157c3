//! A factory reset is told by the phone itself, and by nothing less.

use super::{
    stage::{MAC, Phone, Stage, id},
    writes::phone_with,
};
use crate::{
    fleet::words::State,
    wpi::{Action, Reason},
};

const ITEMS: &str = "e164: \"4930123456\", sip-name: Reception, display-id-unicode: Reception, voice-mail-e164: \"99\", \
                     qos-layer3: false, sntp-addr: 192.0.2.123, ldap-pwd: {file: sip}";

fn yaml() -> String {
    phone_with("", ITEMS) + "  seed: {ringer-melody: 3}\n"
}

/// A phone that has all it is to have.
fn kept() -> (Stage, Phone) {
    let mut stage = Stage::with(&yaml());
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    assert!(!phone.values.contains_key(&id("ldap-pwd")), "assumed");
    (stage, phone)
}

fn reset(phone: &mut Phone) {
    phone.number.clear();
    phone.values.clear();
    phone.values.insert(id("sntp-addr"), "192.0.2.123".to_owned());
    phone.values.insert(id("qos-layer3"), "true".to_owned());
}

fn written(stage: &mut Stage, phone: &mut Phone) -> Vec<String> {
    phone.session(stage, Reason::StartUp).writes().concat()
}

#[test]
fn after_a_factory_reset_secrets_and_seeds_are_written_once() {
    let (mut stage, mut phone) = kept();
    reset(&mut phone);
    let items = written(&mut stage, &mut phone);
    for item in ["ldap-pwd", "ringer-melody", "e164", "qos-layer3"] {
        assert!(items.contains(&item.to_owned()), "{item}: {items:?}");
    }
    assert!(!items.contains(&"sntp-addr".to_owned()), "DHCP gave it again");
    assert_eq!(stage.fleet.counters().factory_resets, 1);
    assert_eq!(stage.view(MAC).state, State::InSync);
    phone.number = "4930123456".to_owned();
    assert!(written(&mut stage, &mut phone).is_empty());
    reset(&mut phone);
    assert!(written(&mut stage, &mut phone).contains(&"ldap-pwd".to_owned()), "the next one counts again");
    assert_eq!(stage.fleet.counters().factory_resets, 2);
}

#[test]
fn a_phone_out_of_its_box_needs_no_record() {
    let mut stage = Stage::with(&yaml());
    let mut phone = Phone::new(MAC);
    reset(&mut phone);
    let items = written(&mut stage, &mut phone);
    assert!(items.contains(&"ldap-pwd".to_owned()) && items.contains(&"ringer-melody".to_owned()), "{items:?}");
}

#[test]
fn a_phone_whose_record_was_lost_is_no_reset() {
    let (mut stage, mut phone) = kept();
    stage.saved.clear();
    let mut restarted = stage.restarted(&yaml());
    assert!(written(&mut restarted, &mut phone).is_empty());
    // not even with the number gone, as long as it stands at anything else
    phone.number.clear();
    phone.values.insert(id("e164"), String::new());
    let items = written(&mut restarted, &mut phone);
    assert!(!items.contains(&"ldap-pwd".to_owned()) && !items.contains(&"ringer-melody".to_owned()), "{items:?}");
    assert_eq!(restarted.fleet.counters().factory_resets, 0);
}

#[test]
fn a_phone_that_says_its_number_is_no_reset_whatever_it_lacks() {
    let (mut stage, mut phone) = kept();
    reset(&mut phone);
    phone.number = "4930123456".to_owned();
    assert!(!written(&mut stage, &mut phone).contains(&"ldap-pwd".to_owned()));
}

#[test]
fn a_reset_whose_start_was_missed_is_seen_when_the_phone_is_asked_to_call() {
    let (mut stage, mut phone) = kept();
    reset(&mut phone);
    let session = phone.session(&mut stage, Reason::Status);
    assert!(!session.writes().concat().contains(&"ldap-pwd".to_owned()), "no other message shows one");
    let (mut stage, mut phone) = kept();
    reset(&mut phone);
    let session = phone.session(&mut stage, Reason::Solicited);
    assert!(session.writes().concat().contains(&"ldap-pwd".to_owned()));
}

#[test]
fn one_value_that_somebody_set_or_too_few_that_tell_are_no_reset() {
    let (mut stage, mut phone) = kept();
    reset(&mut phone);
    phone.values.insert(id("voice-mail-e164"), "77".to_owned());
    assert!(!written(&mut stage, &mut phone).contains(&"ldap-pwd".to_owned()));

    let few = phone_with("", "e164: \"4930123456\", sip-name: Reception, ldap-pwd: {file: sip}");
    let mut stage = Stage::with(&few);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    reset(&mut phone);
    assert!(!written(&mut stage, &mut phone).contains(&"ldap-pwd".to_owned()), "two are not enough");
}

#[test]
fn in_report_a_reset_is_seen_once_and_nothing_is_written() {
    let report = yaml().replace("Enforce", "Report");
    let mut stage = Stage::with(&report);
    let mut phone = Phone::new(MAC);
    reset(&mut phone);
    for _ in 0..3 {
        assert!(written(&mut stage, &mut phone).is_empty(), "promise 11");
    }
    assert_eq!(stage.fleet.counters().factory_resets, 1);
    let mut restarted = stage.restarted(&report);
    assert!(written(&mut restarted, &mut phone).is_empty());
    assert_eq!(restarted.fleet.counters().factory_resets, 0, "it is remembered as seen");
}

#[test]
fn a_start_that_says_nothing_changed_is_still_read_when_the_number_is_gone() {
    let sole = yaml().replace("mode: Enforce", "mode: Enforce, soleServer: true");
    let mut stage = Stage::with(&sole);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    reset(&mut phone);
    let unchanged = vec![crate::wpi::Item::plain(id("configuration-changed-flag"), "false")];
    let first = phone.initial(Reason::StartUp, unchanged);
    let session = phone.session_from(&mut stage, first);
    assert_eq!(session.actions().first(), Some(&Action::ReadItems));
    assert!(session.writes().concat().contains(&"ldap-pwd".to_owned()));
}

#[test]
fn a_phone_that_was_reset_did_not_drift_and_is_set_up_however_often_and_with_however_many_others() {
    let (mut stage, mut phone) = kept();
    for _ in 0..6 {
        reset(&mut phone);
        assert!(written(&mut stage, &mut phone).contains(&"sip-name".to_owned()), "no tug of war");
        let view = stage.view(MAC);
        assert_eq!((view.state, view.tug_of_war.len()), (State::InSync, 0));
        phone.number = "4930123456".to_owned();
        phone.session(&mut stage, Reason::StartUp);
    }
}
