//! Where the demo's team keeps what it wants: in a git repository, or in a namespace of a cluster. The story is one.

use std::path::Path;

use miette::IntoDiagnostic;

use super::{namespace::Namespace, repository::Repository, stage::Stage};
use crate::{
    fleet::{audit::By, gate::view::HeldView},
    source::SourceSettings,
};

/// The team's side.
pub(super) enum Team {
    /// Files that are committed and pushed.
    Git(Repository),
    /// Resources that are applied.
    Cluster(Box<Namespace>),
}

/// A change that is on its way to the service.
#[derive(Debug)]
pub(super) enum Change {
    /// A commit, by its short id.
    Commit(String),
    /// Resources: the path of each, and the generation that it has now.
    Resources(Vec<(String, i64)>),
}

/// A change, and what people typed for it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) change: Change,
    pub(super) typed: String,
}

impl Team {
    /// Writes a file, of which nothing is known elsewhere yet.
    pub(super) fn write(&mut self, path: &str, text: &str) -> miette::Result<()> {
        match self {
            Self::Git(repository) => repository.write(path, text).into_diagnostic(),
            Self::Cluster(namespace) => namespace.write(path, text),
        }
    }

    /// Hands over what was written since the last time.
    pub(super) async fn push(&mut self, message: &str) -> miette::Result<Told> {
        match self {
            Self::Git(repository) => {
                let commit = repository.push(message).into_diagnostic()?;
                Ok(Told { typed: format!("git push {commit}"), change: Change::Commit(commit) })
            }
            Self::Cluster(namespace) => namespace.push().await,
        }
    }

    /// Where the service finds it.
    pub(super) fn source(&self, folder: &Path) -> SourceSettings {
        match self {
            Self::Git(repository) => repository.source(&folder.join("state")),
            Self::Cluster(namespace) => namespace.source(),
        }
    }

    /// Whether the service has taken that change over.
    pub(super) fn has_arrived(&self, stage: &Stage, change: &Change) -> bool {
        let revision = stage.running.shared().with_fleet(|fleet, _| fleet.revision().cloned());
        let Some(revision) = revision else { return false };
        match (self, change) {
            (_, Change::Commit(commit)) => revision.as_str().starts_with(commit),
            (Self::Cluster(namespace), Change::Resources(all)) => namespace.has_arrived(&revision, all),
            (Self::Git(_), Change::Resources(_)) => false,
        }
    }

    /// A person lets go what waits at the gate: what was typed, and how many phones go on.
    pub(super) async fn approve(&self, stage: &Stage, held: &HeldView) -> miette::Result<(String, usize)> {
        match self {
            Self::Git(_) => {
                let by = By::new("demo", "looked at the plan").into_diagnostic()?;
                let approve = |fleet: &mut crate::fleet::Fleet, now| {
                    fleet.approve(&held.revision, Some(&held.digest), None, &by, now)
                };
                let approved = stage.running.shared().with_fleet(approve).into_diagnostic()?;
                let short: String = held.revision.chars().take(12).collect();
                Ok((format!("phoneops approve {short}"), approved.phones))
            }
            Self::Cluster(namespace) => namespace.approve(stage, &held.digest).await,
        }
    }

    /// The table of resources of that kind as people see it in a cluster, once `condition` holds for its rows; nothing
    /// where there is no cluster.
    pub(super) async fn show(
        &self,
        stage: &Stage,
        what: &super::table::Wanted<'_>,
        condition: impl Fn(&super::table::Table) -> bool,
    ) -> miette::Result<()> {
        match self {
            Self::Git(_) => Ok(()),
            Self::Cluster(namespace) => namespace.show(stage, what, condition).await,
        }
    }
}
