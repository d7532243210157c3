//! What decides over emergency calls: items of effect safety. They are read at least once a day, whatever the interval of
//! other reads is; and whatever is not as it should be with them is said by name.
//!
//! They are never left alone by a rule of `policy.ignore` and never written empty (the loader sees to both), and never go
//! in one message with others than those of their group ([`batch`](super::batch)).

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Fleet,
    diff::{Comparison, Drift},
    gate::view::NAMED,
    paging::{Gathered, Key, Page, Part, of_index},
    phone::Phone,
    schedule::after,
    words::SafetyProblem,
};
use crate::{
    catalogue::{Catalogue, Effect},
    spec::{Mode, SiteName},
    wpi::ItemId,
};

/// How long such an item goes unread before a read is due.
pub const READ_EVERY: Duration = Duration::from_hours(24);
/// How long it may go unread.
pub const UNREAD: Duration = Duration::from_hours(48);

/// The same problem of the same item on phones of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SafetyView {
    /// The item.
    pub item: String,
    /// Its index.
    pub index: Option<u32>,
    /// What is wrong with it.
    pub problem: SafetyProblem,
    /// The site.
    pub site: String,
    /// On how many phones.
    pub phones: usize,
    /// The first ten of them, by name.
    pub names: Vec<String>,
}

/// All that is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SafetyList {
    /// Phones of which such items are wanted.
    pub phones: usize,
    /// The list, by item and site.
    pub problems: Vec<SafetyView>,
    /// Problems of single phones beyond it.
    pub more: usize,
    /// Where the next page starts.
    #[serde(rename = "continue", default)]
    pub next: Option<String>,
}

impl Fleet {
    /// A part of what is not as it should be with items of effect safety, on the phones of a site or on all.
    pub fn safety(&self, site: Option<&SiteName>, part: &Part, now: Timestamp) -> SafetyList {
        let mut found = Gathered::new(part, |view: &SafetyView| view.phones);
        let mut list = SafetyList::default();
        for phone in self.by_name().filter(|phone| phone.safety && phone.declared() && phone.mode() != Mode::Off) {
            let Some(goal) = phone.goal.as_ref() else { continue };
            if site.is_some_and(|site| goal.desired.site != *site) {
                continue;
            }
            list.phones += 1;
            for (id, problem) in phone.safety_problems(&self.catalogue, now) {
                let (item, index) = (id.name.to_string(), id.index.map(|index| index.0));
                let own = goal.desired.site.to_string();
                let key = Key::of([item.clone(), of_index(index), format!("{:02}", problem as u8), own.clone()]);
                let make = || SafetyView { item, index, problem, site: own, phones: 0, names: Vec::new() };
                let Some(view) = found.add(key, make) else { continue };
                view.phones += 1;
                if view.names.len() < NAMED {
                    view.names.push(goal.desired.name.to_string());
                }
            }
        }
        let Page { entries, next, more } = found.page();
        SafetyList { problems: entries, more, next, ..list }
    }
}

impl Phone {
    /// Notes whether items of effect safety are wanted of it.
    pub(super) fn note_safety(&mut self, catalogue: &Catalogue) {
        let is_safety = |id: &ItemId| catalogue.effect(id.name.as_str()) == Effect::Safety;
        self.safety = self.goal.as_ref().is_some_and(|goal| goal.desired.items.iter().any(|item| is_safety(&item.id)));
    }

    fn safety_problems(&self, catalogue: &Catalogue, now: Timestamp) -> Vec<(&ItemId, SafetyProblem)> {
        let Some(goal) = &self.goal else { return Vec::new() };
        if self.is_old_news() && !self.unread_since_return(now) {
            return Vec::new();
        }
        let known = self.read_at.or(self.wanted_since).max(self.back_since);
        let unread = known.is_none_or(|known| after(known, UNREAD) <= now);
        let of_effect = |id: &ItemId| {
            let name = id.name.as_str();
            catalogue.effect(name) == Effect::Safety && catalogue.compares(name)
        };
        let ids = goal.desired.items.iter().map(|item| &item.id).filter(|id| of_effect(id));
        ids.filter_map(|id| Some((id, self.safety_problem(id, unread, catalogue)?))).collect()
    }

    /// Whether the service was away for long, and the phone was not read since.
    pub(super) fn is_old_news(&self) -> bool {
        self.back_since.is_some_and(|back| self.read_at.is_none_or(|read| read < back))
    }

    fn unread_since_return(&self, now: Timestamp) -> bool {
        self.back_since.is_some_and(|back| after(back, UNREAD) <= now)
    }

    fn safety_problem(&self, id: &ItemId, unread: bool, catalogue: &Catalogue) -> Option<SafetyProblem> {
        if unread {
            return Some(SafetyProblem::Unread);
        }
        let Comparison { drift, lacking, .. } = &self.assessment.comparison;
        if lacking.iter().any(|lacking| lacking.id == *id) {
            return Some(SafetyProblem::Lacking);
        }
        let differs = drift.iter().flat_map(Drift::items).find(|difference| difference.id == *id)?;
        if self.refused_as_is(id) {
            return Some(SafetyProblem::Refused);
        }
        let empty = catalogue.same(id.name.as_str(), differs.observed.as_deref(), None);
        Some(if empty { SafetyProblem::Empty } else { SafetyProblem::Wrong })
    }
}
