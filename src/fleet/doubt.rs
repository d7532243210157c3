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
    spec::{LockoutItems, Mode, Restart, SiteName},
    wpi::ItemId,
};

/// What is asked of a phone that can make it vanish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vanishing {
    /// Two that are equal ask for the same.
    pub values: Option<u64>,
    /// Whether it may be written.
    pub allowed: bool,
    /// Whether the phone may be restarted for it.
    pub restarts: bool,
}

impl Vanishing {
    /// Whether something else is to be written from now on than `before`.
    pub fn is_news_after(self, before: Self) -> bool {
        self.allowed && self.values.is_some() && self != before
    }

    /// Whether the values themselves are others than `before`, or taken back.
    pub fn replaces(self, before: Self) -> bool {
        before.values.is_some() && self.values != before.values
    }
}

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
    /// When an earlier message of the same doubt left, which it took. The time of one that a call stopped is not kept
    /// (promise 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// From when on the phone counts as silent.
    #[serde(skip)]
    pub until: Option<Timestamp>,
    /// Whether it was told that the phone is silent.
    #[serde(skip)]
    pub told: bool,
    /// Whether it took its place on the ladder: one that was released takes none again.
    #[serde(skip)]
    pub placed: bool,
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
        self.taken = self.before.is_some();
        match self.before {
            Some(before) => self.at = before,
            None => self.over = Some(false),
        }
    }
}

impl Phone {
    /// Such a message is about to be recorded and sent; after `wait` without a word the phone counts as silent.
    pub(super) fn doubt_begins(&mut self, site: &SiteName, wait: Duration, now: Timestamp) {
        let before = self.doubt.as_deref().filter(|doubt| doubt.over.is_none());
        let (site, before) =
            before.map_or_else(|| (site.clone(), None), |old| (old.site.clone(), old.taken.then_some(old.at)));
        self.doubt = Some(Box::new(Doubt {
            site,
            at: now,
            taken: false,
            before,
            until: Some(after(now, wait)),
            told: false,
            placed: false,
            asked: 0,
            over: None,
        }));
    }

    /// Whether its site waits for it, and it may still call in time.
    pub(super) fn is_awaited(&self) -> bool {
        self.doubt.as_ref().is_some_and(|doubt| doubt.over.is_none() && !doubt.told)
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

    /// A restart leaves that makes what was written count: only what comes after it proves anything. `vanishing` = items
    /// are among it that can make the phone vanish, also where the write of them left no doubt.
    pub(super) fn doubt_restarts(&mut self, vanishing: bool, site: &SiteName, wait: Duration, now: Timestamp) {
        if vanishing || self.doubt.is_some() {
            self.doubt_begins(site, wait, now);
            self.doubt_answered(true);
        }
    }

    /// The phone calls. Phones need time to apply what they take: a call within `rest` proves something only if
    /// the phone has started in between. While a restart is due that may leave, what was written does not count yet; a
    /// phone that did not start after it proves nothing.
    pub(super) fn doubt_heard(&mut self, started: bool, rest: Duration, now: Timestamp) {
        let restart_due = !started && self.restart_due() && self.hands_off().is_none();
        let sent = self.restart.as_ref().is_some_and(|restart| restart.sent.is_some() && !restart.items.is_empty());
        let Some(doubt) = self.doubt.as_mut().filter(|doubt| doubt.over.is_none()) else { return };
        if restart_due {
            doubt.until = None;
        } else if doubt.taken && (started || now >= after(doubt.at, rest)) {
            doubt.over = Some(started || !sent);
        }
    }

    /// All was read, in a session that the phone began after a write without a reply: either it took the items, or not.
    pub(super) fn doubt_read(&mut self, catalogue: &Catalogue) {
        if !self.doubt.as_ref().is_some_and(|doubt| !doubt.taken && doubt.over.is_none()) {
            return;
        }
        let differs = self.differing().any(|item| catalogue.can_vanish(item.id.name.as_str()));
        if let Some(doubt) = &mut self.doubt {
            doubt.undo();
            if !differs || doubt.taken {
                doubt.over = Some(true);
            }
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

    /// What this asks for that can make the phone vanish.
    pub fn vanishing(&self, catalogue: &Catalogue) -> Vanishing {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let policy = &self.desired.policy;
        let allowed = policy.mode == Mode::Enforce && policy.lockout_items == LockoutItems::Allow;
        let mut hasher = DefaultHasher::new();
        let mut any = false;
        for item in self.desired.items.iter().filter(|item| catalogue.can_vanish(item.id.name.as_str())) {
            any = true;
            item.id.hash(&mut hasher);
            super::goal::meaning(item, &self.desired).hash(&mut hasher);
        }
        Vanishing { values: any.then(|| hasher.finish()), allowed, restarts: policy.restart == Restart::Allow }
    }
}
