//! What is made of a phone that calls, before there is a session.

use jiff::Timestamp;

use super::plain_cleanup;
use crate::{
    fleet::{
        Answer, Effect, Fleet, SessionResult,
        call::{CallStep, Wish},
        flow::From,
        phone::Phone,
        record::Facts,
    },
    wpi::{DeviceId, PhoneMessage, Reason, contact::ContactUri, phone_message::Nonce},
};

impl Fleet {
    /// A phone that another service serves calls here: nothing is asked of it, and nothing of it is taken note of.
    pub(super) fn leave_to_another(&mut self, device: &DeviceId, nonce: Nonce, now: Timestamp) -> Answer {
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
    pub(super) fn turn_away(
        &mut self,
        device: &DeviceId,
        message: &PhoneMessage,
        from: &From<'_>,
        now: Timestamp,
    ) -> bool {
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

    /// Takes note of a phone that calls. Whether there is anything to talk about with it.
    pub(super) fn meet(&mut self, device: &DeviceId, message: &PhoneMessage, from: &From<'_>, now: Timestamp) -> bool {
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
            phone.wish = Wish::None;
            phone.set_poll_url(false);
            phone.started();
        }
        let asked = matches!(phone.calling.step, CallStep::Requested { .. } | CallStep::Answered { .. });
        // one session comes for all that asked for it, so it may come for less
        if message.reason == Reason::Solicited && !asked && phone.wish != Wish::None {
            phone.wish = Wish::Used;
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

    /// Makes room for one more undeclared phone: the one not heard of for longest is forgotten.
    pub(in crate::fleet) fn make_room(&mut self) {
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

    /// This phone is not at its address any more.
    pub(in crate::fleet) fn leaves(&mut self, facts: &Facts, device: &DeviceId) {
        let Some(address) = facts.address else { return };
        self.left(device, address);
        if self.heard_at.get(&address) == Some(device) {
            self.heard_at.remove(&address);
        }
    }
}
