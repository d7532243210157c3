//! Where desired comes from: a git branch or a folder, as whole revisions; and the secrets that documents refer to.
//!
//! - [`run`]: the thread that looks, waits and tells; the [`Trigger`] that makes it look at once
//! - [`pace`]: when it looks again: jittered interval, full-jitter backoff
//! - [`git`]: a branch, mirrored; its tree read from the object database
//! - [`dir`]: a folder, watched
//! - [`kube`]: a namespace of a Kubernetes cluster, watched
//! - [`collect`]: which files count, and the bounds on them
//! - `content`: the name of a revision that no commit names
//! - [`secrets`]: content of secrets, for the loader
//! - [`error`]: what can go wrong, and what to do
//!
//! A source tells of whole revisions only, and only when the revision changed. While it cannot be read, the last
//! revision told stays true: [`SourceEvent::Away`] says why, [`SourceEvent::Back`] says that it is over.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::spec::Snapshot;

pub mod collect;
mod content;
pub mod dir;
pub mod error;
pub mod git;
pub mod kube;
pub mod pace;
pub mod run;
pub mod secrets;

pub use dir::DirSettings;
pub use error::SourceError;
pub use git::GitSettings;
pub use kube::KubeSettings;
pub use run::Trigger;
pub use secrets::{Identities, IdentityError, SecretsDir, SecretsWatch};

/// How many events wait for a slow reader; then the source itself waits.
pub const EVENT_QUEUE: usize = 4;

/// Which source, and how it is read.
#[derive(Debug, Clone)]
pub enum SourceSettings {
    /// A branch of a git repository.
    Git(GitSettings),
    /// A folder on this machine.
    Dir(DirSettings),
    /// A namespace of a Kubernetes cluster.
    Kube(Box<KubeSettings>),
}

impl SourceSettings {
    /// The same source, of which nothing from before the start is told.
    #[must_use]
    pub fn from_its_origin(self) -> Self {
        match self {
            Self::Git(settings) => Self::Git(GitSettings { trusts_mirror: false, ..settings }),
            other @ (Self::Dir(_) | Self::Kube(_)) => other,
        }
    }
}

/// What a source tells.
#[derive(Debug, Clone)]
pub enum SourceEvent {
    /// A revision that differs from the last one told.
    Snapshot(Arc<Snapshot>),
    /// The source cannot be read; told once, and again only when the category changes.
    Away {
        /// [`SourceError::category`].
        category: &'static str,
        /// What failed on what, and what to do; free of credentials.
        problem: String,
        /// Since when; stays the same until [`SourceEvent::Back`].
        since: Timestamp,
    },
    /// The content of secrets may be another one; the revision is the same.
    Secrets,
    /// The source can be read again; a snapshot follows only if the revision changed.
    Back,
}

/// A source at work. It stops when this is dropped, without waiting: a look under way ends by its own time-outs.
/// Keep it whole: a part of it that is not public does the stopping.
#[derive(Debug)]
pub struct Source {
    /// Its events; ends (`None`) once the source has stopped.
    pub events: mpsc::Receiver<SourceEvent>,
    /// Makes it look at once; may be cloned and given away, it does not keep the source alive.
    pub trigger: Trigger,
    _stop: run::StopOnDrop,
}

/// Starts a source on a thread of its own.
///
/// # Errors
/// What can be seen without the network: a URL or path that makes no sense, an unreadable certificate file, a mirror
/// or folder that cannot be opened. A remote that is away is no error here but [`SourceEvent::Away`].
pub fn start(settings: SourceSettings) -> Result<Source, SourceError> {
    match settings {
        SourceSettings::Git(settings) => {
            let pace = pace::Pace::new(settings.interval, settings.jitter_seed);
            run::spawn("source-git", pace, |switch| git::GitReader::open(settings, switch))
        }
        SourceSettings::Dir(settings) => {
            let pace = pace::Pace::new(settings.rescan, settings.jitter_seed);
            run::spawn("source-dir", pace, |switch| dir::DirReader::open(settings, switch))
        }
        SourceSettings::Kube(settings) => Ok(kube::start(*settings)),
    }
}
