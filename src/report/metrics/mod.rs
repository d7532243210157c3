//! What is counted, as `OpenMetrics` text. No label holds a phone, an item, a value, or who is in a call (promise 10).
//!
//! - [`name`]: every name, as people query it

pub mod name;

use std::{collections::BTreeMap, time::Duration};

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
    fleet::{
        alert::AlertCounts,
        each::Each,
        words::{AlertKind, DegradedReason, HeldReason, PendingReason, State},
    },
    spec::code,
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

/// What the service counts. Words that become labels are `&'static str`: nothing from outside can make new ones.
#[derive(Debug)]
pub struct ServiceMetrics {
    registry: Registry,
    refused: Gauge,
    oldest_pending: Gauge,
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
    phones: Family<One, Gauge>,
    pending: Family<One, Gauge>,
    reasons: Family<Two, Gauge>,
    drift: Gauge,
    held: Gauge,
    stopped_sites: Gauge,
    history_lost: Counter,
    not_applicable: Gauge,
    stopped_ladders: Gauge,
    foreign_phones: Gauge,
    brakes: Gauge,
    braked_phones: Gauge,
    recovering_sites: Gauge,
    alerts: Family<One, Gauge>,
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
            refused: register(&mut registry, name::REFUSED, "Items that phones refused"),
            oldest_pending: register(
                &mut registry,
                name::OLDEST_PENDING,
                "How long the phone waits that waits longest",
            ),
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
                "Requests to the status, metrics and webhook servers, by kind (read or act) and status",
            ),
            kube_writes,
            kube_records,
            each: None,
            phones: register(&mut registry, name::PHONES, "Phones by state"),
            pending: register(&mut registry, name::PENDING, "Phones that wait, by reason"),
            reasons: register(
                &mut registry,
                name::REASONS,
                "Phones that are Degraded, Held or Invalid, by state and reason; one with several counts with each",
            ),
            drift: register(&mut registry, name::DRIFT, "Items that differ from what is wanted"),
            held: register(&mut registry, name::TUG_OF_WAR, "Items that are not put right any more"),
            stopped_sites: register(&mut registry, name::STOPPED_SITES, "Sites where somebody else writes too"),
            history_lost: register(&mut registry, name::HISTORY_LOST, "Changes that the history lost"),
            not_applicable: register(&mut registry, name::NOT_APPLICABLE, "Items that phones do not have"),
            foreign_phones: register(
                &mut registry,
                name::FOREIGN_PHONES,
                "Phones of sites that are served here, which another release keeps",
            ),
            stopped_ladders: register(
                &mut registry,
                name::STOPPED_LADDERS,
                "Sites stopped by a phone that was not heard of",
            ),
            sessions: register(&mut registry, name::SESSIONS, "Ended sessions by reason and result"),
            brakes: register(&mut registry, name::BRAKES, "Brakes that hold"),
            braked_phones: register(&mut registry, name::BRAKED_PHONES, "Declared phones that are braked"),
            recovering_sites: register(&mut registry, name::RECOVERING_SITES, "Sites that come back from an outage"),
            commit_statuses: register(
                &mut registry,
                name::COMMIT_STATUSES,
                "Commit statuses posted, by forge and result",
            ),
            webhooks: register(&mut registry, name::WEBHOOKS, "Deliveries of webhooks by result"),
            alerts: register(&mut registry, name::ALERTS, "Alerts that stand, by kind"),
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
        let registry = &mut self.registry;
        self.each = each.then(|| PhoneMetrics {
            state: register(registry, name::PHONE_STATE, "1 for the state of each phone"),
            drift: register(registry, name::PHONE_DRIFT, "Items of a phone that differ"),
            proof: register(registry, name::PHONE_PROOF, "When a phone was last proven"),
        });
        self
    }

    /// Whether each phone is told by itself.
    pub fn tells_phones(&self) -> bool {
        self.each.is_some()
    }

    /// Sets what is told of each phone, in place of what was.
    pub fn set_phones(&self, phones: &[Each]) {
        let Some(each) = &self.each else { return };
        each.state.clear();
        each.drift.clear();
        each.proof.clear();
        for phone in phones {
            let labels = |state: Option<State>| {
                let own = [("phone", &phone.name), ("mac", &phone.mac), ("site", &phone.site)];
                let own = own.map(|(name, value)| (name, value.clone()));
                own.into_iter().chain(state.map(|state| ("state", state.to_string()))).collect::<Vec<_>>()
            };
            each.state.get_or_create(&labels(Some(phone.state))).set(1);
            each.drift.get_or_create(&labels(None)).set(signed(phone.drift));
            if let Some(proof) = phone.last_proof {
                each.proof.get_or_create(&labels(None)).set(proof.as_second());
            }
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

    /// Sets how many phones are how. States and reasons that are not named are zero.
    pub fn set_fleet(&self, counts: &FleetCounts) {
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
    pub fn api_request(&self, is_act: bool, status: u16) {
        let kind = if is_act { "act" } else { "read" };
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

/// What is told of each phone.
#[derive(Debug)]
struct PhoneMetrics {
    state: Family<Vec<(&'static str, String)>, Gauge>,
    drift: Family<Vec<(&'static str, String)>, Gauge>,
    proof: Family<Vec<(&'static str, String)>, Gauge>,
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
        metrics.api_request(true, 202);
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
