//! What is in force for a phone, and what a change of it means: which items that never compare become due, and which
//! refusals no longer count.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{phone::Phone, record::Refused, sending::INCOMPLETE};
use crate::{
    catalogue::Catalogue,
    spec::{Desired, DesiredItem, DesiredValue, Revision},
    wpi::{ItemId, ItemStatus},
};

/// How many former desired states a phone may return to without being news.
const FORMERS: usize = 16;

/// The desired state that phoneops works towards, and the first revision that gave it.
#[derive(Debug, Clone)]
pub struct Goal {
    /// What is wanted: the documents, with what is put back over them.
    pub desired: Arc<Desired>,
    /// What the documents say.
    pub documents: Arc<Desired>,
    /// The revision.
    pub revision: Revision,
}

/// What an item asks for, independent of how its reference is written: keys of keyed files are filled in.
pub fn meaning(item: &DesiredItem, desired: &Desired) -> DesiredValue {
    match &item.value.value {
        DesiredValue::Secret(reference) => {
            DesiredValue::Secret(reference.filled(desired).unwrap_or_else(|_| reference.clone()))
        }
        text @ DesiredValue::Text(_) => text.clone(),
    }
}

impl Phone {
    /// What this item or seed asks for now.
    pub fn wants(&self, id: &ItemId) -> Option<DesiredValue> {
        let desired = &self.goal.as_ref()?.desired;
        Some(meaning(desired.get(id).or_else(|| desired.seed(id))?, desired))
    }

    /// Works towards another desired state from now on.
    ///
    /// An item that never compares becomes due when what was in force did not have it or had another value. Where
    /// nothing was in force, or it was incomplete because the model was not known until now, only a phone that is new
    /// gets it (promise 8); so it is where what was in force comes from a store that cannot be trusted. A change of reference
    /// without a change of content is found by [`Phone::weigh`]. An item that the phone did not have is asked for again when another value is wanted.
    pub fn take_goal(&mut self, new: Goal, catalogue: &Catalogue) {
        let old = self.goal.take();
        let decides = |old: &Goal| old.desired.undecided && !new.desired.undecided;
        let mut all = self.newly_due(old.as_ref(), &new.desired, catalogue);
        all.extend(self.due.drain(..).filter(|id| new.desired.get(id).is_some()));
        self.due = all.into_iter().collect();
        self.refused.retain(|refused| {
            // what an application lacked may be there now, and then all of it is to be written
            if refused.status.as_str() == INCOMPLETE {
                return false;
            }
            let wanted = new.desired.get(&refused.id).or_else(|| new.desired.seed(&refused.id));
            wanted.is_some_and(|item| meaning(item, &new.desired) == refused.value)
        });
        self.fingerprints.retain(|id| new.desired.get(id).is_some());
        if old.as_ref().is_some_and(decides) {
            // a layer of the model is no change of what is wanted: its contents are assumed like those of the others
            self.fingerprints.forget_assumed();
        }
        self.take_seeds(&new.desired);
        let asked_again = |item: &&DesiredItem| {
            let another = old.as_ref().and_then(|old| old.desired.get(&item.id)).map(|before| &before.value.value);
            let lacking = self.assessment.comparison.lacking.iter().any(|lacking| lacking.id == item.id);
            lacking && another != Some(&item.value.value)
        };
        let kept = new.desired.items.iter().filter(|item| !asked_again(item)).map(|item| &item.id);
        self.observed = self.observed.restricted(kept);
        self.fresh &= new.desired.undecided;
        self.doubtful.clear();
        self.cautious = false;
        self.doors.forget();
        self.keep_drifts(old.as_ref(), &new);
        self.keep_formers(old.as_ref(), &new);
        self.unsaved = true;
        self.goal = Some(new);
    }

    /// Remembers what was in force, if the phone had it: nothing was left to be written. A return forgets all that came after what it returns to: going there again is news.
    fn keep_formers(&mut self, old: Option<&Goal>, new: &Goal) {
        if let Some(place) = self.formers.iter().position(|former| *former == new.documents.digest) {
            self.formers.truncate(place);
        } else if let Some(old) = old.filter(|_| self.read_at.is_some() && !self.assessment.writable) {
            if self.formers.len() >= FORMERS {
                self.formers.remove(0);
            }
            self.formers.push(old.documents.digest);
        }
    }

    /// Which items that never compare become due when this is wanted in place of what was in force.
    pub(super) fn newly_due(&self, old: Option<&Goal>, new: &Desired, catalogue: &Catalogue) -> BTreeSet<ItemId> {
        let decides = |old: &Goal| old.desired.undecided && !new.undecided;
        let due = |item: &&DesiredItem| {
            let before = old.filter(|_| !self.unsure).map(|old| (old, old.desired.get(&item.id)));
            match before {
                Some((old, Some(before))) if !decides(old) => meaning(before, &old.desired) != meaning(item, new),
                Some((old, None)) if !old.desired.undecided => true,
                _ => self.fresh,
            }
        };
        let uncompared = new.items.iter().filter(|item| !catalogue.compares(item.id.name.as_str()));
        uncompared.filter(due).map(|item| item.id.clone()).collect()
    }

    /// Whether this item, as it is wanted now, was refused by the firmware that the phone has now.
    pub fn refused_as_is(&self, id: &ItemId) -> bool {
        let mut refusals = self.refused.iter().filter(|refused| refused.id == *id);
        refusals.any(|refused| !refused.lifted && self.is_as_refused(refused))
    }

    fn is_as_refused(&self, refused: &Refused) -> bool {
        refused.firmware == self.facts.firmware && self.wants(&refused.id).as_ref() == Some(&refused.value)
    }

    /// Notes that the phone refused this value of an item.
    pub fn refuse(&mut self, id: &ItemId, value: DesiredValue, status: ItemStatus, now: Timestamp) {
        let before = self.refused.iter().find(|refused| refused.id == *id && self.is_as_refused(refused));
        let (tries, other_form) = before.map(|before| (before.tries, before.other_form)).unwrap_or_default();
        self.refused.retain(|refused| refused.id != *id);
        if self.wants(id).as_ref() == Some(&value) {
            let firmware = self.facts.firmware.clone();
            let id = id.clone();
            self.refused.push(Refused { id, status, value, firmware, at: now, tries, lifted: false, other_form });
        }
        self.seeds_done([id].into_iter());
        self.unsaved = true;
    }
}
