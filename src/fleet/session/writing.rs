//! What a session writes to a phone, and what is made of the answer. Only a session that may write has a [`Writer`].

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::{Ending, Job, Move, Session, Step, comparing, surroundings::Surroundings};
use crate::{
    fleet::{
        batch,
        call::Wish,
        may_write::{Ask, Leaving, NoWrite, Permit, may_write},
        phone::Phone,
        poll::poll_url,
        sending::{Sending, content_hash, items_to_write, record_in_flight, refuse_unsent, take_out_unfit},
    },
    spec::DesiredValue,
    wpi::{Item, ItemId, ItemStatus},
};

/// What only a session that may write has: its messages to come, and what it sent. [`may_write`](crate::fleet::may_write) asks for it, and
/// nobody else makes one, so a session that only looks cannot have a write (promise 11).
#[derive(Debug)]
pub struct Writer {
    pub(super) messages: VecDeque<Vec<Item>>,
    pub(super) written: BTreeMap<ItemId, DesiredValue>,
    pub(super) sent: HashSet<u64>,
    /// Why the messages behind those that were written wait for another time.
    pub(super) cut: Option<NoWrite>,
    /// An item was written once more to learn whether the phone is in a call.
    pub(super) probed: bool,
}

impl Writer {
    pub(super) fn new() -> Self {
        let (messages, written, sent) = (VecDeque::new(), BTreeMap::new(), HashSet::new());
        Self { messages, written, sent, cut: None, probed: false }
    }
}

impl Session {
    /// After the read of a round: writes what differs, or ends.
    pub(super) fn compare(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
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
    pub(super) fn next_message(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
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

    pub(super) fn permit(&self, phone: &Phone, leaving: Leaving, around: &Surroundings<'_>) -> Result<Permit, NoWrite> {
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
    pub(super) fn stop(&mut self, phone: &mut Phone, why: NoWrite, around: &Surroundings<'_>) -> Move {
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
    pub(super) fn wrote(
        &mut self,
        phone: &mut Phone,
        sent: &Sending,
        answered: &[Item],
        around: &Surroundings<'_>,
    ) -> Move {
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
            phone.wish = Wish::None;
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
    pub(super) fn verified(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
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

    /// The action as a whole was not taken. A read is tried again later; so is a write, each group in a message of its
    /// own, and a group that fails alone is refused.
    pub(super) fn failed(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
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
