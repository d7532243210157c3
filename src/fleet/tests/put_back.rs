//! What the documents name no more goes back to what it was, and is nobody's then.

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{fleet::words::State, wpi::Reason};

const ITEMS: &str = "{sntp-addr: 192.0.2.123, sntp-tz-offset: 60, daylight-save: true}";

fn with(policy: &str, items: &str) -> String {
    ENFORCED.replace("{mode: Enforce}", policy).replace(ITEMS, items)
}

/// A phone in sync with three items, whose time server was another one before.
fn in_sync(policy: &str) -> (Stage, Phone) {
    let mut stage = Stage::with(&with(policy, ITEMS));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    (stage, phone)
}

const LESS: &str = "{sntp-tz-offset: 60, daylight-save: true}";
const ENFORCE: &str = "{mode: Enforce, interval: 30d}";

#[test]
fn a_removed_item_gets_the_value_back_that_it_had_before_phoneops_changed_it() {
    let (mut stage, mut phone) = in_sync(ENFORCE);
    stage.push(&with(ENFORCE, "{sntp-addr: 192.0.2.7, sntp-tz-offset: 60, daylight-save: true}"));
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&with(ENFORCE, LESS));
    assert!(stage.view(MAC).notes.iter().any(|note| note.contains("names them any more: sntp-addr")));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]]);
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.1", "the value from before the first change");
    let view = stage.view(MAC);
    assert_eq!((view.state, view.managed, view.notes), (State::InSync, 2, Vec::<String>::new()));
    phone.values.insert(id("sntp-addr"), "192.0.2.50".to_owned());
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "it is nobody's any more");
}

#[test]
fn an_item_that_phoneops_never_changed_is_left_as_it_is() {
    let mut stage = Stage::with(&with(ENFORCE, ITEMS));
    let mut phone = Phone::new(MAC);
    phone.values.insert(id("sntp-addr"), "192.0.2.123".to_owned());
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&with(ENFORCE, LESS));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn with_leave_it_stays_and_with_default_it_becomes_what_the_catalogue_says() {
    let leave = "{mode: Enforce, interval: 30d, onRemove: Leave}";
    let (mut stage, mut phone) = in_sync(leave);
    stage.push(&with(leave, LESS));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123");

    let default = "{mode: Enforce, interval: 30d, onRemove: Default}";
    let items = "{sntp-addr: 192.0.2.123, keyset-reservation-timer: 30}";
    let mut stage = Stage::with(&with(default, items));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&with(default, "{sntp-addr: 192.0.2.123}"));
    phone.session(&mut stage, Reason::StartUp);
    let catalogue = crate::catalogue::Catalogue::builtin();
    let known = catalogue
        .get("keyset-reservation-timer")
        .and_then(|item| item.default.clone())
        .expect("a default that is known");
    assert_eq!(phone.values[&id("keyset-reservation-timer")], known.as_str());
}

#[test]
fn a_restart_in_between_loses_neither_the_wish_nor_what_is_not_managed_any_more() {
    let (mut stage, mut phone) = in_sync(ENFORCE);
    let less = with(ENFORCE, LESS);
    stage.push(&less);
    let mut stage = stage.restarted(&less);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]]);
    let mut stage = stage.restarted(&less);
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(stage.view(MAC).managed, 2);
}

#[test]
fn an_item_that_is_named_again_is_as_the_documents_say() {
    let (mut stage, mut phone) = in_sync(ENFORCE);
    stage.push(&with(ENFORCE, LESS));
    stage.push(&with(ENFORCE, ITEMS));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "it still has it");
    stage.push(&with(ENFORCE, LESS));
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&with(ENFORCE, ITEMS));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!((phone.values[&id("sntp-addr")].as_str(), stage.view(MAC).state), ("192.0.2.123", State::InSync));
    stage.push(&with(ENFORCE, LESS));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.1", "once more");
}

#[test]
fn what_is_put_back_waits_for_mode_report_and_shows_as_drift() {
    let (mut stage, mut phone) = in_sync(ENFORCE);
    stage.push(&with("{interval: 30d}", LESS));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    let view = stage.view(MAC);
    assert_eq!(
        (view.state, view.drift[0].item.as_str(), view.drift[0].desired.as_str()),
        (State::Drifted, "sntp-addr", "192.0.2.1")
    );
    stage.push(&with(ENFORCE, LESS));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]]);
}

#[test]
fn a_secret_is_not_put_back_for_nobody_knows_what_it_was() {
    let items = "{sntp-addr: 192.0.2.123, sip-pwd: {file: sip}}";
    let mut stage = Stage::with(&with(ENFORCE, "{sntp-addr: 192.0.2.123}"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&with(ENFORCE, items));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sip-pwd"]]);
    stage.push(&with(ENFORCE, "{sntp-addr: 192.0.2.123}"));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
}
