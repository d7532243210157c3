//! Items that can make phones vanish, on whole sites.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use super::{
    stage::{Stage, id},
    town::{MINUTE, Town, documents, mac},
};
use crate::{
    fleet::{
        Effect,
        words::{PendingReason, State},
    },
    wpi::{Action, DeviceId, ItemStatus, Reason},
};

#[test]
fn a_site_is_climbed_by_1_3_9_and_27_each_step_after_all_of_the_last_were_heard_of() {
    let mut town = Town::new(60, 0);
    assert_eq!(town.written().len(), 1, "one phone, although all have called");
    for (device, phone) in &town.phones {
        assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.5", "{device}: all else is written meanwhile");
    }
    town.pass(60 * MINUTE);
    assert_eq!(town.written().len(), 60);
    assert_eq!(town.written().iter().collect::<BTreeSet<_>>().len(), 60, "each once");
    for (nth, heard) in [(0, 0), (1, 1), (3, 1), (4, 4), (12, 4), (13, 13), (39, 13), (40, 40)] {
        assert!(town.heard_before(nth) >= heard, "write {nth} left after {} were heard of", town.heard_before(nth));
    }
    assert!(town.phones.keys().all(|device| town.view(device).state == State::InSync));
}

#[test]
fn phones_that_wait_for_their_turn_say_so_and_are_not_asked_to_call() {
    let mut town = Town::new(5, 1);
    town.lost.extend(town.phones.keys().cloned());
    let waiting = town.phones.keys().filter(|device| town.pending(device) == Some(PendingReason::Turn)).count();
    assert_eq!(waiting, 4, "one of each site has its turn");
    let [one, ..] = &town.written()[..] else { panic!("one was written to") };
    assert_ne!(town.pending(one), Some(PendingReason::Turn));
    let note = town.view(&mac(3)).notes.join("\n");
    assert!(note.contains("wait for their turn: 1 phones"), "{note}");
    town.stage.pass(10 * MINUTE);
    let asked: BTreeSet<_> = town.stage.contacts.iter().map(|(device, ..)| device.clone()).collect();
    assert_eq!(asked, town.written().into_iter().collect(), "only those in doubt are asked");
}

#[test]
fn a_phone_that_is_not_heard_of_stops_its_site_and_no_other() {
    let mut town = Town::quiet(40, 10);
    town.doomed.insert(mac(0));
    town.all_start();
    assert_eq!(town.lost, BTreeSet::from([mac(0)]));
    town.pass(60 * MINUTE);
    let (berlin, munich): (Vec<_>, Vec<_>) = town.written().into_iter().partition(|device| *device < mac(5000));
    assert_eq!((berlin.len(), munich.len()), (1, 10), "the other site goes on");
    assert_eq!(town.stage.fleet.census(town.stage.now).stopped_ladders, 1);
    let note = town.view(&mac(9)).notes.join("\n");
    assert!(note.contains("phone-0 (00:1A:E8:00:00:00) was not heard of"), "{note}");
    assert!(town.view(&mac(0)).notes.join("\n").contains("site berlin waits for it"));
    assert_eq!(town.view(&mac(0)).state, State::Pending);

    town.lost.clear();
    town.session(&mac(0), Reason::StartUp);
    assert_eq!(town.stage.fleet.census(town.stage.now).stopped_ladders, 0);
    town.pass(60 * MINUTE);
    assert_eq!(town.written().len(), 50, "heard of again, it goes on");
}

#[test]
fn one_phone_of_a_step_that_falls_silent_holds_the_rest_of_that_step() {
    let mut town = Town::quiet(40, 0);
    town.doomed.insert(mac(2));
    town.all_start();
    town.pass(24 * 60 * MINUTE);
    assert!(town.lost.contains(&mac(2)));
    assert!(town.written().len() <= 13, "at most the step it fell in: {}", town.written().len());
    assert_eq!(town.pending(&mac(39)), Some(PendingReason::Turn));
}

#[test]
fn other_values_by_a_new_revision_begin_at_one_phone_again() {
    let mut town = Town::quiet(40, 0);
    town.doomed.insert(mac(0));
    town.all_start();
    town.pass(20 * MINUTE);
    assert_eq!(town.written().len(), 1);
    town.stage.push(&documents(40, 0, "sntp-addr: 192.0.2.6, vlan-id: 7"));
    town.pass(20 * MINUTE);
    assert_eq!(town.written().len(), 1, "a revision that leaves such items alone releases nobody");
    town.stage.push(&documents(40, 0, "sntp-addr: 192.0.2.6, vlan-id: 8"));
    town.pass(MINUTE / 2);
    assert_eq!(town.written().len(), 2, "one phone, and its answer is awaited");
    town.pass(60 * MINUTE);
    assert_eq!(town.written().len(), 40, "all but the lost one got it");
    assert!(town.heard_before(2) >= 1 && town.heard_before(5) >= 4, "from the first step on");
}

#[test]
fn a_person_can_let_a_site_go_on() {
    let mut town = Town::quiet(20, 0);
    town.doomed.insert(mac(0));
    town.all_start();
    town.pass(30 * MINUTE);
    assert_eq!(town.written().len(), 1);
    assert!(!town.stage.fleet.release_site_of(&mac(7), town.stage.now), "it is not the one that is waited for");
    assert!(town.stage.fleet.release_site_of(&mac(0), town.stage.now));
    town.pass(60 * MINUTE);
    assert_eq!(town.written().len(), 20);
}

#[test]
fn a_place_that_was_not_used_is_given_to_the_next_phone() {
    let mut town = Town::quiet(3, 0);
    let refusals = &mut town.phones.get_mut(&mac(0)).unwrap().refuses;
    refusals.insert(id("vlan-id"), ItemStatus::from_wire("invalid data"));
    town.phones.get_mut(&mac(1)).unwrap().in_call = true;
    town.session(&mac(0), Reason::StartUp);
    town.session(&mac(1), Reason::StartUp);
    assert_eq!(town.phones[&mac(1)].values.get(&id("vlan-id")), None, "busy");
    assert!(town.view(&mac(0)).notes.is_empty(), "refused: nothing came of it");
    town.session(&mac(2), Reason::StartUp);
    assert_eq!(town.phones[&mac(2)].values[&id("vlan-id")], "7", "it has the place of the first step");
}

#[test]
fn a_message_that_never_left_leaves_nobody_in_doubt() {
    let mut town = Town::quiet(2, 0);
    let phone = town.phones.get_mut(&mac(0)).unwrap();
    phone.values.insert(id("sntp-addr"), "192.0.2.5".to_owned());
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = town.stage.say(phone, first);
    phone.cookie = read.set_cookie;
    let reply = phone.obey(&read.message);
    assert_eq!(town.stage.say_storing(phone, reply, false).message.action, Action::CleanUp);
    assert!(town.view(&mac(0)).notes.is_empty());
    let writes = town.session(&mac(1), Reason::StartUp);
    assert!(writes.contains(&vec!["vlan-id".to_owned()]), "{writes:?}");
}

#[test]
fn a_write_without_a_reply_is_judged_by_the_next_read() {
    for took in [false, true] {
        let mut town = Town::quiet(3, 0);
        let phone = town.phones.get_mut(&mac(0)).unwrap();
        phone.values.insert(id("sntp-addr"), "192.0.2.5".to_owned());
        let first = phone.initial(Reason::StartUp, Vec::new());
        let read = town.stage.say(phone, first);
        phone.cookie = read.set_cookie;
        let reply = phone.obey(&read.message);
        let write = town.stage.say(phone, reply).message;
        assert_eq!(write.action, Action::WriteItems);
        if took {
            phone.obey(&write);
        }
        town.session(&mac(1), Reason::StartUp);
        assert_eq!(town.written(), [], "it is in doubt");
        let again = town.session(&mac(0), Reason::StartUp);
        assert_eq!(again.is_empty(), took, "written again only if it was not taken");
        town.session(&mac(1), Reason::StartUp);
        assert_eq!(town.written().contains(&mac(1)), took, "heard of with it, or in doubt anew");
    }
}

#[test]
fn a_call_right_after_the_write_proves_nothing_but_a_start_does() {
    let mut town = Town::new(2, 0);
    let [one] = &town.written()[..] else { panic!("one was written to") };
    let (one, other) = (one.clone(), if *one == mac(0) { mac(1) } else { mac(0) });
    town.stage.pass(Duration::from_secs(5));
    town.session(&one, Reason::InventoryChanges);
    town.session(&other, Reason::Solicited);
    assert_eq!(town.written().len(), 1, "R-204: phones need time to apply what they take");
    town.session(&one, Reason::StartUp);
    town.session(&other, Reason::Solicited);
    assert_eq!(town.written().len(), 2);
}

#[test]
fn after_a_restart_of_the_service_phones_in_doubt_are_waited_for_first() {
    let mut town = Town::quiet(30, 0);
    town.doomed.insert(mac(0));
    town.all_start();
    let yaml = documents(30, 0, "sntp-addr: 192.0.2.5, vlan-id: 7");
    town.stage = town.stage.restarted(&yaml);
    for number in 1..30 {
        town.session(&mac(number), Reason::StartUp);
    }
    assert_eq!(town.written().len(), 1, "no new ladder beside the phone in doubt");
    town.pass(20 * MINUTE);
    assert_eq!(town.stage.fleet.census(town.stage.now).stopped_ladders, 1, "and it is told anew when it stays silent");
    town.lost.clear();
    town.session(&mac(0), Reason::StartUp);
    town.pass(MINUTE / 2);
    assert_eq!(town.written().len(), 2, "then it begins at one phone again");
}

#[test]
fn a_phone_in_doubt_is_asked_after_the_spacing_and_then_each_gap() {
    let mut town = Town::new(1, 0);
    let written = town.stage.now;
    let mut asked = Vec::new();
    for _ in 0..14 * 60 {
        town.stage.pass(Duration::from_secs(1));
        for (device, ticket, at) in std::mem::take(&mut town.stage.contacts) {
            town.stage.fleet.contact_done(&device, ticket, false, town.stage.now);
            asked.push(at.duration_since(written).as_secs());
        }
    }
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!((58..=62).contains(&asked[0]), "{asked:?}");
    assert!(asked.windows(2).all(|pair| (295..=305).contains(&(pair[1] - pair[0]))), "{asked:?}");
}

#[test]
fn a_phone_in_doubt_is_asked_at_its_old_and_its_new_address_if_that_is_of_its_site() {
    for (new, expected) in
        [("127.1.9.9", ["127.1.0.1", "127.1.9.9", "127.1.0.1", "127.1.9.9"]), ("127.2.9.9", ["127.1.0.1"; 4])]
    {
        let mut town = Town::quiet(1, 0);
        let yaml = documents(1, 0, &format!("ipaddress: {new}"));
        town.stage = Stage::with(&yaml.replace("127.0.0.0/8", "127.1.0.0/16"));
        town.all_start();
        let mut asked = Vec::new();
        while asked.len() < expected.len() {
            town.stage.now = town.stage.fleet.next_tick().unwrap();
            town.stage.fleet.tick(town.stage.now);
            for effect in town.stage.fleet.take_effects() {
                if let Effect::Contact { device, uri, ticket } = effect {
                    asked.push(uri.address().to_string());
                    assert_eq!(uri.port(), 8085);
                    town.stage.fleet.contact_done(&device, ticket, false, town.stage.now);
                }
            }
        }
        assert_eq!(asked, expected, "R-1106");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_phones_do_no_step_begins_before_the_last_was_heard_of(
        fates in proptest::collection::vec(0_u8..6, 30), order in Just((0..30_u32).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut town = Town::quiet(30, 0);
        for (number, fate) in (0..30).zip(&fates) {
            let phone = town.phones.get_mut(&mac(number)).unwrap();
            match fate {
                0 => phone.in_call = true,
                1 => drop(phone.refuses.insert(id("vlan-id"), ItemStatus::from_wire("invalid data"))),
                2 => drop(phone.values.insert(id("vlan-id"), "7".to_owned())),
                _ => {}
            }
        }
        for number in order {
            town.session(&mac(number), Reason::StartUp);
        }
        town.pass(10 * MINUTE);
        town.phones.values_mut().for_each(|phone| phone.in_call = false);
        town.pass(120 * MINUTE);
        let has = |device: &DeviceId| town.phones[device].values.get(&id("vlan-id")).is_some_and(|value| value == "7");
        for (number, fate) in (0..30).zip(&fates) {
            prop_assert_eq!(has(&mac(number)), *fate != 1, "phone {} of fate {}", number, fate);
        }
        let (mut taken, mut heard) = (0, 0);
        for (device, write) in &town.story {
            if has(device) && fates[device_number(device)] > 2 {
                let step = [1, 4, 13, 40].iter().position(|all| taken < *all).unwrap();
                if *write {
                    let last = [0, 1, 4, 13][step];
                    prop_assert!(heard >= last, "write {} after {} were heard of: {:?}", taken, heard, town.story);
                    taken += 1;
                } else {
                    heard += 1;
                }
            }
        }
    }
}

fn device_number(device: &DeviceId) -> usize {
    (0..30).find(|number| mac(*number) == *device).unwrap() as usize
}

#[test]
fn what_only_locks_us_out_needs_no_turn() {
    let yaml = documents(20, 0, "enable-WBM: false, locked-config-menus: {4: true}");
    let mut town = Town::quiet(20, 0);
    town.stage = Stage::with(&yaml);
    town.all_start();
    assert!(town.phones.values().all(|phone| phone.values[&id("enable-WBM")] == "false"));
    assert!(town.phones.keys().all(|device| town.view(device).state == State::InSync), "proven by the read");
}

#[test]
fn a_phone_whose_document_goes_holds_nobody_up() {
    let mut town = Town::quiet(10, 0);
    town.doomed.insert(mac(0));
    town.all_start();
    let rest = documents(10, 0, "sntp-addr: 192.0.2.5, vlan-id: 7").replace("00:1A:E8:00:00:00", "00:1A:E8:0F:00:00");
    town.stage.push(&rest);
    town.pass(30 * MINUTE);
    assert_eq!(town.written().len(), 10);
}
