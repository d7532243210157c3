//! What the fleet does with a phone's message: finds its session or opens one, and answers.
//!
//! - [`arrival`]: what is made of a phone that calls, before there is a session
//! - [`opening`]: whether one is opened, and which
//! - [`ending`]: how it ends; [`reports`]: what is told of it

use std::net::IpAddr;

use jiff::Timestamp;

use super::{
    Answer, Fleet, SessionResult,
    flow::{Flow, FlowId, Flows, From, device_of},
    phone::Phone,
    session::{Move, Surroundings},
    unchanged::Likeness,
};
use crate::{
    spec::Site,
    wpi::{Action, DeviceId, Item, ItemId, ItemName, PhoneMessage, Reason, ServerMessage, phone_message::Nonce},
};

mod arrival;
mod ending;
mod opening;
mod reports;

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
