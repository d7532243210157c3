//! A phone that was sent items that can make it vanish, until it was heard of again.
//!
//! The doubt begins before the write is recorded, so that a crash cannot lose it, and is stored with the phone. It ends
//! when the phone begins a session after it took them (and after the restart that makes them count, where one is due),
//! or when nothing came of the write. [`Doubt::over`] says which; the fleet then gives the place on the site's
//! [ladder](super::ladder) back.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{goal::Goal, phone::Phone, schedule::after};
use crate::{
    catalogue::{Catalogue, GroupKey},
    spec::{LockoutItems, Mode, SiteName},
    wpi::ItemId,
};

/// What is not known of a phone since such a write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Doubt {
    /// The site whose ladder it has a place on.
    pub site: SiteName,
    /// When the last such message left, or the restart behind it.
    pub at: Timestamp,
    /// Whether the phone said that it took them.
    #[serde(default)]
    pub taken: bool,
    /// Whether it took an earlier message of the same doubt.
    #[serde(default)]
    pub taken_before: bool,
    /// From when on the phone counts as silent.
    #[serde(skip)]
    pub until: Option<Timestamp>,
    /// Whether it was told that the phone is silent.
    #[serde(skip)]
    pub told: bool,
    /// Contact-me requests since.
    #[serde(skip)]
    pub asked: u32,
    /// The end of the doubt: whether the phone was heard of with what it took.
    #[serde(skip)]
    pub over: Option<bool>,
}

impl Doubt {
    /// Whether the phone has been silent for too long.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn undo(&mut self) {
        self.taken = self.taken_before;
        if !self.taken {
            self.over = Some(false);
        }
    }
}

impl Phone {
    /// Such a message is about to be recorded and sent; after `wait` without a word the phone counts as silent.
    pub(super) fn doubt_begins(&mut self, site: &SiteName, wait: Duration, now: Timestamp) {
        let before = self.doubt.as_deref().filter(|doubt| doubt.over.is_none());
        let (site, taken_before) = before.map_or_else(|| (site.clone(), false), |old| (old.site.clone(), old.taken));
        self.doubt = Some(Box::new(Doubt {
            site,
            at: now,
            taken: false,
            taken_before,
            until: Some(after(now, wait)),
            told: false,
            asked: 0,
            over: None,
        }));
    }

    /// The message did not leave, or changed nothing.
    pub(super) fn doubt_undone(&mut self) {
        if let Some(doubt) = &mut self.doubt {
            doubt.undo();
        }
    }

    /// The phone answered the message; whether it took any of it.
    pub(super) fn doubt_answered(&mut self, took: bool) {
        match &mut self.doubt {
            Some(doubt) if took => doubt.taken = true,
            Some(doubt) => doubt.undo(),
            None => {}
        }
    }

    /// A restart leaves that makes what was written count: only what comes after it proves anything.
    pub(super) fn doubt_restarts(&mut self, wait: Duration, now: Timestamp) {
        if let Some(doubt) = &mut self.doubt {
            doubt.at = now;
            doubt.until = Some(after(now, wait));
        }
    }

    /// The phone calls. Phones need time to apply what they take: a call within `rest` proves something only if
    /// the phone has started in between. While a restart is due, what was written does not count yet.
    pub(super) fn doubt_heard(&mut self, started: bool, rest: Duration, now: Timestamp) {
        let restart_due = !started && self.restart_due();
        let Some(doubt) = self.doubt.as_mut().filter(|doubt| doubt.over.is_none()) else { return };
        if restart_due {
            doubt.until = None;
        } else if doubt.taken && (started || now >= after(doubt.at, rest)) {
            doubt.over = Some(true);
        }
    }

    /// All was read, in a session that the phone began after a write without a reply: either it took the items, or not.
    pub(super) fn doubt_read(&mut self, catalogue: &Catalogue) {
        if !self.doubt.as_ref().is_some_and(|doubt| !doubt.taken && doubt.over.is_none()) {
            return;
        }
        let differs = self.differing().any(|item| catalogue.can_vanish(item.id.name.as_str()));
        if let Some(doubt) = &mut self.doubt {
            if differs { doubt.undo() } else { doubt.over = Some(true) }
        }
    }

    /// No document declares the phone any more: nobody waits for it.
    pub(super) fn doubt_dropped(&mut self) {
        if let Some(doubt) = &mut self.doubt {
            doubt.over = Some(false);
        }
    }
}

impl Goal {
    /// Whether this item goes out in a message that can make the phone vanish: for itself, or for others of its group.
    pub fn can_vanish(&self, catalogue: &Catalogue, id: &ItemId) -> bool {
        if catalogue.can_vanish(id.name.as_str()) {
            return true;
        }
        let group = catalogue.group(id);
        let of_group = || self.desired.items.iter().filter(|item| catalogue.group(&item.id) == group);
        matches!(group, GroupKey::Group(..)) && of_group().any(|item| catalogue.can_vanish(item.id.name.as_str()))
    }

    /// What this asks for that can make the phone vanish, and may be written; two that are equal ask for the same.
    pub fn vanishing(&self, catalogue: &Catalogue) -> Option<u64> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let policy = &self.desired.policy;
        if policy.mode != Mode::Enforce || policy.lockout_items != LockoutItems::Allow {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        let mut any = false;
        for item in self.desired.items.iter().filter(|item| catalogue.can_vanish(item.id.name.as_str())) {
            any = true;
            item.id.hash(&mut hasher);
            super::goal::meaning(item, &self.desired).hash(&mut hasher);
        }
        any.then(|| hasher.finish())
    }
}
