//! The fleet behind its lock, and where its effects go.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    clock::Clock, history::HistoryQueue, outcome, saver::Saver, sessions::Sessions, settings::ServiceSettings,
    wire_log::WireLog,
};
use crate::{
    fleet::{Effect, Fleet, unchanged::Likeness},
    phone::{ContactClient, ContactError},
    report::metrics::ServiceMetrics,
    wpi::{DeviceId, contact::ContactUri, xml::Limits},
};

/// What all parts of the running service share.
#[derive(Debug)]
pub struct Shared {
    fleet: Mutex<Fleet>,
    contact: ContactClient,
    /// Bounds on phones' messages.
    pub(super) xml: Limits,
    /// Records on their way to the store.
    pub(super) saver: Saver,
    /// Changes on their way to the history.
    pub(super) history: HistoryQueue,
    /// The last sessions of each phone.
    pub(super) sessions: Sessions,
    /// Phones that are recorded for support.
    pub(super) wire_log: WireLog,
    /// What is counted.
    pub metrics: Arc<ServiceMetrics>,
    /// What keeps the service from being ready: the first revision is not taken over yet.
    pub(super) source: Mutex<SourceState>,
    clock: Clock,
    timer: Notify,
    /// The key of likenesses, another one in each process.
    likeness: RandomState,
}

/// How the source is doing.
#[derive(Debug, Default, Clone)]
pub struct SourceState {
    /// Whether a revision was taken over since the start.
    pub taken: bool,
    /// When the newest revision was taken over.
    pub taken_at: Option<Timestamp>,
    /// Why the source cannot be read, and since when.
    pub away: Option<(String, Timestamp)>,
    /// Errors and warnings of the newest revision.
    pub problems: (usize, usize),
}

impl Shared {
    pub(super) fn new(
        fleet: Fleet,
        contact: ContactClient,
        settings: &ServiceSettings,
        metrics: Arc<ServiceMetrics>,
    ) -> Self {
        Self {
            fleet: Mutex::new(fleet),
            contact,
            xml: settings.xml.clone(),
            saver: Saver::default(),
            history: HistoryQueue::new(settings.history),
            sessions: Sessions::default(),
            wire_log: WireLog::new(settings.wire_log.clone()),
            metrics,
            source: Mutex::default(),
            clock: Clock::default(),
            timer: Notify::new(),
            likeness: RandomState::new(),
        }
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What an item list looks like.
    pub(super) fn likeness(&self, list: &[u8]) -> Likeness {
        Likeness(self.likeness.hash_one(list))
    }

    /// Runs `act` on the fleet and carries out its effects. Never held over an await.
    pub fn with_fleet<T>(self: &Arc<Self>, act: impl FnOnce(&mut Fleet, Timestamp) -> T) -> T {
        self.with_fleet_then(act, |result| result)
    }

    /// As [`Self::with_fleet`]; `then` still runs under the lock, after the records of this turn are on their way, so
    /// that records reach the store in the order in which they were made.
    pub(super) fn with_fleet_then<T, U>(
        self: &Arc<Self>,
        act: impl FnOnce(&mut Fleet, Timestamp) -> T,
        then: impl FnOnce(T) -> U,
    ) -> U {
        let mut outside = Vec::new();
        let (result, sooner) = {
            let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            let before = fleet.next_tick();
            let result = act(&mut fleet, now);
            let after = fleet.next_tick();
            for effect in fleet.take_effects() {
                match effect {
                    Effect::Save(record) => self.saver.put(*record),
                    Effect::SaveService(record) => self.saver.put_service(*record),
                    Effect::Forget(device) => self.saver.forget(device),
                    Effect::HandOver(record) => self.saver.hand_over(*record),
                    effect => outside.push(effect),
                }
            }
            (then(result), after.is_some_and(|after| before.is_none_or(|before| after < before)))
        };
        if sooner {
            self.timer.notify_one();
        }
        for effect in outside {
            match effect {
                Effect::History(changes) => self.history.put(changes),
                Effect::Report(report) => {
                    outcome::tell(&report, &self.metrics);
                    if !self.sessions.note(&report, self.clock.now()) {
                        self.metrics.bound_hit("sessions-remembered");
                    }
                }
                Effect::Contact { device, uri, ticket } => {
                    tokio::spawn(Arc::clone(self).contact(device, uri, ticket));
                }
                Effect::Save(_) | Effect::SaveService(_) | Effect::Forget(_) | Effect::HandOver(_) => {}
            }
        }
        result
    }

    /// One contact-me request. The fleet bounds their number.
    async fn contact(self: Arc<Self>, device: DeviceId, uri: ContactUri, ticket: u64) {
        let result = self.contact.contact(&uri).await;
        self.metrics.contact(result.as_ref().map_or_else(ContactError::category, |()| "answered"));
        if let Err(error) = &result {
            tracing::debug!(phone = %device, %error, "contact-me failed");
        }
        self.with_fleet(|fleet, now| fleet.contact_done(&device, ticket, result.is_ok(), now));
    }
}

/// The fleet is looked at that often at least, for clocks may jump.
const LONGEST_SLEEP: std::time::Duration = std::time::Duration::from_mins(1);

/// Wakes the fleet whenever something is due.
pub(super) async fn run_timers(shared: Arc<Shared>) {
    loop {
        let next = shared.with_fleet(|fleet, now| {
            fleet.tick(now);
            fleet.next_tick()
        });
        let wait = next.map(|at| at.duration_since(shared.clock.now()));
        match wait.map(|wait| std::time::Duration::try_from(wait).unwrap_or_default()) {
            Some(wait) => {
                let _ = tokio::time::timeout(wait.min(LONGEST_SLEEP), shared.timer.notified()).await;
            }
            None => shared.timer.notified().await,
        }
    }
}
