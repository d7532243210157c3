//! What is counted, as `OpenMetrics` text. No label holds a phone, an item, a value, or who is in a call (promise 10).
//!
//! - [`name`]: every name, as people query it
//! - `fleet`: how many phones are how
//! - `each`: each phone by itself, where that is wanted

mod each;
mod fleet;
pub mod name;

use std::time::Duration;

use each::PhoneMetrics;
pub use fleet::FleetCounts;
use fleet::FleetGauges;

use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Metric, Registry},
};

use crate::{
    fleet::{alert::AlertCounts, each::Each, words::AlertKind},
    store::{Stats, kube::ClusterStats},
};

/// The content type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// To whom alerts are told: the label `target`.
const ALERT_TARGETS: [&str; 3] = ["alertmanager", "slack", "webhook"];

/// Labels of one dimension.
type One = [(&'static str, &'static str); 1];
/// Histograms by one dimension.
type Times = Family<One, Histogram, fn() -> Histogram>;
/// Labels of two dimensions.
type Two = [(&'static str, &'static str); 2];

/// What the service counts. Words that become labels are `&'static str`: nothing from outside can make new ones.
#[derive(Debug)]
pub struct ServiceMetrics {
    registry: Registry,
    fleet: FleetGauges,
    session_seconds: Times,
    step_seconds: Times,
    push_to_proof: Histogram,
    queues: Family<One, Gauge>,
    revision_time: Gauge,
    source_away: Gauge,
    problems: Family<One, Gauge>,
    api_requests: Family<StatusLabels, Counter>,
    kube_writes: Family<One, Counter>,
    kube_records: Family<One, Counter>,
    each: Option<PhoneMetrics>,
    history_lost: Counter,
    alerts_firing: Family<One, Gauge>,
    alerts_waiting: Gauge,
    alert_queue: Family<One, Gauge>,
    alert_deliveries: Family<Two, Counter>,
    alerts_dropped: Counter,
    commit_statuses: Family<Two, Counter>,
    webhooks: Family<One, Counter>,
    sessions: Family<Two, Counter>,
    resets: Counter,
    contacts: Family<One, Counter>,
    fetches: Family<One, Counter>,
    bounds: Family<One, Counter>,
    store_away: Gauge,
    store_commits: Family<One, Counter>,
    store_waits: Counter,
}

impl Default for ServiceMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl ServiceMetrics {
    /// All of them, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let build: Family<One, Gauge> = register(&mut registry, name::BUILD, "The running program");
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        let kube_writes: Family<One, Counter> =
            register(&mut registry, name::KUBE_WRITES, "Statuses written to a cluster");
        for result in ["ok", "failed"] {
            drop(kube_writes.get_or_create(&[("result", result)]));
        }
        let kube_records: Family<One, Counter> =
            register(&mut registry, name::KUBE_RECORDS, "What was kept in a cluster, by result");
        for (result, _) in ClusterStats::default().by_result() {
            drop(kube_records.get_or_create(&[("result", result)]));
        }
        let (session_seconds, step_seconds) =
            (Times::new_with_constructor(seconds), Times::new_with_constructor(seconds));
        registry.register(name::SESSION_SECONDS, "How long sessions took, by reason", session_seconds.clone());
        registry.register(name::STEP_SECONDS, "How long phones took for one reply, by step", step_seconds.clone());
        let push_to_proof = Histogram::new(exponential_buckets(5.0, 3.0, 11));
        registry.register(name::PUSH_TO_PROOF, "From a change in force to its proof", push_to_proof.clone());
        Self {
            fleet: FleetGauges::register(&mut registry),
            session_seconds,
            step_seconds,
            push_to_proof,
            queues: register(&mut registry, name::QUEUES, "What waits, by queue"),
            revision_time: register(&mut registry, name::REVISION_TIME, "When the newest revision was taken over"),
            source_away: register(&mut registry, name::SOURCE_AWAY, "How long the source could not be read"),
            problems: register(&mut registry, name::PROBLEMS, "What is wrong in the newest revision"),
            api_requests: register(
                &mut registry,
                name::API_REQUESTS,
                "Requests to the status, metrics and webhook servers, by kind (read, act or webhook) and status",
            ),
            kube_writes,
            kube_records,
            each: None,
            history_lost: register(&mut registry, name::HISTORY_LOST, "Changes that the history lost"),
            sessions: register(&mut registry, name::SESSIONS, "Ended sessions by reason and result"),
            commit_statuses: register(
                &mut registry,
                name::COMMIT_STATUSES,
                "Commit statuses posted, by forge and result",
            ),
            webhooks: register(&mut registry, name::WEBHOOKS, "Deliveries of webhooks by result"),
            alerts_firing: register(&mut registry, name::ALERTS_FIRING, "Alerts that fire, by kind"),
            alerts_waiting: register(&mut registry, name::ALERTS_WAITING, "Alerts that have no room to fire"),
            alert_queue: register(&mut registry, name::ALERT_QUEUE, "What is still to be told of alerts, by target"),
            alert_deliveries: register(
                &mut registry,
                name::ALERT_DELIVERIES,
                "Deliveries of alerts by target and result",
            ),
            alerts_dropped: register(&mut registry, name::ALERTS_DROPPED, "What was never told of alerts"),
            resets: register(&mut registry, name::RESETS, "Factory resets that phones showed"),
            contacts: register(&mut registry, name::CONTACTS, "Contact-me requests by result"),
            fetches: register(&mut registry, name::FETCHES, "Looks at the source by result"),
            bounds: register(&mut registry, name::BOUNDS, "Times a bound was hit"),
            store_away: register(&mut registry, name::STORE_AWAY, "1 while the store cannot be written"),
            store_commits: register(&mut registry, name::STORE_COMMITS, "Commits of the store by result"),
            store_waits: register(&mut registry, name::STORE_WAITS, "Callers that waited for the store's queue"),
            registry,
        }
    }

    /// Has each phone told by itself, or not.
    #[must_use]
    pub fn with_phones(mut self, each: bool) -> Self {
        self.each = each.then(|| PhoneMetrics::register(&mut self.registry));
        self
    }

    /// Whether each phone is told by itself.
    pub fn tells_phones(&self) -> bool {
        self.each.is_some()
    }

    /// Sets how many phones are how. States and reasons that are not named are zero.
    pub fn set_fleet(&self, counts: &FleetCounts) {
        self.fleet.set(counts);
    }

    /// Sets what is told of each phone, in place of what was.
    pub fn set_phones(&self, phones: &[Each]) {
        if let Some(each) = &self.each {
            each.set(phones);
        }
    }

    /// Lets another part register what it counts (such as [`ListenerMetrics::register`](crate::phone::ListenerMetrics)).
    #[must_use]
    pub fn with_part(mut self, register: impl FnOnce(&mut Registry)) -> Self {
        register(&mut self.registry);
        self
    }

    /// Shows how many lines the log has held back.
    #[must_use]
    pub fn with_log(self, held_back: Counter) -> Self {
        let name = name::LOG_HELD_BACK.trim_end_matches("_total");
        self.with_part(|registry| registry.register(name, "Lines that the log held back", held_back))
    }

    /// A session ended.
    pub fn session(&self, reason: &'static str, result: &'static str) {
        self.sessions.get_or_create(&[("reason", reason), ("result", result)]).inc();
    }

    /// What a session took: as a whole, each of the phone's replies, and since when what it proved was in force. A
    /// session that began no dialogue has no times.
    pub fn times(
        &self,
        reason: &'static str,
        took: Duration,
        steps: &[(&'static str, Duration)],
        proof: Option<Duration>,
    ) {
        if !steps.is_empty() {
            self.session_seconds.get_or_create(&[("reason", reason)]).observe(took.as_secs_f64());
        }
        for (step, took) in steps {
            self.step_seconds.get_or_create(&[("step", *step)]).observe(took.as_secs_f64());
        }
        if let Some(proof) = proof {
            self.push_to_proof.observe(proof.as_secs_f64());
        }
    }

    /// Sets what waits.
    pub fn set_queues<const N: usize>(&self, depths: [(&'static str, usize); N]) {
        for (queue, depth) in depths {
            self.queues.get_or_create(&[("queue", queue)]).set(signed(depth));
        }
    }

    /// Sets how the source does: when its newest revision was taken over, for how long it cannot be read, and how many
    /// errors and warnings it has.
    pub fn set_source(&self, taken: Option<Timestamp>, away: Option<Duration>, (errors, warnings): (usize, usize)) {
        self.revision_time.set(taken.map_or(0, Timestamp::as_second));
        self.source_away.set(whole_seconds(away));
        for (severity, count) in [("error", errors), ("warning", warnings)] {
            self.problems.get_or_create(&[("severity", severity)]).set(signed(count));
        }
    }

    /// A request to the status server was answered.
    pub fn api_request(&self, kind: &'static str, status: u16) {
        self.api_requests.get_or_create(&StatusLabels { kind, status }).inc();
    }

    /// A status was written to a cluster, or could not be.
    pub fn kube_write(&self, result: &'static str) {
        self.kube_writes.get_or_create(&[("result", result)]).inc();
    }

    /// Sets what the store in a cluster says of itself. A record that it refuses is a bound that was hit, too.
    pub fn set_cluster_store(&self, stats: ClusterStats) {
        use std::sync::atomic::Ordering::Relaxed;
        for (result, count) in stats.by_result() {
            self.kube_records.get_or_create(&[("result", result)]).inner().store(count, Relaxed);
        }
        self.set_bound("record-refused", stats.refused);
    }

    /// A contact-me request was answered, or was not.
    pub fn contact(&self, result: &'static str) {
        self.contacts.get_or_create(&[("result", result)]).inc();
    }

    /// Alerts were delivered, or were not.
    pub fn alert_delivery(&self, target: &'static str, result: &'static str) {
        self.alert_deliveries.get_or_create(&[("target", target), ("result", result)]).inc();
    }

    /// Sets how telling alerts stands.
    pub fn set_alert_counts(&self, counts: &AlertCounts) {
        for kind in AlertKind::ALL {
            let count = counts.firing.get(kind).copied().unwrap_or_default();
            self.alerts_firing.get_or_create(&[("kind", kind.as_str())]).set(signed(count));
        }
        for target in ALERT_TARGETS {
            let owed = counts.owed.iter().filter(|(name, _)| name.starts_with(target)).map(|(_, count)| count).sum();
            self.alert_queue.get_or_create(&[("target", target)]).set(signed(owed));
        }
        self.alerts_waiting.set(signed(counts.waiting));
        self.alerts_dropped.inner().store(counts.dropped, std::sync::atomic::Ordering::Relaxed);
    }

    /// A commit status was posted, or was not.
    pub fn commit_status(&self, forge: &'static str, result: &'static str) {
        self.commit_statuses.get_or_create(&[("forge", forge), ("result", result)]).inc();
    }

    /// A webhook was delivered.
    pub fn webhook(&self, result: &'static str) {
        self.webhooks.get_or_create(&[("result", result)]).inc();
    }

    /// The source was looked at.
    pub fn source_fetch(&self, result: &'static str) {
        self.fetches.get_or_create(&[("result", result)]).inc();
    }

    /// A bound was hit.
    pub fn bound_hit(&self, bound: &'static str) {
        self.bounds.get_or_create(&[("bound", bound)]).inc();
    }

    /// Sets how often a bound that another part counts was hit.
    pub fn set_bound(&self, bound: &'static str, count: u64) {
        use std::sync::atomic::Ordering::Relaxed;
        self.bounds.get_or_create(&[("bound", bound)]).inner().store(count, Relaxed);
    }

    /// Sets how many factory resets phones showed.
    pub fn set_factory_resets(&self, count: u64) {
        self.resets.inner().store(count, std::sync::atomic::Ordering::Relaxed);
    }

    /// Sets what the store says of itself.
    pub fn set_store(&self, writable: bool, stats: &Stats) {
        use std::sync::atomic::Ordering::Relaxed;
        self.store_away.set(i64::from(!writable));
        for (result, count) in [("ok", stats.commits), ("failed", stats.failures)] {
            self.store_commits.get_or_create(&[("result", result)]).inner().store(count, Relaxed);
        }
        self.store_waits.inner().store(stats.waits, Relaxed);
    }

    /// Sets how many changes the history lost.
    pub fn set_history_lost(&self, lost: u64) {
        self.history_lost.inner().store(lost, std::sync::atomic::Ordering::Relaxed);
    }

    /// All metrics as text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // a String takes every write
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    // the encoder appends `_total` to counters itself
    registry.register(name.strip_suffix("_total").unwrap_or(name), help, metric.clone());
    metric
}

/// Labels of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    kind: &'static str,
    status: u16,
}

/// Times from a hundredth of a second to some minutes.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 3.0, 10))
}

fn whole_seconds(time: Option<Duration>) -> i64 {
    time.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::words::State;

    #[test]
    fn every_name_shows_and_counts_are_what_was_counted() {
        let metrics = ServiceMetrics::new().with_log(Counter::default());
        metrics.set_fleet(&FleetCounts {
            states: [(State::InSync, 20)].into(),
            drift_items: 7,
            ..FleetCounts::default()
        });
        metrics.session("start-up", "proven");
        metrics.session("start-up", "proven");
        metrics.contact("no-answer");
        metrics.source_fetch("ok");
        metrics.bound_hit("body");
        metrics.webhook("fetched");
        let second = Duration::from_secs(1);
        metrics.times("start-up", second, &[("read", second)], Some(second));
        metrics.set_queues([("store", 2)]);
        metrics.set_source(None, Some(second), (1, 0));
        metrics.api_request("act", 202);
        metrics.kube_write("ok");
        metrics.commit_status("gitea", "told");
        metrics.alert_delivery("webhook", "delivered");
        metrics.set_alert_counts(&AlertCounts::default());
        metrics.set_store(false, &Stats { waits: 3, commits: 5, requests: 9, failures: 1 });
        metrics.set_cluster_store(ClusterStats { sent: 7, unchanged: 40, conflicts: 2, refused: 1, failures: 3 });
        let text = metrics.encode();
        for name in name::ALL {
            assert!(text.lines().any(|line| line.starts_with(name) && !line.starts_with('#')), "{name} in {text}");
        }
        for line in [
            "phoneops_phones{state=\"InSync\"} 20",
            "phoneops_phones{state=\"Drifted\"} 0",
            "phoneops_drift_items 7",
            "phoneops_sessions_total{reason=\"start-up\",result=\"proven\"} 2",
            "phoneops_store_away 1",
            "phoneops_store_commits_total{result=\"failed\"} 1",
            "phoneops_store_waits_total 3",
            "phoneops_kubernetes_records_total{result=\"sent\"} 7",
            "phoneops_kubernetes_records_total{result=\"unchanged\"} 40",
            "phoneops_kubernetes_records_total{result=\"conflict\"} 2",
            "phoneops_kubernetes_records_total{result=\"refused\"} 1",
            "phoneops_kubernetes_records_total{result=\"failed\"} 3",
            "phoneops_service_bounds_hit_total{bound=\"record-refused\"} 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn what_another_part_counts_is_shown_too() {
        let listener = crate::phone::ListenerMetrics::new();
        let text = ServiceMetrics::new().with_part(|registry| listener.register(registry)).encode();
        assert!(text.contains("phoneops_phone_connections 0\n"), "{text}");
        let named: Vec<_> = text.lines().filter(|line| line.starts_with("# HELP")).collect();
        let unique: std::collections::BTreeSet<_> = named.iter().collect();
        assert_eq!(named.len(), unique.len(), "each name once");
    }
}
