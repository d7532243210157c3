//! What the fleet does with a new revision: each phone's desired state is resolved anew; what is valid is in force.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Fleet,
    gate::{AtGate, Waiting, judge::Tally, view::Plan},
    goal::Goal,
    leaving::Departure,
    phone::{Newest, Phone},
    plan::{Prospect, Writes},
};
use crate::{
    catalogue::Catalogue,
    spec::{Desired, Resolution, Revision, SiteName, Wanted},
    wpi::DeviceId,
};

/// A revision on its way: its phones are resolved and planned, and nothing is changed by it yet.
#[derive(Debug)]
pub struct Takeover {
    pub(super) wanted: Arc<Wanted>,
    pub(super) catalogue: Arc<Catalogue>,
    /// The catalogue in force, where that is another one.
    pub(super) before: Option<Arc<Catalogue>>,
    pub(super) tally: Tally,
    to_resolve: std::vec::IntoIter<ToResolve>,
    resolved: Vec<Resolved>,
    now: Timestamp,
}

impl Takeover {
    /// Resolves some of its phones. Pure, and the dear part: no lock is needed for it. None are left when it gives none.
    pub fn resolve_some(&mut self, most: usize) -> Vec<Resolved> {
        let wanted = &self.wanted;
        self.to_resolve.by_ref().take(most).map(|phone| phone.resolve(wanted)).collect()
    }
}

impl Takeover {
    /// What was planned for each phone that has a desired state: its device, that state and its writes.
    pub(super) fn planned(&self) -> impl Iterator<Item = (&DeviceId, &Desired, &Writes)> {
        self.resolved.iter().filter_map(|resolved| match &resolved.resolution {
            Resolution::Ready(desired) => Some((&resolved.asked.device, &**desired, resolved.held.as_ref()?)),
            Resolution::Invalid { .. } | Resolution::Undeclared => None,
        })
    }
}

/// A declared phone whose desired state is to be resolved, with the model it reports.
#[derive(Debug, Clone)]
struct ToResolve {
    device: DeviceId,
    model: Option<SmolStr>,
}

impl ToResolve {
    fn resolve(self, wanted: &Wanted) -> Resolved {
        let resolution = wanted.resolve(&self.device, self.model.as_deref());
        let possible = match &resolution {
            Resolution::Ready(desired) if desired.undecided => wanted.possible(&self.device),
            Resolution::Ready(desired) => vec![Arc::clone(desired)],
            Resolution::Invalid { .. } | Resolution::Undeclared => Vec::new(),
        };
        Resolved { asked: self, resolution, possible, held: None }
    }
}

/// What a revision says of one phone.
#[derive(Debug)]
pub struct Resolved {
    asked: ToResolve,
    resolution: Resolution,
    /// What it may become: more than one where its model decides.
    possible: Vec<Arc<Desired>>,
    /// What it would write, if it waits at the gate with that.
    held: Option<Writes>,
}

impl Resolved {
    /// The phone.
    pub fn device(&self) -> &DeviceId {
        &self.asked.device
    }
}

impl Fleet {
    /// Takes a revision over as a whole. A phone whose documents have errors keeps what is in force; so does one whose
    /// file could not be read, and one that waits at the gate. A phone that no document names any more is Abandoned.
    pub fn take_wanted(&mut self, wanted: &Arc<Wanted>, now: Timestamp) {
        let mut takeover = self.consider(wanted, now);
        let resolved = takeover.resolve_some(usize::MAX);
        self.plan(&mut takeover, resolved);
        let resolved = self.announce(takeover, now);
        self.apply(resolved, now);
    }

    /// Begins with a revision: its phones are to be resolved and [planned](Self::plan), in any portions; all of them by the
    /// rules that hold now.
    pub fn consider(&self, wanted: &Arc<Wanted>, now: Timestamp) -> Takeover {
        let (catalogue, before) = self.catalogues(wanted);
        let model = |device: &DeviceId| self.phones.get(device).and_then(|phone| phone.facts.model.clone());
        let to_resolve = wanted.devices().into_iter().map(|device| ToResolve { model: model(&device), device });
        let to_resolve: Vec<ToResolve> = to_resolve.collect();
        let mut tally = Tally::default();
        let counts = |phone: &Phone| phone.declared() && phone.goal.is_some() && phone.newest != Newest::Released;
        for phone in self.phones.values().filter(|phone| counts(phone)) {
            tally.before += 1;
            let stays = wanted.declares(&phone.device) || wanted.is_elsewhere(&phone.device);
            tally.gone += usize::from(!stays && broken_file(phone, wanted).is_none());
        }
        let resolved = Vec::with_capacity(to_resolve.len());
        Takeover {
            wanted: Arc::clone(wanted),
            catalogue,
            before,
            tally,
            to_resolve: to_resolve.into_iter(),
            resolved,
            now,
        }
    }

    /// Plans what some phones of a revision would be written.
    pub fn plan(&self, takeover: &mut Takeover, resolved: Vec<Resolved>) {
        let prospect = Prospect {
            documents: &takeover.wanted,
            catalogue: &takeover.catalogue,
            before: takeover.before.as_deref(),
            key: self.key.as_ref(),
            now: takeover.now,
        };
        for mut resolved in resolved {
            let device = &resolved.asked.device;
            if let Resolution::Ready(desired) = &resolved.resolution {
                let first = self.is_first(device, &takeover.wanted);
                let writes = match self.phones.get(device) {
                    Some(phone) => phone.would_write(&resolved.possible, first, &prospect),
                    None => Phone::new(device.clone()).would_write(&resolved.possible, first, &prospect),
                };
                takeover.tally.add(&desired.site, Some(&writes));
                resolved.held = Some(writes);
            } else {
                let goal = self.phones.get(device).and_then(|phone| phone.goal.as_ref());
                takeover.tally.add(&goal.map(|goal| goal.desired.site.clone()).unwrap_or_default(), None);
            }
            takeover.resolved.push(resolved);
        }
    }

    /// Whether this revision is the first one that declares a phone, as far as can be told: a phone that an unreadable
    /// file may have declared before is not new, and none is after a source that was not there yet (a folder that is
    /// still to be filled looks like documents that declare nobody). Files of another owner have no say.
    fn is_first(&self, device: &DeviceId, wanted: &Wanted) -> bool {
        let Some(old) = &self.wanted else { return false };
        let known = self.phones.get(device).is_some_and(|phone| phone.goal.is_some() && !phone.proposed());
        let declared = old.declares(device) || old.is_elsewhere(device);
        let had_phones = old.counts().phones > 0 || old.has_elsewhere();
        !known && !declared && old.is_whole_for(wanted.speaker(device)) && had_phones
    }

    /// The first half of a takeover: the revision is judged at the gate, and is the newest from now on. Gives its phones,
    /// to be handed to [`Self::apply`], in any portions; meanwhile each phone keeps what it had.
    pub fn announce(&mut self, takeover: Takeover, now: Timestamp) -> Vec<Resolved> {
        self.judge(&takeover, now);
        let Takeover { wanted, catalogue, mut resolved, .. } = takeover;
        let mut plan = Plan::default();
        let mut waiting = BTreeSet::new();
        for resolved in &mut resolved {
            let Some(writes) = resolved.held.take() else { continue };
            let Resolution::Ready(desired) = &resolved.resolution else { continue };
            let old = self.phones.get(&resolved.asked.device).and_then(|phone| phone.goal.as_ref());
            let old = old.map(|goal| &goal.desired.site);
            plan.returned += usize::from(writes.returns);
            plan.written += usize::from(writes.counts());
            if writes.counts() && self.gate_holds(&desired.site, old) {
                plan.add(&desired.name, &writes);
                waiting.extend(old.into_iter().chain([&desired.site]).cloned());
                resolved.held = Some(writes);
            }
        }
        let leaving = self.phones.keys().filter(|device| wanted.is_elsewhere(device));
        for device in leaving.cloned().collect::<Vec<_>>() {
            self.leave(&device, now);
        }
        let gone = |phone: &Phone| {
            let known = (phone.declared() || phone.goal.is_some()) && phone.newest != Newest::Released;
            known && !wanted.declares(&phone.device) && phone.stays()
        };
        let gone: Vec<DeviceId> =
            self.phones.values().filter(|phone| gone(phone)).map(|phone| phone.device.clone()).collect();
        let stays = |phone: &Phone| {
            let site =
                phone.goal.as_ref().filter(|_| phone.declared() && !phone.proposed()).map(|goal| &goal.desired.site);
            site.filter(|site| broken_file(phone, &wanted).is_none() && self.gate_holds_vanishing(site)).cloned()
        };
        let gone: Vec<(DeviceId, Option<SiteName>)> = gone
            .into_iter()
            .map(|device| {
                let site = self.phones.get(&device).and_then(|phone| stays(phone));
                (device, site)
            })
            .collect();
        waiting.extend(gone.iter().filter_map(|(_, site)| site.clone()));
        let before = self.wanted.clone();
        self.keep_sites(before.as_deref(), &wanted, &waiting);
        if !wanted.catalogue_broken() && !self.gate_holds_catalogue() {
            self.catalogue = catalogue;
            self.classes_known = true;
        }
        for (device, site) in gone {
            if site.is_some() {
                plan.add_vanishing();
                self.stay(&device, before.as_ref(), now);
            } else {
                self.vanish(&device, &wanted, now);
            }
        }
        for resolved in &resolved {
            let device = &resolved.asked.device;
            let first = self.is_first(device, &wanted);
            let phone = self.phones.entry(device.clone()).or_insert_with(|| Box::new(Phone::new(device.clone())));
            if first {
                phone.fresh = true;
                phone.unsaved = true;
            }
        }
        self.before = before;
        self.note_plan(wanted.revision(), plan);
        self.wanted = Some(wanted);
        self.unresolved = resolved.len();
        self.finish_takeover(now);
        resolved
    }

    /// Notes the site documents of a revision. One that cannot be read any more stays as it was, and so does one with
    /// phones that wait at the gate; one that is gone is gone.
    pub(super) fn keep_sites(&mut self, before: Option<&Wanted>, wanted: &Wanted, waiting: &BTreeSet<SiteName>) {
        let mut names: BTreeSet<SiteName> = self.sites.keys().cloned().collect();
        names.extend(before.into_iter().chain([wanted]).flat_map(Wanted::site_names));
        names.retain(|name| !waiting.contains(name) || !self.sites.contains_key(name));
        for name in names {
            if let Some(site) = wanted.declared_site(&name) {
                self.sites.insert(name, Arc::new(site));
            } else if !wanted.may_hide_site(&name) && !wanted.site_names().any(|known| known == name) {
                self.sites.remove(&name);
            }
        }
    }

    /// The second half of a takeover, for some phones.
    pub fn apply(&mut self, phones: Vec<Resolved>, now: Timestamp) {
        self.unresolved = self.unresolved.saturating_sub(phones.len());
        for Resolved { asked, resolution, held, .. } in phones {
            let model = self.phones.get(&asked.device).and_then(|phone| phone.facts.model.clone());
            if model == asked.model {
                let arrived = self.taken.is_some();
                self.take_resolution(&asked.device, resolution, held, arrived, now);
            } else {
                self.resolve(&asked.device, held.is_some(), now);
            }
        }
        self.finish_takeover(now);
    }

    /// The revision counts as taken over once none of its phones is left.
    fn finish_takeover(&mut self, now: Timestamp) {
        if self.unresolved == 0 {
            self.before = None;
            self.taken = self.wanted.as_ref().map(|wanted| wanted.revision().clone());
            self.look_at_crowds();
            self.turns_after_takeover(now);
            self.forget_empty_sites();
        }
    }

    /// The model of a phone is known now: its desired state is resolved anew. One that waits at the gate goes on waiting.
    pub(super) fn learn_model(&mut self, device: &DeviceId, now: Timestamp) {
        let held = self.phones.get(device).is_some_and(|phone| phone.at_gate.is_some());
        self.resolve(device, held, now);
    }

    /// Resolves one declared phone anew. `was_held` = it waits at the gate, with what comes of it now.
    pub(super) fn resolve(&mut self, device: &DeviceId, was_held: bool, now: Timestamp) {
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

    /// `held` = what it waits at the gate with. `arrived` = by a revision that has just arrived, and is not the first
    /// since the start.
    fn take_resolution(
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
    fn goal_of(&self, phone: &Phone, documents: Arc<Desired>, revision: Revision) -> Goal {
        let old = phone.goal.as_ref().filter(|_| !phone.proposed());
        let put_backs = phone.put_backs_for(old, &documents, &self.catalogue);
        Goal::new(documents, &put_backs, revision)
    }

    /// Whether an approval came while the revision was taken over.
    fn approves(&self, phone: &Phone, desired: &Desired) -> bool {
        let old = phone.goal.as_ref().map(|goal| &goal.desired.site);
        !self.gate_holds(&desired.site, old)
    }

    /// What is wanted of a phone is in force from now on. Its site, if a tug of war there is over.
    fn put_in_force(
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
    pub(super) fn let_go(&mut self, device: &DeviceId, wanted: &Wanted, now: Timestamp) {
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
    fn settle_in(&mut self, mut phone: Box<Phone>, changed: bool, peace: Option<SiteName>, now: Timestamp) {
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
    fn stay(&mut self, device: &DeviceId, before: Option<&Arc<Wanted>>, now: Timestamp) {
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

    pub(super) fn vanish(&mut self, device: &DeviceId, wanted: &Wanted, now: Timestamp) {
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
fn broken_file<'a>(phone: &Phone, wanted: &'a Wanted) -> Option<&'a Arc<str>> {
    wanted.broken_files().get(phone.goal.as_ref()?.desired.files.first()?)
}
