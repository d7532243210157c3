//! What the fleet does as time passes: asks phones to call, gives up waiting for them, drops silent flows.

use jiff::Timestamp;

use super::{
    Effect, Fleet, SessionResult,
    call::CallStep,
    phone::{Need, Phone},
    schedule::{after, full_jitter},
    words::PendingReason,
};
use crate::{
    spec::{Mode, Reach},
    wpi::{DeviceId, contact::ContactUri},
};

/// How long a contact waits when too many are under way.
const TURN: std::time::Duration = std::time::Duration::from_secs(1);

/// What becomes of a person's wish that a phone be asked to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactAnswer {
    /// It is asked at that time.
    Queued(Timestamp),
    /// A request is under way, or a session.
    UnderWay,
    /// Not before then (promise 4).
    RateLimited(Timestamp),
    /// It cannot be asked, and why.
    CannotBeReached(String),
    /// Nobody knows such a phone.
    NotFound,
}

impl Fleet {
    /// Does what is due. Call it at [`Fleet::next_tick`]; early or late calls do no harm.
    pub fn tick(&mut self, now: Timestamp) {
        while let Some(device) = self.timers.pop_due(now) {
            if let Some(phone) = self.phones.get_mut(&device) {
                phone.wake = None;
            }
            self.wake(&device, now);
        }
    }

    fn wake(&mut self, device: &DeviceId, now: Timestamp) {
        self.drop_silent_flow(device, now);
        let Some(phone) = self.phones.get_mut(device) else { return };
        match phone.calling.step {
            CallStep::Answered { until } if until <= now => {
                phone.calling.step = CallStep::Idle;
                phone.calling.failure = Some(PendingReason::NoAnswer);
                phone.calling.attempts += 1;
                let gap = phone.contact_gap(self.settings.contact_gap);
                phone.calling.gap_until = phone.calling.last_request.map(|last| after(last, gap));
                let later = self.backoff(device, now);
                if let Some(phone) = self.phones.get_mut(device) {
                    phone.calling.not_before = Some(later);
                }
            }
            CallStep::InCall { until } if until <= now => phone.calling.step = CallStep::Idle,
            CallStep::Waiting { at, slotted } if at <= now => return self.send_contact(device, slotted, now),
            _ => {}
        }
        self.schedule(device, now);
    }

    /// A time between now and the upper bound that doubles with each failed attempt.
    fn backoff(&mut self, device: &DeviceId, now: Timestamp) -> Timestamp {
        let attempts = self.phones.get(device).map_or(0, |phone| phone.calling.attempts.saturating_sub(1));
        let (base, limit) = (self.settings.backoff_base, self.settings.backoff_limit);
        after(now, full_jitter(&mut self.rng, base, limit, attempts))
    }

    /// A session with this phone failed, or the phone fell silent: not at once again.
    pub(super) fn back_off(&mut self, device: &DeviceId, now: Timestamp) {
        if let Some(phone) = self.phones.get_mut(device) {
            phone.calling.attempts += 1;
        }
        let not_before = self.backoff(device, now);
        if let Some(phone) = self.phones.get_mut(device) {
            phone.calling.not_before = Some(not_before);
        }
    }

    fn send_contact(&mut self, device: &DeviceId, slotted: bool, now: Timestamp) {
        let Some(phone) = self.phones.get(device) else { return };
        if phone.need(self.settings.report_only, now).is_none() || phone.flow.is_some() {
            return self.schedule_after(device, |phone| phone.calling.step = CallStep::Idle, now);
        }
        let Some(uri) = self.contact_uri(phone) else {
            return self.schedule_after(device, |phone| phone.calling.step = CallStep::Idle, now);
        };
        if !slotted {
            let slot = self.pace.slot(now);
            if slot > now {
                let step = CallStep::Waiting { at: slot, slotted: true };
                return self.schedule_after(device, |phone| phone.calling.step = step, now);
            }
        }
        if self.requested >= self.settings.contacts_in_flight {
            let step = CallStep::Waiting { at: after(now, TURN), slotted: true };
            return self.schedule_after(device, |phone| phone.calling.step = step, now);
        }
        self.requested += 1;
        self.tickets += 1;
        let ticket = self.tickets;
        if let Some(phone) = self.phones.get_mut(device) {
            phone.calling.step = CallStep::Requested { ticket };
            phone.calling.last_request = Some(now);
        }
        self.effects.push(Effect::Contact { device: device.clone(), uri, ticket });
        self.set_timer(device, now);
    }

    fn schedule_after(&mut self, device: &DeviceId, change: impl FnOnce(&mut Phone), now: Timestamp) {
        if let Some(phone) = self.phones.get_mut(device) {
            change(phone);
        }
        self.schedule(device, now);
    }

    /// The result of a contact-me request: whether the phone answered 204.
    pub fn contact_done(&mut self, device: &DeviceId, ticket: u64, answered: bool, now: Timestamp) {
        self.requested = self.requested.saturating_sub(1);
        let answer_wait = self.settings.answer_wait;
        let Some(phone) = self.phones.get_mut(device) else { return };
        if phone.calling.step != (CallStep::Requested { ticket }) {
            return;
        }
        let called_meanwhile = phone.calling.last_request <= phone.facts.last_seen;
        if called_meanwhile {
            phone.calling.step = CallStep::Idle;
        } else if answered {
            phone.calling.failure = None;
            phone.calling.step = CallStep::Answered { until: after(now, answer_wait) };
        } else {
            phone.calling.step = CallStep::Idle;
            phone.calling.failure = Some(PendingReason::Unreachable);
            self.back_off(device, now);
        }
        self.schedule(device, now);
    }

    /// A person wants this phone to be asked now. Spacing and single flight hold.
    pub fn ask_to_call(&mut self, device: &DeviceId, now: Timestamp) -> ContactAnswer {
        let Some(phone) = self.phones.get_mut(device) else { return ContactAnswer::NotFound };
        if phone.goal.is_none() || !phone.declared() {
            return ContactAnswer::CannotBeReached("no document declares this phone".to_owned());
        }
        if phone.flow.is_some() || matches!(phone.calling.step, CallStep::Requested { .. } | CallStep::Answered { .. })
        {
            return ContactAnswer::UnderWay;
        }
        if phone.mode() == Mode::Off {
            return ContactAnswer::CannotBeReached("its mode is Off".to_owned());
        }
        let site = self.phones.get(device).map(|phone| self.site_of(phone));
        let facts = self.phones.get(device).map(|phone| phone.facts.clone()).unwrap_or_default();
        if site.as_ref().is_some_and(|site| site.reach == Reach::Poll) {
            return ContactAnswer::CannotBeReached("its site says `reach: Poll`".to_owned());
        }
        let (Some(uri), Some(peer)) = (&facts.contact_me_uri, facts.address) else {
            return ContactAnswer::CannotBeReached("it has not called yet".to_owned());
        };
        if let Err(error) = ContactUri::check(uri, peer, None, &self.settings.contact_ports) {
            return ContactAnswer::CannotBeReached(error.to_string());
        }
        if self.phones.get(device).and_then(|phone| self.contact_uri(phone)).is_none() {
            return ContactAnswer::CannotBeReached("it was last heard of outside its site's networks".to_owned());
        }
        if let Some(phone) = self.phones.get_mut(device) {
            phone.look_wanted = true;
            phone.calling.forgive();
            phone.calling.step = CallStep::Idle;
        }
        self.schedule(device, now);
        match self.phones.get(device).map(|phone| phone.calling.step) {
            Some(CallStep::Waiting { at, .. }) if at > after(now, self.settings.contact_rest) => {
                ContactAnswer::RateLimited(at)
            }
            Some(CallStep::Waiting { at, .. }) => ContactAnswer::Queued(at),
            _ => ContactAnswer::Queued(now),
        }
    }

    /// Where the phone may be asked to call, after the check of R-1106; never outside its site's networks.
    pub(super) fn contact_uri(&self, phone: &Phone) -> Option<ContactUri> {
        self.wanted.as_ref()?;
        let (text, peer) = (phone.facts.contact_me_uri.as_deref()?, phone.facts.address?);
        let site = self.site_of(phone);
        if site.reach == Reach::Poll || !site.contains(peer) {
            return None;
        }
        ContactUri::check(text, peer, None, &self.settings.contact_ports).ok()
    }

    /// Decides when this phone is asked next, and sets its entry in the timer queue.
    pub(super) fn schedule(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(phone) = self.phones.get(device) else { return };
        let need = phone.need(self.settings.report_only, now);
        let held_back = need == Some(Need::Write) && self.store_away && !phone.look_wanted;
        let reachable = need.is_some() && phone.flow.is_none() && !held_back && self.contact_uri(phone).is_some();
        let Some(phone) = self.phones.get_mut(device) else { return };
        let waits = need.is_some_and(|need| need != Need::Sweep);
        phone.waiting_since = if waits { phone.waiting_since.or(Some(now)) } else { None };
        match phone.calling.step {
            CallStep::Idle if need.is_some() && reachable => {
                let spaced = phone.calling.last_request.map(|last| after(last, self.settings.contact_spacing));
                let rested = phone.facts.last_seen.map(|last| after(last, self.settings.contact_rest));
                let at = [spaced, rested, phone.calling.gap_until, phone.calling.not_before]
                    .into_iter()
                    .flatten()
                    .fold(now, Timestamp::max);
                phone.calling.step = CallStep::Waiting { at, slotted: false };
            }
            CallStep::Waiting { .. } if need.is_none() || !reachable => phone.calling.step = CallStep::Idle,
            _ => {}
        }
        self.set_timer(device, now);
    }

    fn set_timer(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(device) else { return };
        let flow = phone.flow.and_then(|id| self.flows.get(id)).map(|flow| after(flow.last, self.settings.flow_idle));
        let sweep = (phone.calling.step == CallStep::Idle && phone.declared())
            .then(|| phone.sweep_at())
            .flatten()
            .filter(|at| *at > now);
        let wake = [phone.calling.deadline(), flow, sweep].into_iter().flatten().min();
        self.timers.reset(device, phone.wake, wake);
        phone.wake = wake;
    }

    /// Drops the phone's flow when it has been silent for too long.
    fn drop_silent_flow(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(id) = self.phones.get(device).and_then(|phone| phone.flow) else { return };
        let idle = self.settings.flow_idle;
        if self.flows.get(id).is_some_and(|flow| after(flow.last, idle) <= now) {
            self.close_flow(id, SessionResult::Silent, Some("the phone said no more".to_owned()), now);
            self.back_off(device, now);
            self.save(device, now);
        }
    }
}
