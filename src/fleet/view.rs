//! One phone as people see it: the API's JSON, read back by the command line. Secrets are masked, absent facts null.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::{DegradedReason, PendingReason, State};
use crate::spec::Mode;

/// A page of phones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The newest revision taken over.
    pub revision: Option<String>,
    /// The phones, sorted by name, undeclared ones behind.
    pub phones: Vec<PhoneView>,
    /// Where the next page starts.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

/// Which phones are asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Only this state.
    pub state: Option<State>,
    /// Only this site.
    pub site: Option<String>,
    /// Only this model.
    pub model: Option<String>,
    /// At most that many (the fleet caps it at [`PAGE_LIMIT`]).
    pub limit: Option<usize>,
    /// The `continue` of the page before.
    pub after: Option<String>,
}

/// Most phones of one page, and the number one gets by saying nothing.
pub const PAGE_LIMIT: usize = 500;

/// One phone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhoneView {
    /// Name of its document; null for an undeclared phone.
    pub name: Option<String>,
    /// Its MAC or other device id.
    pub mac: String,
    /// `device-type`
    pub model: Option<String>,
    /// `software-version`
    pub firmware: Option<String>,
    /// `e164` as the phone last said it.
    pub e164: Option<String>,
    /// Its site; null for an undeclared phone.
    pub site: Option<String>,
    /// Labels of its document.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The mode in force.
    pub mode: Option<Mode>,
    /// Its state.
    pub state: State,
    /// Why it waits; null unless it is Pending.
    pub pending: Option<PendingView>,
    /// Why it is Degraded; empty otherwise.
    pub degraded: Vec<DegradedReason>,
    /// Items that differ, at most [`LIST_LIMIT`].
    pub drift: Vec<DriftView>,
    /// How many items differ.
    pub drift_count: usize,
    /// Items it refused, at most [`LIST_LIMIT`].
    pub refused: Vec<RefusedView>,
    /// What is wrong with its documents, at most ten.
    pub problems: Vec<String>,
    /// What people should know beside the state: items that wait for their turn or for a restart, and a phone that is
    /// not heard of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How many items it is to have.
    pub managed: usize,
    /// The first revision that gave what is in force.
    pub revision: Option<String>,
    /// The address it last called from.
    pub address: Option<String>,
    /// When it last called.
    pub last_seen: Option<Timestamp>,
    /// When a read last proved it in sync.
    pub last_proof: Option<Timestamp>,
}

/// Most entries of a list in an answer.
pub const LIST_LIMIT: usize = 100;

/// Why a phone waits. `InCall` has no times (promise 10).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingView {
    /// The reason.
    pub reason: PendingReason,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Next attempt.
    pub next: Option<Timestamp>,
}

/// One item that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftView {
    /// Name.
    pub item: String,
    /// Index, if any.
    pub index: Option<u32>,
    /// Wanted text; `***` for secrets.
    pub desired: String,
    /// Reported text; null when the phone reported none.
    pub observed: Option<String>,
}

/// One item that the phone refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedView {
    /// Name.
    pub item: String,
    /// Index, if any.
    pub index: Option<u32>,
    /// The phone's own word.
    pub status: String,
}
