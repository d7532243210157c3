//! One phone as people see it: the API's JSON, read back by the command line. Secrets are masked, absent facts null.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{DegradedReason, PendingReason, State, TugOfWar};
use crate::spec::{Labels, Mode, Selector};

/// A page of phones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PhonePage")]
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
    /// Only those whose documents have all these labels.
    pub selector: Labels,
    /// Only those whose site has such labels; one that no document declares has none.
    pub site_selector: Option<Selector>,
    /// Only those that are Pending for this reason.
    pub reason: Option<PendingReason>,
    /// Only those on which this item differs.
    pub item: Option<String>,
    /// Only those whose state in force came with this revision, or one whose name begins so.
    pub revision: Option<String>,
    /// Only those with this text in name, device id, number, model, site, address, or a label as `key=value`; whatever
    /// the case of ASCII letters.
    pub text: Option<String>,
    /// At most that many (the fleet caps it at [`PAGE_LIMIT`]).
    pub limit: Option<usize>,
    /// The `continue` of the page before.
    pub after: Option<String>,
}

/// Most phones of one page, and the number one gets by saying nothing.
pub const PAGE_LIMIT: usize = 500;

/// One phone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Items that differ, at most 100.
    pub drift: Vec<DriftView>,
    /// How many items differ.
    pub drift_count: usize,
    /// Items it refused, at most 100.
    pub refused: Vec<RefusedView>,
    /// Items that are never compared, which phoneops did not write and takes to be right, at most 100.
    #[serde(default)]
    pub assumed: Vec<String>,
    /// How many of them there are.
    #[serde(default)]
    pub assumed_count: usize,
    /// Items it does not have, which is no fault, at most 100.
    #[serde(default)]
    pub not_applicable: Vec<NotApplicableView>,
    /// How many items it does not have.
    #[serde(default)]
    pub not_applicable_count: usize,
    /// What there is to know about the way it is reached and why it is left as it is, in words.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What is wrong with its documents, at most ten.
    pub problems: Vec<String>,
    /// How many of its items are proven: read as wanted after the last write, or taken where they cannot be read back.
    #[serde(default)]
    pub proven: usize,
    /// How many items it is to have, without those that are not applicable.
    pub managed: usize,
    /// Items that are not put right any more because somebody else keeps changing them, at most 100.
    #[serde(default)]
    pub tug_of_war: Vec<TugView>,
    /// Items that a rule of `policy.ignore` leaves alone, at most 100.
    #[serde(default)]
    pub ignored: Vec<IgnoredView>,
    /// How many items such rules leave alone.
    #[serde(default)]
    pub ignored_count: usize,
    /// What its documents say that holds no more, at most ten.
    #[serde(default)]
    pub warnings: Vec<String>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PendingView {
    /// The reason.
    pub reason: PendingReason,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Next attempt.
    pub next: Option<Timestamp>,
}

/// One item that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftView {
    /// Name.
    pub item: String,
    /// Index, if any.
    pub index: Option<u32>,
    /// Wanted text; `***` for secrets.
    pub desired: String,
    /// Reported text; null when the phone reported none.
    pub observed: Option<String>,
    /// The effect of the item, where that is service, safety or lockout.
    #[serde(default)]
    pub risky: Option<String>,
    /// When the phone was first seen to go away from it; null for what is wanted anew and not written yet.
    #[serde(default)]
    pub first_seen: Option<Timestamp>,
    /// How often it was seen to go away from it; remembered until it has been right for a day.
    #[serde(default)]
    pub times: u32,
}

/// One item that is not put right any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TugView {
    /// Name.
    pub item: String,
    /// Index, if any.
    pub index: Option<u32>,
    /// Whether for itself, or because of the whole site.
    pub cause: TugOfWar,
    /// How often it drifted.
    pub times: u32,
    /// When it drifted last.
    pub last_seen: Timestamp,
}

/// One item that a rule of `policy.ignore` leaves alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IgnoredView {
    /// Name.
    pub item: String,
    /// Index, if any.
    pub index: Option<u32>,
    /// The reason that the rule gives.
    pub reason: String,
    /// When the rule ends, if it does.
    pub until: Option<Timestamp>,
    /// Whether the phone has another value than is wanted.
    pub differs: bool,
}

/// One item that the phone does not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotApplicableView {
    /// Name.
    pub item: String,
    /// Index, if any.
    pub index: Option<u32>,
    /// The phone's own word, or that it left the item out of all its items.
    pub status: String,
}

/// One item that the phone refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedView {
    /// Name.
    pub item: String,
    /// Index, if any.
    pub index: Option<u32>,
    /// The phone's own word.
    pub status: String,
}
