//! Items that never compare (R-1212): written when their content is known to be another one, and never because
//! something was forgotten (promise 8).

use super::{
    stage::{MAC, Phone, Stage, id},
    writes::phone_with,
};
use crate::{
    fleet::{
        ContactAnswer,
        record::PhoneRecord,
        retry::{Retried, RetryAnswer},
        words::State,
    },
    wpi::{Action, DeviceId, ItemStatus, Reason},
};

const WITHOUT: &str = "sntp-addr: 192.0.2.5";
const SECRET: &str = "sntp-addr: 192.0.2.5, ldap-pwd: {file: sip}";

/// A phone whose secret was added by a revision that was seen to arrive, written and confirmed.
fn confirmed() -> (Stage, Phone) {
    let mut stage = Stage::with(&phone_with("", WITHOUT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&phone_with("", SECRET));
    assert_eq!(stage.view(MAC).notes, ["to be written without being compared: ldap-pwd"]);
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["ldap-pwd"]]);
    assert_eq!(stage.view(MAC).assumed_count, 0);
    (stage, phone)
}

fn writes(stage: &mut Stage, phone: &mut Phone) -> Vec<Vec<String>> {
    phone.session(stage, Reason::StartUp).writes()
}

#[test]
fn a_secret_whose_file_has_another_content_is_written_once() {
    let (mut stage, mut phone) = confirmed();
    stage.push(&phone_with("", SECRET));
    assert_eq!(stage.view(MAC).state, State::InSync, "the same content is no change");
    stage.secrets = 1;
    stage.push(&phone_with("", SECRET));
    assert_eq!(stage.view(MAC).state, State::Pending, "the reference is as it was");
    assert_eq!(writes(&mut stage, &mut phone), [["ldap-pwd"]]);
    assert!(writes(&mut stage, &mut phone).is_empty(), "once");
    assert!(phone.values[&id("ldap-pwd")].starts_with("***"), "the test sees no content either");
}

#[test]
fn a_content_that_changed_while_the_service_was_down_is_written_after_it() {
    let (mut stage, mut phone) = confirmed();
    stage.secrets = 1;
    let mut restarted = stage.restarted(&phone_with("", SECRET));
    assert_eq!(writes(&mut restarted, &mut phone), [["ldap-pwd"]]);
}

#[test]
fn a_renamed_reference_with_the_same_content_is_no_change() {
    let (mut stage, mut phone) = confirmed();
    stage.push(&phone_with("", &SECRET.replace("sip}", "\"sip@b\"}")));
    assert_eq!(stage.view(MAC).state, State::InSync);
    assert!(writes(&mut stage, &mut phone).is_empty());
}

#[test]
fn a_content_that_comes_back_before_it_was_written_leaves_nothing_to_do() {
    let (mut stage, mut phone) = confirmed();
    stage.secrets = 1;
    stage.push(&phone_with("", SECRET));
    stage.secrets = 0;
    stage.push(&phone_with("", SECRET));
    assert!(writes(&mut stage, &mut phone).is_empty());
}

#[test]
fn an_assumed_secret_is_told_and_written_when_its_content_changes() {
    let mut stage = Stage::with(&phone_with("", SECRET));
    let mut phone = Phone::new(MAC);
    assert_eq!(writes(&mut stage, &mut phone), [["sntp-addr"]]);
    let view = stage.view(MAC);
    assert_eq!((view.assumed, view.assumed_count), (vec!["ldap-pwd".to_owned()], 1));
    stage.secrets = 1;
    stage.push(&phone_with("", SECRET));
    assert_eq!(writes(&mut stage, &mut phone), [["ldap-pwd"]]);
    assert_eq!(stage.view(MAC).assumed_count, 0, "confirmed now");
}

#[test]
fn a_secret_that_changes_while_it_is_sent_is_due_again() {
    let (mut stage, mut phone) = confirmed();
    stage.secrets = 1;
    stage.push(&phone_with("", SECRET));
    let write = phone.up_to_the_write(&mut stage);
    stage.secrets = 2;
    stage.push(&phone_with("", SECRET));
    let accepted = phone.obey(&write.message);
    let session = phone.session_from(&mut stage, accepted);
    let again = if session.writes().is_empty() { writes(&mut stage, &mut phone) } else { session.writes() };
    assert_eq!(again, [["ldap-pwd"]], "what was accepted is not what is wanted any more");
    assert!(writes(&mut stage, &mut phone).is_empty());
}

#[test]
fn a_write_whose_answer_was_lost_is_repeated_once() {
    let (mut stage, mut phone) = confirmed();
    stage.secrets = 1;
    stage.push(&phone_with("", SECRET));
    phone.up_to_the_write(&mut stage);
    let mut restarted = stage.restarted(&phone_with("", SECRET));
    assert_eq!(writes(&mut restarted, &mut phone), [["ldap-pwd"]], "promise 3");
    assert!(writes(&mut restarted, &mut phone).is_empty());
}

/// Has the phone sent its secret and the service killed before the answer.
fn killed_before_the_answer(stage: &mut Stage, phone: &mut Phone) -> Stage {
    assert_eq!(phone.up_to_the_write(stage).message.action, Action::WriteItems);
    stage.restarted(&phone_with("", SECRET))
}

#[test]
fn a_secret_that_left_twice_without_an_answer_waits_for_a_person_or_another_content() {
    // promise 3: the same content is repeated once at most
    let (mut stage, mut phone) = confirmed();
    stage.secrets = 1;
    stage.push(&phone_with("", SECRET));
    let mut second = killed_before_the_answer(&mut stage, &mut phone);
    let mut third = killed_before_the_answer(&mut second, &mut phone);
    assert!(writes(&mut third, &mut phone).is_empty());
    let view = third.view(MAC);
    assert_eq!(view.state, State::Degraded);
    assert_eq!(view.refused[0].status, "sent twice without an answer, outcome unknown");
    let mut restarted = third.restarted(&phone_with("", SECRET));
    assert!(writes(&mut restarted, &mut phone).is_empty(), "nor after another restart");
    restarted.secrets = 2;
    restarted.push(&phone_with("", SECRET));
    assert_eq!(writes(&mut restarted, &mut phone), [["ldap-pwd"]], "another content is another matter");
    third.fleet.retry(&DeviceId::new(MAC).unwrap(), false, third.now);
    assert_eq!(writes(&mut third, &mut phone), [["ldap-pwd"]], "so is a person's word");
    assert_eq!(third.view(MAC).state, State::InSync);
}

#[test]
fn under_another_key_nothing_looks_changed() {
    let (stage, mut phone) = confirmed();
    let mut restarted = stage.restarted_with_key(&phone_with("", SECRET), 1);
    assert!(writes(&mut restarted, &mut phone).is_empty(), "promise 8");
    assert_eq!(restarted.view(MAC).assumed, ["ldap-pwd"]);
    let mut back = restarted.restarted_with_key(&phone_with("", SECRET), 9);
    assert!(writes(&mut back, &mut phone).is_empty(), "nor under the old one again");
}

#[test]
fn from_an_older_record_no_secret_follows_and_what_comes_later_does() {
    let (mut stage, mut phone) = confirmed();
    let older = "sntp-addr: 192.0.2.5, ldap-pwd: {file: older}";
    let in_force = Stage::with(&phone_with("", older)).saved.into_values().next().unwrap();
    let mut record = PhoneRecord { due: vec![id("ldap-pwd")], fresh: true, ..in_force };
    record.distrust();
    stage.saved = [(DeviceId::new(MAC).unwrap(), record)].into();
    let mut restarted = stage.restarted(&phone_with("", SECRET));
    assert!(writes(&mut restarted, &mut phone).is_empty(), "promise 8: neither due, nor new, nor changed");
    assert_eq!(restarted.view(MAC).assumed, ["ldap-pwd"]);
    restarted.push(&phone_with("", &format!("{SECRET}, sip-pwd: {{file: new}}")));
    assert_eq!(writes(&mut restarted, &mut phone), [["sip-pwd"]], "seen to arrive");
}

#[test]
fn a_refused_secret_waits_for_another_content() {
    let mut stage = Stage::with(&phone_with("", WITHOUT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    phone.refuses.insert(id("ldap-pwd"), ItemStatus::InvalidData);
    stage.push(&phone_with("", SECRET));
    assert_eq!(writes(&mut stage, &mut phone), [["ldap-pwd"]]);
    stage.push(&phone_with("", SECRET));
    assert!(writes(&mut stage, &mut phone).is_empty());
    assert_eq!(stage.view(MAC).state, State::Degraded);
    phone.refuses.clear();
    stage.secrets = 1;
    stage.push(&phone_with("", SECRET));
    assert_eq!(writes(&mut stage, &mut phone), [["ldap-pwd"]], "the file has another content");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_person_has_refused_items_tried_again_and_on_request_all_secrets_written() {
    let (mut stage, mut phone) = confirmed();
    phone.refuses.insert(id("sntp-tz-offset"), ItemStatus::InvalidData);
    stage.push(&phone_with("", &format!("{SECRET}, sntp-tz-offset: 60")));
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(stage.view(MAC).refused.len(), 1);
    phone.refuses.clear();
    let device = DeviceId::new(MAC).unwrap();
    let RetryAnswer::Taken(Retried { refusals, secrets, contact }) = stage.fleet.retry(&device, false, stage.now)
    else {
        panic!("taken")
    };
    assert_eq!((refusals, secrets), (1, 0));
    assert!(matches!(contact, ContactAnswer::Queued(_) | ContactAnswer::RateLimited(_)));
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sntp-tz-offset"]]);
    let RetryAnswer::Taken(Retried { secrets, .. }) = stage.fleet.retry(&device, true, stage.now) else {
        panic!("taken")
    };
    assert_eq!(secrets, 1);
    stage.carry_out();
    let mut restarted = stage.restarted(&phone_with("", &format!("{SECRET}, sntp-tz-offset: 60")));
    assert_eq!(writes(&mut restarted, &mut phone), [["ldap-pwd"]], "the wish outlives a restart");
    assert!(writes(&mut restarted, &mut phone).is_empty(), "and is granted once");
    let nobody = DeviceId::new("00:1A:E8:99:99:99").unwrap();
    assert_eq!(restarted.fleet.retry(&nobody, true, restarted.now), RetryAnswer::NotFound);
}

#[test]
fn in_report_a_person_cannot_have_secrets_written() {
    let mut stage = Stage::with(&phone_with("", SECRET).replace("Enforce", "Report"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.fleet.retry(&DeviceId::new(MAC).unwrap(), true, stage.now);
    assert!(writes(&mut stage, &mut phone).is_empty(), "promise 11");
}

#[test]
fn an_application_is_written_whole_or_not_at_all() {
    let mut stage = Stage::with(&phone_with("", WITHOUT));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let with = |application: &str| phone_with("", WITHOUT) + &format!("  byIndex: {{1: {{{application}}}}}\n");
    let whole = "XML-app-action: update, XML-app-name: calls, XML-app-server-addr: 192.0.2.10";
    stage.push(&with(whole));
    let first = writes(&mut stage, &mut phone);
    assert_eq!(first, [["XML-app-action[1]", "XML-app-name[1]", "XML-app-server-addr[1]"]]);
    stage.push(&with(&whole.replace(".10", ".11")));
    assert_eq!(writes(&mut stage, &mut phone), first, "with name and action (R-1212, R-1219)");
    stage.push(&with("XML-app-name: calls, XML-app-server-addr: 192.0.2.12"));
    assert!(writes(&mut stage, &mut phone).is_empty());
    let view = stage.view(MAC);
    assert_eq!(view.state, State::Degraded);
    assert!(view.refused.iter().all(|refused| refused.status.contains("XML-app-action")), "{:?}", view.refused);
}

#[test]
fn a_phone_without_such_items_keeps_nothing_of_them() {
    let mut stage = Stage::with(&phone_with("", WITHOUT));
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    let json = serde_json::to_value(stage.saved.values().next().unwrap()).unwrap();
    for key in ["fingerprints", "seeding", "due", "unsure", "factory"] {
        assert!(json.get(key).is_none(), "{key}: {json}");
    }
}

#[test]
fn what_is_assumed_is_not_counted_as_proven() {
    let mut stage = Stage::with(&phone_with("", SECRET));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let view = stage.view(MAC);
    assert_eq!((view.state, view.assumed_count, view.proven, view.managed), (State::InSync, 1, 1, 2));
    let (stage, _) = confirmed();
    assert_eq!((stage.view(MAC).proven, stage.view(MAC).managed), (2, 2), "what it took is");
}
