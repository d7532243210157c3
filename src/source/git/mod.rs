//! A git branch as a source: fetched into a bare mirror, its tree read from the object database, never checked out.
//!
//! - [`url`]: which URLs are spoken, and their masks
//! - [`options`]: time-outs and certificate authority, once for the process
//! - [`credentials`]: token, ssh key, agent
//! - [`hostkey`]: known hosts
//! - [`local`]: a revision of the repository somebody works in
//! - [`mirror`]: the bare mirror and the fetch into it
//! - [`tree`]: one commit's files
//! - [`approval`]: what a commit says of how many phones it may change
//! - [`problem`]: git's errors in this crate's words
//!
//! Guarantees: a force-pushed branch is followed; a revision is told only after all of it was read; the last revision
//! that could be read stays marked in the mirror, so that a start without the remote begins with it.

use std::{fs, path::PathBuf, time::Duration};

pub use self::local::read_revision;
use self::{mirror::Mirror, options::ProcessOptions, tree::Folder, url::GitUrl};
use super::{
    SourceError,
    run::{Reader, Switch},
};
use crate::spec::{Revision, Snapshot};

mod approval;
mod credentials;
mod hostkey;
mod local;
mod mirror;
mod options;
mod problem;
mod tree;
mod url;

/// Which branch, how it is reached, and where its mirror is kept.
#[derive(Clone)]
pub struct GitSettings {
    /// `https://`, `http://`, `ssh://`, `user@host:path`, `file://` or a path.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// The folder of the documents inside the repository; `.` or nothing for the whole.
    pub path: String,
    /// How often the branch is looked at (±10 %).
    pub interval: Duration,
    /// A file with a token for https; read at each fetch.
    pub token_file: Option<PathBuf>,
    /// A private ssh key without a passphrase; else the agent is asked.
    pub ssh_key: Option<PathBuf>,
    /// The known hosts of ssh; else those of the user.
    pub known_hosts: Option<PathBuf>,
    /// Certificate authorities beside those of the system, as PEM. One for the process.
    pub ca_file: Option<PathBuf>,
    /// The bare mirror's folder; made when it is not there.
    pub mirror: PathBuf,
    /// Whether the last good revision of the mirror is told before the remote is looked at.
    pub trusts_mirror: bool,
    /// Longest wait for a connection. One for the process.
    pub connect_timeout: Duration,
    /// Longest silence of the remote. One for the process.
    pub silence_timeout: Duration,
    /// Makes the jitter the same in each run.
    pub jitter_seed: Option<u64>,
}

impl GitSettings {
    /// The branch `main` of that repository, looked at every 30 s; 10 s to connect, 60 s of silence.
    pub fn new(url: impl Into<String>, mirror: impl Into<PathBuf>) -> Self {
        Self {
            url: url.into(),
            branch: "main".to_owned(),
            path: ".".to_owned(),
            interval: Duration::from_secs(30),
            token_file: None,
            ssh_key: None,
            known_hosts: None,
            ca_file: None,
            mirror: mirror.into(),
            trusts_mirror: true,
            connect_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_mins(1),
            jitter_seed: None,
        }
    }

    /// The URL as people may see it.
    pub fn shown_url(&self) -> String {
        GitUrl::parse(&self.url).map_or_else(|_| "***".to_owned(), |url| url.to_string())
    }
}

impl std::fmt::Debug for GitSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitSettings")
            .field("url", &self.shown_url())
            .field("branch", &self.branch)
            .field("path", &self.path)
            .field("mirror", &self.mirror)
            .finish_non_exhaustive()
    }
}

/// Reads a branch.
pub(super) struct GitReader {
    url: GitUrl,
    folder: Folder,
    mirror: Mirror,
    trusts_mirror: bool,
    /// What the note of the last commit said that was told.
    note: Option<usize>,
}

impl GitReader {
    /// Checks the settings and opens or makes the mirror; touches no network.
    pub(super) fn open(settings: GitSettings, switch: Switch) -> Result<Self, SourceError> {
        let url = GitUrl::parse(&settings.url)?;
        let folder = Folder::parse(&settings.path)?;
        if let Some(file) = &settings.ca_file {
            fs::File::open(file)
                .map_err(|error| SourceError::Settings(format!("--git-ca {}: {error}", file.display())))?;
        }
        options::set_once(&ProcessOptions {
            connect_timeout: settings.connect_timeout,
            silence_timeout: settings.silence_timeout,
            ca_file: settings.ca_file.clone(),
        })?;
        let trusts_mirror = settings.trusts_mirror;
        let mirror = Mirror::open(settings, url.clone(), switch.stop)?;
        Ok(Self { url, folder, mirror, trusts_mirror, note: None })
    }
}

impl Reader for GitReader {
    fn remembered(&mut self) -> Option<Snapshot> {
        let commit = self.mirror.last_good().filter(|_| self.trusts_mirror)?;
        self.note = self.mirror.note(commit);
        self.folder
            .read(self.mirror.repository(), commit, self.mirror.notes(), &self.url)
            .inspect_err(|error| tracing::warn!("git: the last good revision cannot be read from the mirror: {error}"))
            .ok()
    }

    fn look(&mut self, known: Option<&Revision>) -> Result<Option<Snapshot>, SourceError> {
        let commit = self.mirror.fetch()?;
        let note = self.mirror.note(commit);
        if known.is_some_and(|known| known.as_str() == commit.to_string()) && note == self.note {
            self.mirror.mark_good(commit)?;
            return Ok(None);
        }
        let snapshot = self.folder.read(self.mirror.repository(), commit, self.mirror.notes(), &self.url)?;
        self.note = note;
        self.mirror.mark_good(commit)?;
        Ok(Some(snapshot))
    }
}
