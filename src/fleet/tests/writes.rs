use std::time::Duration;

use proptest::prelude::*;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        Answer, Settings,
        flow::From,
        words::{DegradedReason, PendingReason, State},
    },
    wpi::{Action, Item, ItemStatus, Reason, ServerMessage, server_message::MESSAGE_LIMIT},
};

pub(super) fn phone_with(policy: &str, items: &str) -> String {
    format!(
        r#"
apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {{name: reception}}
spec:
  phone: {{mac: "{MAC}"}}
  policy: {{mode: Enforce{policy}}}
  items: {{{items}}}
"#
    )
}

#[test]
fn the_record_of_a_write_is_stored_with_before_images_before_it_leaves() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    let reply = phone.obey(&read.message);
    let write = stage.say(&phone, reply);
    assert_eq!(write.message.action, Action::WriteItems);
    let record = write.recorded.expect("stored before the write left");
    let in_flight = record.in_flight.expect("the write in flight");
    assert_eq!(in_flight.items.len(), 3);
    assert_eq!(in_flight.revision.as_str(), "r1");
    let old = record.before_images.iter().find(|image| image.id == id("sntp-addr")).unwrap();
    assert_eq!(old.old.as_deref(), Some("192.0.2.1"));
    let reply = phone.obey(&write.message);
    phone.session_from(&mut stage, reply);
    assert_eq!(stage.saved.values().next().unwrap().in_flight, None);
}

#[test]
fn the_first_before_image_stays_beside_that_of_the_next_revision() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.124"));
    phone.session(&mut stage, Reason::Solicited);
    let record = stage.saved.values().next().unwrap();
    let images: Vec<_> = record.before_images.iter().filter(|image| image.id == id("sntp-addr")).collect();
    let images: Vec<_> = images.iter().map(|image| (image.old.as_deref(), image.revision.as_str())).collect();
    assert_eq!(images, [(Some("192.0.2.1"), "r1"), (Some("192.0.2.123"), "r2")]);
}

#[test]
fn when_the_store_is_away_phones_are_read_and_no_write_leaves() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    let reply = phone.obey(&read.message);
    let end = stage.say_storing(&phone, reply, false);
    assert_eq!(end.message.action, Action::CleanUp, "promise 7");
    stage.fleet.set_store_away(true, stage.now);
    let pending = stage.view(MAC).pending.unwrap();
    assert_eq!(pending.reason, PendingReason::StoreAway);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).actions(), [Action::ReadItems, Action::CleanUp]);
    stage.contacts.clear();
    stage.fleet.set_store_away(false, stage.now);
    stage.pass(Duration::from_secs(61));
    assert_eq!(stage.contacts.len(), 1, "what waited goes on");
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes().len(), 1);
}

#[test]
fn items_that_can_cut_the_phone_off_need_leave_and_go_last_in_a_message_of_their_own() {
    let items = "sntp-addr: 192.0.2.5, vlan-id: 7, some-unknown-item: \"x\"";
    let mut stage = Stage::with(&phone_with("", items));
    let mut phone = Phone::new(MAC);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]]);
    let view = stage.view(MAC);
    assert_eq!((view.state, view.degraded), (State::Degraded, vec![DegradedReason::NotAllowed]));
    stage.pass(Duration::from_hours(1));
    assert!(stage.contacts.is_empty(), "nothing to do about it");

    stage.push(&phone_with(", lockoutItems: Allow", &items.replace(".5", ".6")));
    let writes = phone.session(&mut stage, Reason::Solicited).writes();
    let alone = vec![vec!["sntp-addr"], vec!["some-unknown-item"], vec!["vlan-id"]];
    assert_eq!(writes, alone, "R-1214: each group that can make the phone vanish goes alone, what restarts it last");
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn safety_items_are_never_in_one_message_with_others() {
    let items = "sntp-addr: 192.0.2.5, Canonical-dialing-emergency-number: \"112,110\", date-format: 0";
    let mut stage = Stage::with(&phone_with("", items));
    let writes = Phone::new(MAC).session(&mut stage, Reason::StartUp).writes();
    assert!(writes.contains(&vec!["Canonical-dialing-emergency-number".to_owned()]), "{writes:?}");
}

#[test]
fn items_of_the_phones_user_need_to_be_managed() {
    let mut stage = Stage::with(&phone_with(", userItems: Manage", "display-contrast: 3"));
    assert_eq!(Phone::new(MAC).session(&mut stage, Reason::StartUp).writes(), [["display-contrast"]]);
}

#[test]
fn a_group_is_written_whole() {
    let items = "function-key-def: {1: 59}, key-label-unicode: {1: Anna}, stimulus-led-control-uri: {1: \"42\"}";
    let mut stage = Stage::with(&phone_with("", items));
    let mut phone = Phone::new(MAC);
    phone.values.insert(id("function-key-def[1]"), "59".to_owned());
    let writes = phone.session(&mut stage, Reason::StartUp).writes();
    assert_eq!(
        writes,
        [["function-key-def[1]", "key-label-unicode[1]", "stimulus-led-control-uri[1]"]],
        "R-1210: one of them is right already and goes along"
    );
}

#[test]
fn what_is_too_large_for_one_message_is_cut_between_groups() {
    let label = "x".repeat(1000);
    let items: Vec<String> = (1..=80).map(|key| format!("some-text-{key:02}: \"{label}\"")).collect();
    let classes: Vec<String> = (1..=80).map(|key| format!("some-text-{key:02},string,")).collect();
    let overlay = format!("name,type,effect\n{}\n", classes.join("\n"));
    let mut stage = Stage::empty(Settings::default());
    stage.push_files(&[("fleet.yaml", &phone_with("", &items.join(", "))), ("catalogue.csv", &overlay)]);
    let mut phone = Phone::new(MAC);
    let session = phone.session(&mut stage, Reason::StartUp);
    let writes: Vec<&ServerMessage> =
        session.messages.iter().filter(|message| message.action == Action::WriteItems).collect();
    assert!(writes.len() >= 2, "80 kB do not fit in one message");
    assert!(writes.iter().all(|message| message.encode().len() < MESSAGE_LIMIT), "R-807");
    assert_eq!(writes.iter().map(|message| message.items.len()).sum::<usize>(), 80);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_read_that_does_not_fit_in_a_message_reads_everything() {
    let items: Vec<String> = (0..1200).map(|key| format!("some-quite-long-item-name-{key:04}: \"x\"")).collect();
    let mut stage = Stage::with(&phone_with("", &items.join(", ")));
    let session = Phone::new(MAC).session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions()[0], Action::ReadAllItems, "R-801");
}

#[test]
fn max_items_of_the_phone_is_kept() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let mut first = phone.initial(Reason::StartUp, Vec::new());
    first.max_items = Some(2);
    let session = phone.session_from(&mut stage, first);
    assert!(session.messages.iter().all(|message| message.items.len() <= 2), "R-504");
    assert_eq!(session.writes().len(), 2);
}

const SECRET: &str = "sip-pwd: {file: sip-reception}";

#[test]
fn a_secret_found_at_the_first_look_is_assumed_and_not_written() {
    let mut stage = Stage::with(&phone_with("", &format!("sntp-addr: 192.0.2.5, {SECRET}")));
    let writes = Phone::new(MAC).session(&mut stage, Reason::StartUp).writes();
    assert_eq!(writes, [["sntp-addr"]], "promise 8");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_secret_added_by_a_later_revision_is_written_once() {
    let mut stage = Stage::with(&phone_with("", "sntp-addr: 192.0.2.5"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&phone_with("", &format!("sntp-addr: 192.0.2.5, {SECRET}")));
    assert_eq!(stage.view(MAC).state, State::Pending);
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(session.writes(), [["sip-pwd"]]);
    assert_eq!(session.actions().last_chunk(), Some(&[Action::ReadItems, Action::CleanUp]), "promise 2: read after it");
    assert_eq!(stage.view(MAC).state, State::InSync);
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty(), "once");
}

#[test]
fn a_secret_that_the_phone_refuses_leaves_nothing_to_wait_for() {
    let mut stage = Stage::with(&phone_with("", "sntp-addr: 192.0.2.5"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    phone.refuses.insert(id("sip-pwd"), ItemStatus::InvalidData);
    stage.push(&phone_with("", &format!("sntp-addr: 192.0.2.5, {SECRET}")));
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sip-pwd"]]);
    assert_eq!(stage.view(MAC).state, State::Degraded, "R-901: nothing was written, so nothing is to be read");
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
}

#[test]
fn a_secret_goes_along_with_its_group() {
    let mut stage = Stage::with(&phone_with("", &format!("sip-user-id: \"17\", {SECRET}")));
    let writes = Phone::new(MAC).session(&mut stage, Reason::StartUp).writes();
    assert_eq!(writes, [["sip-pwd", "sip-user-id"]], "R-1210, promise 8");
}

#[test]
fn a_phone_first_declared_by_a_revision_that_was_seen_to_arrive_gets_its_secrets() {
    let mut stage = Stage::with(ENFORCED);
    let added = phone_with("", SECRET).replace(":33", ":44").replace("reception", "porter");
    stage.push(&format!("{ENFORCED}---{added}"));
    let mut phone = Phone::new("00:1A:E8:11:22:44");
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sip-pwd"]]);
}

#[test]
fn with_a_lost_store_no_secret_is_written_again() {
    let yaml = phone_with("", &format!("sntp-addr: 192.0.2.5, {SECRET}"));
    let mut stage = Stage::with(&phone_with("", "sntp-addr: 192.0.2.5"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&yaml);
    phone.session(&mut stage, Reason::Solicited);
    stage.saved.clear();
    let mut restarted = stage.restarted(&yaml);
    assert_ne!(restarted.view(MAC).state, State::InSync, "nothing is InSync before it was read");
    assert!(phone.session(&mut restarted, Reason::StartUp).writes().is_empty(), "promise 8");
}

#[test]
fn after_a_crash_with_a_write_in_flight_the_phone_is_read_first() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let write = phone.up_to_the_write(&mut stage);
    phone.obey(&write.message);
    let mut restarted = stage.restarted(ENFORCED);
    assert_eq!(restarted.view(MAC).state, State::Pending);
    let session = phone.session(&mut restarted, Reason::Solicited);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "R-1404: it had been written");
    assert_eq!(restarted.view(MAC).state, State::InSync);
}

#[test]
fn old_phones_are_not_sent_what_they_cannot_decode() {
    let mut stage = Stage::with(&phone_with("", "sntp-addr: 192.0.2.5, display-id-unicode: \"R&D\""));
    let mut phone = Phone::new(MAC);
    phone.firmware = "V2 R1.21.0".to_owned();
    let writes = phone.session(&mut stage, Reason::StartUp).writes();
    assert!(!writes.concat().contains(&"display-id-unicode".to_owned()), "R-616: {writes:?}");
    assert_eq!(stage.view(MAC).state, State::Degraded);
    // a secret is no exception
    let secret = "sntp-addr: 192.0.2.5, ldap-pwd: {file: \"a&b\"}";
    stage.push(&phone_with("", secret));
    let writes = phone.session(&mut stage, Reason::Solicited).writes();
    assert!(writes.is_empty(), "R-616: {writes:?}");
    assert_eq!(stage.view(MAC).refused[0].item, "ldap-pwd");
}

#[derive(Debug, Clone, Copy)]
enum Happens {
    StartUp,
    Solicited,
    LocalChange,
    CallBegins,
    CallEnds,
    Push(u8),
    StoreGoes,
    StoreComes,
    Time(u16),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        Just(Happens::StartUp),
        Just(Happens::Solicited),
        Just(Happens::LocalChange),
        Just(Happens::CallBegins),
        Just(Happens::CallEnds),
        (0u8..4).prop_map(Happens::Push),
        Just(Happens::StoreGoes),
        Just(Happens::StoreComes),
        (0u16..2000).prop_map(Happens::Time),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// R-714: an idle phone that is wished for comes back at once, for ever; R-705; promise 4.
    #[test]
    fn the_wish_is_sent_only_to_a_busy_phone_for_which_a_write_waits(steps in prop::collection::vec(happens(), 1..60)) {
        let mut stage = Stage::with(ENFORCED);
        let mut phone = Phone::new(MAC);
        for step in steps {
            let reason = match step {
                Happens::StartUp => Reason::StartUp,
                Happens::Solicited => Reason::Solicited,
                Happens::LocalChange => {
                    phone.values.insert(id("sntp-addr"), "192.0.2.66".to_owned());
                    Reason::LocalChanges
                }
                Happens::CallBegins => { phone.in_call = true; continue }
                Happens::CallEnds => { phone.in_call = false; continue }
                Happens::Push(number) => {
                    let mode = if number == 3 { "Report" } else { "Enforce" };
                    let yaml = ENFORCED.replace("offset: 60", &format!("offset: {}", 60 * number)).replace("mode: Enforce", &format!("mode: {mode}"));
                    stage.push(&yaml);
                    continue;
                }
                Happens::StoreGoes => { stage.fleet.set_store_away(true, stage.now); continue }
                Happens::StoreComes => { stage.fleet.set_store_away(false, stage.now); continue }
                Happens::Time(seconds) => { stage.pass(Duration::from_secs(seconds.into())); continue }
            };
            let local = reason == Reason::LocalChanges;
            let session = phone.session(&mut stage, reason);
            let view = stage.view(MAC);
            if session.wish() {
                prop_assert!(phone.in_call && view.drift_count > 0, "R-714");
                prop_assert_eq!(view.state, State::Pending);
            }
            if local {
                prop_assert!(session.writes().is_empty(), "R-705");
            }
            if view.state == State::InSync {
                prop_assert_eq!(view.drift_count, 0);
            }
        }
        let spacing = Settings::default().contact_spacing;
        for pair in stage.contacts.windows(2) {
            prop_assert!(pair[1].2.duration_since(pair[0].2).unsigned_abs() >= spacing, "promise 4");
        }
    }
}

#[test]
fn an_answer_to_a_record_of_a_flow_that_is_gone_is_a_plain_cleanup() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    let reply = phone.obey(&read.message);
    let nonce = reply.nonce.clone().unwrap();
    let from = From { cookie: phone.cookie.as_deref(), peer: phone.peer, connection: 1 };
    let Answer::Record { ticket, .. } = stage.fleet.message(reply, &from, stage.now) else { panic!("a record first") };
    let newer = phone.initial(Reason::StartUp, vec![Item::plain(id("x"), "y")]);
    stage.say(&phone, newer);
    let Answer::Send { message, .. } = stage.fleet.recorded(ticket, true, &nonce, stage.now) else {
        panic!("an answer")
    };
    assert_eq!(message.action, Action::CleanUp, "R-209: nothing is written in a flow that a newer message ended");
}

/// A session that has got as far as its first WriteItems.
fn writing(stage: &mut Stage, phone: &mut Phone) -> ServerMessage {
    let write = phone.up_to_the_write(stage).message;
    assert_eq!(write.action, Action::WriteItems);
    write
}

#[test]
fn a_reply_counts_for_what_was_sent_and_not_for_what_is_wanted_by_then() {
    let mut stage = Stage::with(&phone_with("", "sntp-addr: 192.0.2.5, sip-user-id: \"17\", sip-pwd: {file: a}"));
    let mut phone = Phone::new(MAC);
    let write = writing(&mut stage, &mut phone);
    phone.refuses.insert(id("sntp-addr"), crate::wpi::ItemStatus::InvalidData);
    let reply = phone.obey(&write);
    phone.refuses.clear();
    stage.push(&phone_with("", "sntp-addr: 192.0.2.6, sip-user-id: \"17\", sip-pwd: {file: b}"));
    let rest = phone.session_from(&mut stage, reply);
    let written = rest.writes().concat();
    assert!(written.contains(&"sip-pwd".to_owned()), "the newer secret is still due: {written:?}");
    assert!(written.contains(&"sntp-addr".to_owned()), "the newer value was never refused: {written:?}");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_message_that_did_not_leave_was_not_written() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    let reply = phone.obey(&read.message);
    let nonce = reply.nonce.clone().unwrap();
    let from = From { cookie: phone.cookie.as_deref(), peer: phone.peer, connection: 1 };
    let Answer::Record { ticket, .. } = stage.fleet.message(reply, &from, stage.now) else { panic!("a record first") };
    stage.push(&ENFORCED.replace("mode: Enforce", "mode: Enforce, interval: 12h"));
    let Answer::Send { message, .. } = stage.fleet.recorded(ticket, true, &nonce, stage.now) else {
        panic!("an answer")
    };
    let reply = phone.obey(&message);
    assert_eq!(phone.session_from(&mut stage, reply).writes().len(), 1, "it goes round again and writes the same");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn the_before_image_of_a_write_that_a_call_stopped_is_taken_back() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    phone.session(&mut stage, Reason::StartUp);
    assert!(stage.saved.values().next().unwrap().before_images.is_empty());
    phone.in_call = false;
    phone.values.insert(id("sntp-addr"), "192.0.2.99".to_owned());
    phone.session(&mut stage, Reason::Solicited);
    let record = stage.saved.values().next().unwrap();
    let image = record.before_images.iter().find(|image| image.id == id("sntp-addr")).unwrap();
    assert_eq!(image.old.as_deref(), Some("192.0.2.99"), "what it was before it was really changed");
}

#[test]
fn a_message_that_fails_as_a_whole_is_tried_again_group_by_group() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    writing(&mut stage, &mut phone);
    let failed = phone.reply(Action::WriteItems, crate::wpi::ReplyStatus::Failed, Vec::new());
    assert_eq!(stage.say(&phone, failed).message.action, Action::CleanUp, "R-901");
    assert_eq!(stage.view(MAC).refused, []);
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(session.writes(), [["daylight-save"], ["sntp-addr"], ["sntp-tz-offset"]]);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_secret_in_a_layer_of_one_model_is_assumed_like_any_other() {
    let profile = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {name: forty}\nspec:\n  models: [OpenStage 40]\n  items: {sip-pwd: {file: sip}}\n---";
    let yaml = profile.to_owned()
        + &phone_with("", "sntp-addr: 192.0.2.5").replace("  items:", "  profiles: [forty]\n  items:");
    let mut stage = Stage::with(&yaml);
    let writes = Phone::new(MAC).session(&mut stage, Reason::StartUp).writes();
    assert_eq!(writes, [["sntp-addr"]], "promise 8: it was not known before that the layer applies");
}

#[test]
fn a_phone_that_is_plugged_in_first_and_declared_later_is_new() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new("00:1A:E8:11:22:44");
    phone.session(&mut stage, Reason::StartUp);
    let porter = phone_with("", SECRET).replace(":33", ":44").replace("reception", "porter");
    stage.push(&format!("{ENFORCED}---{}", porter.replace("sip-porter", "sip-porter, oops: 1")));
    assert_eq!(stage.view("porter").state, State::Invalid);
    stage.push(&format!("{ENFORCED}---{porter}"));
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sip-pwd"]], "promise 8");
}

#[test]
fn a_keyed_secret_follows_the_number_that_its_key_names() {
    let yaml = |number: &str| {
        phone_with("", &format!("sip-user-id: \"{number}\", ldap-pwd: {{from: ldap.csv, key: \"{{sip-user-id}}\"}}"))
    };
    let mut stage = Stage::with(&yaml("17"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&yaml("18"));
    let written = phone.session(&mut stage, Reason::Solicited).writes().concat();
    assert!(written.contains(&"ldap-pwd".to_owned()), "{written:?}");
}
