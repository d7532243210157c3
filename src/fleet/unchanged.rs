//! Replies that say word for word what the phone said before: most reads find nothing new, and such a reply need not be
//! read again.
//!
//! A phone is quiet when its last read of all managed items proved it in sync and nothing about it waits, is in doubt or
//! is watched. For a quiet phone the [`Likeness`] of that reply is remembered until anything about it is assessed anew.
//! A reply like it to the same question ends the session as the whole reply would: proven, and nothing else is different.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Weak},
};

use jiff::Timestamp;

use super::{
    Answer, Fleet,
    flow::From,
    phone::{Newest, Phone},
    reset::Reset,
    session::{Ending, Move, Session},
};
use crate::{
    spec::Reach,
    wpi::{
        Item, ItemId, PhoneMessage, Reason, ReplyStatus,
        phone_message::{Fragment, Nonce},
        server_message::{MESSAGE_LIMIT, PreparedList},
    },
};

/// A keyed hash over the item list of a reply; equal for equal bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likeness(pub u64);

/// The question for all managed items of a phone, ready to be sent; phones that are asked the same share it.
#[derive(Debug)]
pub struct Question {
    /// What is asked, by the names of the catalogue.
    pub(super) ids: Arc<[ItemId]>,
    /// The same as it is sent, by the names that the phone knows.
    pub list: PreparedList,
    /// The ids that are sent.
    sent: Box<[ItemId]>,
}

impl Question {
    /// The items as they are sent.
    pub(super) fn items(&self) -> Vec<Item> {
        self.sent.iter().map(|id| Item::plain(id.clone(), "")).collect()
    }
}

/// All questions that quiet phones share. Bounded: phones with questions of their own beyond that are asked anew.
#[derive(Debug, Default)]
pub(super) struct Questions(HashMap<u64, Weak<Question>>);

/// Most different questions that are remembered; each takes some kilobytes.
const QUESTIONS: usize = 1_024;
/// A longer list may not fit into a message with any nonce: each byte of one may take six.
const LIST_LIMIT: usize = MESSAGE_LIMIT - 6 * Nonce::LIMIT - 1_024;

impl Questions {
    fn share(&mut self, ids: &Arc<[ItemId]>, items: &[Item]) -> Option<Arc<Question>> {
        let list = PreparedList::of_question(items);
        let mut hasher = DefaultHasher::new();
        list.hash(&mut hasher);
        let key = hasher.finish();
        if let Some(known) = self.0.get(&key).and_then(Weak::upgrade) {
            return (known.list == list && known.ids == *ids).then_some(known);
        }
        if self.0.len() >= QUESTIONS {
            self.0.retain(|_, question| question.strong_count() > 0);
        }
        if self.0.len() >= QUESTIONS || list.len() > LIST_LIMIT {
            return None;
        }
        let sent = items.iter().map(|item| item.id.clone()).collect();
        let question = Arc::new(Question { ids: Arc::clone(ids), list, sent });
        self.0.insert(key, Arc::downgrade(&question));
        Some(question)
    }
}

/// What is remembered of a quiet phone's reads.
#[derive(Debug, Default)]
pub struct Unchanged {
    question: Option<Arc<Question>>,
    like: Option<Likeness>,
}

impl Phone {
    /// Whether a read that finds what the last one found changes nothing but times.
    fn is_quiet(&self) -> bool {
        let comparison = &self.assessment.comparison;
        self.newest == Newest::Declared
            && self.proven()
            && comparison.lacking.is_empty()
            && comparison.ignored.is_empty()
            && self.refused.is_empty()
            && self.doubtful.is_empty()
            && self.drifts.is_empty()
            && self.seeding.is_empty()
            && self.ignoring.is_none()
            && self.doubt.is_none()
            && self.restart.is_none()
            && self.polls.is_none()
            && self.news.is_none()
            && self.reset == Reset::No
            && !self.unsure
    }

    /// The question that it was asked before and is to be asked again, if it takes that many items.
    pub(super) fn question(&self, max_items: Option<u32>) -> Option<Arc<Question>> {
        let question = self.unchanged.question.as_ref().filter(|_| self.is_quiet())?;
        max_items.is_none_or(|most| question.sent.len() <= most as usize).then(|| Arc::clone(question))
    }
}

impl Fleet {
    /// Answers a reply of which only the head was read, if it is like the one before; `None` = it is to be read, and
    /// handed to [`Self::message_like`].
    pub fn same_again(
        &mut self,
        head: &PhoneMessage,
        likeness: Likeness,
        from: &From<'_>,
        now: Timestamp,
    ) -> Option<Answer> {
        let nonce = head.nonce.clone()?;
        let Reason::ReplyTo { action, status: ReplyStatus::Accepted } = &head.reason else { return None };
        let id = self.flows.of_cookie(from.cookie?)?;
        let flow = self.flows.get(id)?;
        let phone = self.phones.get(&flow.device)?;
        let goal = phone.goal.as_ref()?;
        let is_like = phone.unchanged.like == Some(likeness) && head.fragment == Fragment::Final && phone.is_quiet();
        if !is_like || !flow.session.awaits_all(action, &goal.desired.digest) || self.asks_for_polls(phone) {
            return None;
        }
        let mut flow = self.flows.close(id)?;
        let phone = self.phones.get_mut(&flow.device)?;
        flow.session.replied(now.duration_since(flow.last).unsigned_abs());
        flow.last = now;
        flow.peer = from.peer;
        flow.connection = from.connection;
        flow.session.goes_on(nonce);
        phone.facts.last_seen = Some(now);
        phone.read_at = Some(now);
        phone.last_proof = Some(now);
        phone.look_wanted = false;
        Some(self.step(flow, Move::End(Ending::Done), now))
    }

    fn asks_for_polls(&self, phone: &Phone) -> bool {
        self.site_of(phone).reach == Reach::Poll
    }

    /// Remembers what a quiet phone is asked.
    pub(super) fn remember_question(&mut self, phone: &mut Phone, session: &Session, items: &[Item]) {
        if let Some(ids) = session.asked().filter(|_| phone.is_quiet()) {
            phone.unchanged.question = self.questions.share(ids, items);
        }
    }

    /// Remembers what a quiet phone's reply to the question for all its items looked like.
    pub(super) fn remember_likeness(phone: &mut Phone, likeness: Option<Likeness>, whole: bool, next: &Move) {
        let ends = whole && matches!(next, Move::End(Ending::Done));
        phone.unchanged.like = likeness.filter(|_| ends && phone.is_quiet());
    }
}
