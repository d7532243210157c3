//! What a phone drifts away from: items that it was read to have as wanted and then was read to have otherwise. In mode
//! Report, all that differs.
//!
//! A value that the documents changed and nobody has written yet is no drift in this sense; nor is what a phone has at
//! its first look. An item is remembered from the first time until it has been right for a day. How often it was put
//! right in the last day is what limits healing: above `policy.selfHealLimit` it is a tug of war, and the item is
//! held: not written any more, neither for itself nor with its group, until
//!
//! - another value is wanted of it, or the phone is armed anew;
//! - it reads right, by whatever hand, and stays so for a day;
//! - a person asks for a retry.
//!
//! All of it is kept in the phone's record, without values: a restart does not begin the fight again.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    diff::{Comparison, Drift},
    goal::{Goal, meaning},
    phone::Phone,
    schedule::after,
    view::{LIST_LIMIT, TugView},
    words::TugOfWar,
};
use crate::{spec::Mode, wpi::ItemId};

/// How long an item that reads right again is remembered, and the time in which corrections are counted.
pub(super) const DAY: Duration = Duration::from_hours(24);

/// Most items that are remembered of one phone; a phone that lost more than that was reset.
const REMEMBERED: usize = 256;

/// Most corrections of one item that are remembered; no limit is above it.
const HEALS: usize = 100;

/// An item that drifts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drifting {
    /// Name and index.
    pub id: ItemId,
    /// When it was first seen to differ.
    pub first_seen: Timestamp,
    /// When it was last seen to differ.
    pub last_seen: Timestamp,
    /// How often the phone went away from what is wanted.
    pub times: u32,
    /// Whether it differs now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// When it was put right within the last day, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub healed: Vec<Timestamp>,
    /// Why it is not put right any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<TugOfWar>,
}

/// All items of a phone that drift; for most phones, none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Drifts(Vec<Drifting>);

/// How a read is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watching {
    /// Whether differences are put right; else each one counts as drift.
    pub(super) enforces: bool,
    /// `policy.selfHealLimit`
    pub(super) limit: usize,
    /// When it was read.
    pub(super) now: Timestamp,
}

/// What a read brought to light.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sighted {
    /// Items from which the phone went away since the last read, where differences are put right.
    pub(super) away: Vec<ItemId>,
    /// How many more drift than are remembered.
    pub(super) forgotten: usize,
    /// Whether the memory changed in more than a time that ticks.
    pub(super) changed: bool,
}

impl Drifts {
    /// What is remembered of an item.
    pub fn get(&self, id: &ItemId) -> Option<&Drifting> {
        self.0.iter().find(|drifting| drifting.id == *id)
    }

    /// All of it, in the order of the first sight.
    pub fn iter(&self) -> impl Iterator<Item = &Drifting> {
        self.0.iter()
    }

    /// Whether nothing drifts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the item is not to be written, neither for itself nor with its group.
    pub fn holds(&self, id: &ItemId) -> bool {
        self.get(id).is_some_and(|drifting| drifting.held.is_some())
    }

    /// How many items are held that differ.
    pub(super) fn held(&self) -> usize {
        self.0.iter().filter(|drifting| drifting.open && drifting.held.is_some()).count()
    }

    /// Whether a write of this item now is to put drift right.
    pub(super) fn is_open(&self, id: &ItemId) -> bool {
        self.get(id).is_some_and(|drifting| drifting.open)
    }

    /// Takes over a read: `before` and `after` are the comparisons on its two sides.
    pub(super) fn saw(&mut self, before: &Comparison, after: &Comparison, watching: Watching) -> Sighted {
        let mut sighted = Sighted::default();
        if self.0.is_empty() && after.drift.is_none() {
            return sighted;
        }
        let now = watching.now;
        for drifting in &mut self.0 {
            if drifting.open && (after.right(&drifting.id) || after.lacks(&drifting.id)) {
                drifting.open = false;
                sighted.changed = true;
            }
        }
        for difference in after.drift.iter().flat_map(Drift::items) {
            let was_right = before.right(&difference.id);
            let room = self.0.len() < REMEMBERED;
            let known = self.0.iter_mut().find(|drifting| drifting.id == difference.id);
            let is_open = known.as_ref().is_some_and(|drifting| drifting.open);
            let is_new = was_right || !(watching.enforces || is_open);
            match known {
                Some(drifting) if is_new => drifting.again(now),
                Some(drifting) if is_open => drifting.last_seen = now,
                None if is_new && room => self.0.push(Drifting::new(&difference.id, now)),
                None if is_new => sighted.forgotten += 1,
                Some(_) | None => {}
            }
            sighted.changed |= is_new && room;
            if was_right && watching.enforces {
                sighted.away.push(difference.id.clone());
                self.judge(&difference.id, watching);
            }
        }
        let all = self.0.len();
        let ignored = |id: &ItemId| after.ignored.iter().any(|difference| difference.id == *id);
        self.0.retain(|drifting| !ignored(&drifting.id) && (drifting.open || after_day(drifting.last_seen) > now));
        sighted.changed |= self.0.len() < all;
        sighted
    }

    /// Holds an item that was put right too often in the last day.
    fn judge(&mut self, id: &ItemId, Watching { limit, now, .. }: Watching) {
        let Some(drifting) = self.0.iter_mut().find(|drifting| drifting.id == *id) else { return };
        drifting.healed.retain(|healed| after_day(*healed) > now);
        if drifting.healed.len() >= limit.min(HEALS) {
            drifting.held = drifting.held.or(Some(TugOfWar::Item));
        }
    }

    /// Notes that the phone took a write of this item. Whether that put drift right.
    pub(super) fn heal(&mut self, id: &ItemId, now: Timestamp) -> bool {
        let Some(drifting) = self.0.iter_mut().find(|drifting| drifting.id == *id && drifting.open) else {
            return false;
        };
        drifting.healed.retain(|healed| after_day(*healed) > now);
        if drifting.healed.len() < HEALS {
            drifting.healed.push(now);
        }
        true
    }

    /// Holds what differs now because of the whole site. Whether anything changed.
    pub(super) fn hold_for_site(&mut self) -> bool {
        let mut changed = false;
        for drifting in self.0.iter_mut().filter(|drifting| drifting.open && drifting.held.is_none()) {
            drifting.held = Some(TugOfWar::Site);
            changed = true;
        }
        changed
    }

    /// Lets go what was held for the whole site. Whether anything changed.
    pub(super) fn release_for_site(&mut self) -> bool {
        let mut changed = false;
        for drifting in self.0.iter_mut().filter(|drifting| drifting.held == Some(TugOfWar::Site)) {
            drifting.held = None;
            changed = true;
        }
        changed
    }

    /// Lets go all that is held, and counts anew. Whether anything changed.
    pub(super) fn release(&mut self) -> bool {
        let mut changed = false;
        for drifting in self.0.iter_mut().filter(|drifting| drifting.held.is_some()) {
            drifting.held = None;
            drifting.healed.clear();
            changed = true;
        }
        changed
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

impl Drifting {
    fn new(id: &ItemId, now: Timestamp) -> Self {
        let id = id.clone();
        Self { id, first_seen: now, last_seen: now, times: 1, open: true, healed: Vec::new(), held: None }
    }

    fn again(&mut self, now: Timestamp) {
        self.last_seen = now;
        self.times = self.times.saturating_add(1);
        self.open = true;
    }
}

fn after_day(time: Timestamp) -> Timestamp {
    after(time, DAY)
}

impl Phone {
    /// What is held, as people see it.
    pub(super) fn held_view(&self) -> Vec<TugView> {
        let view = |drifting: &Drifting| {
            Some(TugView {
                item: drifting.id.name.to_string(),
                index: drifting.id.index.map(|index| index.0),
                cause: drifting.held?,
                times: drifting.times,
                last_seen: drifting.last_seen,
            })
        };
        let lacks = |id: &ItemId| self.assessment.comparison.lacks(id);
        let left = |drifting: &&Drifting| !lacks(&drifting.id) && !self.ignored(&drifting.id);
        self.drifts.iter().filter(left).filter_map(view).take(LIST_LIMIT).collect()
    }

    /// Keeps of what drifts only what another goal does not touch: an item of which another value is wanted begins anew,
    /// and so does a phone that is armed.
    pub(super) fn keep_drifts(&mut self, old: Option<&Goal>, new: &Goal) {
        if self.drifts.is_empty() {
            return;
        }
        let Some(old) = old else { return self.drifts.clear() };
        let armed = |goal: &Goal| goal.desired.policy.mode == Mode::Enforce;
        if armed(new) && !armed(old) {
            return self.drifts.clear();
        }
        let asks = |goal: &Goal, id: &ItemId| goal.desired.get(id).map(|item| meaning(item, &goal.desired));
        self.drifts.0.retain(|drifting| {
            let wanted = asks(new, &drifting.id);
            wanted.is_some() && wanted == asks(old, &drifting.id)
        });
        if old.desired.site != new.desired.site {
            self.drifts.release_for_site();
        }
    }
}
