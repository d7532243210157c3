//! The history: each change of a managed item that was written or seen, as the store keeps it and as people read it.
//!
//! Secrets are masked before a change leaves the fleet. That a phone is in a call is in none of it (promise 10): a write
//! that had to wait is no change.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::words::{ChangeCause, ChangeResult};
use crate::{
    catalogue::{Catalogue, Owner},
    spec::Revision,
    wpi::{DeviceId, ItemId, secret::MASK},
};

/// Longest value that the history keeps, in characters.
const VALUE_LIMIT: usize = 1_000;
/// Longest word of a phone that it keeps, in characters.
const WORD_LIMIT: usize = 120;

/// One change of one item on one phone. Values of secrets are `***`.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// When it was written or seen.
    pub at: Timestamp,
    /// The phone.
    pub device: DeviceId,
    /// The name of its document.
    pub name: Option<Arc<str>>,
    /// Name and index.
    pub item: ItemId,
    /// The value before; `None` = none, or not known.
    pub old: Option<SmolStr>,
    /// The value after; of a refused one the value that was sent.
    pub new: Option<SmolStr>,
    /// Why.
    pub cause: ChangeCause,
    /// The revision in force.
    pub revision: Option<Revision>,
    /// What became of it.
    pub result: ChangeResult,
    /// The phone's own word, where it refused.
    pub word: Option<SmolStr>,
    /// Whether the item belongs to the user of the phone: kept for a shorter time.
    pub of_user: bool,
}

impl Change {
    /// Masks what nobody may see (R-1109) and cuts what is too long.
    #[must_use]
    pub(super) fn masked(mut self, catalogue: &Catalogue) -> Self {
        let name = self.item.name.as_str();
        let secret = catalogue.is_secret(name);
        self.of_user = catalogue.owner(name) == Owner::User;
        for value in [&mut self.old, &mut self.new] {
            *value = value.take().map(|text| if secret { MASK.into() } else { shown(&text) });
        }
        self.word = self.word.map(|word| clipped(word.chars().filter(|c| !c.is_control()), WORD_LIMIT));
        self
    }
}

fn shown(text: &str) -> SmolStr {
    clipped(crate::wpi::secret::without_credentials(text).chars(), VALUE_LIMIT)
}

fn clipped(mut text: impl Iterator<Item = char>, most: usize) -> SmolStr {
    let mut clipped: String = text.by_ref().take(most).collect();
    if text.next().is_some() {
        clipped.push('…');
    }
    clipped.into()
}

/// Which changes are asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryQuery {
    /// Only of this phone: its name or device id.
    pub phone: Option<String>,
    /// The device that is meant by it, where the service knows it.
    pub device: Option<DeviceId>,
    /// Only of this item; with an index `name[index]`.
    pub item: Option<String>,
    /// Only with this revision in force, or one whose name begins so.
    pub revision: Option<String>,
    /// Only from then on.
    pub since: Option<Timestamp>,
    /// At most that many (capped at [`HISTORY_LIMIT`]).
    pub limit: Option<usize>,
    /// The `continue` of the page before.
    pub after: Option<String>,
}

/// Most changes of one page.
pub const HISTORY_LIMIT: usize = 500;

/// A revision that was taken over, and who made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommitView {
    /// Its name.
    pub revision: String,
    /// When it was taken over.
    pub at: Timestamp,
    /// Who wrote it, where the source knows.
    pub author: Option<String>,
    /// Who committed it.
    pub committer: Option<String>,
}

/// A page of the history, the newest change first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryPage {
    /// The changes.
    pub changes: Vec<ChangeView>,
    /// Where the next page starts.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

/// One change as people read it. Absent facts are null, secrets `***`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeView {
    /// When it was written or seen.
    pub at: Timestamp,
    /// The name of the phone's document at that time.
    pub phone: Option<String>,
    /// Its MAC or other device id.
    pub mac: String,
    /// Name of the item.
    pub item: String,
    /// Index, if any.
    pub index: Option<u32>,
    /// The value before.
    pub old: Option<String>,
    /// The value after.
    pub new: Option<String>,
    /// Why.
    pub cause: ChangeCause,
    /// The revision in force.
    pub revision: Option<String>,
    /// Who wrote that revision, where it is the cause and the source knows.
    pub author: Option<String>,
    /// Who committed it, likewise.
    pub committer: Option<String>,
    /// What became of it.
    pub result: ChangeResult,
    /// The phone's own word, where it refused.
    pub word: Option<String>,
}
