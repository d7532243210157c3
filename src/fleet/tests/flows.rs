use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{Settings, words::State},
    wpi::{Action, Item, Reason, ReplyStatus},
};

const OTHER: &str = "00:1A:E8:11:22:44";

fn two_phones() -> String {
    format!(
        "{ENFORCED}---{}",
        ENFORCED.rsplit("---").next().unwrap().replace("reception", "porter").replace(":33", ":44")
    )
}

fn opened(stage: &mut Stage, phone: &mut Phone) -> Action {
    let first = phone.initial(Reason::StartUp, Vec::new());
    let answer = stage.say(phone, first);
    phone.cookie = answer.set_cookie;
    answer.message.action
}

fn answer_to_read(stage: &mut Stage, phone: &mut Phone) -> Action {
    let items = vec![Item::plain(id("sntp-addr"), "192.0.2.123")];
    let reply = phone.reply(Action::ReadItems, ReplyStatus::Accepted, items);
    stage.say(phone, reply).message.action
}

#[test]
fn every_initial_message_gets_a_fresh_cookie_and_a_reply_none() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let one = stage.say(&phone, first).set_cookie.unwrap();
    let second = phone.initial(Reason::InventoryChanges, Vec::new());
    let two = stage.say(&phone, second).set_cookie.unwrap();
    assert_ne!(one, two, "R-206");
    let hex = one.strip_prefix("JSESSIONID=").unwrap().strip_suffix("; Path=/DeploymentService; Secure").unwrap();
    assert!(hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()), "{one}");
}

#[test]
fn a_reply_is_found_by_cookie_whatever_connection_it_comes_on() {
    let mut stage = Stage::with(&two_phones());
    let (mut one, mut two) = (Phone::new(MAC), Phone::new(OTHER));
    opened(&mut stage, &mut one);
    opened(&mut stage, &mut two);
    one.connection = 17;
    assert_eq!(answer_to_read(&mut stage, &mut one), Action::WriteItems, "R-205, R-210");
    assert_eq!(answer_to_read(&mut stage, &mut two), Action::WriteItems);
}

#[test]
fn without_cookie_a_reply_is_found_by_mac_then_connection_then_lone_address() {
    let mut stage = Stage::with(&two_phones());
    let (mut one, mut two) = (Phone::new(MAC), Phone::new(OTHER));
    two.connection = 2;
    opened(&mut stage, &mut one);
    opened(&mut stage, &mut two);

    one.cookie = None;
    one.connection = 99;
    let items = vec![Item::plain(id("mac-addr"), MAC), Item::plain(id("sntp-addr"), "192.0.2.123")];
    let reply = one.reply(Action::ReadItems, ReplyStatus::Accepted, items);
    assert_eq!(stage.say(&one, reply).message.action, Action::WriteItems, "by MAC");

    two.cookie = Some("JSESSIONID=00000000000000000000000000000000; path=/".to_owned());
    assert_eq!(answer_to_read(&mut stage, &mut two), Action::WriteItems, "a stale cookie, by connection");

    two.connection = 98;
    let reply = two.reply(Action::WriteItems, ReplyStatus::Accepted, Vec::new());
    assert_eq!(stage.say(&two, reply).message.action, Action::CleanUp, "two flows have this address: R-210");
    assert_eq!(stage.fleet.counters().stray_replies, 1);

    two.peer = "127.0.0.10:4000".parse().unwrap();
    two.connection = 3;
    opened(&mut stage, &mut two);
    two.cookie = None;
    two.connection = 97;
    assert_eq!(answer_to_read(&mut stage, &mut two), Action::WriteItems, "by its own address");
}

#[test]
fn a_foreign_cookie_on_an_initial_message_is_no_error() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.cookie = Some("PHPSESSID=abc; path=/".to_owned());
    assert_eq!(opened(&mut stage, &mut phone), Action::ReadItems, "R-208");
}

#[test]
fn a_new_initial_message_ends_the_older_flow() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    opened(&mut stage, &mut phone);
    let old = phone.cookie.clone();
    opened(&mut stage, &mut phone);
    assert_eq!(stage.fleet.waiting().1, 1, "promise 4: never two flows");
    assert_eq!(answer_to_read(&mut stage, &mut phone), Action::WriteItems, "the newest wins");
    phone.cookie = old;
    phone.connection = 55;
    phone.peer = "127.0.0.77:1".parse().unwrap();
    let late = phone.reply(Action::ReadItems, ReplyStatus::Accepted, Vec::new());
    assert_eq!(stage.say(&phone, late).message.action, Action::CleanUp);
}

#[test]
fn a_reply_that_names_another_phone_ends_the_flow_and_writes_nothing() {
    let mut stage = Stage::with(&two_phones());
    let mut phone = Phone::new(MAC);
    opened(&mut stage, &mut phone);
    let reply = phone.reply(Action::ReadItems, ReplyStatus::Accepted, vec![Item::plain(id("mac-addr"), OTHER)]);
    assert_eq!(stage.say(&phone, reply).message.action, Action::CleanUp, "R-211");
    assert_eq!(stage.fleet.waiting().1, 0);
}

#[test]
fn a_stranger_behind_the_same_address_does_not_end_a_phones_flow() {
    let mut stage = Stage::with(&two_phones());
    let (mut phone, mut stranger) = (Phone::new(MAC), Phone::new(OTHER));
    opened(&mut stage, &mut phone);
    stranger.connection = 2;
    let reply = stranger.reply(Action::ReadItems, ReplyStatus::Accepted, vec![Item::plain(id("mac-addr"), OTHER)]);
    assert_eq!(stage.say(&stranger, reply).message.action, Action::CleanUp);
    assert_eq!(answer_to_read(&mut stage, &mut phone), Action::WriteItems, "the flow of the other phone goes on");
}

#[test]
fn a_reply_to_another_action_ends_the_flow() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    opened(&mut stage, &mut phone);
    let reply = phone.reply(Action::WriteItems, ReplyStatus::Accepted, Vec::new());
    assert_eq!(stage.say(&phone, reply).message.action, Action::CleanUp, "R-211");
}

#[test]
fn a_phone_that_gives_up_ends_its_flow_and_is_not_asked_at_once() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    opened(&mut stage, &mut phone);
    let message = phone.message(Reason::CleanUp, vec![Item::plain(id("cleanup-reason"), "bad XML")]);
    let answer = stage.say(&phone, message).message;
    assert_eq!((answer.action, answer.items.len()), (Action::CleanUp, 0), "R-514, R-903");
    assert_eq!(stage.fleet.waiting().1, 0);
    assert!(stage.contacts.is_empty());
}

#[test]
fn a_silent_flow_is_dropped_and_the_phone_asked_again() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    opened(&mut stage, &mut phone);
    assert_eq!(stage.view(MAC).state, State::Reconciling);
    stage.pass(Duration::from_secs(119));
    assert_eq!(stage.fleet.waiting().1, 1);
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.fleet.waiting().1, 0, "R-215");
    assert_eq!(stage.view(MAC).state, State::Pending);
    stage.pass(Duration::from_mins(1));
    assert_eq!(stage.contacts.len(), 1, "the first delay is at most a minute");
}

#[test]
fn too_many_flows_are_answered_by_overload_and_only_initial_messages() {
    let mut stage = Stage::empty(Settings { flows: 1, ..Settings::default() });
    stage.push(&two_phones());
    let (mut one, mut two) = (Phone::new(MAC), Phone::new(OTHER));
    opened(&mut stage, &mut one);
    let first = two.initial(Reason::StartUp, Vec::new());
    let answer = stage.say(&two, first).message;
    assert_eq!(answer.action, Action::CleanUp);
    assert_eq!(answer.items[0].text.as_plain(), Some("overload"), "R-904");
    assert_eq!(answer_to_read(&mut stage, &mut one), Action::WriteItems, "a reply is served");
    assert_eq!(stage.fleet.counters().overload, 1);
}

#[test]
fn a_reply_after_a_restart_is_cleaned_up_and_its_phone_called_again() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    phone.session(&mut stage, Reason::StartUp);
    let mut restarted = stage.restarted(ENFORCED);
    assert_eq!(restarted.view(MAC).state, State::InSync, "what was proven before the restart is");
    let reply = phone.reply(Action::ReadItems, ReplyStatus::Accepted, Vec::new());
    assert_eq!(restarted.say(&phone, reply).message.action, Action::CleanUp);
    assert_eq!(restarted.view(MAC).state, State::Pending);
    // when it was last asked is not known: it may have been just before the restart
    restarted.pass(Duration::from_secs(59));
    assert_eq!(restarted.contacts.len(), 0, "R-306");
    restarted.pass(Duration::from_secs(1));
    assert_eq!(restarted.contacts.len(), 1);
}

#[test]
fn a_session_never_has_more_than_its_share_of_actions() {
    let mut stage = Stage::empty(Settings { flow_actions: 6, ..Settings::default() });
    stage.push(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let mut answer = stage.say(&phone, first);
    phone.cookie = answer.set_cookie.take();
    let mut actions = 0;
    while answer.message.action != Action::CleanUp {
        actions += 1;
        stage.push(&ENFORCED.replace("sntp-tz-offset: 60", &format!("sntp-tz-offset: {}", 60 + actions)));
        let reply = phone.obey(&answer.message);
        answer = stage.say(&phone, reply);
    }
    assert_eq!(actions, 6, "R-1403, although what is in force changed each time");
}

#[test]
fn where_a_phone_is_found_is_stored_before_its_first_session_ends() {
    // promise 3: killed now, the service could not ask it to call otherwise
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    assert_eq!(stage.say(&phone, first).message.action, Action::ReadItems);
    let mut restarted = stage.restarted(ENFORCED);
    restarted.pass(Duration::from_mins(2));
    assert_eq!(restarted.contacts.len(), 1);
}
