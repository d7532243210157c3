//! Ignore rules: differences that are known and left alone, each with a reason and, if people like, an end.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::wpi::ItemId;

/// One item whose differences are left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ignore {
    /// Name and index; no other index of the item is meant.
    pub id: ItemId,
    /// Why, for whoever reads the status.
    pub reason: Arc<str>,
    /// From this time on the rule does not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Ignore {
    /// Whether it is not past its end.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The rules of a layer over those of the layers below: they add up, and of two for one item the upper one wins. Both
/// lists are sorted by id, and so is the outcome.
pub(super) fn over(lower: &[Ignore], upper: &[Ignore]) -> Arc<[Ignore]> {
    let kept = lower.iter().filter(|rule| upper.binary_search_by(|above| above.id.cmp(&rule.id)).is_err());
    let mut rules: Vec<Ignore> = kept.chain(upper).cloned().collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    rules.into()
}
