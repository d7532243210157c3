//! Phones that poll because nobody can ask them to call: what a poll is answered, and the address they
//! poll at, which is the service's own setting.
//!
//! A 202 is a contact-me by another way: it is followed by the same wait, the same gap and the same backoff, so a phone
//! that never comes is not told to come at each of its polls. A poll proves nothing of who sent it: nothing is learned
//! from it but that something polls.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    ContactAnswer, Fleet,
    call::CallStep,
    goal::Goal,
    phone::{Need, Phone},
    schedule::after,
    session::Surroundings,
    settings::Settings,
    words::PendingReason,
};
use crate::{
    spec::{Desired, Mode, Reach, Site},
    wpi::{DeviceId, FirmwareProfile, Item, ItemId, ItemName, ItemStatus},
};

/// The item with the address at which a phone polls.
const POLL_URL: &str = "dcmp-url";
/// A phone that was silent for longer is not taken to poll.
const SILENT: Duration = Duration::from_hours(1);

/// What is known of a phone's polls; in memory only.
#[derive(Debug, Clone, Default)]
pub struct Polls {
    /// The last one.
    last: Option<Timestamp>,
    /// How long after the one before it came.
    every: Option<Duration>,
    /// Whether the phone has the address: it was written since its last start, or it polls.
    given: bool,
    /// What it said to the address instead of taking it.
    refused: Option<ItemStatus>,
}

/// The address for this phone to poll at, as the item to write: its site says Poll, its firmware can, and its documents
/// do not set it themselves.
pub(super) fn poll_url(desired: &Desired, site: &Site, settings: &Settings, profile: &FirmwareProfile) -> Option<Item> {
    let url = settings.poll_url.as_deref().filter(|_| site.reach == Reach::Poll && profile.polls)?;
    let id = ItemId::new(ItemName::new(POLL_URL).ok()?, None);
    desired.get(&id).is_none().then(|| Item::plain(id, url))
}

impl Fleet {
    /// A poll in the name of a phone: whether it is to call now (202), else nothing waits for it (200).
    pub fn poll(&mut self, device: &DeviceId, peer: IpAddr, now: Timestamp) -> bool {
        let Some(phone) = self.phones.get(device).filter(|phone| phone.declared() && phone.goal.is_some()) else {
            return false;
        };
        let site = self.site_of(phone);
        if !site.contains(peer.to_canonical()) {
            self.counters.polls_outside += 1;
            return false;
        }
        let need = self.need_of(phone, now);
        let doubt_at = self.doubt_asks_at(phone);
        let held_back = need == Some(Need::Write) && self.no_write_leaves() && !phone.look_wanted;
        let spacing = self.settings.spacing_of(&site);
        let Some(phone) = self.phones.get_mut(device) else { return false };
        phone.note_poll(now);
        let step = phone.calling.step;
        let idle = matches!(step, CallStep::Idle | CallStep::Waiting { .. } | CallStep::Ready) && phone.flow.is_none();
        let earliest = phone.calling.earliest(phone.facts.last_seen, doubt_at, &self.settings);
        let waits = need.is_some() && !held_back && idle && self.wanted.is_some() && !self.calls_held;
        if !waits || earliest.is_some_and(|at| at > now) || !self.turns.out_of_line(&site.name, spacing, now) {
            return false;
        }
        phone.calling.tell(after(now, self.settings.answer_wait), now);
        if let Some(doubt) = &mut phone.doubt {
            doubt.asked = doubt.asked.saturating_add(1);
        }
        self.schedule(device, now);
        true
    }

    /// A person wants a phone of a Poll site to call: it is told so at its next poll.
    pub(super) fn at_its_next_poll(&mut self, device: &DeviceId, now: Timestamp) -> ContactAnswer {
        let Some(phone) = self.phones.get_mut(device) else { return ContactAnswer::NotFound };
        if !phone.polls_now(now) {
            let why = "its site says `reach: Poll`, and it has not polled within the last hour";
            return ContactAnswer::CannotBeReached(why.to_owned());
        }
        phone.look_wanted = true;
        phone.calling.forgive();
        phone.calling.one_more(self.settings.contacts_per_day);
        let earliest = phone.calling.earliest(phone.facts.last_seen, None, &self.settings);
        let expected = phone.polls.as_ref().and_then(|polls| polls.expected(phone.facts.last_seen, now));
        self.schedule(device, now);
        ContactAnswer::Queued([earliest, expected].into_iter().flatten().fold(now, Timestamp::max))
    }

    /// Why a phone of a Poll site waits, and when it is expected to poll.
    pub(super) fn poll_reason(&self, phone: &Phone, now: Timestamp) -> (PendingReason, Option<Timestamp>) {
        let rest = self.settings.contact_rest;
        let earliest = phone.calling.earliest(phone.facts.last_seen, None, &self.settings).filter(|at| *at > now);
        let next = phone.polls.as_ref().and_then(|polls| polls.expected(phone.facts.last_seen, now));
        let reason = match (phone.calling.failure, next.is_some() || phone.polls_now(now)) {
            (Some(failure), _) => failure,
            (None, false) => PendingReason::Unreachable,
            (None, true) if earliest > Some(after(now, rest)) => PendingReason::RateLimited,
            (None, true) => PendingReason::Queued,
        };
        (reason, earliest.max(next))
    }

    /// What there is to say of the way a phone of a Poll site is reached.
    pub(super) fn poll_note(&self, phone: &Phone, site: &Site, now: Timestamp) -> Option<String> {
        let desired = phone.goal.as_ref().filter(|_| site.reach == Reach::Poll && !phone.polls_now(now))?;
        let report = phone.mode() == Mode::Report || self.settings.report_only;
        let refused = phone.polls.as_ref().and_then(|polls| polls.refused.as_ref());
        let why = match refused {
            Some(status) => format!("the phone answered `{status}` to `dcmp-url`"),
            None if !phone.profile().polls => "its firmware cannot poll".to_owned(),
            None if report => "mode Report writes no `dcmp-url`".to_owned(),
            None if poll_url(&desired.desired, site, &self.settings, &phone.profile()).is_none() => {
                "no `dcmp-url` is known (--dcmp-url, or --public-address with --dcmp-listen)".to_owned()
            }
            None => "it has not polled yet".to_owned(),
        };
        Some(format!("its site says `reach: Poll`, and {why}: it is served when it calls by itself"))
    }
}

impl Surroundings<'_> {
    /// Whether this phone is still to be told where to poll.
    pub(super) fn owes_poll_url(&self, phone: &Phone, goal: &Goal) -> bool {
        let enforces = goal.desired.policy.mode == Mode::Enforce && !self.settings.report_only;
        let url = || poll_url(&goal.desired, self.site, self.settings, &phone.profile());
        enforces && !phone.has_poll_url() && url().is_some()
    }
}

impl Phone {
    fn note_poll(&mut self, now: Timestamp) {
        let polls = self.polls.get_or_insert_default();
        // any contact restarts the phone's timer
        let since = polls.last.max(self.facts.last_seen).map(|last| now.duration_since(last).unsigned_abs());
        polls.every = since.filter(|since| *since <= SILENT).or(polls.every);
        polls.last = Some(now);
        polls.given = true;
    }

    /// Whether it polls, as far as is known.
    pub(super) fn polls_now(&self, now: Timestamp) -> bool {
        self.polls.as_ref().and_then(|polls| polls.last).is_some_and(|last| now < after(last, SILENT))
    }

    /// Whether it was given the address to poll at since it started, or polls.
    pub(super) fn has_poll_url(&self) -> bool {
        self.polls.as_ref().is_some_and(|polls| polls.given)
    }

    /// The address is on its way to the phone, or did not leave after all.
    pub(super) fn set_poll_url(&mut self, given: bool) {
        if given || self.polls.is_some() {
            self.polls.get_or_insert_default().given = given;
        }
    }

    /// Before a read: an address whose write was never answered may not have come, unless the phone polled since.
    pub(super) fn poll_url_lost(&mut self) {
        let lost = self.in_flight.as_ref().filter(|lost| lost.items.iter().any(|id| id.name.as_str() == POLL_URL));
        let polled = self.polls.as_ref().and_then(|polls| polls.last);
        if lost.is_some_and(|lost| polled.is_none_or(|polled| polled < lost.at)) {
            self.set_poll_url(false);
        }
    }

    /// The phone did not take the message with the address; not given again before its next start.
    pub(super) fn poll_url_failed(&mut self) {
        let polls = self.polls.get_or_insert_default();
        polls.given = true;
        polls.refused = Some(ItemStatus::Failed);
    }

    /// What the phone said to the address; not given again before its next start.
    pub(super) fn poll_url_answered(&mut self, answered: &[Item]) {
        let status =
            answered.iter().find(|item| item.id.name.as_str() == POLL_URL).and_then(|item| item.status.clone());
        if let Some(polls) = &mut self.polls {
            polls.refused = status.map(|status| ItemStatus::from_wire(&clean(status.as_str())));
        }
    }
}

impl Polls {
    /// When the next poll is expected, where its pace is known.
    fn expected(&self, seen: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let next = after(self.last?.max(seen?), self.every?);
        (now < after(next, SILENT)).then(|| next.max(now))
    }
}

fn clean(word: &str) -> SmolStr {
    word.chars().filter(|c| !c.is_control()).take(64).collect()
}
