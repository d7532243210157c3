//! What a write makes a phone do beside saving it: restart, fall silent, come back elsewhere (R-1214, R-1215).
//!
//! Nothing public says which items do what, so faults name them. It happens when the flow is over, or before the reply
//! with [`Fault::AppliesAtOnce`].

use std::{net::IpAddr, time::Duration};

use tokio::time::Instant;

use super::{fault::Fault, state::State};
use crate::wpi::{ItemId, contact::CONTACT_PATH};

/// What is going to happen to the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aftermath {
    Restart(Option<Duration>),
    Silence,
    Move(IpAddr),
}

impl Aftermath {
    fn of(fault: &Fault, saved: &[ItemId]) -> Option<Self> {
        let item = fault.item()?;
        if !saved.iter().any(|id| id.name.as_str() == item) {
            return None;
        }
        match fault {
            Fault::RestartAfter(_, pause) => Some(Self::Restart(pause.map(|ms| Duration::from_millis(ms.into())))),
            Fault::SilentAfter(_) => Some(Self::Silence),
            Fault::MoveAfter(_, address) => Some(Self::Move(*address)),
            _ => None,
        }
    }
}

impl State {
    /// Remembers what the last write leads to; whether it happens at once.
    pub(super) fn written(&mut self, now: Instant) -> bool {
        let saved = &self.device.saved;
        let next = self.faults.find(|fault| Aftermath::of(fault, saved));
        self.aftermath = next.or(self.aftermath);
        let at_once = self.aftermath.is_some() && self.faults.has(&Fault::AppliesAtOnce);
        if at_once {
            self.settle(now);
        }
        at_once
    }

    /// Has what the writes of the flow led to happen.
    pub(super) fn settle(&mut self, now: Instant) {
        let reboot = self.settings.timing.reboot;
        match self.aftermath.take() {
            None => {}
            Some(Aftermath::Restart(pause)) => {
                self.tell(|| "restarts because of what was written".to_owned());
                self.boot(now, pause.unwrap_or(reboot));
            }
            Some(Aftermath::Silence) => {
                self.tell(|| "falls silent because of what was written".to_owned());
                self.boot(now, reboot);
                self.dues.clear();
                self.silent = true;
            }
            Some(Aftermath::Move(address)) => {
                self.tell(|| format!("restarts because of what was written, and moves to {address}"));
                self.settings.address = address;
                self.contact.set_ip(address);
                self.device.answers_at(&format!("http://{}{CONTACT_PATH}", self.contact));
                self.boot(now, reboot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::basic::plain_id;

    #[test]
    fn only_the_item_that_was_saved_has_consequences() {
        let saved = [plain_id("vlan-id").unwrap()];
        let of = |fault: &str| Aftermath::of(&fault.parse().unwrap(), &saved);
        assert_eq!(of("silent-after:vlan-id"), Some(Aftermath::Silence));
        assert_eq!(of("silent-after:vlan-method"), None);
        assert_eq!(of("restart-after:vlan-id=40"), Some(Aftermath::Restart(Some(Duration::from_millis(40)))));
        assert_eq!(of("item-status:vlan-id=failed"), None);
    }
}
