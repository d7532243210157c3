//! Phones that poll: what they are told, how often, and where they poll.

use std::{net::IpAddr, time::Duration};

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        ContactAnswer, Settings,
        paging::{List, Part},
        schedule::after,
        words::{PendingReason, State},
    },
    wpi::{Action, DeviceId, Item, ItemStatus, Reason, ReplyStatus},
};

const MINUTE: Duration = Duration::from_mins(1);
const URL: &str = "http://198.51.100.7:8086/";

fn documents(mode: &str) -> String {
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\nspec: {reach: Poll, networks: [127.0.0.0/24]}\n";
    let phone = ENFORCED.replace("profiles: [site-berlin]", "profiles: [site-berlin]\n  site: berlin");
    format!("{}{site}", phone.replace("mode: Enforce", &format!("mode: {mode}")))
}

fn behind_nat(mode: &str) -> (Stage, Phone) {
    let mut stage = Stage::empty(Settings { poll_url: Some(URL.into()), ..Settings::default() });
    stage.push(&documents(mode));
    (stage, Phone::new(MAC))
}

fn poll(stage: &mut Stage) -> bool {
    poll_from(stage, "127.0.0.9")
}

fn poll_from(stage: &mut Stage, peer: &str) -> bool {
    let called = stage.fleet.poll(&DeviceId::new(MAC).unwrap(), peer.parse::<IpAddr>().unwrap(), stage.now);
    stage.carry_out();
    called
}

/// A change of the documents for a phone that is in sync.
fn with_work() -> (Stage, Phone) {
    let (mut stage, mut phone) = behind_nat("Enforce");
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    stage.pass(MINUTE);
    stage.push(&documents("Enforce").replace("192.0.2.123", "192.0.2.124"));
    (stage, phone)
}

#[test]
fn a_phone_is_told_to_call_only_when_something_waits_for_it_and_never_by_contact_me() {
    let (mut stage, mut phone) = behind_nat("Enforce");
    phone.session(&mut stage, Reason::StartUp);
    stage.pass(MINUTE);
    assert!(!poll(&mut stage), "R-312: nothing waits");
    stage.push(&documents("Enforce").replace("192.0.2.123", "192.0.2.124"));
    stage.pass(MINUTE);
    let pending = stage.view(MAC).pending.expect("it waits");
    assert_eq!(pending.reason, PendingReason::Queued, "{pending:?}");
    assert!(poll(&mut stage), "R-312: 202");
    assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::Called);
    assert!(!poll(&mut stage), "it was told just now");
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sntp-addr"]]);
    assert_eq!(stage.view(MAC).state, State::InSync);
    stage.pass(MINUTE * 60);
    assert!(!poll(&mut stage));
    assert!(stage.contacts.is_empty(), "never a contact-me");
}

#[test]
fn a_phone_that_never_comes_is_not_told_again_at_each_poll() {
    let (mut stage, _) = with_work();
    let mut told = 0;
    for _ in 0..24 * 60 * 2 {
        told += u32::from(poll(&mut stage));
        stage.pass(MINUTE / 2);
    }
    assert!((3..=12).contains(&told), "told {told} times in a day");
    let pending = stage.view(MAC).pending.unwrap();
    assert!(
        matches!(pending.reason, PendingReason::NoAnswer | PendingReason::Called | PendingReason::RateLimited),
        "{pending:?}"
    );
    assert!(pending.next.is_some(), "{pending:?}");
}

#[test]
fn who_is_unknown_or_elsewhere_is_told_nothing() {
    let (mut stage, _) = with_work();
    let now = stage.now;
    let stranger = DeviceId::new("00:1A:E8:99:99:99").unwrap();
    assert!(!stage.fleet.poll(&stranger, "127.0.0.9".parse().unwrap(), now), "R-312: unknown device 200");
    assert_eq!(
        stage.fleet.undeclared(&Part::first(List::Undeclared, 10), now).entries.len(),
        0,
        "a poll makes nobody known"
    );
    assert!(!poll_from(&mut stage, "192.0.2.66"));
    assert_eq!(stage.fleet.counters().polls_outside, 1);
    assert!(poll_from(&mut stage, "::ffff:127.0.0.9"), "and the phone itself is told");
}

#[test]
fn the_address_to_poll_at_is_written_after_each_start_and_is_no_drift() {
    let (mut stage, mut phone) = behind_nat("Enforce");
    let first = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(first.writes(), [vec!["daylight-save", "sntp-addr", "sntp-tz-offset"], vec!["dcmp-url"]]);
    assert_eq!(phone.values[&id("dcmp-url")], URL, "R-310");
    let view = stage.view(MAC);
    assert_eq!((view.state, view.managed, view.drift_count), (State::InSync, 3, 0));
    let saved = stage.saved.values().next().unwrap();
    assert!(saved.in_flight.is_none() && saved.before_images.iter().all(|image| image.id != id("dcmp-url")));
    assert!(phone.session(&mut stage, Reason::Solicited).writes().is_empty(), "once");
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["dcmp-url"]], "the phone need not keep it");
}

#[test]
fn a_start_without_changes_is_still_given_the_address() {
    let mut stage = Stage::empty(Settings { poll_url: Some(URL.into()), ..Settings::default() });
    stage.push(&documents("Enforce, soleServer: true"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let unchanged = vec![Item::plain(id("configuration-changed-flag"), "false")];
    let again = phone.initial(Reason::StartUp, unchanged.clone());
    assert_eq!(phone.session_from(&mut stage, again).writes(), [["dcmp-url"]]);
}

#[test]
fn the_service_writes_its_own_value_of_that_item_and_no_other() {
    // a site of another reach, a report, old firmware, and documents that set it themselves
    let own = documents("Enforce").replace("sntp-addr: 192.0.2.123", "dcmp-url: \"http://192.0.2.50/\"");
    for yaml in [documents("Enforce").replace("reach: Poll, ", ""), documents("Report"), own] {
        let mut stage = Stage::empty(Settings { poll_url: Some(URL.into()), ..Settings::default() });
        stage.push(&yaml);
        let writes = Phone::new(MAC).session(&mut stage, Reason::StartUp).writes().concat();
        assert!(!writes.contains(&"dcmp-url".to_owned()), "{yaml}");
    }
    let (mut stage, mut old) = behind_nat("Enforce");
    "V1 R5.6.0".clone_into(&mut old.firmware);
    assert!(!old.session(&mut stage, Reason::StartUp).writes().concat().contains(&"dcmp-url".to_owned()), "from V2R0");
}

#[test]
fn in_report_the_phone_is_read_when_it_calls_and_status_says_so() {
    let (mut stage, mut phone) = behind_nat("Report");
    let first = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(first.actions(), [Action::ReadItems, Action::CleanUp]);
    let view = stage.view(MAC);
    assert!(view.notes.iter().any(|note| note.contains("reach: Poll") && note.contains("Report")), "{:?}", view.notes);
    stage.pass(MINUTE * 60 * 26);
    assert!(stage.contacts.is_empty());
    assert!(poll(&mut stage), "a phone that polls all the same is told when its sweep is due");
    assert!(stage.view(MAC).notes.is_empty(), "{:?}", stage.view(MAC).notes);
}

#[test]
fn a_phone_that_refuses_the_address_is_not_pestered_and_says_so() {
    let (mut stage, mut phone) = behind_nat("Enforce");
    phone.refuses.insert(id("dcmp-url"), ItemStatus::UnknownItem);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    assert!(stage.view(MAC).notes[0].contains("unknown item"), "{:?}", stage.view(MAC).notes);
    assert!(phone.session(&mut stage, Reason::Solicited).writes().is_empty());
}

#[test]
fn an_address_that_could_not_be_recorded_is_written_in_the_next_session() {
    let (mut stage, mut phone) = behind_nat("Enforce");
    phone.session(&mut stage, Reason::StartUp);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let asked = stage.say(&phone, first);
    phone.cookie = asked.set_cookie;
    let read = phone.obey(&asked.message);
    assert_eq!(stage.say_storing(&phone, read, false).message.action, Action::CleanUp, "promise 7");
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["dcmp-url"]]);
}

#[test]
fn a_person_is_told_when_the_phone_will_hear_of_it() {
    let (mut stage, mut phone) = behind_nat("Enforce");
    phone.session(&mut stage, Reason::StartUp);
    let device = DeviceId::new(MAC).unwrap();
    let answer = stage.fleet.ask_to_call(&device, stage.now);
    assert!(matches!(answer, ContactAnswer::CannotBeReached(_)), "{answer:?}");
    stage.pass(MINUTE * 5);
    poll(&mut stage);
    stage.pass(MINUTE * 2);
    poll(&mut stage);
    assert_eq!(stage.fleet.ask_to_call(&device, stage.now), ContactAnswer::Queued(after(stage.now, MINUTE * 2)));
    assert_eq!(stage.view(MAC).pending.unwrap().next, Some(after(stage.now, MINUTE * 2)));
    assert!(poll(&mut stage), "at its next poll");
    assert_eq!(phone.session(&mut stage, Reason::Solicited).actions(), [Action::ReadItems, Action::CleanUp]);
}

#[test]
fn a_phone_in_a_call_is_not_told_until_it_was_left_alone() {
    let (mut stage, mut phone) = with_work();
    stage.pass(MINUTE);
    assert!(poll(&mut stage));
    phone.in_call = true;
    assert!(phone.session(&mut stage, Reason::Solicited).wish());
    stage.pass(MINUTE * 2);
    assert!(!poll(&mut stage), "it calls when the call is over");
    assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::InCall);
    phone.in_call = false;
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sntp-addr"]]);
}

#[test]
fn many_phones_are_told_at_the_pace_of_the_service() {
    let mut stage =
        Stage::empty(Settings { poll_url: Some(URL.into()), contacts_per_second: 5, ..Settings::default() });
    let phone = |number: u32| {
        format!(
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p{number}}}\nspec: {{phone: {{mac: \"00:1A:E8:00:00:{number:02X}\"}}, site: berlin, policy: {{mode: Report}}, items: {{sntp-addr: 192.0.2.5}}}}\n"
        )
    };
    let all: String = (0..40).map(phone).collect();
    stage.push(&format!("{}{all}", documents("Report")));
    let peer = "127.0.0.9".parse().unwrap();
    let mut told = || {
        (0..40)
            .filter(|number| {
                let device = DeviceId::new(&format!("00:1A:E8:00:00:{number:02X}")).unwrap();
                stage.fleet.poll(&device, peer, stage.now)
            })
            .count()
    };
    assert_eq!(told(), 1, "one now, and a fifth of a second until the next");
}

/// Two phones of a Poll site that are to get an item that can make them vanish; the second may not yet.
fn climbing() -> (Stage, Phone, Phone) {
    let yaml = documents("Enforce").replace("mode: Enforce", "mode: Enforce, lockoutItems: Allow");
    let yaml = yaml.replace("daylight-save: true", "vlan-id: 7");
    let site = yaml.rfind("---").unwrap();
    let second = yaml[yaml.find("---").unwrap()..site].replace(":33", ":44").replace("reception", "porter");
    let mut stage = Stage::empty(Settings { poll_url: Some(URL.into()), ..Settings::default() });
    stage.push(&format!("{yaml}{second}"));
    let (mut first, mut second) = (Phone::new("00:1A:E8:11:22:44"), Phone::new(MAC));
    second.connection = 2;
    let writes = first.session(&mut stage, Reason::StartUp).writes().concat();
    assert_eq!(writes.last().unwrap(), "dcmp-url");
    let writes = second.session(&mut stage, Reason::StartUp).writes().concat();
    assert_eq!(writes, ["sntp-addr", "sntp-tz-offset", "dcmp-url"], "it is told where to poll while it waits");
    (stage, first, second)
}

#[test]
fn a_phone_that_waits_for_its_turn_is_not_told_to_call_before_it() {
    let (mut stage, mut first, mut second) = climbing();
    for _ in 0..5 {
        stage.pass(MINUTE);
        assert!(!poll(&mut stage), "each call would be for nothing");
        assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::Turn);
    }
    first.session(&mut stage, Reason::Solicited);
    assert!(poll(&mut stage));
    assert_eq!(second.session(&mut stage, Reason::Solicited).writes(), [["vlan-id"]]);
}

#[test]
fn a_phone_in_doubt_is_told_to_call_in_time_and_not_before_its_call_proves_something() {
    let (mut stage, mut first, _) = climbing();
    let poll = |stage: &mut Stage| {
        let device = DeviceId::new("00:1A:E8:11:22:44").unwrap();
        stage.fleet.poll(&device, "127.0.0.9".parse().unwrap(), stage.now)
    };
    stage.pass(MINUTE / 2);
    assert!(!poll(&mut stage));
    stage.pass(MINUTE / 2);
    assert!(poll(&mut stage), "after a minute");
    first.session(&mut stage, Reason::Solicited);
    assert!(
        stage.view("porter").notes.iter().all(|note| !note.contains("heard of")),
        "{:?}",
        stage.view("porter").notes
    );
}

#[test]
fn an_address_whose_write_was_never_answered_is_written_again() {
    let (mut stage, mut phone) = behind_nat("Enforce");
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.up_to_the_write(&mut stage).message.action, Action::WriteItems);
    stage.pass(MINUTE * 5);
    assert_eq!(phone.session(&mut stage, Reason::LocalChanges).writes(), [[""; 0]; 0]);
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["dcmp-url"]]);
}

#[test]
fn a_phone_that_fails_at_the_address_has_all_else_proven_and_is_not_pestered() {
    let (mut stage, mut phone) = behind_nat("Enforce");
    let mut message = phone.initial(Reason::StartUp, Vec::new());
    let mut actions = Vec::new();
    loop {
        let reply = stage.say(&phone, message);
        phone.cookie = reply.set_cookie.or(phone.cookie.take());
        actions.push(reply.message.action);
        if reply.message.action == Action::CleanUp {
            break;
        }
        let url = reply.message.items.iter().any(|item| item.id == id("dcmp-url"));
        let fails = url && reply.message.action == Action::WriteItems;
        message = if fails {
            phone.reply(Action::WriteItems, ReplyStatus::Failed, Vec::new())
        } else {
            phone.obey(&reply.message)
        };
    }
    let expected = [Action::ReadItems, Action::WriteItems, Action::WriteItems, Action::ReadItems, Action::CleanUp];
    assert_eq!(actions, expected);
    assert_eq!(stage.view(MAC).state, State::InSync);
    assert!(stage.view(MAC).notes[0].contains("`failed`"), "{:?}", stage.view(MAC).notes);
    assert!(phone.session(&mut stage, Reason::Solicited).writes().is_empty());
}

#[test]
fn the_address_is_written_outside_windows_too_and_not_while_a_pause_holds() {
    const NIGHT: &str = "Enforce, windows: [{schedule: \"0 2 * * *\", duration: 3h, timeZone: Europe/Berlin}]";
    let (mut stage, mut phone) = behind_nat(NIGHT);
    let by_day = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(by_day.writes(), [["dcmp-url"]], "else nobody could tell it of the opening");
    assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::WindowClosed);
    assert!(!poll(&mut stage));
    let night = "2026-03-02T01:00:01Z".parse::<jiff::Timestamp>().unwrap();
    stage.pass(night.duration_since(stage.now).unsigned_abs());
    assert!(poll(&mut stage), "the opening");
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes().concat().len(), 3);
    let (mut stage, mut phone) = behind_nat("Enforce, pause: {reason: fair, by: ada}");
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().len(), 0);
}

#[test]
fn a_phone_that_waits_for_its_turn_is_not_told_to_call_for_it() {
    let (mut stage, _) = behind_nat("Enforce");
    let other = "00:1A:E8:00:00:01";
    let yaml = documents("Enforce, lockoutItems: Allow").replace("daylight-save: true", "vlan-id: 7");
    let config = yaml.split("---").nth(1).unwrap().replace(MAC, other).replace("reception", "other");
    stage.push(&format!("{yaml}---{config}"));
    let mut first = Phone::new(other);
    first.peer = "127.0.0.8:5000".parse().unwrap();
    first.session(&mut stage, Reason::StartUp);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let mut told = 0;
    for _ in 0..10 {
        stage.pass(MINUTE);
        assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::Turn);
        if poll(&mut stage) {
            told += 1;
            phone.session(&mut stage, Reason::Solicited);
        }
    }
    assert_eq!(told, 0, "a call could not change anything");
}
