//! What the fleet does with a new revision: each phone's desired state is resolved anew; what is valid is in force.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Fleet,
    phone::{Goal, Newest, Phone},
};
use crate::{
    spec::{Resolution, Wanted},
    wpi::DeviceId,
};

impl Fleet {
    /// Takes a revision over as a whole. A phone whose documents have errors keeps what is in force; so does one whose
    /// file could not be read. A phone that no document names any more is Abandoned.
    pub fn take_wanted(&mut self, wanted: &Arc<Wanted>, now: Timestamp) {
        let arrived = self.wanted.is_some();
        self.catalogue = Arc::clone(wanted.catalogue());
        self.wanted = Some(Arc::clone(wanted));
        for device in wanted.devices() {
            self.resolve(&device, arrived, now);
        }
        let others: Vec<DeviceId> = self
            .phones
            .values()
            .filter(|phone| phone.declared() || phone.goal.is_some())
            .filter(|phone| matches!(wanted.resolve(&phone.device, None), Resolution::Undeclared))
            .map(|phone| phone.device.clone())
            .collect();
        for device in others {
            self.vanish(&device, wanted, now);
        }
    }

    /// Resolves one declared phone. `arrived` = the revision was seen to arrive, so that a phone nobody knew is new.
    pub(super) fn resolve(&mut self, device: &DeviceId, arrived: bool, now: Timestamp) {
        let Some(wanted) = self.wanted.clone() else { return };
        let known = self.phones.remove(device);
        let fresh = known.is_none() && arrived;
        let mut phone = known.unwrap_or_else(|| Box::new(Phone::new(device.clone())));
        self.unindex(&phone);
        let mut changed = false;
        match wanted.resolve(device, phone.facts.model.as_deref()) {
            Resolution::Ready(desired) => {
                phone.newest = Newest::Declared;
                let same = phone.goal.as_ref().is_some_and(|goal| goal.desired.digest == desired.digest);
                if let Some(goal) = phone.goal.as_mut().filter(|_| same) {
                    goal.desired = desired;
                } else {
                    let goal = Goal { desired, revision: wanted.revision().clone() };
                    phone.take_goal(goal, &self.catalogue, fresh);
                    phone.calling.forgive();
                    changed = true;
                }
            }
            Resolution::Invalid { name, problems } => phone.newest = Newest::Invalid { name, problems },
            Resolution::Undeclared => phone.newest = Newest::Gone,
        }
        phone.assess(&self.catalogue);
        self.index(&phone);
        self.phones.insert(device.clone(), phone);
        if changed {
            self.save(device, now);
        }
        self.schedule(device, now);
    }

    fn vanish(&mut self, device: &DeviceId, wanted: &Wanted, now: Timestamp) {
        let Some(mut phone) = self.phones.remove(device) else { return };
        self.unindex(&phone);
        let files = phone.goal.as_ref().map(|goal| Arc::clone(&goal.desired.files)).unwrap_or_default();
        let broken = files.first().and_then(|file| wanted.broken_files().get(file));
        phone.newest = match broken {
            Some(file) => {
                let problems = wanted.problems().iter().filter(|problem| problem.place.file == *file).take(10);
                Newest::Invalid { name: phone.name().cloned(), problems: problems.cloned().collect() }
            }
            None => Newest::Gone,
        };
        self.index(&phone);
        self.phones.insert(device.clone(), phone);
        self.schedule(device, now);
    }
}
