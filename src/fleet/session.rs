//! One session: ReadItems → diff → WriteItems → ReadItems → CleanUp, a step a message.
//!
//! A session that only looks ([`Job::Look`]) has no step that writes. What is in force is asked for again before each
//! write and before the end; when it changed, the session goes round again (R-618 and R-1403 hold).
//!
//! - [`surroundings`]: what it looks at besides its phone
//! - [`reading`]: what it asks for; [`writing`]: what it writes
//! - [`restarting`]: the end of a session, and the restart that may come before it

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    goal::Goal,
    hands_off::{checks_servers, server_item},
    may_write::{Leaving, NoWrite, Permit},
    phone::Phone,
    restart::Wish,
    sending::{Sending, content_hash},
    unchanged::Question,
    wire_names::WireNames,
};
use crate::{
    catalogue::Catalogue,
    spec::{Desired, Digest, Mode},
    wpi::{Action, Item, ItemId, PhoneMessage, Reason, ReplyStatus, phone_message::Nonce},
};

mod reading;
mod restarting;
mod surroundings;
mod writing;

use reading::Reply;
pub use surroundings::{Documents, Surroundings};
pub use writing::Writer;

/// Most replies of one session whose times are kept.
const STEPS: usize = 64;

/// What a session is for.
#[derive(Debug)]
pub enum Job {
    /// Read and compare; nothing else is possible.
    Look,
    /// Read, compare and write the difference.
    Enforce(Writer),
}

#[derive(Debug)]
enum Step {
    Reading { asked: Arc<[ItemId]>, reply: Reply, verify: bool },
    Recording(Sending),
    Writing(Sending),
    Restarting(Option<Wish>),
}

/// What is done next.
#[derive(Debug)]
pub enum Move {
    /// Ask the phone.
    Ask(Action, Vec<Item>),
    /// Ask the phone what it was asked before.
    AskAgain(Arc<Question>),
    /// Store the phone's record, then call [`Session::recorded`].
    Record,
    /// Send this.
    Write(Permit),
    /// Send CleanUp; the session is over.
    End(Ending),
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Everything was done that could be.
    Done,
    /// The phone is in a call.
    Busy,
    /// It wants to write and has to wait.
    Waits(NoWrite),
    /// The phone did not take an action, or broke the rules; it is tried again later.
    Failed(&'static str),
}

/// One session.
#[derive(Debug)]
pub struct Session {
    /// Why the phone called.
    pub reason: Reason,
    /// When the session began.
    pub opened: Timestamp,
    /// What it wrote and the phone took.
    pub accepted: Vec<ItemId>,
    /// How long the phone took for its replies, by what it was asked.
    pub steps: Vec<(&'static str, Duration)>,
    job: Job,
    goal: Digest,
    step: Step,
    actions: u32,
    nonce: Nonce,
    max_items: Option<u32>,
}

impl Session {
    /// Opens a session and gives its first move. `look` = it may only look, whatever the mode.
    pub fn open(
        phone: &Phone,
        goal: &Goal,
        message: &PhoneMessage,
        look: bool,
        around: &Surroundings<'_>,
    ) -> (Self, Move) {
        let writes = !look && goal.desired.policy.mode == Mode::Enforce && !around.settings.report_only;
        let mut session = Self {
            reason: message.reason.clone(),
            opened: around.now,
            accepted: Vec::new(),
            steps: Vec::new(),
            job: if writes { Job::Enforce(Writer::new()) } else { Job::Look },
            goal: goal.desired.digest,
            step: Step::Writing(Sending::default()),
            actions: 0,
            nonce: message.nonce.clone().unwrap_or(Nonce("".into())),
            max_items: message.max_items,
        };
        let next = session.round(phone, goal, around);
        (session, next)
    }

    /// Opens a session in which the phone tells all that it has, declared or not, and gives its first move.
    pub fn inventory(phone: &Phone, message: &PhoneMessage, around: &Surroundings<'_>) -> (Self, Move) {
        let session = Self {
            reason: message.reason.clone(),
            opened: around.now,
            accepted: Vec::new(),
            steps: Vec::new(),
            job: Job::Look,
            goal: phone.goal.as_ref().map_or(Digest([0; 32]), |goal| goal.desired.digest),
            step: Step::Reading { asked: Arc::default(), reply: Reply::default(), verify: false },
            actions: 1,
            nonce: message.nonce.clone().unwrap_or(Nonce("".into())),
            max_items: message.max_items,
        };
        (session, Move::Ask(Action::ReadAllItems, Vec::new()))
    }

    /// Whether this session may write.
    pub fn writes(&self) -> bool {
        matches!(self.job, Job::Enforce(_))
    }

    /// The nonce of the request that is answered next.
    pub fn nonce(&self) -> Nonce {
        self.nonce.clone()
    }

    /// Whether a reply to `action` answers the question for all items of what is in force, and nothing was written.
    pub(super) fn awaits_all(&self, action: &str, in_force: &Digest) -> bool {
        let Step::Reading { asked, reply, verify: false } = &self.step else { return false };
        let first = !asked.is_empty() && reply.fragments == 0 && self.accepted.is_empty();
        first && self.goal == *in_force && action == Action::ReadItems.as_str()
    }

    /// What was asked, if the session waits for a reply to that.
    pub(super) fn asked(&self) -> Option<&Arc<[ItemId]>> {
        match &self.step {
            Step::Reading { asked, .. } => Some(asked),
            _ => None,
        }
    }

    /// A reply came after that time. A session has few of them.
    pub(super) fn replied(&mut self, took: Duration) {
        let step = match self.step {
            Step::Reading { .. } => "read",
            Step::Writing(_) | Step::Recording(_) => "write",
            Step::Restarting(_) => "restart",
        };
        if self.steps.len() < STEPS {
            self.steps.push((step, took));
        }
    }

    /// The next answer is to the request with this nonce.
    pub(super) fn goes_on(&mut self, nonce: Nonce) {
        self.nonce = nonce;
    }

    /// Takes a `reply-to`.
    pub fn reply(&mut self, phone: &mut Phone, message: PhoneMessage, around: &Surroundings<'_>) -> Move {
        if let Some(nonce) = message.nonce.clone() {
            self.nonce = nonce;
        }
        let Reason::ReplyTo { action, status } = &message.reason else {
            return Move::End(Ending::Failed("not a reply"));
        };
        if !self.expects(action) {
            return Move::End(Ending::Failed("the reply is to another action"));
        }
        match status {
            ReplyStatus::Busy => self.busy(phone),
            ReplyStatus::Failed => self.failed(phone, around),
            ReplyStatus::Accepted => match &mut self.step {
                Step::Reading { .. } => self.read(phone, message, around),
                Step::Writing(sent) => {
                    let sent = std::mem::take(sent);
                    let mut answered = message.items;
                    WireNames::of(phone).inward(&mut answered);
                    self.wrote(phone, &sent, &answered, around)
                }
                Step::Restarting(_) => Move::End(Ending::Done),
                Step::Recording(_) => Move::End(Ending::Failed("the phone spoke out of turn")),
            },
        }
    }

    /// The record is stored (or not): the write may leave, if it still may.
    pub fn recorded(&mut self, phone: &mut Phone, stored: bool, around: &Surroundings<'_>) -> Move {
        if let Step::Restarting(_) = &self.step {
            return self.restart_recorded(phone, stored, around);
        }
        let Step::Recording(sending) = &mut self.step else {
            return Move::End(Ending::Failed("nothing was to be recorded"));
        };
        let mut sending = std::mem::take(sending);
        let items = std::mem::take(&mut sending.items);
        let content = content_hash(&items, &sending.wanted);
        let leaving = Leaving::Items(items);
        let permit = if stored { self.permit(phone, leaving, around) } else { Err(NoWrite::StoreAway) };
        let permit = match &mut self.job {
            Job::Enforce(writer) => permit.inspect(|_| {
                writer.sent.insert(content);
            }),
            Job::Look => Err(NoWrite::Report),
        };
        match permit {
            Ok(permit) => {
                self.step = Step::Writing(sending);
                self.actions += 1;
                Move::Write(permit.renamed(WireNames::of(phone)))
            }
            Err(why) => {
                sending.undo(phone);
                self.stop(phone, why, around)
            }
        }
    }

    /// The action that was sent last, `ReadItems` or `WriteItems` as the phone should repeat it.
    fn expects(&self, action: &str) -> bool {
        match &self.step {
            Step::Reading { asked, reply, .. } => {
                let sent = if asked.is_empty() { Action::ReadAllItems } else { Action::ReadItems };
                action == sent.as_str() || (reply.fragments > 0 && action == Action::GetNextFragment.as_str())
            }
            Step::Writing(_) | Step::Recording(_) => action == Action::WriteItems.as_str(),
            Step::Restarting(_) => action == Action::Restart.as_str(),
        }
    }

    /// Begins a round towards `goal`: reads all managed items that compare.
    fn round(&mut self, phone: &Phone, goal: &Goal, around: &Surroundings<'_>) -> Move {
        self.goal = goal.desired.digest;
        if let Job::Enforce(writer) = &mut self.job {
            writer.messages.clear();
            writer.written.clear();
            writer.cut = None;
        }
        match goal.desired.policy.mode {
            Mode::Enforce => {}
            Mode::Report => self.job = Job::Look,
            Mode::Off => return Move::End(Ending::Done),
        }
        if let Some(question) = phone.question(self.max_items).filter(|_| !self.spent(around)) {
            self.actions += 1;
            self.step = Step::Reading { asked: Arc::clone(&question.ids), reply: Reply::default(), verify: false };
            return Move::AskAgain(question);
        }
        let mut ids = phone.with_seeds(comparing(&goal.desired, around.catalogue), around.catalogue);
        if checks_servers(around.site, around.settings) {
            ids.extend(server_item().filter(|id| goal.desired.get(id).is_none()));
        }
        self.ask(phone, ids, false, around)
    }

    fn spent(&self, around: &Surroundings<'_>) -> bool {
        let length = around.now.duration_since(self.opened).unsigned_abs();
        self.actions >= around.settings.flow_actions || length >= around.settings.flow_length
    }

    /// The end of a session whose phone was assessed after its last read, write or refusal.
    fn finish(phone: &mut Phone) -> Move {
        if phone.proven() {
            phone.last_proof = phone.read_at;
        }
        Move::End(Ending::Done)
    }

    /// Goes round again when what is in force is not what this round works towards.
    fn round_again(&mut self, phone: &Phone, around: &Surroundings<'_>) -> Option<Move> {
        let goal = phone.goal.as_ref().filter(|goal| goal.desired.digest != self.goal)?;
        Some(self.round(phone, goal, around))
    }

    fn busy(&mut self, phone: &mut Phone) -> Move {
        if let Step::Writing(sent) = &self.step {
            sent.undo(phone);
        }
        self.undo_restart(phone);
        Move::End(Ending::Busy)
    }
}

fn comparing(desired: &Desired, catalogue: &Catalogue) -> Vec<ItemId> {
    desired.items.iter().filter(|item| catalogue.compares(item.id.name.as_str())).map(|item| item.id.clone()).collect()
}
