//! What people are told of a plan.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fleet::{gate::view::PlannedChange, words::PendingReason},
    spec::Mode,
};

/// What documents would change. Values of secrets are `***`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    /// The revision that it is compared with.
    pub against: Option<String>,
    /// Phones that the documents declare.
    pub phones: usize,
    /// Phones that are written something that is new to them.
    pub written: usize,
    /// Phones that are written something and were read, so that it is known what they have.
    #[serde(default)]
    pub certain: usize,
    /// Phones that only return to what they had.
    pub returned: usize,
    /// Items that are written, on all phones.
    #[serde(default)]
    pub items: usize,
    /// Phones among them that get items of effect service, safety or lockout.
    pub risky: usize,
    /// Such items that are written, on all phones, by effect.
    #[serde(default)]
    pub dangerous: BTreeMap<String, usize>,
    /// Phones that are restarted, because an item takes effect with a restart.
    #[serde(default)]
    pub restarts: usize,
    /// Phones with such items that are not restarted, because `policy.restart` does not allow it.
    #[serde(default)]
    pub restarts_left: usize,
    /// What holds writes back now.
    #[serde(default)]
    pub delays: Vec<DelayView>,
    /// Phones in mode Enforce that were never read: what they have is not known.
    #[serde(default)]
    pub unread: usize,
    /// The first ten of them, by name.
    #[serde(default)]
    pub unread_names: Vec<String>,
    /// Phones in mode Enforce that did not come when they were last asked to call.
    #[serde(default)]
    pub away: usize,
    /// The first ten of them, by name.
    #[serde(default)]
    pub away_names: Vec<String>,
    /// Phones in mode Report that differ from these documents, which is only told.
    #[serde(default)]
    pub reported: usize,
    /// The first ten of them, by name.
    #[serde(default)]
    pub reported_names: Vec<String>,
    /// Whether the service writes nothing now, whatever the documents say.
    #[serde(default)]
    pub report_only: bool,
    /// From when what phones have is, where no service was asked; null = one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supposed: Option<SupposedView>,
    /// Phones that no document would name any more.
    pub gone: usize,
    /// The first ten of them, by name.
    pub gone_names: Vec<String>,
    /// Why it would wait at the gate, a sentence each.
    pub waits: Vec<String>,
    /// What is written, the changes of most phones first.
    pub changes: Vec<PlannedChange>,
    /// Changes beyond those, not grouped.
    pub more: usize,
    /// The phone that was asked for; null = none was, or no document declares it, or it has errors.
    #[serde(default)]
    pub phone: Option<PhonePlan>,
    /// Errors of the documents.
    pub errors: Vec<String>,
    /// Errors beyond those.
    pub more_errors: usize,
}

/// What phones are taken to have where no service was asked: what other documents say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SupposedView {
    /// When the phone was read whose export is the oldest; null = no export says when.
    pub oldest: Option<Timestamp>,
    /// When the one was read whose export is the newest.
    pub newest: Option<Timestamp>,
    /// Phones of which no export says when they were read.
    pub without_time: usize,
}

/// Phones whose writes are held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DelayView {
    /// By what: `Braked`, `Paused` or `WindowClosed`.
    pub reason: PendingReason,
    /// Until when; null = not known, or more than one time.
    pub until: Option<Timestamp>,
    /// How many.
    pub phones: usize,
}

/// What would be written to one phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhonePlan {
    /// The name of its document.
    pub name: String,
    /// Its MAC or other id.
    pub mac: String,
    /// The mode that these documents give it.
    #[serde(default)]
    pub mode: Mode,
    /// The items, sorted.
    pub items: Vec<PhoneChange>,
    /// What differs and is only told, because the mode is Report, sorted.
    #[serde(default)]
    pub reported: Vec<PhoneChange>,
    /// Whether all of it only returns the phone to what it had.
    pub returns: bool,
    /// Whether it is restarted.
    pub restarts: bool,
    /// What holds the write back now.
    pub delay: Option<DelayView>,
    /// When its managed items were last read.
    pub read: Option<Timestamp>,
    /// Whether it did not come when it was last asked to call.
    pub away: bool,
}

/// One item of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneChange {
    /// The item.
    pub item: String,
    /// Its index.
    pub index: Option<u32>,
    /// What the phone has; null = nothing, or not known.
    pub from: Option<String>,
    /// What it is to be.
    pub to: String,
    /// Its effect, where that is service, safety or lockout.
    pub risky: Option<String>,
    /// Whether nobody names it any more, so that it is put back.
    pub put_back: bool,
    /// Whether it takes effect with a restart.
    pub restart: bool,
}
