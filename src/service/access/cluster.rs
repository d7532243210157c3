//! What the status of resources in a cluster is made of.

use super::{Access, acts::told};
use crate::{
    fleet::{self, tally::Tallies, view::PhoneView},
    report::{KubeAccess, kube::share::Share},
    spec::Revision,
};

impl KubeAccess for Access {
    fn declared(&self, name: &str) -> Option<PhoneView> {
        self.shared.with_fleet(|fleet, now| fleet.phone(name, now)).filter(|phone| phone.name.as_deref() == Some(name))
    }

    fn tallies(&self) -> Tallies {
        self.shared.with_fleet(|fleet, now| fleet.tallies(now))
    }

    fn problems_of(&self, path: &str) -> Vec<String> {
        self.shared.with_fleet(|fleet, _| fleet.problems_of(path))
    }

    fn revision(&self) -> Option<Revision> {
        self.shared.with_fleet(|fleet, _| fleet.revision().cloned())
    }

    fn share(&self) -> Option<Share> {
        let selector = self.shared.with_fleet(|fleet, _| fleet.site_selector().cloned())?;
        let shard = self.store.cluster().map(|cluster| cluster.shard().to_owned())?;
        Some(Share { shard, selector })
    }

    fn serves(&self, name: &str, path: &str) -> bool {
        let (is_own, device) = self.shared.with_fleet(|fleet, _| (fleet.is_own_file(path), fleet.device(name)));
        let Some(cluster) = self.store.cluster().filter(|_| is_own) else { return is_own };
        // a document of which nobody knows the device, or whose device has another document
        device.is_none_or(|device| cluster.keeps(&device))
    }

    fn kube_write(&self, result: &'static str) {
        self.shared.metrics.kube_write(result);
    }

    fn read_now(&self, name: &str) {
        let answer = self.shared.with_fleet(|fleet, now| match fleet.device(name) {
            Some(device) => fleet.ask_to_call(&device, now),
            None => fleet::ContactAnswer::NotFound,
        });
        tracing::info!(phone = name, answer = told(answer).as_str(), "asked for by annotation");
    }
}
