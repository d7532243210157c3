//! The plan of what waits at the gate, as people read it: the same change on many phones is one line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Approval, HeldRevision, Said};
use crate::{
    fleet::{
        Fleet,
        plan::{Writes, is_risky},
    },
    spec::SiteName,
    wpi::{
        ItemId,
        secret::{MASK, without_credentials},
    },
};

/// Most different changes that a plan keeps; beyond that they are counted.
pub const CHANGES: usize = 200;
/// Most phones that are named with one change.
pub const NAMED: usize = 10;
/// Most approvals that are shown.
const APPROVALS: usize = 50;

/// What a revision would change, as it is gathered.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Phones that wait.
    pub phones: usize,
    /// Phones among them that would vanish.
    pub vanishing: usize,
    /// Phones that only return to what they had, and do not wait.
    pub returned: usize,
    /// Phones that are written something that is new to them, whether they wait or not.
    pub written: usize,
    changes: Changes<(ItemId, Option<SmolStr>)>,
}

/// Changes of many phones, by what tells two of them apart: the same change on all of them is one.
#[derive(Debug, Clone)]
pub struct Changes<K> {
    found: BTreeMap<K, PlannedChange>,
    more: usize,
}

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Self { found: BTreeMap::new(), more: 0 }
    }
}

impl<K: Ord> Changes<K> {
    /// Adds a change of the phone of that name.
    pub fn add(&mut self, name: &str, key: K, make: impl FnOnce() -> PlannedChange) {
        if self.found.len() >= CHANGES && !self.found.contains_key(&key) {
            self.more += 1;
            return;
        }
        let change = self.found.entry(key).or_insert_with(make);
        change.phones += 1;
        if change.names.len() < NAMED {
            change.names.push(name.to_owned());
        }
    }

    /// Adds changes of which nothing is known but that they are.
    pub fn add_more(&mut self, more: usize) {
        self.more += more;
    }

    /// The changes, risky ones and those of most phones first, and how many are beyond them.
    pub fn into_lines(self) -> (Vec<PlannedChange>, usize) {
        let mut changes: Vec<PlannedChange> = self.found.into_values().collect();
        changes.sort_by_key(|change| std::cmp::Reverse((change.risky.is_some(), change.phones)));
        (changes, self.more)
    }
}

impl Plan {
    /// Adds a phone that waits.
    pub fn add(&mut self, name: &str, writes: &Writes) {
        self.phones += 1;
        for item in &writes.items {
            self.changes.add(name, (item.id.clone(), item.to.clone()), || PlannedChange {
                item: item.id.name.to_string(),
                index: item.id.index.map(|index| index.0),
                from: None,
                to: item.to.as_deref().map_or_else(|| MASK.to_owned(), without_credentials),
                risky: is_risky(item.effect).then(|| item.effect.as_str().to_owned()),
                put_back: item.put_back,
                phones: 0,
                names: Vec::new(),
            });
        }
    }

    /// Its changes, those of most phones first, and how many are beyond them.
    pub(in crate::fleet) fn into_changes(self) -> (Vec<PlannedChange>, usize) {
        self.changes.into_lines()
    }

    /// Adds a phone that waits to vanish.
    pub fn add_vanishing(&mut self) {
        self.phones += 1;
        self.vanishing += 1;
    }
}

/// One change of a plan. Values of secrets are `***`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// The item.
    pub item: String,
    /// Its index.
    pub index: Option<u32>,
    /// What the phones have, empty = nothing; absent where they may have different values, as in a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is to be.
    pub to: String,
    /// Its effect, where that is service, safety or lockout.
    pub risky: Option<String>,
    /// Whether nobody names the item any more, so that it is put back.
    #[serde(default)]
    pub put_back: bool,
    /// On how many phones.
    pub phones: usize,
    /// The first ten of them.
    pub names: Vec<String>,
}

/// What waits at the gate, as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldView {
    /// The revision as people name it.
    pub revision: String,
    /// What an approval is bound to.
    pub digest: String,
    /// Since when.
    pub since: Timestamp,
    /// Why it waits, a sentence each.
    pub causes: Vec<String>,
    /// Phones that wait now.
    pub phones: usize,
    /// Phones that would vanish, as it was planned.
    pub vanishing: usize,
    /// Phones that only return to what they had, and did not wait.
    pub returned: usize,
    /// Phones that wait, by site.
    pub sites: BTreeMap<SiteName, usize>,
    /// Whether `catalogue.csv` waits.
    pub catalogue: bool,
    /// What would be written, the changes of most phones first.
    pub changes: Vec<PlannedChange>,
    /// Changes beyond those, not grouped.
    pub more: usize,
    /// Who approved a part of it.
    pub approvals: Vec<Approval>,
    /// Who rejected it.
    pub rejected: Option<Said>,
}

/// The gate as the API shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateView {
    /// What waits; null = nothing.
    pub held: Option<HeldView>,
    /// What the newest revision was planned to change; null = there was none since the start.
    #[serde(default)]
    pub newest: Option<NewestView>,
}

/// What a revision was planned to change, before anything was contacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewestView {
    /// The revision.
    pub revision: String,
    /// Phones that it writes something to that is new to them.
    pub written: usize,
    /// Phones that it only returns to what they had.
    pub returned: usize,
}

impl Fleet {
    /// What waits at the gate.
    pub fn gate_view(&self) -> GateView {
        let newest = self.newest_plan().cloned();
        let Some((held, plan)) = self.held_revision() else { return GateView { held: None, newest } };
        let (vanishing, returned) = (plan.vanishing, plan.returned);
        let (changes, more) = plan.clone().into_changes();
        let sites = self.held_by_site();
        let view = HeldView {
            revision: held.name.clone(),
            digest: held.digest.to_string(),
            since: held.since,
            causes: held.causes.clone(),
            phones: sites.values().sum(),
            vanishing,
            returned,
            sites,
            catalogue: self.gate_holds_catalogue(),
            changes,
            more,
            approvals: self.service.gate.approvals.iter().take(APPROVALS).cloned().collect(),
            rejected: held.rejected.clone(),
        };
        GateView { held: Some(view), newest }
    }

    /// What stands above `status` while something waits.
    pub(in crate::fleet) fn gate_note(&self) -> Option<String> {
        let (held, _) = self.held_revision()?;
        let phones: usize = self.held_by_site().values().sum();
        let HeldRevision { name, causes, rejected, .. } = held;
        let what = causes.join("; ");
        Some(match rejected {
            Some(Said { by, reason, .. }) => {
                format!(
                    "REJECTED by {by}: {reason}. {phones} phones keep what they had before {name}; push another revision."
                )
            }
            None => format!(
                "HELD at the gate: {name}, {phones} phones: {what}. `phoneops gate` shows the plan, `phoneops approve {name}` \
                 lets it go on."
            ),
        })
    }
}
