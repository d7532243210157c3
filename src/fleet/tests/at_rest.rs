//! A thousand phones in sync that are read again and again without anything to be found: what is looked at for each of
//! them tells whether rest costs a cluster anything (promise 6). The tests stand where statuses and records are written.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::stage::{ENFORCED, Phone, Stage};
use crate::{
    fleet::{record::PhoneRecord, view::PhoneView, words::State},
    wpi::{DeviceId, Reason},
};

const PHONES: u16 = 1_000;
/// Longer than the interval of the sweep, which is a day.
const REST: SignedDuration = SignedDuration::from_hours(25);
const SETTLING: SignedDuration = SignedDuration::from_hours(2);

/// The phones, in sync.
pub(crate) struct AtRest {
    stage: Stage,
    phones: BTreeMap<DeviceId, Phone>,
    /// How often each was read in its rest.
    swept: BTreeMap<DeviceId, usize>,
}

impl AtRest {
    /// Declared, started, written and proven, and some hours later.
    pub(crate) fn new() -> Self {
        let mut yaml = ENFORCED.split("---").next().unwrap().to_owned();
        for number in 0..PHONES {
            let mac = mac(number);
            write!(
                yaml,
                "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p{number}}}\n\
                 spec:\n  phone: {{mac: \"{mac}\"}}\n  profiles: [site-berlin]\n"
            )
            .unwrap();
        }
        let mut stage = Stage::with(&yaml);
        let mut phones = BTreeMap::new();
        for number in 0..PHONES {
            let mut phone = Phone::new(&mac(number));
            phone.peer = format!("127.9.{}.{}:5000", number / 250, number % 250 + 1).parse().unwrap();
            phone.connection = number.into();
            phone.session(&mut stage, Reason::StartUp);
            phones.insert(DeviceId::new(&phone.mac).unwrap(), phone);
        }
        let mut rest = Self { stage, phones, swept: BTreeMap::new() };
        rest.pass_for(SETTLING, &mut |_, _| ());
        rest.swept.clear();
        rest
    }

    /// Another day and an hour of sweeps. `look` gets a phone and what its record would be now: all of them each
    /// hour, and one that is asked to call as it calls and when it was read.
    pub(crate) fn pass(&mut self, look: &mut dyn FnMut(&PhoneView, &PhoneRecord)) {
        self.pass_for(REST, look);
    }

    fn pass_for(&mut self, time: SignedDuration, look: &mut dyn FnMut(&PhoneView, &PhoneRecord)) {
        let end = self.stage.now + time;
        let mut hour = self.stage.now;
        while self.stage.now < end {
            if self.stage.now >= hour {
                hour += SignedDuration::from_hours(1);
                self.look_at_all(look);
            }
            self.stage.pass(Duration::from_mins(1));
            for (device, ticket, _) in std::mem::take(&mut self.stage.contacts) {
                self.stage.fleet.contact_done(&device, ticket, true, self.stage.now);
                self.look_at(&device, look);
                let phone = self.phones.get_mut(&device).unwrap();
                assert!(phone.session(&mut self.stage, Reason::Solicited).writes().is_empty());
                self.look_at(&device, look);
                *self.swept.entry(device).or_default() += 1;
            }
        }
        self.look_at_all(look);
    }

    fn look_at_all(&self, look: &mut dyn FnMut(&PhoneView, &PhoneRecord)) {
        self.phones.keys().for_each(|device| self.look_at(device, look));
    }

    fn look_at(&self, device: &DeviceId, look: &mut dyn FnMut(&PhoneView, &PhoneRecord)) {
        let view = self.stage.view(&device.to_string());
        look(&view, &self.stage.fleet.phones[device].record());
    }

    /// When each phone was last proven.
    pub(crate) fn last_proofs(&self) -> Vec<Option<Timestamp>> {
        self.phones.keys().map(|device| self.stage.fleet.phones[device].last_proof).collect()
    }

    /// Asserts that every phone was read, and is in sync.
    pub(crate) fn was_swept(&self) {
        assert_eq!(self.swept.len(), usize::from(PHONES), "each was read");
        let views = self.phones.keys().map(|device| self.stage.view(&device.to_string()));
        assert!(views.into_iter().all(|view| view.state == State::InSync));
    }
}

fn mac(number: u16) -> String {
    format!("00:1A:E8:22:{:02X}:{:02X}", number / 256, number % 256)
}
