//! What people decide at the gate, and how what waits is let go: phone by phone, a few at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Approval, HeldRevision, Said, Waiting};
use crate::{
    fleet::{Fleet, audit::By, phone::Phone},
    spec::SiteName,
    wpi::DeviceId,
};

/// How many phones are let go at a time: others are answered in between.
const PORTION: usize = 200;

/// The fewest characters of a revision that name it.
const SHORTEST_NAME: usize = 7;

/// Why an act at the gate is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Nothing waits.
    #[error("no revision waits at the gate")]
    Nothing,
    /// Another one waits.
    #[error("{asked} does not wait at the gate; what waits is {held}")]
    Another {
        /// What was asked for.
        asked: String,
        /// What waits.
        held: String,
    },
    /// Something else stands behind the same name.
    #[error("the plan of {0} has changed meanwhile; look at it with `phoneops gate` and say so again")]
    Changed(String),
    /// No phone of the site waits.
    #[error("no phone of site {0} waits at the gate")]
    NoSuchSite(SiteName),
    /// It was rejected.
    #[error("{by} rejected it ({reason}); push another revision")]
    Rejected {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// A catalogue is for all sites.
    #[error("it changes catalogue.csv, which holds for all sites: approve it without a site")]
    WholeOnly,
}

/// An approval as it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approved {
    /// The revision as people name it.
    pub revision: String,
    /// How many phones are let go.
    pub phones: usize,
}

impl Fleet {
    pub(super) fn find_held(&self, asked: &str, digest: Option<&str>) -> Result<&HeldRevision, GateError> {
        let (held, _) = self.held_revision().ok_or(GateError::Nothing)?;
        let is_meant = held.name == asked || (asked.len() >= SHORTEST_NAME && held.name.starts_with(asked));
        if !is_meant {
            return Err(GateError::Another { asked: asked.to_owned(), held: held.name.clone() });
        }
        if digest.is_some_and(|digest| digest != held.digest) {
            return Err(GateError::Changed(held.name.clone()));
        }
        match &held.rejected {
            Some(Said { by, reason, .. }) => Err(GateError::Rejected { by: by.clone(), reason: reason.clone() }),
            None => Ok(held),
        }
    }

    /// Lets what waits go on, for all phones or those of one site. `revision` may be its first characters.
    ///
    /// # Errors
    /// [`GateError`]
    pub fn approve(
        &mut self,
        revision: &str,
        digest: Option<&str>,
        site: Option<&SiteName>,
        by: &By,
        now: Timestamp,
    ) -> Result<Approved, GateError> {
        let held = self.find_held(revision, digest)?;
        if site.is_some() && held.catalogue {
            return Err(GateError::WholeOnly);
        }
        let name = held.name.clone();
        let phones: Vec<DeviceId> = self.waiting_at_gate(site).map(|phone| phone.device.clone()).collect();
        if let Some(site) = site.filter(|_| phones.is_empty()) {
            return Err(GateError::NoSuchSite(site.clone()));
        }
        let said = Said { by: by.actor.clone(), reason: by.reason.clone(), at: now };
        self.service.gate.approvals.push(Approval { site: site.cloned(), said });
        if self.service.gate.held.as_ref().is_some_and(|held| held.catalogue) {
            self.take_catalogue(now);
        }
        self.save_service();
        if let Some(wanted) = self.wanted.clone() {
            self.keep_sites(None, &wanted, &self.sites_at_gate());
        }
        let count = phones.len();
        self.gate.releasing.extend(phones);
        self.gate.since = Some(now);
        Ok(Approved { revision: name, phones: count })
    }

    /// Has what waits wait for good: another revision is to come. How many phones that are.
    ///
    /// # Errors
    /// [`GateError`]
    pub fn reject(
        &mut self,
        revision: &str,
        digest: Option<&str>,
        by: &By,
        now: Timestamp,
    ) -> Result<Approved, GateError> {
        let name = self.find_held(revision, digest)?.name.clone();
        let said = Said { by: by.actor.clone(), reason: by.reason.clone(), at: now };
        if let Some(held) = &mut self.service.gate.held {
            held.rejected = Some(said);
        }
        self.save_service();
        Ok(Approved { revision: name, phones: self.waiting_at_gate(None).count() })
    }

    pub(super) fn waiting_at_gate(&self, site: Option<&SiteName>) -> impl Iterator<Item = &Phone> {
        let of_site = move |phone: &&Phone| site.is_none_or(|site| phone.gate_site() == Some(site));
        self.phones.values().map(Box::as_ref).filter(|phone| phone.at_gate.is_some()).filter(of_site)
    }

    /// The sites that have phones at the gate which no approval lets go.
    pub(in crate::fleet) fn sites_at_gate(&self) -> BTreeSet<SiteName> {
        let held = self.waiting_at_gate(None).filter_map(Phone::gate_site);
        held.filter(|site| self.service.gate.holds(site)).cloned().collect()
    }

    /// How many phones wait at the gate, by site.
    pub fn held_by_site(&self) -> BTreeMap<SiteName, usize> {
        let mut sites = BTreeMap::new();
        for site in self.waiting_at_gate(None).filter_map(Phone::gate_site) {
            *sites.entry(site.clone()).or_default() += 1;
        }
        sites
    }

    pub(super) fn take_catalogue(&mut self, now: Timestamp) {
        let Some(wanted) = self.wanted.clone() else { return };
        self.catalogue = Arc::clone(wanted.catalogue());
        self.classes_known = true;
        self.service.gate.catalogue = Some(self.catalogue.print());
        let all: Vec<DeviceId> = self.phones.keys().cloned().collect();
        for device in all {
            if let Some(phone) = self.phones.get_mut(&device) {
                phone.assess(&self.catalogue);
            }
            self.schedule(&device, now);
        }
    }

    /// When phones are let go that were approved.
    pub(in crate::fleet) fn release_due(&self) -> Option<Timestamp> {
        self.gate.since.filter(|_| !self.gate.releasing.is_empty())
    }

    /// Lets some of the approved phones go.
    pub(in crate::fleet) fn release_some(&mut self, now: Timestamp) {
        let some = self.gate.releasing.len().min(PORTION);
        let devices: Vec<DeviceId> = self.gate.releasing.drain(..some).collect();
        if devices.is_empty() {
            return;
        }
        for device in devices {
            self.open_gate_for(&device, now);
        }
        if self.gate.releasing.is_empty() && self.waiting_at_gate(None).next().is_none() {
            self.gate.plan = None;
        }
    }

    pub(super) fn open_gate_for(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(wanted) = self.wanted.clone() else { return };
        let Some(phone) = self.phones.get(device) else { return };
        match phone.at_gate.as_ref().map(|at_gate| &at_gate.what) {
            Some(Waiting::Change(_)) => self.let_go(device, &wanted, now),
            Some(Waiting::Vanish) => self.vanish(device, &wanted, now),
            None => {}
        }
    }
}
