//! Items that a phone does not have: not applicable, which is no refusal.
//!
//! A phone says so in its answer to a read, by a status, or by leaving every item of that name out of an
//! answer to `ReadAllItems`, which names all it has. Such an item is not sent, not counted against the
//! phone, and asked for again after a change of its value or of the firmware, and when a person says so. Items that are
//! never compared (secrets, certificates, actions, R-1212) are never among them: nobody can ask for them.

use std::collections::BTreeSet;

use super::{
    observed::Readings,
    phone::Phone,
    view::{LIST_LIMIT, NotApplicableView},
};
use crate::wpi::{ItemId, ItemStatus};

/// What stands in place of a status where the phone left the item out of all its items.
pub const LEFT_OUT: &str = "not among all its items";

/// Whether a status of a read means that this phone has no such item, rather than no value.
pub(super) fn says_it_has_none(status: &ItemStatus) -> bool {
    match status {
        ItemStatus::UnknownItem | ItemStatus::NotSupported | ItemStatus::InvalidIndex => true,
        ItemStatus::Other(word) => word == "not implemented" || word == LEFT_OUT,
        _ => false,
    }
}

/// Completes the answer to a `ReadAllItems`: of `ids` (sorted), an item of a name that nowhere occurs in it is one the
/// phone does not have; one that occurs with other indexes only has no value.
pub(super) fn complete(readings: Readings, ids: &[ItemId]) -> Readings {
    let names: BTreeSet<String> = readings.ids().map(|id| id.name.to_string()).collect();
    let (unset, missing): (Vec<_>, Vec<_>) = ids.iter().partition(|id| names.contains(id.name.as_str()));
    readings.with_absent(unset).with_status(missing, &ItemStatus::from_wire(LEFT_OUT))
}

impl Phone {
    /// Forgets what the phone said it does not have, so that it is asked for again; how many items that are. The phone is
    /// to be assessed anew then.
    pub fn forget_not_applicable(&mut self) -> usize {
        let Some(goal) = &self.goal else { return 0 };
        let lacking = &self.assessment.comparison.lacking;
        if lacking.is_empty() {
            return 0;
        }
        let kept = goal.desired.items.iter().map(|item| &item.id);
        self.observed = self.observed.restricted(kept.filter(|id| !lacking.iter().any(|lacking| lacking.id == **id)));
        self.unsaved = true;
        lacking.len()
    }

    /// The items it does not have, for people; at most [`LIST_LIMIT`].
    pub(super) fn not_applicable_view(&self) -> Vec<NotApplicableView> {
        let view = |lacking: &super::diff::Lacking| NotApplicableView {
            item: lacking.id.name.to_string(),
            index: lacking.id.index.map(|index| index.0),
            status: lacking.status.as_str().to_owned(),
        };
        self.assessment.comparison.lacking.iter().take(LIST_LIMIT).map(view).collect()
    }
}
