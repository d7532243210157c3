//! Restarting a phone: for items that take effect with a restart, where `policy.restart` allows it, and when a
//! person asks for it.
//!
//! What is known of it is stored with the phone and ends with the phone's next `start-up`, whatever caused it. A
//! restart is noted as sent before it leaves and never sent again for the same cause: when no `start-up` follows, its
//! outcome is unknown, and people are told so.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    Fleet, call::CallStep, doors::Held, phone::Phone, schedule::after, show::some_names, words::PendingReason,
};
use crate::{
    catalogue::{Catalogue, Effect, GroupKey},
    spec::{Mode, Restart as RestartPolicy},
    wpi::{DeviceId, ItemId},
};

/// How long a person's wish is kept while the phone waits, from the next opening of its windows on.
const WISH_KEPT: Duration = Duration::from_hours(24);

/// A person's wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Who.
    pub by: SmolStr,
    /// When.
    pub at: Timestamp,
    /// The next opening of the phone's windows, or end of its pause, where it was held back then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Timestamp>,
}

/// What is to be said of restarting one phone since it last started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// Items that it took and that take effect with a restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemId>,
    /// A person wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
    /// When it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
}

/// What becomes of a person's wish that a phone be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestartAnswer {
    /// It is kept until the phone can be restarted; the phone is asked to call at that time, if it can be asked.
    Queued(Option<Timestamp>),
    /// Its window is closed or a pause holds, so it is restarted after that.
    Waits {
        /// Which of the two.
        reason: PendingReason,
        /// When that ends, if that is known.
        until: Option<Timestamp>,
    },
    /// A wish waits already, or a restart was sent and the phone has not called since.
    UnderWay,
    /// It cannot be restarted, and why.
    Refused(String),
    /// Nobody knows such a phone.
    NotFound,
}

impl RestartAnswer {
    /// The word of the API and of the audit log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued(_) => "Queued",
            Self::Waits { .. } => "Waits",
            Self::UnderWay => "AlreadyUnderWay",
            Self::Refused(_) => "Refused",
            Self::NotFound => "NotFound",
        }
    }
}

impl Phone {
    /// Notes items that were taken and take effect with a restart: a cause of its own.
    fn restart_needed(&mut self, items: Vec<ItemId>) {
        if items.is_empty() {
            return;
        }
        let restart = self.restart.get_or_insert_default();
        restart.sent = None;
        for id in items {
            if !restart.items.contains(&id) {
                restart.items.push(id);
            }
        }
        self.unsaved = true;
    }

    /// Notes which of these items, which the phone took, take effect with a restart: those that differed.
    pub(super) fn restart_written<'a>(&mut self, taken: impl Iterator<Item = &'a ItemId>, catalogue: &Catalogue) {
        let needed: Vec<ItemId> =
            taken.filter(|id| catalogue.needs_restart(id.name.as_str()) && self.differs(id)).cloned().collect();
        self.restart_needed(needed);
    }

    /// Items of a write without a reply that differed and take effect with a restart; to be asked before a read.
    pub(super) fn restart_lost(&self, catalogue: &Catalogue) -> Vec<ItemId> {
        let ids = self.in_flight.iter().flat_map(|in_flight| &in_flight.items);
        ids.filter(|id| catalogue.needs_restart(id.name.as_str()) && self.differs(id)).cloned().collect()
    }

    /// After that read: the phone took those that do not differ any more.
    pub(super) fn restart_found(&mut self, mut lost: Vec<ItemId>) {
        lost.retain(|id| !self.differs(id));
        self.restart_needed(lost);
    }

    fn differs(&self, id: &ItemId) -> bool {
        let drift = self.assessment.comparison.drift.as_ref().map_or(&[][..], |drift| drift.items());
        drift.iter().any(|difference| difference.id == *id) || self.due.contains(id)
    }

    /// The phone has started: what was written is in effect, and what people wished has happened.
    pub(super) fn started(&mut self) {
        self.unsaved |= self.restart.take().is_some();
    }

    /// Whether items wait for a restart that policy allows.
    pub(super) fn restart_due(&self) -> bool {
        let policy = self.goal.as_ref().map(|goal| &goal.desired.policy);
        let allowed =
            policy.is_some_and(|policy| policy.mode == Mode::Enforce && policy.restart == RestartPolicy::Allow);
        allowed && self.restart.as_ref().is_some_and(|restart| !restart.items.is_empty() && restart.sent.is_none())
    }

    /// Whether the phone is to be restarted: for its items, or for a person.
    pub(super) fn restart_wanted(&self) -> bool {
        self.restart.as_ref().is_some_and(|restart| restart.wish.is_some()) || self.restart_due()
    }

    /// Whether a restart makes items count that can make the phone vanish.
    pub(super) fn restart_vanishes(&self, catalogue: &Catalogue) -> bool {
        let mut items = self.restart.iter().flat_map(|restart| &restart.items);
        items.any(|id| catalogue.can_vanish(id.name.as_str()))
    }

    /// Whether a restart was sent and the phone has not called since.
    pub(super) fn restart_awaited(&self) -> bool {
        let sent = self.restart.as_ref().and_then(|restart| restart.sent);
        sent.is_some_and(|sent| self.facts.last_seen.is_none_or(|seen| seen <= sent))
    }

    /// When a person's wish is forgotten.
    pub(super) fn wish_ends(&self) -> Option<Timestamp> {
        let wish = self.restart.as_ref()?.wish.as_ref()?;
        Some(after(wish.opens.unwrap_or(wish.at), WISH_KEPT))
    }

    /// Forgets a wish that nothing came of in its time.
    pub(super) fn forget_old_wish(&mut self, now: Timestamp) {
        if self.wish_ends().is_some_and(|end| end <= now)
            && let Some(restart) = &mut self.restart
        {
            restart.wish = None;
            self.unsaved = true;
            if **restart == Restart::default() {
                self.restart = None;
            }
        }
    }

    /// The restart is about to be recorded and sent; gives the wish that it fulfils.
    pub(super) fn restart_begins(&mut self, now: Timestamp) -> Option<Wish> {
        let restart = self.restart.get_or_insert_default();
        restart.sent = Some(now);
        self.unsaved = true;
        restart.wish.take()
    }

    /// The restart did not leave, or the phone is in a call.
    pub(super) fn restart_undone(&mut self, wish: Option<Wish>) {
        let restart = self.restart.get_or_insert_default();
        restart.sent = None;
        restart.wish = wish;
        self.unsaved = true;
    }

    /// A managed item that can be written once more with the value it has, to learn whether the phone is in a call: a
    /// Restart has no reply, and would end it.
    pub(super) fn harmless(&self, catalogue: &Catalogue) -> Option<ItemId> {
        let goal = self.goal.as_ref()?;
        let harmless = |id: &ItemId| {
            let name = id.name.as_str();
            matches!(catalogue.effect(name), Effect::None | Effect::Service)
                && catalogue.compares(name)
                && matches!(catalogue.group(id), GroupKey::Alone(_))
                && super::may_write::bar(catalogue, &goal.desired.policy, id).is_none()
                && self.assessment.comparison.right(id)
                && !self.drifts.holds(id)
                && !self.refused_as_is(id)
                && !self.drifts.holds(id)
                && self.assessment.comparison.right(id)
        };
        let plain = goal.desired.items.iter().filter(|item| item.value.value.as_text().is_some());
        plain.map(|item| &item.id).find(|id| harmless(id)).cloned()
    }

    /// What people should know of it, in words.
    pub(super) fn restart_notes(&self) -> Vec<String> {
        let Some(restart) = self.restart.as_deref() else { return Vec::new() };
        let mut notes = Vec::new();
        if let Some(wish) = &restart.wish {
            notes.push(format!("a restart waits since {:.0}, asked for by {}", wish.at, wish.by));
        }
        if let Some(sent) = restart.sent {
            let what = if self.restart_awaited() { "its start is awaited" } else { "no start-up followed" };
            notes.push(format!("a restart was sent at {sent:.0}; {what}, so its outcome is unknown"));
        }
        if !restart.items.is_empty() {
            notes.push(format!(
                "takes effect with a restart: {}",
                some_names(&restart.items.iter().collect::<Vec<_>>())
            ));
        }
        notes
    }
}

impl Fleet {
    /// A person wants this phone to be restarted: when it is not in a call, and once. The wish is kept for a day in which it
    /// may be fulfilled.
    pub fn restart(&mut self, device: &DeviceId, by: &str, now: Timestamp) -> RestartAnswer {
        let report_only = self.settings.report_only;
        let Some(phone) = self.phones.get_mut(device) else { return RestartAnswer::NotFound };
        let refused = |why: &str| RestartAnswer::Refused(why.to_owned());
        if phone.goal.is_none() || !phone.declared() {
            return refused("no document declares this phone");
        }
        match phone.mode() {
            Mode::Off => return refused("its mode is Off"),
            Mode::Report => return refused("its mode is Report: nothing is done to it"),
            Mode::Enforce if report_only => return refused("the service runs with --report-only"),
            Mode::Enforce => {}
        }
        phone.forget_old_wish(now);
        if phone.restart.as_ref().is_some_and(|restart| restart.wish.is_some()) || phone.restart_awaited() {
            return RestartAnswer::UnderWay;
        }
        if phone.read_at.is_none() {
            return refused("it was not read yet");
        }
        if phone.harmless(&self.catalogue).is_none() && !phone.assessment.writable {
            let why = "it has no managed item that could be written once more to learn whether it is in a call";
            return refused(why);
        }
        let opens = phone.held(now).and_then(Held::until);
        let by = by.chars().filter(|c| !c.is_control()).take(64).collect();
        phone.restart.get_or_insert_default().wish = Some(Wish { by, at: now, opens });
        phone.calling.forgive();
        self.save(device, now);
        self.schedule(device, now);
        let Some(phone) = self.phones.get(device) else { return RestartAnswer::NotFound };
        match (phone.held(now), phone.calling.step) {
            (Some(held), _) => RestartAnswer::Waits { reason: held.reason(), until: held.until() },
            (None, CallStep::Waiting { at }) => RestartAnswer::Queued(Some(at)),
            (None, _) => RestartAnswer::Queued(None),
        }
    }
}
