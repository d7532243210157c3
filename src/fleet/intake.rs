//! What the fleet does with a phone's message: finds its session or opens one, and answers.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{
    Answer, Effect, Fleet, SessionReport, SessionResult,
    call::CallStep,
    flow::{Flow, FlowId, Flows, From, device_of},
    goal::Goal,
    hands_off::HandsOff,
    leaving::Departure,
    may_write::NoWrite,
    observed::Readings,
    phone::{Need, Newest, Phone},
    record::Facts,
    schedule::after,
    session::{Ending, Move, Session, Surroundings},
    unchanged::Likeness,
    wire_names::WireNames,
};
use crate::{
    spec::{Mode, Site},
    wpi::{
        Action, DeviceId, Item, ItemId, ItemName, PhoneMessage, Reason, ServerMessage, contact::ContactUri,
        phone_message::Nonce,
    },
};

/// A record in which only times changed is stored at most that often.
const SAVE_EVERY: std::time::Duration = std::time::Duration::from_hours(1);

impl Fleet {
    /// Answers one message of a phone. Every well-formed message is answered.
    pub fn message(&mut self, message: PhoneMessage, from: &From<'_>, now: Timestamp) -> Answer {
        self.message_like(message, None, from, now).spelled_out()
    }

    /// The same for a message whose item list looks like that.
    pub fn message_like(
        &mut self,
        message: PhoneMessage,
        likeness: Option<Likeness>,
        from: &From<'_>,
        now: Timestamp,
    ) -> Answer {
        let Some(nonce) = message.nonce.clone() else {
            self.counters.incomplete_messages += 1;
            let answer = plain_cleanup(Nonce("".into()));
            let cookie = message.reason.is_initial().then(|| Flows::cookie(&mut self.rng).set_cookie());
            return cookie.into_iter().fold(answer, with_cookie);
        };
        if message.reason.is_initial() {
            let cookie = Flows::cookie(&mut self.rng);
            let answer = if let Some(device) = device_of(&message) {
                self.initial(device, &message, from, cookie, now)
            } else {
                self.counters.incomplete_messages += 1;
                plain_cleanup(nonce)
            };
            return with_cookie(answer, cookie.set_cookie());
        }
        self.later(message, likeness, nonce, from, now)
    }

    /// The record of a write is stored, or could not be: gives the message that leaves in its place.
    pub fn recorded(&mut self, ticket: FlowId, stored: bool, nonce: &Nonce, now: Timestamp) -> Answer {
        let Some(mut flow) = self.flows.close(ticket) else { return plain_cleanup(nonce.clone()) };
        let Some(mut phone) = self.phones.remove(&flow.device) else { return plain_cleanup(nonce.clone()) };
        let site = self.site_of(&phone);
        let around = self.surroundings(&site, &phone, flow.peer.ip(), now);
        let next = flow.session.recorded(&mut phone, stored, &around);
        self.phones.insert(flow.device.clone(), phone);
        self.step(flow, next, now)
    }

    fn initial(
        &mut self,
        device: DeviceId,
        message: &PhoneMessage,
        from: &From<'_>,
        cookie: super::flow::Cookie,
        now: Timestamp,
    ) -> Answer {
        let nonce = message.nonce.clone().unwrap_or(Nonce("".into()));
        if self.is_elsewhere(&device) {
            return self.leave_to_another(&device, nonce, now);
        }
        if self.turn_away(&device, message, from, now) {
            return plain_cleanup(nonce);
        }
        if let Some(old) = self.phones.get(&device).and_then(|phone| phone.flow) {
            self.supersede(old, now);
        }
        if !self.meet(&device, message, from, now) {
            return plain_cleanup(nonce);
        }
        if self.overloaded(&device, &message.reason, now) {
            return cleanup(nonce, item("cleanup-reason", "overload"));
        }
        let site = self.phones.get(&device).map(|phone| self.site_of(phone).name.clone()).unwrap_or_default();
        let Some(mut phone) = self.phones.remove(&device) else { return plain_cleanup(nonce) };
        let opened = self.open(&mut phone, message, from, now);
        if let Ok((session, Move::Ask(Action::ReadItems, items))) = &opened {
            self.remember_question(&mut phone, session, items);
        }
        self.phones.insert(device.clone(), phone);
        match opened {
            Ok((session, next)) => {
                let flow =
                    Flow { cookie, device, site, peer: from.peer, connection: from.connection, last: now, session };
                self.step(flow, next, now)
            }
            Err((result, problem)) => {
                self.report_call(&device, &message.reason, result, problem);
                self.after_call(&device, now);
                plain_cleanup(nonce)
            }
        }
    }

    /// A phone that another service serves calls here: nothing is asked of it, and nothing of it is taken note of.
    fn leave_to_another(&mut self, device: &DeviceId, nonce: Nonce, now: Timestamp) -> Answer {
        self.counters.elsewhere += 1;
        tracing::debug!(phone = %device, "a phone calls that another service serves");
        if let Some(old) = self.phones.get(device).and_then(|phone| phone.flow) {
            self.supersede(old, now);
            self.schedule(device, now);
        }
        plain_cleanup(nonce)
    }

    /// A call in a declared phone's name from outside its site's networks: nothing of it is taken over, and the phone's
    /// own session goes on (R-1104). Whether it was one.
    fn turn_away(&mut self, device: &DeviceId, message: &PhoneMessage, from: &From<'_>, now: Timestamp) -> bool {
        let peer = from.peer.ip().to_canonical();
        let Some(phone) = self.phones.get(device).filter(|phone| phone.declared() && phone.goal.is_some()) else {
            return false;
        };
        let site = self.site_of(phone);
        let wrong = !site.contains(peer);
        if let Some(phone) = self.phones.get_mut(device) {
            phone.wrong_site = wrong;
        }
        if wrong {
            self.counters.wrong_site += 1;
            let problem = format!("{peer} is outside the networks of site {}", site.name);
            self.report_call(device, &message.reason, SessionResult::Waits, Some(problem));
            self.schedule(device, now);
        }
        wrong
    }

    fn surroundings<'a>(&'a self, site: &'a Site, phone: &Phone, peer: IpAddr, now: Timestamp) -> Surroundings<'a> {
        Surroundings {
            settings: &self.settings,
            documents: self.wanted.as_deref().map(|newest| phone.documents(newest)),
            classes_known: self.classes_known,
            key: self.key.as_ref(),
            catalogue: &self.catalogue,
            site,
            peer: peer.to_canonical(),
            custody: self.custody(site, peer.to_canonical()),
            braked: self.braked(phone, now),
            store_away: self.store_away,
            turn: self.has_turn(phone, &site.name),
            now,
        }
    }

    /// Takes note of a phone that calls. Whether there is anything to talk about with it.
    fn meet(&mut self, device: &DeviceId, message: &PhoneMessage, from: &From<'_>, now: Timestamp) -> bool {
        if !self.phones.contains_key(device) {
            self.make_room();
            self.phones.insert(device.clone(), Box::new(Phone::new(device.clone())));
            self.undeclared.insert(device.clone());
        }
        let Some(phone) = self.phones.get_mut(device) else { return false };
        let model = phone.facts.model.clone();
        let peer = from.peer.ip().to_canonical();
        let before = (phone.facts.contact_me_uri.clone(), phone.facts.address);
        phone.suspect_reset(message);
        if phone.learn_facts(message) {
            phone.assess(&self.catalogue);
        }
        phone.unsaved |= phone.facts.address != Some(peer);
        phone.facts.address = Some(peer);
        let uri = phone.facts.contact_me_uri.as_deref();
        let ports = &self.settings.contact_ports;
        if let Some(Err(error)) = uri.map(|uri| ContactUri::check(uri, peer, None, ports)) {
            self.counters.contact_uris_refused += 1;
            if before != (phone.facts.contact_me_uri.clone(), Some(peer)) {
                tracing::warn!(phone = %device, %error, "this phone cannot be asked to call");
            }
        }
        let moved = before.1.filter(|old| *old != peer && self.heard_at.get(old) == Some(device));
        if let Some(old) = moved {
            self.heard_at.remove(&old);
        }
        self.heard_at.insert(peer, device.clone());
        self.moved(device, before.1, peer);
        let Some(phone) = self.phones.get_mut(device) else { return false };
        let found = phone.declared() && before != (phone.facts.contact_me_uri.clone(), Some(peer));
        phone.facts.last_seen = Some(now);
        phone.calling.heard();
        let started = message.reason == Reason::StartUp;
        phone.doubt_heard(started, self.settings.contact_spacing, now);
        if started {
            phone.passed_over = false;
            phone.wishes = 0;
            phone.set_poll_url(false);
            phone.started();
        }
        let ends_call_wait = matches!(message.reason, Reason::StartUp | Reason::Solicited);
        match phone.calling.step {
            CallStep::Requested { .. } => {}
            CallStep::InCall { .. } if !ends_call_wait => {}
            _ => phone.calling.step = CallStep::Idle,
        }
        if phone.facts.model != model && phone.declared() {
            self.learn_model(device, now);
        }
        self.follow_doubt(device, now);
        if started {
            self.note_start(device, now);
        }
        self.renew_doors(device, now);
        if found {
            // a service that is killed in this session has to know where to ask it
            self.save(device, now);
        }
        true
    }

    /// Opens a session where there is something to do, or says why there is none.
    fn open(
        &mut self,
        phone: &mut Phone,
        message: &PhoneMessage,
        from: &From<'_>,
        now: Timestamp,
    ) -> Result<(Session, Move), (SessionResult, Option<String>)> {
        let peer = from.peer.ip().to_canonical();
        if phone.inventory_wanted(now) && !(phone.declared() && phone.mode() == Mode::Off) && reads(&message.reason) {
            let site = self.site_of(phone);
            return Ok(Session::inventory(phone, message, &self.surroundings(&site, phone, peer, now)));
        }
        let Some(goal) = phone.goal.clone() else { return Err((SessionResult::Undeclared, None)) };
        if !phone.declared() {
            return Err((SessionResult::Undeclared, Some("no document declares it any more".to_owned())));
        }
        if goal.desired.policy.mode == Mode::Off {
            return Err((SessionResult::Nothing, None));
        }
        if phone.facts.mobile_user {
            return Err((SessionResult::Waits, Some(NoWrite::HandsOff(HandsOff::MobileUser).to_string())));
        }
        let site = self.site_of(phone);
        let around = self.surroundings(&site, phone, peer, now);
        let storm = phone.storm_over(now).filter(|_| !around.owes_poll_url(phone, &goal));
        let look = match &message.reason {
            Reason::StartUp if unchanged(phone, &goal, message, &around) => {
                phone.last_proof = Some(now);
                return Err((SessionResult::InSync, None));
            }
            Reason::StartUp if storm.is_some() => {
                phone.passed_over = true;
                return Err((SessionResult::Waits, storm.map(|until| NoWrite::Recovering { until }.to_string())));
            }
            Reason::Solicited if phone.need(self.settings.report_only, now).is_none() => {
                if let Some(held) = phone.held_up(self.settings.report_only, now) {
                    return Err((SessionResult::Waits, Some(NoWrite::from(held).to_string())));
                }
                self.wanted.is_none()
            }
            Reason::StartUp | Reason::Solicited | Reason::Status => self.wanted.is_none(),
            Reason::LocalChanges if message.value("configuration-attached-flag") == Some("true") => {
                let mut items = message.items.clone();
                WireNames::of(phone).inward(&mut items);
                phone.note_server(&items);
                let before = phone.look(&Readings::from_items(items, &self.catalogue), &self.catalogue);
                phone.assess(&self.catalogue);
                phone.saw(before, &self.catalogue, &self.settings, now);
                return Err((SessionResult::Nothing, None));
            }
            Reason::LocalChanges => true,
            _ => return Err((SessionResult::Nothing, None)),
        };
        // promise 11: such a session is of a kind that cannot write
        let look = std::mem::take(&mut phone.only_look) || look;
        Ok(Session::open(phone, &goal, message, look || phone.proposed(), &around))
    }

    /// A `reply-to` or `clean-up`.
    fn later(
        &mut self,
        message: PhoneMessage,
        likeness: Option<Likeness>,
        nonce: Nonce,
        from: &From<'_>,
        now: Timestamp,
    ) -> Answer {
        let named = device_of(&message);
        let of_device = named.as_ref().and_then(|device| self.phones.get(device)?.flow);
        let found = self.flows.find(from, named.as_ref(), of_device);
        let Some((id, device)) = found.and_then(|id| Some((id, self.flows.get(id)?.device.clone()))) else {
            self.counters.stray_replies += 1;
            if message.reason != Reason::CleanUp {
                self.call_back(named, from, now);
            }
            return plain_cleanup(nonce);
        };
        if named.is_some_and(|named| named != device) {
            self.close_flow(id, SessionResult::Failed, Some("the reply names another phone".to_owned()), now);
            self.back_off(&device, now);
            self.after_call(&device, now);
            return plain_cleanup(nonce);
        }
        if message.reason == Reason::CleanUp {
            let why = message.value("cleanup-reason").unwrap_or("no reason given");
            let why: String = why.chars().filter(|c| !c.is_control()).take(128).collect();
            self.close_flow(id, SessionResult::Failed, Some(format!("the phone gave up: {why}")), now);
            self.back_off(&device, now);
            self.after_call(&device, now);
            return plain_cleanup(nonce);
        }
        let (Some(mut flow), Some(mut phone)) = (self.flows.close(id), self.phones.remove(&device)) else {
            return plain_cleanup(nonce);
        };
        flow.session.replied(now.duration_since(flow.last).unsigned_abs());
        flow.last = now;
        flow.peer = from.peer;
        flow.connection = from.connection;
        let site = self.site_of(&phone);
        let around = self.surroundings(&site, &phone, from.peer.ip().to_canonical(), now);
        phone.facts.last_seen = Some(now);
        let whole = match (&message.reason, &phone.goal) {
            (Reason::ReplyTo { action, .. }, Some(goal)) => flow.session.awaits_all(action, &goal.desired.digest),
            _ => false,
        };
        let next = flow.session.reply(&mut phone, message, &around);
        Self::remember_likeness(&mut phone, likeness, whole, &next);
        self.counters.factory_resets += u64::from(phone.tell_reset());
        self.phones.insert(device, phone);
        self.step(flow, next, now)
    }

    /// Carries out a session's next move.
    pub(super) fn step(&mut self, flow: Flow, next: Move, now: Timestamp) -> Answer {
        let nonce = flow.session.nonce();
        let device = flow.device.clone();
        self.hear(&device, now);
        self.follow_doubt(&device, now);
        let mut prepared = None;
        let message = match next {
            Move::Ask(action, items) => ServerMessage { nonce, action, items },
            Move::AskAgain(question) => {
                prepared = Some(question);
                ServerMessage { nonce, action: Action::ReadItems, items: Vec::new() }
            }
            Move::Write(permit) => permit.into_message(nonce),
            Move::Record => {
                let ticket = self.keep(flow, now);
                let Some(phone) = self.phones.get_mut(&device) else { return plain_cleanup(nonce) };
                phone.saved_at = Some(now);
                return Answer::Record { ticket, record: Box::new(phone.record()) };
            }
            Move::End(ending) => return self.end(&flow, &ending, now),
        };
        self.keep(flow, now);
        Answer::Send { message, set_cookie: None, prepared }
    }

    fn keep(&mut self, flow: Flow, now: Timestamp) -> FlowId {
        let device = flow.device.clone();
        let id = self.flows.open(flow);
        if let Some(phone) = self.phones.get_mut(&device) {
            phone.flow = Some(id);
        }
        self.schedule(&device, now);
        id
    }

    /// Ends a session by CleanUp, with the wish to be called after the call where a write waits.
    fn end(&mut self, flow: &Flow, ending: &Ending, now: Timestamp) -> Answer {
        let nonce = flow.session.nonce();
        let device = flow.device.clone();
        if let Some(phone) = self.phones.get_mut(&device) {
            phone.flow = None;
        }
        let mut wish = None;
        let (result, problem) = match ending {
            Ending::Done => (self.result(flow), None),
            Ending::Waits(why) if why.leaves_the_rest() && !flow.session.accepted.is_empty() => {
                (self.result(flow), Some(why.to_string()))
            }
            Ending::Waits(why) => (SessionResult::Waits, Some(why.to_string())),
            Ending::Failed(why) => (SessionResult::Failed, Some((*why).to_owned())),
            Ending::Busy => {
                wish = self.in_call(&device, now).then(|| item("send-solicited", "true")).flatten();
                (SessionResult::Waits, None)
            }
        };
        self.report(flow, result, problem, now);
        self.finish_put_backs(&device);
        self.finish_release(&device, now);
        match ending {
            Ending::Done => self.settle(&device, flow.session.writes(), now),
            Ending::Waits(NoWrite::Turn) => {
                let undone =
                    self.phones.get(&device).is_some_and(|phone| self.need_of(phone, now) == Some(Need::Write));
                if undone {
                    self.back_off(&device, now);
                } else if let Some(phone) = self.phones.get_mut(&device) {
                    phone.calling.forgive();
                }
            }
            Ending::Waits(why) if why.leaves_the_rest() => self.settle(&device, flow.session.writes(), now),
            Ending::Waits(NoWrite::StoreAway | NoWrite::HandsOff(_)) | Ending::Busy => {}
            // nothing tells when it may be written: not at once again
            Ending::Failed(_) | Ending::Waits(_) => self.back_off(&device, now),
        }
        self.after_call(&device, now);
        cleanup(nonce, wish)
    }

    /// What was put back and read is managed no more.
    fn finish_put_backs(&mut self, device: &DeviceId) {
        if let Some(phone) = self.phones.get_mut(device)
            && phone.finish_put_backs()
        {
            phone.note_safety(&self.catalogue);
            phone.assess(&self.catalogue);
        }
    }

    /// A session came to its end: past failures are forgiven, unless it left undone what it could have done.
    fn settle(&mut self, device: &DeviceId, could_write: bool, now: Timestamp) {
        let report_only = self.settings.report_only;
        let Some(phone) = self.phones.get_mut(device) else { return };
        match phone.need(report_only, now) {
            Some(Need::Write) if could_write => self.back_off(device, now),
            Some(Need::Read) if phone.doubt.is_none() => self.back_off(device, now),
            _ => phone.calling.forgive(),
        }
    }

    /// Remembers that the phone is in a call. Whether a write waits that may be sent after it, to a phone that honours
    /// the wish.
    fn in_call(&mut self, device: &DeviceId, now: Timestamp) -> bool {
        let store_away = self.store_away;
        let may_write = self.phones.get(device).is_some_and(|phone| self.need_of(phone, now) == Some(Need::Write));
        let (call_wait, most) = (self.settings.call_wait, self.settings.wishes);
        let spacing = self.settings.contact_spacing;
        let Some(phone) = self.phones.get_mut(device) else { return false };
        let profile = phone.profile();
        // a phone that its site waits for is asked in time: it answers in a call, too
        let wait = if phone.is_awaited() {
            spacing.min(call_wait)
        } else if profile.fragile {
            call_wait * 2
        } else {
            call_wait
        };
        phone.calling.step = CallStep::InCall { until: after(now, wait) };
        let wish = profile.send_solicited && !store_away && phone.wishes < most && may_write;
        phone.wishes = phone.wishes.saturating_add(u8::from(wish));
        wish
    }

    pub(super) fn result(&self, flow: &Flow) -> SessionResult {
        let Some(phone) = self.phones.get(&flow.device) else { return SessionResult::Nothing };
        if !phone.declared() {
            return SessionResult::Undeclared;
        }
        match (phone.proven(), flow.session.accepted.is_empty()) {
            (true, true) => SessionResult::InSync,
            (true, false) => SessionResult::Changed,
            (false, _) => SessionResult::Differs,
        }
    }

    /// After a phone's call: stores what must not be forgotten and plans what comes next.
    fn after_call(&mut self, device: &DeviceId, now: Timestamp) {
        self.hear(device, now);
        let Some(phone) = self.phones.get_mut(device).filter(|phone| phone.departure != Departure::Now) else { return };
        let rested = phone.saved_at.is_some_and(|saved| now < after(saved, SAVE_EVERY));
        if phone.unsaved || !rested {
            self.save(device, now);
        }
        self.schedule(device, now);
    }

    /// A reply that belongs to no flow: the service may have been restarted, so its phone is asked to call again. Once in
    /// the life of the process, and only when the reply comes from where the phone was last heard of: a phone that
    /// repeats its replies, or somebody else, is not to cause contacts.
    fn call_back(&mut self, named: Option<DeviceId>, from: &From<'_>, now: Timestamp) {
        let peer = from.peer.ip().to_canonical();
        let known = |device: &DeviceId| self.phones.get(device).is_some_and(|phone| phone.facts.address == Some(peer));
        let Some(device) = named.or_else(|| self.heard_at.get(&peer).cloned()).filter(known) else { return };
        if let Some(phone) = self.phones.get_mut(&device)
            && phone.flow.is_none()
            && phone.newest != Newest::Gone
            && !std::mem::replace(&mut phone.called_back, true)
        {
            phone.look_wanted = true;
            self.schedule(&device, now);
        }
    }

    /// This phone is not at its address any more.
    pub(super) fn leaves(&mut self, facts: &Facts, device: &DeviceId) {
        let Some(address) = facts.address else { return };
        self.left(device, address);
        if self.heard_at.get(&address) == Some(device) {
            self.heard_at.remove(&address);
        }
    }

    /// Makes room for one more undeclared phone: the one not heard of for longest is forgotten.
    pub(super) fn make_room(&mut self) {
        while self.undeclared.len() >= self.settings.undeclared.max(1) {
            let heard = |device: &&DeviceId| self.phones.get(*device).and_then(|phone| phone.facts.last_seen);
            let Some(oldest) = self.undeclared.iter().min_by_key(heard).cloned() else { return };
            self.undeclared.remove(&oldest);
            if let Some(phone) = self.phones.remove(&oldest) {
                self.timers.reset(&oldest, phone.wake, None);
                self.leaves(&phone.facts, &oldest);
            }
            if self.counters.undeclared_forgotten == 0 {
                let most = self.settings.undeclared;
                tracing::warn!(most, "more undeclared phones call than are remembered; those not heard of go first");
            }
            self.counters.undeclared_forgotten += 1;
            self.effects.push(Effect::Forget(oldest));
        }
    }

    pub(super) fn close_flow(&mut self, id: FlowId, result: SessionResult, problem: Option<String>, now: Timestamp) {
        let Some(flow) = self.flows.close(id) else { return };
        if let Some(phone) = self.phones.get_mut(&flow.device) {
            phone.flow = None;
        }
        self.hear(&flow.device, now);
        self.report(&flow, result, problem, now);
    }

    /// A newer message of the phone ends its flow; one that a restart ended is over since.
    fn supersede(&mut self, id: FlowId, now: Timestamp) {
        let result = match self.flows.get(id) {
            Some(flow) if flow.session.restarts() => self.result(flow),
            _ => SessionResult::Superseded,
        };
        self.close_flow(id, result, None, now);
    }

    fn report(&mut self, flow: &Flow, result: SessionResult, problem: Option<String>, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(&flow.device) else { return };
        let proven_after = phone.proven_after(now);
        let opened = flow.session.opened;
        let refused = phone.refused.iter().filter(|refused| refused.at >= opened);
        let refused = refused.map(|refused| (refused.id.clone(), refused.status.clone())).collect();
        let report = SessionReport {
            written: flow.session.accepted.clone(),
            refused,
            took: now.duration_since(opened).unsigned_abs(),
            steps: flow.session.steps.clone(),
            proven_after,
            ..bare_report(phone, &flow.session.reason, result, problem)
        };
        self.effects.push(Effect::Report(Box::new(report)));
    }

    pub(super) fn report_call(
        &mut self,
        device: &DeviceId,
        reason: &Reason,
        result: SessionResult,
        problem: Option<String>,
    ) {
        let Some(phone) = self.phones.get(device) else { return };
        let report = bare_report(phone, reason, result, problem);
        self.effects.push(Effect::Report(Box::new(report)));
    }
}

fn bare_report(phone: &Phone, reason: &Reason, result: SessionResult, problem: Option<String>) -> SessionReport {
    SessionReport {
        device: phone.device.clone(),
        name: phone.name().cloned(),
        reason: reason_label(reason),
        result,
        problem,
        written: Vec::new(),
        refused: Vec::new(),
        drift: phone.assessment.comparison.drift.as_ref().map_or(0, |drift| drift.items().len()),
        took: std::time::Duration::ZERO,
        steps: Vec::new(),
        proven_after: None,
        revision: phone.goal.as_ref().map(|goal| goal.revision.clone()),
    }
}

/// The reason as a metric label: foreign words count as one.
fn reason_label(reason: &Reason) -> &'static str {
    match reason {
        Reason::StartUp => "start-up",
        Reason::LocalChanges => "local-changes",
        Reason::InventoryChanges => "inventory-changes",
        Reason::Status => "status",
        Reason::Solicited => "solicited",
        Reason::ReplyTo { .. } => "reply-to",
        Reason::CleanUp => "clean-up",
        Reason::Unknown(_) => "other",
    }
}

/// Whether a call of this reason is one in which a phone may be read.
fn reads(reason: &Reason) -> bool {
    matches!(reason, Reason::StartUp | Reason::Solicited | Reason::Status | Reason::LocalChanges)
}

/// Whether a start-up needs no read: the phone says that nothing changed, nobody else writes to it (promise 9), and it
/// was proven before.
fn unchanged(phone: &Phone, goal: &Goal, message: &PhoneMessage, around: &Surroundings<'_>) -> bool {
    goal.desired.policy.sole_server
        && message.value("configuration-changed-flag") == Some("false")
        && phone.proven()
        && !around.owes_poll_url(phone, goal)
        && phone.need(around.settings.report_only, around.now).is_none()
}

fn item(name: &str, text: &str) -> Option<Item> {
    Some(Item::plain(ItemId::new(ItemName::new(name).ok()?, None), text))
}

fn cleanup(nonce: Nonce, item: Option<Item>) -> Answer {
    let items = item.into_iter().collect();
    Answer::Send { message: ServerMessage { nonce, action: Action::CleanUp, items }, set_cookie: None, prepared: None }
}

fn plain_cleanup(nonce: Nonce) -> Answer {
    cleanup(nonce, None)
}

fn with_cookie(answer: Answer, cookie: String) -> Answer {
    match answer {
        Answer::Send { message, prepared, .. } => Answer::Send { message, set_cookie: Some(cookie), prepared },
        record @ Answer::Record { .. } => record,
    }
}
