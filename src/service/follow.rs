//! What the source tells: revisions to take over, and that it is away.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::shared::Shared;
use crate::{
    catalogue::Severity,
    source::{SecretsDir, Source, SourceEvent},
    spec::{self, Snapshot, Wanted},
    store::Store,
};

/// Most problems of one revision that are logged.
const LOGGED: usize = 20;

/// How often secrets that were missing are looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Most phones that are taken over while the fleet is held: phones are answered in between.
const PORTION: usize = 200;

/// Follows the source until it ends.
pub(super) async fn run(shared: Arc<Shared>, mut source: Source, secrets: Arc<SecretsDir>, store: Store) {
    let mut incomplete: Option<Loaded> = None;
    loop {
        let look_again = async {
            match &incomplete {
                Some(_) => tokio::time::sleep(LOOK_AGAIN).await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            event = source.events.recv() => event,
            () = look_again => {
                let Some(Loaded { snapshot, wanted }) = incomplete.take() else { continue };
                incomplete = take_over(&shared, snapshot, Some(wanted), Arc::clone(&secrets)).await;
                continue;
            }
        };
        match event {
            Some(SourceEvent::Snapshot(snapshot)) => {
                let revision = snapshot.revision.clone();
                incomplete = take_over(&shared, snapshot, None, Arc::clone(&secrets)).await;
                if let Err(error) = store.save_revision(revision).await {
                    tracing::warn!(%error, "the revision could not be noted");
                }
            }
            Some(SourceEvent::Away { category, problem, since }) => {
                tracing::warn!(category, problem, "the source cannot be read; what is in force stays");
                shared.metrics.source_fetch(category);
                set_away(&shared, Some((problem, since)));
            }
            Some(SourceEvent::Back) => {
                tracing::info!("the source can be read again");
                set_away(&shared, None);
            }
            None => return,
        }
    }
}

/// A revision as it was loaded.
struct Loaded {
    snapshot: Arc<Snapshot>,
    wanted: Arc<Wanted>,
}

fn set_away(shared: &Shared, away: Option<(String, jiff::Timestamp)>) {
    shared.source.lock().unwrap_or_else(PoisonError::into_inner).away = away;
}

/// Loads and takes over one revision off the threads that answer phones; `before` = the same revision as it was loaded
/// when a secret was missing: it is taken over again only if something is different now. Gives it back if a secret is
/// missing (still).
async fn take_over(
    shared: &Arc<Shared>,
    snapshot: Arc<Snapshot>,
    before: Option<Arc<Wanted>>,
    secrets: Arc<SecretsDir>,
) -> Option<Loaded> {
    let shared = Arc::clone(shared);
    let taken = tokio::task::spawn_blocking(move || {
        let wanted = Arc::new(spec::load(&snapshot, &*secrets));
        let missing = wanted.problems().iter().any(|problem| problem.code == spec::code::MISSING_SECRET);
        if let Some(before) = before.filter(|before| before.problems() == wanted.problems()) {
            return Some(Loaded { snapshot, wanted: before });
        }
        tell(&snapshot, &wanted);
        shared.metrics.source_fetch("taken");
        let phones = shared.with_fleet(|fleet, now| fleet.announce(&wanted, now));
        let mut phones = phones.into_iter();
        loop {
            let portion: Vec<_> = phones.by_ref().take(PORTION).map(|phone| phone.resolve(&wanted)).collect();
            if portion.is_empty() {
                break;
            }
            shared.with_fleet(|fleet, now| fleet.apply(portion, now));
        }
        let count = |severity| wanted.problems().iter().filter(|problem| problem.severity == severity).count();
        let mut source = shared.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.taken = true;
        source.problems = (count(Severity::Error), count(Severity::Warning));
        drop(source);
        missing.then_some(Loaded { snapshot, wanted })
    });
    taken.await.unwrap_or_else(|_| {
        tracing::error!("a revision could not be taken over; what is in force stays");
        None
    })
}

fn tell(snapshot: &Snapshot, wanted: &Wanted) {
    let (author, subject) = snapshot.commit.as_ref().map_or(("", ""), |commit| (&commit.author, &commit.subject));
    let phones = wanted.devices().len();
    let problems = wanted.problems();
    let revision = snapshot.revision.short();
    tracing::info!(revision, author, subject, phones, problems = problems.len(), "revision taken over");
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.severity == Severity::Error);
    for problem in errors.iter().take(LOGGED) {
        tracing::error!(revision, "{problem}");
    }
    for problem in warnings.iter().take(LOGGED.saturating_sub(errors.len())) {
        tracing::warn!(revision, "{problem}");
    }
    for problem in wanted.expired(jiff::Timestamp::now()).take(LOGGED) {
        tracing::warn!(revision, "{problem}");
    }
    if problems.len() > LOGGED {
        tracing::warn!(revision, "{} more; `phoneops validate` lists all", problems.len() - LOGGED);
    }
}
