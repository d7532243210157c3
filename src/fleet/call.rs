//! Asking a phone to call: one request in flight, apart by spacing and gap, retried with full jitter (promise 4).

use std::time::Duration;

use jiff::Timestamp;

use super::{schedule::after, words::PendingReason};

/// How far asking a phone to call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallStep {
    /// Nobody asks.
    #[default]
    Idle,
    /// It will be asked at that time. `slotted` = it has its slot in the pace of the whole service.
    Waiting {
        /// When.
        at: Timestamp,
        /// Whether the slot is taken.
        slotted: bool,
    },
    /// The request is on its way.
    Requested {
        /// Which one.
        ticket: u64,
    },
    /// It answered; a session is awaited until then.
    Answered {
        /// Until when.
        until: Timestamp,
    },
    /// It was in a call; it is asked at that time if it did not call by itself. In memory only (promise 10).
    InCall {
        /// When.
        until: Timestamp,
    },
}

/// Asking one phone to call.
#[derive(Debug, Clone, Default)]
pub struct Calling {
    /// How far it has come.
    pub step: CallStep,
    /// Attempts since the last success or the last new digest.
    pub attempts: u32,
    /// When the last request left.
    pub last_request: Option<Timestamp>,
    /// The end of the contact gap of an answered request that no session followed; only a call of the phone ends it
    /// earlier.
    pub gap_until: Option<Timestamp>,
    /// The earliest time of the next request, after a failure.
    pub not_before: Option<Timestamp>,
    /// How the last attempt failed.
    pub failure: Option<PendingReason>,
}

impl Calling {
    /// Forgets failures: after a success and for a new digest. Spacing and gap stay.
    pub fn forgive(&mut self) {
        self.attempts = 0;
        self.not_before = None;
        self.failure = None;
    }

    /// The earliest time at which the phone may be told to call, where there is one: apart from the last request, its own
    /// last message (`seen`), the contact gap and failures.
    pub fn earliest(&self, seen: Option<Timestamp>, spacing: Duration, rest: Duration) -> Option<Timestamp> {
        let spaced = self.last_request.map(|last| after(last, spacing));
        let rested = seen.map(|last| after(last, rest));
        [spaced, rested, self.gap_until, self.not_before].into_iter().flatten().max()
    }

    /// When this wants to be looked at again.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.step {
            CallStep::Waiting { at, .. } => Some(at),
            CallStep::Answered { until } | CallStep::InCall { until } => Some(until),
            CallStep::Idle | CallStep::Requested { .. } => None,
        }
    }
}
