//! What a revision makes of one phone: another desired state is in force, or it waits, or nobody declares it any more.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    fleet::{
        Fleet,
        gate::{AtGate, Waiting},
        goal::Goal,
        leaving::Departure,
        phone::{Newest, Phone},
        plan::{Prospect, Writes},
    },
    spec::{Desired, Resolution, Revision, SiteName, Wanted},
    wpi::DeviceId,
};

impl Fleet {
    /// Resolves one declared phone anew. `was_held` = it waits at the gate, with what comes of it now.
    pub(in crate::fleet) fn resolve(&mut self, device: &DeviceId, was_held: bool, now: Timestamp) {
        let Some(wanted) = self.wanted.clone() else { return };
        let model = self.phones.get(device).and_then(|phone| phone.facts.model.clone());
        let resolution = wanted.resolve(device, model.as_deref());
        let held = match (&resolution, self.phones.get(device)) {
            (Resolution::Ready(desired), Some(phone)) if was_held => {
                let (catalogue, before) = self.catalogues(&wanted);
                let (before, key) = (before.as_deref(), self.key.as_ref());
                let prospect = Prospect { documents: &wanted, catalogue: &catalogue, before, key, now };
                let writes = phone.would_write(std::slice::from_ref(desired), false, &prospect);
                writes.counts().then_some(writes)
            }
            _ => None,
        };
        self.take_resolution(device, resolution, held, false, now);
    }

    /// The model of a phone is known now: its desired state is resolved anew. One that waits at the gate goes on waiting.
    pub(in crate::fleet) fn learn_model(&mut self, device: &DeviceId, now: Timestamp) {
        let held = self.phones.get(device).is_some_and(|phone| phone.at_gate.is_some());
        self.resolve(device, held, now);
    }

    /// `held` = what it waits at the gate with. `arrived` = by a revision that has just arrived, and is not the first
    /// since the start.
    pub(super) fn take_resolution(
        &mut self,
        device: &DeviceId,
        resolution: Resolution,
        held: Option<Writes>,
        arrived: bool,
        now: Timestamp,
    ) {
        let Some(wanted) = self.wanted.clone() else { return };
        let mut phone = self.phones.remove(device).unwrap_or_else(|| Box::new(Phone::new(device.clone())));
        self.unindex(&phone);
        let mut peace = None;
        let was_abandoned = phone.goal.is_some() && !phone.declared();
        match resolution {
            Resolution::Ready(desired) => {
                phone.newest = Newest::Declared;
                phone.departure = Departure::No;
                let revision = wanted.revision().clone();
                match held {
                    Some(writes) if !self.approves(&phone, &desired) => {
                        let goal = self.goal_of(&phone, desired, revision);
                        phone.wait_at_gate(goal, writes, self.before.as_ref());
                    }
                    _ => peace = self.put_in_force(&mut phone, desired, revision, &wanted, arrived, now),
                }
            }
            Resolution::Invalid { name, problems } => {
                phone.leave_gate();
                phone.departure = Departure::No;
                phone.newest = Newest::Invalid { name, problems };
            }
            Resolution::Undeclared if phone.newest == Newest::Released => {}
            Resolution::Undeclared => {
                phone.leave_gate();
                phone.newest = Newest::Gone;
            }
        }
        self.settle_in(phone, was_abandoned, peace, now);
    }

    /// What a phone would work towards by these documents.
    pub(super) fn goal_of(&self, phone: &Phone, documents: Arc<Desired>, revision: Revision) -> Goal {
        let old = phone.goal.as_ref().filter(|_| !phone.proposed());
        let put_backs = phone.put_backs_for(old, &documents, &self.catalogue);
        Goal::new(documents, &put_backs, revision)
    }

    /// Whether an approval came while the revision was taken over.
    pub(super) fn approves(&self, phone: &Phone, desired: &Desired) -> bool {
        let old = phone.goal.as_ref().map(|goal| &goal.desired.site);
        !self.gate_holds(&desired.site, old)
    }

    /// What is wanted of a phone is in force from now on. Its site, if a tug of war there is over.
    pub(super) fn put_in_force(
        &mut self,
        phone: &mut Phone,
        desired: Arc<Desired>,
        revision: Revision,
        wanted: &Wanted,
        arrived: bool,
        now: Timestamp,
    ) -> Option<SiteName> {
        phone.leave_gate();
        let mut peace = None;
        let same = phone.goal.as_ref().is_some_and(|goal| goal.documents.digest == desired.digest);
        if let Some(goal) = phone.goal.as_mut().filter(|_| same) {
            *goal = Goal::new(desired, &phone.put_backs, goal.revision.clone());
        } else {
            let ends = self.tugs.is_ended_by(phone.goal.as_ref(), &desired);
            peace = ends.then(|| desired.site.clone());
            let before = phone.goal.as_ref().map(|goal| goal.vanishing(&self.catalogue)).unwrap_or_default();
            let put_backs = phone.put_backs_for(phone.goal.as_ref(), &desired, &self.catalogue);
            phone.put_backs = put_backs;
            let goal = Goal::new(desired, &phone.put_backs, revision);
            self.begin_ladder_anew(before, &goal, arrived.then_some(&goal.revision));
            phone.take_goal(goal, &self.catalogue);
            phone.changed_at = arrived.then_some(now);
            phone.calling.forgive();
        }
        phone.weigh(wanted, self.key.as_ref(), &self.catalogue);
        peace
    }

    /// Lets a phone go that waits at the gate with another desired state.
    pub(in crate::fleet) fn let_go(&mut self, device: &DeviceId, wanted: &Wanted, now: Timestamp) {
        let Some(mut phone) = self.phones.remove(device) else { return };
        self.unindex(&phone);
        let mut peace = None;
        match phone.leave_gate().map(|at_gate| *at_gate) {
            Some(AtGate { what: Waiting::Change(goal), .. }) => {
                let Goal { documents, revision, .. } = *goal;
                peace = self.put_in_force(&mut phone, documents, revision, wanted, true, now);
            }
            other => phone.at_gate = other.map(Box::new),
        }
        self.settle_in(phone, false, peace, now);
    }

    /// A phone is as the newest revision has it: what follows from that.
    pub(super) fn settle_in(&mut self, mut phone: Box<Phone>, changed: bool, peace: Option<SiteName>, now: Timestamp) {
        phone.apply_ignore_rules(now);
        phone.note_safety(&self.catalogue);
        phone.wanted_since = phone.wanted_since.or(Some(now)).filter(|_| phone.declared());
        phone.assess(&self.catalogue);
        if phone.proven() {
            // nothing of the change is left to be done
            phone.changed_at = None;
        }
        let save = phone.unsaved || changed;
        let device = phone.device.clone();
        self.index(&phone);
        self.phones.insert(device.clone(), phone);
        if save {
            self.save(&device, now);
        }
        if let Some(site) = peace {
            self.heal_site(&site, "a revision changes what drifted", now);
        }
        self.schedule(&device, now);
    }

    /// A phone that no document names any more waits at the gate with that.
    pub(super) fn stay(&mut self, device: &DeviceId, before: Option<&Arc<Wanted>>, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(device) else { return };
        let documents = match phone.leave_gate() {
            Some(at_gate) => at_gate.documents,
            None => before.cloned(),
        };
        phone.newest = Newest::Declared;
        let at_gate = AtGate { what: Waiting::Vanish, writes: Writes::default(), documents, proposed: false };
        phone.at_gate = Some(Box::new(at_gate));
        self.schedule(device, now);
    }

    pub(in crate::fleet) fn vanish(&mut self, device: &DeviceId, wanted: &Wanted, now: Timestamp) {
        let Some(mut phone) = self.phones.remove(device) else { return };
        self.unindex(&phone);
        let was_at_gate = phone.leave_gate().is_some();
        let newest = match broken_file(&phone, wanted) {
            Some(file) => {
                let problems = wanted.problems().iter().filter(|problem| problem.place.file == *file).take(10);
                Newest::Invalid { name: phone.name().cloned(), problems: problems.cloned().collect() }
            }
            None => Newest::Gone,
        };
        let changed = std::mem::replace(&mut phone.newest, newest) != phone.newest;
        if !phone.declared() {
            phone.doubt_dropped();
        }
        self.index(&phone);
        self.phones.insert(device.clone(), phone);
        self.follow_doubt(device, now);
        if changed || was_at_gate {
            self.save(device, now);
        }
        self.schedule(device, now);
    }
}

/// The file that a phone was last seen in, where that cannot be read now: then nobody knows whether it is gone.
pub(super) fn broken_file<'a>(phone: &Phone, wanted: &'a Wanted) -> Option<&'a Arc<str>> {
    wanted.broken_files().get(phone.goal.as_ref()?.desired.files.first()?)
}
