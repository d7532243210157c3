//! More sessions than the service or a site may have at once: initial messages are answered by overload.
//!
//! The phone repeats its message after a pause of its own. If it does not come, it is asked to call: what it wanted to
//! tell is read then.

use jiff::Timestamp;
use rand::RngExt;

use super::{Fleet, SessionResult, schedule::after};
use crate::{
    spec::Mode,
    wpi::{DeviceId, Reason},
};

impl Fleet {
    /// Whether this phone, which wants to open a session, is to be turned away. It is known and has no flow.
    pub(super) fn overloaded(&mut self, device: &DeviceId, reason: &Reason, now: Timestamp) -> bool {
        let Some(phone) = self.phones.get(device).filter(|phone| phone.declared() && phone.mode() != Mode::Off) else {
            return false;
        };
        if phone.goal.is_none() {
            return false;
        }
        let site = self.site_of(phone);
        if self.flows.len() >= self.settings.flows {
            self.counters.overload += 1;
        } else if self.flows.of_site(&site.name) >= self.settings.flows_of(&site) {
            self.counters.site_overload += 1;
        } else {
            return false;
        }
        if self.counters.overload + self.counters.site_overload == 1 {
            tracing::warn!(site = %site.name, "more sessions at once than may be; phones are told to come back");
        }
        let rest = self.settings.overload_rest;
        let spread = rest.mul_f64(self.rng.random_range(0.0..1.0));
        if let Some(phone) = self.phones.get_mut(device) {
            phone.look_wanted |= matches!(reason, Reason::StartUp | Reason::LocalChanges);
            phone.calling.not_before = Some(after(now, rest + spread));
        }
        self.report_call(device, reason, SessionResult::Overload, None);
        self.schedule(device, now);
        true
    }
}
