//! How far a revision is: what is said of its commit where people look at it.
//!
//! A revision's phones are those whose present digest it was the first to give, and those that wait at the gate for it. It
//! is a success when the last of them is proven, and never before; then it stays one, for what drifts later is no matter
//! of the commit. The newest revision and the one before are followed. An older one of which a phone went on to a newer
//! commit before all were proven is superseded, and so is whatever is unfinished when two others have come. Nothing here
//! depends on whether a phone is in a call (promise 10), and no value is told (promise 5).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Fleet, gate::Waiting, phone::Phone, words::DegradedReason};
use crate::{
    catalogue::Severity,
    spec::{Mode, Problem, Revision},
    wpi::ItemId,
};

/// How many revisions are followed.
const FOLLOWED: usize = 2;
/// Most that are remembered, with those whose end is still to be told.
const REMEMBERED: usize = 6;
/// Most reasons of a failure, and most phones that one names.
const REASONS: usize = 3;
/// Longest text, in characters.
pub const TEXT: usize = 255;

/// How a commit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommitWord {
    /// Nothing of it is proven yet.
    Pending,
    /// Some of its phones are proven.
    Running,
    /// All of its phones are proven.
    Success,
    /// Something of it cannot be.
    Failure,
    /// It was unfinished when newer ones came.
    Superseded,
}

impl CommitWord {
    /// Whether it is the last word.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Superseded)
    }
}

/// What is said of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitState {
    /// The word.
    pub word: CommitWord,
    /// The text, at most [`TEXT`] characters.
    pub text: String,
}

impl CommitState {
    fn new(word: CommitWord, text: impl Into<String>) -> Self {
        Self { word, text: shortened(&text.into(), TEXT) }
    }
}

/// A text of at most so many characters; what is left out shows as `…`.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A revision that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// The revision.
    revision: Revision,
    /// How many errors its documents have, and the first ones: place and code.
    errors: (usize, Vec<String>),
    /// How many phones it had changed, or waited at the gate for it, when they were most.
    #[serde(default)]
    phones: usize,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<CommitState>,
    /// What was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<CommitState>,
    /// How often something was told.
    #[serde(default)]
    times: u32,
}

/// What is kept of the revisions that are followed, the newest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Following(Vec<Followed>);

impl Following {
    /// Whether nothing is followed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets what ended and was told so, but for the newest, and the oldest of what is too much.
    fn tidy(&mut self) {
        let newest = self.0.last().map(|followed| followed.revision.clone());
        let is_over = |followed: &Followed| followed.ended.is_some() && followed.ended == followed.told;
        self.0.retain(|followed| newest.as_ref() == Some(&followed.revision) || !is_over(followed));
        let beyond = self.0.len().saturating_sub(REMEMBERED);
        self.0.drain(..beyond);
    }
}

/// How a revision stands that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitProgress {
    /// The revision.
    pub revision: Revision,
    /// How it stands.
    pub state: CommitState,
    /// What was told last.
    pub told: Option<CommitState>,
    /// How often something was told.
    pub times: u32,
}

/// The phones of a revision, counted.
#[derive(Debug, Default)]
struct Count {
    phones: usize,
    left: usize,
    reporting: usize,
    held: usize,
    /// What cannot be put right, how often, and on which phones first.
    stuck: BTreeMap<SmolStr, (usize, Vec<SmolStr>)>,
}

impl Fleet {
    /// How the revisions stand that are followed, the newest last; none before the documents were read.
    pub fn commit_progress(&mut self) -> Vec<CommitProgress> {
        let Some(newest) = self.follow_newest() else { return Vec::new() };
        let mut following = self.service.commits.clone();
        let mut counts = self.count_commits(&following, &newest);
        let states: Vec<CommitState> = following
            .0
            .iter_mut()
            .map(|followed| {
                let count = counts.remove(followed.revision.as_str()).unwrap_or_default();
                self.state_now(followed, &count, &newest)
            })
            .collect();
        if following != self.service.commits {
            self.service.commits = following;
            self.save_service();
        }
        let all = self.service.commits.0.iter().zip(states);
        all.map(|(followed, state)| {
            let (revision, told) = (followed.revision.clone(), followed.told.clone());
            CommitProgress { revision, state, told, times: followed.times }
        })
        .collect()
    }

    /// Notes what was told of a revision.
    pub fn commit_told(&mut self, revision: &Revision, state: &CommitState) {
        for followed in self.service.commits.0.iter_mut().filter(|followed| followed.revision == *revision) {
            followed.told = Some(state.clone());
            followed.times = followed.times.saturating_add(1);
        }
        self.service.commits.tidy();
        self.save_service();
    }

    /// The newest revision, which is followed from now on.
    fn follow_newest(&mut self) -> Option<Revision> {
        let wanted = self.wanted.clone().filter(|wanted| self.taken.as_ref() == Some(wanted.revision()))?;
        let newest = wanted.revision().clone();
        let errors = wanted.problems().iter().filter(|problem| problem.severity == Severity::Error);
        let place = |problem: &Problem| format!("{}:{}: {}", problem.place.file, problem.place.line, problem.code);
        let errors = (errors.clone().count(), errors.take(REASONS).map(place).collect());
        let all = &mut self.service.commits.0;
        if let Some(last) = all.last_mut().filter(|last| last.revision == newest) {
            last.errors = errors;
            return Some(newest);
        }
        // somebody may have gone back to it: it is news again
        let known = all.iter().find(|known| known.revision == newest);
        let (told, times) = known.map(|known| (known.told.clone(), known.times)).unwrap_or_default();
        all.retain(|known| known.revision != newest);
        all.push(Followed { revision: newest.clone(), errors, phones: 0, ended: None, told, times });
        self.service.commits.tidy();
        self.save_service();
        Some(newest)
    }

    /// How a revision stands; what is the end of it is noted there.
    fn state_now(&self, followed: &mut Followed, count: &Count, newest: &Revision) -> CommitState {
        if let Some(ended) = &followed.ended {
            return ended.clone();
        }
        let is_newest = followed.revision == *newest;
        let phones = count.phones + count.held;
        let gone = followed.phones.saturating_sub(phones);
        followed.phones = followed.phones.max(phones);
        let by_age = self.service.commits.0.iter().rev().take(FOLLOWED);
        let is_old = !by_age.into_iter().any(|recent| recent.revision == followed.revision);
        let mut state = self.commit_state(followed, count);
        if !is_newest && state.word != CommitWord::Failure && (gone > 0 || (is_old && !state.word.is_final())) {
            let (all, by) = (many(followed.phones, "phone"), newest.short());
            let text = if gone > 0 {
                format!("superseded by {by}: {gone} of {all} went on to newer commits")
            } else {
                format!("superseded by {by}: {} of {all} left", count.left + count.held)
            };
            state = CommitState::new(CommitWord::Superseded, text);
        }
        if state.word.is_final() || is_old {
            followed.ended = Some(state.clone());
        }
        state
    }

    fn commit_state(&self, followed: &Followed, count: &Count) -> CommitState {
        let (errors, first) = &followed.errors;
        if *errors > 0 {
            let text = format!("{} in documents: {}", many(*errors, "error"), first.join(", "));
            return CommitState::new(CommitWord::Failure, text);
        }
        if !count.stuck.is_empty() {
            let reason = |(item, (phones, names)): (&SmolStr, &(usize, Vec<SmolStr>))| {
                let more = if *phones > names.len() { ", …" } else { "" };
                format!("{item} on {} ({}{more})", many(*phones, "phone"), names.join(", "))
            };
            let first: Vec<String> = count.stuck.iter().take(REASONS).map(reason).collect();
            let text = format!("{} left; cannot be put right: {}", many(count.left, "phone"), first.join(", "));
            return CommitState::new(CommitWord::Failure, text);
        }
        let open = if count.left < count.phones { CommitWord::Running } else { CommitWord::Pending };
        if count.held > 0 {
            let rejected = self.held_revision().is_some_and(|(held, _)| held.rejected.is_some());
            let phones = many(count.held, "phone");
            return if rejected {
                CommitState::new(CommitWord::Failure, format!("rejected at the gate: {phones} keep what they have"))
            } else {
                let left = count.left + count.held;
                CommitState::new(open, format!("{} left, {} of them held at the gate", many(left, "phone"), count.held))
            };
        }
        match (count.left, count.reporting, count.phones) {
            (0, _, 0) => CommitState::new(CommitWord::Success, "no phone changes"),
            (0, _, phones) => CommitState::new(CommitWord::Success, format!("{} proven", many(phones, "phone"))),
            (left, 0, _) => CommitState::new(open, format!("{} left", many(left, "phone"))),
            (left, reporting, _) => {
                CommitState::new(open, format!("{} left, {reporting} of them in mode Report", many(left, "phone")))
            }
        }
    }

    /// The phones of the revisions that have not ended, by revision; all in one walk, for others wait meanwhile.
    fn count_commits(&self, following: &Following, newest: &Revision) -> BTreeMap<SmolStr, Count> {
        let open = following.0.iter().filter(|followed| followed.ended.is_none());
        let mut counts: BTreeMap<SmolStr, Count> =
            open.map(|followed| (SmolStr::new(followed.revision.as_str()), Count::default())).collect();
        if counts.is_empty() {
            return counts;
        }
        for phone in self.by_name() {
            let held = phone.at_gate.as_ref().map(|at_gate| match &at_gate.what {
                Waiting::Change(goal) => &goal.revision,
                Waiting::Vanish => newest,
            });
            if let Some(count) = held.and_then(|revision| counts.get_mut(revision.as_str())) {
                count.held += 1;
            }
            let Some(goal) = phone.goal.as_ref() else { continue };
            let Some(count) = counts.get_mut(goal.revision.as_str()) else { continue };
            if phone.declared() && !phone.proposed() && goal.desired.policy.mode != Mode::Off {
                self.count_phone(count, phone, goal.desired.policy.mode);
            }
        }
        counts
    }

    fn count_phone(&self, count: &mut Count, phone: &Phone, mode: Mode) {
        count.phones += 1;
        if phone.proven() {
            return;
        }
        count.left += 1;
        if self.settings.report_only || mode == Mode::Report {
            count.reporting += 1;
            return;
        }
        for item in self.stuck(phone) {
            let (phones, names) = count.stuck.entry(item).or_default();
            *phones += 1;
            names.extend(phone.name().filter(|_| *phones <= REASONS).map(|name| SmolStr::new(&**name)));
        }
    }

    /// The items of a phone that only a person can put right.
    fn stuck(&self, phone: &Phone) -> BTreeSet<SmolStr> {
        let Some(goal) = phone.goal.as_ref().filter(|_| !phone.assessment.degraded.is_empty()) else {
            return BTreeSet::new();
        };
        let policy = &goal.desired.policy;
        let barred = |id: &ItemId| {
            let not_allowed = phone.assessment.degraded.contains(&DegradedReason::NotAllowed);
            let barred = not_allowed && super::may_write::bar(&self.catalogue, policy, id).is_some();
            barred || phone.drifts.holds(id) || phone.refused_as_is(id)
        };
        let stuck = phone.differing().filter(|item| barred(&item.id));
        stuck.map(|item| SmolStr::new(item.id.name.as_str())).collect()
    }
}

fn many(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
