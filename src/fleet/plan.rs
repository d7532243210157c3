//! What a desired state would have written to a phone that is not written already by what is in force. The same rules
//! decide it that decide what a session writes; the gate counts it, and people read it before anything is sent.
//!
//! A phone that was not read yet counts as one that has none of it.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    diff::{Drift, compare},
    fingerprint::FingerprintKey,
    goal::{Goal, meaning},
    may_write::{bar, seed_bar},
    phone::Phone,
    put_back::amended,
    sending::text_of,
};
use crate::{
    catalogue::{Catalogue, Effect},
    spec::{Desired, DesiredItem, DesiredValue, Mode, Policy, Wanted},
    wpi::ItemId,
};

/// One item that would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Name and index.
    pub id: ItemId,
    /// The text; `None` for what is secret.
    pub to: Option<SmolStr>,
    /// What the item can do.
    pub effect: Effect,
    /// Whether the phone had this value before phoneops changed it.
    pub returns: bool,
    /// Whether nobody names the item any more, so that it is put back.
    pub put_back: bool,
}

/// What would be written to one phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    /// The items, sorted.
    pub items: Vec<Planned>,
    /// Whether all of it only returns the phone to what it had.
    pub returns: bool,
}

impl Writes {
    /// Whether anything is written that the gate counts.
    pub fn counts(&self) -> bool {
        !self.items.is_empty() && !self.returns
    }

    /// Whether that touches an item with an effect that can take a phone, its service or its safety away.
    pub fn is_risky(&self) -> bool {
        self.counts() && self.items.iter().any(|item| is_risky(item.effect))
    }
}

/// Whether the gate counts items of this effect apart.
pub fn is_risky(effect: Effect) -> bool {
    matches!(effect, Effect::Service | Effect::Safety | Effect::Lockout)
}

/// What a revision brings, beside the phones themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prospect<'a> {
    /// The revision.
    pub(super) documents: &'a Wanted,
    /// The catalogue that it would be judged by.
    pub(super) catalogue: &'a Catalogue,
    /// The catalogue in force, where it is known to be another one.
    pub(super) before: Option<&'a Catalogue>,
    /// The key of fingerprints.
    pub(super) key: Option<&'a FingerprintKey>,
    /// When: rules of `policy.ignore` have an end.
    pub(super) now: Timestamp,
}

impl Phone {
    /// What this desired state would have written. `possible` has more than one where the model decides; `first` = it is
    /// the first one for a phone that is new.
    pub(super) fn would_write(&self, possible: &[Arc<Desired>], first: bool, prospect: &Prospect<'_>) -> Writes {
        let mut writes = Writes::default();
        let before = self.goal.as_ref().filter(|_| self.declared() && !self.proposed());
        for documents in possible {
            let put_backs = self.put_backs_for(before, documents, prospect.catalogue);
            let desired = &*amended(documents, &put_backs);
            let mut more = self.news_of(desired, first || self.fresh, prospect);
            for item in &mut more {
                item.put_back = documents.get(&item.id).is_none() && put_backs.iter().any(|own| own.id == item.id);
            }
            writes.items.extend(more);
        }
        writes.items.sort_by(|a, b| a.id.cmp(&b.id));
        writes.items.dedup_by(|a, b| a.id == b.id);
        let back = possible.iter().all(|desired| self.formers.contains(&desired.digest));
        writes.returns = !writes.items.is_empty() && (back || writes.items.iter().all(|item| item.returns));
        writes
    }

    fn news_of(&self, desired: &Desired, fresh: bool, prospect: &Prospect<'_>) -> Vec<Planned> {
        if desired.policy.mode != Mode::Enforce {
            return Vec::new();
        }
        let catalogue = prospect.catalogue;
        let before = self.goal.as_ref().filter(|_| self.declared() && !self.proposed());
        let rewritten = self.rewritten(desired, prospect);
        if before.is_some_and(|goal| goal.desired.digest == desired.digest) && prospect.before.is_none() {
            let allowed = rewritten.into_iter().filter(|id| bar(catalogue, &desired.policy, id).is_none());
            return self.planned(allowed, desired, catalogue);
        }
        let carried = |item: &DesiredItem| before.is_some_and(|goal| carries(goal, desired, item, prospect));
        let found = compare(catalogue, &desired.items, &self.known_items());
        let drift = found.drift.iter().flat_map(Drift::items).map(|difference| &difference.id);
        let differing = drift.chain(&found.unread).filter_map(|id| desired.get(id));
        let rules = || desired.policy.ignore.iter().filter(|rule| rule.holds(prospect.now));
        let (ignored, differing): (Vec<_>, Vec<_>) = differing.partition(|item| rules().any(|rule| rule.id == item.id));
        let left_alone = |item: &DesiredItem| {
            let same = before.is_some_and(|goal| asks_the_same(goal, desired, item));
            same && self.refused_as_is(&item.id)
        };
        let due: BTreeSet<ItemId> = self.newly_due(before, desired, catalogue);
        let pending = self.due.iter().filter_map(|id| desired.get(id)).filter(|item| !carried(item));
        let mut ids: BTreeSet<ItemId> = differing
            .into_iter()
            .filter(|item| !carried(item) && !left_alone(item))
            .chain(pending)
            .map(|item| item.id.clone())
            .collect();
        ids.extend(due);
        ids.extend(rewritten);
        // neither for itself nor with its group
        ids.retain(|id| ignored.iter().all(|item| item.id != *id));
        if fresh {
            let uncompared = desired.items.iter().map(|item| &item.id);
            ids.extend(uncompared.filter(|id| !catalogue.compares(id.name.as_str())).cloned());
        }
        ids.retain(|id| bar(catalogue, &desired.policy, id).is_none());
        if fresh {
            let seeds = desired.seeds.iter().map(|seed| &seed.id);
            ids.extend(seeds.filter(|id| seed_bar(catalogue, &desired.policy, id).is_none()).cloned());
        }
        self.planned(ids.into_iter(), desired, catalogue)
    }

    /// Items that never compare and whose content is another one than the phone is known to have.
    fn rewritten(&self, desired: &Desired, prospect: &Prospect<'_>) -> BTreeSet<ItemId> {
        let Some(key) = prospect.key else { return BTreeSet::new() };
        let changed = |item: &&DesiredItem| {
            let Some((_, known)) = self.fingerprints.get(&item.id) else { return false };
            let content = text_of(item, desired, Some(prospect.documents));
            content.is_some_and(|content| key.fingerprint(&self.device, &item.id, &content) != known)
        };
        let uncompared = desired.items.iter().filter(|item| !prospect.catalogue.compares(item.id.name.as_str()));
        uncompared.filter(changed).map(|item| item.id.clone()).collect()
    }

    fn planned(&self, ids: impl Iterator<Item = ItemId>, desired: &Desired, catalogue: &Catalogue) -> Vec<Planned> {
        let planned = |id: ItemId| {
            let item = desired.get(&id).or_else(|| desired.seed(&id))?;
            let name = id.name.as_str();
            let text = match &item.value.value {
                DesiredValue::Text(text) if !catalogue.is_secret(name) => Some(text.clone()),
                DesiredValue::Text(_) | DesiredValue::Secret(_) => None,
            };
            let returns = text.is_some() && self.had(&id, text.as_deref(), catalogue);
            let effect = catalogue.effect(name);
            Some(Planned { id, to: text, effect, returns, put_back: false })
        };
        ids.filter_map(planned).collect()
    }
}

impl Phone {
    /// Whether an item had this value before phoneops changed it. What an earlier revision made of it is known by the
    /// documents as a whole, for to go there again is news.
    fn had(&self, id: &ItemId, text: Option<&str>, catalogue: &Catalogue) -> bool {
        let first = self.before_images.first(id).filter(|image| !image.secret);
        first.is_some_and(|image| catalogue.same(id.name.as_str(), text, image.old.as_deref()))
    }
}

/// Whether what is in force writes this item already, as it is wanted, whenever it differs.
fn carries(goal: &Goal, desired: &Desired, item: &DesiredItem, prospect: &Prospect<'_>) -> bool {
    let (old, new) = (&goal.desired.policy, &desired.policy);
    let catalogue = prospect.before.unwrap_or(prospect.catalogue);
    old.mode == Mode::Enforce
        && !goal.desired.undecided
        && goal.desired.site == desired.site
        && no_wider(old, new)
        && asks_the_same(goal, desired, item)
        && bar(catalogue, old, &item.id).is_none()
}

/// Whether windows and pauses let nothing more through: they are as they were, or were not there.
fn no_wider(old: &Policy, new: &Policy) -> bool {
    (old.windows == new.windows || old.windows.is_empty()) && (old.pause == new.pause || old.pause.is_none())
}

fn asks_the_same(goal: &Goal, desired: &Desired, item: &DesiredItem) -> bool {
    let before = goal.desired.get(&item.id).map(|before| meaning(before, &goal.desired));
    before == Some(meaning(item, desired))
}
