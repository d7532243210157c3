//! What the fleet does with a new revision: each phone's desired state is resolved anew; what is valid is in force.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Fleet,
    goal::Goal,
    phone::{Newest, Phone},
};
use crate::{
    spec::{Resolution, SiteName, Wanted},
    wpi::DeviceId,
};

/// A declared phone whose desired state is to be resolved, with the model it reports.
#[derive(Debug, Clone)]
pub struct ToResolve {
    /// The phone.
    pub device: DeviceId,
    /// Its `device-type`, if it was heard of.
    pub model: Option<SmolStr>,
}

impl ToResolve {
    /// What the revision says of it. Pure, and the dear part: no lock is needed for it.
    pub fn resolve(self, wanted: &Wanted) -> Resolved {
        let resolution = wanted.resolve(&self.device, self.model.as_deref());
        Resolved { asked: self, resolution }
    }
}

/// What a revision says of one phone.
#[derive(Debug)]
pub struct Resolved {
    asked: ToResolve,
    resolution: Resolution,
}

impl Fleet {
    /// Takes a revision over as a whole. A phone whose documents have errors keeps what is in force; so does one whose
    /// file could not be read. A phone that no document names any more is Abandoned.
    pub fn take_wanted(&mut self, wanted: &Arc<Wanted>, now: Timestamp) {
        let phones = self.announce(wanted, now);
        self.apply(phones.into_iter().map(|phone| phone.resolve(wanted)).collect(), now);
    }

    /// The first half of a takeover: the revision is the newest from now on. Gives the phones that are to be resolved
    /// and handed to [`Self::apply`], in any portions; meanwhile each phone keeps what it had.
    pub fn announce(&mut self, wanted: &Arc<Wanted>, now: Timestamp) -> Vec<ToResolve> {
        let before = self.wanted.replace(Arc::clone(wanted));
        self.keep_sites(before.as_deref(), wanted);
        if !wanted.catalogue_broken() {
            self.catalogue = Arc::clone(wanted.catalogue());
            self.classes_known = true;
        }
        let gone = |phone: &Phone| (phone.declared() || phone.goal.is_some()) && !wanted.declares(&phone.device);
        let gone: Vec<DeviceId> =
            self.phones.values().filter(|phone| gone(phone)).map(|phone| phone.device.clone()).collect();
        for device in gone {
            self.vanish(&device, wanted, now);
        }
        let mut phones = Vec::new();
        for device in wanted.devices() {
            // a phone that an unreadable file may have declared before is not new, and none is after a source that was
            // not there yet: a folder that is still to be filled looks like documents that declare nobody. Files of
            // another owner have no say
            let speaker = wanted.speaker(&device);
            let first = before
                .as_ref()
                .is_some_and(|old| !old.declares(&device) && old.is_whole_for(speaker) && old.counts().phones > 0);
            let phone = self.phones.entry(device.clone()).or_insert_with(|| Box::new(Phone::new(device.clone())));
            if first && phone.goal.is_none() {
                phone.fresh = true;
                phone.unsaved = true;
            }
            phones.push(ToResolve { device, model: phone.facts.model.clone() });
        }
        self.unresolved = phones.len();
        self.finish_takeover(now);
        phones
    }

    /// Notes the site documents of a revision. One that cannot be read any more stays as it was; one that is gone is gone.
    fn keep_sites(&mut self, before: Option<&Wanted>, wanted: &Wanted) {
        let mut names: BTreeSet<SiteName> = self.sites.keys().cloned().collect();
        names.extend(before.into_iter().chain([wanted]).flat_map(Wanted::site_names));
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
        for Resolved { asked, resolution } in phones {
            let model = self.phones.get(&asked.device).and_then(|phone| phone.facts.model.clone());
            if model == asked.model {
                let arrived = self.taken.is_some();
                self.take_resolution(&asked.device, resolution, arrived, now);
            } else {
                self.resolve(&asked.device, now);
            }
        }
        self.finish_takeover(now);
    }

    /// The revision counts as taken over once none of its phones is left.
    fn finish_takeover(&mut self, now: Timestamp) {
        if self.unresolved == 0 {
            self.taken = self.wanted.as_ref().map(|wanted| wanted.revision().clone());
            self.turns_after_takeover(now);
            self.forget_empty_sites();
        }
    }

    /// Resolves one declared phone anew, because its model is known now.
    pub(super) fn resolve(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(wanted) = self.wanted.clone() else { return };
        let model = self.phones.get(device).and_then(|phone| phone.facts.model.clone());
        self.take_resolution(device, wanted.resolve(device, model.as_deref()), false, now);
    }

    /// `arrived` = by a revision that has just arrived, and is not the first since the start.
    fn take_resolution(&mut self, device: &DeviceId, resolution: Resolution, arrived: bool, now: Timestamp) {
        let Some(wanted) = self.wanted.clone() else { return };
        let revision = wanted.revision().clone();
        let mut phone = self.phones.remove(device).unwrap_or_else(|| Box::new(Phone::new(device.clone())));
        self.unindex(&phone);
        let mut peace = None;
        let was_abandoned = phone.goal.is_some() && !phone.declared();
        match resolution {
            Resolution::Ready(desired) => {
                phone.newest = Newest::Declared;
                let same = phone.goal.as_ref().is_some_and(|goal| goal.desired.digest == desired.digest);
                if let Some(goal) = phone.goal.as_mut().filter(|_| same) {
                    goal.desired = desired;
                } else {
                    let ends = self.tugs.is_ended_by(phone.goal.as_ref(), &desired);
                    peace = ends.then(|| desired.site.clone());
                    let before = phone.goal.as_ref().map(|goal| goal.vanishing(&self.catalogue)).unwrap_or_default();
                    let goal = Goal { desired, revision };
                    self.begin_ladder_anew(before, &goal, arrived.then_some(&goal.revision));
                    phone.take_goal(goal, &self.catalogue);
                    phone.calling.forgive();
                }
                phone.weigh(&wanted, self.key.as_ref(), &self.catalogue);
            }
            Resolution::Invalid { name, problems } => phone.newest = Newest::Invalid { name, problems },
            Resolution::Undeclared => phone.newest = Newest::Gone,
        }
        phone.apply_ignore_rules(now);
        phone.assess(&self.catalogue);
        let save = phone.unsaved || was_abandoned;
        self.index(&phone);
        self.phones.insert(device.clone(), phone);
        if save {
            self.save(device, now);
        }
        if let Some(site) = peace {
            self.heal_site(&site, "a revision changes what drifted", now);
        }
        self.schedule(device, now);
    }

    fn vanish(&mut self, device: &DeviceId, wanted: &Wanted, now: Timestamp) {
        let Some(mut phone) = self.phones.remove(device) else { return };
        self.unindex(&phone);
        let files = phone.goal.as_ref().map(|goal| Arc::clone(&goal.desired.files)).unwrap_or_default();
        let broken = files.first().and_then(|file| wanted.broken_files().get(file));
        let newest = match broken {
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
        if changed {
            self.save(device, now);
        }
        self.schedule(device, now);
    }
}
