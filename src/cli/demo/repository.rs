//! A bare repository and a clone that pushes to it, as a team has them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use git2::{IndexAddOption, RepositoryInitOptions, Signature};

use crate::source::{GitSettings, SourceSettings};

/// The team's side of git.
pub(super) struct Repository {
    bare: PathBuf,
    clone: git2::Repository,
    folder: PathBuf,
}

/// Why the team's side failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TeamError {
    /// git.
    #[error("the demo's git repository: {0}")]
    Git(#[from] git2::Error),
    /// A file.
    #[error("{}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Repository {
    /// Makes both repositories.
    pub(super) fn new(bare: &Path, clone: &Path) -> Result<Self, TeamError> {
        let mut options = RepositoryInitOptions::new();
        options.initial_head("main");
        git2::Repository::init_opts(bare, options.bare(true))?;
        let mut options = RepositoryInitOptions::new();
        let repository = git2::Repository::init_opts(clone, options.initial_head("main"))?;
        repository.remote("origin", &bare.to_string_lossy())?;
        let mut config = repository.config()?;
        config.set_str("branch.main.remote", "origin")?;
        config.set_str("branch.main.merge", "refs/heads/main")?;
        config.set_str("user.name", "Ada Admin")?;
        config.set_str("user.email", "ada@example.org")?;
        Ok(Self { bare: bare.to_owned(), clone: repository, folder: clone.to_owned() })
    }

    /// Where the service finds it; its mirror is in the state folder.
    pub(super) fn source(&self, state: &Path) -> SourceSettings {
        let git = GitSettings::new(self.bare.to_string_lossy().into_owned(), state.join("mirror.git"));
        SourceSettings::Git(GitSettings { interval: Duration::from_millis(500), ..git })
    }

    /// Where people edit.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file of the clone.
    pub(super) fn write(&self, path: &str, text: &str) -> Result<(), TeamError> {
        let file = self.folder.join(path);
        let wrong = |source| TeamError::File { file: file.clone(), source };
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        fs::write(&file, text).map_err(wrong)
    }

    /// Commits everything and pushes it; the short commit id.
    pub(super) fn push(&self, message: &str) -> Result<String, TeamError> {
        let mut index = self.clone.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.write()?;
        let tree = self.clone.find_tree(index.write_tree()?)?;
        let author = Signature::now("Ada Admin", "ada@example.org")?;
        let parent = self.clone.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        let commit = self.clone.commit(Some("HEAD"), &author, &author, message, &tree, &parents)?;
        self.clone.find_remote("origin")?.push(&["refs/heads/main:refs/heads/main"], None)?;
        Ok(commit.to_string().chars().take(12).collect())
    }
}
