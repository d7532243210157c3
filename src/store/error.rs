//! Why a store does not open, and why a write did not reach it.

use std::{io, path::PathBuf, sync::Arc};

/// Why a store does not open. Nothing was changed or deleted; the caller ends with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state folder cannot be made, entered or written.
    #[error("state folder {}: {source}; it has to be a folder that phoneops may write to", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the state folder.
    #[error("state folder {} is in use by another phoneops{}; stop that one, or name another folder with --state",
        folder.display(), process.map(|id| format!(" (process {id})")).unwrap_or_default())]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The process, where it could be read.
        process: Option<u32>,
    },
    /// The file is damaged, or no database at all.
    #[error("store {}: {detail}; restore a copy of the file, or start once with --rebuild-store, which puts it \
        aside and begins anew (phones are read again, nothing is written twice)", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer phoneops wrote the file.
    #[error("store {} has schema {found}, this phoneops knows up to {known}; run the newer phoneops, restore an \
        older copy of the file, or start once with --rebuild-store, which puts it aside", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// The file is a database of another program.
    #[error("store {} is a database, but not one of phoneops; name another folder with --state, or start once with \
        --rebuild-store, which puts it aside", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// The file is sound, but cannot be opened or written now.
    #[error("store {} cannot be written: {detail}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What `SQLite` or the system said.
        detail: String,
    },
}

impl StoreError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "folder",
            Self::InUse { .. } => "in-use",
            Self::Corrupt { .. } => "corrupt",
            Self::Newer { .. } => "newer",
            Self::Foreign { .. } => "foreign",
            Self::Unusable { .. } => "unusable",
        }
    }

    /// Whether putting the file aside would help.
    pub(super) fn is_of_the_content(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Newer { .. } | Self::Foreign { .. })
    }
}

/// A write that did not reach the file: the store is away (Pending reason `StoreAway`), or was closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be written: {0}")]
pub struct StoreAway(pub(super) Arc<str>);

impl StoreAway {
    pub(super) fn closed() -> Self {
        Self(Arc::from("it was closed"))
    }

    /// What is wrong, for people.
    pub fn reason(&self) -> &str {
        &self.0
    }

    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        "store-away"
    }
}
