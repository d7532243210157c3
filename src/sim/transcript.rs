//! What a simulated phone keeps of its talks: exchanges, counters, and what the server did against the protocol.

use std::{collections::VecDeque, fmt};

use smol_str::SmolStr;

use crate::wpi::{Action, ItemId, Reason};

/// Most violations kept word for word; further ones are only counted.
const VIOLATIONS: usize = 100;
/// Most item ids kept of one exchange.
const IDS: usize = 100;

/// One request of the phone and what came of it. Holds ids of items and never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Which flow of this phone, from 1.
    pub flow: u64,
    /// Which connection of this phone, from 1; 0 when none came about.
    pub connection: u64,
    /// Why the phone called.
    pub reason: Reason,
    /// How many items it sent.
    pub sent: usize,
    /// What came back.
    pub outcome: Outcome,
}

/// What came back for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A message.
    Action {
        /// What the phone is to do.
        action: Action,
        /// How many items the message had.
        items: usize,
        /// Their ids, for reads and writes (bounded).
        ids: Vec<ItemId>,
        /// Whether it was a `CleanUp` with `send-solicited`.
        send_solicited: bool,
        /// The server's words in a `CleanUp`.
        cleanup_reason: Option<SmolStr>,
    },
    /// An answer that is no message: HTTP status and what is wrong with it.
    Unusable {
        /// HTTP status.
        status: u16,
        /// What is wrong.
        problem: String,
    },
    /// No answer.
    Lost(String),
}

impl Exchange {
    /// The action that came back.
    pub fn action(&self) -> Option<Action> {
        match &self.outcome {
            Outcome::Action { action, .. } => Some(*action),
            _ => None,
        }
    }

    /// The ids of a `WriteItems` that came back, else none.
    pub fn written(&self) -> &[ItemId] {
        match &self.outcome {
            Outcome::Action { action: Action::WriteItems, ids, .. } => ids,
            _ => &[],
        }
    }

    /// Whether `send-solicited` came back.
    pub fn send_solicited(&self) -> bool {
        matches!(self.outcome, Outcome::Action { send_solicited: true, .. })
    }

    /// The reason that the server gave with its `CleanUp`.
    pub fn cleanup_reason(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Action { cleanup_reason, .. } => cleanup_reason.as_deref(),
            _ => None,
        }
    }
}

/// One thing that happened to a phone, for people who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimEvent {
    /// The phone's id.
    pub phone: SmolStr,
    /// What happened, in one line; never holds a value.
    pub what: String,
}

/// How often what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Flows begun.
    pub flows: u64,
    /// Flows that the server ended by `CleanUp`, or by a restart or deployment.
    pub ended: u64,
    /// Requests that got an answer.
    pub exchanges: u64,
    /// Requests that got none.
    pub lost: u64,
    /// `WriteItems` that were carried out.
    pub writes: u64,
    /// Items saved by them.
    pub items_written: u64,
    /// `WriteItems` and others answered as busy.
    pub busy: u64,
    /// Contact-me requests.
    pub contacts: u64,
    /// Those of them after which the phone did not call.
    pub swallowed: u64,
    /// Connections to its contact-me port that did not get through.
    pub knocks: u64,
    /// Polls that were answered.
    pub polls: u64,
    /// Polls that were not.
    pub polls_lost: u64,
    /// What the server did against the protocol.
    pub violations: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} flows ({} ended), {} writes of {} items, {} busy, {} contacts ({} not followed, {} more did not get \
             through), {} polls ({} lost), {} lost, {} violations",
            self.flows,
            self.ended,
            self.writes,
            self.items_written,
            self.busy,
            self.contacts,
            self.swallowed,
            self.knocks,
            self.polls,
            self.polls_lost,
            self.lost,
            self.violations
        )
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.flows += other.flows;
        self.ended += other.ended;
        self.exchanges += other.exchanges;
        self.lost += other.lost;
        self.writes += other.writes;
        self.items_written += other.items_written;
        self.busy += other.busy;
        self.contacts += other.contacts;
        self.swallowed += other.swallowed;
        self.knocks += other.knocks;
        self.polls += other.polls;
        self.polls_lost += other.polls_lost;
        self.violations += other.violations;
    }
}

/// The record of one phone.
#[derive(Debug)]
pub(super) struct Record {
    exchanges: VecDeque<Exchange>,
    limit: usize,
    violations: Vec<String>,
    pub(super) counts: Counts,
}

impl Record {
    pub(super) fn new(limit: usize) -> Self {
        Self { exchanges: VecDeque::new(), limit, violations: Vec::new(), counts: Counts::default() }
    }

    pub(super) fn exchange(&mut self, mut exchange: Exchange) {
        if let Outcome::Action { ids, .. } = &mut exchange.outcome {
            ids.truncate(IDS);
        }
        if self.exchanges.len() >= self.limit {
            self.exchanges.pop_front();
        }
        if self.limit > 0 {
            self.exchanges.push_back(exchange);
        }
    }

    pub(super) fn violation(&mut self, what: String) {
        self.counts.violations += 1;
        if self.violations.len() < VIOLATIONS {
            self.violations.push(what);
        }
    }

    pub(super) fn exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.exchanges.iter()
    }

    pub(super) fn violations(&self) -> &[String] {
        &self.violations
    }
}
