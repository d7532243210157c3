//! What the source tells: revisions to take over, and that it is away.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::shared::Shared;
use crate::{
    catalogue::Severity,
    fleet::takeover::Takeover,
    source::{SecretsDir, SecretsWatch, Source, SourceEvent},
    spec::{self, Snapshot, Wanted},
    store::Store,
};

/// Most problems of one revision that are logged.
const LOGGED: usize = 20;

/// How often secrets are looked at without cause, and when one is missing.
const RESCAN: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(30)];

/// How long changed secrets have to rest, so that no half of a file is taken for a password.
const REST: Duration = Duration::from_millis(300);

/// How often changed secrets are looked at until they rest; then it is left to the next look.
const LOOKS: usize = 20;

/// Most phones that are taken over while the fleet is held: phones are answered in between.
const PORTION: usize = 200;

/// Follows the source until it ends, and the secrets that its newest revision refers to.
pub(super) async fn run(shared: Arc<Shared>, mut source: Source, secrets: Arc<SecretsDir>, store: Store) {
    let mut loaded: Option<Loaded> = None;
    let mut watch = SecretsWatch::new(secrets.dir());
    loop {
        let [settled, missing] = RESCAN;
        let rescan = loaded.as_ref().map(|loaded| if loaded.is_missing_secrets() { missing } else { settled });
        let look = async {
            match rescan {
                Some(rescan) => watch.due(rescan).await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            event = source.events.recv() => event,
            () = look => {
                watch.looked();
                if let Some(snapshot) = changed_secrets(loaded.as_ref(), &secrets).await {
                    tracing::info!("secrets have changed; the phones that use them are looked at");
                    shared.metrics.source_fetch("secrets");
                    loaded = take_over(&shared, snapshot, Arc::clone(&secrets)).await;
                }
                continue;
            }
        };
        match event {
            Some(SourceEvent::Snapshot(snapshot)) => {
                let (revision, commit) = (snapshot.revision.clone(), snapshot.commit.clone());
                secrets.begin_look();
                loaded = take_over(&shared, snapshot, Arc::clone(&secrets)).await;
                if let Err(error) = store.save_revision(revision, commit).await {
                    tracing::warn!(%error, "the revision could not be noted");
                }
            }
            Some(SourceEvent::Away { category, problem, since }) => {
                tracing::warn!(category, problem, "the source cannot be read; what is in force stays");
                shared.metrics.source_fetch(category);
                set_away(&shared, Some((problem, since)));
            }
            Some(SourceEvent::Secrets) => {
                if let Some(snapshot) = changed_secrets(loaded.as_ref(), &secrets).await {
                    tracing::info!("secrets have changed; the phones that use them are looked at");
                    loaded = take_over(&shared, snapshot, Arc::clone(&secrets)).await;
                }
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

impl Loaded {
    fn is_missing_secrets(&self) -> bool {
        self.wanted.problems().iter().any(|problem| problem.code == spec::code::MISSING_SECRET)
    }
}

/// The files of the newest revision, if the content of a secret it refers to is another now, and rests.
async fn changed_secrets(loaded: Option<&Loaded>, secrets: &Arc<SecretsDir>) -> Option<Arc<Snapshot>> {
    let Loaded { snapshot, wanted } = loaded?;
    let look = || {
        let (wanted, secrets) = (Arc::clone(wanted), Arc::clone(secrets));
        let look = tokio::task::spawn_blocking(move || {
            secrets.begin_look();
            wanted.changed_secrets(|reference| secrets.content(reference))
        });
        async { look.await.unwrap_or_default() }
    };
    let mut changed = look().await;
    for _ in 0..LOOKS {
        if changed.is_empty() {
            return None;
        }
        tokio::time::sleep(REST).await;
        let again = look().await;
        if again == changed {
            return Some(Arc::clone(snapshot));
        }
        changed = again;
    }
    None
}

fn set_away(shared: &Shared, away: Option<(String, jiff::Timestamp)>) {
    shared.source.lock().unwrap_or_else(PoisonError::into_inner).away = away;
}

/// What a revision would change, planned in portions; nothing is in force by it.
pub(super) fn planned(shared: &Arc<Shared>, wanted: &Arc<Wanted>) -> Takeover {
    let mut takeover = shared.with_fleet(|fleet, now| fleet.consider(wanted, now));
    loop {
        let resolved = takeover.resolve_some(PORTION);
        if resolved.is_empty() {
            return takeover;
        }
        shared.with_fleet(|fleet, _| fleet.plan(&mut takeover, resolved));
    }
}

/// Loads and takes over one revision off the threads that answer phones.
async fn take_over(shared: &Arc<Shared>, snapshot: Arc<Snapshot>, secrets: Arc<SecretsDir>) -> Option<Loaded> {
    let shared = Arc::clone(shared);
    let taken = tokio::task::spawn_blocking(move || {
        let known = shared.with_fleet(|fleet, _| fleet.known());
        let wanted = Arc::new(spec::load_knowing(&snapshot, &*secrets, &known));
        tell(&snapshot, &wanted);
        shared.metrics.source_fetch("taken");
        let takeover = planned(&shared, &wanted);
        let mut phones = shared.with_fleet(|fleet, now| fleet.announce(takeover, now)).into_iter();
        loop {
            let portion: Vec<_> = phones.by_ref().take(PORTION).collect();
            if portion.is_empty() {
                break;
            }
            shared.with_fleet(|fleet, now| fleet.apply(portion, now));
        }
        if let Some(held) = shared.with_fleet(|fleet, _| fleet.gate_view()).held {
            let causes = held.causes.join("; ");
            tracing::warn!(
                revision = held.revision,
                phones = held.phones,
                causes,
                "held at the gate until somebody approves it"
            );
        }
        let count = |severity| wanted.problems().iter().filter(|problem| problem.severity == severity).count();
        let mut source = shared.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.taken = true;
        source.taken_at = Some(jiff::Timestamp::now());
        source.problems = (count(Severity::Error), count(Severity::Warning));
        drop(source);
        Some(Loaded { snapshot, wanted })
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
    if !wanted.has_sites() && phones > 0 {
        tracing::warn!(revision, "no PhoneSite is declared: passwords go to phones on private addresses only");
    }
    if problems.len() > LOGGED {
        tracing::warn!(revision, "{} more; `phoneops validate` lists all", problems.len() - LOGGED);
    }
}
