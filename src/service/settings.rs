//! What a service is started with.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;

use crate::{
    fleet, phone, report,
    source::SourceSettings,
    store::{self, kube::lease::Standing},
    wpi,
};

/// All settings of one service.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// Where desired comes from.
    pub source: SourceSettings,
    /// Where the content of secrets is.
    pub secrets: Option<PathBuf>,
    /// The keys that open encrypted files of secrets.
    pub age_identity: Option<PathBuf>,
    /// The key of fingerprints; that of the state folder, made when it is missing, if none is named.
    pub fingerprint_key: Option<PathBuf>,
    /// The state folder: store, self-made certificate, git mirror, API socket.
    pub state: PathBuf,
    /// How the store is opened.
    pub store: store::OpenOptions,
    /// What is kept in the cluster, where the documents are there.
    pub cluster: ClusterSettings,
    /// How long the history is kept.
    pub history: HistorySettings,
    /// The listener for phones.
    pub phone: phone::ListenerSettings,
    /// Contact-me requests.
    pub contact: phone::ContactSettings,
    /// The poll service, if there is one.
    pub dcmp: Option<phone::DcmpSettings>,
    /// The status server.
    pub status: StatusSettings,
    /// Where forges tell of pushes, if they do.
    pub webhook: Option<report::webhook::WebhookSettings>,
    /// The folder of recordings of single phones, if there may be any.
    pub wire_log: Option<PathBuf>,
    /// Lines that the log held back.
    pub log_held_back: Counter,
    /// To whom alerts are told.
    pub alerts: report::alerts::AlertSettings,
    /// To which forge is told how far commits are, if to one.
    pub commit_status: Option<report::commit_status::CommitStatusSettings>,
    /// The decisions.
    pub fleet: fleet::Settings,
    /// Bounds on phones' messages.
    pub xml: wpi::xml::Limits,
}

/// What a service keeps in a cluster, and as which one of several processes it runs.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// The name of the release: of its lease, its records, its key. Another one for each that serves phones of its own.
    pub shard: String,
    /// The pod, which is labelled while it is the active one, and whose namespace has what is kept; without one that is
    /// the first namespace that is served.
    pub pod: Option<String>,
    /// How the holder of the lease stands; `None` = there is one process by other means.
    pub standing: Option<watch::Receiver<Standing>>,
    /// When whoever had the lease before was there last.
    pub last_alive: Option<Timestamp>,
    /// How often a cluster that takes no records is tried again.
    pub retry: Duration,
    /// How often it is looked whether a phone that another shard serves is free.
    pub look_again: Duration,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            shard: "phoneops".to_owned(),
            pod: None,
            standing: None,
            last_alive: None,
            retry: Duration::from_secs(1),
            look_again: Duration::from_mins(1),
        }
    }
}

/// The status server of one service.
#[derive(Debug, Clone)]
pub struct StatusSettings {
    /// Where it listens; off loopback everything but health needs a token.
    pub listen: SocketAddr,
    /// Host names it answers to, beside loopback and its own address.
    pub hosts: Vec<String>,
    /// The file of tokens.
    pub tokens: Option<PathBuf>,
    /// Where metrics are served to whoever asks, if they are.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether each phone has metrics of its own.
    pub phone_metrics: bool,
}

/// How long the history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySettings {
    /// Days that a change is kept; 0 = no history.
    pub days: u32,
    /// Days that a change of an item is kept that belongs to the user of the phone; 0 = none of those.
    pub user_days: u32,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self { days: 400, user_days: 30 }
    }
}
