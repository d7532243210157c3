//! Undo: a person has put back what one revision changed, and nothing else. What cannot be put back is named.
//!
//! The phones with something to put back are asked to call ahead of all others. Modes, windows, pauses and the brake hold
//! for it as for every write.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    Fleet,
    gate::view::{CHANGES, NAMED, Plan, PlannedChange},
    goal::meaning,
    may_write::{Bar, bar},
    phone::Phone,
    plan::{Planned, Writes},
    put_back::{NoWayBack, PutBack, Why, restored},
    record::BeforeImage,
};
use crate::{
    catalogue::Catalogue,
    spec::{Mode, Revision, SiteName},
    wpi::{DeviceId, ItemId},
};

/// Why nothing is undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// No phone has a before-image of it.
    #[error("no phone was changed by a revision {0}; `phoneops history` names the revisions that changed something")]
    Unknown(String),
    /// It could be several.
    #[error("{0} could be {1}; give more of it")]
    Ambiguous(String, String),
    /// No phone of that site has one.
    #[error("revision {0} changed no phone of site {1}")]
    NotThere(Revision, SiteName),
}

/// What is put back, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Undo {
    /// The revision.
    pub revision: String,
    /// Phones on which something is put back.
    pub phones: usize,
    /// What is put back, the changes of most phones first.
    pub changes: Vec<PlannedChange>,
    /// Changes beyond those, not grouped.
    pub more: usize,
    /// What cannot be put back.
    pub cannot: Vec<CannotUndo>,
}

/// A change that cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CannotUndo {
    /// The item.
    pub item: String,
    /// Its index.
    pub index: Option<u32>,
    /// Why.
    pub why: String,
    /// On how many phones.
    pub phones: usize,
    /// The first ten of them.
    pub names: Vec<String>,
}

/// Why one change cannot be undone.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error("nobody can read what it was before")]
    Secret,
    #[error("revision {0} has changed it since")]
    ChangedBy(Revision),
    #[error("it was changed since")]
    ChangedSince,
    #[error("the phone refused it, and has what it had")]
    Refused,
    #[error("the mode of the phone is not Enforce")]
    Mode,
    #[error("no document declares the phone any more")]
    Abandoned,
    #[error("it {0}")]
    Barred(Bar),
    #[error("{0}")]
    NoWayBack(NoWayBack),
}

impl Fleet {
    /// Puts back what the revision changed, on the phones of `site` or on all; `act` = else it is only told.
    pub fn undo(
        &mut self,
        revision: &str,
        site: Option<&SiteName>,
        act: bool,
        now: Timestamp,
    ) -> Result<Undo, UndoError> {
        let revision = self.changed_by(revision)?;
        let of_site =
            |phone: &Phone| site.is_none_or(|site| phone.goal.as_ref().is_some_and(|goal| goal.desired.site == *site));
        let (mut plan, mut undone) = (Plan::default(), Vec::new());
        let mut cannot: BTreeMap<(ItemId, String), CannotUndo> = BTreeMap::new();
        let mut concerned = false;
        for phone in self.by_name().filter(|phone| of_site(phone)) {
            let name = phone.name().map_or_else(|| phone.device.to_string(), ToString::to_string);
            let mut put_backs = Vec::new();
            for image in phone.before_images.iter().rev().filter(|image| image.revision == revision) {
                concerned = true;
                match phone.way_back(image, &self.catalogue) {
                    Ok(put_back) => put_backs.extend(put_back),
                    Err(obstacle) => note_obstacle(&mut cannot, &image.id, &obstacle, &name),
                }
            }
            if put_backs.is_empty() {
                continue;
            }
            let planned = |put_back: &PutBack| {
                let effect = self.catalogue.effect(put_back.id.name.as_str());
                Planned {
                    id: put_back.id.clone(),
                    to: Some(put_back.value.clone()),
                    effect,
                    returns: true,
                    put_back: false,
                }
            };
            plan.add(&name, &Writes { items: put_backs.iter().map(planned).collect(), returns: true });
            undone.push((phone.device.clone(), put_backs));
        }
        if let Some(site) = site.filter(|_| !concerned) {
            return Err(UndoError::NotThere(revision, site.clone()));
        }
        let phones = undone.len();
        if act {
            for (device, put_backs) in undone {
                self.put_back(&device, put_backs, now);
            }
        }
        let (changes, more) = plan.into_changes();
        Ok(Undo { revision: revision.to_string(), phones, changes, more, cannot: cannot.into_values().collect() })
    }

    /// The revision that a person means: its name or the first characters of it.
    fn changed_by(&self, asked: &str) -> Result<Revision, UndoError> {
        let images = self.phones.values().flat_map(|phone| phone.before_images.iter());
        let mut found: Vec<&Revision> = Vec::new();
        for image in images.filter(|image| !asked.is_empty() && image.revision.as_str().starts_with(asked)) {
            if image.revision.as_str() == asked {
                return Ok(image.revision.clone());
            }
            if found.len() < NAMED && !found.contains(&&image.revision) {
                found.push(&image.revision);
            }
        }
        match found.as_slice() {
            [] => Err(UndoError::Unknown(asked.to_owned())),
            [one] => Ok((*one).clone()),
            several => {
                let names: Vec<&str> = several.iter().map(|revision| revision.as_str()).collect();
                Err(UndoError::Ambiguous(asked.to_owned(), names.join(" or ")))
            }
        }
    }

    fn put_back(&mut self, device: &DeviceId, put_backs: Vec<PutBack>, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(device) else { return };
        let Some(goal) = phone.goal.take() else { return };
        phone.put_backs.retain(|known| put_backs.iter().all(|put_back| put_back.id != known.id));
        phone.put_backs.extend(put_backs);
        phone.put_backs.sort_by(|a, b| a.id.cmp(&b.id));
        phone.amend(goal.documents, goal.revision);
        phone.note_safety(&self.catalogue);
        phone.assess(&self.catalogue);
        phone.look_wanted = true;
        phone.calling.forgive();
        self.save(device, now);
        self.schedule(device, now);
    }
}

fn note_obstacle(cannot: &mut BTreeMap<(ItemId, String), CannotUndo>, id: &ItemId, obstacle: &Obstacle, name: &str) {
    let key = (id.clone(), obstacle.to_string());
    if cannot.len() >= CHANGES && !cannot.contains_key(&key) {
        return;
    }
    let cannot = cannot.entry(key).or_insert_with_key(|(id, why)| CannotUndo {
        item: id.name.to_string(),
        index: id.index.map(|index| index.0),
        why: why.clone(),
        phones: 0,
        names: Vec::new(),
    });
    cannot.phones += 1;
    if cannot.names.len() < NAMED {
        cannot.names.push(name.to_owned());
    }
}

impl Phone {
    /// What puts back what this image is of; `None` = the phone has it, or will have.
    fn way_back(&self, image: &BeforeImage, catalogue: &Catalogue) -> Result<Option<PutBack>, Obstacle> {
        let (id, name) = (&image.id, image.id.name.as_str());
        let Some(goal) = self.goal.as_ref().filter(|_| self.declared()) else { return Err(Obstacle::Abandoned) };
        if image.secret {
            return Err(Obstacle::Secret);
        }
        let newest = self.before_images.of(id).next_back();
        if let Some(newest) = newest.filter(|newest| newest.revision != image.revision) {
            return Err(Obstacle::ChangedBy(newest.revision.clone()));
        }
        let same = |a: Option<&SmolStr>, b: Option<&SmolStr>| {
            catalogue.same(name, a.map(SmolStr::as_str), b.map(SmolStr::as_str))
        };
        let observed = self.observed.get(id).map(|seen| seen.text().map(SmolStr::new));
        let wanted = goal.desired.get(id).map(|item| item.value.value.as_text().map(SmolStr::new));
        if wanted.as_ref().is_some_and(|wanted| same(wanted.as_ref(), image.old.as_ref())) {
            return Ok(None);
        }
        if observed.as_ref().is_some_and(|observed| same(observed.as_ref(), image.old.as_ref())) {
            let refused = self.refused.iter().any(|refused| refused.id == *id);
            return Err(if refused { Obstacle::Refused } else { Obstacle::ChangedSince });
        }
        let other = |value: &Option<Option<SmolStr>>| {
            value.as_ref().is_some_and(|value| !same(value.as_ref(), image.new.as_ref()))
        };
        if other(&wanted) || other(&observed) {
            return Err(Obstacle::ChangedSince);
        }
        if goal.desired.policy.mode != Mode::Enforce {
            return Err(Obstacle::Mode);
        }
        if let Some(bar) = bar(catalogue, &goal.desired.policy, id) {
            return Err(Obstacle::Barred(bar));
        }
        let value = restored(name, image.old.as_ref(), catalogue).map_err(Obstacle::NoWayBack)?;
        let against = goal.documents.get(id).map(|item| meaning(item, &goal.documents));
        let why = Why::Undone { revision: image.revision.clone(), against };
        Ok(Some(PutBack { id: id.clone(), value, why }))
    }
}
