//! One state of a source, as files: what the loader reads.

use std::sync::Arc;

use super::{desired::Desired, revision::Revision, secret_ref::SecretRef};
use crate::wpi::Secret;

/// One entry of the source's tree.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path relative to the root, with `/`.
    pub path: Arc<str>,
    /// What is there.
    pub content: FileContent,
}

/// What stands at a path.
#[derive(Debug, Clone)]
pub enum FileContent {
    /// A regular file's bytes.
    Bytes(Arc<[u8]>),
    /// A symbolic link: an error.
    Link,
    /// A git submodule: an error.
    Submodule,
    /// A file above the size limit, with its size in bytes: an error.
    TooLarge(u64),
    /// A file that could not be read, with the reason: an error.
    Unreadable(String),
}

/// Who made a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Author as `Name <mail>`.
    pub author: String,
    /// Committer as `Name <mail>`.
    pub committer: String,
    /// First line of the message.
    pub subject: String,
    /// How many phones it says that it may change (`Phoneops-Approved: N phones`).
    pub approved_phones: Option<usize>,
}

/// All files of one revision, whole: only `*.yaml`, `*.yml` and `catalogue.csv` at the root.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its name.
    pub revision: Revision,
    /// Who made it, where the source knows.
    pub commit: Option<Commit>,
    /// Its files, sorted by path.
    pub files: Vec<SourceFile>,
}

/// Reads the content of secrets for the loader; implemented by an edge.
pub trait SecretReader: Send + Sync {
    /// The content, or what is wrong and what to do (which never quotes content). `desired` fills `{e164}` in keys.
    fn read(&self, reference: &SecretRef, desired: &Desired) -> Result<Secret, String>;
}

/// Reads no secret and misses none: for checks of documents on a machine that has no secrets.
#[derive(Debug, Clone, Copy)]
pub struct SecretsUnread;

impl SecretReader for SecretsUnread {
    fn read(&self, _: &SecretRef, _: &Desired) -> Result<Secret, String> {
        Ok(Secret::new(""))
    }
}

impl Snapshot {
    /// A snapshot of texts: (path, text) each.
    pub fn of_texts<'t>(revision: Revision, texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let file = |(path, text): (&str, &str)| SourceFile {
            path: Arc::from(path),
            content: FileContent::Bytes(Arc::from(text.as_bytes())),
        };
        let mut files: Vec<SourceFile> = texts.into_iter().map(file).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { revision, commit: None, files }
    }
}
