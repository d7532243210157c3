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
    /// Those that differ, and stay so.
    pub drifted: usize,
}

impl LayerTally {
    pub(super) fn add(&mut self, state: State, is_awaited: bool) {
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
                self.awaited += usize::from(is_awaited);
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
            let is_awaited = self.is_awaited(phone, state, now);
            for file in goal.desired.files.iter() {
                tallies.by_file.entry(Arc::clone(file)).or_default().add(state, is_awaited);
            }
            tallies.by_site.entry(goal.desired.site.clone()).or_default().add(state, is_awaited);
        }
        tallies
    }

    pub(super) fn is_awaited(&self, phone: &Phone, state: State, now: Timestamp) -> bool {
        match state {
            State::Unknown => false,
            State::Pending => !matches!(
                self.pending(phone, now).reason,
                PendingReason::Unreachable
                    | PendingReason::NoAnswer
                    | PendingReason::MobileUser
                    | PendingReason::ForeignServer
                    | PendingReason::WrongSite
            ),
            _ => true,
        }
    }

    /// What is wrong with one file of the newest revision, at most ten.
    pub fn problems_of(&self, file: &str) -> Vec<String> {
        let problems = self.wanted.iter().flat_map(|wanted| wanted.problems().iter());
        problems.filter(|problem| &*problem.place.file == file).take(10).map(ToString::to_string).collect()
    }
}
