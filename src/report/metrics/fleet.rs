//! How many phones are how, at the time of a scrape.

use std::{collections::BTreeMap, time::Duration};

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{One, Two, name, register, signed, whole_seconds};
use crate::{
    fleet::words::{AlertKind, DegradedReason, HeldReason, PendingReason, State},
    spec::code,
};

/// How many phones are how, at the time of a scrape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetCounts {
    /// Phones by state.
    pub states: BTreeMap<State, usize>,
    /// Pending phones by reason.
    pub pending: BTreeMap<PendingReason, usize>,
    /// Phones that are Degraded, Held or Invalid, by reason.
    pub reasons: BTreeMap<(State, &'static str), usize>,
    /// Items that differ, over all phones.
    pub drift_items: usize,
    /// Items that phones refused, over all phones.
    pub refused_items: usize,
    /// How long the phone has waited that waits longest.
    pub oldest_pending: Option<Duration>,
    /// Items that are not put right any more, over all phones.
    pub held_items: usize,
    /// Sites at which nothing that drifts is put right.
    pub stopped_sites: usize,
    /// Items that phones do not have, over all phones.
    pub not_applicable_items: usize,
    /// Sites that a silent phone stops.
    pub stopped_ladders: usize,
    /// Phones of sites that are served here, which another release keeps.
    pub foreign_phones: usize,
    /// Brakes that hold.
    pub brakes: usize,
    /// Declared phones that are braked.
    pub braked_phones: usize,
    /// Sites that come back from an outage.
    pub recovering_sites: usize,
    /// Alerts by kind.
    pub alerts: BTreeMap<AlertKind, usize>,
}

/// The gauges of them.
#[derive(Debug)]
pub(super) struct FleetGauges {
    refused: Gauge,
    oldest_pending: Gauge,
    phones: Family<One, Gauge>,
    pending: Family<One, Gauge>,
    reasons: Family<Two, Gauge>,
    drift: Gauge,
    held: Gauge,
    stopped_sites: Gauge,
    not_applicable: Gauge,
    stopped_ladders: Gauge,
    foreign_phones: Gauge,
    brakes: Gauge,
    braked_phones: Gauge,
    recovering_sites: Gauge,
    alerts: Family<One, Gauge>,
}

impl FleetGauges {
    /// All of them, at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            refused: register(registry, name::REFUSED, "Items that phones refused"),
            oldest_pending: register(registry, name::OLDEST_PENDING, "How long the phone waits that waits longest"),
            phones: register(registry, name::PHONES, "Phones by state"),
            pending: register(registry, name::PENDING, "Phones that wait, by reason"),
            reasons: register(
                registry,
                name::REASONS,
                "Phones that are Degraded, Held or Invalid, by state and reason; one with several counts with each",
            ),
            drift: register(registry, name::DRIFT, "Items that differ from what is wanted"),
            held: register(registry, name::TUG_OF_WAR, "Items that are not put right any more"),
            stopped_sites: register(registry, name::STOPPED_SITES, "Sites where somebody else writes too"),
            not_applicable: register(registry, name::NOT_APPLICABLE, "Items that phones do not have"),
            stopped_ladders: register(
                registry,
                name::STOPPED_LADDERS,
                "Sites stopped by a phone that was not heard of",
            ),
            foreign_phones: register(
                registry,
                name::FOREIGN_PHONES,
                "Phones of sites that are served here, which another release keeps",
            ),
            brakes: register(registry, name::BRAKES, "Brakes that hold"),
            braked_phones: register(registry, name::BRAKED_PHONES, "Declared phones that are braked"),
            recovering_sites: register(registry, name::RECOVERING_SITES, "Sites that come back from an outage"),
            alerts: register(registry, name::ALERTS, "Alerts that stand, by kind"),
        }
    }

    /// Sets how many phones are how. States and reasons that are not named are zero.
    pub(super) fn set(&self, counts: &FleetCounts) {
        for state in State::ALL {
            let count = counts.states.get(state).copied().unwrap_or_default();
            self.phones.get_or_create(&[("state", state.as_str())]).set(signed(count));
        }
        for reason in PendingReason::ALL.iter().filter(|reason| **reason != PendingReason::InCall) {
            let mut count = counts.pending.get(reason).copied().unwrap_or_default();
            if *reason == PendingReason::Queued {
                count += counts.pending.get(&PendingReason::InCall).copied().unwrap_or_default();
            }
            self.pending.get_or_create(&[("reason", reason.as_str())]).set(signed(count));
        }
        let always = DegradedReason::ALL.iter().map(|reason| (State::Degraded, reason.as_str()));
        for (state, reason) in always.chain(HeldReason::ALL.iter().map(|reason| (State::Held, reason.as_str()))) {
            self.set_reason(state, reason, counts);
        }
        // codes of errors are many: those that never were do not show
        for code in code::ALL {
            let labels = [("state", State::Invalid.as_str()), ("reason", *code)];
            if counts.reasons.contains_key(&(State::Invalid, code)) || self.reasons.get(&labels).is_some() {
                self.set_reason(State::Invalid, code, counts);
            }
        }
        self.drift.set(signed(counts.drift_items));
        self.refused.set(signed(counts.refused_items));
        self.oldest_pending.set(whole_seconds(counts.oldest_pending));
        self.held.set(signed(counts.held_items));
        self.stopped_sites.set(signed(counts.stopped_sites));
        self.not_applicable.set(signed(counts.not_applicable_items));
        self.stopped_ladders.set(signed(counts.stopped_ladders));
        self.foreign_phones.set(signed(counts.foreign_phones));
        self.brakes.set(signed(counts.brakes));
        self.braked_phones.set(signed(counts.braked_phones));
        self.recovering_sites.set(signed(counts.recovering_sites));
        for kind in AlertKind::ALL {
            let count = counts.alerts.get(kind).copied().unwrap_or_default();
            self.alerts.get_or_create(&[("kind", kind.as_str())]).set(signed(count));
        }
    }

    fn set_reason(&self, state: State, reason: &'static str, counts: &FleetCounts) {
        let count = counts.reasons.get(&(state, reason)).copied().unwrap_or_default();
        self.reasons.get_or_create(&[("state", state.as_str()), ("reason", reason)]).set(signed(count));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ServiceMetrics, *};

    #[test]
    fn reasons_are_words_of_closed_lists_and_codes_show_from_the_first_time_on() {
        let metrics = ServiceMetrics::new();
        let set = |reasons: &[((State, &'static str), usize)]| {
            metrics.set_fleet(&FleetCounts { reasons: reasons.iter().copied().collect(), ..FleetCounts::default() });
            let text = metrics.encode();
            let rows = text.lines().filter_map(|line| line.strip_prefix("phoneops_phones_by_reason{"));
            rows.map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
        };
        let quiet = set(&[]);
        assert_eq!(quiet.len(), DegradedReason::ALL.len() + HeldReason::ALL.len(), "{quiet:?}");
        assert!(quiet.iter().all(|row| row.ends_with("} 0")));
        let refused = (State::Degraded, DegradedReason::Refused.as_str());
        let now = set(&[(refused, 3), ((State::Invalid, code::LINK), 2), ((State::Invalid, "made up"), 1)]);
        let row = |state: &str, reason: &str, count: u8| format!("state=\"{state}\",reason=\"{reason}\"}} {count}");
        assert!(now.contains(&row("Degraded", "Refused", 3)) && now.contains(&row("Invalid", "link", 2)), "{now:?}");
        assert_eq!(now.len(), quiet.len() + 1, "and no word of another list: {now:?}");
        assert!(set(&[]).contains(&row("Invalid", "link", 0)), "it goes back to zero");
    }

    #[test]
    fn a_phone_in_a_call_is_counted_as_queued_and_no_label_says_so() {
        let metrics = ServiceMetrics::new();
        let pending = [(PendingReason::Queued, 1), (PendingReason::InCall, 2)].into();
        metrics.set_fleet(&FleetCounts { pending, ..FleetCounts::default() });
        let text = metrics.encode();
        assert!(text.contains("phoneops_pending_phones{reason=\"Queued\"} 3\n"), "{text}");
        assert!(!text.contains("InCall"), "{text}");
    }
}
