//! Phones that are left as they are: a mobile user is logged on, or another server owns them.

use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage, Transcript, id};
use crate::{
    fleet::{
        ContactAnswer, Settings,
        words::{PendingReason, State},
    },
    wpi::{Action, DeviceId, Item, Reason},
};

const HOUR: Duration = Duration::from_hours(1);

fn mobility(state: &str, number: &str) -> Vec<Item> {
    let facts =
        [("mobility-enabled", "true"), ("sip-mobility-state", state), ("e164", number), ("basic-e164", "4930123456")];
    facts.map(|(name, value)| Item::plain(id(name), value)).into()
}

/// One session whose first message says that about mobility; the number replaces the phone's own.
fn session(phone: &mut Phone, stage: &mut Stage, reason: Reason, mobility: Vec<Item>) -> Transcript {
    let mut first = phone.initial(reason, Vec::new());
    first.items.retain(|item| item.id != id("e164"));
    first.items.extend(mobility);
    phone.session_from(stage, first)
}

#[test]
fn while_a_mobile_user_is_logged_on_the_phone_is_neither_read_nor_written_nor_asked_to_call() {
    for state in ["0", "2"] {
        let mut stage = Stage::with(ENFORCED);
        let mut phone = Phone::new(MAC);
        phone.session(&mut stage, Reason::StartUp);
        for reason in [Reason::InventoryChanges, Reason::StartUp, Reason::Solicited, Reason::LocalChanges] {
            let logon = session(&mut phone, &mut stage, reason, mobility(state, "4989777"));
            assert_eq!(logon.actions(), [Action::CleanUp], "R-732, R-733");
            assert!(!logon.wish(), "R-714");
        }
        phone.values.insert(id("sntp-addr"), "192.0.2.77".to_owned());
        stage.push(&ENFORCED.replace("sntp-tz-offset: 60", "sntp-tz-offset: 120"));
        stage.contacts.clear();
        stage.pass(HOUR * 72);
        assert!(stage.contacts.is_empty(), "not even for the sweep");
        let view = stage.view(MAC);
        let pending = view.pending.expect("it waits");
        assert_eq!((view.state, pending.reason), (State::Pending, PendingReason::MobileUser));
        assert!(pending.since.is_some() && view.notes[0].contains("mobile user"));
    }
}

#[test]
fn at_logoff_it_is_read_again_and_put_right() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    session(&mut phone, &mut stage, Reason::InventoryChanges, mobility("0", "4989777"));
    phone.values.insert(id("sntp-addr"), "192.0.2.77".to_owned());
    stage.pass(HOUR);
    assert_eq!(stage.view(MAC).drift_count, 0, "a user's values are not drift");
    let logoff = session(&mut phone, &mut stage, Reason::InventoryChanges, mobility("1", "4930123456"));
    assert_eq!(logoff.actions(), [Action::CleanUp], "R-733");
    assert_eq!(stage.view(MAC).state, State::Pending);
    stage.pass(HOUR / 30);
    stage.contact();
    let read = session(&mut phone, &mut stage, Reason::Solicited, mobility("1", "4930123456"));
    assert_eq!(read.writes(), [["sntp-addr"]]);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn who_is_at_home_is_no_mobile_user() {
    let not_enabled = vec![Item::plain(id("mobility-enabled"), "false"), Item::plain(id("sip-mobility-state"), "0")];
    let own_number = mobility("0", "4930123456");
    let mut no_own = mobility("2", "4989777");
    no_own.retain(|item| item.id != id("basic-e164"));
    for facts in [not_enabled, own_number, no_own, mobility("1", "4989777")] {
        let mut stage = Stage::with(ENFORCED);
        let first = session(&mut Phone::new(MAC), &mut stage, Reason::StartUp, facts);
        assert_eq!(first.writes().len(), 1);
        assert_eq!(stage.view(MAC).state, State::InSync);
    }
}

#[test]
fn a_start_that_is_silent_on_mobility_ends_the_visit_and_other_messages_do_not() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    session(&mut phone, &mut stage, Reason::StartUp, mobility("0", "4989777"));
    assert_eq!(phone.session(&mut stage, Reason::InventoryChanges).actions(), [Action::CleanUp]);
    assert_eq!(stage.view(MAC).pending.map(|pending| pending.reason), Some(PendingReason::MobileUser));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().len(), 1, "a phone without mobility");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_logon_in_mid_session_ends_it_and_a_restart_does_not_forget_it() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let asked = stage.say(&phone, first);
    phone.cookie = asked.set_cookie;
    session(&mut phone, &mut stage, Reason::InventoryChanges, mobility("0", "4989777"));
    let late = phone.obey(&asked.message);
    assert_eq!(stage.say(&phone, late).message.action, Action::CleanUp, "R-209");
    let mut restarted = stage.restarted(ENFORCED);
    restarted.pass(HOUR * 48);
    assert!(restarted.contacts.is_empty());
    assert_eq!(restarted.view(MAC).pending.map(|pending| pending.reason), Some(PendingReason::MobileUser));
    let device = DeviceId::new(MAC).unwrap();
    let answer = restarted.fleet.ask_to_call(&device, restarted.now);
    assert!(matches!(answer, ContactAnswer::CannotBeReached(_)), "{answer:?}");
}

fn owned(address: Option<&str>, servers: &str) -> (Stage, Phone) {
    let settings = Settings { public_address: address.map(Into::into), ..Settings::default() };
    let mut stage = Stage::empty(settings);
    stage.push(&at_site(servers));
    let mut phone = Phone::new(MAC);
    phone.values.insert(id("dls-addr"), "192.0.2.99".to_owned());
    (stage, phone)
}

fn at_site(servers: &str) -> String {
    let site = format!(
        "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: berlin}}\nspec: {{{servers}}}\n"
    );
    format!("{}{site}", ENFORCED.replace("profiles: [site-berlin]", "profiles: [site-berlin]\n  site: berlin"))
}

#[test]
fn a_phone_of_another_server_is_read_and_shown_and_not_written_to() {
    for (address, servers) in [(Some("192.0.2.10"), ""), (None, "servers: [192.0.2.10, dls.example.com]")] {
        let (mut stage, mut phone) = owned(address, servers);
        let first = phone.session(&mut stage, Reason::StartUp);
        assert_eq!(first.actions(), [Action::ReadItems, Action::CleanUp]);
        let view = stage.view(MAC);
        assert_eq!((view.state, view.drift_count), (State::Pending, 3));
        assert_eq!(view.pending.map(|pending| pending.reason), Some(PendingReason::ForeignServer));
        assert!(view.notes[0].contains("192.0.2.99"), "{:?}", view.notes);
        assert_eq!(view.managed, 3, "its server is not managed");
        stage.pass(HOUR * 2);
        assert!(stage.contacts.is_empty(), "for a write it is not asked");
        stage.pass(HOUR * 22);
        assert_eq!(stage.contacts.len(), 1, "it is read on");
        assert!(phone.session(&mut stage, Reason::Solicited).writes().is_empty());
    }
}

#[test]
fn a_phone_that_comes_back_is_written_to_in_the_session_that_shows_it() {
    let (mut stage, mut phone) = owned(Some("DLS.example.com"), "");
    phone.session(&mut stage, Reason::StartUp);
    phone.values.insert(id("dls-addr"), "dls.example.com".to_owned());
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().len(), 1, "host names have no case");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_server_that_the_site_then_names_is_ours() {
    let (mut stage, mut phone) = owned(Some("192.0.2.10"), "");
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&at_site("servers: [192.0.2.99]"));
    assert_eq!(stage.view(MAC).pending.map(|pending| pending.reason), Some(PendingReason::Queued));
    assert_eq!(phone.session(&mut stage, Reason::Solicited).writes().len(), 1);
}

#[test]
fn without_a_known_server_nothing_is_asked_and_nobody_is_foreign() {
    let (mut stage, mut phone) = owned(None, "");
    let first = phone.session(&mut stage, Reason::StartUp);
    assert!(first.messages[0].items.iter().all(|item| item.id != id("dls-addr")));
    assert_eq!(stage.view(MAC).state, State::InSync);
    // a phone whose server comes from DHCP says nothing of it
    let (mut stage, mut silent) = owned(Some("192.0.2.10"), "");
    silent.values.remove(&id("dls-addr"));
    silent.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
}
