//! Undo puts back what one revision changed, names what it cannot put back, and leftovers are listed until dropped.

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        paging::{List, Part},
        undo::{Undo, UndoError},
        words::State,
    },
    spec::SiteName,
    wpi::{ItemStatus, Reason},
};

const ITEMS: &str = "{sntp-addr: 192.0.2.123, sntp-tz-offset: 60, daylight-save: true}";

fn with(policy: &str, items: &str) -> String {
    ENFORCED.replace("{mode: Enforce}", policy).replace(ITEMS, items)
}

const POLICY: &str = "{mode: Enforce, interval: 30d}";

fn in_sync() -> (Stage, Phone) {
    let mut stage = Stage::with(&with(POLICY, ITEMS));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    (stage, phone)
}

fn undo(stage: &mut Stage, revision: &str) -> Undo {
    let undone = stage.fleet.undo(revision, None, true, stage.now).unwrap();
    stage.carry_out();
    undone
}

fn lines(undo: &Undo) -> Vec<String> {
    undo.changes.iter().map(|change| format!("{} = {} on {}", change.item, change.to, change.names.join(" "))).collect()
}

fn obstacles(undo: &Undo) -> Vec<(&str, &str)> {
    undo.cannot.iter().map(|cannot| (cannot.item.as_str(), cannot.why.as_str())).collect()
}

const TWO: &str = "{sntp-addr: 192.0.2.7, sntp-tz-offset: 120, daylight-save: true}";

#[test]
fn exactly_what_the_revision_changed_is_put_back_and_stays_until_the_documents_say_something_else() {
    let (mut stage, mut phone) = in_sync();
    stage.push(&with(POLICY, TWO));
    phone.session(&mut stage, Reason::StartUp);
    let told = stage.fleet.undo("r2", None, false, stage.now).unwrap();
    assert_eq!(lines(&told), ["sntp-addr = 192.0.2.123 on reception", "sntp-tz-offset = 60 on reception"]);
    stage.carry_out();
    assert!(stage.contacts.is_empty() && stage.view(MAC).state == State::InSync, "it was only told");

    assert_eq!(undo(&mut stage, "r2"), told);
    stage.pass(std::time::Duration::from_secs(61));
    assert_eq!(stage.contacts.len(), 1, "ahead of other work");
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sntp-addr", "sntp-tz-offset"]]);
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123");
    let view = stage.view(MAC);
    assert_eq!(view.state, State::InSync);
    assert!(view.notes.iter().any(|note| note.starts_with("undone, ")), "{:?}", view.notes);

    let again = with(POLICY, TWO);
    let mut stage = stage.restarted(&again);
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "a restart does not do it again");
    phone.values.insert(id("sntp-addr"), "192.0.2.66".to_owned());
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123", "drift goes back to what was undone");
    assert_eq!(stage.fleet.undo("r2", None, false, stage.now).unwrap().phones, 0, "it is undone already");

    stage.push(&with(POLICY, "{sntp-addr: 192.0.2.8, sntp-tz-offset: 120, daylight-save: true}"));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]], "only what they say anew");
    stage.push(&with(POLICY, ITEMS));
    phone.session(&mut stage, Reason::StartUp);
    assert!(stage.view(MAC).notes.is_empty(), "a revert ends the undo of both");
}

#[test]
fn what_the_revision_added_is_cleared_and_what_it_took_away_comes_back() {
    let (mut stage, mut phone) = in_sync();
    stage.push(&with(POLICY, "{sntp-tz-offset: 60, daylight-save: true, key-label: {4: Ward}}"));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!((phone.values[&id("sntp-addr")].as_str(), stage.view(MAC).managed), ("192.0.2.1", 3));
    let undone = undo(&mut stage, "r2");
    assert_eq!(lines(&undone), ["key-label =  on reception", "sntp-addr = 192.0.2.123 on reception"]);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn secrets_and_what_was_changed_since_cannot_be_undone() {
    let (mut stage, mut phone) = in_sync();
    stage.push(&with(POLICY, "{sntp-addr: 192.0.2.7, sntp-tz-offset: 120, sip-pwd: {file: sip}}"));
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&with(POLICY, "{sntp-addr: 192.0.2.8, sntp-tz-offset: 120, sip-pwd: {file: sip}}"));
    phone.session(&mut stage, Reason::StartUp);
    let undone = undo(&mut stage, "r2");
    assert_eq!(lines(&undone), ["sntp-tz-offset = 60 on reception"]);
    let why = "revision r3 has changed it since";
    assert_eq!(obstacles(&undone), [("sip-pwd", "nobody can read what it was before"), ("sntp-addr", why)]);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-tz-offset"]]);
}

#[test]
fn a_newer_revision_that_was_not_written_yet_is_a_change_since() {
    let (mut stage, mut phone) = in_sync();
    stage.push(&with(POLICY, TWO));
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&with(POLICY, &TWO.replace("192.0.2.7", "192.0.2.8")));
    let undone = undo(&mut stage, "r2");
    assert_eq!(obstacles(&undone), [("sntp-addr", "it was changed since")]);
    assert_eq!(lines(&undone), ["sntp-tz-offset = 60 on reception"]);
}

#[test]
fn what_the_phone_refused_is_named_and_in_mode_report_nothing_is_undone() {
    let (mut stage, mut phone) = in_sync();
    phone.refuses.insert(id("sntp-addr"), ItemStatus::from_wire("ReadOnly"));
    stage.push(&with(POLICY, TWO));
    phone.session(&mut stage, Reason::StartUp);
    let told = stage.fleet.undo("r2", None, false, stage.now).unwrap();
    assert_eq!(obstacles(&told), [("sntp-addr", "the phone refused it, and has what it had")]);
    stage.push(&with("{interval: 30d}", TWO));
    let told = undo(&mut stage, "r2");
    assert_eq!(told.phones, 0);
    assert!(obstacles(&told).contains(&("sntp-tz-offset", "the mode of the phone is not Enforce")));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
}

#[test]
fn a_revision_is_named_by_what_is_enough_of_it() {
    let (mut stage, mut phone) = in_sync();
    stage.push(&with(POLICY, TWO));
    phone.session(&mut stage, Reason::StartUp);
    let mut error = |revision: &str, site: Option<SiteName>| {
        stage.fleet.undo(revision, site.as_ref(), false, stage.now).unwrap_err()
    };
    assert_eq!(error("r9", None), UndoError::Unknown("r9".to_owned()));
    assert_eq!(error("r", None).to_string(), "r could be r1 or r2; give more of it");
    assert_eq!(error("", None), UndoError::Unknown(String::new()));
    let munich = SiteName::new("munich");
    assert_eq!(error("r2", Some(munich)).to_string(), "revision r2 changed no phone of site munich");
    let site = SiteName::default();
    assert_eq!(stage.fleet.undo("r2", Some(&site), false, stage.now).unwrap().phones, 1);
}

#[test]
fn closed_windows_hold_an_undo_as_they_hold_every_write() {
    let (mut stage, mut phone) = in_sync();
    stage.push(&with(POLICY, TWO));
    phone.session(&mut stage, Reason::StartUp);
    let windows =
        "{mode: Enforce, interval: 30d, windows: [{schedule: \"0 2 * * *\", duration: 2h, timeZone: Europe/Berlin}]}";
    stage.push(&with(windows, TWO));
    undo(&mut stage, "r2");
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(stage.view(MAC).state, State::Pending);
}

#[test]
fn what_nobody_wants_any_more_is_listed_until_it_is_dropped() {
    let leave = "{mode: Enforce, interval: 30d, onRemove: Leave}";
    let mut stage = Stage::with(&with(leave, ITEMS));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert!(stage.fleet.leftovers(None, &Part::lines(List::Leftovers)).leftovers.is_empty());
    let less = with(leave, "{sntp-tz-offset: 60, daylight-save: true}");
    stage.push(&less);
    phone.session(&mut stage, Reason::StartUp);
    let left = stage.fleet.leftovers(None, &Part::lines(List::Leftovers)).leftovers;
    let [one] = left.as_slice() else { panic!("{left:?}") };
    let told = (one.item.as_str(), one.written.as_str(), one.before.as_deref(), one.revision.as_str(), one.phones);
    assert_eq!(told, ("sntp-addr", "192.0.2.123", Some("192.0.2.1"), "r1", 1));
    let munich = SiteName::new("munich");
    assert!(stage.fleet.leftovers(Some(&munich), &Part::lines(List::Leftovers)).leftovers.is_empty());
    assert_eq!(stage.fleet.drop_leftovers(Some(&munich), stage.now), 0);
    assert_eq!(stage.fleet.drop_leftovers(None, stage.now), 1);
    stage.carry_out();
    let stage = stage.restarted(&less);
    assert!(stage.fleet.leftovers(None, &Part::lines(List::Leftovers)).leftovers.is_empty(), "and stays so");
}

#[test]
fn all_of_an_abandoned_phone_is_left_over() {
    let (mut stage, _) = in_sync();
    stage.push("");
    let left = stage.fleet.leftovers(None, &Part::lines(List::Leftovers)).leftovers;
    assert!(left.iter().any(|left| left.item == "sntp-addr"), "{left:?}");
}
