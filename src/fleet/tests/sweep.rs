//! Every phone is read again once in its interval, and none is hammered.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use jiff::Timestamp;

use super::stage::{ENFORCED, MAC, Phone, Stage};
use crate::{fleet::words::State, wpi::Reason};

const HOUR: Duration = Duration::from_hours(1);

fn fleet_of(phones: usize) -> String {
    let mut yaml = ENFORCED.split("---").next().unwrap().to_owned();
    for phone in 0..phones {
        let _ = write!(
            yaml,
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p{phone}}}\nspec:\n  phone: \
             {{mac: \"00:1A:E8:22:{:02X}:{:02X}\"}}\n  profiles: [site-berlin]\n",
            phone / 256,
            phone % 256
        );
    }
    yaml
}

#[test]
fn after_a_mass_start_a_thousand_phones_are_swept_over_the_whole_day() {
    let mut stage = Stage::with(&fleet_of(1000));
    let mut phones: BTreeMap<String, Phone> = BTreeMap::new();
    for number in 0..1000_u16 {
        let mac = format!("00:1A:E8:22:{:02X}:{:02X}", number / 256, number % 256);
        let mut phone = Phone::new(&mac);
        phone.peer = format!("127.9.{}.{}:5000", number / 256, number % 256).parse().unwrap();
        phone.connection = u64::from(number);
        phone.session(&mut stage, Reason::StartUp);
        phones.insert(mac.replace(':', ""), phone);
    }
    let start = stage.now;
    let mut by_hour = vec![0_usize; 49];
    let end = start + jiff::SignedDuration::from_hours(48);
    while stage.now < end {
        stage.pass(Duration::from_mins(1));
        for (device, ticket, at) in std::mem::take(&mut stage.contacts) {
            let hour = usize::try_from(at.duration_since(start).as_hours()).unwrap();
            by_hour[hour] += 1;
            stage.fleet.contact_done(&device, ticket, true, stage.now);
            let phone = phones.values_mut().find(|phone| device.to_string() == phone.mac).unwrap();
            assert!(phone.session(&mut stage, Reason::Solicited).writes().is_empty());
        }
    }
    assert!(by_hour.iter().all(|hour| *hour < 90), "no burst: {by_hour:?}");
    assert!(phones.values().all(|phone| (2..=5).contains(&phone.called)), "each one, each day");
}

#[test]
fn a_phone_that_cannot_be_asked_is_not_hammered_and_not_pending_for_it() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let mut requests: Vec<Timestamp> = Vec::new();
    let end = stage.now + jiff::SignedDuration::from_hours(72);
    while stage.now < end {
        stage.pass(Duration::from_secs(30));
        for (device, ticket, at) in std::mem::take(&mut stage.contacts) {
            requests.push(at);
            stage.fleet.contact_done(&device, ticket, false, stage.now);
        }
        assert_eq!(stage.view(MAC).state, State::InSync, "a missed sweep alone is no reason to worry");
    }
    assert!(requests.len() > 10, "it is tried again");
    let busiest = requests.iter().map(|from| {
        let till = *from + jiff::SignedDuration::from_hours(4);
        requests.iter().filter(|at| (*from..till).contains(at)).count()
    });
    assert!(busiest.max().unwrap() <= 24, "{requests:?}");
    assert!(HOUR * 72 > stage.fleet.next_tick().unwrap().duration_since(stage.now).unsigned_abs());
}
