//! The brake: from its answer on nothing leaves, reads go on, and what waited goes on when it ends.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::stage::{ENFORCED, MAC, Phone, Stage};
use crate::{
    fleet::{
        Answer,
        audit::By,
        brake::{BRAKES, BrakeError, Scope},
        flow::From,
        schedule::after,
        words::{PendingReason, State},
    },
    spec::{Labels, SiteName},
    wpi::{Action, PhoneMessage, Reason},
};

const TWO_HOURS: SignedDuration = SignedDuration::from_hours(2);

fn ada() -> By {
    By::new("ada", "ward 3 is silent").unwrap()
}

fn quietly(yaml: &str) -> String {
    yaml.replace("{mode: Enforce}", "{mode: Enforce, interval: 30d}")
}

fn braked(stage: &mut Stage, scope: Scope) -> Timestamp {
    let set = stage.fleet.brake(scope, TWO_HOURS, &ada(), stage.now).unwrap();
    stage.carry_out();
    set.brake.until
}

#[test]
fn a_braked_phone_is_read_and_not_written_and_goes_on_when_the_brake_ends() {
    let mut stage = Stage::with(&quietly(ENFORCED));
    let mut phone = Phone::new(MAC);
    let until = braked(&mut stage, Scope::All);
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp]);
    assert!(!session.wish());
    assert_eq!(stage.pending(), (PendingReason::Braked, Some(until)));
    assert_eq!(stage.view(MAC).drift_count, 3, "people see what waits");
    stage.pass(Duration::from_secs(2 * 3600 - 2));
    assert!(stage.contacts.is_empty(), "nobody is asked to call for a write that may not leave");
    assert!(!stage.service.brakes.is_empty());
    stage.pass(Duration::from_secs(3));
    assert_eq!(phone.asked_and_called(&mut stage).writes().len(), 1, "its end is a trigger");
    assert_eq!(stage.view(MAC).state, State::InSync);
    assert!(stage.service.brakes.is_empty(), "and it is forgotten");
}

#[test]
fn a_release_lets_what_waited_go_on_at_once() {
    let mut stage = Stage::with(&quietly(ENFORCED));
    let mut phone = Phone::new(MAC);
    braked(&mut stage, Scope::All);
    phone.session(&mut stage, Reason::StartUp);
    stage.pass(Duration::from_mins(10));
    let released = stage.fleet.release_brakes(None, stage.now);
    assert_eq!(released.iter().map(|brake| brake.by.as_str()).collect::<Vec<_>>(), ["ada"]);
    stage.carry_out();
    stage.pass(Duration::from_secs(1));
    assert_eq!(phone.asked_and_called(&mut stage).writes().len(), 1);
    assert!(stage.fleet.release_brakes(None, stage.now).is_empty());
}

#[test]
fn a_brake_between_two_messages_of_one_write_lets_nothing_more_out_and_what_was_written_is_proven() {
    let mut stage = Stage::with(&quietly(ENFORCED));
    let mut phone = Phone::new(MAC);
    let first = PhoneMessage { max_items: Some(2), ..phone.initial(Reason::StartUp, Vec::new()) };
    let read = phone.say(&mut stage, first);
    let reply = phone.obey(&read.message);
    let write = phone.say(&mut stage, reply);
    assert_eq!((write.message.action, write.message.items.len()), (Action::WriteItems, 2));
    braked(&mut stage, Scope::All);
    let taken = phone.obey(&write.message);
    let read_back = phone.say(&mut stage, taken).message;
    assert_eq!(read_back.action, Action::ReadItems);
    let reply = phone.obey(&read_back);
    let end = phone.say(&mut stage, reply).message;
    assert_eq!((end.action, end.items.len()), (Action::CleanUp, 0));
    assert_eq!((stage.view(MAC).drift_count, stage.pending().0), (1, PendingReason::Braked));
}

#[test]
fn a_brake_while_the_record_of_a_write_is_stored_holds_that_write_back() {
    let mut stage = Stage::with(&quietly(ENFORCED));
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = phone.say(&mut stage, first);
    let reply = phone.obey(&read.message);
    let nonce = reply.nonce.clone().unwrap();
    let from = From { cookie: phone.cookie.as_deref(), peer: phone.peer, connection: phone.connection };
    let Answer::Record { ticket, .. } = stage.fleet.message(reply, &from, stage.now) else { panic!("a record first") };
    braked(&mut stage, Scope::All);
    let Answer::Send { message, .. } = stage.fleet.recorded(ticket, true, &nonce, stage.now) else { panic!("twice") };
    assert_eq!((message.action, message.items.len()), (Action::CleanUp, 0));
    stage.carry_out();
    assert!(stage.saved.values().all(|record| record.in_flight.is_none() && record.before_images.is_empty()));
}

#[test]
fn a_braked_phone_in_a_call_gets_no_wish_and_its_call_after_an_older_one_a_plain_clean_up() {
    let mut stage = Stage::with(&quietly(ENFORCED));
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    let session = phone.session(&mut stage, Reason::StartUp);
    assert!(session.wish());
    braked(&mut stage, Scope::All);
    phone.in_call = false;
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(session.actions(), [Action::CleanUp]);
    assert_eq!(session.messages[0].items.len(), 0, "R-714");
}

#[test]
fn only_the_phones_of_its_scope_are_braked() {
    let yaml = quietly(ENFORCED)
        .replace("metadata: {name: reception}", "metadata: {name: reception, labels: {ward: \"3\", floor: \"1\"}}")
        .replace("spec:\n  policy", "spec:\n  site: berlin\n  policy");
    let scopes = [
        (Scope::Site(SiteName::new("berlin")), true),
        (Scope::Selector(Labels::from([("ward", "3")])), true),
        (Scope::Selector(Labels::from([("ward", "3"), ("floor", "1")])), true),
    ];
    for (scope, is_braked) in scopes {
        let mut stage = Stage::with(&yaml);
        let mut phone = Phone::new(MAC);
        braked(&mut stage, scope.clone());
        assert_eq!(stage.fleet.braked_phones(stage.now), usize::from(is_braked), "{scope}");
        assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "{scope}");
    }
    let others =
        [Scope::Site(SiteName::new("hamburg")), Scope::Selector(Labels::from([("ward", "3"), ("floor", "2")]))];
    for scope in others {
        let mut stage = Stage::with(&yaml);
        let refused = stage.fleet.brake(scope.clone(), TWO_HOURS, &ada(), stage.now).unwrap_err();
        assert_eq!(refused, BrakeError::Nobody(scope));
        let mut phone = Phone::new(MAC);
        assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().len(), 1);
    }
}

#[test]
fn a_brake_holds_over_a_restart_and_over_a_new_revision() {
    let yaml = quietly(ENFORCED);
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    let until = braked(&mut stage, Scope::All);
    phone.session(&mut stage, Reason::StartUp);
    let mut stage = stage.restarted(&yaml);
    assert_eq!(stage.fleet.brakes(stage.now).len(), 1);
    stage.push(&yaml.replace("192.0.2.123", "192.0.2.9"));
    stage.pass(Duration::from_hours(1));
    assert!(stage.contacts.is_empty());
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    assert_eq!(stage.pending(), (PendingReason::Braked, Some(until)));
    let notes = stage.fleet.service_view(stage.now).notes;
    assert!(notes[0].starts_with("BRAKE on all phones until ") && notes[0].contains("by ada: ward 3"), "{notes:?}");
}

#[test]
fn several_brakes_stand_side_by_side_and_the_last_one_decides() {
    let mut stage = Stage::with(&quietly(ENFORCED));
    let mut phone = Phone::new(MAC);
    braked(&mut stage, Scope::All);
    stage.now = after(stage.now, Duration::from_mins(1));
    let later = braked(&mut stage, Scope::Site(SiteName::default()));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.pending(), (PendingReason::Braked, Some(later)));
    stage.fleet.release_brakes(Some(&Scope::Site(SiteName::default())), stage.now);
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "the other one holds");
    braked(&mut stage, Scope::All);
    assert_eq!(stage.fleet.brakes(stage.now).len(), 1, "one of the same scope is renewed");
}

#[test]
fn brakes_are_bounded_in_length_and_number() {
    let mut stage = Stage::with(ENFORCED);
    for length in [SignedDuration::from_secs(59), SignedDuration::from_hours(31 * 24), SignedDuration::ZERO] {
        assert_eq!(stage.fleet.brake(Scope::All, length, &ada(), stage.now), Err(BrakeError::Length));
    }
    let documents = |number: usize| {
        format!(
            "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p{number}}}\nspec:\n  site: s{number}\n  phone: {{mac: \"00:1A:E8:00:00:{number:02X}\"}}\n---\n"
        )
    };
    stage.push(&(0..=BRAKES).map(documents).collect::<String>());
    let site = |number: usize| Scope::Site(SiteName::new(&format!("s{number}")));
    for number in 0..BRAKES {
        braked(&mut stage, site(number));
    }
    let one_more = stage.fleet.brake(site(BRAKES), TWO_HOURS, &ada(), stage.now);
    assert_eq!(one_more, Err(BrakeError::TooMany));
    assert!(stage.fleet.brake(site(0), TWO_HOURS, &ada(), stage.now).is_ok(), "renewed");
    stage.pass(Duration::from_hours(3));
    assert!(stage.service.brakes.is_empty());
    assert!(stage.fleet.brake(site(BRAKES), TWO_HOURS, &ada(), stage.now).is_ok());
}
