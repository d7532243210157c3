//! What a scrape of the metrics shows: what is counted as it happens, and how all stands now.

use std::sync::PoisonError;

use super::Access;
use crate::{
    fleet::Counters,
    report::{AlertAccess as _, FleetAccess as _, metrics::FleetCounts},
};

/// All metrics as text, as they are now.
pub(super) fn scrape(access: &Access) -> String {
    let (census, counters, forgotten, waiting, now) = access.shared.with_fleet(|fleet, now| {
        (fleet.census(now), fleet.counters().clone(), fleet.sightings_forgotten(), fleet.waiting(), now)
    });
    let alerts = access.alerts();
    let metrics = &access.shared.metrics;
    metrics.set_fleet(&FleetCounts {
        states: census.states,
        pending: census.pending,
        reasons: census.reasons,
        drift_items: usize::try_from(census.drift).unwrap_or(usize::MAX),
        refused_items: usize::try_from(census.refused).unwrap_or(usize::MAX),
        oldest_pending: census.oldest_pending.map(|since| now.duration_since(since).unsigned_abs()),
        held_items: usize::try_from(census.held).unwrap_or(usize::MAX),
        stopped_sites: census.stopped_sites,
        not_applicable_items: usize::try_from(census.not_applicable).unwrap_or(usize::MAX),
        stopped_ladders: census.stopped_ladders,
        foreign_phones: census.foreign_phones,
        brakes: census.brakes,
        braked_phones: census.braked_phones,
        alerts: alerts.by_kind(),
        recovering_sites: census.recovering_sites,
    });
    let (phones, sessions) = waiting;
    metrics.set_queues([
        ("phones", phones),
        ("sessions", sessions),
        ("store", access.shared.saver.depth()),
        ("history", access.shared.history.depth()),
    ]);
    let source = access.shared.source.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let away = source.away.map(|(_, since)| now.duration_since(since).unsigned_abs());
    metrics.set_source(source.taken_at, away, source.problems);
    if metrics.tells_phones() {
        let all = access.shared.with_fleet(|fleet, now| fleet.each(now));
        metrics.set_phones(&all);
    }
    metrics.set_alert_counts(&access.alert_counts());
    metrics.set_bound("sightings-forgotten", forgotten);
    metrics.set_bound("audit", access.shared.saver.acts().1);
    metrics.set_bound("wire-log", access.shared.wire_log.lost());
    metrics.set_history_lost(access.shared.history.lost());
    metrics.set_factory_resets(counters.factory_resets);
    for (bound, count) in bounds(&counters) {
        metrics.set_bound(bound, count);
    }
    if let Some(cluster) = access.store.cluster() {
        metrics.set_cluster_store(cluster.stats());
    }
    metrics.set_store(*access.store.writable().borrow(), &access.store.stats());
    metrics.encode()
}

fn bounds(counters: &Counters) -> [(&'static str, u64); 11] {
    [
        ("overload", counters.overload),
        ("site-overload", counters.site_overload),
        ("undeclared-forgotten", counters.undeclared_forgotten),
        ("stray-replies", counters.stray_replies),
        ("incomplete-messages", counters.incomplete_messages),
        ("contact-uris-refused", counters.contact_uris_refused),
        ("served-elsewhere", counters.elsewhere),
        ("wrong-site", counters.wrong_site),
        ("drift-forgotten", counters.drift_forgotten),
        ("inventories-forgotten", counters.inventories_forgotten),
        ("polls-outside", counters.polls_outside),
    ]
}
