//! Modes: by layer and phone, changed by a revision like anything else, in an open session too.

use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Reply, Stage, id};
use crate::{
    fleet::{Answer, Settings, flow::From, words::State},
    spec::Mode,
    wpi::{Action, DeviceId, Item, PhoneMessage, Reason},
};

fn in_mode(mode: &str) -> String {
    ENFORCED.replace("mode: Enforce", &format!("mode: {mode}"))
}

fn say(stage: &mut Stage, phone: &mut Phone, message: PhoneMessage) -> Reply {
    let mut reply = stage.say(phone, message);
    if let Some(cookie) = reply.set_cookie.take() {
        phone.cookie = Some(cookie);
    }
    reply
}

/// The phone obeys until its session ends; what it was told.
fn to_the_end(stage: &mut Stage, phone: &mut Phone, message: PhoneMessage) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut message = message;
    loop {
        let answer = say(stage, phone, message).message;
        actions.push(answer.action);
        if answer.action == Action::CleanUp {
            return actions;
        }
        message = phone.obey(&answer);
    }
}

/// A session up to the reply to its read, which is not handed in yet.
fn read_replied(stage: &mut Stage, phone: &mut Phone, most: Option<u32>) -> PhoneMessage {
    let mut first = phone.initial(Reason::StartUp, Vec::new());
    first.max_items = most;
    let read = say(stage, phone, first).message;
    phone.obey(&read)
}

#[test]
fn a_mode_is_set_by_layer_and_by_phone() {
    let other = ENFORCED.rsplit("---").next().unwrap().replace("reception", "porter").replace(":33", ":44");
    let yaml = format!("{}---{other}  policy: {{mode: Enforce}}\n", in_mode("Report"));
    let mut stage = Stage::with(&yaml);
    let (mut one, mut two) = (Phone::new(MAC), Phone::new("00:1A:E8:11:22:44"));
    assert!(one.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert!(!two.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(stage.view(MAC).state, State::Drifted);
    assert_eq!(stage.view("porter").state, State::InSync);
}

#[test]
fn a_change_of_mode_is_a_revision_like_any_other() {
    let mut stage = Stage::with(&in_mode("Report"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).revision.as_deref(), Some("r1"));
    stage.push(ENFORCED);
    let view = stage.view(MAC);
    assert_eq!((view.revision.as_deref(), view.mode, view.state), (Some("r2"), Some(Mode::Enforce), State::Pending));
    stage.pass(Duration::from_secs(3));
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(stage.view(MAC).state, State::InSync);
    stage.push(&in_mode("\"Off\""));
    let view = stage.view(MAC);
    assert_eq!((view.revision.as_deref(), view.state), (Some("r3"), State::Suspended));
    stage.pass(Duration::from_hours(72));
    assert!(stage.contacts.is_empty(), "it is left alone");
}

#[test]
fn a_session_that_turns_to_report_before_its_first_write_cannot_write() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let reply = read_replied(&mut stage, &mut phone, None);
    stage.push(&in_mode("Report"));
    assert_eq!(to_the_end(&mut stage, &mut phone, reply), [Action::ReadItems, Action::CleanUp]);
    assert_eq!(stage.view(MAC).state, State::Drifted);
}

#[test]
fn a_session_that_turns_to_report_while_its_write_is_recorded_cannot_write() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let reply = read_replied(&mut stage, &mut phone, None);
    let nonce = reply.nonce.clone().unwrap();
    let from = From { cookie: phone.cookie.as_deref(), peer: phone.peer, connection: phone.connection };
    let Answer::Record { ticket, .. } = stage.fleet.message(reply, &from, stage.now) else { panic!("no record") };
    stage.push(&in_mode("Report"));
    let Answer::Send { message, .. } = stage.fleet.recorded(ticket, true, &nonce, stage.now) else { panic!("again") };
    assert_eq!(message.action, Action::ReadItems, "round again, to look");
    let reply = phone.obey(&message);
    assert_eq!(to_the_end(&mut stage, &mut phone, reply), [Action::CleanUp]);
    let kept = &stage.saved[&DeviceId::new(MAC).unwrap()];
    assert!(kept.in_flight.is_none() && kept.before_images.is_empty(), "nothing left, nothing is remembered");
}

#[test]
fn a_session_that_turns_to_report_between_two_messages_proves_the_first_and_sends_no_other() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let reply = read_replied(&mut stage, &mut phone, Some(2));
    let write = say(&mut stage, &mut phone, reply).message;
    assert_eq!((write.action, write.items.len()), (Action::WriteItems, 2));
    stage.push(&in_mode("Report"));
    let taken = phone.obey(&write);
    assert_eq!(to_the_end(&mut stage, &mut phone, taken), [Action::ReadAllItems, Action::CleanUp]);
    let view = stage.view(MAC);
    assert_eq!((view.state, view.drift_count), (State::Drifted, 1));
}

#[test]
fn a_session_whose_phone_is_turned_off_ends_at_once() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let reply = read_replied(&mut stage, &mut phone, None);
    stage.push(&in_mode("\"Off\""));
    assert_eq!(to_the_end(&mut stage, &mut phone, reply), [Action::CleanUp]);
    assert_eq!(stage.view(MAC).state, State::Suspended);
}

#[test]
fn a_session_that_looks_stays_so_and_what_was_armed_meanwhile_gets_one_of_its_own() {
    let mut stage = Stage::with(&in_mode("Report"));
    let mut phone = Phone::new(MAC);
    let reply = read_replied(&mut stage, &mut phone, None);
    stage.push(ENFORCED);
    let told = to_the_end(&mut stage, &mut phone, reply);
    assert_eq!(told, [Action::ReadItems, Action::CleanUp], "it has no step that writes");
    assert_eq!(stage.view(MAC).state, State::Pending);
    stage.pass(Duration::from_secs(61));
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes().len(), 1);
}

#[test]
fn with_report_only_no_message_of_a_phone_is_answered_by_a_write() {
    let mut stage = Stage::empty(Settings { report_only: true, ..Settings::default() });
    stage.push(ENFORCED);
    let mut phone = Phone::new(MAC);
    for reason in [Reason::StartUp, Reason::Solicited, Reason::LocalChanges, Reason::Status, Reason::InventoryChanges] {
        let first = phone.initial(reason, Vec::new());
        let told = to_the_end(&mut stage, &mut phone, first);
        assert!(!told.contains(&Action::WriteItems), "{told:?}");
        // a revision in mid-flow
        let reply = read_replied(&mut stage, &mut phone, Some(2));
        stage.push(&ENFORCED.replace("192.0.2.123", &format!("192.0.2.{}", stage.now.as_second() % 100)));
        let told = to_the_end(&mut stage, &mut phone, reply);
        assert!(!told.contains(&Action::WriteItems), "{told:?}");
        stage.pass(Duration::from_secs(61));
    }
    let attached =
        vec![Item::plain(id("configuration-attached-flag"), "true"), Item::plain(id("sntp-addr"), "192.0.2.7")];
    let message = phone.initial(Reason::LocalChanges, attached);
    assert_eq!(to_the_end(&mut stage, &mut phone, message), [Action::CleanUp]);
    assert_eq!(stage.view(MAC).state, State::Drifted);
    assert!(stage.saved.values().all(|record| record.in_flight.is_none() && record.last_write.is_none()));
}

#[test]
fn a_phone_that_a_person_wants_read_only_is_not_written_in_that_session_and_is_in_the_next() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    phone.values.insert(id("sntp-addr"), "192.0.2.7".to_owned());
    let device = crate::wpi::DeviceId::new(MAC).unwrap();
    stage.fleet.look_at(&device, stage.now);
    stage.carry_out();
    stage.pass(Duration::from_mins(2));
    let looked = phone.asked_and_called(&mut stage);
    assert_eq!(looked.actions(), [Action::ReadItems, Action::CleanUp], "promise 11");
    assert_eq!(stage.view(MAC).drift[0].observed.as_deref(), Some("192.0.2.7"));
    stage.pass(Duration::from_mins(2));
    assert_eq!(phone.asked_and_called(&mut stage).writes(), [["sntp-addr"]]);
}
