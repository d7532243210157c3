//! Replies that say word for word what the phone said before.

use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{Answer, Effect, SessionResult, flow::From, schedule::after, unchanged::Likeness, words::State},
    wpi::{
        Action, Item, PhoneMessage, Reason, ReplyStatus, ServerMessage,
        phone_message::{Fragment, Nonce},
    },
};

const LIKE: Likeness = Likeness(7);

/// Something that happens to a phone.
type Change = dyn Fn(&mut Stage, &mut Phone);

/// A phone that is in sync, whose last reply looked like [`LIKE`].
fn quiet() -> (Stage, Phone) {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    let question = ask(&mut stage, &mut phone);
    let reply = phone.obey(&question);
    assert!(same(&mut stage, &phone, &reply, LIKE).is_none(), "nothing is remembered of a session that wrote");
    let ended = say(&mut stage, &phone, reply, Some(LIKE));
    assert_eq!(ended.action, Action::CleanUp);
    (stage, phone)
}

fn from(phone: &Phone) -> From<'_> {
    From { cookie: phone.cookie.as_deref(), peer: phone.peer, connection: phone.connection }
}

fn say(stage: &mut Stage, phone: &Phone, message: PhoneMessage, like: Option<Likeness>) -> ServerMessage {
    let answer = stage.fleet.message_like(message, like, &from(phone), stage.now).spelled_out();
    let Answer::Send { message, .. } = answer else { panic!("a record") };
    message
}

/// Begins a session; what the phone is asked.
fn ask(stage: &mut Stage, phone: &mut Phone) -> ServerMessage {
    stage.now = after(stage.now, Duration::from_secs(100));
    let first = phone.initial(Reason::StartUp, Vec::new());
    let reply = stage.say(phone, first);
    phone.cookie = reply.set_cookie;
    assert_eq!(reply.message.action, Action::ReadItems);
    stage.carry_out();
    reply.message
}

fn same(stage: &mut Stage, phone: &Phone, reply: &PhoneMessage, like: Likeness) -> Option<ServerMessage> {
    let head = PhoneMessage { items: Vec::new(), ..reply.clone() };
    match stage.fleet.same_again(&head, like, &from(phone), stage.now)? {
        Answer::Send { message, .. } => Some(message),
        Answer::Record { .. } => panic!("a record"),
    }
}

#[test]
fn a_reply_like_the_last_one_proves_the_phone_without_being_read() {
    let (mut stage, mut phone) = quiet();
    let question = ask(&mut stage, &mut phone);
    let reply = phone.obey(&question);
    let told = same(&mut stage, &phone, &reply, LIKE).expect("it is the same");
    assert_eq!((told.action, told.items.len()), (Action::CleanUp, 0));
    assert_eq!(told.nonce, reply.nonce.unwrap(), "R-603");
    let view = stage.view(MAC);
    assert_eq!((view.state, view.last_proof, view.last_seen), (State::InSync, Some(stage.now), Some(stage.now)));
    let reports: Vec<_> = stage.fleet.take_effects();
    assert!(matches!(&reports[..], [Effect::Report(report)] if report.result == SessionResult::InSync), "{reports:?}");
}

#[test]
fn the_same_phone_stands_the_same_whether_its_reply_was_read_or_not() {
    let ((mut read, mut one), (mut remembered, mut other)) = (quiet(), quiet());
    for _ in 0..3 {
        let question = ask(&mut read, &mut one);
        let reply = one.obey(&question);
        assert_eq!(say(&mut read, &one, reply, Some(LIKE)).action, Action::CleanUp);
        let again = ask(&mut remembered, &mut other);
        assert_eq!(question, again, "the question is the same, item by item");
        let reply = other.obey(&again);
        assert!(same(&mut remembered, &other, &reply, LIKE).is_some());
        read.carry_out();
        remembered.carry_out();
        assert_eq!(read.view(MAC), remembered.view(MAC));
        assert_eq!(read.saved, remembered.saved);
        assert_eq!(read.fleet.next_tick(), remembered.fleet.next_tick());
        assert_eq!(read.fleet.waiting(), remembered.fleet.waiting());
    }
}

#[test]
fn what_is_not_the_same_reply_to_the_same_question_is_read() {
    let (mut stage, mut phone) = quiet();
    let question = ask(&mut stage, &mut phone);
    let reply = phone.obey(&question);
    let with = |reason| PhoneMessage { reason, ..reply.clone() };
    let answer = |action: &str, status| Reason::ReplyTo { action: action.into(), status };
    for other in [
        with(answer("ReadItems", ReplyStatus::Busy)),
        with(answer("ReadItems", ReplyStatus::Failed)),
        with(answer("WriteItems", ReplyStatus::Accepted)),
        with(Reason::CleanUp),
        PhoneMessage { fragment: Fragment::Next, ..reply.clone() },
        PhoneMessage { nonce: None, ..reply.clone() },
    ] {
        assert!(same(&mut stage, &phone, &other, LIKE).is_none(), "{other:?}");
    }
    assert!(same(&mut stage, &phone, &reply, Likeness(8)).is_none(), "another list");
    let cookie = phone.cookie.take();
    assert!(same(&mut stage, &phone, &reply, LIKE).is_none(), "no cookie");
    phone.cookie = cookie;
    assert!(same(&mut stage, &phone, &reply, LIKE).is_some(), "and none of that has ended the session");
    assert!(same(&mut stage, &phone, &reply, LIKE).is_none(), "which is over now");
}

#[test]
fn what_changes_about_a_phone_has_its_next_reply_read() {
    let drift = |stage: &mut Stage, phone: &mut Phone| {
        phone.values.insert(id("daylight-save"), "false".to_owned());
        let attached = Item::plain(id("configuration-attached-flag"), "true");
        let told = phone.initial(Reason::LocalChanges, vec![attached, Item::plain(id("daylight-save"), "false")]);
        stage.say(phone, told);
    };
    let firmware = |_: &mut Stage, phone: &mut Phone| phone.firmware = "V3 R5.13.0".to_owned();
    let revision = |stage: &mut Stage, _: &mut Phone| stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.9"));
    let mode = |stage: &mut Stage, _: &mut Phone| stage.push(&ENFORCED.replace("Enforce", "Report"));
    let changes: [(&str, &Change); 4] =
        [("drift", &drift), ("firmware", &firmware), ("revision", &revision), ("mode", &mode)];
    for (what, change) in changes {
        let (mut stage, mut phone) = quiet();
        change(&mut stage, &mut phone);
        let question = ask(&mut stage, &mut phone);
        let reply = phone.obey(&question);
        assert!(same(&mut stage, &phone, &reply, LIKE).is_none(), "{what}");
    }
}

#[test]
fn a_revision_that_comes_between_question_and_reply_goes_round_again() {
    let (mut stage, mut phone) = quiet();
    let question = ask(&mut stage, &mut phone);
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.9"));
    let reply = phone.obey(&question);
    assert!(same(&mut stage, &phone, &reply, LIKE).is_none());
    assert_eq!(say(&mut stage, &phone, reply, Some(LIKE)).action, Action::ReadItems, "for the new revision");
}

#[test]
fn a_phone_that_takes_fewer_items_now_is_asked_as_it_can_be() {
    let (mut stage, mut phone) = quiet();
    ask(&mut stage, &mut phone);
    let first = PhoneMessage { max_items: Some(2), ..phone.initial(Reason::StartUp, Vec::new()) };
    let told = say(&mut stage, &phone, first, None);
    assert_eq!(told.action, Action::ReadAllItems, "R-504");
    assert!(told.nonce != Nonce("".into()));
}
