//! What the fleet does with a new revision: each phone's desired state is resolved anew; what is valid is in force.
//!
//! - [`settling`]: what becomes of each phone

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Fleet,
    gate::{judge::Tally, view::Plan},
    phone::{Newest, Phone},
    plan::{Prospect, Writes},
};
use crate::{
    catalogue::Catalogue,
    spec::{Desired, Resolution, SiteName, Wanted},
    wpi::DeviceId,
};

mod settling;

use settling::broken_file;

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
}
