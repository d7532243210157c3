//! The fleet behind its lock, and where its effects go.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{outcome, saver::Saver};
use crate::{
    fleet::{Effect, Fleet},
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
    /// What is counted.
    pub metrics: Arc<ServiceMetrics>,
    /// What keeps the service from being ready: the first revision is not taken over yet.
    pub(super) source: Mutex<SourceState>,
    timer: Notify,
}

/// How the source is doing.
#[derive(Debug, Default, Clone)]
pub struct SourceState {
    /// Whether a revision was taken over since the start.
    pub taken: bool,
    /// Why the source cannot be read, and since when.
    pub away: Option<(String, Timestamp)>,
    /// Errors and warnings of the newest revision.
    pub problems: (usize, usize),
}

impl Shared {
    pub(super) fn new(fleet: Fleet, contact: ContactClient, xml: Limits, metrics: Arc<ServiceMetrics>) -> Self {
        Self {
            fleet: Mutex::new(fleet),
            contact,
            xml,
            saver: Saver::default(),
            metrics,
            source: Mutex::default(),
            timer: Notify::new(),
        }
    }

    /// Runs `act` on the fleet and carries out its effects. Never held over an await.
    pub fn with_fleet<T>(self: &Arc<Self>, act: impl FnOnce(&mut Fleet, Timestamp) -> T) -> T {
        let now = now();
        let (result, effects, sooner) = {
            let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
            let before = fleet.next_tick();
            let result = act(&mut fleet, now);
            let after = fleet.next_tick();
            let sooner = after.is_some_and(|after| before.is_none_or(|before| after < before));
            (result, fleet.take_effects(), sooner)
        };
        if sooner {
            self.timer.notify_one();
        }
        for effect in effects {
            self.carry_out(effect);
        }
        result
    }

    fn carry_out(self: &Arc<Self>, effect: Effect) {
        match effect {
            Effect::Save(record) => self.saver.put(*record),
            Effect::Report(report) => outcome::tell(&report, &self.metrics),
            Effect::Contact { device, uri, ticket } => {
                tokio::spawn(Arc::clone(self).contact(device, uri, ticket));
            }
        }
    }

    /// One contact-me request. Its number is bounded by the pace of the fleet and by the client.
    async fn contact(self: Arc<Self>, device: DeviceId, uri: ContactUri, ticket: u64) {
        let result = self.contact.contact(&uri).await;
        self.metrics.contact(result.as_ref().map_or_else(ContactError::category, |()| "answered"));
        if let Err(error) = &result {
            tracing::debug!(phone = %device, %error, "contact-me failed");
        }
        self.with_fleet(|fleet, now| fleet.contact_done(&device, ticket, result.is_ok(), now));
    }
}

/// The time, in whole milliseconds as people read it.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Wakes the fleet whenever something is due.
pub(super) async fn run_timers(shared: Arc<Shared>) {
    loop {
        let next = shared.with_fleet(|fleet, now| {
            fleet.tick(now);
            fleet.next_tick()
        });
        let wait = next.map(|at| at.duration_since(now()));
        match wait.map(|wait| std::time::Duration::try_from(wait).unwrap_or_default()) {
            Some(wait) => {
                let _ = tokio::time::timeout(wait, shared.timer.notified()).await;
            }
            None => shared.timer.notified().await,
        }
    }
}
