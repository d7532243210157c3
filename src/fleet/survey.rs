//! All phones at a glance: how many are in which state, at which site, of which model, on which revision, and what
//! drifts most. Gathered in slices, so that nobody waits for 10,000 phones to be counted.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Fleet,
    phone::Phone,
    tally::LayerTally,
    words::{PendingReason, State},
};
use crate::{spec::SiteName, wpi::DeviceId};

/// Phones that are looked at in one go.
pub const SLICE: usize = 1_000;
/// Most models that are counted each for itself: phones say what they are.
pub const MODELS: usize = 100;
/// Most phones of a revision that are named because they are not as it wants them.
pub const FAILING: usize = 50;

/// How far a revision is, of the phones whose state in force came with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevisionTally {
    /// How its phones are.
    pub tally: LayerTally,
    /// The first [`FAILING`] phones, by name, that are `Invalid`, `Degraded` or `Drifted`, with that state.
    pub failing: Vec<(String, State)>,
}

/// All phones at a glance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// The newest revision that was taken over as a whole.
    pub revision: Option<String>,
    /// All phones, undeclared ones as well.
    pub phones: usize,
    /// Phones by state.
    pub states: BTreeMap<State, usize>,
    /// Pending phones by reason.
    pub pending: BTreeMap<PendingReason, usize>,
    /// Declared phones by site; sites that a document declares are there without phones, too.
    pub sites: BTreeMap<String, LayerTally>,
    /// Phones by model, the first [`MODELS`] models.
    pub models: BTreeMap<SmolStr, usize>,
    /// Phones of models beyond those.
    pub other_models: usize,
    /// Phones by item that differs on them.
    pub drift: HashMap<SmolStr, usize>,
    /// Declared phones by the revision of what is in force.
    pub revisions: HashMap<String, RevisionTally>,
}

/// What a phone is like, as streams of events tell it. Whether it is queued, called or in a call is left out of it
/// (promise 10); one with a session under way counts as what it was before to who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Its device id.
    pub device: DeviceId,
    /// The name of its document.
    pub name: Option<Arc<str>>,
    /// Its state.
    pub state: State,
    /// Why it is Pending; `Queued` also stands for `Called` and `InCall`.
    pub reason: Option<PendingReason>,
    /// Another number when something else that people see of it is another.
    pub mark: u64,
}

impl Fleet {
    /// Adds at most `most` phones to a survey; where the next slice starts, while there is one.
    pub fn survey(&self, survey: &mut Survey, from: Option<&str>, most: usize, now: Timestamp) -> Option<String> {
        if from.is_none() {
            survey.revision = self.revision().map(ToString::to_string);
            survey.sites.extend(self.own_sites().map(|name| (name.to_string(), LayerTally::default())));
        }
        self.slice(from, most, |phone| self.add_to(survey, phone, now))
    }

    /// Looks at no more than `most` phones; where the next slice starts, while there is one.
    pub(super) fn slice(&self, from: Option<&str>, most: usize, mut look: impl FnMut(&Phone)) -> Option<String> {
        let (mut seen, mut last) = (0, None);
        for (phone, token) in self.after(from) {
            if seen == most {
                return last;
            }
            look(phone);
            (seen, last) = (seen + 1, Some(token));
        }
        None
    }

    /// The sites that documents declare; of several releases that share the documents none, as the sites of others are
    /// among them.
    fn own_sites(&self) -> impl Iterator<Item = SiteName> {
        let wanted = self.wanted.as_ref().filter(|wanted| !wanted.is_shared());
        wanted.into_iter().flat_map(|wanted| wanted.site_names())
    }

    fn add_to(&self, survey: &mut Survey, phone: &Phone, now: Timestamp) {
        let state = self.state(phone, now);
        survey.phones += 1;
        *survey.states.entry(state).or_default() += 1;
        if state == State::Pending {
            *survey.pending.entry(self.pending(phone, now).reason).or_default() += 1;
        }
        if let Some(model) = phone.facts.model.as_ref().filter(|model| !model.is_empty()) {
            if survey.models.len() < MODELS || survey.models.contains_key(model) {
                *survey.models.entry(model.clone()).or_default() += 1;
            } else {
                survey.other_models += 1;
            }
        }
        let mut before = None;
        for item in phone.assessment.comparison.drift.iter().flat_map(super::diff::Drift::items) {
            let name = item.id.name.as_str();
            // the items are sorted, so indexes of one item stand together
            if before.replace(name) != Some(name) {
                match survey.drift.get_mut(name) {
                    Some(phones) => *phones += 1,
                    None => drop(survey.drift.insert(name.into(), 1)),
                }
            }
        }
        let Some(goal) = phone.goal.as_ref().filter(|_| phone.declared()) else { return };
        let wait = self.wait(phone, state, now);
        match survey.sites.get_mut(goal.desired.site.as_str()) {
            Some(tally) => tally.add(state, wait),
            None => survey.sites.entry(goal.desired.site.to_string()).or_default().add(state, wait),
        }
        if phone.proposed() {
            return;
        }
        let of_revision = match survey.revisions.get_mut(goal.revision.as_str()) {
            Some(tally) => tally,
            None => survey.revisions.entry(goal.revision.to_string()).or_default(),
        };
        of_revision.tally.add(state, wait);
        if matches!(state, State::Invalid | State::Degraded | State::Drifted) && of_revision.failing.len() < FAILING {
            let name = phone.name().map_or_else(|| phone.device.to_string(), ToString::to_string);
            of_revision.failing.push((name, state));
        }
    }

    /// The signs of at most `most` phones; where the next slice starts, while there is one.
    pub fn signs(&self, signs: &mut Vec<Sign>, from: Option<&str>, most: usize, now: Timestamp) -> Option<String> {
        self.slice(from, most, |phone| {
            let state = self.state(phone, now);
            signs.push(self.sign(phone, state, now));
        })
    }

    fn sign(&self, phone: &Phone, state: State, now: Timestamp) -> Sign {
        let reason = (state == State::Pending).then(|| match self.pending(phone, now).reason {
            PendingReason::Called | PendingReason::InCall => PendingReason::Queued,
            reason => reason,
        });
        let mut mark = DefaultHasher::new();
        phone.goal.as_ref().map(|goal| (goal.revision.as_str(), goal.desired.site.as_str())).hash(&mut mark);
        phone.last_proof.map(Timestamp::as_second).hash(&mut mark);
        phone.assessment.degraded.hash(&mut mark);
        phone.refused.len().hash(&mut mark);
        for item in phone.assessment.comparison.drift.iter().flat_map(super::diff::Drift::items) {
            (&item.id, &item.observed).hash(&mut mark);
        }
        Sign { device: phone.device.clone(), name: phone.name().map(Arc::clone), state, reason, mark: mark.finish() }
    }
}
