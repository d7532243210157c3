//! One session: ReadItems → diff → WriteItems → ReadItems → CleanUp, a step a message.
//!
//! A session that only looks ([`Job::Look`]) has no step that writes. What is in force is asked for again before each
//! write and before the end; when it changed, the session goes round again (R-618 and R-1403 hold).
//!
//! - [`restarting`]: the end of a session, and the restart that may come before it

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    batch,
    custody::Custody,
    fingerprint::FingerprintKey,
    goal::Goal,
    hands_off::{checks_servers, server_item},
    may_write::{Ask, Leaving, NoWrite, Permit, may_write},
    not_applicable,
    observed::{ObservedSet, Readings},
    phone::Phone,
    poll::poll_url,
    restart::Wish,
    sending::{Sending, content_hash, items_to_write, record_in_flight, refuse_unsent, take_out_unfit},
    settings::Settings,
    unchanged::Question,
    wire_names::WireNames,
};
use crate::{
    catalogue::Catalogue,
    spec::{Desired, DesiredValue, Digest, Mode, Site, Wanted},
    wpi::{
        Action, Item, ItemId, ItemName, ItemStatus, ItemText, PhoneMessage, Reason, ReplyStatus, ServerMessage,
        phone_message::{Fragment, Nonce},
        server_message::MESSAGE_LIMIT,
    },
};

mod restarting;

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

/// What only a session that may write has: its messages to come, and what it sent. [`may_write`] asks for it, and
/// nobody else makes one, so a session that only looks cannot have a write (promise 11).
#[derive(Debug)]
pub struct Writer {
    messages: VecDeque<Vec<Item>>,
    written: BTreeMap<ItemId, DesiredValue>,
    sent: HashSet<u64>,
    /// Why the messages behind those that were written wait for another time.
    cut: Option<NoWrite>,
    /// An item was written once more to learn whether the phone is in a call.
    probed: bool,
}

impl Writer {
    fn new() -> Self {
        let (messages, written, sent) = (VecDeque::new(), BTreeMap::new(), HashSet::new());
        Self { messages, written, sent, cut: None, probed: false }
    }
}

#[derive(Debug)]
enum Step {
    Reading { asked: Arc<[ItemId]>, reply: Reply, verify: bool },
    Recording(Sending),
    Writing(Sending),
    Restarting(Option<Wish>),
}

/// A reply as its fragments come in.
#[derive(Debug, Default)]
struct Reply {
    items: Vec<Item>,
    fragments: u32,
    bytes: usize,
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

/// What a session looks at besides its phone.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The service's settings.
    pub settings: &'a Settings,
    /// The documents, for the content of secrets; `None` = none were read since the start, and no write leaves.
    pub documents: Option<Documents<'a>>,
    /// Whether the catalogue is that of the source; else no write leaves.
    pub classes_known: bool,
    /// The catalogue in force.
    pub catalogue: &'a Catalogue,
    /// The key of fingerprints; without one none are kept.
    pub key: Option<&'a FingerprintKey>,
    /// The phone's site.
    pub site: &'a Site,
    /// Where the phone calls from.
    pub peer: std::net::IpAddr,
    /// Whether it may be sent passwords there.
    pub custody: Custody,
    /// Until when the phone is braked.
    pub braked: Option<Timestamp>,
    /// Whether the store cannot be written.
    pub store_away: bool,
    /// Whether it is the phone's turn for items that can make it vanish.
    pub turn: bool,
    /// Now.
    pub now: Timestamp,
}

/// The documents that the secrets of a phone are read from.
#[derive(Debug)]
pub enum Documents<'a> {
    /// The newest ones.
    Newest(&'a Wanted),
    /// Those in force for a phone that waits at the gate; none after a restart.
    Kept(Option<Arc<Wanted>>),
}

impl Surroundings<'_> {
    /// The documents in force for the phone.
    pub(super) fn wanted(&self) -> Option<&Wanted> {
        match self.documents.as_ref()? {
            Documents::Newest(newest) => Some(newest),
            Documents::Kept(kept) => kept.as_deref(),
        }
    }

    /// The documents, for the content of secrets; none for a phone that may not have any.
    pub(super) fn contents(&self) -> Option<&Wanted> {
        self.wanted().filter(|_| self.custody == Custody::Near)
    }
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

    fn ask(&mut self, phone: &Phone, ids: Vec<ItemId>, verify: bool, around: &Surroundings<'_>) -> Move {
        if self.spent(around) {
            return Move::End(Ending::Waits(NoWrite::SessionLimit));
        }
        self.actions += 1;
        let ids = if ids.is_empty() { something_to_read() } else { ids };
        let mut items: Vec<Item> = ids.iter().map(|id| Item::plain(id.clone(), "")).collect();
        WireNames::of(phone).outward(&mut items);
        let frame = ServerMessage::encoded_frame_len(&self.nonce, Action::ReadItems);
        let short = |len: fn(&Item) -> usize| frame + items.iter().map(len).sum::<usize>() < MESSAGE_LIMIT;
        let short = short(ServerMessage::encoded_item_bound) || short(ServerMessage::encoded_item_len);
        let fits = short && self.max_items.is_none_or(|most| items.len() <= most as usize);
        tracing::trace!(phone = %phone.device, items = items.len(), fits, "reading");
        let (asked, action, items) =
            if fits { (ids, Action::ReadItems, items) } else { (Vec::new(), Action::ReadAllItems, Vec::new()) };
        self.step = Step::Reading { asked: asked.into(), reply: Reply::default(), verify };
        Move::Ask(action, items)
    }

    fn spent(&self, around: &Surroundings<'_>) -> bool {
        let length = around.now.duration_since(self.opened).unsigned_abs();
        self.actions >= around.settings.flow_actions || length >= around.settings.flow_length
    }

    fn read(&mut self, phone: &mut Phone, message: PhoneMessage, around: &Surroundings<'_>) -> Move {
        let Step::Reading { asked, reply, verify } = &mut self.step else {
            return Move::End(Ending::Failed("not reading"));
        };
        let verify = *verify;
        reply.bytes += message.items.iter().map(kept_bytes).sum::<usize>();
        reply.items.extend(message.items);
        if reply.bytes > around.settings.reply_bytes {
            return Move::End(Ending::Failed("the reply is too large"));
        }
        if message.fragment == Fragment::Next {
            reply.fragments += 1;
            if reply.fragments >= around.settings.fragments {
                return Move::End(Ending::Failed("the reply has too many fragments"));
            }
            return Move::Ask(Action::GetNextFragment, Vec::new());
        }
        let mut items = std::mem::take(&mut reply.items);
        if asked.is_empty() && items.is_empty() {
            return Move::End(Ending::Failed("the phone named none of its items"));
        }
        WireNames::of(phone).inward(&mut items);
        note_contact_gap(phone, &items);
        phone.note_server(&items);
        let readings = Readings::from_items(items, around.catalogue);
        let asked = std::mem::take(asked);
        if asked.is_empty() {
            phone.take_inventory(|| ObservedSet::of(&readings), around.now);
        }
        // one that is let go takes along what became of its last write
        if phone.goal.is_none() || (!phone.declared() && phone.stays()) {
            return Move::End(Ending::Done);
        }
        let readings = if asked.is_empty() {
            let all = phone.goal.as_ref().map(|goal| comparing(&goal.desired, around.catalogue)).unwrap_or_default();
            not_applicable::complete(readings, &all)
        } else {
            readings.with_absent(asked.iter())
        };
        let lost = phone.restart_lost(around.catalogue);
        let before = phone.look(&readings, around.catalogue);
        phone.read_at = Some(around.now);
        phone.unsaved |= phone.in_flight.is_some() || phone.unverified;
        phone.look_for_seeds(&readings, around);
        phone.assess(around.catalogue);
        if !verify {
            phone.look_for_reset(around);
        }
        phone.saw(before, around.catalogue, around.settings, around.now);
        phone.poll_url_lost();
        phone.in_flight = None;
        phone.unverified = false;
        phone.look_wanted = false;
        phone.passed_over = false;
        if self.reason != Reason::StartUp {
            phone.restart_found(lost);
        }
        phone.doubt_read(around.catalogue);
        if verify { self.verified(phone, around) } else { self.compare(phone, around) }
    }

    /// After the read of a round: writes what differs, or ends.
    fn compare(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
        if let Some(next) = self.round_again(phone, around) {
            return next;
        }
        let Job::Enforce(_) = &self.job else { return Self::finish(phone) };
        let Some(goal) = phone.goal.clone() else { return Move::End(Ending::Done) };
        phone.give_up_unanswered(around);
        let (writable, seeds) = (phone.writable(around.catalogue), phone.seeds_to_write(around));
        if writable.is_empty() && seeds.is_empty() {
            return self.next_message(phone, around);
        }
        let ids = batch::with_groups(around.catalogue, &goal.desired, &writable);
        let mut items = items_to_write(phone, &goal.desired, &ids, around);
        items.extend(seeds);
        let unfit = take_out_unfit(phone, &mut items, around);
        let plan = batch::plan(around.catalogue, items, &self.nonce, self.max_items, phone.cautious);
        for item in &plan.too_large {
            refuse_unsent(phone, item, "does not fit in one message with its group", around);
        }
        if unfit || !plan.too_large.is_empty() {
            phone.assess(around.catalogue);
        }
        if let Job::Enforce(writer) = &mut self.job {
            writer.messages = plan.messages;
        }
        self.next_message(phone, around)
    }

    /// Records the next message's items as in flight, or reads back what was written.
    fn next_message(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
        if let Some(next) = self.round_again(phone, around) {
            return next;
        }
        let Job::Enforce(writer) = &mut self.job else { return Self::finish(phone) };
        let Some(items) = writer.messages.pop_front() else {
            if let Some(next) = self.give_poll_url(phone, around) {
                return next;
            }
            return self.read_back(phone, around);
        };
        let wanted = items.iter().filter_map(|item| Some((item.id.clone(), phone.wants(&item.id)?))).collect();
        if writer.sent.contains(&content_hash(&items, &wanted)) {
            return Move::End(Ending::Failed("the same was written in this session already"));
        }
        match self.permit(phone, Leaving::Items(items.clone()), around) {
            Ok(_) => {}
            Err(why) => return self.stop(phone, why, around),
        }
        let images = record_in_flight(phone, &items, around);
        let prints = phone.about_to_send(&items, around);
        let vanishing = items.iter().any(|item| around.catalogue.can_vanish(item.id.name.as_str()));
        if vanishing {
            phone.doubt_begins(&around.site.name, around.settings.lockout_wait, around.now);
        }
        self.step = Step::Recording(Sending { items, wanted, images, prints, vanishing });
        Move::Record
    }

    /// Tells a phone of a Poll site where to poll, behind all else and once after each start; where that may not
    /// be written, nothing waits for it.
    fn give_poll_url(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Option<Move> {
        let goal = phone.goal.as_ref().filter(|_| !phone.has_poll_url())?;
        let url = poll_url(&goal.desired, around.site, around.settings, &phone.profile())?;
        let items = vec![url];
        self.permit(phone, Leaving::Items(items.clone()), around).ok()?;
        let images = record_in_flight(phone, &items, around);
        phone.set_poll_url(true);
        self.step = Step::Recording(Sending { items, images, ..Sending::default() });
        Some(Move::Record)
    }

    /// Reads what was written in this round.
    fn read_back(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
        let Job::Enforce(writer) = &self.job else { return Self::finish(phone) };
        if writer.written.is_empty() {
            return self.close(phone, around);
        }
        let compares = |id: &&ItemId| around.catalogue.compares(id.name.as_str()) && !phone.is_seed(id);
        let mut ids: Vec<ItemId> = writer.written.keys().filter(compares).cloned().collect();
        if ids.is_empty() {
            ids = phone.goal.as_ref().map(|goal| comparing(&goal.desired, around.catalogue)).unwrap_or_default();
        }
        self.ask(phone, ids, true, around)
    }

    fn permit(&self, phone: &Phone, leaving: Leaving, around: &Surroundings<'_>) -> Result<Permit, NoWrite> {
        let Job::Enforce(writer) = &self.job else { return Err(NoWrite::Report) };
        let ask = Ask {
            writer,
            settings: around.settings,
            braked: around.braked,
            proposed: phone.proposed(),
            left_alone: phone.left_alone(around.now),
            store_away: around.store_away,
            in_force: phone
                .goal
                .as_ref()
                .filter(|_| phone.declared() && !phone.unsure && around.documents.is_some() && around.classes_known)
                .map(|goal| &*goal.desired),
            seeds: phone.seeding.due(),
            goal: &self.goal,
            site: around.site,
            facts: &phone.facts,
            peer: around.peer,
            custody: around.custody,
            turn: around.turn,
            catalogue: around.catalogue,
            drifts: &phone.drifts,
            max_items: self.max_items,
            actions: self.actions,
            opened: self.opened,
        };
        may_write(&ask, leaving, around.now)
    }

    /// A write may not leave: goes round again when another state is in force, else ends and waits. When only its time
    /// is over, what was written so far is proven first.
    fn stop(&mut self, phone: &mut Phone, why: NoWrite, around: &Surroundings<'_>) -> Move {
        if let Some(next) = self.round_again(phone, around) {
            return next;
        }
        match &mut self.job {
            Job::Enforce(writer) if why.leaves_the_rest() => {
                writer.messages.clear();
                writer.cut = Some(why);
                self.next_message(phone, around)
            }
            _ => Move::End(Ending::Waits(why)),
        }
    }

    /// A WriteItems was accepted: single items may still have been refused. What counts is what was sent,
    /// which need not be what is wanted by now.
    fn wrote(&mut self, phone: &mut Phone, sent: &Sending, answered: &[Item], around: &Surroundings<'_>) -> Move {
        let status = |id: &ItemId| answered.iter().find(|item| item.id == *id).and_then(|item| item.status.as_ref());
        if sent.wanted.is_empty() {
            phone.poll_url_answered(answered);
        }
        let (refused, taken): (Vec<_>, Vec<_>) = sent.wanted.iter().partition(|(id, _)| status(id).is_some());
        for (id, value) in refused {
            phone.refuse(id, value.clone(), status(id).cloned().unwrap_or(ItemStatus::UndefinedStatus), around.now);
            if let Some(text) = value.as_text() {
                phone.try_other_form(id, text, around.catalogue);
            }
        }
        phone.note_written(sent.wanted.iter().map(|(id, value)| (id, value)), status, around);
        phone.in_flight = None;
        phone.unsaved = true;
        if sent.vanishing {
            phone.doubt_answered(!taken.is_empty());
        }
        phone.restart_written(taken.iter().map(|(id, _)| id), around.catalogue);
        for (id, value) in &taken {
            if phone.wants(id).as_ref() == Some(value) {
                phone.due.retain(|due| due != id);
                phone.refused.retain(|refused| refused.id != *id);
            }
        }
        phone.sent(&sent.prints, |id| status(id).is_some(), around);
        phone.seeds_done(taken.iter().map(|(id, _)| id));
        if !taken.is_empty() {
            phone.last_write = Some(around.now);
            phone.unverified = true;
            phone.wishes = 0;
            phone.calling.call_is_over();
        }
        self.accepted.extend(taken.iter().map(|(id, _)| id.clone()));
        if let Job::Enforce(writer) = &mut self.job {
            writer.written.extend(taken.into_iter().cloned());
        }
        phone.assess(around.catalogue);
        self.next_message(phone, around)
    }

    /// What was written was read back. An item that differs is written once more in a later session, for phones need
    /// time to apply what they take; then it counts as not taken.
    fn verified(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
        if let Some(next) = self.round_again(phone, around) {
            return next;
        }
        if let Job::Enforce(writer) = &self.job {
            let drift = phone.assessment.comparison.drift.as_ref().map_or(&[][..], |drift| drift.items());
            let differ = drift.iter().filter_map(|difference| writer.written.get_key_value(&difference.id));
            for (id, value) in differ.map(|(id, value)| (id.clone(), value.clone())).collect::<Vec<_>>() {
                if phone.doubtful.contains(&id) {
                    phone.refuse(&id, value, ItemStatus::from_wire("accepted, but reads back otherwise"), around.now);
                } else {
                    phone.doubtful.push(id);
                }
            }
            phone.assess(around.catalogue);
        }
        self.close(phone, around)
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

    /// The action as a whole was not taken. A read is tried again later; so is a write, each group in a message of its
    /// own, and a group that fails alone is refused.
    fn failed(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
        let Step::Writing(sent) = &mut self.step else {
            let restart = matches!(self.step, Step::Restarting(_));
            let what = if restart { "the phone did not take a restart" } else { "the phone did not take a read" };
            return Move::End(Ending::Failed(what));
        };
        let sent = std::mem::take(sent);
        sent.undo(phone);
        if sent.wanted.is_empty() {
            phone.poll_url_failed();
            return self.next_message(phone, around);
        }
        let groups: BTreeSet<_> = sent.wanted.iter().map(|(id, _)| around.catalogue.group(id)).collect();
        if groups.len() > 1 {
            phone.cautious = true;
            return Move::End(Ending::Failed("the phone did not take a message; its groups go one by one"));
        }
        phone.sent(&sent.prints, |_| true, around);
        let word = ItemStatus::Failed;
        phone.note_written(sent.wanted.iter().map(|(id, value)| (id, value)), |_| Some(&word), around);
        for (id, value) in sent.wanted {
            phone.refuse(&id, value, ItemStatus::Failed, around.now);
        }
        phone.assess(around.catalogue);
        Move::End(Ending::Done)
    }
}

/// What an item takes while its reply is put together; a secret counts with its length.
fn kept_bytes(item: &Item) -> usize {
    let text = match &item.text {
        ItemText::Plain(text) => text.len(),
        ItemText::Secret(secret) => secret.len(),
    };
    size_of::<Item>() + item.id.name.as_str().len() + text
}

fn comparing(desired: &Desired, catalogue: &Catalogue) -> Vec<ItemId> {
    desired.items.iter().filter(|item| catalogue.compares(item.id.name.as_str())).map(|item| item.id.clone()).collect()
}

/// A phone of which nothing is compared is still read, so that there is proof that it lives.
fn something_to_read() -> Vec<ItemId> {
    ItemName::new("device-type").map(|name| ItemId::new(name, None)).into_iter().collect()
}

fn note_contact_gap(phone: &mut Phone, items: &[Item]) {
    let gap = items.iter().find(|item| item.id.name.as_str() == "dls-contact-interval" && item.id.index.is_none());
    if let Some(seconds) = gap.and_then(|item| item.text.as_plain()?.parse().ok()) {
        phone.facts.contact_gap = Some(seconds);
    }
}
