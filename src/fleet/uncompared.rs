//! Items that never compare (R-1212): when one is due, and what is known of those that are not.
//!
//! A write-only item is due when what was in force did not have it ([`Phone::take_goal`]), when its content is another
//! one than the fingerprint says ([`Phone::weigh`]), after a factory reset and when a person says so
//! ([`Phone::write_anew`]). It goes along when its group is written. Otherwise it is left alone (promise 8).
//!
//! **Invariant.** An item that is due has no confirmed or assumed fingerprint of the content that is wanted: so a content that comes back
//! before it was written takes the item off the list, and what a person or a reset asked for stays on it.

use super::{
    fingerprint::{Fingerprint, FingerprintKey, Known},
    goal::meaning,
    phone::{Newest, Phone},
    sending::text_of,
    session::Surroundings,
    show::some_names,
};
use crate::{
    catalogue::Catalogue,
    spec::{DesiredItem, Mode, Wanted},
    wpi::{Item, ItemId, ItemStatus},
};

/// How often one content leaves without an answer, before a person is asked.
const SENDS: u8 = 2;

impl Phone {
    /// Compares the content that is wanted now with the fingerprints, after a revision was taken over. An item of which
    /// nothing is known is assumed to be right from now on: its fingerprint is kept, so that a change is seen later.
    pub(super) fn weigh(&mut self, wanted: &Wanted, key: Option<&FingerprintKey>, catalogue: &Catalogue) {
        self.unsaved |= std::mem::take(&mut self.unsure);
        let (Some(goal), Some(key)) = (self.goal.clone(), key) else { return };
        for item in goal.desired.items.iter().filter(|item| !catalogue.compares(item.id.name.as_str())) {
            let Some(content) = text_of(item, &goal.desired, Some(wanted)) else { continue };
            let print = key.fingerprint(&self.device, &item.id, &content);
            match self.fingerprints.get(&item.id) {
                Some((Known::Refused, known)) if known == print => {}
                Some((Known::Refused, _)) => {
                    self.refused.retain(|refused| refused.id != item.id);
                    self.fingerprints.remove(&item.id);
                    self.make_due(&item.id);
                }
                Some((_, known)) if known == print => self.not_due(&item.id),
                Some(_) => {
                    self.refused.retain(|refused| refused.id != item.id);
                    self.make_due(&item.id);
                }
                None if self.due.contains(&item.id) => {}
                None => {
                    self.fingerprints.set(key.id(), &item.id, Known::Assumed, print);
                    self.unsaved = true;
                }
            }
        }
    }

    /// The fingerprints of what is about to be sent. An item whose content is not known to be on the phone is due until
    /// that is confirmed, whatever made it go along.
    pub(super) fn about_to_send(&mut self, items: &[Item], around: &Surroundings<'_>) -> Vec<(ItemId, Fingerprint)> {
        let (Some(goal), Some(key)) = (self.goal.clone(), around.key) else { return Vec::new() };
        let mut prints = Vec::new();
        for item in items.iter().filter(|item| !around.catalogue.compares(item.id.name.as_str())) {
            if goal.desired.get(&item.id).is_none() {
                continue;
            }
            let print = key.fingerprint(&self.device, &item.id, &item.text);
            if self.fingerprints.get(&item.id).is_some_and(|(_, known)| known != print) {
                self.make_due(&item.id);
                self.fingerprints.remove(&item.id);
            }
            self.fingerprints.leaves(key.id(), &item.id, print);
            prints.push((item.id.clone(), print));
        }
        prints
    }

    /// The phone took these, but for those that it refused: their fingerprints are kept. One that it refused stays due,
    /// also when it only went along with its group, and so is one whose content has changed since it was sent.
    pub(super) fn sent(
        &mut self,
        sent: &[(ItemId, Fingerprint)],
        is_refused: impl Fn(&ItemId) -> bool,
        around: &Surroundings<'_>,
    ) {
        let (Some(goal), Some(key)) = (self.goal.clone(), around.key) else { return };
        for (id, print) in sent {
            self.fingerprints.answered(id);
            let Some(item) = goal.desired.get(id) else { continue };
            let refused = is_refused(id);
            let known = if refused { Known::Refused } else { Known::Confirmed };
            self.fingerprints.set(key.id(), id, known, *print);
            let now = text_of(item, &goal.desired, around.wanted());
            if refused || now.is_some_and(|content| key.fingerprint(&self.device, id, &content) != *print) {
                self.make_due(id);
            }
        }
    }

    /// Gives up items that left twice with the content that is wanted and without an answer: they may be on the phone, and
    /// nobody can read them there. They are told as refused until another content is wanted or a person has them tried
    /// again (promise 3).
    pub(super) fn give_up_unanswered(&mut self, around: &Surroundings<'_>) {
        let (Some(goal), Some(key)) = (self.goal.clone(), around.key) else { return };
        let mut given_up = false;
        for id in self.due.clone() {
            let Some(item) = goal.desired.get(&id).filter(|_| !self.refused_as_is(&id)) else { continue };
            let Some(content) = text_of(item, &goal.desired, around.wanted()) else { continue };
            let print = key.fingerprint(&self.device, &id, &content);
            if self.fingerprints.unanswered(&id, print) >= SENDS {
                self.fingerprints.answered(&id);
                self.fingerprints.set(key.id(), &id, Known::Refused, print);
                let unknown = ItemStatus::from_wire("sent twice without an answer, outcome unknown");
                self.refuse(&id, meaning(item, &goal.desired), unknown, around.now);
                given_up = true;
            }
        }
        if given_up {
            self.assess(around.catalogue);
        }
    }

    /// All items that never compare are to be written, whatever is known of them; how many there are.
    pub(super) fn write_anew(&mut self, catalogue: &Catalogue) -> usize {
        let Some(goal) = self.goal.clone() else { return 0 };
        let ids = goal.desired.items.iter().filter(|item| !catalogue.compares(item.id.name.as_str()));
        let ids: Vec<ItemId> = ids.map(|item| item.id.clone()).collect();
        for id in &ids {
            self.fingerprints.remove(id);
            self.fingerprints.answered(id);
            self.make_due(id);
        }
        self.unsaved |= !ids.is_empty();
        ids.len()
    }

    /// Everything that the phone refused or did not have is to be tried again; how many items that are.
    pub(super) fn forget_refusals(&mut self) -> usize {
        self.retry_seeds();
        for refused in &self.refused {
            if matches!(self.fingerprints.get(&refused.id), Some((Known::Refused, _))) {
                self.fingerprints.remove(&refused.id);
            }
        }
        self.cautious = false;
        self.try_again()
    }

    /// Items that never compare, which phoneops has not written and trusts to be right.
    pub(super) fn assumed<'a>(&'a self, catalogue: &'a Catalogue) -> impl Iterator<Item = &'a ItemId> {
        let items: &[DesiredItem] = self.goal.as_ref().map_or(&[], |goal| &goal.desired.items);
        let uncompared = items.iter().map(|item| &item.id).filter(|id| !catalogue.compares(id.name.as_str()));
        let confirmed = |id: &ItemId| matches!(self.fingerprints.get(id), Some((Known::Confirmed, _)));
        uncompared.filter(move |id| !confirmed(id) && !self.due.contains(id) && !self.refused_as_is(id))
    }

    /// What is to be written and stands in no drift, since nobody compares it: who arms a phone should know.
    pub(super) fn due_note(&self, catalogue: &Catalogue) -> Option<String> {
        let goal = self.goal.as_ref().filter(|_| matches!(self.newest, Newest::Declared))?;
        if goal.desired.policy.mode == Mode::Off {
            return None;
        }
        let words = |what: &str, ids: Vec<&ItemId>| (!ids.is_empty()).then(|| format!("{what}: {}", some_names(&ids)));
        let due = words("to be written without being compared", self.due.iter().collect());
        let seeds = words("seeds to be written", self.seeds(catalogue).map(|seed| &seed.id).collect());
        let notes: Vec<String> = due.into_iter().chain(seeds).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    fn make_due(&mut self, id: &ItemId) {
        if let Err(place) = self.due.binary_search(id) {
            self.due.insert(place, id.clone());
            self.unsaved = true;
        }
    }

    fn not_due(&mut self, id: &ItemId) {
        let before = self.due.len();
        self.due.retain(|due| due != id);
        self.unsaved |= self.due.len() < before;
    }
}
