//! What the fleet wants done: carried out by the edges.

use std::{sync::Arc, time::Duration};

use super::{history::Change, record::PhoneRecord, service_record::ServiceRecord, unchanged::Question};
use crate::{
    spec::Revision,
    wpi::{DeviceId, ItemId, ItemStatus, ServerMessage, contact::ContactUri},
};

/// Something to be done outside.
#[derive(Debug)]
pub enum Effect {
    /// Ask a phone to call; tell the result by `Fleet::contact_done` with the ticket.
    Contact {
        /// The phone.
        device: DeviceId,
        /// Where.
        uri: ContactUri,
        /// Which request this is.
        ticket: u64,
    },
    /// Keep this record; nobody waits for it.
    Save(Box<PhoneRecord>),
    /// Keep this of the service as a whole; nobody waits for it.
    SaveService(Box<ServiceRecord>),
    /// Forget the record of this phone.
    Forget(DeviceId),
    /// Let this record go, for another service to take it; tell by `Fleet::handed_over` when it is done.
    HandOver(Box<PhoneRecord>),
    /// Add these changes to the history; losing them stops nothing.
    History(Vec<Change>),
    /// A session ended, or a phone called without one.
    Report(Box<SessionReport>),
}

/// What a phone is answered.
#[derive(Debug)]
pub enum Answer {
    /// Send this.
    Send {
        /// The message.
        message: ServerMessage,
        /// The `Set-Cookie` value of an initial message.
        set_cookie: Option<String>,
        /// The item list, where it was written before; then the message has no items.
        prepared: Option<Arc<Question>>,
    },
    /// Store this record, then call `Fleet::recorded` with the ticket and send what that gives.
    Record {
        /// Which write this is.
        ticket: super::flow::FlowId,
        /// The record with the write in flight.
        record: Box<PhoneRecord>,
    },
}

impl Answer {
    /// The same with all items of its message in the message.
    #[must_use]
    pub fn spelled_out(self) -> Self {
        match self {
            Self::Send { mut message, set_cookie, prepared: Some(question) } => {
                message.items = question.items();
                Self::Send { message, set_cookie, prepared: None }
            }
            answer => answer,
        }
    }
}

/// How a session ended, for logs and metrics. Item names and the phone's words, no values, no call states.
#[derive(Debug, Clone)]
pub struct SessionReport {
    /// The phone.
    pub device: DeviceId,
    /// The name of its document.
    pub name: Option<Arc<str>>,
    /// Why it called.
    pub reason: &'static str,
    /// How it ended.
    pub result: SessionResult,
    /// What was wrong, in words.
    pub problem: Option<String>,
    /// Items that were written and taken.
    pub written: Vec<ItemId>,
    /// Items that were refused in this session.
    pub refused: Vec<(ItemId, ItemStatus)>,
    /// Items that differ now.
    pub drift: usize,
    /// How long it took.
    pub took: Duration,
    /// The revision in force.
    pub revision: Option<Revision>,
    /// How long the phone took for each of its replies, by what it was asked: `read`, `write` or `restart`.
    pub steps: Vec<(&'static str, Duration)>,
    /// How long a change had been in force that this session proved.
    pub proven_after: Option<Duration>,
}

/// How a session ended. `Waits` also stands for a phone in a call, which is not told here (promise 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionResult {
    /// Proven in sync; nothing was written.
    InSync,
    /// Something was written, and all is proven.
    Changed,
    /// It differs.
    Differs,
    /// It has to wait.
    Waits,
    /// It failed and is tried again.
    Failed,
    /// A newer message of the phone ended it.
    Superseded,
    /// The phone said no more.
    Silent,
    /// There was nothing to do.
    Nothing,
    /// Overload.
    Overload,
    /// Nobody wants this phone.
    Undeclared,
}

impl SessionResult {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in-sync",
            Self::Changed => "changed",
            Self::Differs => "differs",
            Self::Waits => "waits",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Silent => "silent",
            Self::Nothing => "nothing",
            Self::Overload => "overload",
            Self::Undeclared => "undeclared",
        }
    }
}
