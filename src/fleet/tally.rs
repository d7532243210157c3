//! How many phones a layer or a site concerns, and how they are.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{
    Fleet,
    phone::Phone,
    words::{PendingReason, State},
};
use crate::spec::SiteName;

/// How some phones are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerTally {
    /// Phones.
    pub phones: usize,
    /// Those that are as they are wanted, or left alone as a whole.
    pub in_sync: usize,
    /// Those of them that are left alone as a whole.
    pub suspended: usize,
    /// Those that wait or are worked on.
    pub pending: usize,
    /// Those of them that come by themselves, or wait for a person. The others are silent, or somebody else has them: no roll-out
    /// waits for these.
    pub awaited: usize,
    /// Those of them that were heard of once, and not since this process serves: another one knew how they are.
    pub unread: usize,
    /// Those that differ, and stay so.
    pub drifted: usize,
}

/// Who is waited for with a phone that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The phone, which comes by itself, or a person.
    Awaited,
    /// Nobody: it is silent, or somebody else has it.
    Away,
    /// Nobody yet: this process has not heard of it, but one before it had.
    Unread,
}

impl LayerTally {
    pub(super) fn add(&mut self, state: State, wait: Wait) {
        self.phones += 1;
        match state {
            State::InSync => self.in_sync += 1,
            State::Suspended => {
                self.in_sync += 1;
                self.suspended += 1;
            }
            State::Drifted | State::Degraded | State::Invalid => self.drifted += 1,
            _ => {
                self.pending += 1;
                self.awaited += usize::from(wait == Wait::Awaited);
                self.unread += usize::from(wait == Wait::Unread);
            }
        }
    }
}

/// How all phones are, by the files of their layers and by their sites.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tallies {
    /// By the file of a layer.
    pub by_file: HashMap<Arc<str>, LayerTally>,
    /// By site.
    pub by_site: HashMap<SiteName, LayerTally>,
}

impl Fleet {
    /// How all declared phones are.
    pub fn tallies(&self, now: Timestamp) -> Tallies {
        let mut tallies = Tallies::default();
        for phone in self.by_name().filter(|phone| phone.declared()) {
            let Some(goal) = &phone.goal else { continue };
            let state = self.state(phone, now);
            let wait = self.wait(phone, state, now);
            for file in goal.desired.files.iter() {
                tallies.by_file.entry(Arc::clone(file)).or_default().add(state, wait);
            }
            tallies.by_site.entry(goal.desired.site.clone()).or_default().add(state, wait);
        }
        tallies
    }

    pub(super) fn wait(&self, phone: &Phone, state: State, now: Timestamp) -> Wait {
        match state {
            State::Unknown if phone.facts.model.is_some() => Wait::Unread,
            State::Unknown => Wait::Away,
            State::Pending => match self.pending(phone, now).reason {
                PendingReason::Unreachable
                | PendingReason::NoAnswer
                | PendingReason::MobileUser
                | PendingReason::ForeignServer
                | PendingReason::WrongSite => Wait::Away,
                _ => Wait::Awaited,
            },
            _ => Wait::Awaited,
        }
    }

    /// What is wrong with one file of the newest revision, at most ten.
    pub fn problems_of(&self, file: &str) -> Vec<String> {
        let problems = self.wanted.iter().flat_map(|wanted| wanted.problems().iter());
        problems.filter(|problem| &*problem.place.file == file).take(10).map(ToString::to_string).collect()
    }
}
