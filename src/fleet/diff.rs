//! The difference between desired and observed, by meaning.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{
    not_applicable::says_it_has_none,
    observed::{ObservedSet, Seen, find},
};
use crate::{
    catalogue::Catalogue,
    spec::{DesiredItem, desired::LayerValue},
    wpi::{ItemId, ItemStatus},
};

/// One item that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Name and index.
    pub id: ItemId,
    /// What is wanted.
    pub desired: Arc<LayerValue>,
    /// What the phone reported; `None` = nothing.
    pub observed: Option<SmolStr>,
}

/// What differs between wish and report, by meaning and sorted; there is at least one difference in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift(Box<[Difference]>);

impl Drift {
    /// A drift, unless there is no difference.
    pub fn new(differences: Vec<Difference>) -> Option<Self> {
        (!differences.is_empty()).then(|| Self(differences.into_boxed_slice()))
    }

    /// The differences; at least one.
    pub fn items(&self) -> &[Difference] {
        &self.0
    }
}

/// An item that the phone says it does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct Lacking {
    /// Name and index.
    pub id: ItemId,
    /// The phone's word.
    pub status: ItemStatus,
}

/// What a comparison finds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// What differs.
    pub drift: Option<Drift>,
    /// Desired items that were not read yet.
    pub unread: Vec<ItemId>,
    /// Desired items that the phone does not have: not sent.
    pub lacking: Vec<Lacking>,
    /// What differs and is left alone, because a rule of `policy.ignore` says so.
    pub ignored: Vec<Difference>,
}

impl Comparison {
    /// Whether a desired item that compares was read to be as it is wanted.
    pub fn right(&self, id: &ItemId) -> bool {
        self.drift.iter().flat_map(Drift::items).chain(&self.ignored).all(|difference| difference.id != *id)
            && !self.unread.contains(id)
            && !self.lacks(id)
    }

    /// Whether the phone says that it does not have this item.
    pub fn lacks(&self, id: &ItemId) -> bool {
        self.lacking.iter().any(|lacking| lacking.id == *id)
    }

    /// Moves what `is_named` says from the drift to what is ignored.
    pub fn ignore(&mut self, is_named: impl Fn(&ItemId) -> bool) {
        let Some(drift) = self.drift.take() else { return };
        let (ignored, kept) = drift.0.into_vec().into_iter().partition(|difference| is_named(&difference.id));
        self.ignored = ignored;
        self.drift = Drift::new(kept);
    }
}

/// Compares what is wanted with what was observed. Items that never compare (R-1212) are passed over. Both are sorted,
/// so one walk does it.
pub fn compare(catalogue: &Catalogue, desired: &[DesiredItem], observed: &ObservedSet) -> Comparison {
    let mut found = Comparison::default();
    let mut differences = Vec::new();
    let mut entries = observed.iter().peekable();
    for item in desired {
        let name = item.id.name.as_str();
        let Some(wanted) = item.value.value.as_text() else { continue };
        let entry = find(&mut entries, |entry| entry.cmp_id(&item.id));
        if entry.is_some_and(|entry| entry.seen == Seen::Text(wanted)) || !catalogue.compares(name) {
            continue;
        }
        let Some(entry) = entry else {
            found.unread.push(item.id.clone());
            continue;
        };
        let text = match entry.seen {
            Seen::Text(text) => Some(text),
            Seen::Status(word) => {
                let status = ItemStatus::from_wire(word);
                if says_it_has_none(&status) {
                    found.lacking.push(Lacking { id: item.id.clone(), status });
                    continue;
                }
                None
            }
        };
        if !catalogue.same(name, Some(wanted), text) {
            differences.push(Difference {
                id: item.id.clone(),
                desired: Arc::clone(&item.value),
                observed: text.filter(|text| !text.is_empty()).map(SmolStr::new),
            });
        }
    }
    found.drift = Drift::new(differences);
    found
}
