//! What is told of alerts: when one fires, when it is over, and to whom that is still to be told.
//!
//! The decision is a function of what stands now and of the time. What was told is kept with the service's record, so
//! that a restart neither forgets to say that something is over nor says again what was said. It is stored before
//! anything is sent; what was sent and not noted any more is sent again, under the same key.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;

use super::{Alert, AlertList};
use crate::fleet::{fingerprint::to_hex, schedule::after, words::AlertKind};

/// Most alerts that fire at a time; others are counted, and told when there is room.
pub const FIRING: usize = 100;
/// Most of them of one kind, so that no kind takes the place of all others.
pub const FIRING_OF_A_KIND: usize = 20;
/// Most alerts that are remembered; above, those that are over and were not told in time are dropped, the oldest first.
pub const REMEMBERED: usize = 200;
/// Longest text that is kept.
const TEXT: usize = 400;

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// Its cause lasted long enough.
    Firing,
    /// Its cause is gone.
    Resolved,
}

impl Transition {
    /// The word that receivers see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// Something that is still to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// To whom.
    pub target: SmolStr,
    /// What.
    pub transition: Transition,
}

/// An alert that fires, or did and is not told to all yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// What it is about.
    pub kind: AlertKind,
    /// Its identity, without times.
    pub id: String,
    /// The site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Since when its cause lasts.
    pub since: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How many phones it is about.
    pub phones: usize,
    /// The first ten of them; not kept.
    #[serde(skip)]
    pub names: Vec<String>,
    /// What is wrong.
    pub text: String,
    /// To whom what is to be told, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Owed>,
}

impl Told {
    fn new(alert: &Alert, targets: &[SmolStr]) -> Self {
        let owed = |target: &SmolStr| Owed { target: target.clone(), transition: Transition::Firing };
        let mut told = Self {
            kind: alert.kind,
            id: alert.id.clone(),
            site: alert.site.clone(),
            item: alert.item.clone(),
            revision: alert.revision.clone(),
            since: alert.since,
            ended: None,
            phones: 0,
            names: Vec::new(),
            text: String::new(),
            owed: targets.iter().map(owed).collect(),
        };
        told.renew(alert);
        told
    }

    /// Takes over how it stands now.
    fn renew(&mut self, alert: &Alert) {
        self.phones = alert.phones;
        self.revision.clone_from(&alert.revision);
        self.names.clone_from(&alert.names);
        self.text = alert.text.chars().take(TEXT).collect();
    }

    fn end(&mut self, targets: &[SmolStr], now: Timestamp) {
        self.ended = Some(now);
        let owed = |target: &SmolStr| Owed { target: target.clone(), transition: Transition::Resolved };
        self.owed.extend(targets.iter().map(owed));
    }

    fn is(&self, alert: &Alert) -> bool {
        self.ended.is_none() && self.kind == alert.kind && self.id == alert.id
    }

    /// Its identity as receivers see it, without times: 16 hex digits.
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::digest(format!("{}\0{}", self.kind, self.id));
        to_hex(hash.get(..8).unwrap_or_default())
    }

    /// The key under which this transition is told, however often it is sent.
    pub fn key(&self, transition: Transition) -> String {
        format!("{}-{}-{}", self.fingerprint(), transition.as_str(), self.since.as_second())
    }

    /// What is to be told to a target next.
    pub fn owed_to(&self, target: &str) -> Option<Transition> {
        self.owed.iter().find(|owed| owed.target == target).map(|owed| owed.transition)
    }
}

/// Which alerts were told; kept with the service's record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertRecord(pub(super) Vec<Told>);

/// How it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long a cause has to last (`--alert-for`); some kinds have less.
    pub hold: Duration,
    /// How long a cause has to be gone.
    pub keep: Duration,
    /// How long after a start nothing is over of which nothing is kept.
    pub grace: Duration,
    /// To whom is told.
    pub targets: Vec<SmolStr>,
}

/// What is known of alerts beside the record, and need not be kept.
#[derive(Debug, Default)]
pub(in crate::fleet) struct Memory {
    /// Since when it is decided, and which alerts were told by then.
    started: Option<(Timestamp, BTreeSet<String>)>,
    /// Since when the cause of a firing one is gone.
    gone: BTreeMap<String, Timestamp>,
    /// Transitions that were dropped because too many waited.
    pub(super) dropped: u64,
    /// Alerts that stand long enough and have no room.
    pub(super) waiting: usize,
}

impl AlertRecord {
    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is remembered.
    pub fn all(&self) -> &[Told] {
        &self.0
    }

    /// Since when a firing one lasts.
    pub(super) fn since(&self, kind: AlertKind, id: &str) -> Option<Timestamp> {
        let of = |told: &&Told| told.ended.is_none() && told.kind == kind && told.id == id;
        self.0.iter().find(of).map(|told| told.since)
    }

    /// Decides what fires and what is over. Whether something is to be kept.
    pub(super) fn decide(&mut self, list: &AlertList, rules: &Rules, memory: &mut Memory, now: Timestamp) -> bool {
        let known = || self.0.iter().map(|told| told.id.clone()).collect();
        let (started, from_before) = memory.started.get_or_insert_with(|| (now, known()));
        let patient = after(*started, rules.grace) > now;
        let mut changed = false;
        for told in self.0.iter_mut().filter(|told| told.ended.is_none()) {
            if let Some(alert) = list.alerts.iter().find(|alert| told.is(alert)) {
                memory.gone.remove(&told.id);
                told.renew(alert);
                continue;
            }
            let gone = *memory.gone.entry(told.id.clone()).or_insert(now);
            let unknown = patient && !told.kind.is_remembered() && from_before.contains(&told.id);
            if after(gone, rules.keep) <= now && !unknown {
                memory.gone.remove(&told.id);
                told.end(&rules.targets, now);
                changed = true;
            }
        }
        memory.waiting = 0;
        for alert in &list.alerts {
            let lasts = after(alert.since, alert.kind.patience(rules.hold)) <= now;
            if !lasts || self.0.iter().any(|told| told.is(alert)) {
                continue;
            }
            if self.has_room(alert.kind) {
                self.0.push(Told::new(alert, &rules.targets));
                changed = true;
            } else {
                memory.waiting += 1;
            }
        }
        // whoever is not told any more is owed nothing
        for told in &mut self.0 {
            let before = told.owed.len();
            told.owed.retain(|owed| rules.targets.contains(&owed.target));
            changed |= told.owed.len() < before;
        }
        self.tidy(memory) || changed
    }

    fn has_room(&self, kind: AlertKind) -> bool {
        let firing = || self.0.iter().filter(|told| told.ended.is_none());
        firing().count() < FIRING && firing().filter(|told| told.kind == kind).count() < FIRING_OF_A_KIND
    }

    /// Forgets what is over and told. Whether there was such a thing.
    fn tidy(&mut self, memory: &mut Memory) -> bool {
        let before = self.0.len();
        self.0.retain(|told| told.ended.is_none() || !told.owed.is_empty());
        while self.0.len() > REMEMBERED {
            let Some(oldest) = self.0.iter().position(|told| told.ended.is_some()) else { break };
            let dropped = self.0.remove(oldest);
            if memory.dropped == 0 {
                tracing::warn!(
                    alert = dropped.id,
                    "more alerts wait to be told than are remembered: the oldest are dropped"
                );
            }
            memory.dropped += dropped.owed.len() as u64;
        }
        self.0.len() < before
    }

    /// Notes that this was told to a target. Whether something is to be kept.
    pub(super) fn note(&mut self, target: &str, key: &str, memory: &mut Memory) -> bool {
        let is_it = |told: &Told, owed: &Owed| owed.target == target && told.key(owed.transition) == key;
        let mut changed = false;
        for told in &mut self.0 {
            if let Some(place) = told.owed.iter().position(|owed| is_it(told, owed)) {
                told.owed.remove(place);
                changed = true;
            }
        }
        self.tidy(memory) || changed
    }
}
