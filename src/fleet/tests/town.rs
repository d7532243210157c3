//! Phones of two sites, all of which are to get items that can make them vanish.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use super::stage::{Phone, Stage};
use crate::{
    fleet::{schedule::after, view::PhoneView, words::PendingReason},
    wpi::{DeviceId, Reason},
};

pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// Phones of two sites, all of which are to get items that can make them vanish.
pub(super) struct Town {
    pub(super) stage: Stage,
    pub(super) phones: BTreeMap<DeviceId, Phone>,
    /// Phones that are lost with the next write of that kind.
    pub(super) doomed: BTreeSet<DeviceId>,
    pub(super) lost: BTreeSet<DeviceId>,
    /// What happened, in order: `true` = such a write, `false` = the first session behind it.
    pub(super) story: Vec<(DeviceId, bool)>,
}

pub(super) fn mac(number: u32) -> DeviceId {
    DeviceId::new(&format!("00:1A:E8:00:{:02X}:{:02X}", number / 256, number % 256)).unwrap()
}

/// Documents of so many phones of site berlin, and of site munich.
pub(super) fn documents(berlin: u32, munich: u32, items: &str) -> String {
    let mut yaml = String::from(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\nspec: {networks: [127.0.0.0/8]}\n",
    );
    yaml += "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: munich}\nspec: {networks: [127.0.0.0/8]}\n";
    let phones = (0..berlin).map(|number| (number, "berlin")).chain((5000..5000 + munich).map(|n| (n, "munich")));
    for (number, site) in phones {
        write!(
            yaml,
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: phone-{number}}}\nspec:\n  \
             phone: {{mac: \"{}\"}}\n  site: {site}\n  policy: {{mode: Enforce, lockoutItems: Allow}}\n  items: {{{items}}}\n",
            mac(number),
        )
        .unwrap();
    }
    yaml
}

impl Town {
    pub(super) fn new(berlin: u32, munich: u32) -> Self {
        let mut town = Self::quiet(berlin, munich);
        town.all_start();
        town
    }

    /// A town whose phones have not started yet.
    pub(super) fn quiet(berlin: u32, munich: u32) -> Self {
        let stage = Stage::with(&documents(berlin, munich, "sntp-addr: 192.0.2.5, vlan-id: 7"));
        let numbers = (0..berlin).chain(5000..5000 + munich);
        let phones = numbers.map(|number| {
            let mut phone = Phone::new(&mac(number).to_string());
            phone.peer = format!("127.1.{}.{}:5000", number / 250, number % 250 + 1).parse().unwrap();
            phone.connection = u64::from(number);
            (mac(number), phone)
        });
        let phones = phones.collect();
        Self { stage, phones, doomed: BTreeSet::new(), lost: BTreeSet::new(), story: Vec::new() }
    }

    pub(super) fn all_start(&mut self) {
        for device in self.phones.keys().cloned().collect::<Vec<_>>() {
            self.session(&device, Reason::StartUp);
        }
    }

    pub(super) fn session(&mut self, device: &DeviceId, reason: Reason) -> Vec<Vec<String>> {
        let open = self.story.iter().rev().find(|(known, _)| known == device).is_some_and(|(_, write)| *write);
        if open {
            self.story.push((device.clone(), false));
        }
        let writes = self.phones.get_mut(device).unwrap().session(&mut self.stage, reason).writes();
        if writes.iter().flatten().any(|item| item == "vlan-id") {
            self.story.push((device.clone(), true));
            if self.doomed.remove(device) {
                self.lost.insert(device.clone());
            }
        }
        writes
    }

    /// Lets time pass; phones that are asked to call do so.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = after(self.stage.now, time);
        while let Some(next) = self.stage.fleet.next_tick().filter(|next| *next <= end) {
            self.stage.now = next.max(self.stage.now);
            self.stage.fleet.tick(self.stage.now);
            self.stage.carry_out();
            for (device, ticket, _) in std::mem::take(&mut self.stage.contacts) {
                let lives = !self.lost.contains(&device);
                self.stage.fleet.contact_done(&device, ticket, lives, self.stage.now);
                if lives {
                    self.session(&device, Reason::Solicited);
                }
            }
        }
        self.stage.now = end.max(self.stage.now);
    }

    /// Such writes so far.
    pub(super) fn written(&self) -> Vec<DeviceId> {
        self.story.iter().filter(|(_, write)| *write).map(|(device, _)| device.clone()).collect()
    }

    pub(super) fn view(&self, device: &DeviceId) -> PhoneView {
        self.stage.view(&device.to_string())
    }

    pub(super) fn pending(&self, device: &DeviceId) -> Option<PendingReason> {
        self.view(device).pending.map(|pending| pending.reason)
    }

    /// How many phones of the ladder were heard of when the nth such write left.
    pub(super) fn heard_before(&self, nth: usize) -> usize {
        let write = self.story.iter().enumerate().filter(|(_, (_, write))| *write).nth(nth).unwrap().0;
        self.story[..write].iter().filter(|(_, write)| !write).count()
    }
}
