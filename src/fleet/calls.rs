//! What the fleet does as time passes: asks phones to call, gives up waiting for them, drops silent flows.

use jiff::Timestamp;

use super::{
    Effect, Fleet, SessionResult,
    call::CallStep,
    leaving::Departure,
    phone::{Need, Phone},
    schedule::{after, full_jitter},
    turns::{Entrant, Rank},
    words::PendingReason,
};
use crate::{
    spec::{Mode, Reach},
    wpi::{DeviceId, contact::ContactUri},
};

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
        self.end_brakes(now);
        self.end_storms(now);
        self.note_alive(now);
        self.release_some(now);
        self.take_turns(now);
    }

    fn wake(&mut self, device: &DeviceId, now: Timestamp) {
        self.drop_silent_flow(device, now);
        self.look_for_silence(device, now);
        self.end_ignoring(device, now);
        let Some(phone) = self.phones.get_mut(device) else { return };
        phone.forget_old_wish(now);
        if !self.settings.report_only && phone.lift_due(&self.catalogue, now) {
            phone.assess(&self.catalogue);
        }
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
            CallStep::Waiting { at } if at <= now => return self.line_up(device, now),
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

    /// The phone's time has come: it goes to the end of the line of its site.
    fn line_up(&mut self, device: &DeviceId, now: Timestamp) {
        let entrant = self.phones.get(device).and_then(|phone| self.entrant(phone, now));
        let step = if entrant.is_some() { CallStep::Ready } else { CallStep::Idle };
        if let Some(entrant) = entrant {
            self.turns.enter(device, entrant, now);
        }
        self.schedule_after(device, |phone| phone.calling.step = step, now);
    }

    /// How a phone that may be asked now stands in line.
    fn entrant(&self, phone: &Phone, now: Timestamp) -> Option<Entrant> {
        let need = self.need_of(phone, now).filter(|_| phone.flow.is_none())?;
        self.contact_uri(phone)?;
        let rank = match need {
            _ if phone.look_wanted || phone.is_awaited() => Rank::Person,
            _ if phone.recovering.is_some() && phone.comes_first() => Rank::Person,
            Need::Sweep => Rank::Sweep,
            Need::Write | Need::Read if phone.calling.failure.is_some() => Rank::Silent,
            Need::Write | Need::Read => Rank::Due,
        };
        let site = self.site_of(phone);
        let spacing = self.settings.spacing_of(&site);
        Some(Entrant { site: site.name.clone(), spacing, fragile: phone.profile().fragile, rank })
    }

    /// Asks those whose turn it is.
    fn take_turns(&mut self, now: Timestamp) {
        while let Some(device) = self.turns.first(now).filter(|_| !self.calls_held) {
            if !self.send_contact(&device, now) {
                self.turns.leave(&device, now);
                self.schedule_after(&device, |phone| phone.calling.step = CallStep::Idle, now);
            }
        }
    }

    fn send_contact(&mut self, device: &DeviceId, now: Timestamp) -> bool {
        let phone = self.phones.get(device).filter(|phone| phone.calling.step == CallStep::Ready);
        let wanted = phone.filter(|phone| phone.flow.is_none() && self.need_of(phone, now).is_some());
        let Some(uri) = wanted.and_then(|phone| self.contact_uri(phone)) else { return false };
        self.tickets += 1;
        let ticket = self.tickets;
        self.turns.take(device, ticket, now);
        if let Some(phone) = self.phones.get_mut(device) {
            phone.calling.ask(ticket, now);
            if let Some(doubt) = &mut phone.doubt {
                doubt.asked = doubt.asked.saturating_add(1);
            }
        }
        self.effects.push(Effect::Contact { device: device.clone(), uri, ticket });
        self.set_timer(device, now);
        true
    }

    fn schedule_after(&mut self, device: &DeviceId, change: impl FnOnce(&mut Phone), now: Timestamp) {
        if let Some(phone) = self.phones.get_mut(device) {
            change(phone);
        }
        self.schedule(device, now);
    }

    /// The result of a contact-me request: whether the phone answered 204.
    pub fn contact_done(&mut self, device: &DeviceId, ticket: u64, answered: bool, now: Timestamp) {
        self.turns.done(ticket, now);
        self.take_result(device, ticket, answered, now);
        self.take_turns(now);
    }

    fn take_result(&mut self, device: &DeviceId, ticket: u64, answered: bool, now: Timestamp) {
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

    /// A person wants this phone to be read now, and not written in that session (promise 11).
    pub fn look_at(&mut self, device: &DeviceId, now: Timestamp) -> ContactAnswer {
        let answer = self.ask_to_call(device, now);
        let asked = matches!(answer, ContactAnswer::Queued(_) | ContactAnswer::RateLimited(_));
        if let Some(phone) = self.phones.get_mut(device).filter(|_| asked) {
            phone.only_look = true;
        }
        answer
    }

    /// A person wants this phone to be asked now. Spacing and single flight hold.
    pub fn ask_to_call(&mut self, device: &DeviceId, now: Timestamp) -> ContactAnswer {
        let Some(phone) = self.phones.get_mut(device) else { return ContactAnswer::NotFound };
        if (phone.goal.is_none() || !phone.declared()) && !phone.inventory_wanted(now) {
            return ContactAnswer::CannotBeReached("no document declares this phone".to_owned());
        }
        if phone.flow.is_some() || matches!(phone.calling.step, CallStep::Requested { .. } | CallStep::Answered { .. })
        {
            return ContactAnswer::UnderWay;
        }
        if phone.mode() == Mode::Off && phone.declared() {
            return ContactAnswer::CannotBeReached("its mode is Off".to_owned());
        }
        if phone.facts.mobile_user {
            let why = "a mobile user is logged on; it is read again at logoff";
            return ContactAnswer::CannotBeReached(why.to_owned());
        }
        let site = self.phones.get(device).map(|phone| self.site_of(phone));
        let facts = self.phones.get(device).map(|phone| phone.facts.clone()).unwrap_or_default();
        if site.as_ref().is_some_and(|site| site.reach == Reach::Poll) {
            return self.at_its_next_poll(device, now);
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
            phone.calling.one_more(self.settings.contacts_per_day);
            phone.calling.step = CallStep::Idle;
        }
        self.schedule(device, now);
        match self.phones.get(device).map(|phone| phone.calling.step) {
            Some(CallStep::Waiting { at }) if at > after(now, self.settings.contact_rest) => {
                ContactAnswer::RateLimited(at)
            }
            Some(CallStep::Waiting { at }) => ContactAnswer::Queued(at),
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
        let uri = ContactUri::check(text, peer, None, &self.settings.contact_ports).ok()?;
        Some(self.doubt_uri(phone, &site, uri))
    }

    /// Whether no write can leave, to whatever phone: nobody is asked to call for one.
    pub(super) fn no_write_leaves(&self) -> bool {
        self.store_away || !self.classes_known
    }

    /// Decides when this phone is asked next, and sets its entry in the timer queue.
    pub(super) fn schedule(&mut self, device: &DeviceId, now: Timestamp) {
        match self.phones.get(device).map(|phone| (phone.departure, phone.flow)) {
            None | Some((Departure::No, _)) => {}
            Some((_, Some(_))) => return self.set_timer(device, now),
            Some((_, None)) => return self.go(device, now),
        }
        self.look_at_server(device);
        self.renew_doors(device, now);
        let Some(phone) = self.phones.get(device) else { return };
        let need = self.need_of(phone, now);
        let turn = self.waits_for_turn(phone);
        let doubt_at = self.doubt_asks_at(phone);
        let held_back = need == Some(Need::Write) && self.no_write_leaves() && !phone.look_wanted;
        let reachable = need.is_some() && phone.flow.is_none() && !held_back && self.contact_uri(phone).is_some();
        let report_only = self.settings.report_only;
        let Some(phone) = self.phones.get_mut(device) else { return };
        let waits = turn
            || need.is_some_and(|need| need != Need::Sweep)
            || phone.held_up(report_only, now).is_some()
            || phone.hands_off().is_some();
        phone.waiting_since = if waits { phone.waiting_since.or(Some(now)) } else { None };
        match phone.calling.step {
            CallStep::Idle | CallStep::Waiting { .. } if need.is_some() && reachable => {
                let at =
                    phone.calling.earliest(phone.facts.last_seen, doubt_at, &self.settings).unwrap_or(now).max(now);
                phone.calling.step = CallStep::Waiting { at };
            }
            CallStep::Waiting { .. } | CallStep::Ready if need.is_none() || !reachable => {
                phone.calling.step = CallStep::Idle;
            }
            _ => {}
        }
        self.keep_in_line(device, now);
        self.set_timer(device, now);
    }

    /// A phone stands in line while it is ready, and as what it is now.
    fn keep_in_line(&mut self, device: &DeviceId, now: Timestamp) {
        let phone = self.phones.get(device).filter(|phone| phone.calling.step == CallStep::Ready);
        match phone.and_then(|phone| self.entrant(phone, now)) {
            Some(entrant) => self.turns.enter(device, entrant, now),
            None => self.turns.leave(device, now),
        }
    }

    fn set_timer(&mut self, device: &DeviceId, now: Timestamp) {
        let doors = self.phones.get(device).and_then(|phone| self.doors_turn(phone, now));
        let Some(phone) = self.phones.get_mut(device) else { return };
        let flow = phone.flow.and_then(|id| self.flows.get(id)).map(|flow| after(flow.last, self.settings.flow_idle));
        let sweep = (phone.calling.step == CallStep::Idle && phone.declared())
            .then(|| phone.sweep_at())
            .flatten()
            .filter(|at| *at > now);
        let again = phone.again_at(&self.catalogue).filter(|_| !self.settings.report_only);
        let silent = phone.doubt.as_ref().filter(|doubt| !doubt.told && flow.is_none()).and_then(|doubt| doubt.until);
        let of_items = [phone.ignoring_until(), again, silent, phone.wish_ends()];
        let wake = [phone.calling.deadline(), flow, sweep, doors].into_iter().chain(of_items).flatten().min();
        self.timers.reset(device, phone.wake, wake);
        phone.wake = wake;
    }

    /// Looks at a phone anew when the time of a rule of `policy.ignore` is over.
    fn end_ignoring(&mut self, device: &DeviceId, now: Timestamp) {
        let catalogue = &self.catalogue;
        let Some(phone) = self.phones.get_mut(device) else { return };
        if phone.ignoring_until().is_some_and(|until| until <= now) && phone.apply_ignore_rules(now) {
            phone.assess(catalogue);
        }
    }

    /// Drops the phone's flow when it has been silent for too long.
    fn drop_silent_flow(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(id) = self.phones.get(device).and_then(|phone| phone.flow) else { return };
        let idle = self.settings.flow_idle;
        let Some(flow) = self.flows.get(id).filter(|flow| after(flow.last, idle) <= now) else { return };
        if flow.session.restarts() {
            let (result, until) = (self.result(flow), after(flow.last, self.settings.restart_wait));
            self.close_flow(id, result, None, now);
            if let Some(phone) = self.phones.get_mut(device) {
                phone.calling.step = CallStep::Answered { until };
            }
            self.save(device, now);
        } else {
            self.close_flow(id, SessionResult::Silent, Some("the phone said no more".to_owned()), now);
            self.back_off(device, now);
            self.save(device, now);
        }
    }
}
