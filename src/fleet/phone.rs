//! One phone: what is wanted of it, what it said, and what follows from both.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    call::{Calling, Wish},
    diff::{self, Comparison},
    doors::Doors,
    doubt::Doubt,
    drift::Drifts,
    fingerprint::Fingerprints,
    flow::FlowId,
    gate::AtGate,
    goal::Goal,
    ignore::Ignoring,
    image::BeforeImages,
    inventory::Inventory,
    leaving::Departure,
    may_write::bar,
    news::News,
    observed::{ObservedSet, Readings},
    poll::Polls,
    put_back::PutBack,
    record::{Facts, InFlight, PhoneRecord, Refused},
    recovery::Recovering,
    reset::Reset,
    restart::Restart,
    safety::READ_EVERY,
    seeding::Seeding,
    sweep,
    unchanged::Unchanged,
    words::DegradedReason,
};
use crate::{
    catalogue::Catalogue,
    spec::{DesiredItem, DesiredValue, Digest, Mode, Problem},
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
    /// No document declares it, and a person has its account taken off it.
    Released,
    /// No document declares it.
    #[default]
    Gone,
}

/// What wants a session with a phone, most pressing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Something differs and may be written now.
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
    /// Whether there is such a thing, and all of it can make the phone vanish.
    pub only_vanishing: bool,
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
    /// Whether it is let go, for another service to serve it.
    pub departure: Departure,
    /// What it waits at the gate with.
    pub at_gate: Option<Box<AtGate>>,
    /// Digests of what was in force before, the oldest first: returning to one of them is no news.
    pub formers: Vec<Digest>,
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
    /// What items were before they were changed.
    pub before_images: BeforeImages,
    /// Whether items of effect safety are wanted of it.
    pub safety: bool,
    /// Since when it is declared, as far as is known.
    pub wanted_since: Option<Timestamp>,
    /// What is put back over the documents, sorted by item.
    pub put_backs: Vec<PutBack>,
    /// Items that never compare and are to be written, sorted.
    pub due: Vec<ItemId>,
    /// What is known of the content of items that never compare.
    pub fingerprints: Fingerprints,
    /// How far its seeds have come.
    pub seeding: Seeding,
    /// Whether it was first declared by a revision that was seen to arrive, and has nothing in force yet (promise 8).
    pub fresh: bool,
    /// Whether what was in force comes from a store that cannot be trusted, and no documents were read since.
    pub unsure: bool,
    /// How far looking for a factory reset has come.
    pub reset: Reset,
    /// Whether its reset was seen, and it has not said a number since.
    pub factory: bool,
    /// Whether something was written since the last read (promise 2).
    pub unverified: bool,
    /// Whether it was sent items that can make it vanish and was not heard of since.
    pub doubt: Option<Box<Doubt>>,
    /// What is to be said of restarting it.
    pub restart: Option<Box<Restart>>,
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
    /// Whether it is set to another provisioning server, as of when it was last scheduled.
    pub foreign: bool,
    /// What is known of its polls, if it is one that polls.
    pub polls: Option<Box<Polls>>,
    /// Wishes to be called after a call since it last took a write.
    pub wishes: u8,
    /// Whether it keeps one of them.
    pub wish: Wish,
    /// Whether it refused a whole message: then each group goes in one of its own.
    pub cautious: bool,
    /// Until when it is braked, as of when it was last scheduled.
    pub braked: Option<Timestamp>,
    /// Whether its site or the service comes back, as of when it was last scheduled.
    pub recovering: Option<Recovering>,
    /// Since when the service is back from a long absence; what was read before is old.
    pub back_since: Option<Timestamp>,
    /// Somebody wants it read, and not written in that session.
    pub only_look: bool,
    /// Since when a change is in force that is not proven yet; not known after a restart of the service.
    pub changed_at: Option<Timestamp>,
    /// All that it has, or the wish to know it.
    pub inventory: Option<Box<Inventory>>,
    /// It started while its site came back, and is to be read after that.
    pub passed_over: bool,
    /// Whether windows and pauses hold writes back, as last asked.
    pub doors: Doors,
    /// What is remembered of its reads, while it is quiet.
    pub(super) unchanged: Unchanged,
    /// What follows from all that.
    pub assessment: Assessment,
    /// When its entry in the timer queue is due.
    pub wake: Option<Timestamp>,
    /// Since when it has been waiting as it waits now.
    pub waiting_since: Option<Timestamp>,
    /// Items that drift.
    pub drifts: Drifts,
    /// Items that rules of its policy leave alone now.
    pub(super) ignoring: Option<Box<Ignoring>>,
    /// What a session brought to light and the fleet has not heard of.
    pub news: Option<Box<News>>,
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

    /// Takes over what an initial message says of the phone itself. Whether it is to be assessed anew.
    pub fn learn_facts(&mut self, message: &PhoneMessage) -> bool {
        self.note_mobility(message);
        let facts = &mut self.facts;
        let before = facts.firmware.clone();
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
                // another firmware may call its items by other names
                self.unchanged = Unchanged::default();
            }
        }
        let updated = before.is_some() && before != self.facts.firmware;
        updated && self.forget_not_applicable() > 0
    }

    /// Takes over readings of managed items. Gives what was observed before, if anything is different now.
    pub fn observe(&mut self, readings: &Readings) -> Option<ObservedSet> {
        let goal = self.goal.as_ref()?;
        let observed = self.observed.renewed(readings, goal.desired.items.iter().map(|item| &item.id))?;
        self.unsaved = true;
        Some(std::mem::replace(&mut self.observed, observed))
    }

    /// Items that differ or are due and may be written, as far as classes and refusals go.
    pub fn writable(&self, catalogue: &Catalogue) -> BTreeSet<ItemId> {
        let Some(goal) = &self.goal else { return BTreeSet::new() };
        self.differing().filter(|item| self.bars(catalogue, goal, item).is_none()).map(|item| item.id.clone()).collect()
    }

    /// Computes anew what follows from desired, observed and refused.
    pub fn assess(&mut self, catalogue: &Catalogue) {
        self.unchanged = Unchanged::default();
        let Some(goal) = &self.goal else {
            self.assessment = Assessment::default();
            return;
        };
        self.assessment.comparison = diff::compare(catalogue, &goal.desired.items, &self.observed);
        if let Some(ignoring) = &self.ignoring {
            self.assessment.comparison.ignore(|id| ignoring.names(id));
        }
        self.drop_what_is_right(catalogue);
        self.judge(catalogue);
    }

    /// Computes anew what may be written of what differs.
    pub(super) fn judge(&mut self, catalogue: &Catalogue) {
        let Some(goal) = self.goal.clone() else { return };
        let mut degraded = BTreeSet::new();
        let (mut writable, mut harmless) = (false, false);
        for item in self.differing() {
            match self.bars(catalogue, &goal, item) {
                None => {
                    writable = true;
                    harmless = harmless || !goal.can_vanish(catalogue, &item.id);
                }
                Some(reason) => drop(degraded.insert(reason)),
            }
        }
        if self.refused_a_seed() {
            degraded.insert(DegradedReason::Refused);
        }
        for seed in self.seeds(catalogue) {
            writable = true;
            harmless = harmless || !goal.can_vanish(catalogue, &seed.id);
        }
        self.assessment.writable = writable;
        self.assessment.only_vanishing = writable && !harmless;
        self.assessment.degraded = degraded.into_iter().collect();
    }

    /// A refusal or a doubt of an item that reads back right is over.
    fn drop_what_is_right(&mut self, catalogue: &Catalogue) {
        let Comparison { drift, unread, ignored, .. } = &self.assessment.comparison;
        let drift = drift.as_ref().map_or(&[][..], |drift| drift.items());
        let differs = |id: &ItemId| drift.iter().chain(ignored).any(|difference| difference.id == *id);
        let open = |id: &ItemId| differs(id) || unread.contains(id);
        // until the documents are read their seeds and their catalogue are not known; what was stored of both is
        let (goal, seeding) = (self.goal.as_ref(), &self.seeding);
        let is_seed =
            |id: &ItemId| goal.is_some_and(|goal| goal.desired.seed(id).is_some()) || seeding.done().contains(id);
        let compares = |refused: &Refused| {
            catalogue.compares(refused.id.name.as_str()) && matches!(refused.value, DesiredValue::Text(_))
        };
        self.refused.retain(|refused| !compares(refused) || open(&refused.id) || is_seed(&refused.id));
        self.doubtful.retain(open);
    }

    pub(super) fn differing(&self) -> impl Iterator<Item = &DesiredItem> {
        let drift = self.assessment.comparison.drift.as_ref().map_or(&[][..], |drift| drift.items());
        let ids = drift.iter().map(|difference| &difference.id).chain(&self.due);
        ids.filter_map(|id| self.goal.as_ref()?.desired.get(id))
    }

    fn bars(&self, catalogue: &Catalogue, goal: &Goal, item: &DesiredItem) -> Option<DegradedReason> {
        if bar(catalogue, &goal.desired.policy, &item.id).is_some() {
            Some(DegradedReason::NotAllowed)
        } else if self.drifts.holds(&item.id) {
            Some(DegradedReason::TugOfWar)
        } else {
            self.refused_as_is(&item.id).then_some(DegradedReason::Refused)
        }
    }

    /// What wants a session with this phone. `report_only` = the whole service is in Report.
    pub fn need(&self, report_only: bool, now: Timestamp) -> Option<Need> {
        let wanted = self.inventory_wanted(now).then_some(Need::Read);
        let Some(goal) = self.goal.as_ref().filter(|_| self.declared()) else { return wanted };
        let policy = &goal.desired.policy;
        if policy.mode == Mode::Off || self.facts.mobile_user {
            return None;
        }
        if self.wants_write(report_only) && self.held(now).is_none() {
            return Some(Need::Write);
        }
        self.need_to_read(now)
    }

    /// What wants a session that only reads.
    pub(super) fn need_to_read(&self, now: Timestamp) -> Option<Need> {
        if self.storm_over(now).is_some() && !self.look_wanted {
            return None;
        }
        let unknown = self.read_at.is_none() || self.passed_over || !self.assessment.comparison.unread.is_empty();
        let awaited = self.doubt.is_some() || self.restart_awaited() || self.inventory_wanted(now);
        if unknown || self.in_flight.is_some() || self.unverified || self.look_wanted || awaited {
            return Some(Need::Read);
        }
        (self.sweep_at() <= Some(now)).then_some(Need::Sweep)
    }

    /// When the next read without cause is due.
    pub fn sweep_at(&self) -> Option<Timestamp> {
        let interval = self.goal.as_ref()?.desired.policy.interval;
        let interval = if self.safety { interval.min(READ_EVERY) } else { interval };
        let read_at = self.read_at?;
        let from = self.back_since.map_or(read_at, |back| back.max(read_at));
        Some(sweep::next(&self.device, from, interval))
    }

    /// The contact gap of this phone: what it said (a minute to a day), else the service's setting.
    pub fn contact_gap(&self, setting: Duration) -> Duration {
        self.facts.contact_gap.map_or(setting, |seconds| Duration::from_secs(seconds.clamp(60, 86_400).into()))
    }
}
