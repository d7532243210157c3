//! The files of one revision of the repository that somebody works in, for `phoneops plan --rev`.

use std::{fs, path::Path};

use git2::Repository;

use super::{super::SourceError, tree::Folder, url::GitUrl};
use crate::spec::Snapshot;

/// Reads what a folder held in a revision of the repository around it: a branch, a tag, a commit, `HEAD~1`.
pub fn read_revision(folder: &Path, revision: &str) -> Result<Snapshot, SourceError> {
    let failed = |detail: String| SourceError::Revision { folder: folder.to_owned(), detail };
    let root = fs::canonicalize(folder).map_err(|error| failed(error.to_string()))?;
    let repository = Repository::discover(&root)
        .map_err(|error| failed(format!("it lies in no git repository, which --rev needs: {}", error.message())))?;
    let tree = repository.workdir().and_then(|tree| fs::canonicalize(tree).ok());
    let below = tree.as_deref().and_then(|tree| root.strip_prefix(tree).ok()).unwrap_or(Path::new(""));
    let below = below.to_str().ok_or_else(|| failed("its path is no text".to_owned()))?;
    let commit = repository.revparse_single(revision).and_then(|found| found.peel_to_commit()).map_err(|error| {
        failed(format!("the repository has no commit {revision:?}, see `git log`: {}", error.message()))
    })?;
    let url = GitUrl::parse(&root.display().to_string())?;
    Folder::parse(below)?.read(&repository, commit.id(), "refs/notes/commits", &url)
}
