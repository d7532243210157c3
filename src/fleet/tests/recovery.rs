//! Many phones of a site start at once, or the service was away: who is served first, and what is not written.

use std::{fmt::Write as _, time::Duration};

use super::stage::{Phone, Stage, id};
use crate::{
    fleet::{
        Settings,
        paging::{List, Part},
        recovery::NothingHappened,
        settings::GateSettings,
        words::{AlertKind, PendingReason, State},
    },
    spec::SiteName,
    wpi::{Action, Reason},
};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const GATE: GateSettings = GateSettings { phones: 50, percent: 0, risky: 0, vanish: 0, trailer: false };

fn mac(number: usize) -> String {
    format!("00:1A:E8:00:{:02X}:{:02X}", number / 256, number % 256)
}

/// Phones of site berlin, of which five have a profile of their own, and ten of site munich behind them.
fn documents(berlin: usize, all: &str, few: &str) -> String {
    let head = "apiVersion: phoneops.dev/v1alpha1\nkind: ";
    let mut yaml = format!(
        "{head}PhoneProfile\nmetadata: {{name: all}}\nspec:\n  policy: {{mode: Enforce, interval: 30d}}\n  items: \
         {{sntp-addr: {all}, daylight-save: true}}\n---\n{head}PhoneProfile\nmetadata: {{name: few}}\nspec:\n  \
         profiles: [all]\n  items: {{sntp-tz-offset: {few}}}\n"
    );
    for number in 0..berlin + 10 {
        let (site, profile) =
            (if number < berlin { "berlin" } else { "munich" }, if (20..25).contains(&number) { "few" } else { "all" });
        write!(
            yaml,
            "---\n{head}PhoneConfig\nmetadata: {{name: phone-{number:03}}}\nspec:\n  phone: {{mac: \"{}\"}}\n  site: \
             {site}\n  profiles: [{profile}]\n",
            mac(number)
        )
        .unwrap();
    }
    yaml
}

fn phone(number: usize) -> Phone {
    let peer = format!("127.0.{}.{}:5000", 1 + number / 200, 1 + number % 200).parse().unwrap();
    Phone { peer, ..Phone::new(&mac(number)) }
}

/// All of them in sync, each started in a quiet hour of its own.
fn in_sync(berlin: usize) -> (Stage, Vec<Phone>) {
    let mut stage = Stage::gated(Settings { gate: GateSettings::OFF, ..Settings::default() });
    stage.push(&documents(berlin, "192.0.2.5", "60"));
    let mut phones: Vec<Phone> = (0..berlin + 10).map(phone).collect();
    for phone in &mut phones {
        phone.session(&mut stage, Reason::StartUp);
        stage.pass(2 * MINUTE);
    }
    stage.pass(HOUR);
    stage.contacts.clear();
    assert!((0..berlin + 10).all(|number| stage.view(&mac(number)).state == State::InSync));
    stage.gate_from_now_on(GATE);
    (stage, phones)
}

#[test]
fn power_comes_back_at_a_site_while_one_revision_is_held_and_another_one_is_pending() {
    const PHONES: usize = 226;
    let (mut stage, mut phones) = in_sync(PHONES);
    stage.push(&documents(PHONES, "192.0.2.5", "120"));
    stage.push(&documents(PHONES, "192.0.2.6", "120"));
    assert_eq!(stage.view(&mac(100)).state, State::Held, "for all, and so for those few too");
    let mut stage = stage;
    // one more is new, one is reset; the last of the site stays dark
    let new = documents(PHONES, "192.0.2.6", "120").replace("phone-235", "phone-235a");
    stage.push(&new);
    phones[224].values.values_mut().for_each(String::clear);
    phones[224].number = String::new();
    let began = stage.now;
    let mut written = Vec::new();
    let mut cleaned = 0;
    for (number, phone) in phones.iter_mut().enumerate().take(225) {
        let session = phone.session(&mut stage, Reason::StartUp);
        written.extend(session.writes().into_iter().flatten().map(|item| (number, item)));
        cleaned += usize::from(session.actions() == [Action::CleanUp]);
        stage.pass(Duration::from_millis(150));
    }
    assert!(stage.now.duration_since(began) < jiff::SignedDuration::from_secs(60));
    assert_eq!(phones[100].values[&id("sntp-addr")], "192.0.2.5", "nothing of what is held is written");
    assert!(phones.iter().all(|phone| phone.values.get(&id("sntp-addr")).is_none_or(|value| value != "192.0.2.6")));
    assert!(cleaned > 200, "known phones are answered and left alone: {cleaned}");
    assert!(written.iter().all(|(number, _)| *number == 224), "nobody is written but the reset one: {written:?}");

    let site = SiteName::new("berlin");
    let back = stage.fleet.back(Some(&site), None, &Part::lines(List::Missing), stage.now).unwrap();
    let missing: Vec<&str> = back.missing.iter().map(|phone| phone.name.as_str()).collect();
    assert_eq!((back.back, missing), (225, vec!["phone-225"]));
    let notes = stage.fleet.service_view(stage.now).notes;
    assert!(notes.iter().any(|note| note.contains("225 are back, 1 not yet")), "{notes:?}");
    assert_eq!(stage.fleet.census(stage.now).recovering_sites, 1);
    stage.contacts.clear();
    stage.pass(14 * MINUTE);
    assert!(stage.contacts.is_empty(), "nobody is asked");
    let other = phones[230].session(&mut stage, Reason::StartUp);
    assert_eq!(other.actions(), [Action::ReadItems, Action::CleanUp], "the other site is served as ever");

    stage.pass(2 * MINUTE);
    assert_eq!(stage.fleet.census(stage.now).recovering_sites, 0);
    stage.pass(10 * MINUTE);
    assert!(stage.contacts.len() > 50, "those that were passed over are read now: {}", stage.contacts.len());
    let mut alerts = stage.fleet.alerts(stage.now).alerts;
    alerts.retain(|alert| alert.kind != AlertKind::Held);
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.names.as_slice()), (AlertKind::NotBack, &["phone-225".to_owned()][..]));
    phones[225].session(&mut stage, Reason::StartUp);
    assert!(!stage.fleet.alerts(stage.now).by_kind().contains_key(&AlertKind::NotBack));
}

#[test]
fn a_write_that_waits_is_written_after_the_storm_and_is_told_to_wait_for_it() {
    let (mut stage, mut phones) = in_sync(40);
    stage.push(&documents(40, "192.0.2.5", "120"));
    for phone in phones.iter_mut().take(20) {
        phone.session(&mut stage, Reason::StartUp);
    }
    assert!(phones[20].session(&mut stage, Reason::StartUp).actions() == [Action::CleanUp]);
    let view = stage.view(&mac(21));
    assert_eq!((view.state, view.pending.as_ref().unwrap().reason), (State::Pending, PendingReason::Recovering));
    assert!(view.pending.unwrap().next.is_some());
    assert_eq!(stage.view(&mac(19)).pending.unwrap().reason, PendingReason::Recovering, "and those passed over");
    stage.pass(10 * MINUTE);
    phones[3].session(&mut stage, Reason::StartUp);
    stage.pass(10 * MINUTE);
    assert_eq!(stage.view(&mac(21)).state, State::Pending, "a start in between makes it longer");
    assert!(stage.contacts.is_empty());
    stage.pass(6 * MINUTE);
    assert_eq!(phones[21].session(&mut stage, Reason::Solicited).writes(), [["sntp-tz-offset"]]);
}

#[test]
fn a_few_starts_or_few_of_many_phones_are_no_storm_and_one_phone_that_starts_again_and_again_is_none() {
    let (mut stage, mut phones) = in_sync(40);
    for phone in phones.iter_mut().take(10) {
        phone.session(&mut stage, Reason::StartUp);
    }
    for _ in 0..30 {
        phones[11].values.insert(id("sntp-addr"), "192.0.2.77".to_owned());
        phones[9].session(&mut stage, Reason::StartUp);
    }
    assert_eq!(stage.fleet.census(stage.now).recovering_sites, 0);
    stage.pass(2 * MINUTE);
    for phone in phones.iter_mut().skip(10).take(10) {
        phone.session(&mut stage, Reason::StartUp);
        stage.pass(Duration::from_secs(7));
    }
    assert_eq!(stage.fleet.census(stage.now).recovering_sites, 0, "not within a minute");
    assert_eq!(stage.fleet.back(None, None, &Part::lines(List::Missing), stage.now), Err(NothingHappened));
    let since = stage.now;
    phones[0].session(&mut stage, Reason::StartUp);
    let back = stage.fleet.back(None, Some(since), &Part::lines(List::Missing), stage.now).unwrap();
    assert_eq!((back.back, back.missing.len()), (1, 49), "a person may say since when");
}

#[test]
fn after_a_long_absence_nothing_is_written_for_a_while_but_to_new_and_reset_phones() {
    let (stage, mut phones) = in_sync(40);
    let yaml = documents(40, "192.0.2.5", "60");
    let mut short = stage.restarted(&yaml);
    phones[7].values.insert(id("sntp-addr"), "192.0.2.77".to_owned());
    assert_eq!(phones[7].session(&mut short, Reason::StartUp).writes(), [["sntp-addr"]], "a restart is no absence");

    let mut away = stage.restarted(&yaml);
    away.now = crate::fleet::schedule::after(stage.now, HOUR);
    let mut stage = away.restarted(&yaml);
    stage.service = away.service.clone();
    let notes = stage.fleet.service_view(stage.now).notes;
    assert!(notes.iter().any(|note| note.starts_with("RECOVERING: the service was away")), "{notes:?}");
    phones[8].values.insert(id("sntp-addr"), "192.0.2.77".to_owned());
    let session = phones[8].session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "it is read, and not written");
    assert_eq!(stage.view(&mac(8)).pending.unwrap().reason, PendingReason::Recovering);
    phones[9].values.values_mut().for_each(String::clear);
    phones[9].number = String::new();
    stage.contacts.clear();
    stage.pass(9 * MINUTE);
    assert!(stage.contacts.len() < 20, "reads go on at their normal rate: {}", stage.contacts.len());
    stage.pass(2 * MINUTE);
    assert_eq!(phones[8].session(&mut stage, Reason::Solicited).writes(), [["sntp-addr"]]);
    assert!(stage.fleet.service_view(stage.now).notes.iter().all(|note| !note.starts_with("RECOVERING")));
}

#[test]
fn after_a_long_absence_no_alert_is_told_from_what_was_read_before() {
    let yaml = documents(5, "192.0.2.5", "60").replace("daylight-save: true", "emergency-e164: \"112\"");
    let report = yaml.replace("mode: Enforce", "mode: Report");
    let mut stage = Stage::gated(Settings { gate: GateSettings::OFF, ..Settings::default() });
    stage.push(&report);
    let mut handset = phone(1);
    handset.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.fleet.alerts(stage.now).by_kind()[&AlertKind::Safety], 1);
    stage.pass(MINUTE);
    let mut away = stage.restarted(&report);
    away.now = crate::fleet::schedule::after(stage.now, 72 * HOUR);
    away.service = stage.service.clone();
    let mut stage = away.restarted(&report);
    assert!(stage.fleet.alerts(stage.now).alerts.is_empty(), "neither wrong nor unread");
    handset.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.fleet.alerts(stage.now).by_kind()[&AlertKind::Safety], 1, "it was read again");
    stage.pass(49 * HOUR);
    let unread = stage.fleet.alerts(stage.now).alerts;
    assert!(unread.iter().any(|alert| alert.id.ends_with("/Unread")), "{unread:?}");
}
