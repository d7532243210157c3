//! A phone that another service is to serve, by its site: it is let go with its memory, and that one goes on with it.
//!
//! **Expected flow.** A revision says that the phone is elsewhere. No write and no restart leaves any more; a session
//! that is under way reads back what it wrote and ends. Then its record is handed over ([`Effect::HandOver`]), and when it
//! is ([`Fleet::handed_over`]) the phone is forgotten here. The other one finds the record free and adopts it
//! ([`Fleet::adopt`]): what is in force, fingerprints, seeds, refused items, before-images, a write in flight.
//!
//! **When the revision is taken back** meanwhile the phone stays, if its record was not handed over yet; else it is
//! adopted again. **When the process dies** the record is still ours, and the next start lets it go.

use jiff::Timestamp;

use super::{
    Effect, Fleet, SessionResult,
    fingerprint::FingerprintKey,
    phone::{Newest, Phone},
    record::PhoneRecord,
};
use crate::{
    spec::{Selector, Share},
    wpi::DeviceId,
};

/// How far a phone has come that is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Departure {
    /// It stays.
    #[default]
    No,
    /// It goes when its session is over.
    Soon,
    /// Its record is being handed over.
    Now,
}

impl Phone {
    /// Whether it is not being let go.
    pub(super) fn stays(&self) -> bool {
        self.departure == Departure::No
    }
}

impl Fleet {
    /// Phones that another service keeps, although their sites are selected here.
    pub fn set_foreign(&mut self, foreign: impl IntoIterator<Item = DeviceId>) {
        self.foreign = foreign.into_iter().collect();
    }

    /// How many phones of selected sites another service keeps.
    pub fn foreign(&self) -> usize {
        self.foreign.len()
    }

    /// The sites that are served here, if not all are.
    pub fn site_selector(&self) -> Option<&Selector> {
        self.settings.site_selector.as_ref()
    }

    /// Which phones are ours, where several services share the documents.
    pub(super) fn share(&self) -> Option<Share> {
        let selector = self.settings.site_selector.clone()?;
        Some(Share { selector, foreign: self.foreign.clone() })
    }

    /// Whether this service has to say how the phone of a document is. Until the documents are read nobody knows.
    pub fn is_own_file(&self, file: &str) -> bool {
        match (&self.settings.site_selector, &self.wanted) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(wanted)) => wanted.is_own_file(file),
        }
    }

    /// Whether the newest documents leave this phone to another service.
    pub(super) fn is_elsewhere(&self, device: &DeviceId) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.is_elsewhere(device))
    }

    /// Begins to let a phone go.
    pub(super) fn leave(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(phone) = self.phones.remove(device) else { return };
        self.unindex(&phone);
        self.phones.insert(device.clone(), phone);
        if let Some(phone) = self.phones.get_mut(device).filter(|phone| phone.departure == Departure::No) {
            phone.leave_gate();
            phone.newest = Newest::Gone;
            phone.departure = Departure::Soon;
            phone.assess(&self.catalogue);
        }
        self.schedule(device, now);
    }

    /// Hands the record of a phone over that has no session any more.
    pub(super) fn go(&mut self, device: &DeviceId, now: Timestamp) {
        self.turns.leave(device, now);
        let Some(phone) = self.phones.get_mut(device).filter(|phone| phone.departure == Departure::Soon) else {
            return;
        };
        phone.departure = Departure::Now;
        self.timers.reset(device, phone.wake.take(), None);
        self.effects.push(Effect::HandOver(Box::new(phone.record())));
    }

    /// The record of a phone is free, or another one has it: nothing of the phone is known here any more.
    pub fn handed_over(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(device).filter(|phone| phone.departure == Departure::Now) else { return };
        phone.doubt_dropped();
        self.follow_doubt(device, now);
        let Some(phone) = self.phones.remove(device) else { return };
        self.timers.reset(device, phone.wake, None);
        self.turns.leave(device, now);
        self.leaves(&phone.facts, device);
    }

    /// Takes over what another service remembered of a phone that is to be served here. Nothing was written to it by us,
    /// for its record was not ours.
    pub fn adopt(&mut self, record: PhoneRecord, now: Timestamp) {
        let device = record.device.clone();
        let flow = match self.phones.get(&device) {
            Some(phone) if phone.declared() => phone.flow,
            _ => return,
        };
        if let Some(flow) = flow {
            let why = "what another service remembered of the phone has come".to_owned();
            self.close_flow(flow, SessionResult::Failed, Some(why), now);
        }
        let Some(mut before) = self.phones.remove(&device) else { return };
        self.unindex(&before);
        self.timers.reset(&device, before.wake.take(), None);
        self.turns.leave(&device, now);
        let was_held = before.at_gate.is_some();
        let mut phone = Phone::from_record(record);
        phone.fingerprints.void_unless(self.key.as_ref().map(FingerprintKey::id));
        if before.facts.last_seen.is_some() {
            phone.facts = before.facts;
        } else {
            phone.calling.last_request = Some(now);
        }
        phone.newest = before.newest;
        phone.back_since = self.back_since();
        self.tugs.remember(&phone);
        self.restore_doubt(&mut phone, now);
        let address = phone.facts.address;
        self.index(&phone);
        self.phones.insert(device.clone(), Box::new(phone));
        if let Some(address) = address {
            self.heard_at.insert(address, device.clone());
            self.moved(&device, None, address);
        }
        self.resolve(&device, was_held, now);
        self.save(&device, now);
    }
}
