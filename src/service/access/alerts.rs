//! What telling alerts needs of the service, and what alerts are about that the fleet does not know.

use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};

use super::Access;
use crate::{
    fleet::alert::{AlertCounts, Around, Rules, Told},
    phone::HandshakeFailure,
    report::AlertAccess,
};

/// For how long a failed handshake is an alert.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

impl Access {
    /// What the fleet does not know and alerts are about.
    pub(super) fn around(&self) -> Around {
        let source_away = self.shared.source.lock().unwrap_or_else(PoisonError::into_inner).away.is_some();
        let recent = |failure: &HandshakeFailure| failure.at.duration_since(Timestamp::now()).abs() <= RECENT;
        let failures = self.failures.list().into_iter().filter(recent);
        let handshakes = failures.filter_map(|failure| Some((failure.cause.as_str(), failure.phone?))).collect();
        Around { source_away, handshakes }
    }
}

impl AlertAccess for Access {
    fn decide_alerts(&self, rules: &Rules) -> bool {
        let around = self.around();
        self.shared.with_fleet(|fleet, now| {
            fleet.set_around(around);
            fleet.decide_alerts(rules, now)
        })
    }

    fn told_alerts(&self) -> Vec<Told> {
        self.shared.with_fleet(|fleet, _| fleet.told_alerts())
    }

    fn alerts_told(&self, target: &str, keys: &[String]) {
        self.shared.with_fleet(|fleet, _| fleet.alerts_told(target, keys));
    }

    fn alert_counts(&self) -> AlertCounts {
        self.shared.with_fleet(|fleet, _| fleet.alert_counts())
    }
}
