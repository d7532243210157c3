//! One flow of a simulated phone, from its initial message to CleanUp: what to send and what follows from an answer.
//! Synchronous; `run` carries it over the wire.

use std::time::Duration;

use rand::RngExt;
use smol_str::SmolStr;
use tokio::time::Instant;

use super::{
    basic::plain_id,
    device::{Draft, Step},
    fault::Fault,
    judge::Judge,
    link::{Answer, Call, Route},
    state::{Cause, Due, State},
    tls::Side,
    transcript::{Exchange, Outcome},
    wire,
};
use crate::wpi::{
    Action, Item, ItemId, Reason, ReplyStatus, ServerMessage,
    phone_message::{Fragment, Nonce},
    xml::{DecodeError, Limits},
};

/// Most requests of one flow; then the phone gives up.
const REQUESTS: u32 = 400;
/// Most pauses for `overload` in one flow.
const PAUSES: u32 = 20;

/// The flow under way.
#[derive(Debug)]
pub(super) struct Flow {
    number: u64,
    due: Due,
    judge: Judge,
    nonce: Option<Nonce>,
    /// What was attached to the initial message.
    reported: Vec<ItemId>,
    requests: u32,
    pauses: u32,
    answered: bool,
    giving_up: bool,
}

/// What follows from an answer.
#[derive(Debug)]
pub(super) enum Then {
    Send(Draft),
    /// The reply, and the very same once more (F-10).
    SendTwice(Draft),
    /// The same message again after a pause.
    Pause(Duration),
    /// Power is gone: nothing of this flow goes on.
    PowerCut,
    End,
}

impl State {
    /// Begins a flow; `None` when its cause is gone.
    pub(super) fn open(&mut self, due: Due) -> Option<Draft> {
        if due.cause == Cause::Wish && (self.device.in_call || !self.device.wish) {
            return None;
        }
        self.powered = true;
        let files = if let Cause::Files(files) = &due.cause { files.as_slice() } else { &[] };
        let mut draft = self.device.open(due.cause.reason(), files, &self.faults);
        if let Cause::Mobility(Some(names)) = &due.cause {
            draft.items.extend(plain_id("modified-items").map(|id| Item::plain(id, names.as_str())));
        }
        self.record.counts.flows += 1;
        self.tell(|| format!("calls: {}", draft.reason));
        let reported = if due.cause == Cause::LocalChanges { self.device.modified.clone() } else { Vec::new() };
        self.flow = Some(Flow {
            number: self.record.counts.flows,
            judge: Judge::new(draft.reason.clone()),
            due,
            nonce: None,
            reported,
            requests: 0,
            pauses: 0,
            answered: false,
            giving_up: false,
        });
        Some(draft)
    }

    /// The request for a draft. A repeated one keeps its nonce.
    pub(super) fn prepare(&mut self, draft: &Draft, repeated: bool) -> (Route, Call) {
        let kept = self.flow.as_ref().and_then(|flow| flow.nonce.clone());
        let keep = repeated || (kept.is_some() && self.faults.has(&Fault::NoncePerFlow));
        let nonce = if keep { kept } else { wire::nonce(&mut self.rng, &self.faults) };
        let body = wire::body(draft, nonce.as_ref(), &self.faults);
        let mut server = self.settings.server.clone();
        if let Some(flow) = &mut self.flow {
            flow.nonce = nonce;
            flow.requests += 1;
            if let Cause::Contact(Some(other)) = &flow.due.cause {
                server = other.clone();
            }
        }
        let route = Route {
            from: self.settings.address,
            server,
            side: Side {
                only_1_0: self.faults.has(&Fault::Tls10),
                own_certificate: self.faults.has(&Fault::WrongClientCertificate),
            },
            timing: self.settings.timing.clone(),
        };
        let cookie = wire::cookie(self.cookie.as_deref(), self.older_cookie.as_deref(), &self.faults);
        (route, Call { body, cookie, close: self.closes() })
    }

    /// Whether every request has a connection of its own.
    pub(super) fn closes(&self) -> bool {
        self.device.facts.closes || !self.settings.keep_alive
    }

    /// A request got no answer.
    pub(super) fn lost(&mut self, draft: &Draft, connection: u64, problem: String) {
        self.record.counts.lost += 1;
        self.tell(|| format!("{}: no answer: {problem}", draft.reason));
        self.note(draft, connection, Outcome::Lost(problem));
    }

    /// The flow breaks off without a CleanUp.
    pub(super) fn break_off(&mut self, now: Instant) {
        let Some(flow) = self.flow.take() else { return };
        if !flow.answered || flow.due.cause == Cause::StartUp {
            self.plan_again(flow.due, now);
        }
        self.settle(now);
    }

    /// An answer came.
    pub(super) fn take(&mut self, draft: &Draft, answer: &Answer, now: Instant) -> Then {
        self.record.counts.exchanges += 1;
        self.heard = Some(now);
        let then = self.understand(draft, answer, now);
        if matches!(then, Then::End) {
            self.settle(now);
        }
        then
    }

    fn understand(&mut self, draft: &Draft, answer: &Answer, now: Instant) -> Then {
        let wrong = match &mut self.flow {
            Some(flow) => flow.judge.answer(answer, self.cookie.as_deref(), self.faults.spoil_messages()),
            None => return Then::End,
        };
        for what in wrong {
            self.record.violation(what);
        }
        if !answer.status.is_success() {
            let problem = format!("HTTP status {}", answer.status.as_u16());
            return self.unusable(draft, answer, problem, now);
        }
        if draft.reason.is_initial() {
            self.opened(answer);
        }
        if answer.chunked && !self.device.facts.reads_chunks {
            return self.give_up(draft, answer, "chunked answer", now);
        }
        let message = match ServerMessage::decode(&answer.body, &Limits::default(), !self.settings.strict) {
            Ok(message) => message,
            Err(DecodeError::UnknownAction { action, .. }) => {
                self.record.violation(format!("unknown action {action:?} (R-613)"));
                self.note_unusable(draft, answer, format!("unknown action {action}"));
                if self.flow.as_ref().is_none_or(|flow| flow.giving_up) {
                    self.flow = None;
                    return Then::End;
                }
                let reason = Reason::ReplyTo { action, status: ReplyStatus::Failed };
                return Then::Send(Draft { reason, items: Vec::new(), fragment: Fragment::Final });
            }
            Err(error) => {
                self.record.violation(format!("unreadable message: {error}"));
                return self.give_up(draft, answer, error.category(), now);
            }
        };
        self.received(draft, answer, &message, now)
    }

    fn received(&mut self, draft: &Draft, answer: &Answer, message: &ServerMessage, now: Instant) -> Then {
        let Some(flow) = &mut self.flow else { return Then::End };
        let in_call = self.device.in_call;
        let wrong = flow.judge.message(message, flow.nonce.as_ref(), self.device.facts, in_call);
        let foreign = flow.nonce.as_ref().map_or("", |nonce| nonce.0.as_str()) != message.nonce.0;
        let (giving_up, spent) = (flow.giving_up, flow.requests >= REQUESTS);
        for what in wrong {
            self.record.violation(what);
        }
        let reason = text_of(message, "cleanup-reason");
        self.note(draft, answer.connection, outcome(message, reason.clone()));
        self.tell(|| format!("{} → {} ({} items)", draft.reason, message.action, message.items.len()));
        if giving_up {
            self.flow = None;
            return Then::End;
        }
        if foreign && self.settings.strict {
            return self.send_clean_up("wrong nonce");
        }
        if spent {
            return self.send_clean_up("too many requests");
        }
        if message.action == Action::CleanUp && reason.as_deref() == Some("overload") {
            return self.pause();
        }
        if message.action != Action::CleanUp {
            if self.faults.clear("power-cut") {
                let reboot = self.settings.timing.reboot;
                self.boot(now, reboot);
                return Then::PowerCut;
            }
            let cut = message.action == Action::GetNextFragment && self.faults.has(&Fault::FragmentCut);
            if cut || self.faults.has(&Fault::NoReply) {
                self.flow = None;
                return Then::End;
            }
        }
        self.carry_out(message, now)
    }

    fn carry_out(&mut self, message: &ServerMessage, now: Instant) -> Then {
        let step = self.device.act(message, &mut self.faults);
        if message.action == Action::WriteItems && !self.device.saved.is_empty() {
            self.record.counts.writes += 1;
            self.record.counts.items_written += self.device.saved.len() as u64;
            if self.faults.has(&Fault::LocalChangesAfterWrite) {
                let saved = self.device.saved.clone();
                self.note_changes(saved, now);
            }
        }
        if self.written(now) {
            return Then::PowerCut;
        }
        match step {
            Step::Send(draft) => self.reply(draft),
            Step::Done { wished } => {
                self.finish();
                if wished {
                    self.device.wish = true;
                    if !self.device.in_call {
                        self.plan(Cause::Wish, now);
                    }
                }
                Then::End
            }
            Step::Reboot => {
                self.finish();
                let reboot = self.settings.timing.reboot;
                self.boot(now, reboot);
                Then::PowerCut
            }
            Step::Files(files) => {
                self.finish();
                if !files.is_empty() {
                    let at = now + self.settings.timing.transfer;
                    self.plan(Cause::Files(files), at);
                }
                Then::End
            }
        }
    }

    fn reply(&mut self, draft: Draft) -> Then {
        if let Reason::ReplyTo { status: ReplyStatus::Busy, .. } = draft.reason {
            self.record.counts.busy += 1;
            if let Some(flow) = &mut self.flow {
                flow.judge.note_busy();
            }
        }
        if self.faults.clear("initial-in-mid-flow") {
            let cause = match self.flow.take().map(|flow| flow.due.cause) {
                None => Cause::StartUp,
                // the wish itself is used up
                Some(Cause::Wish) => Cause::Contact(None),
                Some(cause) => cause,
            };
            let due = Due { cause, at: Instant::now(), tries: 0 };
            return self.open(due).map_or(Then::End, Then::Send);
        }
        if self.faults.clear("reply-repeated") { Then::SendTwice(draft) } else { Then::Send(draft) }
    }

    /// The initial message was answered: the server knows the phone now.
    fn opened(&mut self, answer: &Answer) {
        let Some(flow) = &mut self.flow else { return };
        flow.answered = true;
        flow.due.tries = 0;
        let reported = std::mem::take(&mut flow.reported);
        if flow.due.cause == Cause::Wish {
            self.device.wish = false;
        }
        self.device.modified.retain(|id| !reported.contains(id));
        if let Some(cookie) = answer.set_cookie.first() {
            self.older_cookie = self.cookie.replace(cookie.clone());
        }
    }

    fn finish(&mut self) {
        self.flow = None;
        self.record.counts.ended += 1;
    }

    fn pause(&mut self) -> Then {
        let (least, most) = self.settings.timing.overload;
        let pause = self.rng.random_range(least..=most.max(least));
        match &mut self.flow {
            Some(flow) if flow.pauses < PAUSES => {
                flow.pauses += 1;
                Then::Pause(pause)
            }
            _ => self.send_clean_up("overload"),
        }
    }

    /// An answer that is no message: a reply is given up, an initial message is tried again later.
    fn unusable(&mut self, draft: &Draft, answer: &Answer, problem: String, now: Instant) -> Then {
        self.note_unusable(draft, answer, problem);
        self.break_off(now);
        Then::End
    }

    /// What the phone cannot read it answers by `clean-up`.
    fn give_up(&mut self, draft: &Draft, answer: &Answer, why: &str, now: Instant) -> Then {
        self.note_unusable(draft, answer, why.to_owned());
        if self.flow.as_ref().is_some_and(|flow| flow.giving_up) {
            self.break_off(now);
            return Then::End;
        }
        self.send_clean_up(why)
    }

    fn send_clean_up(&mut self, why: &str) -> Then {
        if let Some(flow) = &mut self.flow {
            flow.giving_up = true;
        }
        let items = plain_id("cleanup-reason").map(|id| Item::plain(id, why)).into_iter().collect();
        Then::Send(Draft { reason: Reason::CleanUp, items, fragment: Fragment::Final })
    }

    fn note_unusable(&mut self, draft: &Draft, answer: &Answer, problem: String) {
        self.tell(|| format!("{} → unusable answer: {problem}", draft.reason));
        let status = answer.status.as_u16();
        self.note(draft, answer.connection, Outcome::Unusable { status, problem });
    }

    fn note(&mut self, draft: &Draft, connection: u64, outcome: Outcome) {
        let flow = self.flow.as_ref().map_or(self.record.counts.flows, |flow| flow.number);
        let (reason, sent) = (draft.reason.clone(), draft.items.len());
        self.record.exchange(Exchange { flow, connection, reason, sent, outcome });
    }
}

fn text_of(message: &ServerMessage, name: &str) -> Option<SmolStr> {
    let found = message.items.iter().find(|item| item.id.name.as_str() == name);
    found.and_then(|item| item.text.as_plain()).map(SmolStr::new)
}

fn outcome(message: &ServerMessage, cleanup_reason: Option<SmolStr>) -> Outcome {
    Outcome::Action {
        action: message.action,
        items: message.items.len(),
        ids: message.items.iter().map(|item| item.id.clone()).collect(),
        send_solicited: message.action == Action::CleanUp
            && text_of(message, "send-solicited").as_deref() == Some("true"),
        cleanup_reason,
    }
}
