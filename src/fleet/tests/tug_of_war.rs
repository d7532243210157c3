//! Another server that writes at a site: healing stops there before it becomes a fight.

use std::{fmt::Write, time::Duration};

use super::stage::{Phone, Stage, id};
use crate::{
    fleet::words::{DegradedReason, PendingReason, State, TugOfWar},
    wpi::Reason,
};

const MINUTE: Duration = Duration::from_mins(1);

fn mac(number: usize) -> String {
    format!("00:1A:E8:33:00:{number:02X}")
}

/// So many phones at site berlin, and one at munich.
fn yaml(phones: usize, items: &str) -> String {
    let mut yaml = String::new();
    for site in ["berlin", "munich"] {
        let _ = write!(
            yaml,
            "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: {site}}}\nspec: {{}}\n---\n\
             apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: {site}}}\nspec:\n  site: {site}\n  \
             policy: {{mode: Enforce}}\n  items: {{{items}}}\n---\n"
        );
    }
    for number in 0..=phones {
        let site = if number < phones { "berlin" } else { "munich" };
        let _ = write!(
            yaml,
            "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p{number}}}\nspec:\n  phone: {{mac: \
             \"{}\"}}\n  profiles: [{site}]\n---\n",
            mac(number)
        );
    }
    yaml
}

const ITEMS: &str = "sntp-addr: 192.0.2.123, sntp-tz-offset: 60";

fn proven(phones: usize) -> (Stage, Vec<Phone>) {
    let mut stage = Stage::with(&yaml(phones, ITEMS));
    let mut all: Vec<Phone> = (0..=phones).map(|number| Phone::new(&mac(number))).collect();
    for (number, phone) in all.iter_mut().enumerate() {
        phone.peer = format!("127.0.7.{}:5000", number + 1).parse().unwrap();
        phone.connection = number as u64;
        phone.session(&mut stage, Reason::StartUp);
    }
    (stage, all)
}

fn change(stage: &mut Stage, phone: &mut Phone, item: &str, value: &str) {
    phone.values.insert(id(item), value.to_owned());
    phone.session(stage, Reason::LocalChanges);
}

/// How many writes each phone is given in the next minutes.
fn written(stage: &mut Stage, phones: &mut [Phone]) -> Vec<usize> {
    stage.pass(5 * MINUTE);
    stage.contacts.clear();
    phones.iter_mut().map(|phone| phone.session(stage, Reason::Solicited).writes().len()).collect()
}

/// A site that stopped: six of eight phones had their `sntp-addr` changed to the same.
fn stopped() -> (Stage, Vec<Phone>) {
    let (mut stage, mut phones) = proven(8);
    for phone in &mut phones[..6] {
        change(&mut stage, phone, "sntp-addr", "192.0.2.66");
    }
    (stage, phones)
}

#[test]
fn the_same_drift_on_more_than_five_phones_stops_healing_for_their_site_and_says_so() {
    let (mut stage, mut phones) = stopped();
    let view = stage.view("p0");
    assert_eq!((view.state, view.degraded), (State::Degraded, vec![DegradedReason::TugOfWar]));
    assert_eq!((view.tug_of_war[0].item.as_str(), view.tug_of_war[0].cause), ("sntp-addr", TugOfWar::Site));
    let census = stage.fleet.census(stage.now);
    assert_eq!((census.stopped_sites, census.held), (1, 6));
    change(&mut stage, &mut phones[7], "sntp-tz-offset", "0");
    change(&mut stage, &mut phones[8], "sntp-addr", "192.0.2.66");
    assert_eq!(written(&mut stage, &mut phones), [0, 0, 0, 0, 0, 0, 0, 0, 1], "another site goes on");
}

#[test]
fn a_session_under_way_when_healing_stops_writes_nothing_more() {
    let (mut stage, mut phones) = proven(8);
    for phone in &mut phones[..5] {
        change(&mut stage, phone, "sntp-addr", "192.0.2.66");
    }
    phones[5].values.insert(id("sntp-addr"), "192.0.2.66".to_owned());
    assert!(
        phones[5].session(&mut stage, Reason::StartUp).writes().is_empty(),
        "it is read in a session that may write"
    );
    assert_eq!(stage.view("p5").state, State::Degraded);
}

#[test]
fn five_phones_different_values_other_sites_and_long_times_are_no_fight() {
    let (mut stage, mut phones) = proven(8);
    for (number, phone) in phones[..8].iter_mut().enumerate() {
        change(&mut stage, phone, "sntp-addr", &format!("192.0.2.{}", 200 + number / 5));
    }
    assert_eq!(stage.fleet.census(stage.now).stopped_sites, 0, "five and three");
    assert_eq!(written(&mut stage, &mut phones).iter().sum::<usize>(), 8);
    stage.pass(31 * MINUTE);
    for phone in &mut phones[3..8] {
        change(&mut stage, phone, "sntp-addr", "192.0.2.201");
        stage.pass(7 * MINUTE);
        stage.contacts.clear();
    }
    assert_eq!(stage.fleet.census(stage.now).stopped_sites, 0, "not within half an hour");
}

#[test]
fn what_the_documents_change_is_written_at_a_site_that_stopped() {
    let (mut stage, mut phones) = stopped();
    stage.push(&yaml(8, &ITEMS.replace("60", "120")));
    written(&mut stage, &mut phones);
    assert!(phones.iter().all(|phone| phone.values[&id("sntp-tz-offset")] == "120"));
    assert_eq!(phones[0].values[&id("sntp-addr")], "192.0.2.66");
}

#[test]
fn a_revision_that_changes_the_item_lets_healing_go_on() {
    let (mut stage, mut phones) = stopped();
    stage.push(&yaml(8, &ITEMS.replace(".123", ".124")));
    written(&mut stage, &mut phones);
    assert!(phones.iter().all(|phone| phone.values[&id("sntp-addr")] == "192.0.2.124"));
    assert_eq!(stage.fleet.census(stage.now).stopped_sites, 0);
}

#[test]
fn a_persons_retry_of_one_phone_lets_healing_go_on_for_its_site() {
    let (mut stage, mut phones) = stopped();
    let device = stage.fleet.device("p1").unwrap();
    stage.fleet.retry(&device, false, stage.now);
    stage.carry_out();
    assert_eq!(written(&mut stage, &mut phones)[..6], [1; 6]);
}

#[test]
fn a_restart_does_not_begin_the_fight_again() {
    let (stage, mut phones) = stopped();
    let mut again = stage.restarted(&yaml(8, ITEMS));
    assert_eq!(again.fleet.census(again.now).stopped_sites, 1);
    change(&mut again, &mut phones[7], "sntp-addr", "192.0.2.66");
    assert_eq!(written(&mut again, &mut phones).iter().sum::<usize>(), 0);
}

#[test]
fn a_day_of_peace_ends_it() {
    let (mut stage, mut phones) = stopped();
    for phone in &mut phones[..6] {
        change(&mut stage, phone, "sntp-addr", "192.0.2.123");
    }
    stage.pass(25 * 60 * MINUTE);
    stage.contacts.clear();
    for phone in &mut phones {
        phone.session(&mut stage, Reason::StartUp);
    }
    assert_eq!(stage.fleet.census(stage.now).stopped_sites, 0);
    change(&mut stage, &mut phones[0], "sntp-addr", "192.0.2.66");
    phones[0].session(&mut stage, Reason::Solicited);
    assert_eq!(phones[0].values[&id("sntp-addr")], "192.0.2.123");
}

#[test]
fn a_site_that_no_phone_is_at_any_more_has_not_stopped() {
    let (mut stage, mut phones) = stopped();
    let moved = yaml(8, ITEMS).replace("profiles: [berlin]", "profiles: [munich]");
    stage.push(&moved);
    assert_eq!(stage.fleet.census(stage.now).stopped_sites, 0);
    written(&mut stage, &mut phones);
    assert!(phones.iter().all(|phone| phone.values[&id("sntp-addr")] == "192.0.2.123"), "they are healed there");
}

#[test]
fn a_phone_that_is_only_watched_keeps_no_site_from_its_peace() {
    let (mut stage, mut phones) = stopped();
    let watched = yaml(8, ITEMS)
        .replace("metadata: {name: p0}\nspec:\n", "metadata: {name: p0}\nspec:\n  policy: {mode: Report}\n");
    stage.push(&watched);
    for phone in &mut phones[1..6] {
        change(&mut stage, phone, "sntp-addr", "192.0.2.123");
    }
    stage.pass(25 * 60 * MINUTE);
    stage.contacts.clear();
    for phone in &mut phones {
        phone.session(&mut stage, Reason::StartUp);
    }
    assert_eq!(stage.fleet.census(stage.now).stopped_sites, 0);
    assert_eq!(phones[0].values[&id("sntp-addr")], "192.0.2.66");
}

#[test]
fn phones_that_were_set_to_another_server_say_nothing_of_their_site() {
    let ours = yaml(8, ITEMS).replace("{name: berlin}\nspec: {}", "{name: berlin}\nspec: {servers: [dls.example.com]}");
    let (mut stage, mut phones) = proven(8);
    stage.push(&ours);
    for phone in &mut phones[..6] {
        phone.values.insert(id("dls-addr"), "dls.example.org".to_owned());
        phone.values.insert(id("sntp-addr"), "192.0.2.66".to_owned());
        phone.session(&mut stage, Reason::StartUp);
    }
    assert_eq!(stage.view("p5").pending.unwrap().reason, PendingReason::ForeignServer);
    assert_eq!(stage.fleet.census(stage.now).stopped_sites, 0);
    stage.contacts.clear();
    change(&mut stage, &mut phones[7], "sntp-addr", "192.0.2.66");
    assert_eq!(written(&mut stage, &mut phones[7..8]), [1], "the others are put right");
}
