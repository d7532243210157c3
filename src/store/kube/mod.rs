//! What must not be forgotten, as resources of a cluster: a `PhoneRecord` for each phone, one `PhoneOps` for the
//! service, a Secret with the key of fingerprints. The `SQLite` file beside it is a cache there: observations, history.
//!
//! - [`lease`]: which of several processes is the active one
//! - `object`: records as resources, and back
//! - `open`: what the cluster has at the start
//! - `write`: what is kept, `put`: how one resource gets there, `writable`: whether the cluster takes any
//! - `key`: the key of fingerprints
//!
//! **Guarantees.** A save that was answered `Ok` is in the cluster. A record is replaced in the version that was seen
//! last, so that nobody overwrites what another one wrote unseen. Nothing is written without the lease. A record that
//! did not change but for times that tick is not written. A copy that was put back is known as such where it was made
//! anew, and what of it must not be acted on is taken out.
//!
//! **Caveats.** A whole etcd that was put back has its times and versions, and nothing shows that it is older.

mod key;
pub mod lease;
mod object;
mod open;
mod put;
mod writable;
mod write;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kube::{Api, Client, api::DynamicObject};
use tokio::{sync::watch, time::Instant};

pub use key::cluster_key;
use lease::Standing;
pub use object::{RECORD_LIMIT, SHARD, name_of};
pub use open::Found;

use crate::wpi::DeviceId;

/// How long an answer of the server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most records that are written at once.
const AT_ONCE: usize = 16;

/// Where in the cluster, and whose.
#[derive(Clone)]
pub struct ClusterStoreSettings {
    /// How the cluster is reached.
    pub client: Client,
    /// The namespace of the records.
    pub namespace: String,
    /// Whose records; another name for each release that serves phones of its own.
    pub shard: String,
    /// How the holder of the lease stands; `None` = there is one process by other means.
    pub standing: Option<watch::Receiver<Standing>>,
    /// How often a cluster that takes no writes is tried again.
    pub retry: Duration,
    /// How often it is looked whether a phone that another shard serves is free.
    pub look_again: Duration,
}

/// Why the cluster gives no records.
#[derive(Debug, thiserror::Error)]
pub enum ClusterStoreError {
    /// The server refused, or is not there.
    #[error("cannot read the {what} of namespace {namespace}: {source}")]
    Api {
        /// What was read.
        what: &'static str,
        /// Where.
        namespace: String,
        /// What was answered.
        source: Box<kube::Error>,
    },
    /// A newer phoneops wrote there.
    #[error("{kind} {name} {problem}")]
    Newer {
        /// The kind.
        kind: &'static str,
        /// The resource.
        name: String,
        /// What it is.
        problem: String,
    },
    /// The Secret holds no key.
    #[error(
        "Secret {name} does not hold 64 hex digits under {key}; delete it to begin with a new key (no secret is written because of it)"
    )]
    NoKey {
        /// The Secret.
        name: String,
        /// The field.
        key: &'static str,
    },
}

impl ClusterStoreError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Api { .. } => "api",
            Self::Newer { .. } => "newer",
            Self::NoKey { .. } => "key-spoilt",
        }
    }
}

/// A resource as it was seen or written last.
#[derive(Debug, Clone)]
struct Known {
    version: Option<String>,
    content: u64,
    /// Whether it is of this shard, and not one that another shard let go.
    ours: bool,
}

/// What is counted.
#[derive(Debug, Default)]
struct ClusterCounters {
    writes: AtomicU64,
    unchanged: AtomicU64,
    conflicts: AtomicU64,
    refused: AtomicU64,
    failures: AtomicU64,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClusterStats {
    /// Requests that write or delete something, answered or not.
    pub sent: u64,
    /// Records that were as they stood, and not written.
    pub unchanged: u64,
    /// Records that another one had changed meanwhile.
    pub conflicts: u64,
    /// Records that were too large, or of a phone that another shard serves.
    pub refused: u64,
    /// Times that something could not be kept.
    pub failures: u64,
}

impl ClusterStats {
    /// All of them, each with the word that metrics have for it.
    pub fn by_result(self) -> [(&'static str, u64); 5] {
        let Self { sent, unchanged, conflicts, refused, failures } = self;
        [("sent", sent), ("unchanged", unchanged), ("conflict", conflicts), ("refused", refused), ("failed", failures)]
    }
}

/// The store in a cluster: a cheap handle.
#[derive(Clone)]
pub struct ClusterStore(Arc<Inner>);

struct Inner {
    records: Api<DynamicObject>,
    ops: Api<DynamicObject>,
    settings: ClusterStoreSettings,
    known: Mutex<HashMap<DeviceId, Known>>,
    /// The service's own object, and the state folder that goes with it.
    service: tokio::sync::Mutex<write::ServiceObject>,
    /// Phones that other shards serve, with their names.
    foreign: watch::Sender<HashMap<DeviceId, String>>,
    writable: watch::Sender<bool>,
    counters: ClusterCounters,
    hasher: std::hash::RandomState,
}

impl std::fmt::Debug for ClusterStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterStore")
            .field("namespace", &self.0.settings.namespace)
            .field("shard", &self.0.settings.shard)
            .finish_non_exhaustive()
    }
}

impl ClusterStore {
    /// Whether the cluster takes records, as of the last one.
    pub fn writable(&self) -> watch::Receiver<bool> {
        self.0.writable.subscribe()
    }

    /// Phones that other shards serve, as far as they were to be served here.
    pub fn foreign(&self) -> watch::Receiver<HashMap<DeviceId, String>> {
        self.0.foreign.subscribe()
    }

    /// What was counted since the start.
    pub fn stats(&self) -> ClusterStats {
        let ClusterCounters { writes, unchanged, conflicts, refused, failures } = &self.0.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ClusterStats {
            sent: count(writes),
            unchanged: count(unchanged),
            conflicts: count(conflicts),
            refused: count(refused),
            failures: count(failures),
        }
    }

    /// Whether nobody else can be the active process now.
    fn holds(&self) -> bool {
        self.0.settings.standing.as_ref().is_none_or(|standing| standing.borrow().holds(Instant::now()))
    }

    fn known(&self, device: &DeviceId) -> Option<Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).get(device).cloned()
    }

    fn know(&self, device: &DeviceId, known: Option<Known>) {
        let mut all = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(known) => drop(all.insert(device.clone(), known)),
            None => drop(all.remove(device)),
        }
    }

    /// The name of the release.
    pub fn shard(&self) -> &str {
        &self.0.settings.shard
    }

    /// Whether the record of this phone is here, so that nobody else serves it.
    pub fn keeps(&self, device: &DeviceId) -> bool {
        self.known(device).is_some_and(|known| known.ours)
    }

    fn hash(&self, content: &serde_json::Value) -> u64 {
        self.hash_text(&content.to_string())
    }

    fn hash_text(&self, content: &str) -> u64 {
        use std::hash::BuildHasher as _;
        self.0.hasher.hash_one(content)
    }
}
