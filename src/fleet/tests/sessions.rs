use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        Settings,
        words::{PendingReason, State},
    },
    wpi::{
        Action, Item, ItemStatus, Reason, ReplyStatus,
        phone_message::{Fragment, Nonce},
    },
};

#[test]
fn what_differs_is_written_read_back_and_proven() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(
        session.actions(),
        [Action::ReadItems, Action::WriteItems, Action::ReadItems, Action::CleanUp],
        "design section 4.3, R-710"
    );
    assert_eq!(session.writes(), [["daylight-save", "sntp-addr", "sntp-tz-offset"]]);
    assert!(!session.wish());
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.123");
    let view = stage.view("reception");
    assert_eq!(view.state, State::InSync);
    assert_eq!(view.drift_count, 0);
    assert!(view.last_proof.is_some());
    assert_eq!(view.revision.as_deref(), Some("r1"));
}

#[test]
fn a_phone_in_sync_is_read_and_not_written() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let again = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(again.actions(), [Action::ReadItems, Action::CleanUp]);
}

#[test]
fn mode_report_reads_and_never_writes() {
    let mut stage = Stage::with(&ENFORCED.replace("policy: {mode: Enforce}", "policy: {interval: 24h}"));
    let mut phone = Phone::new(MAC);
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "promise 11");
    let view = stage.view("reception");
    assert_eq!(view.state, State::Drifted);
    assert_eq!(view.drift_count, 3);
    assert_eq!(view.drift[1].observed.as_deref(), Some("192.0.2.1"));
    stage.pass(Duration::from_hours(1));
    assert!(stage.contacts.is_empty(), "a drifted phone in Report wants nothing");
}

#[test]
fn the_switch_report_only_writes_nothing_whatever_the_documents_say() {
    let mut stage = Stage::empty(Settings { report_only: true, ..Settings::default() });
    stage.push(ENFORCED);
    let session = Phone::new(MAC).session(&mut stage, Reason::StartUp);
    assert_eq!(session.writes(), [[""; 0]; 0]);
    assert_eq!(stage.view(MAC).state, State::Drifted);
}

#[test]
fn mode_off_leaves_the_phone_alone() {
    let mut stage = Stage::with(&ENFORCED.replace("Enforce", "\"Off\""));
    let session = Phone::new(MAC).session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::CleanUp]);
    assert_eq!(stage.view(MAC).state, State::Suspended);
}

#[test]
fn an_undeclared_phone_is_listed_with_what_it_told_and_sent_away() {
    let mut stage = Stage::with(ENFORCED);
    let session = Phone::new("00:1A:E8:99:99:99").session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::CleanUp], "R-1104");
    let view = stage.view("001ae8999999");
    assert_eq!((view.state, view.name), (State::Undeclared, None));
    assert_eq!(view.model.as_deref(), Some("OpenStage 40"));
}

#[test]
fn undeclared_phones_beyond_the_limit_are_answered_and_forgotten() {
    let mut stage = Stage::empty(Settings { undeclared: 2, ..Settings::default() });
    stage.push(ENFORCED);
    for number in 0..5 {
        let session = Phone::new(&format!("00:1A:E8:99:99:{number:02}")).session(&mut stage, Reason::StartUp);
        assert_eq!(session.actions(), [Action::CleanUp]);
    }
    assert_eq!(stage.fleet.counters().undeclared_forgotten, 3);
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync, "a declared phone is not among them");
}

#[test]
fn a_phone_in_a_call_gets_its_change_after_the_call_without_being_asked() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::WriteItems, Action::CleanUp]);
    assert!(session.wish(), "R-711");
    let view = stage.view(MAC);
    let pending = view.pending.unwrap();
    assert_eq!((view.state, pending.reason), (State::Pending, PendingReason::InCall));
    assert_eq!((pending.since, pending.next), (None, None), "promise 10");
    phone.in_call = false;
    let after_call = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(after_call.writes().len(), 1);
    assert!(!after_call.wish(), "R-711: plain, since nothing waits");
    assert_eq!(stage.view(MAC).state, State::InSync);
    assert!(stage.contacts.is_empty());
}

#[test]
fn an_old_phone_in_a_call_is_asked_again_later() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.firmware = "V3 R1.43.0".to_owned();
    phone.in_call = true;
    let session = phone.session(&mut stage, Reason::StartUp);
    assert!(!session.wish(), "R-715: before V3R3 the wish is ignored");
    stage.pass(Duration::from_mins(14));
    assert!(stage.contacts.is_empty(), "not in the call's first minutes");
    stage.pass(Duration::from_mins(2));
    assert_eq!(stage.contacts.len(), 1, "R-715");
}

#[test]
fn local_changes_in_a_call_do_not_end_the_wait_for_its_end() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    phone.session(&mut stage, Reason::StartUp);
    let attached =
        vec![Item::plain(id("configuration-attached-flag"), "true"), Item::plain(id("sntp-addr"), "192.0.2.7")];
    let message = phone.initial(Reason::LocalChanges, attached);
    let session = phone.session_from(&mut stage, message);
    assert!(!session.wish(), "R-713: a dialogue without a write ends plain");
    assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::InCall);
    stage.pass(Duration::from_mins(10));
    assert!(stage.contacts.is_empty());
}

#[test]
fn busy_on_a_read_with_nothing_to_write_gives_no_wish() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let reply = stage.say(&phone, first);
    phone.cookie = reply.set_cookie;
    let busy = phone.reply(Action::ReadItems, ReplyStatus::Busy, Vec::new());
    let end = stage.say(&phone, busy).message;
    assert_eq!((end.action, end.items.len()), (Action::CleanUp, 0), "R-714");
}

#[test]
fn refused_items_are_kept_with_the_phones_word_and_not_written_again() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("sntp-addr"), ItemStatus::ReadOnly);
    phone.session(&mut stage, Reason::StartUp);
    let view = stage.view(MAC);
    assert_eq!(view.state, State::Degraded);
    assert_eq!((view.refused[0].item.as_str(), view.refused[0].status.as_str()), ("sntp-addr", "read only"));
    assert_eq!(view.drift_count, 1, "the others are proven");
    let again = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(again.actions(), [Action::ReadItems, Action::CleanUp], "R-901");
    stage.pass(Duration::from_hours(1));
    assert!(stage.contacts.is_empty());

    phone.refuses.clear();
    phone.firmware = "V3 R5.13.0".to_owned();
    let upgraded = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(upgraded.writes(), [["sntp-addr"]], "another firmware is another try");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_refused_item_is_tried_again_with_another_value() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("sntp-addr"), ItemStatus::InvalidData);
    phone.session(&mut stage, Reason::StartUp);
    phone.refuses.clear();
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.124"));
    let session = phone.session(&mut stage, Reason::Solicited);
    assert_eq!(session.writes(), [["sntp-addr"]]);
}

#[test]
fn an_item_that_the_phone_does_not_know_is_not_sent() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.unknown.insert(id("sntp-addr"));
    let session = phone.session(&mut stage, Reason::StartUp);
    assert_eq!(session.writes(), [["daylight-save", "sntp-tz-offset"]], "R-617");
    assert_eq!(stage.view(MAC).state, State::InSync);
    // another value is worth another look
    phone.unknown.clear();
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.124"));
    assert_eq!(stage.view(MAC).state, State::Pending);
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sntp-addr"]]);
}

#[test]
fn an_item_that_reads_back_otherwise_is_written_once_more_in_a_later_session_and_then_refused() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    for (round, after) in [(1, State::Pending), (2, State::Degraded)] {
        let first = phone.initial(Reason::StartUp, Vec::new());
        let mut message = stage.say(&phone, first);
        let mut writes = 0;
        while message.message.action != Action::CleanUp {
            writes += usize::from(message.message.action == Action::WriteItems);
            let reply = phone.obey(&message.message);
            phone.values.insert(id("sntp-addr"), "192.0.2.77".to_owned());
            message = stage.say(&phone, reply);
        }
        assert_eq!(writes, 1, "R-618, round {round}");
        assert_eq!(stage.view(MAC).state, after, "round {round}");
    }
    phone.values.insert(id("sntp-addr"), "192.0.2.123".to_owned());
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!((stage.view(MAC).state, stage.view(MAC).refused), (State::InSync, Vec::new()), "it is right by now");
}

#[test]
fn a_phone_that_is_busy_for_ever_gets_the_wish_only_a_few_times() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    phone.session(&mut stage, Reason::StartUp);
    let wishes: Vec<bool> = (0..4).map(|_| phone.session(&mut stage, Reason::Solicited).wish()).collect();
    assert_eq!(wishes, [true, true, false, false], "R-714: it may be idle and call itself busy");
    stage.pass(Duration::from_mins(16));
    assert_eq!(stage.contacts.len(), 1, "it is not forgotten");
}

#[test]
fn a_change_in_mid_session_sends_it_round_again() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    stage.push(&ENFORCED.replace("sntp-tz-offset: 60", "sntp-tz-offset: 120"));
    let reply = phone.obey(&read.message);
    let rest = phone.session_from(&mut stage, reply);
    assert_eq!(
        rest.actions(),
        [Action::ReadItems, Action::WriteItems, Action::ReadItems, Action::CleanUp],
        "design section 4.3"
    );
    assert_eq!(phone.values[&id("sntp-tz-offset")], "120");
    assert_eq!(stage.view(MAC).revision.as_deref(), Some("r2"));
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_change_between_record_and_write_stops_the_write() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    let reply = phone.obey(&read.message);
    let nonce = reply.nonce.clone().unwrap();
    let from = crate::fleet::flow::From { cookie: phone.cookie.as_deref(), peer: phone.peer, connection: 1 };
    let crate::fleet::Answer::Record { ticket, .. } = stage.fleet.message(reply, &from, stage.now) else {
        panic!("a write is recorded before it leaves")
    };
    stage.push(&ENFORCED.replace("mode: Enforce", "mode: Report"));
    let crate::fleet::Answer::Send { message, .. } = stage.fleet.recorded(ticket, true, &nonce, stage.now) else {
        panic!("an answer")
    };
    assert_eq!(message.action, Action::ReadItems, "it goes round again, towards a state that only looks");
    let reply = phone.obey(&message);
    assert_eq!(phone.session_from(&mut stage, reply).actions(), [Action::CleanUp]);
    assert_eq!(stage.view(MAC).state, State::Drifted);
}

#[test]
fn local_changes_with_attached_items_are_taken_over_and_corrected_in_a_session_of_their_own() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    phone.values.insert(id("sntp-addr"), "192.0.2.9".to_owned());
    let attached =
        vec![Item::plain(id("configuration-attached-flag"), "true"), Item::plain(id("sntp-addr"), "192.0.2.9")];
    let message = phone.initial(Reason::LocalChanges, attached);
    let session = phone.session_from(&mut stage, message);
    assert_eq!(session.actions(), [Action::CleanUp], "R-704, R-705");
    assert_eq!(stage.view(MAC).drift[0].observed.as_deref(), Some("192.0.2.9"));
    stage.pass(Duration::from_secs(2));
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes(), [["sntp-addr"]]);
}

#[test]
fn local_changes_without_values_are_read_and_never_answered_by_a_write() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let session = phone.session(&mut stage, Reason::LocalChanges);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "R-703, R-705");
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.contacts.len(), 1);
}

#[test]
fn a_phone_that_keeps_changing_back_is_not_corrected_for_ever() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let mut corrections = 0;
    for _ in 0..20 {
        phone.values.insert(id("sntp-addr"), "192.0.2.9".to_owned());
        phone.session(&mut stage, Reason::LocalChanges);
        stage.pass(Duration::from_mins(10));
        if let Some((device, ticket, _)) = stage.contacts.pop() {
            stage.fleet.contact_done(&device, ticket, true, stage.now);
            corrections += phone.session(&mut stage, Reason::Solicited).writes().len();
        }
        stage.contacts.clear();
    }
    assert_eq!(corrections, 3, "R-705: a loop guard");
}

#[test]
fn inventory_changes_and_unknown_reasons_end_plain() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    for reason in [Reason::InventoryChanges, Reason::Unknown("tea-time".into())] {
        assert_eq!(phone.session(&mut stage, reason).actions(), [Action::CleanUp], "R-706, R-214");
    }
}

#[test]
fn a_start_up_without_changes_is_proof_only_where_nobody_else_writes() {
    let flag = || vec![Item::plain(id("configuration-changed-flag"), "false")];
    for (policy, actions) in [
        ("policy: {mode: Enforce}", vec![Action::ReadItems, Action::CleanUp]),
        ("policy: {mode: Enforce, soleServer: true}", vec![Action::CleanUp]),
    ] {
        let mut stage = Stage::with(&ENFORCED.replace("policy: {mode: Enforce}", policy));
        let mut phone = Phone::new(MAC);
        let message = phone.initial(Reason::StartUp, flag());
        assert!(phone.session_from(&mut stage, message).actions().len() > 1, "nothing is known yet");
        let message = phone.initial(Reason::StartUp, flag());
        assert_eq!(phone.session_from(&mut stage, message).actions(), actions, "promise 9, R-521");
    }
}

#[test]
fn fragments_are_fetched_and_only_then_evaluated() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    let mut part = phone.obey(&read.message);
    let rest = part.items.split_off(1);
    part.fragment = Fragment::Next;
    let next = stage.say(&phone, part).message;
    assert_eq!((next.action, next.items.len()), (Action::GetNextFragment, 0), "R-803");
    let last = phone.reply(Action::GetNextFragment, ReplyStatus::Accepted, rest);
    let write = stage.say(&phone, last).message;
    assert_eq!((write.action, write.items.len()), (Action::WriteItems, 3), "R-805: either action is right");
}

#[test]
fn fragments_without_end_end_the_session() {
    let mut stage = Stage::empty(Settings { fragments: 5, ..Settings::default() });
    stage.push(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let mut answer = stage.say(&phone, first).message;
    let mut asked = 0;
    while answer.action != Action::CleanUp {
        asked += 1;
        let mut part = phone.reply(Action::ReadItems, ReplyStatus::Accepted, Vec::new());
        part.fragment = Fragment::Next;
        answer = stage.say(&phone, part).message;
    }
    assert_eq!(asked, 5, "R-806");
    stage.pass(Duration::from_hours(2));
    assert!(!stage.contacts.is_empty(), "it is tried again");
}

#[test]
fn a_reply_too_large_ends_the_session_and_a_secret_counts_with_its_length() {
    let mut stage = Stage::empty(Settings { reply_bytes: 100_000, ..Settings::default() });
    stage.push(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let mut answer = stage.say(&phone, first).message;
    let mut parts = 0;
    while answer.action != Action::CleanUp {
        parts += 1;
        let mut hidden = Item::plain(id("x-pwd"), "");
        hidden.text = crate::wpi::ItemText::Secret(crate::wpi::Secret::new("x".repeat(40_000)));
        let mut part = phone.reply(Action::ReadItems, ReplyStatus::Accepted, vec![hidden]);
        part.fragment = Fragment::Next;
        answer = stage.say(&phone, part).message;
    }
    assert_eq!(parts, 3, "R-806");
}

#[test]
fn a_read_that_the_phone_does_not_take_is_tried_again_later_and_not_at_once() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    phone.cookie = stage.say(&phone, first).set_cookie;
    let failed = phone.reply(Action::ReadItems, ReplyStatus::Failed, Vec::new());
    assert_eq!(stage.say(&phone, failed).message.action, Action::CleanUp, "R-901");
    assert_eq!(stage.view(MAC).state, State::Pending);
    stage.pass(Duration::from_secs(61));
    assert_eq!(stage.contacts.len(), 1);
}

#[test]
fn a_message_without_nonce_is_answered_with_an_empty_one() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let mut message = phone.initial(Reason::StartUp, Vec::new());
    message.nonce = None;
    let answer = stage.say(&phone, message);
    assert!(answer.set_cookie.is_some(), "R-206");
    assert_eq!((answer.message.action, answer.message.nonce), (Action::CleanUp, Nonce("".into())), "R-214");
}

#[test]
fn an_initial_message_without_mac_is_sent_away() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let message = phone.message(Reason::StartUp, Vec::new());
    assert_eq!(stage.say(&phone, message).message.action, Action::CleanUp, "R-209");
    assert_eq!(stage.fleet.counters().incomplete_messages, 1);
}

#[test]
fn a_phone_that_took_a_write_is_in_no_call_any_more() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.in_call = true;
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).pending.unwrap().reason, PendingReason::InCall);
    phone.in_call = false;
    stage.pass(Duration::from_secs(90));
    assert_eq!(phone.session(&mut stage, Reason::Status).writes().len(), 1);
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.124"));
    stage.pass(Duration::from_secs(5));
    assert_eq!(stage.contacts.len(), 1, "not only when the wait for its call would be over");
}
