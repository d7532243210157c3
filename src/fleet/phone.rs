//! One phone: what is wanted of it, what it said, and what follows from both.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    call::Calling,
    diff::{self, Comparison},
    flow::FlowId,
    goal::Goal,
    may_write::bar,
    observed::{ObservedSet, Readings},
    record::{BeforeImage, Facts, InFlight, PhoneRecord, Refused},
    schedule::after,
    words::DegradedReason,
};
use crate::{
    catalogue::Catalogue,
    spec::{DesiredItem, Mode, Problem},
    wpi::{DeviceId, FirmwareProfile, ItemId, PhoneMessage},
};

/// What the newest documents say of a phone.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Newest {
    /// A document declares it; what it says is in force.
    Declared,
    /// Its documents have errors; what was in force stays.
    Invalid {
        /// The name of its document, where it could be read.
        name: Option<Arc<str>>,
        /// The errors.
        problems: Arc<[Problem]>,
    },
    /// No document declares it.
    #[default]
    Gone,
}

/// What wants a session with a phone, most pressing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Something differs and may be written.
    Write,
    /// Something is not known.
    Read,
    /// The last read is older than `policy.interval`.
    Sweep,
}

/// What follows from desired, observed and refused; computed anew when one of them changes.
#[derive(Debug, Default)]
pub struct Assessment {
    /// The comparison.
    pub comparison: Comparison,
    /// Whether something that differs may be written.
    pub writable: bool,
    /// Why some of what differs stays as it is.
    pub degraded: Vec<DegradedReason>,
}

/// One phone.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and there are many phones")]
pub struct Phone {
    /// Its identity.
    pub device: DeviceId,
    /// What the newest documents say.
    pub newest: Newest,
    /// What is in force.
    pub goal: Option<Goal>,
    /// What it said of itself.
    pub facts: Facts,
    /// What it reported of its managed items.
    pub observed: ObservedSet,
    /// When all of them were last read.
    pub read_at: Option<Timestamp>,
    /// What it refused.
    pub refused: Vec<Refused>,
    /// Items that it took and that read back otherwise, once.
    pub doubtful: Vec<ItemId>,
    /// A write that is not known to have ended.
    pub in_flight: Option<InFlight>,
    /// What items were before the first change.
    pub before_images: Vec<BeforeImage>,
    /// Items that never compare and are to be written, sorted.
    pub due: Vec<ItemId>,
    /// Whether it was first declared by a revision that was seen to arrive, and has nothing in force yet (promise 8).
    pub fresh: bool,
    /// Whether something was written since the last read (promise 2).
    pub unverified: bool,
    /// When something was last written.
    pub last_write: Option<Timestamp>,
    /// When a read last proved it in sync.
    pub last_proof: Option<Timestamp>,
    /// Its open flow; never two (promise 4).
    pub flow: Option<FlowId>,
    /// How far asking it to call has come.
    pub calling: Calling,
    /// Whether a person, or a reply that belonged to no flow, asks for a read.
    pub look_wanted: bool,
    /// Whether it was called back once already after a reply that belonged to no flow.
    pub called_back: bool,
    /// Whether the last call in its name came from outside its site's networks.
    pub wrong_site: bool,
    /// Wishes to be called after a call since it last took a write.
    pub wishes: u8,
    /// Whether it refused a whole message: then each group goes in one of its own.
    pub cautious: bool,
    /// What follows from all that.
    pub assessment: Assessment,
    /// When its entry in the timer queue is due.
    pub wake: Option<Timestamp>,
    /// Since when it has been waiting as it waits now.
    pub waiting_since: Option<Timestamp>,
    /// Corrections after local changes: the day's first, and how many.
    pub heals: (Timestamp, u8),
    /// When its record was last handed to the store.
    pub saved_at: Option<Timestamp>,
    /// Whether something beside times changed since.
    pub unsaved: bool,
}

impl Phone {
    /// A phone of which nothing is known.
    pub fn new(device: DeviceId) -> Self {
        Self::from_record(PhoneRecord::new(device))
    }

    /// The mode in force; Report for a phone nobody wants.
    pub fn mode(&self) -> Mode {
        self.goal.as_ref().map_or(Mode::Report, |goal| goal.desired.policy.mode)
    }

    /// Whether a document declares it, with errors or without.
    pub fn declared(&self) -> bool {
        self.newest != Newest::Gone
    }

    /// The name of its document.
    pub fn name(&self) -> Option<&Arc<str>> {
        match (&self.goal, &self.newest) {
            (Some(goal), _) => Some(&goal.desired.name),
            (None, Newest::Invalid { name, .. }) => name.as_ref(),
            (None, _) => None,
        }
    }

    /// What a phone of this model and firmware can do.
    pub fn profile(&self) -> FirmwareProfile {
        FirmwareProfile::of(self.facts.model.as_deref(), self.facts.firmware.as_deref())
    }

    /// Takes over what an initial message says of the phone itself.
    pub fn learn_facts(&mut self, message: &PhoneMessage) {
        let facts = &mut self.facts;
        for (fact, name) in [
            (&mut facts.model, "device-type"),
            (&mut facts.firmware, "software-version"),
            (&mut facts.part_number, "part-number"),
            (&mut facts.e164, "e164"),
            (&mut facts.contact_me_uri, "contact-me-uri"),
        ] {
            if let Some(value) = message.value(name)
                && fact.as_deref() != Some(value)
            {
                *fact = Some(value.chars().filter(|c| !c.is_control()).take(255).collect());
                self.unsaved = true;
            }
        }
    }

    /// Takes over readings of managed items.
    pub fn observe(&mut self, readings: &Readings) {
        let Some(goal) = &self.goal else { return };
        if let Some(observed) = self.observed.renewed(readings, goal.desired.items.iter().map(|item| &item.id)) {
            self.observed = observed;
            self.unsaved = true;
        }
    }

    /// Items that differ or are due and may be written, as far as classes and refusals go.
    pub fn writable(&self, catalogue: &Catalogue) -> BTreeSet<ItemId> {
        let Some(goal) = &self.goal else { return BTreeSet::new() };
        self.differing().filter(|item| self.bars(catalogue, goal, item).is_none()).map(|item| item.id.clone()).collect()
    }

    /// Computes anew what follows from desired, observed and refused.
    pub fn assess(&mut self, catalogue: &Catalogue) {
        let Some(goal) = self.goal.clone() else {
            self.assessment = Assessment::default();
            return;
        };
        self.assessment.comparison = diff::compare(catalogue, &goal.desired.items, &self.observed);
        self.drop_what_is_right(catalogue);
        let mut degraded = BTreeSet::new();
        let mut writable = false;
        for item in self.differing() {
            match self.bars(catalogue, &goal, item) {
                None => writable = true,
                Some(reason) => drop(degraded.insert(reason)),
            }
        }
        if !self.assessment.comparison.lacking.is_empty() {
            degraded.insert(DegradedReason::Refused);
        }
        self.assessment.writable = writable;
        self.assessment.degraded = degraded.into_iter().collect();
    }

    /// A refusal or a doubt of an item that reads back right is over.
    fn drop_what_is_right(&mut self, catalogue: &Catalogue) {
        let Comparison { drift, unread, .. } = &self.assessment.comparison;
        let drift = drift.as_ref().map_or(&[][..], |drift| drift.items());
        let open = |id: &ItemId| drift.iter().any(|difference| difference.id == *id) || unread.contains(id);
        self.refused.retain(|refused| !catalogue.compares(refused.id.name.as_str()) || open(&refused.id));
        self.doubtful.retain(open);
    }

    fn differing(&self) -> impl Iterator<Item = &DesiredItem> {
        let drift = self.assessment.comparison.drift.as_ref().map_or(&[][..], |drift| drift.items());
        let ids = drift.iter().map(|difference| &difference.id).chain(&self.due);
        ids.filter_map(|id| self.goal.as_ref()?.desired.get(id))
    }

    fn bars(&self, catalogue: &Catalogue, goal: &Goal, item: &DesiredItem) -> Option<DegradedReason> {
        if bar(catalogue, &goal.desired.policy, &item.id).is_some() {
            Some(DegradedReason::NotAllowed)
        } else {
            self.refused_as_is(&item.id).then_some(DegradedReason::Refused)
        }
    }

    /// What wants a session with this phone. `report_only` = the whole service is in Report.
    pub fn need(&self, report_only: bool, now: Timestamp) -> Option<Need> {
        let goal = self.goal.as_ref().filter(|_| self.declared())?;
        let policy = &goal.desired.policy;
        if policy.mode == Mode::Off {
            return None;
        }
        if policy.mode == Mode::Enforce && !report_only && self.assessment.writable {
            return Some(Need::Write);
        }
        let unknown = self.read_at.is_none() || !self.assessment.comparison.unread.is_empty();
        if unknown || self.in_flight.is_some() || self.unverified || self.look_wanted {
            return Some(Need::Read);
        }
        (self.sweep_at() <= Some(now)).then_some(Need::Sweep)
    }

    /// When the next read without cause is due, spread over the tenth of an interval by identity.
    pub fn sweep_at(&self) -> Option<Timestamp> {
        let interval = self.goal.as_ref()?.desired.policy.interval;
        let spread =
            self.device.as_str().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let early = interval / 10 * (spread % 1000) / 1000;
        Some(after(self.read_at?, interval.saturating_sub(early)))
    }

    /// Whether the phone is proven in sync: nothing differs, all was read, and no write is newer (promise 2).
    pub fn proven(&self) -> bool {
        let comparison = &self.assessment.comparison;
        self.read_at.is_some()
            && self.in_flight.is_none()
            && !self.unverified
            && comparison.drift.is_none()
            && comparison.unread.is_empty()
            && comparison.lacking.is_empty()
            && self.due.is_empty()
    }

    /// The contact gap of this phone: what it said (a minute to a day), else the service's setting.
    pub fn contact_gap(&self, setting: Duration) -> Duration {
        self.facts.contact_gap.map_or(setting, |seconds| Duration::from_secs(seconds.clamp(60, 86_400).into()))
    }
}
