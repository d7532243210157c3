//! What becomes history: each change of a managed item that was written or seen, and nothing else.

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::words::{ChangeCause, ChangeResult},
    wpi::{Action, Item, ItemStatus, Reason, ReplyStatus},
};

/// `item: old → new, cause, result`, with revision where that is the cause.
fn told(stage: &mut Stage) -> Vec<String> {
    let text = |value: &Option<smol_str::SmolStr>| value.as_deref().unwrap_or("-").to_owned();
    let line = |change: crate::fleet::history::Change| {
        let cause = match change.cause {
            ChangeCause::Revision => change.revision.unwrap().to_string(),
            cause => cause.to_string(),
        };
        let word = change.word.map(|word| format!(" ({word})")).unwrap_or_default();
        format!("{}: {} → {}, {cause}, {}{word}", change.item, text(&change.old), text(&change.new), change.result)
    };
    stage.history.drain(..).map(line).collect()
}

/// A phone is called and does what it is given to write, and its reply is lost; the service gives up waiting for it.
pub(super) fn loses_reply(stage: &mut Stage, phone: &mut Phone) {
    let first = phone.initial(Reason::Solicited, Vec::new());
    let mut reply = stage.say(phone, first);
    phone.cookie = reply.set_cookie.take();
    while reply.message.action != Action::WriteItems {
        assert_ne!(reply.message.action, Action::CleanUp, "there is something to write");
        let answer = phone.obey(&reply.message);
        reply = stage.say(phone, answer);
    }
    phone.obey(&reply.message);
    stage.pass(std::time::Duration::from_secs(150));
    stage.contacts.clear();
}

#[test]
fn a_write_is_told_when_it_is_proven_with_the_revision_that_wanted_it() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.values.insert(id("daylight-save"), "true".to_owned());
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(
        told(&mut stage),
        ["sntp-addr: 192.0.2.1 → 192.0.2.123, r1, Proven", "sntp-tz-offset:  → 60, r1, Proven"]
    );
    phone.session(&mut stage, Reason::StartUp);
    assert!(told(&mut stage).is_empty(), "nothing changed");
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.124"));
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(told(&mut stage), ["sntp-addr: 192.0.2.123 → 192.0.2.124, r2, Proven"]);
}

#[test]
fn drift_is_told_when_it_is_seen_and_when_it_is_put_right() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.history.clear();
    phone.values.insert(id("sntp-addr"), "192.0.2.9".to_owned());
    let changed = Item::plain(id("sntp-addr"), "192.0.2.9");
    let unmanaged = Item::plain(id("ringer-melody"), "3");
    let flag = Item::plain(id("configuration-attached-flag"), "true");
    let message = phone.initial(Reason::LocalChanges, vec![flag, changed, unmanaged]);
    phone.session_from(&mut stage, message);
    assert_eq!(told(&mut stage), ["sntp-addr: 192.0.2.123 → 192.0.2.9, Drift, Seen"]);
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(told(&mut stage), ["sntp-addr: 192.0.2.9 → 192.0.2.123, Drift, Proven"]);
}

#[test]
fn what_the_phone_refuses_is_told_with_its_word() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("sntp-addr"), ItemStatus::InvalidData);
    phone.session(&mut stage, Reason::StartUp);
    let told = told(&mut stage);
    assert!(told.contains(&"sntp-addr: 192.0.2.1 → 192.0.2.123, r1, Refused (invalid data)".to_owned()), "{told:?}");
}

#[test]
fn a_phone_in_a_call_leaves_no_trace() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    phone.session(&mut stage, Reason::StartUp);
    assert!(stage.history.is_empty(), "promise 10");
    phone.in_call = false;
    phone.session(&mut stage, Reason::Solicited);
    assert!(stage.history.iter().all(|change| change.result == ChangeResult::Proven), "{:?}", stage.history);
}

#[test]
fn secrets_names_that_sound_secret_and_credentials_in_urls_are_masked() {
    let items = |uri: &str, more: &str| {
        format!(
            "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: reception}}\nspec:\n  phone: {{mac: \
             \"{MAC}\"}}\n  policy: {{mode: Enforce, lockoutItems: Allow}}\n  items: {{some-uri: \"{uri}\"{more}}}\n"
        )
    };
    let mut stage = Stage::with(&items("http://host/", ""));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&items("http://ada:hunter2@host/", ", sip-pwd: {file: sip-reception}"));
    phone.session(&mut stage, Reason::Solicited);
    let told = told(&mut stage);
    assert!(told.contains(&"sip-pwd: *** → ***, r2, Accepted".to_owned()), "R-1109: {told:?}");
    assert!(told.contains(&"some-uri: http://host/ → http://***@host/, r2, Proven".to_owned()), "{told:?}");
    assert!(told.iter().all(|line| !line.contains("hunter2") && !line.contains("planted")));
}

#[test]
fn a_write_whose_session_breaks_off_is_told_as_accepted() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let mut reply = stage.say(&phone, first);
    phone.cookie = reply.set_cookie.take();
    for _ in 0..2 {
        let answer = phone.obey(&reply.message);
        reply = stage.say(&phone, answer);
    }
    assert!(stage.history.is_empty(), "it is not known yet: {:?}", stage.history);
    stage.pass(std::time::Duration::from_secs(130));
    assert_eq!(stage.history.len(), 3);
    assert!(stage.history.iter().all(|change| change.result == ChangeResult::Accepted));
    stage.history.clear();
    phone.session(&mut stage, Reason::StartUp);
    assert!(told(&mut stage).is_empty(), "it is told once, and not as somebody else's");
}

#[test]
fn a_write_in_flight_when_the_service_died_is_its_own_when_it_is_found() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let write = phone.up_to_the_write(&mut stage);
    phone.obey(&write.message);
    let mut again = stage.restarted(ENFORCED);
    phone.session(&mut again, Reason::StartUp);
    let told = told(&mut again);
    assert!(told.contains(&"sntp-addr: 192.0.2.1 → 192.0.2.123, r1, Proven".to_owned()), "{told:?}");
}

#[test]
fn an_item_of_the_phones_user_is_marked_as_such() {
    let yaml = ENFORCED
        .replace("mode: Enforce", "mode: Enforce, userItems: Manage")
        .replace("sntp-tz-offset: 60", "ringer-melody: 2");
    let mut stage = Stage::with(&yaml);
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    let of_user: Vec<_> =
        stage.history.iter().filter(|change| change.of_user).map(|change| change.item.to_string()).collect();
    assert_eq!(of_user, ["ringer-melody"]);
}

#[test]
fn a_write_that_was_answered_and_not_read_back_when_the_service_died_is_its_own() {
    let yaml = ENFORCED
        .replace("mode: Enforce", "mode: Enforce, lockoutItems: Allow")
        .replace("daylight-save: true", "enable-WBM: true");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let mut reply = stage.say(&phone, first);
    phone.cookie = reply.set_cookie.take();
    for _ in 0..2 {
        let answer = phone.obey(&reply.message);
        reply = stage.say(&phone, answer);
    }
    let second = reply.recorded.expect("the second message is recorded");
    assert_eq!(second.in_flight.unwrap().items, [id("enable-WBM")]);
    let mut again = stage.restarted(&yaml);
    phone.session(&mut again, Reason::StartUp);
    let told = told(&mut again);
    assert!(told.contains(&"sntp-addr: 192.0.2.1 → 192.0.2.123, r1, Proven".to_owned()), "{told:?}");
}

#[test]
fn a_correction_whose_reply_was_lost_is_told_as_one() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    phone.values.insert(id("sntp-addr"), "192.0.2.9".to_owned());
    phone.session(&mut stage, Reason::LocalChanges);
    stage.history.clear();
    loses_reply(&mut stage, &mut phone);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(told(&mut stage), ["sntp-addr: 192.0.2.9 → 192.0.2.123, Drift, Proven"], "no commit wanted it");
}

#[test]
fn a_message_that_is_refused_as_a_whole_is_told_with_its_word() {
    let yaml = ENFORCED.replace(", sntp-tz-offset: 60, daylight-save: true", "");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    let reply = phone.obey(&read.message);
    let write = stage.say(&phone, reply);
    assert_eq!(write.message.action, Action::WriteItems);
    let failed = phone.reply(Action::WriteItems, ReplyStatus::Failed, Vec::new());
    stage.say(&phone, failed);
    assert_eq!(told(&mut stage), ["sntp-addr: 192.0.2.1 → 192.0.2.123, r1, Refused (failed)"]);
}
