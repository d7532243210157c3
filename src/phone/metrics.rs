//! What the listener counts. Names and labels are stable; no label holds an address or a phone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{
    bounds::{Bound, Throttle},
    handshake::Cause,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabel {
    version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BoundLabel {
    bound: &'static str,
}

/// The counters of all listeners of a process; a clone counts into the same ones.
#[derive(Debug, Clone)]
pub struct ListenerMetrics {
    connections: Gauge,
    requests: Family<StatusLabel, Counter>,
    /// the status of nearly every answer, without a look-up
    good: Counter,
    handshakes: Family<VersionLabel, Counter>,
    failures: Family<CauseLabel, Counter>,
    bounds: Family<BoundLabel, Counter>,
    bytes_in: Counter,
    bytes_out: Counter,
    throttles: Arc<[Throttle; Bound::ALL.len()]>,
}

impl Default for ListenerMetrics {
    fn default() -> Self {
        let requests = Family::<StatusLabel, Counter>::default();
        let good = requests.get_or_create_owned(&StatusLabel { status: 200 });
        Self {
            connections: Gauge::default(),
            requests,
            good,
            handshakes: Family::default(),
            failures: Family::default(),
            bounds: Family::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            throttles: Arc::new(Bound::ALL.map(|_| Throttle::new(Duration::from_mins(1)))),
        }
    }
}

impl ListenerMetrics {
    /// Counters at zero, not yet registered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the counters visible; they carry the prefix `phoneops_` already.
    /// Causes and bounds are there from the start, so that the first one is seen to be more than none.
    pub fn register(&self, registry: &mut Registry) {
        for cause in Cause::ALL {
            drop(self.failures.get_or_create(&CauseLabel { cause: cause.as_str() }));
        }
        for bound in Bound::ALL {
            drop(self.bounds.get_or_create(&BoundLabel { bound: bound.as_str() }));
        }
        registry.register("phoneops_phone_connections", "Open connections of phones", self.connections.clone());
        registry.register("phoneops_phone_requests", "Requests of phones by HTTP status", self.requests.clone());
        registry.register("phoneops_tls_handshakes", "Good TLS handshakes by version", self.handshakes.clone());
        registry.register("phoneops_tls_handshake_failures", "Failed TLS handshakes by cause", self.failures.clone());
        registry.register("phoneops_phone_received_bytes", "Bytes of phones' messages", self.bytes_in.clone());
        registry.register("phoneops_phone_sent_bytes", "Bytes of messages to phones", self.bytes_out.clone());
        registry.register("phoneops_listener_bounds_hit", "Bounds that were hit", self.bounds.clone());
    }

    /// How often a bound was hit so far.
    pub fn hits(&self, bound: Bound) -> u64 {
        self.bounds.get_or_create(&BoundLabel { bound: bound.as_str() }).get()
    }

    /// How many handshakes failed for this cause so far.
    pub fn failures(&self, cause: Cause) -> u64 {
        self.failures.get_or_create(&CauseLabel { cause: cause.as_str() }).get()
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> i64 {
        self.connections.get()
    }

    /// Counts a bound that was hit and logs it unless it was logged within the last minute.
    pub(super) fn hit(&self, bound: Bound, what: &dyn std::fmt::Display) {
        self.bounds.get_or_create(&BoundLabel { bound: bound.as_str() }).inc();
        let position = Bound::ALL.iter().position(|known| *known == bound);
        let throttle = position.and_then(|position| self.throttles.get(position));
        if let Some(held_back) = throttle.and_then(|throttle| throttle.allow(Instant::now())) {
            tracing::warn!(bound = bound.as_str(), held_back, "bound hit: {what}");
        }
    }

    /// Counts without a log line: ordinary and frequent.
    pub(super) fn hit_quietly(&self, bound: Bound) {
        self.bounds.get_or_create(&BoundLabel { bound: bound.as_str() }).inc();
    }

    pub(super) fn request(&self, status: u16) {
        if status == 200 {
            self.good.inc();
        } else {
            self.requests.get_or_create(&StatusLabel { status: status.into() }).inc();
        }
    }

    /// A message of that many bytes came.
    pub(super) fn received(&self, bytes: usize) {
        self.bytes_in.inc_by(bytes as u64);
    }

    /// A message of that many bytes is sent.
    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out.inc_by(bytes as u64);
    }

    pub(super) fn handshake(&self, version: &'static str) {
        self.handshakes.get_or_create(&VersionLabel { version }).inc();
    }

    pub(super) fn failure(&self, cause: Cause) {
        self.failures.get_or_create(&CauseLabel { cause: cause.as_str() }).inc();
    }

    /// One more open connection until the guard is dropped.
    pub(super) fn connected(&self) -> Connected {
        self.connections.inc();
        Connected(self.connections.clone())
    }
}

/// Counts a connection as open as long as it lives, however it ends.
pub(super) struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}
