//! One phone: what is wanted of it, what it said, and what follows from both.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    call::Calling,
    diff::{self, Comparison},
    flow::FlowId,
    may_write::bar,
    observed::{ObservedSet, Readings},
    record::{BeforeImage, Facts, InFlight, InForce, InForceItems, PhoneRecord, Refused},
    schedule::after,
    words::DegradedReason,
};
use crate::{
    catalogue::Catalogue,
    spec::{Desired, DesiredItem, DesiredValue, Mode, Problem, Revision},
    wpi::{DeviceId, FirmwareProfile, ItemId, ItemStatus, PhoneMessage},
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

/// The desired state that phoneops works towards, and the first revision that gave it.
#[derive(Debug, Clone)]
pub struct Goal {
    /// What is wanted.
    pub desired: Arc<Desired>,
    /// The revision.
    pub revision: Revision,
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
    /// A write that is not known to have ended.
    pub in_flight: Option<InFlight>,
    /// What items were before the first change.
    pub before_images: Vec<BeforeImage>,
    /// Items that never compare and are to be written, sorted.
    pub due: Vec<ItemId>,
    /// When something was last written.
    pub last_write: Option<Timestamp>,
    /// When a read last proved it in sync.
    pub last_proof: Option<Timestamp>,
    /// Its open flow; never two (promise 4).
    pub flow: Option<FlowId>,
    /// How far asking it to call has come.
    pub calling: Calling,
    /// Whether it last called from outside its site's networks.
    pub wrong_site: bool,
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
}

impl Phone {
    /// A phone of which nothing is known.
    pub fn new(device: DeviceId) -> Self {
        Self::from_record(PhoneRecord::new(device))
    }

    /// A phone as the store knew it; its documents are not read yet.
    pub fn from_record(record: PhoneRecord) -> Self {
        let goal = record.in_force.as_deref().map(|in_force| Goal {
            desired: Arc::new(desired_of(&record.device, in_force)),
            revision: in_force.revision.clone(),
        });
        Self {
            newest: if goal.is_some() { Newest::Declared } else { Newest::Gone },
            goal,
            facts: record.facts,
            observed: record.observation.as_ref().map(ObservedSet::from_record).unwrap_or_default(),
            read_at: record.observation.map(|observation| observation.at),
            refused: record.refused,
            in_flight: record.in_flight,
            before_images: record.before_images,
            due: record.due,
            last_write: record.last_write,
            last_proof: record.last_proof,
            flow: None,
            calling: Calling::default(),
            wrong_site: false,
            assessment: Assessment::default(),
            wake: None,
            waiting_since: None,
            heals: (Timestamp::UNIX_EPOCH, 0),
            saved_at: None,
            device: record.device,
        }
    }

    /// What the store is to keep.
    pub fn record(&self) -> PhoneRecord {
        PhoneRecord {
            device: self.device.clone(),
            in_force: self.goal.as_ref().map(|goal| Arc::new(in_force_of(goal))),
            facts: self.facts.clone(),
            observation: self.read_at.map(|at| self.observed.to_record(at)),
            refused: self.refused.clone(),
            in_flight: self.in_flight.clone(),
            before_images: self.before_images.clone(),
            due: self.due.clone(),
            last_write: self.last_write,
            last_proof: self.last_proof,
        }
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
            }
        }
    }

    /// Takes over readings of managed items.
    pub fn observe(&mut self, readings: &Readings) {
        let Some(goal) = &self.goal else { return };
        self.observed = self.observed.merged(readings, |id| goal.desired.get(id).is_some());
    }

    /// Works towards another desired state from now on. `fresh` = the phone is new (promise 8).
    pub fn take_goal(&mut self, new: Goal, catalogue: &Catalogue, fresh: bool) {
        let old = self.goal.take();
        let uncompared = new.desired.items.iter().filter(|item| !catalogue.compares(item.id.name.as_str()));
        let mut due: BTreeSet<ItemId> = uncompared
            .filter(|item| match &old {
                Some(old) => old.desired.get(&item.id).is_none_or(|before| before.value.value != item.value.value),
                None => fresh,
            })
            .map(|item| item.id.clone())
            .collect();
        due.extend(self.due.drain(..).filter(|id| new.desired.get(id).is_some()));
        self.due = due.into_iter().collect();
        self.refused
            .retain(|refused| new.desired.get(&refused.id).is_some_and(|item| item.value.value == refused.value));
        self.observed = self.observed.restricted(new.desired.items.iter().map(|item| &item.id));
        self.goal = Some(new);
    }

    /// Whether this item, as it is wanted now, was refused by the firmware that the phone has now.
    pub fn refused_as_is(&self, id: &ItemId, value: &DesiredValue) -> bool {
        self.refused
            .iter()
            .any(|refused| refused.id == *id && refused.value == *value && refused.firmware == self.facts.firmware)
    }

    /// Notes that the phone refused an item as it is wanted now.
    pub fn refuse(&mut self, id: &ItemId, status: ItemStatus, now: Timestamp) {
        let Some(value) = self.goal.as_ref().and_then(|goal| goal.desired.get(id)).map(|item| item.value.value.clone())
        else {
            return;
        };
        self.refused.retain(|refused| refused.id != *id);
        let firmware = self.facts.firmware.clone();
        self.refused.push(Refused { id: id.clone(), status, value, firmware, at: now });
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

    fn differing(&self) -> impl Iterator<Item = &DesiredItem> {
        let drift = self.assessment.comparison.drift.as_ref().map_or(&[][..], |drift| drift.items());
        let ids = drift.iter().map(|difference| &difference.id).chain(&self.due);
        ids.filter_map(|id| self.goal.as_ref()?.desired.get(id))
    }

    fn bars(&self, catalogue: &Catalogue, goal: &Goal, item: &DesiredItem) -> Option<DegradedReason> {
        if bar(catalogue, &goal.desired.policy, &item.id).is_some() {
            Some(DegradedReason::NotAllowed)
        } else {
            self.refused_as_is(&item.id, &item.value.value).then_some(DegradedReason::Refused)
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
        let Some(read_at) = self.read_at else { return Some(Need::Read) };
        if self.in_flight.is_some() || !self.assessment.comparison.unread.is_empty() || self.last_write > Some(read_at)
        {
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
            && self.last_write <= self.read_at
            && comparison.drift.is_none()
            && comparison.unread.is_empty()
            && comparison.lacking.is_empty()
            && self.due.is_empty()
    }

    /// The contact gap of this phone: what it said, else the service's setting.
    pub fn contact_gap(&self, setting: Duration) -> Duration {
        self.facts.contact_gap.map_or(setting, |seconds| Duration::from_secs(seconds.into()))
    }
}

fn in_force_of(goal: &Goal) -> InForce {
    let desired = &goal.desired;
    InForce {
        name: Arc::clone(&desired.name),
        labels: Arc::clone(&desired.labels),
        site: desired.site.clone(),
        policy: Arc::clone(&desired.policy),
        items: InForceItems::from(&desired.items),
        digest: desired.digest,
        revision: goal.revision.clone(),
        files: desired.files.to_vec(),
    }
}

fn desired_of(device: &DeviceId, in_force: &InForce) -> Desired {
    Desired {
        device: device.clone(),
        name: Arc::clone(&in_force.name),
        labels: Arc::clone(&in_force.labels),
        model: None::<SmolStr>,
        site: in_force.site.clone(),
        policy: Arc::clone(&in_force.policy),
        items: in_force.items.shared(),
        seeds: Box::default(),
        digest: in_force.digest,
        undecided: false,
        files: in_force.files.clone().into(),
    }
}
