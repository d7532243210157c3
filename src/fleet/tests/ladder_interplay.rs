//! Ladders of sites and what else happens to them: revisions, wishes, calls, restarts, long lines, seeds.

use std::{sync::Arc, time::Duration};

use super::{
    stage::{ENFORCED, MAC, Phone, Stage, id},
    town::{MINUTE, Town, documents, mac},
};
use crate::{
    fleet::{self, words::PendingReason},
    spec::{self, Revision, SecretsUnread, Snapshot},
    wpi::{Action, Reason},
};

fn in_doubt(town: &Town, number: u32) -> bool {
    town.view(&mac(number))
        .notes
        .iter()
        .any(|note| note.starts_with("to be heard of") || note.starts_with("not heard of"))
}

#[test]
fn a_phone_that_is_added_or_armed_releases_no_stopped_site() {
    let mut town = Town::quiet(5, 0);
    town.doomed.insert(mac(0));
    let items = "sntp-addr: 192.0.2.5, vlan-id: 7";
    let looked_at = documents(6, 0, items).replace("name: phone-5}", "name: phone-5, labels: {armed: later}}");
    let (rest, last) = looked_at.rsplit_once("mode: Enforce").unwrap();
    town.all_start();
    town.pass(20 * MINUTE);
    assert_eq!(town.stage.fleet.census(town.stage.now).stopped_ladders, 1);
    for yaml in [format!("{rest}mode: Report{last}"), documents(6, 0, items), documents(7, 0, items)] {
        town.stage.push(&yaml);
        town.pass(20 * MINUTE);
        assert_eq!(town.written().len(), 1, "R-1214: the same values would be lost with the next phone");
    }
    town.stage.push(&documents(7, 0, "sntp-addr: 192.0.2.5"));
    town.stage.push(&documents(7, 0, "sntp-addr: 192.0.2.5, vlan-id: 8"));
    town.pass(60 * MINUTE);
    assert_eq!(
        town.written().len(),
        5,
        "taken back, they release it: all but the lost one and the two without a phone"
    );
}

#[test]
fn while_a_revision_is_taken_over_nobody_gets_the_values_of_the_last() {
    let mut town = Town::quiet(3, 0);
    town.doomed.insert(mac(0));
    town.all_start();
    town.pass(20 * MINUTE);
    let yaml = documents(3, 0, "sntp-addr: 192.0.2.5, vlan-id: 8");
    let files = [("fleet.yaml", yaml.as_str())];
    let wanted = Arc::new(spec::load(&Snapshot::of_texts(Revision::new("next"), files), &SecretsUnread));
    let mut phones = town.stage.announce(&wanted);
    let late = phones.iter().position(|phone| *phone.device() == mac(1)).unwrap();
    let late = phones.swap_remove(late);
    town.stage.fleet.apply(phones, town.stage.now);
    town.session(&mac(1), Reason::Solicited);
    assert_eq!(town.written().len(), 1, "the released ladder is for the new values");
    town.stage.fleet.apply(vec![late], town.stage.now);
    town.pass(10 * MINUTE);
    assert_eq!(town.written().len(), 3);
    assert!([1, 2].iter().all(|number| town.phones[&mac(*number)].values[&id("vlan-id")] == "8"));
}

#[test]
fn a_retry_of_another_phone_releases_no_site() {
    let mut town = Town::quiet(5, 0);
    town.doomed.insert(mac(0));
    town.all_start();
    town.pass(20 * MINUTE);
    town.stage.fleet.retry(&mac(3), false, town.stage.now);
    town.pass(20 * MINUTE);
    assert_eq!(town.written().len(), 1);
    let note = town.view(&mac(3)).notes.join("\n");
    assert!(note.contains("`phoneops retry phone-0`"), "{note}");
    town.stage.fleet.retry(&mac(0), false, town.stage.now);
    town.pass(30 * MINUTE);
    assert_eq!(town.written().len(), 5);
}

#[test]
fn a_phone_in_doubt_is_asked_in_time_however_many_wait_before_it() {
    let slow = |yaml: String| {
        yaml.replace("networks: [127.0.0.0/8]", "networks: [127.0.0.0/8], limits: {contactsPerSecond: 0.16}")
    };
    let mut town = Town::quiet(200, 0);
    for number in 1..200 {
        let values = [(id("sntp-addr"), "192.0.2.5".to_owned()), (id("vlan-id"), "7".to_owned())];
        town.phones.get_mut(&mac(number)).unwrap().values.extend(values);
        town.session(&mac(number), Reason::StartUp);
        town.lost.insert(mac(number));
    }
    town.stage.push(&slow(documents(200, 0, "sntp-addr: 192.0.2.6, vlan-id: 7")));
    town.pass(MINUTE);
    town.session(&mac(0), Reason::StartUp);
    assert_eq!(town.written(), [mac(0)]);
    town.pass(2 * MINUTE);
    assert!(!in_doubt(&town, 0), "R-1214: asked after a minute, not behind 20 minutes of others");
}

#[test]
fn a_phone_in_doubt_that_is_in_a_call_is_asked_in_time() {
    let mut town = Town::quiet(2, 0);
    town.session(&mac(0), Reason::StartUp);
    town.phones.get_mut(&mac(0)).unwrap().in_call = true;
    town.stage.push(&documents(2, 0, "sntp-addr: 192.0.2.6, vlan-id: 7"));
    town.stage.pass(Duration::from_secs(5));
    town.session(&mac(0), Reason::InventoryChanges);
    town.session(&mac(0), Reason::Solicited);
    assert_eq!(town.pending(&mac(0)), Some(PendingReason::InCall));
    town.pass(3 * MINUTE);
    assert!(!in_doubt(&town, 0), "R-309: it calls in a call too, and was heard of");
    town.session(&mac(1), Reason::StartUp);
    assert_eq!(town.written(), [mac(0), mac(1)], "the site goes on during the call");
}

#[test]
fn a_phone_that_was_released_proves_nothing_for_the_next_values() {
    let mut town = Town::quiet(6, 0);
    let restart = |yaml: String| yaml.replace("lockoutItems: Allow", "lockoutItems: Allow, restart: Allow");
    town.stage.push(&restart(documents(6, 0, "vlan-id: 7")));
    town.session(&mac(0), Reason::StartUp);
    town.stage.push(&restart(documents(6, 0, "vlan-id: 8")));
    town.stage.pass(Duration::from_secs(5));
    town.session(&mac(0), Reason::InventoryChanges);
    town.session(&mac(0), Reason::StartUp);
    town.session(&mac(1), Reason::StartUp);
    assert_eq!(town.written(), [mac(0), mac(0)], "with the new values it is the first, and awaited");
}

#[test]
fn seeds_need_no_turn() {
    let mut town = Town::quiet(2, 0);
    let yaml = documents(2, 0, "sntp-addr: 192.0.2.5, vlan-id: 7");
    town.stage.push(&yaml.replace("  items: {", "  seed: {ringer-melody: 3}\n  items: {"));
    town.session(&mac(0), Reason::StartUp);
    let values = [(id("sntp-addr"), "192.0.2.5".to_owned()), (id("vlan-id"), "7".to_owned())];
    town.phones.get_mut(&mac(1)).unwrap().values.extend(values);
    town.session(&mac(1), Reason::StartUp);
    town.stage.with_phone(&mac(1).to_string(), fleet::phone::Phone::seed_anew);
    assert_eq!(town.pending(&mac(1)), Some(PendingReason::Queued), "the first one is still awaited");
    assert_eq!(town.session(&mac(1), Reason::Solicited), [["ringer-melody"]]);
}

/// Phones that have such items and wait for a restart that policy did not allow.
fn waiting_for_a_restart(number: u32) -> Town {
    let mut town = Town::new(number, 0);
    town.pass(60 * MINUTE);
    assert_eq!(town.written().len(), town.phones.len(), "without leave they count as heard of");
    town
}

fn restarts(town: &mut Town, number: u32, reason: &Reason) -> bool {
    let phone = town.phones.get_mut(&mac(number)).unwrap();
    phone.session(&mut town.stage, reason.clone()).actions().contains(&Action::Restart)
}

#[test]
fn restarts_that_make_such_items_count_climb_the_ladder_too() {
    let mut town = waiting_for_a_restart(6);
    let allowed = documents(6, 0, "sntp-addr: 192.0.2.5, vlan-id: 7").replace("Allow}", "Allow, restart: Allow}");
    town.stage.push(&allowed);
    let first: Vec<bool> = (0..6).map(|number| restarts(&mut town, number, &Reason::Solicited)).collect();
    assert_eq!(first, [true, false, false, false, false, false], "R-1214: not all at once");
    assert_eq!(town.pending(&mac(3)), Some(PendingReason::Turn));
    town.stage.pass(10 * MINUTE);
    assert!(!restarts(&mut town, 3, &Reason::Status), "the first is awaited");
    assert!(!restarts(&mut town, 0, &Reason::StartUp));
    let next: Vec<bool> = (1..6).map(|number| restarts(&mut town, number, &Reason::Solicited)).collect();
    assert_eq!(next, [true, true, true, false, false], "three more");
}

#[test]
fn a_phone_that_is_lost_by_its_restart_stops_its_site() {
    let mut town = waiting_for_a_restart(3);
    for number in 0..3 {
        town.stage.fleet.restart(&mac(number), "alice", town.stage.now);
    }
    assert!(restarts(&mut town, 0, &Reason::Solicited));
    town.lost.insert(mac(0));
    town.pass(30 * MINUTE);
    assert_eq!(town.stage.fleet.census(town.stage.now).stopped_ladders, 1);
    assert!(!restarts(&mut town, 1, &Reason::Solicited), "a person's wish waits as well");
}

#[test]
fn a_restart_that_could_not_be_recorded_leaves_nobody_in_doubt() {
    let mut town = waiting_for_a_restart(2);
    town.stage.fleet.restart(&mac(0), "alice", town.stage.now);
    let phone = town.phones.get_mut(&mac(0)).unwrap();
    let mut message = phone.initial(Reason::Solicited, Vec::new());
    for stored in [true, true, true, false] {
        let reply = town.stage.say_storing(phone, message, stored);
        phone.cookie = reply.set_cookie.or(phone.cookie.take());
        if reply.message.action == Action::CleanUp {
            break;
        }
        message = phone.obey(&reply.message);
    }
    assert!(town.view(&mac(0)).notes.join("\n").contains("asked for by alice"));
    assert!(!in_doubt(&town, 0), "{:?}", town.view(&mac(0)).notes);
    town.stage.fleet.restart(&mac(1), "alice", town.stage.now);
    assert!(restarts(&mut town, 1, &Reason::Solicited), "the place is free");
}

#[test]
fn a_phone_that_may_not_be_restarted_any_more_holds_nobody_up() {
    let window = "windows: [{schedule: \"0 8 * * *\", duration: 1h, timeZone: UTC}]";
    let yaml = documents(2, 0, "vlan-id: 7");
    let closing = yaml.replace("Allow}", &format!("Allow, restart: Allow, {window}}}"));
    let mut town = Town::quiet(2, 0);
    town.stage.push(&closing);
    let phone = town.phones.get_mut(&mac(0)).unwrap();
    let mut message = phone.initial(Reason::StartUp, Vec::new());
    loop {
        let reply = town.stage.say(phone, message);
        phone.cookie = reply.set_cookie.or(phone.cookie.take());
        if reply.message.action == Action::CleanUp {
            break;
        }
        if reply.message.action == Action::WriteItems {
            town.stage.now = "2026-03-01T09:00:01Z".parse().unwrap();
        }
        message = phone.obey(&reply.message);
    }
    town.stage.pass(10 * MINUTE);
    town.session(&mac(0), Reason::InventoryChanges);
    assert!(in_doubt(&town, 0), "its restart waits for its window");
    town.stage.push(&closing.replacen("mode: Enforce", "mode: Report", 1));
    town.session(&mac(0), Reason::InventoryChanges);
    assert!(!in_doubt(&town, 0), "in Report it never comes");
}

#[test]
fn a_call_that_stops_the_second_of_two_such_writes_leaves_no_time_behind() {
    // promise 10: the time of what was refused as busy tells of a call
    let yaml = ENFORCED.replace("mode: Enforce", "mode: Enforce, lockoutItems: Allow");
    let mut stage = Stage::with(&yaml.replace("daylight-save: true", "vlan-id: 7, hostname: desk"));
    let mut phone = Phone::new(MAC);
    let mut told = phone.up_to_the_write(&mut stage).message;
    let mut times = Vec::new();
    while told.action == Action::WriteItems {
        let vanishing = told.items.iter().any(|item| ["vlan-id", "hostname"].contains(&item.id.name.as_str()));
        if vanishing {
            times.push(stage.now);
        }
        stage.pass(MINUTE / 2);
        phone.in_call = times.len() == 2;
        let reply = phone.obey(&told);
        told = stage.say(&phone, reply).message;
    }
    assert_eq!((told.action, times.len()), (Action::CleanUp, 2));
    let stored = stage.saved.values().next().unwrap();
    assert_eq!(stored.doubt.as_ref().map(|doubt| doubt.at), Some(times[0]), "the write it took, and no later one");
}
