//! What a person wants tried again: refused items, and on request all that is written without being compared.

use jiff::Timestamp;

use super::{ContactAnswer, Fleet};
use crate::wpi::DeviceId;

/// What becomes of a person's wish that a phone be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryAnswer {
    /// It is taken up.
    Taken(Retried),
    /// No document declares this phone, so nothing is written to it.
    Undeclared,
    /// Nobody knows such a phone.
    NotFound,
}

/// What is tried again with a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retried {
    /// Items that were refused, not applicable, or held in a tug of war.
    pub refusals: usize,
    /// Items that never compare and are due now.
    pub secrets: usize,
    /// When the phone is asked to call; what is tried again stays so whatever this says.
    pub contact: ContactAnswer,
}

impl Fleet {
    /// What the phone refused or did not have is tried again, and what was held in a tug of war is put right again; with
    /// `secrets` all items that never compare are due as well (promise 8). The phone is asked to call. What may be written is decided as ever: mode, classes, site.
    pub fn retry(&mut self, device: &DeviceId, secrets: bool, now: Timestamp) -> RetryAnswer {
        let Some(phone) = self.phones.get_mut(device) else { return RetryAnswer::NotFound };
        if phone.goal.is_none() || !phone.declared() {
            return RetryAnswer::Undeclared;
        }
        let held = self.heal_again(device, now);
        self.release_site_of(device, now);
        let Some(phone) = self.phones.get_mut(device) else { return RetryAnswer::NotFound };
        let refusals = phone.forget_refusals() + held;
        let secrets = if secrets { phone.write_anew(&self.catalogue) } else { 0 };
        phone.assess(&self.catalogue);
        self.save(device, now);
        let contact = self.ask_to_call(device, now);
        self.schedule(device, now);
        RetryAnswer::Taken(Retried { refusals, secrets, contact })
    }
}
