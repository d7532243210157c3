//! The files of one commit, out of the object database.

use std::sync::Arc;

use git2::{ObjectType, Oid, Repository, Signature, Tree};

use super::{super::SourceError, approval, url::GitUrl};
use crate::{
    source::collect::{Collector, MAX_FILE_BYTES, is_hidden, is_wanted, join},
    spec::{Commit, FileContent, Revision, Snapshot},
};

/// Mode of a link in a tree.
const LINK: i32 = 0o120_000;
/// Longest target of a link that is followed to see whether it is a folder, in bytes.
const TARGET_LIMIT: usize = 4096;

/// A folder inside a repository; without parts it is the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    parts: Vec<String>,
}

/// Why reading stopped: a bound of ours, or git.
enum Stop {
    Bound(String),
    Git(git2::Error),
}

impl From<git2::Error> for Stop {
    fn from(error: git2::Error) -> Self {
        Self::Git(error)
    }
}

impl From<String> for Stop {
    fn from(bound: String) -> Self {
        Self::Bound(bound)
    }
}

impl Folder {
    /// Reads the path of a folder; `.` and nothing are the whole.
    pub(super) fn parse(path: &str) -> Result<Self, SourceError> {
        let parts: Vec<_> =
            path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        if parts.iter().any(|part| part == "..") {
            return Err(SourceError::Settings(format!("--path: {path:?} must stay inside the repository")));
        }
        Ok(Self { parts })
    }

    /// All wanted files of a commit, whole.
    pub(super) fn read(
        &self,
        repository: &Repository,
        id: Oid,
        notes: &str,
        url: &GitUrl,
    ) -> Result<Snapshot, SourceError> {
        let short = id.to_string().chars().take(12).collect::<String>();
        let place = || format!("revision {short} of {url}");
        let broken = |error: &git2::Error| SourceError::Mirror {
            folder: repository.path().to_owned(),
            detail: format!("{} cannot be read: {}", place(), error.message()),
        };
        let commit = repository.find_commit(id).map_err(|error| broken(&error))?;
        let root = commit.tree().map_err(|error| broken(&error))?;
        let folder = self.find(repository, &root).map_err(|error| broken(&error))?.ok_or_else(|| {
            SourceError::Path { url: url.to_string(), revision: short.clone(), path: self.parts.join("/") }
        })?;
        let mut walk = Walk { repository, root: &root, base: &self.parts, files: Collector::default() };
        walk.folder(&folder, "", 0).map_err(|stop| match stop {
            Stop::Bound(detail) => SourceError::Limit { place: place(), detail },
            Stop::Git(error) => broken(&error),
        })?;
        Ok(Snapshot {
            revision: Revision::new(&id.to_string()),
            commit: Some(Commit {
                author: person(&commit.author()),
                committer: person(&commit.committer()),
                subject: String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()).into_owned(),
                approved_phones: approval::of(repository, &commit, notes),
            }),
            files: walk.files.finish(),
        })
    }

    fn find<'r>(&self, repository: &'r Repository, root: &Tree<'r>) -> Result<Option<Tree<'r>>, git2::Error> {
        let mut folder = root.clone();
        for part in &self.parts {
            let Some(id) = folder.get_name(part).filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|e| e.id())
            else {
                return Ok(None);
            };
            folder = repository.find_tree(id)?;
        }
        Ok(Some(folder))
    }
}

struct Walk<'r> {
    repository: &'r Repository,
    root: &'r Tree<'r>,
    base: &'r [String],
    files: Collector,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Tree<'_>, path: &str, depth: usize) -> Result<(), Stop> {
        for entry in folder {
            self.files.visit(depth)?;
            let name = String::from_utf8_lossy(entry.name_bytes());
            if is_hidden(&name) {
                continue;
            }
            let here = join(path, &name);
            let wanted = is_wanted(&name, depth == 0);
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let tree = self.repository.find_tree(entry.id())?;
                    self.folder(&tree, &here, depth + 1)?;
                }
                Some(ObjectType::Commit) => self.files.add(&here, FileContent::Submodule)?,
                Some(ObjectType::Blob) if entry.filemode() == LINK => {
                    let reported = wanted || self.links_to_folder(entry.id(), path);
                    reported.then(|| self.files.add(&here, FileContent::Link)).transpose()?;
                }
                Some(ObjectType::Blob) if wanted && std::str::from_utf8(entry.name_bytes()).is_err() => {
                    self.files.add(&here, FileContent::Unreadable("its name is not UTF-8; rename it".to_owned()))?;
                }
                Some(ObjectType::Blob) if wanted => {
                    let content = self.blob(entry.id())?;
                    self.files.add(&here, content)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn blob(&self, id: Oid) -> Result<FileContent, git2::Error> {
        let (size, _) = self.repository.odb()?.read_header(id)?;
        let size = size as u64;
        if size > MAX_FILE_BYTES {
            return Ok(FileContent::TooLarge(size));
        }
        Ok(FileContent::Bytes(Arc::from(self.repository.find_blob(id)?.content())))
    }

    /// Whether a link stands for a folder of the repository: its documents would be missing without a word.
    fn links_to_folder(&self, id: Oid, folder: &str) -> bool {
        let Ok(blob) = self.repository.find_blob(id) else { return false };
        let Ok(target) = std::str::from_utf8(blob.content()) else { return false };
        if target.len() > TARGET_LIMIT || target.starts_with('/') {
            return false;
        }
        let mut parts: Vec<&str> = self.base.iter().map(String::as_str).collect();
        for part in folder.split('/').chain(target.split('/')) {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        return false;
                    }
                }
                name => parts.push(name),
            }
        }
        let entry = self.root.get_path(parts.join("/").as_ref());
        parts.is_empty() || entry.is_ok_and(|entry| entry.kind() == Some(ObjectType::Tree))
    }
}

fn person(signature: &Signature<'_>) -> String {
    let name = String::from_utf8_lossy(signature.name_bytes());
    let mail = String::from_utf8_lossy(signature.email_bytes());
    format!("{name} <{mail}>")
}
