//! How a session ends: what becomes of it, and when the phone is looked at again.

use std::time::Duration;

use jiff::Timestamp;

use super::{cleanup, item};
use crate::{
    fleet::{
        Answer, Fleet, SessionResult,
        call::{CallStep, Wish},
        flow::{Flow, FlowId, From},
        leaving::Departure,
        may_write::NoWrite,
        phone::{Need, Newest},
        schedule::after,
        session::Ending,
    },
    wpi::DeviceId,
};

/// A record in which only times changed is stored at most that often.
const SAVE_EVERY: Duration = Duration::from_hours(1);

impl Fleet {
    /// Ends a session by CleanUp, with the wish to be called after the call where a write waits.
    pub(super) fn end(&mut self, flow: &Flow, ending: &Ending, now: Timestamp) -> Answer {
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
        self.end_wish(&device, ending, now);
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

    /// What a session that has ended says of a wish to be called after a call.
    fn end_wish(&mut self, device: &DeviceId, ending: &Ending, now: Timestamp) {
        let waits = self.phones.get(device).is_some_and(|phone| self.need_of(phone, now) == Some(Need::Write));
        let Some(phone) = self.phones.get_mut(device) else { return };
        match phone.wish {
            Wish::Used => phone.wish = Wish::None,
            // only what waited for a write got one
            Wish::Unknown if *ending == Ending::Done && !waits => phone.wish = Wish::None,
            Wish::None | Wish::Unknown | Wish::Kept => {}
        }
    }

    /// What was put back and read is managed no more.
    pub(super) fn finish_put_backs(&mut self, device: &DeviceId) {
        if let Some(phone) = self.phones.get_mut(device)
            && phone.finish_put_backs()
        {
            phone.note_safety(&self.catalogue);
            phone.assess(&self.catalogue);
        }
    }

    /// A session came to its end: past failures are forgiven, unless it left undone what it could have done.
    pub(super) fn settle(&mut self, device: &DeviceId, could_write: bool, now: Timestamp) {
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
    pub(super) fn in_call(&mut self, device: &DeviceId, now: Timestamp) -> bool {
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
        if wish {
            phone.wish = Wish::Kept;
        }
        wish
    }

    /// After a phone's call: stores what must not be forgotten and plans what comes next.
    pub(super) fn after_call(&mut self, device: &DeviceId, now: Timestamp) {
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
    pub(super) fn call_back(&mut self, named: Option<DeviceId>, from: &From<'_>, now: Timestamp) {
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

    pub(in crate::fleet) fn close_flow(
        &mut self,
        id: FlowId,
        result: SessionResult,
        problem: Option<String>,
        now: Timestamp,
    ) {
        let Some(flow) = self.flows.close(id) else { return };
        if let Some(phone) = self.phones.get_mut(&flow.device) {
            phone.flow = None;
        }
        self.hear(&flow.device, now);
        self.report(&flow, result, problem, now);
    }

    /// A newer message of the phone ends its flow; one that a restart ended is over since.
    pub(super) fn supersede(&mut self, id: FlowId, now: Timestamp) {
        let result = match self.flows.get(id) {
            Some(flow) if flow.session.restarts() => self.result(flow),
            _ => SessionResult::Superseded,
        };
        self.close_flow(id, result, None, now);
    }
}
