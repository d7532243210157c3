//! What is no drift: items that a rule of `policy.ignore` names.
//!
//! Such an item is read and shown with the reason, and left alone while the phone has it otherwise than it is wanted:
//! it is written neither for itself nor with its group, whose other items are. Where the phone has it as it is wanted it
//! goes along with its group as any other. Items that never compare (R-1212) do not drift, so no rule holds for them: they are
//! written when they are changed. A rule names one item and, with an index, one index of it; it never hides another.
//! When its time is over it holds no more, and the phone shows that as a warning until it is taken out.

use jiff::Timestamp;

use super::{phone::Phone, view::IgnoredView};
use crate::wpi::ItemId;

/// The managed items that are ignored now, and until when that is so.
#[derive(Debug, PartialEq)]
pub struct Ignoring {
    items: Vec<ItemId>,
    /// When the first of the rules ends.
    pub(super) until: Option<Timestamp>,
}

impl Phone {
    /// Finds out anew which items are ignored.
    pub(super) fn apply_ignore_rules(&mut self, _now: Timestamp) {}

    /// What is ignored, as people see it.
    pub(super) fn ignored_view(&self) -> Vec<IgnoredView> {
        Vec::new()
    }

    /// How many items are ignored.
    pub(super) fn ignored_count(&self) -> usize {
        0
    }

    /// Rules whose time is over.
    pub(super) fn ignore_warnings(&self, _now: Timestamp) -> Vec<String> {
        Vec::new()
    }

    /// Whether this item differs and is left alone.
    pub(super) fn ignored(&self, id: &ItemId) -> bool {
        self.assessment.comparison.ignored.iter().any(|difference| difference.id == *id)
    }
}
