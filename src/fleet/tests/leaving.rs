//! Services that share documents by the labels of sites: whose a phone is, and how it goes from one to the other.

use super::stage::{MAC, Phone, Stage, id};
use crate::{
    fleet::{Settings, record::PhoneRecord, settings::GateSettings, words::State},
    wpi::{Action, DeviceId, Reason},
};

const OTHER: &str = "00:1A:E8:11:22:44";

fn site(region: &str) -> String {
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: hall, labels: {{region: {region}}}}}\nspec: {{networks: [127.0.0.0/8]}}\n---\n"
    )
}

/// A phone at the site `hall`, and one at no site that was declared before.
fn documents(region: &str, hall: bool, time: &str) -> String {
    let at_hall = format!(
        r#"apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {{name: reception}}
spec:
  phone: {{mac: "{MAC}"}}
  site: hall
  policy: {{mode: Enforce}}
  items: {{sntp-addr: {time}, ldap-pwd: {{file: sip}}}}
  seed: {{ringer-melody: 3}}
"#
    );
    let nowhere = format!(
        r#"---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {{name: porter}}
spec:
  phone: {{mac: "{OTHER}"}}
  policy: {{mode: Enforce}}
  items: {{sntp-addr: 192.0.2.5}}
"#
    );
    site(region) + if hall { &at_hall } else { "" } + &nowhere
}

fn stage(selector: &str) -> Stage {
    Stage::empty(Settings { site_selector: Some(selector.parse().unwrap()), ..Settings::default() })
}

/// Both services, and the phone at the hall, which the one for the north has set up.
fn set_up() -> (Stage, Stage, Phone) {
    let (mut north, mut south) = (stage("region=north"), stage("region!=north"));
    for service in [&mut north, &mut south] {
        service.push(&documents("north", false, "192.0.2.5"));
        service.push(&documents("north", true, "192.0.2.5"));
    }
    let mut phone = Phone::new(MAC);
    let writes = phone.session(&mut north, Reason::StartUp).writes().concat();
    for item in ["sntp-addr", "ldap-pwd", "ringer-melody"] {
        assert!(writes.iter().any(|written| written == item), "{item} is missing in {writes:?}");
    }
    (north, south, phone)
}

fn device() -> DeviceId {
    DeviceId::new(MAC).unwrap()
}

/// What the store does, and what it finds there.
fn carry_over(from: &mut Stage, to: &mut Stage) -> PhoneRecord {
    let record = from.handed_over.pop().expect("a record that was let go");
    from.fleet.handed_over(&device(), from.now);
    from.carry_out();
    // the cluster keeps nothing that phones tell again
    let kept = PhoneRecord { observation: None, last_proof: None, ..record.clone() };
    to.fleet.adopt(kept, to.now);
    to.carry_out();
    record
}

#[test]
fn each_phone_is_served_by_exactly_one_and_the_others_take_no_note_of_it() {
    let (north, mut south, mut phone) = set_up();
    assert_eq!((north.view(MAC).state, south.view(OTHER).state), (State::InSync, State::Unknown));
    assert!(north.fleet.phone(OTHER, north.now).is_none() && south.fleet.phone(MAC, south.now).is_none());
    let session = phone.session(&mut south, Reason::StartUp);
    assert_eq!(session.actions(), [Action::CleanUp]);
    assert!(south.fleet.phone(MAC, south.now).is_none(), "not even as one that nobody declares");
    assert_eq!(south.saved.keys().map(DeviceId::as_str).collect::<Vec<_>>(), [OTHER]);
    assert_eq!(south.fleet.counters().elsewhere, 1);
    assert!(south.handed_over.is_empty() && north.handed_over.is_empty());
}

#[test]
fn a_phone_that_moves_takes_its_memory_along_and_nothing_is_written_twice() {
    let (mut north, mut south, mut phone) = set_up();
    for service in [&mut south, &mut north] {
        service.push(&documents("south", true, "192.0.2.5"));
    }
    assert!(north.fleet.phone(MAC, north.now).is_none());
    // until it has the record the other one would find that it is not its own before anything is written
    let record = carry_over(&mut north, &mut south);
    assert!(!record.abandoned && record.in_flight.is_none() && record.in_force.is_some());
    assert_eq!(north.fleet.waiting(), (0, 0), "nothing is left of it");
    assert_eq!(phone.session(&mut south, Reason::StartUp).actions(), [Action::ReadItems, Action::CleanUp]);
    assert_eq!((south.view(MAC).state, south.view(MAC).assumed_count), (State::InSync, 0));
    // what its site calls new is written there, and there only
    for service in [&mut north, &mut south] {
        service.push(&documents("south", true, "192.0.2.6"));
    }
    assert_eq!(phone.session(&mut north, Reason::StartUp).actions(), [Action::CleanUp]);
    assert_eq!(phone.session(&mut south, Reason::StartUp).writes(), [["sntp-addr"]]);
    // an image from before the first change is among what it took along
    let images = &south.saved[&device()].before_images;
    assert!(!images.is_empty());
}

#[test]
fn with_another_key_passwords_are_taken_to_be_on_the_phone() {
    let (mut north, _, mut phone) = set_up();
    let mut south = stage("region!=north");
    south.fleet.set_fingerprint_key(crate::fleet::fingerprint::FingerprintKey::new(&[1; 32]));
    south.push(&documents("north", true, "192.0.2.5"));
    for service in [&mut south, &mut north] {
        service.push(&documents("south", true, "192.0.2.5"));
    }
    carry_over(&mut north, &mut south);
    assert_eq!(phone.session(&mut south, Reason::StartUp).writes(), [[""; 0]; 0]);
    assert_eq!((south.view(MAC).state, south.view(MAC).assumed_count), (State::InSync, 1));
}

#[test]
fn a_session_under_way_reads_back_what_it_wrote_before_the_phone_goes() {
    let (mut north, mut south, mut phone) = set_up();
    north.push(&documents("north", true, "192.0.2.6"));
    let write = phone.up_to_the_write(&mut north);
    assert_eq!(write.message.action, Action::WriteItems);
    for service in [&mut south, &mut north] {
        service.push(&documents("south", true, "192.0.2.6"));
    }
    assert!(north.handed_over.is_empty(), "it is in a session");
    let reply = phone.obey(&write.message);
    let read = phone.say(&mut north, reply);
    assert_eq!(read.message.action, Action::ReadItems);
    let reply = phone.obey(&read.message);
    assert_eq!(phone.say(&mut north, reply).message.action, Action::CleanUp);
    let record = carry_over(&mut north, &mut south);
    assert!(record.in_flight.is_none(), "what became of the write is known");
    assert_eq!(phone.session(&mut south, Reason::StartUp).actions(), [Action::ReadItems, Action::CleanUp]);
}

#[test]
fn a_session_that_falls_silent_leaves_its_write_in_flight_to_the_next_one_which_reads_first() {
    let (mut north, mut south, mut phone) = set_up();
    north.push(&documents("north", true, "192.0.2.6"));
    let write = phone.up_to_the_write(&mut north);
    phone.obey(&write.message);
    for service in [&mut south, &mut north] {
        service.push(&documents("south", true, "192.0.2.6"));
    }
    let idle = north.fleet.settings.flow_idle;
    north.pass(idle + std::time::Duration::from_secs(1));
    let record = carry_over(&mut north, &mut south);
    assert!(record.in_flight.is_some());
    let session = phone.session(&mut south, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "it has the value already");
    assert!(south.saved[&device()].in_flight.is_none());
}

#[test]
fn a_label_that_comes_back_before_the_record_went_leaves_the_phone_where_it_is() {
    let (mut north, _, mut phone) = set_up();
    north.push(&documents("south", true, "192.0.2.5"));
    north.push(&documents("north", true, "192.0.2.5"));
    north.fleet.handed_over(&device(), north.now);
    assert_eq!(north.view(MAC).state, State::InSync);
    assert_eq!(phone.session(&mut north, Reason::StartUp).writes(), [[""; 0]; 0]);
    // and when it had gone, it is found free and adopted again
    north.push(&documents("south", true, "192.0.2.5"));
    let record = north.handed_over.pop().unwrap();
    north.push(&documents("north", true, "192.0.2.5"));
    north.fleet.adopt(record, north.now);
    north.carry_out();
    assert_eq!(phone.session(&mut north, Reason::StartUp).writes(), [[""; 0]; 0]);
    assert_eq!((north.view(MAC).state, north.view(MAC).assumed_count), (State::InSync, 0));
}

#[test]
fn a_phone_that_another_service_keeps_is_not_ours_whatever_its_site() {
    let (mut north, _, mut phone) = set_up();
    north.fleet.set_foreign([device()]);
    north.push(&documents("north", true, "192.0.2.6"));
    assert_eq!(phone.session(&mut north, Reason::StartUp).actions(), [Action::CleanUp]);
    assert_eq!(north.fleet.census(north.now).foreign_phones, 1);
    north.fleet.handed_over(&device(), north.now);
    north.fleet.set_foreign([]);
    north.push(&documents("north", true, "192.0.2.6"));
    assert!(!north.fleet.phones[&device()].fresh, "it was declared all the time");
}

#[test]
fn phones_that_move_do_not_vanish_and_wait_at_the_gate_only_until_their_memory_has_come() {
    let desk = |number| {
        format!(
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: desk-{number}}}\nspec: {{phone: {{mac: \"00:1A:E8:11:33:0{number}\"}}, site: hall, policy: {{mode: Enforce}}, items: {{sntp-addr: 192.0.2.5}}}}\n"
        )
    };
    let more = (0..4).map(desk).collect::<Vec<String>>().concat();
    let documents = |region: &str| documents(region, true, "192.0.2.5") + &more;
    let (mut north, mut south, mut phone) = set_up();
    for service in [&mut south, &mut north] {
        service.push(&documents("north"));
        service.gate_from_now_on(GateSettings { phones: 2, percent: 0, risky: 2, vanish: 1, trailer: false });
        service.push(&documents("south"));
    }
    assert!(north.fleet.gate_view().held.is_none(), "nothing vanishes");
    assert_eq!(south.view(MAC).state, State::Held, "nobody knows yet what is on them");
    let record = north.handed_over.iter().position(|record| record.device == device()).unwrap();
    north.handed_over = vec![north.handed_over.swap_remove(record)];
    carry_over(&mut north, &mut south);
    assert_eq!(phone.session(&mut south, Reason::StartUp).writes(), [[""; 0]; 0]);
    assert_eq!((south.view(MAC).state, south.view("desk-1").state), (State::InSync, State::Held));
    assert_eq!(phone.values[&id("sntp-addr")], "192.0.2.5");
}
