//! What is no drift: items that a rule of `policy.ignore` names.
//!
//! Such an item is read and shown with the reason, and left alone while the phone has it otherwise than it is wanted:
//! it is written neither for itself nor with its group, whose other items are. Where the phone has it as it is wanted it
//! goes along with its group as any other. Items that never compare (R-1212) do not drift, so no rule holds for them: they are
//! written when they are changed. A rule names one item and, with an index, that index
//! only; it never hides another.
//! When its time is over it holds no more, and the phone shows that as a warning until it is taken out.

use jiff::Timestamp;

use super::{
    phone::Phone,
    view::{IgnoredView, LIST_LIMIT},
};
use crate::{spec::Ignore, wpi::ItemId};

/// The managed items that rules name which hold now, sorted, and until when all of that is so.
#[derive(Debug, PartialEq)]
pub(super) struct Ignoring {
    items: Vec<ItemId>,
    until: Option<Timestamp>,
}

impl Ignoring {
    /// Whether a rule leaves this item alone.
    pub(super) fn names(&self, id: &ItemId) -> bool {
        self.items.binary_search(id).is_ok()
    }
}

impl Phone {
    /// Finds out anew which items are ignored. Whether that is different now.
    pub(super) fn apply_ignore_rules(&mut self, now: Timestamp) -> bool {
        let rules = self.rules().filter(|rule| rule.holds(now));
        let (items, ends): (Vec<ItemId>, Vec<Option<Timestamp>>) =
            rules.map(|rule| (rule.id.clone(), rule.until)).unzip();
        let until = ends.into_iter().flatten().min();
        let ignoring = (!items.is_empty()).then(|| Box::new(Ignoring { items, until }));
        let changed = ignoring != self.ignoring;
        self.ignoring = ignoring;
        changed
    }

    /// When the next rule ends.
    pub(super) fn ignoring_until(&self) -> Option<Timestamp> {
        self.ignoring.as_ref()?.until
    }

    /// The rules on managed items, sorted by item.
    fn rules(&self) -> impl Iterator<Item = &Ignore> {
        let desired = self.goal.as_ref().map(|goal| &goal.desired);
        let all = desired.map_or(&[][..], |desired| &desired.policy.ignore);
        all.iter().filter(move |rule| desired.is_some_and(|desired| desired.get(&rule.id).is_some()))
    }

    /// Whether this item differs and is left alone.
    pub(super) fn ignored(&self, id: &ItemId) -> bool {
        self.assessment.comparison.ignored.iter().any(|difference| difference.id == *id)
    }

    /// What is ignored, as people see it.
    pub(super) fn ignored_view(&self, now: Timestamp) -> Vec<IgnoredView> {
        let view = |rule: &Ignore| IgnoredView {
            item: rule.id.name.to_string(),
            index: rule.id.index.map(|index| index.0),
            reason: rule.reason.to_string(),
            until: rule.until,
            differs: self.ignored(&rule.id),
        };
        self.rules().filter(|rule| rule.holds(now)).take(LIST_LIMIT).map(view).collect()
    }

    /// How many items are ignored.
    pub(super) fn ignored_count(&self, now: Timestamp) -> usize {
        self.rules().filter(|rule| rule.holds(now)).count()
    }

    /// Rules whose time is over.
    pub(super) fn ignore_warnings(&self, now: Timestamp) -> Vec<String> {
        let over = self.rules().filter(|rule| !rule.holds(now));
        let told = over.filter_map(|rule| {
            let until = rule.until?;
            Some(format!(
                "policy.ignore: the rule for {} ended at {until:.0} and no longer holds; take it out or extend it",
                rule.id
            ))
        });
        told.take(10).collect()
    }
}
