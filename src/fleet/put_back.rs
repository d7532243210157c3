//! Values that are put back: of items that the documents name no more (`policy.onRemove`), and of items whose change a
//! person has undone. They lie over what the documents say, and together that is what phoneops works towards.
//!
//! What was removed is put back once: when the phone is read to have it, nobody manages the item any more. What was
//! undone is held until the documents say something else of that item than they did.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;

use super::{
    goal::{Goal, meaning},
    may_write::{Bar, bar},
    phone::Phone,
    show::some_names,
};
use crate::{
    catalogue::{Catalogue, Effect},
    spec::{Desired, DesiredItem, DesiredValue, Digest, OnRemove, Revision, desired::LayerValue},
    wpi::ItemId,
};

/// One value that is put back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutBack {
    /// Name and index.
    pub id: ItemId,
    /// The value; empty clears the item.
    pub value: SmolStr,
    /// Why.
    pub why: Why,
}

/// Why a value is put back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// The documents name the item no more.
    Removed,
    /// A person has undone its change.
    Undone {
        /// The revision that changed it.
        revision: Revision,
        /// What the documents say of it; `None` = nothing.
        against: Option<DesiredValue>,
    },
}

impl PutBack {
    /// Whether it is one that a person asked for.
    pub fn is_undone(&self) -> bool {
        matches!(self.why, Why::Undone { .. })
    }
}

impl Goal {
    /// What the documents say, with what is put back over it.
    pub fn new(documents: Arc<Desired>, put_backs: &[PutBack], revision: Revision) -> Self {
        Self { desired: amended(&documents, put_backs), documents, revision }
    }
}

/// The documents with these values over them; the documents themselves where there are none.
pub(super) fn amended(documents: &Arc<Desired>, put_backs: &[PutBack]) -> Arc<Desired> {
    if put_backs.is_empty() {
        return Arc::clone(documents);
    }
    let mut items: BTreeMap<&ItemId, DesiredItem> =
        documents.items.iter().map(|item| (&item.id, item.clone())).collect();
    let mut hash = Sha256::new();
    hash.update(documents.digest.0);
    for PutBack { id, value, .. } in put_backs {
        hash.update(id.to_string());
        hash.update([0]);
        hash.update(value.as_str());
        hash.update([0]);
        let value = LayerValue { id: id.clone(), value: DesiredValue::Text(value.clone()), origin: None };
        items.insert(id, DesiredItem { value: Arc::new(value) });
    }
    let items = items.into_values().collect();
    Arc::new(Desired { items, digest: Digest(hash.finalize().into()), ..(**documents).clone() })
}

/// Why a value cannot be put back.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoWayBack {
    /// Booleans and enumerations (R-1204).
    #[error("it had no value, and such an item cannot be cleared")]
    NotCleared,
    /// What decides over emergency calls.
    #[error("it was empty, and what decides over emergency calls is never written empty")]
    NeverEmpty,
}

/// The text that gives an item the value back that it had.
pub(super) fn restored(name: &str, old: Option<&SmolStr>, catalogue: &Catalogue) -> Result<SmolStr, NoWayBack> {
    match old.filter(|old| !catalogue.same(name, Some(old), None)) {
        Some(old) => Ok(old.clone()),
        None if catalogue.effect(name) == Effect::Safety => Err(NoWayBack::NeverEmpty),
        None => catalogue.cleared(name).map(SmolStr::new).ok_or(NoWayBack::NotCleared),
    }
}

impl Phone {
    /// What is put back once the documents say this in place of what is in force.
    pub(super) fn put_backs_for(&self, old: Option<&Goal>, new: &Desired, catalogue: &Catalogue) -> Vec<PutBack> {
        let stays = |put_back: &&PutBack| match &put_back.why {
            Why::Removed => new.get(&put_back.id).is_none() && new.policy.on_remove != OnRemove::Leave,
            Why::Undone { against, .. } => new.get(&put_back.id).map(|item| meaning(item, new)) == *against,
        };
        let mut put_backs: Vec<PutBack> = self.put_backs.iter().filter(stays).cloned().collect();
        // a layer that waits for the model may name what seems to be removed
        let Some(old) = old.filter(|_| !new.undecided) else { return put_backs };
        for item in old.desired.items.iter().filter(|item| new.get(&item.id).is_none()) {
            let id = &item.id;
            if put_backs.iter().any(|put_back| put_back.id == *id) {
                continue;
            }
            let writable = !matches!(bar(catalogue, &new.policy, id), Some(Bar::ReadOnly | Bar::Action));
            let value = self.value_when_removed(id, new.policy.on_remove, catalogue).filter(|_| writable);
            put_backs.extend(value.map(|value| PutBack { id: id.clone(), value, why: Why::Removed }));
        }
        put_backs.sort_by(|a, b| a.id.cmp(&b.id));
        put_backs
    }

    /// What an item becomes that nobody wants any more, where phoneops has changed it.
    fn value_when_removed(&self, id: &ItemId, on_remove: OnRemove, catalogue: &Catalogue) -> Option<SmolStr> {
        let name = id.name.as_str();
        if !catalogue.compares(name) || catalogue.is_secret(name) {
            return None;
        }
        let first = self.before_images.first(id)?;
        match on_remove {
            OnRemove::Previous => restored(name, first.old.as_ref(), catalogue).ok(),
            OnRemove::Default => catalogue.default_text(name).map(SmolStr::new),
            OnRemove::Leave => None,
        }
    }

    /// Removed items that the phone was read to have back are nobody's any more. Whether there were any.
    pub(super) fn finish_put_backs(&mut self) -> bool {
        let known = self.read_at.is_some() && !self.unverified && self.in_flight.is_none();
        let Some(goal) = self.goal.as_ref().filter(|_| known && !self.put_backs.is_empty()) else { return false };
        let comparison = &self.assessment.comparison;
        let done = |put_back: &PutBack| put_back.why == Why::Removed && comparison.right(&put_back.id);
        let (documents, revision) = (Arc::clone(&goal.documents), goal.revision.clone());
        let finished: Vec<PutBack> = self.put_backs.extract_if(.., |put_back| done(put_back)).collect();
        if finished.is_empty() {
            return false;
        }
        for put_back in &finished {
            self.before_images.returned(&put_back.id, &revision);
        }
        self.amend(documents, revision);
        true
    }

    /// Works towards these documents with what is put back.
    pub(super) fn amend(&mut self, documents: Arc<Desired>, revision: Revision) {
        let goal = Goal::new(documents, &self.put_backs, revision);
        let kept = goal.desired.items.iter().map(|item| &item.id);
        self.observed = self.observed.restricted(kept);
        let goal_has = |id: &ItemId| goal.desired.get(id).is_some();
        self.due.retain(|id| goal_has(id));
        self.refused.retain(|refused| goal_has(&refused.id) || goal.desired.seed(&refused.id).is_some());
        self.goal = Some(goal);
        self.unsaved = true;
    }

    /// Whether the change of an item was undone.
    pub(super) fn is_undone(&self, id: &ItemId) -> bool {
        self.put_backs.iter().any(|put_back| put_back.id == *id && put_back.is_undone())
    }

    /// What is to be said of values that are put back.
    pub(super) fn put_back_notes(&self) -> Vec<String> {
        let names = |undone: bool| {
            let of = self.put_backs.iter().filter(|put_back| put_back.is_undone() == undone);
            of.map(|put_back| &put_back.id).collect::<Vec<_>>()
        };
        let (removed, undone) = (names(false), names(true));
        let mut notes = Vec::new();
        if !removed.is_empty() {
            notes.push(format!("put back, for no document names them any more: {}", some_names(&removed)));
        }
        if !undone.is_empty() {
            let names = some_names(&undone);
            notes.push(format!("undone, until the documents say something else of them: {names}"));
        }
        notes
    }
}
