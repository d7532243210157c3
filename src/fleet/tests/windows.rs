//! Windows and pauses: outside nothing is written, at the opening everything goes on, and reads never wait.

use std::time::Duration;

use jiff::Timestamp;

use super::stage::{ENFORCED, MAC, Phone, Reply, Stage, id};
use crate::{
    fleet::{
        Answer, Settings,
        flow::From,
        words::{PendingReason, State},
    },
    wpi::{Action, DeviceId, Item, Reason, ReplyStatus},
};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const NIGHT: &str = r#"windows: [{schedule: "0 2 * * *", duration: 3h, timeZone: Europe/Berlin}]"#;

/// The fleet with this more in its policy; no sweep falls into the days of a test.
fn policy(more: &str) -> String {
    let sweep = if more.contains("interval") { "" } else { "interval: 30d, " };
    ENFORCED.replace("{mode: Enforce}", &format!("{{mode: Enforce, {sweep}{more}}}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A stage at that time.
fn stage_at(time: &str, yaml: &str) -> Stage {
    let mut stage = Stage::empty(Settings::default());
    stage.now = at(time);
    stage.push(yaml);
    stage
}

fn pass_to(stage: &mut Stage, time: &str) {
    let wait = at(time).duration_since(stage.now);
    stage.pass(wait.unsigned_abs());
    assert_eq!(stage.now, at(time), "time goes on");
}

#[test]
fn outside_its_window_a_phone_is_read_and_compared_and_written_at_the_opening() {
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp]);
    assert!(!session.wish());
    let opening = at("2026-03-02T01:00:00Z");
    assert_eq!(stage.pending(), (PendingReason::WindowClosed, Some(opening)));
    assert_eq!(stage.view(MAC).drift_count, 3, "people see what waits");
    pass_to(&mut stage, "2026-03-02T00:59:59Z");
    assert!(stage.contacts.is_empty());
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.contacts.len(), 1, "the opening is a trigger");
    let session = phone.asked_and_called(&mut stage);
    assert_eq!(session.writes().len(), 1);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn solicited_outside_the_window_gets_a_plain_clean_up_and_reads_only_what_is_wanted() {
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(session.actions(), [Action::CleanUp]);
    assert_eq!(session.messages[0].items.len(), 0, "R-714: no wish for a write that may not be sent");
    stage.pass(2 * MINUTE);
    stage.fleet.ask_to_call(&DeviceId::new(MAC).unwrap(), stage.now);
    stage.pass(MINUTE);
    let session = phone.asked_and_called(&mut stage);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "a person wanted a look");
    assert_eq!(stage.pending().0, PendingReason::WindowClosed);
}

#[test]
fn local_changes_outside_the_window_are_seen_and_put_right_in_the_next_one() {
    let mut stage = stage_at("2026-03-01T01:30:00Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    pass_to(&mut stage, "2026-03-01T12:00:00Z");
    phone.values.insert(id("sntp-addr"), "192.0.2.7".to_owned());
    let attached =
        vec![Item::plain(id("configuration-attached-flag"), "true"), Item::plain(id("sntp-addr"), "192.0.2.7")];
    let message = phone.initial(Reason::LocalChanges, attached);
    assert_eq!(phone.session_from(&mut stage, message).actions(), [Action::CleanUp]);
    assert_eq!(stage.pending(), (PendingReason::WindowClosed, Some(at("2026-03-02T01:00:00Z"))));
    let start_up = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(start_up.actions(), [Action::ReadItems, Action::CleanUp], "read and compared, not written");
    pass_to(&mut stage, "2026-03-02T00:59:00Z");
    assert!(stage.contacts.is_empty());
    stage.pass(2 * MINUTE);
    phone.asked_and_called(&mut stage);
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123");
}

/// A session in which the first of two messages was sent just before the window closes.
fn half_written(stage: &mut Stage, phone: &mut Phone) -> Reply {
    let mut first = phone.initial(Reason::StartUp, Vec::new());
    first.max_items = Some(2);
    let read = phone.say(stage, first);
    assert_eq!(read.message.action, Action::ReadAllItems);
    let reply = phone.obey(&read.message);
    let write = phone.say(stage, reply);
    assert_eq!((write.message.action, write.message.items.len()), (Action::WriteItems, 2));
    write
}

#[test]
fn at_the_end_of_a_window_the_rest_waits_and_what_was_written_is_proven_in_the_same_session() {
    let mut stage = stage_at("2026-03-01T03:59:59Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    let write = half_written(&mut stage, &mut phone);
    stage.now = at("2026-03-01T04:00:00Z");
    let taken = phone.obey(&write.message);
    let mut read_back = phone.say(&mut stage, taken).message;
    assert_eq!(read_back.action, Action::ReadItems, "nothing more is written, what was is read");
    let sent: Vec<_> = write.message.items.iter().map(|item| &item.id).collect();
    assert_eq!(read_back.items.iter().map(|item| &item.id).collect::<Vec<_>>(), sent);
    let reply = phone.obey(&read_back);
    read_back = phone.say(&mut stage, reply).message;
    assert_eq!((read_back.action, read_back.items.len()), (Action::CleanUp, 0));
    let view = stage.view(MAC);
    assert_eq!(view.drift_count, 1, "the rest");
    assert_eq!(stage.pending(), (PendingReason::WindowClosed, Some(at("2026-03-02T01:00:00Z"))));
    pass_to(&mut stage, "2026-03-02T01:00:01Z");
    let session = phone.asked_and_called(&mut stage);
    let written = session.writes().concat();
    assert_eq!(written.len(), 1, "only the rest: {written:?}");
    assert!(sent.iter().all(|id| !written.contains(&id.to_string())));
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_window_that_ends_while_the_record_is_stored_lets_nothing_out_and_leaves_no_trace_of_it() {
    let mut stage = stage_at("2026-03-01T03:59:59Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = phone.say(&mut stage, first);
    let reply = phone.obey(&read.message);
    let nonce = reply.nonce.clone().unwrap();
    let from = From { cookie: phone.cookie.as_deref(), peer: phone.peer, connection: phone.connection };
    let Answer::Record { ticket, record } = stage.fleet.message(reply, &from, stage.now) else {
        panic!("a write is recorded before it leaves")
    };
    assert!(record.in_flight.is_some());
    stage.now = at("2026-03-01T04:00:00Z");
    let Answer::Send { message, .. } = stage.fleet.recorded(ticket, true, &nonce, stage.now) else { panic!("twice") };
    assert_eq!((message.action, message.items.len()), (Action::CleanUp, 0));
    stage.carry_out();
    let kept = &stage.saved[&DeviceId::new(MAC).unwrap()];
    assert!(kept.in_flight.is_none() && kept.before_images.is_empty());
    assert_eq!(stage.pending().0, PendingReason::WindowClosed);
}

#[test]
fn a_group_is_written_whole_or_not_at_all() {
    let yaml = policy(NIGHT).replace(
        "daylight-save: true}",
        "daylight-save: true}\n  byIndex:\n    1: {function-key-def: 31, key-label-unicode: One}\n    2: {function-key-def: 31, key-label-unicode: Two}",
    );
    let mut stage = stage_at("2026-03-01T03:59:59Z", &yaml);
    let mut phone = Phone::new(MAC);
    let mut first = phone.initial(Reason::StartUp, Vec::new());
    first.max_items = Some(2);
    let read = phone.say(&mut stage, first);
    let reply = phone.obey(&read.message);
    let write = phone.say(&mut stage, reply);
    stage.now = at("2026-03-01T04:00:00Z");
    let taken = phone.obey(&write.message);
    let next = phone.say(&mut stage, taken);
    assert_eq!(next.message.action, Action::ReadItems);
    for index in [1, 2] {
        let of = |name: &str| phone.values.contains_key(&id(&format!("{name}[{index}]")));
        assert_eq!(of("function-key-def"), of("key-label-unicode"), "key {index}");
    }
}

#[test]
fn a_pause_holds_writes_and_its_end_is_a_trigger() {
    let pause = r#"pause: {until: "2026-03-01T18:00:00Z", reason: fair, by: ada}"#;
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy(pause));
    let mut phone = Phone::new(MAC);
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp]);
    assert_eq!(stage.pending(), (PendingReason::Paused, Some(at("2026-03-01T18:00:00Z"))));
    pass_to(&mut stage, "2026-03-01T17:59:59Z");
    assert!(stage.contacts.is_empty());
    stage.pass(Duration::from_secs(1));
    phone.asked_and_called(&mut stage);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_pause_without_an_end_is_lifted_by_a_revision() {
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy("pause: {reason: fair, by: ada}"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.pending(), (PendingReason::Paused, None));
    stage.pass(20 * HOUR);
    assert!(stage.contacts.is_empty());
    stage.push(ENFORCED);
    stage.pass(Duration::from_secs(1));
    phone.asked_and_called(&mut stage);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_pause_that_comes_in_an_open_session_stops_it_before_the_next_message() {
    let mut stage = stage_at("2026-03-01T08:00:00Z", ENFORCED);
    let mut phone = Phone::new(MAC);
    let write = half_written(&mut stage, &mut phone);
    stage.push(&policy("pause: {reason: fair, by: ada}"));
    let taken = phone.obey(&write.message);
    let mut answer = phone.say(&mut stage, taken).message;
    while answer.action != Action::CleanUp {
        assert!(matches!(answer.action, Action::ReadItems | Action::ReadAllItems), "{}", answer.action);
        let reply = phone.obey(&answer);
        answer = phone.say(&mut stage, reply).message;
    }
    assert_eq!(stage.pending().0, PendingReason::Paused);
    assert_eq!(stage.view(MAC).drift_count, 1);
}

#[test]
fn a_change_of_the_windows_is_a_trigger() {
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.pass(5 * MINUTE);
    // open now, on the clock of Berlin
    stage.push(&policy(&NIGHT.replace("0 2", "0 9")));
    stage.pass(Duration::from_secs(1));
    phone.asked_and_called(&mut stage);
    assert_eq!(stage.view(MAC).state, State::InSync);
    // and away from now: what waits, waits
    stage.push(&policy(&NIGHT.replace("0 2", "0 20")).replace("192.0.2.123", "192.0.2.124"));
    assert_eq!(stage.pending(), (PendingReason::WindowClosed, Some(at("2026-03-01T19:00:00Z"))));
    stage.pass(10 * HOUR);
    assert!(stage.contacts.is_empty());
}

#[test]
fn a_window_that_opens_while_the_phone_is_in_a_call_asks_it_at_once() {
    let two = r#"windows: [{schedule: "0 2 * * *", duration: 3h, timeZone: Europe/Berlin}, {schedule: "5 5 * * *", duration: 1h, timeZone: Europe/Berlin}]"#;
    let mut stage = stage_at("2026-03-01T03:58:00Z", &policy(two));
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    assert!(phone.session(&mut stage, Reason::StartUp).wish());
    assert_eq!(stage.pending(), (PendingReason::InCall, None));
    pass_to(&mut stage, "2026-03-01T04:01:00Z");
    assert_eq!(stage.pending(), (PendingReason::WindowClosed, Some(at("2026-03-01T04:05:00Z"))));
    assert!(stage.contacts.is_empty());
    pass_to(&mut stage, "2026-03-01T04:05:00Z");
    assert_eq!(stage.contacts.len(), 1, "not only when the wait for its call is over");
    assert!(phone.asked_and_called(&mut stage).wish(), "R-309: it calls, refuses the write, and will call again");
    phone.in_call = false;
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_call_that_ends_after_the_window_gets_a_plain_clean_up_and_its_change_the_next_night() {
    let mut stage = stage_at("2026-03-01T03:50:00Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    assert!(phone.session(&mut stage, Reason::StartUp).wish());
    pass_to(&mut stage, "2026-03-01T04:10:00Z");
    phone.in_call = false;
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(session.actions(), [Action::CleanUp]);
    assert!(!session.wish());
    pass_to(&mut stage, "2026-03-02T01:00:01Z");
    phone.asked_and_called(&mut stage);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_phone_that_could_not_be_reached_while_open_waits_for_the_next_window() {
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    pass_to(&mut stage, "2026-03-02T01:00:00Z");
    for _ in 0..(4 * 60) {
        if let Some((device, ticket, at)) = stage.contacts.pop() {
            assert!(at < self::at("2026-03-02T04:00:00Z"), "nobody is asked after the end: {at}");
            stage.fleet.contact_done(&device, ticket, false, stage.now);
        }
        stage.pass(MINUTE);
    }
    assert_eq!(stage.pending(), (PendingReason::WindowClosed, Some(at("2026-03-03T01:00:00Z"))));
    pass_to(&mut stage, "2026-03-03T00:59:59Z");
    assert!(stage.contacts.is_empty());
    stage.pass(MINUTE);
    phone.asked_and_called(&mut stage);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_phone_that_missed_its_window_is_not_held_back_by_what_failed_before() {
    let mut stage = stage_at("2026-03-01T03:30:00Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&policy(NIGHT).replace("192.0.2.123", "192.0.2.124"));
    for _ in 0..40 {
        stage.pass(MINUTE);
        if let Some((device, ticket, _)) = stage.contacts.pop() {
            stage.fleet.contact_done(&device, ticket, false, stage.now);
        }
    }
    assert_eq!(stage.pending().0, PendingReason::WindowClosed, "and no word of Unreachable");
    pass_to(&mut stage, "2026-03-02T01:00:00Z");
    assert_eq!(stage.contacts.len(), 1, "at the opening, not some backoff later");
}

#[test]
fn reads_do_not_wait_for_windows() {
    let mut stage = stage_at("2026-03-01T01:30:00Z", &policy(&format!("interval: 4h, {NIGHT}")));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    pass_to(&mut stage, "2026-03-01T05:31:00Z");
    let session = phone.asked_and_called(&mut stage);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "the sweep");
    phone.values.insert(id("sntp-addr"), "192.0.2.7".to_owned());
    stage.pass(4 * HOUR);
    let session = phone.asked_and_called(&mut stage);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "the sweep finds a drift and does not write");
    assert_eq!(stage.pending().0, PendingReason::WindowClosed);
    stage.pass(4 * HOUR);
    assert_eq!(stage.contacts.len(), 1, "the sweep goes on while a write waits");
}

#[test]
fn a_busy_read_outside_the_window_gets_no_wish() {
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy(NIGHT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let first = phone.initial(Reason::StartUp, Vec::new());
    phone.say(&mut stage, first);
    let busy = phone.reply(Action::ReadItems, ReplyStatus::Busy, Vec::new());
    let end = phone.say(&mut stage, busy).message;
    assert_eq!((end.action, end.items.len()), (Action::CleanUp, 0), "R-714");
    let view = stage.view(MAC).pending.unwrap();
    assert_eq!((view.reason, view.next), (PendingReason::WindowClosed, Some(at("2026-03-02T01:00:00Z"))), "promise 10");
}

#[test]
fn in_report_no_window_makes_a_phone_wait() {
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy(NIGHT).replace("mode: Enforce", "mode: Report"));
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::Drifted);
    let mut stage = Stage::empty(Settings { report_only: true, ..Settings::default() });
    stage.push(&policy("pause: {reason: fair, by: ada}"));
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::Drifted);
}

/// When a phone that waits is asked, from that time on, on that many nights.
fn nights(from: &str, count: usize) -> Vec<String> {
    let policy = || policy(&format!("interval: 30d, {NIGHT}"));
    let mut stage = stage_at(from, &policy());
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let mut asked = Vec::new();
    let mut value = 0;
    while asked.len() < count {
        stage.pass(MINUTE);
        if let Some((device, ticket, at)) = stage.contacts.pop() {
            asked.push(at.to_string());
            stage.fleet.contact_done(&device, ticket, true, stage.now);
            phone.session(&mut stage, Reason::Solicited);
            value += 1;
            // what comes in the morning waits for the next night
            stage.pass(6 * HOUR);
            stage.push(&policy().replace("sntp-tz-offset: 60", &format!("sntp-tz-offset: {value}")));
        }
    }
    asked
}

#[test]
fn windows_go_by_the_clock_of_their_zone_in_both_changes_of_the_clock() {
    // at 02:00 the clock goes to 03:00: the window opens at the moment after the gap
    let spring = nights("2026-03-27T12:00:00Z", 3);
    assert_eq!(spring, ["2026-03-28T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
    // at 03:00 the clock goes back to 02:00: the window opens once, at the first 02:00
    let autumn = nights("2026-10-23T12:00:00Z", 3);
    assert_eq!(autumn, ["2026-10-24T00:00:00Z", "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"]);
}

#[test]
fn a_window_over_the_change_of_the_clock_closes_after_its_duration() {
    for (day, end) in [("2026-03-29", "2026-03-29T04:00:00Z"), ("2026-10-25", "2026-10-25T03:00:00Z")] {
        let before = at(end).checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
        for (now, open) in [(before, true), (at(end), false)] {
            let mut stage = stage_at(&now.to_string(), &policy(NIGHT));
            let session = Phone::new(MAC).session(&mut stage, Reason::StartUp);
            assert_eq!(!session.writes().is_empty(), open, "{day} at {now}");
        }
    }
}

#[test]
fn a_thousand_phones_that_wait_for_one_opening_are_asked_at_a_pace() {
    let mut stage = Stage::empty(Settings { contacts_in_flight: 8_000, ..Settings::default() });
    stage.now = at("2026-03-01T12:00:00Z");
    let yaml = policy(NIGHT);
    let mac = |number: u32| format!("00:1A:E8:00:{:02X}:{:02X}", number / 256, number % 256);
    let phones = (0..1000).map(|number| {
        let phone = yaml.rsplit("---").next().unwrap().replace("reception", &format!("p{number}"));
        format!("---{}  site: s{}\n", phone.replace(MAC, &mac(number)), number % 50)
    });
    let phones: Vec<String> = phones.collect();
    let (one, two) = (phones[..500].concat(), phones[500..].concat());
    stage.push_files(&[("profile.yaml", yaml.split("---").next().unwrap()), ("a.yaml", &one), ("b.yaml", &two)]);
    for number in 0..1000 {
        let mut phone = Phone::new(&mac(number));
        phone.peer = format!("127.1.{}.{}:9", number / 256, number % 256).parse().unwrap();
        phone.session(&mut stage, Reason::StartUp);
    }
    assert_eq!(stage.fleet.census(stage.now).pending[&PendingReason::WindowClosed], 1000);
    assert_eq!(stage.fleet.waiting().0, 1000, "an entry each");
    pass_to(&mut stage, "2026-03-02T00:59:59Z");
    assert!(stage.contacts.is_empty());
    stage.pass(Duration::from_secs(11));
    assert!((190..=201).contains(&stage.contacts.len()), "{} in 10 s", stage.contacts.len());
    stage.pass(MINUTE);
    assert_eq!(stage.contacts.len(), 1000, "none is forgotten");
}

#[test]
fn a_restart_that_waits_for_the_opening_is_not_held_back_by_a_call_before_it() {
    let two = r#"windows: [{schedule: "0 2 * * *", duration: 3h, timeZone: Europe/Berlin}, {schedule: "5 5 * * *", duration: 1h, timeZone: Europe/Berlin}]"#;
    let mut stage = stage_at("2026-03-01T03:50:00Z", &policy(two));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.pass(2 * MINUTE);
    stage.fleet.restart(&DeviceId::new(MAC).unwrap(), "ada", stage.now);
    phone.in_call = true;
    stage.pass(MINUTE);
    phone.asked_and_called(&mut stage);
    assert_eq!(stage.pending(), (PendingReason::InCall, None));
    pass_to(&mut stage, "2026-03-01T04:04:59Z");
    assert_eq!(stage.pending(), (PendingReason::WindowClosed, Some(at("2026-03-01T04:05:00Z"))));
    assert!(stage.contacts.is_empty());
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.contacts.len(), 1, "the opening is a trigger for a restart too");
}

#[test]
fn who_wants_a_pause_and_why_is_told_while_it_holds() {
    let pause = r#"pause: {until: "2026-03-01T18:00:00Z", reason: trade fair, by: ada}"#;
    let mut stage = stage_at("2026-03-01T08:00:00Z", &policy(pause));
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).notes, ["paused until 2026-03-01T18:00:00Z by ada: trade fair"]);
    pass_to(&mut stage, "2026-03-01T18:00:00Z");
    assert_eq!(stage.view(MAC).notes, [""; 0]);
    stage.push(&policy("pause: {reason: trade fair, by: ada}").replace("mode: Enforce", "mode: Report"));
    assert_eq!(stage.view(MAC).notes, [""; 0], "in Report there is nothing to hold back");
}
