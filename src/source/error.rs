//! What can go wrong with a source. Every message says what failed on what, and what to do.

use std::path::PathBuf;

/// Why a source cannot be read. URLs in it are masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The settings make no sense.
    #[error("source settings: {0}")]
    Settings(String),
    /// No connection, or one that broke.
    #[error("cannot reach {url}: {detail}; check the address, the network and the proxy")]
    Unreachable {
        /// The URL, masked.
        url: String,
        /// What git says.
        detail: String,
    },
    /// The remote accepts and then says nothing.
    #[error("{url} did not answer in time: {detail}; it is tried again")]
    Silent {
        /// The URL, masked.
        url: String,
        /// What git says.
        detail: String,
    },
    /// The remote refuses what we show it.
    #[error("{url} refuses access: {detail}; {remedy}")]
    Denied {
        /// The URL, masked.
        url: String,
        /// What git says.
        detail: String,
        /// What to do.
        remedy: String,
    },
    /// The ssh host key is unknown, or not the one it was.
    #[error("{0}")]
    HostKey(String),
    /// The TLS certificate is not trusted.
    #[error("the certificate of {url} is not trusted: {detail}; give the authority's certificate by --git-ca")]
    Certificate {
        /// The URL, masked.
        url: String,
        /// What git says.
        detail: String,
    },
    /// Nothing at that URL is a repository.
    #[error("no git repository at {url}: {detail}; check --git and, where access needs one, the token")]
    Repository {
        /// The URL, masked.
        url: String,
        /// What git says.
        detail: String,
    },
    /// The repository has no such branch.
    #[error("{url} has no branch {branch:?}{others}; push it, or choose another by --branch")]
    Branch {
        /// The URL, masked.
        url: String,
        /// The branch.
        branch: String,
        /// Some that exist, as ` (it has …)`.
        others: String,
    },
    /// The revision has no such folder.
    #[error("revision {revision} of {url} has no folder {path:?}; check --path")]
    Path {
        /// The URL, masked.
        url: String,
        /// Twelve digits of the commit.
        revision: String,
        /// The folder.
        path: String,
    },
    /// More than is taken over from one revision.
    #[error("{place}: {detail}; keep phone documents in a folder of their own and name it by --path")]
    Limit {
        /// The revision or folder.
        place: String,
        /// Which bound.
        detail: String,
    },
    /// The token or key file cannot be used.
    #[error("cannot use {file}: {detail}; check --git-token-file and --git-ssh-key")]
    Credential {
        /// The file.
        file: PathBuf,
        /// Why.
        detail: String,
    },
    /// The mirror in the state folder is broken.
    #[error("the git mirror {folder}: {detail}; it is only a copy: remove the folder and it is fetched anew")]
    Mirror {
        /// The folder.
        folder: PathBuf,
        /// Why.
        detail: String,
    },
    /// The folder of `--dir` cannot be read.
    #[error("cannot read the folder {folder}: {detail}; check --dir and the rights on it")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        detail: String,
    },
    /// A revision of the repository around a folder cannot be read.
    #[error("cannot read a revision of {folder}: {detail}")]
    Revision {
        /// The folder.
        folder: PathBuf,
        /// Why, and what to do.
        detail: String,
    },
    /// The source is being stopped.
    #[error("the source is being stopped")]
    Stopped,
}

impl SourceError {
    /// A stable word for metrics and conditions.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Settings(_) => "settings",
            Self::Unreachable { .. } => "unreachable",
            Self::Silent { .. } => "silent",
            Self::Denied { .. } => "denied",
            Self::HostKey(_) => "host-key",
            Self::Certificate { .. } => "certificate",
            Self::Repository { .. } => "repository",
            Self::Branch { .. } => "branch",
            Self::Path { .. } => "path",
            Self::Limit { .. } => "limit",
            Self::Credential { .. } => "credential",
            Self::Mirror { .. } => "mirror",
            Self::Folder { .. } => "folder",
            Self::Revision { .. } => "revision",
            Self::Stopped => "stopped",
        }
    }
}
