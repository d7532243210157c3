//! What becomes of an Abandoned phone: a person has its account taken off it (R-1220), or has it forgotten as it is. Until
//! then nothing is written to it.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;

use super::{
    ContactAnswer, Fleet,
    goal::Goal,
    phone::{Newest, Phone},
};
use crate::{
    catalogue::{Access, Catalogue, GroupKey, Kind},
    spec::{Desired, DesiredItem, DesiredValue, Digest, Mode, Revision, desired::LayerValue},
    wpi::{DeviceId, ItemId, ItemName},
};

/// What a release is called where a revision stands.
pub const RELEASE: &str = "release";

/// What becomes of the wish to release a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseAnswer {
    /// Its account is taken off it at its next session; when it is asked to call.
    Taken(ContactAnswer),
    /// It is not released, and why.
    Refused(&'static str),
    /// Nobody knows such a phone.
    NotFound,
}

/// What becomes of the wish to forget a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DismissAnswer {
    /// It is undeclared from now on.
    Done,
    /// It is not forgotten, and why.
    Refused(&'static str),
    /// Nobody knows such a phone.
    NotFound,
}

impl Fleet {
    /// Has the account of an Abandoned phone taken off it, once; then it is forgotten. A document that declares it again
    /// ends that.
    pub fn release(&mut self, device: &DeviceId, now: Timestamp) -> ReleaseAnswer {
        let Some(phone) = self.phones.get_mut(device) else { return ReleaseAnswer::NotFound };
        let goal = match phone.goal.take() {
            Some(goal) if phone.newest == Newest::Gone => goal,
            goal => {
                phone.goal = goal;
                return ReleaseAnswer::Refused(NOT_ABANDONED);
            }
        };
        if goal.documents.policy.mode != Mode::Enforce {
            phone.goal = Some(goal);
            return ReleaseAnswer::Refused(
                "nothing was ever written to it, for its mode was not Enforce: `phoneops dismiss` forgets it",
            );
        }
        let documents = Arc::new(without_account(&goal.documents, &self.catalogue));
        phone.newest = Newest::Released;
        phone.put_backs.clear();
        phone.goal = Some(goal);
        phone.take_goal(Goal::new(documents, &[], Revision::new(RELEASE)), &self.catalogue);
        phone.note_safety(&self.catalogue);
        phone.assess(&self.catalogue);
        phone.calling.forgive();
        self.save(device, now);
        let contact = self.ask_to_call(device, now);
        self.schedule(device, now);
        ReleaseAnswer::Taken(contact)
    }

    /// Forgets an Abandoned phone as it is: nothing is written to it.
    pub fn dismiss(&mut self, device: &DeviceId, now: Timestamp) -> DismissAnswer {
        let Some(phone) = self.phones.get(device) else { return DismissAnswer::NotFound };
        if phone.goal.is_none() || !matches!(phone.newest, Newest::Gone | Newest::Released) {
            return DismissAnswer::Refused(NOT_ABANDONED);
        }
        if phone.flow.is_some() {
            return DismissAnswer::Refused("a session with it is under way; try again when it is over");
        }
        self.forget(device, now);
        DismissAnswer::Done
    }

    /// A released phone that was read to have no account any more is forgotten.
    pub(super) fn finish_release(&mut self, device: &DeviceId, now: Timestamp) {
        if self.phones.get(device).is_some_and(|phone| phone.has_no_account()) {
            self.forget(device, now);
        }
    }

    /// A phone is nobody's from now on; what it said of itself stays known.
    fn forget(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(mut phone) = self.phones.remove(device) else { return };
        self.unindex(&phone);
        self.timers.reset(device, phone.wake.take(), None);
        self.turns.leave(device, now);
        phone.doubt_dropped();
        let mut undeclared = Box::new(Phone::new(device.clone()));
        undeclared.facts = phone.facts;
        self.make_room();
        self.index(&undeclared);
        self.phones.insert(device.clone(), undeclared);
        self.follow_doubt(device, now);
        self.save(device, now);
    }
}

const NOT_ABANDONED: &str = "it is not Abandoned: take it out of the documents first";

impl Phone {
    fn has_no_account(&self) -> bool {
        let read = self.read_at.is_some() && !self.unverified && self.in_flight.is_none();
        let done = self.due.is_empty() && self.assessment.comparison.drift.is_none() && self.refused.is_empty();
        self.newest == Newest::Released && read && done
    }

    pub(super) fn release_note(&self) -> Option<String> {
        let note = "no document names it any more, and its account is being taken off it; then it is forgotten";
        (self.newest == Newest::Released).then(|| note.to_owned())
    }
}

/// A desired state of the same phone in which nothing is wanted but that it has no account (R-1220).
fn without_account(documents: &Desired, catalogue: &Catalogue) -> Desired {
    let Ok(number) = ItemName::new("e164") else { return documents.clone() };
    let account = catalogue.group(&ItemId::new(number, None));
    let is_text = |kind| matches!(kind, Kind::String | Kind::Hostname | Kind::Secret);
    let mut items: BTreeMap<ItemId, DesiredItem> = BTreeMap::new();
    for item in catalogue.iter().filter(|item| is_text(item.kind) && item.access != Access::ReadOnly) {
        let Ok(name) = ItemName::new(&item.name) else { continue };
        let id = ItemId::new(name, None);
        let of_account = matches!(account, GroupKey::Group(..)) && catalogue.group(&id) == account;
        if let Some(text) = catalogue.cleared(&item.name).filter(|_| of_account) {
            let value = DesiredValue::Text(SmolStr::new(text));
            items.insert(id.clone(), DesiredItem { value: Arc::new(LayerValue { id, value, origin: None }) });
        }
    }
    let mut hash = Sha256::new();
    hash.update(RELEASE);
    hash.update(documents.digest.0);
    Desired {
        items: items.into_values().collect(),
        seeds: Box::default(),
        digest: Digest(hash.finalize().into()),
        undecided: false,
        ..documents.clone()
    }
}
