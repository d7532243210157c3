//! What a session brought to light, until the fleet hears of it: changes for the history, and items that drifted.
//!
//! A write is told when it is known what became of it: at once where the phone refused it or where it cannot be read
//! back, else at the next read, and at the end of the session at the latest.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    diff::Comparison,
    drift::{Sighted, Watching},
    history::Change,
    observed::{Entry, ObservedSet, Readings},
    phone::Phone,
    reset::Reset,
    session::Surroundings,
    settings::Settings,
    words::{ChangeCause, ChangeResult},
};
use crate::{
    catalogue::Catalogue,
    spec::{DesiredValue, Mode},
    wpi::{Index, ItemId, ItemName, ItemStatus, secret::MASK},
};

/// Most changes that wait for the end of a session; above, the oldest are told as they are.
const WAITING: usize = 2_000;

/// What is not told yet.
#[derive(Debug, Default)]
pub struct News {
    /// What is known.
    pub(super) changes: Vec<Change>,
    /// Writes that the phone took and that are not read back.
    pub(super) written: Vec<Change>,
    /// Writes that were told as accepted and may be read back yet.
    pub(super) told: Vec<ItemId>,
    /// Items from which the phone went away, with what it was read to have.
    pub(super) away: Vec<(ItemId, Option<SmolStr>)>,
    /// How many drift beyond what is remembered.
    pub(super) forgotten: usize,
}

/// How a phone stood before a read.
#[derive(Debug)]
pub(super) struct Before {
    comparison: Comparison,
    changed: Vec<(ItemId, SmolStr, SmolStr)>,
}

impl Phone {
    /// Takes over readings of managed items; [`Self::saw`] is to follow as soon as the phone is assessed anew.
    pub(super) fn look(&mut self, readings: &Readings, catalogue: &Catalogue) -> Before {
        let changed = self.observe(readings).map(|old| changes(&old, &self.observed, catalogue)).unwrap_or_default();
        Before { comparison: std::mem::take(&mut self.assessment.comparison), changed }
    }

    /// Notes what the read before the last assessment brought to light.
    pub(super) fn saw(&mut self, before: Before, catalogue: &Catalogue, settings: &Settings, now: Timestamp) {
        let Some(policy) = self.goal.as_ref().map(|goal| &goal.desired.policy) else { return };
        let enforces = policy.mode == Mode::Enforce && !settings.report_only;
        let watching = Watching { enforces, limit: policy.self_heal_limit.into(), now };
        let own = self.found_written(&before, now);
        let sighted = if self.reset == Reset::Seen {
            // a phone that was reset did not drift: it is set up anew
            self.drifts.clear();
            Sighted { changed: true, ..Sighted::default() }
        } else {
            self.drifts.saw(&before.comparison, &self.assessment.comparison, watching)
        };
        if sighted.changed {
            self.unsaved = true;
            self.judge(catalogue);
        }
        let read_back = self.read_back(catalogue);
        let seen: Vec<Change> = before
            .changed
            .into_iter()
            .filter(|(id, ..)| !read_back.contains(id) && !self.is_told(id))
            .map(|(id, old, new)| {
                let cause = own.iter().find(|(own, _)| *own == id).map(|(_, cause)| *cause);
                self.seen(id, old, new, cause, now)
            })
            .collect();
        if seen.is_empty() && sighted.away.is_empty() && sighted.forgotten == 0 {
            return;
        }
        let drift = self.assessment.comparison.drift.as_ref().map_or(&[][..], |drift| drift.items());
        let observed =
            |id: &ItemId| drift.iter().find(|drift| drift.id == *id).and_then(|drift| drift.observed.clone());
        let away: Vec<_> = sighted.away.into_iter().map(|id| (id.clone(), observed(&id))).collect();
        let news = self.news.get_or_insert_default();
        news.changes.extend(seen);
        news.away.extend(away);
        news.forgotten += sighted.forgotten;
    }

    /// Tells the writes whose items are known by now: those that compare, after a read. Gives their ids.
    fn read_back(&mut self, catalogue: &Catalogue) -> Vec<ItemId> {
        let Some(news) = &mut self.news else { return Vec::new() };
        let written = std::mem::take(&mut news.written);
        let ids = written.iter().map(|change| change.item.clone()).collect();
        for mut change in written {
            let now = self.observed.get(&change.item).and_then(|seen| seen.text().map(SmolStr::new));
            if catalogue.same(change.item.name.as_str(), change.new.as_deref(), now.as_deref()) {
                change.result = ChangeResult::Proven;
                // it went along with its group, and was so before
                if change.old.is_some()
                    && catalogue.same(change.item.name.as_str(), change.old.as_deref(), now.as_deref())
                {
                    continue;
                }
            }
            news.changes.push(change);
        }
        ids
    }

    /// The items that read right for the first time after phoneops sent them without hearing of it, or without reading
    /// them back, and why it sent them. What it put right counts as such also where the reply was lost.
    fn found_written(&mut self, before: &Before, now: Timestamp) -> Vec<(ItemId, ChangeCause)> {
        let in_flight = self.in_flight.as_ref().map_or(&[][..], |in_flight| &in_flight.items);
        let sent = |id: &ItemId| self.unverified || in_flight.contains(id);
        let found = before.changed.iter().map(|(id, ..)| id).filter(|id| sent(id));
        let found = found.filter(|id| self.assessment.comparison.right(id));
        let own: Vec<_> = found.map(|id| (id.clone(), self.cause_of(id), in_flight.contains(id))).collect();
        for (id, ..) in own.iter().filter(|(.., unanswered)| *unanswered) {
            self.drifts.heal(id, now);
        }
        own.into_iter().map(|(id, cause, _)| (id, cause)).collect()
    }

    /// Whether this change is in the history already, as a write that was accepted.
    fn is_told(&self, id: &ItemId) -> bool {
        self.news.as_ref().is_some_and(|news| news.told.contains(id)) && self.assessment.comparison.right(id)
    }

    /// A change that was read: by phoneops for this cause, or by somebody else.
    fn seen(&self, item: ItemId, old: SmolStr, new: SmolStr, own: Option<ChangeCause>, now: Timestamp) -> Change {
        let (cause, result) =
            own.map_or((ChangeCause::Drift, ChangeResult::Seen), |cause| (cause, ChangeResult::Proven));
        self.change(item, Some(old), Some(new), cause, result, now)
    }

    /// Notes what became of the items of one message that the phone answered.
    pub(super) fn note_written<'a>(
        &mut self,
        sent: impl Iterator<Item = (&'a ItemId, &'a DesiredValue)>,
        status: impl Fn(&ItemId) -> Option<&'a ItemStatus>,
        around: &Surroundings<'_>,
    ) {
        let mut told = Vec::new();
        let mut waiting = Vec::new();
        for (id, value) in sent {
            let old = self.observed.get(id).and_then(|seen| seen.text().map(SmolStr::new));
            let (old, new) = match value {
                DesiredValue::Text(text) => (old, text.clone()),
                DesiredValue::Secret(_) => (Some(MASK.into()), MASK.into()),
            };
            let cause = self.cause_of(id);
            let result = if status(id).is_some() { ChangeResult::Refused } else { ChangeResult::Accepted };
            let mut change = self.change(id.clone(), old, Some(new), cause, result, around.now);
            change.word = status(id).map(|status| status.as_str().into());
            if result == ChangeResult::Accepted {
                self.drifts.heal(id, around.now);
            }
            if result == ChangeResult::Accepted && around.catalogue.compares(id.name.as_str()) {
                waiting.push(change);
            } else {
                told.push(change);
            }
        }
        let news = self.news.get_or_insert_default();
        news.changes.extend(told);
        news.written.extend(waiting);
        let too_many = news.written.len().saturating_sub(WAITING);
        news.changes.extend(news.written.drain(..too_many));
    }

    fn cause_of(&self, id: &ItemId) -> ChangeCause {
        let is_seed = self
            .goal
            .as_ref()
            .is_some_and(|goal| goal.desired.get(id).is_none() && goal.desired.seeds.iter().any(|seed| seed.id == *id));
        match (is_seed, self.drifts.is_open(id)) {
            (true, _) => ChangeCause::Seed,
            (false, true) => ChangeCause::Drift,
            (false, false) => ChangeCause::Revision,
        }
    }

    fn change(
        &self,
        item: ItemId,
        old: Option<SmolStr>,
        new: Option<SmolStr>,
        cause: ChangeCause,
        result: ChangeResult,
        at: Timestamp,
    ) -> Change {
        let name = self.name().cloned();
        let revision = self.goal.as_ref().map(|goal| goal.revision.clone());
        let device = self.device.clone();
        Change { at, device, name, item, old, new, cause, revision, result, word: None, of_user: false }
    }
}

/// What two observations tell differently, by meaning. What was not observed before did not change.
fn changes(old: &ObservedSet, new: &ObservedSet, catalogue: &Catalogue) -> Vec<(ItemId, SmolStr, SmolStr)> {
    let mut changed = Vec::new();
    let mut before = old.iter().peekable();
    for Entry { name, index, seen } in new {
        let order = |entry: &Entry<'_>| entry.name.cmp(name).then(entry.index.cmp(&index));
        while before.next_if(|entry| order(entry).is_lt()).is_some() {}
        let Some(entry) = before.next_if(|entry| order(entry).is_eq()) else { continue };
        let (Some(was), Some(is)) = (entry.seen.text(), seen.text()) else { continue };
        if was == is || catalogue.same(name, Some(was), Some(is)) {
            continue;
        }
        if let Some(id) = id_of(name, index) {
            changed.push((id, SmolStr::new(was), SmolStr::new(is)));
        }
    }
    changed
}

fn id_of(name: &str, index: Option<Index>) -> Option<ItemId> {
    Some(ItemId::new(ItemName::new(name).ok()?, index))
}
