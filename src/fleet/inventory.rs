//! All that a phone has, read because a person asks for it: in a session that cannot write, also of phones that no
//! document declares.
//!
//! It is kept in memory, for so many phones, and tells what documents would change about items that nobody manages yet.
//! It proves nothing: a phone is `InSync` by what is read of its managed items.

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;

use super::{ContactAnswer, Fleet, observed::ObservedSet, phone::Phone, schedule::after};
use crate::wpi::DeviceId;

/// For how many phones it is kept; then the oldest is forgotten.
const KEPT: usize = 1_000;
/// How long a phone is awaited that is to tell all it has.
const WISH: Duration = Duration::from_mins(15);

/// All that a phone has, or the wish to know it.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Until when the phone is to be read.
    until: Option<Timestamp>,
    /// When it was read, and what.
    read: Option<(Timestamp, ObservedSet)>,
}

impl Inventory {
    /// When it was read, and what.
    pub fn read(&self) -> Option<&(Timestamp, ObservedSet)> {
        self.read.as_ref()
    }
}

impl Phone {
    /// Whether a person wants all read that it has.
    pub(super) fn inventory_wanted(&self, now: Timestamp) -> bool {
        self.inventory.as_ref().is_some_and(|inventory| inventory.until > Some(now)) && !self.facts.mobile_user
    }

    /// Takes over all that it told, if that is wanted.
    pub(super) fn take_inventory(&mut self, all: impl FnOnce() -> ObservedSet, now: Timestamp) {
        if let Some(inventory) = self.inventory.as_deref_mut().filter(|inventory| inventory.until.is_some()) {
            *inventory = Inventory { until: None, read: Some((now, all())) };
        }
    }

    /// What is known of its items: those that are managed, and beside them those of its inventory.
    pub(super) fn known_items(&self) -> Cow<'_, ObservedSet> {
        match self.inventory.as_ref().and_then(|inventory| inventory.read.as_ref()) {
            Some((at, all)) if Some(*at) >= self.read_at => Cow::Owned(all.beside(&self.observed)),
            Some((_, all)) => Cow::Owned(self.observed.beside(all)),
            None => Cow::Borrowed(&self.observed),
        }
    }
}

impl Fleet {
    /// A person wants all read that this phone has, declared or not. It is asked to call, and not written in that session.
    pub fn read_all(&mut self, device: &DeviceId, now: Timestamp) -> ContactAnswer {
        let Some(phone) = self.phones.get_mut(device) else { return ContactAnswer::NotFound };
        let before = phone.inventory.take().and_then(|inventory| inventory.read);
        phone.inventory = Some(Box::new(Inventory { until: Some(after(now, WISH)), read: before }));
        self.inventories.retain(|known| known != device);
        self.inventories.push_back(device.clone());
        while self.inventories.len() > KEPT {
            let Some(oldest) = self.inventories.pop_front() else { break };
            if let Some(phone) = self.phones.get_mut(&oldest) {
                phone.inventory = None;
            }
            self.counters.inventories_forgotten += 1;
        }
        self.look_at(device, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Settings, record::PhoneRecord};

    #[test]
    fn the_oldest_inventory_is_forgotten_when_more_are_wanted_than_are_kept_and_a_wish_ends() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut fleet = Fleet::new(Settings { undeclared: 2 * KEPT, ..Settings::default() }, [1; 32]);
        let devices: Vec<_> = (0..=KEPT).map(|number| DeviceId::new(&format!("001AE8{number:06X}")).unwrap()).collect();
        fleet.restore(devices.iter().cloned().map(PhoneRecord::new).collect(), now);
        for device in &devices {
            fleet.read_all(device, now);
        }
        let wanted = |device: &DeviceId, at| fleet.phones.get(device).unwrap().inventory_wanted(at);
        assert_eq!((fleet.inventories.len(), fleet.counters.inventories_forgotten), (KEPT, 1));
        assert!(!wanted(&devices[0], now) && wanted(&devices[1], now));
        assert!(!wanted(&devices[1], after(now, WISH)), "a phone that never calls is not awaited for ever");
    }
}
