//! Items that a phone does not have, and what old firmware takes otherwise.

use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{not_applicable::LEFT_OUT, words::State},
    wpi::{Action, Item, ItemStatus, Reason, ReplyStatus},
};

/// A phone that answers every read of `sntp-addr` by this status.
fn answering(stage: &mut Stage, phone: &mut Phone, status: &str) -> Vec<Vec<String>> {
    let mut message = phone.initial(Reason::StartUp, Vec::new());
    let mut written = Vec::new();
    loop {
        let reply = stage.say(phone, message);
        phone.cookie = reply.set_cookie.or(phone.cookie.take());
        match reply.message.action {
            Action::CleanUp => return written,
            Action::WriteItems => written.push(reply.message.items.iter().map(|item| item.id.to_string()).collect()),
            _ => {}
        }
        message = phone.obey(&reply.message);
        for item in message.items.iter_mut().filter(|item| item.id == id("sntp-addr")) {
            *item = Item { status: Some(ItemStatus::from_wire(status)), ..Item::plain(item.id.clone(), "") };
        }
    }
}

#[test]
fn an_item_that_the_phone_does_not_have_is_counted_and_named_and_no_fault() {
    for status in ["unknown item", "not supported", "not implemented", "invalid index"] {
        let mut stage = Stage::with(ENFORCED);
        let mut phone = Phone::new(MAC);
        let written = answering(&mut stage, &mut phone, status);
        assert_eq!(written, [["daylight-save", "sntp-tz-offset"]], "{status}, R-617");
        let view = stage.view(MAC);
        assert_eq!((view.state, view.degraded.len(), view.refused.len()), (State::InSync, 0, 0), "{status}");
        assert_eq!(view.not_applicable_count, 1, "{status}");
        assert_eq!(
            (view.not_applicable[0].item.as_str(), view.not_applicable[0].status.as_str()),
            ("sntp-addr", status)
        );
        assert_eq!(view.last_proof, view.last_seen, "the others are proven");
        assert_eq!(stage.fleet.census(stage.now).not_applicable, 1);
    }
}

#[test]
fn an_item_that_has_no_value_is_written() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let written = answering(&mut stage, &mut phone, "failed");
    assert_eq!(written, [["daylight-save", "sntp-addr", "sntp-tz-offset"]], "R-517: in a report, no value");
    assert_eq!(stage.view(MAC).not_applicable_count, 0);
}

#[test]
fn it_is_asked_for_again_after_a_firmware_change_even_where_nothing_else_is() {
    let sole = ENFORCED.replace("mode: Enforce", "mode: Enforce, soleServer: true");
    let mut stage = Stage::with(&sole);
    let mut phone = Phone::new(MAC);
    phone.unknown.insert(id("sntp-addr"));
    phone.session(&mut stage, Reason::StartUp);
    let unchanged = vec![Item::plain(id("configuration-changed-flag"), "false")];
    let again = phone.initial(Reason::StartUp, unchanged.clone());
    assert_eq!(phone.session_from(&mut stage, again).actions(), [Action::CleanUp], "R-521");
    phone.unknown.clear();
    "V3 R6.0.1".clone_into(&mut phone.firmware);
    let after_update = phone.initial(Reason::StartUp, unchanged);
    assert_eq!(phone.session_from(&mut stage, after_update).writes(), [["sntp-addr"]]);
    assert_eq!(stage.view(MAC).not_applicable_count, 0);
}

#[test]
fn what_an_answer_with_all_items_leaves_out_is_not_applicable() {
    let items: Vec<String> = (0..1200).map(|key| format!("some-quite-long-item-name-{key:04}: \"x\"")).collect();
    let yaml = ENFORCED.replace("daylight-save: true", &format!("daylight-save: true, {}", items.join(", ")));
    let yaml = yaml.replace("sntp-addr: 192.0.2.123", "sntp-addr: 192.0.2.123, repertory-dial: {1: \"1\", 2: \"2\"}");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    phone.values.insert(id("repertory-dial[1]"), "7".to_owned());
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions()[0], Action::ReadAllItems);
    let mut written = session.writes().concat();
    written.sort();
    let expected = ["daylight-save", "repertory-dial[1]", "repertory-dial[2]", "sntp-addr", "sntp-tz-offset"];
    assert_eq!(written, expected, "an unset index is no missing item");
    let view = stage.view(MAC);
    assert_eq!((view.state, view.not_applicable_count), (State::InSync, 1200));
    assert!(view.not_applicable.len() <= 100 && view.not_applicable.iter().all(|item| item.status == LEFT_OUT));
}

#[test]
fn a_secret_is_never_among_them() {
    let yaml = ENFORCED.replace("daylight-save: true", "daylight-save: true, sip-pwd: {file: sip}");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    phone.unknown.insert(id("sip-pwd"));
    let session = phone.session(&mut stage, Reason::StartUp);
    assert!(session.messages.iter().all(|message| {
        message.action != Action::ReadItems || message.items.iter().all(|item| item.id != id("sip-pwd"))
    }));
    assert_eq!(stage.view(MAC).not_applicable_count, 0);
}

#[test]
fn a_person_can_have_it_asked_for_again() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.unknown.insert(id("sntp-addr"));
    phone.session(&mut stage, Reason::StartUp);
    phone.unknown.clear();
    stage.with_phone(MAC, |phone| assert_eq!(phone.try_again(), 1));
    assert_eq!(stage.view(MAC).state, State::Pending);
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sntp-addr"]]);
}

#[test]
fn old_firmware_is_talked_to_by_the_names_it_knows() {
    let yaml =
        ENFORCED.replace("daylight-save: true", "sgnl-gateway-addr-user: pbx.example.com, sip-transport-user: 1");
    let mut stage = Stage::with(&yaml);
    let mut old = Phone::new(MAC);
    "V2 R2.30.0".clone_into(&mut old.firmware);
    old.values.insert(id("sip-transport"), "1".to_owned());
    let session = old.session(&mut stage, Reason::StartUp);
    let asked: Vec<_> = session.messages[0].items.iter().map(|item| item.id.to_string()).collect();
    assert!(
        asked.contains(&"sip-transport".to_owned()) && !asked.iter().any(|name| name.ends_with("-user")),
        "{asked:?}"
    );
    let written = session.writes().concat();
    assert!(written.contains(&"sgnl-gateway-addr".to_owned()), "{written:?}");
    assert!(!written.iter().any(|name| name.ends_with("-user")), "{written:?}");
    assert_eq!(stage.view(MAC).state, State::InSync, "read back under the same names");

    let mut new = Stage::with(&yaml);
    let written = Phone::new(MAC).session(&mut new, Reason::StartUp).writes().concat();
    assert!(written.contains(&"sgnl-gateway-addr-user".to_owned()), "{written:?}");
}

#[test]
fn what_old_firmware_refused_under_its_own_name_is_told_under_ours() {
    let yaml = ENFORCED.replace("daylight-save: true", "sip-transport-user: 1");
    let mut stage = Stage::with(&yaml);
    let mut old = Phone::new(MAC);
    "V2 R2.30.0".clone_into(&mut old.firmware);
    old.refuses.insert(id("sip-transport"), ItemStatus::ReadOnly);
    old.session(&mut stage, Reason::StartUp);
    let view = stage.view(MAC);
    assert_eq!(view.state, State::Degraded);
    assert_eq!((view.refused[0].item.as_str(), view.refused[0].status.as_str()), ("sip-transport-user", "read only"));
}

#[test]
fn a_value_that_old_firmware_cannot_read_is_refused_before_it_is_sent_and_the_others_go() {
    let yaml = ENFORCED.replace("daylight-save: true", "display-id-unicode: \"R & D\"");
    let mut stage = Stage::with(&yaml);
    let mut old = Phone::new(MAC);
    "V1 R5.6.0".clone_into(&mut old.firmware);
    let session = old.session(&mut stage, Reason::StartUp);
    assert!(!session.writes().concat().contains(&"display-id-unicode".to_owned()), "R-616");
    let view = stage.view(MAC);
    assert_eq!((view.state, view.refused.len()), (State::Degraded, 1));
    assert!(view.refused[0].status.contains("R-616"), "{}", view.refused[0].status);
    // the same phone with newer firmware takes it
    "V3 R5.12.0".clone_into(&mut old.firmware);
    assert_eq!(old.session(&mut stage, Reason::StartUp).writes(), [["display-id-unicode"]]);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn after_an_error_on_clearing_the_other_form_is_tried_once() {
    let yaml = ENFORCED.replace("sntp-addr: 192.0.2.123", "sntp-addr: \"\"");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    let mut sent = Vec::new();
    for _ in 0..4 {
        let mut message = phone.initial(Reason::Solicited, Vec::new());
        loop {
            let reply = stage.say(&phone, message);
            phone.cookie = reply.set_cookie.or(phone.cookie.take());
            if reply.message.action == Action::CleanUp {
                break;
            }
            let mut bad = Vec::new();
            for item in reply.message.items.iter().filter(|_| reply.message.action == Action::WriteItems) {
                if item.id == id("sntp-addr") {
                    sent.push(item.text.shown().to_owned());
                    bad.push(Item { status: Some(ItemStatus::InvalidData), ..Item::plain(item.id.clone(), "") });
                }
            }
            message = if bad.is_empty() {
                phone.obey(&reply.message)
            } else {
                phone.obey(&reply.message);
                phone.values.insert(id("sntp-addr"), "192.0.2.1".to_owned());
                phone.reply(Action::WriteItems, ReplyStatus::Accepted, bad)
            };
        }
        stage.pass(Duration::from_hours(2));
    }
    assert_eq!(sent, ["NULL", ""], "Q-11, R-1203");
    assert_eq!(stage.view(MAC).state, State::Degraded);
}

#[test]
fn an_answer_without_any_item_is_no_proof_of_anything() {
    let items: Vec<String> = (0..1200).map(|key| format!("some-quite-long-item-name-{key:04}: \"x\"")).collect();
    let yaml = ENFORCED.replace("daylight-save: true", &items.join(", "));
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    phone.values.clear();
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadAllItems, Action::CleanUp]);
    let view = stage.view(MAC);
    assert_eq!((view.state, view.not_applicable_count), (State::Pending, 0), "promise 2: nothing was read");
}

#[test]
fn what_is_proven_is_counted_among_what_the_phone_has() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.unknown.insert(id("daylight-save"));
    phone.session(&mut stage, Reason::StartUp);
    let view = stage.view(MAC);
    assert_eq!((view.proven, view.managed, view.not_applicable_count), (2, 2, 1));
    phone.refuses.insert(id("sntp-addr"), ItemStatus::InvalidData);
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.124"));
    phone.session(&mut stage, Reason::Solicited);
    let view = stage.view(MAC);
    assert_eq!((view.state, view.proven, view.managed), (State::Degraded, 1, 2), "a refused one counts");
}

#[test]
fn old_firmware_tells_local_changes_by_the_names_it_knows() {
    let yaml = ENFORCED.replace("daylight-save: true", "sip-transport-user: 1");
    let mut stage = Stage::with(&yaml);
    let mut old = Phone::new(MAC);
    "V2 R2.30.0".clone_into(&mut old.firmware);
    old.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).drift_count, 0);
    let attached = ("configuration-attached-flag", "true");
    let items = [attached, ("sip-transport", "2")].map(|(name, text)| Item::plain(id(name), text));
    let message = old.initial(Reason::LocalChanges, items.to_vec());
    old.session_from(&mut stage, message);
    let drift = stage.view(MAC).drift;
    assert_eq!(drift.iter().map(|drift| drift.item.as_str()).collect::<Vec<_>>(), ["sip-transport-user"], "R-704");
}
