//! What the source tells: revisions to take over, and that it is away.

use std::sync::{Arc, PoisonError};

use super::shared::Shared;
use crate::{
    catalogue::Severity,
    source::{SecretsDir, Source, SourceEvent},
    spec::{self, Snapshot, Wanted},
    store::Store,
};

/// Most problems of one revision that are logged.
const LOGGED: usize = 20;

/// Follows the source until it ends.
pub(super) async fn run(shared: Arc<Shared>, mut source: Source, secrets: Arc<SecretsDir>, store: Store) {
    while let Some(event) = source.events.recv().await {
        match event {
            SourceEvent::Snapshot(snapshot) => {
                let revision = snapshot.revision.clone();
                take_over(&shared, snapshot, Arc::clone(&secrets)).await;
                if let Err(error) = store.save_revision(revision).await {
                    tracing::warn!(%error, "the revision could not be noted");
                }
            }
            SourceEvent::Away { category, problem, since } => {
                tracing::warn!(category, problem, "the source cannot be read; what is in force stays");
                shared.metrics.source_fetch(category);
                set_away(&shared, Some((problem, since)));
            }
            SourceEvent::Back => {
                tracing::info!("the source can be read again");
                set_away(&shared, None);
            }
        }
    }
}

fn set_away(shared: &Shared, away: Option<(String, jiff::Timestamp)>) {
    shared.source.lock().unwrap_or_else(PoisonError::into_inner).away = away;
}

/// Loads and takes over one revision off the threads that answer phones.
async fn take_over(shared: &Arc<Shared>, snapshot: Arc<Snapshot>, secrets: Arc<SecretsDir>) {
    let shared = Arc::clone(shared);
    let taken = tokio::task::spawn_blocking(move || {
        let wanted = Arc::new(spec::load(&snapshot, &*secrets));
        tell(&snapshot, &wanted);
        shared.metrics.source_fetch("taken");
        let count = |severity| wanted.problems().iter().filter(|problem| problem.severity == severity).count();
        {
            let mut source = shared.source.lock().unwrap_or_else(PoisonError::into_inner);
            source.taken = true;
            source.problems = (count(Severity::Error), count(Severity::Warning));
        }
        shared.with_fleet(|fleet, now| fleet.take_wanted(&wanted, now));
    });
    if taken.await.is_err() {
        tracing::error!("a revision could not be taken over; what is in force stays");
    }
}

fn tell(snapshot: &Snapshot, wanted: &Wanted) {
    let (author, subject) = snapshot.commit.as_ref().map_or(("", ""), |commit| (&commit.author, &commit.subject));
    let phones = wanted.devices().len();
    let problems = wanted.problems();
    let revision = snapshot.revision.short();
    tracing::info!(revision, author, subject, phones, problems = problems.len(), "revision taken over");
    for problem in problems.iter().take(LOGGED) {
        tracing::warn!(revision, "{problem}");
    }
    if problems.len() > LOGGED {
        tracing::warn!(revision, "{} more; `phoneops validate` lists all", problems.len() - LOGGED);
    }
}
