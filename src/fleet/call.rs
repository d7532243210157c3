//! Asking a phone to call: one request in flight, apart by spacing and gap, retried with full jitter (promise 4).

use std::time::Duration;

use jiff::Timestamp;

use super::{schedule::after, settings::Settings, words::PendingReason};

/// How far asking a phone to call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallStep {
    /// Nobody asks.
    #[default]
    Idle,
    /// It may be asked from that time on.
    Waiting {
        /// When.
        at: Timestamp,
    },
    /// It may be asked now and stands in the line of its site.
    Ready,
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

/// Whether a phone keeps a wish to be called after a call: it opens a session by itself in the moment in which the
/// call ends, be that hours later and whatever else is asked of it meanwhile. In memory only (promise 10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wish {
    /// It keeps none.
    #[default]
    None,
    /// Another process may have sent it one.
    Unknown,
    /// It was sent one.
    Kept,
    /// It came back with it; what is left of that is the session.
    Used,
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
    /// Requests since the phone was last heard of.
    pub unheard: u32,
    /// When the first of these left.
    pub unheard_since: Option<Timestamp>,
}

/// The time in which a phone that is not heard of gets its share of requests.
const DAY: Duration = Duration::from_hours(24);

impl Calling {
    /// A request leaves.
    pub fn ask(&mut self, ticket: u64, now: Timestamp) {
        self.step = CallStep::Requested { ticket };
        self.count(now);
    }

    /// Its poll is answered by the word to call, which is a request that was answered; a session is awaited until then.
    pub fn tell(&mut self, until: Timestamp, now: Timestamp) {
        self.step = CallStep::Answered { until };
        self.count(now);
    }

    fn count(&mut self, now: Timestamp) {
        self.last_request = Some(now);
        self.unheard_since = self.unheard_since.or(Some(now));
        self.unheard = self.unheard.saturating_add(1);
    }

    /// The phone called.
    pub fn heard(&mut self) {
        self.failure = None;
        self.gap_until = None;
        self.unheard = 0;
        self.unheard_since = None;
    }

    /// The wait for the end of a call is over: the phone took a write, or is to be asked whatever it does.
    pub fn call_is_over(&mut self) {
        if matches!(self.step, CallStep::InCall { .. }) {
            self.step = CallStep::Idle;
        }
    }

    /// What kept writes from the phone is over: it is asked as one that never failed, whatever it does.
    pub fn begin_afresh(&mut self) {
        self.forgive();
        self.call_is_over();
    }

    /// When a phone that is not heard of may be asked next, so that it is asked no more than `most` times in any 24 h:
    /// the first day's requests may be gone within hours, those behind are evenly apart.
    pub fn daily_share(&self, most: u32) -> Option<Timestamp> {
        let most = most.max(1);
        if self.unheard < most {
            return None;
        }
        let even = self.last_request.map(|last| after(last, DAY / most));
        even.max(self.unheard_since.map(|first| after(first, DAY)))
    }

    /// A person wants one request more than the day's share.
    pub fn one_more(&mut self, most: u32) {
        self.unheard = self.unheard.min(most.saturating_sub(1));
    }

    /// Forgets failures: after a success and for a new digest. Spacing, gap and the day's share stay.
    pub fn forgive(&mut self) {
        self.attempts = 0;
        self.not_before = None;
        self.failure = None;
    }

    /// The earliest time at which the phone may be told to call, where there is one: apart from the last request, its own
    /// last message (`seen`), the contact gap, failures (or `instead` of them that time) and the day's share.
    pub fn earliest(
        &self,
        seen: Option<Timestamp>,
        instead: Option<Timestamp>,
        settings: &Settings,
    ) -> Option<Timestamp> {
        let spaced = self.last_request.map(|last| after(last, settings.contact_spacing));
        let rested = seen.map(|last| after(last, settings.contact_rest));
        let share = self.daily_share(settings.contacts_per_day);
        [spaced, rested, self.gap_until, instead.or(self.not_before), share].into_iter().flatten().max()
    }

    /// When this wants to be looked at again.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.step {
            CallStep::Waiting { at } => Some(at),
            CallStep::Answered { until } | CallStep::InCall { until } => Some(until),
            CallStep::Idle | CallStep::Ready | CallStep::Requested { .. } => None,
        }
    }
}
