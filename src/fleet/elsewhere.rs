//! A phone whose record is that of another shard: what is known of it here is not the memory of who serves it.

use jiff::Timestamp;

use super::Fleet;
use crate::wpi::DeviceId;

impl Fleet {
    /// Another shard serves this phone, as was found when its record was to be kept. Whatever would be written without
    /// being compared is forgotten: should the phone come here later, its password and seeds are taken to be on it
    /// (promise 8).
    pub fn is_served_elsewhere(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(device) else { return };
        phone.due.clear();
        phone.seeding = super::seeding::Seeding::default();
        phone.fresh = false;
        phone.restart = None;
        phone.fingerprints = super::fingerprint::Fingerprints::default();
        phone.assess(&self.catalogue);
        self.schedule(device, now);
    }
}
