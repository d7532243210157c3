//! Storms and absence. When many phones of a site start within a minute (power came back), its known phones are answered
//! and left alone until the last start is some time ago: they are not read, not asked and not written; new and reset
//! phones go first. When the service itself was away for long, nothing is written for a while but to new and reset
//! phones, reads go on at their normal rate, and no alert is told from what was read before.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Fleet,
    paging::{Gathered, Key, List, Page, Part},
    phone::Phone,
    reset::Reset,
    schedule::after,
};
use crate::{
    spec::{Mode, SiteName},
    wpi::DeviceId,
};

/// Starts within that time count together.
const MINUTE: Duration = Duration::from_mins(1);
/// How often it is noted that the service is there.
const ALIVE_EVERY: Duration = Duration::from_mins(5);

/// When a site counts as coming back, and the service as having been away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoverySettings {
    /// More phones than that have to start within a minute; 0 = off.
    pub starts: u32,
    /// And more of a hundred phones of the site than that.
    pub percent: u32,
    /// How long after the last start it goes on.
    pub rest: Duration,
    /// From when on the service counts as having been away; zero = never.
    pub absence: Duration,
    /// For how long nothing is written after that.
    pub catch_up: Duration,
}

impl Default for RecoverySettings {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self { starts: 10, percent: 5, rest: minutes(15), absence: minutes(30), catch_up: minutes(10) }
    }
}

impl RecoverySettings {
    /// Storms and absence make no difference.
    pub const OFF: Self =
        Self { starts: 0, percent: 0, rest: Duration::ZERO, absence: Duration::ZERO, catch_up: Duration::ZERO };
}

/// What is known of storms and of the absence of the service.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    sites: BTreeMap<SiteName, Storms>,
    /// Since when the service is back, if it was away for long.
    back: Option<Timestamp>,
    /// When it was last noted that the service is there.
    noted: Option<Timestamp>,
}

/// The starts of a site's phones.
#[derive(Debug, Default)]
struct Storms {
    /// Starts of the last minute, each phone with its newest.
    starts: VecDeque<(Timestamp, DeviceId)>,
    newest: HashMap<DeviceId, Timestamp>,
    storm: Option<Storm>,
    /// Since when the last storm was, when it is over.
    last: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Storm {
    since: Timestamp,
    until: Timestamp,
}

impl Storms {
    /// How many phones have started within the last minute.
    fn count(&mut self, device: &DeviceId, now: Timestamp) -> usize {
        self.newest.insert(device.clone(), now);
        self.starts.push_back((now, device.clone()));
        while let Some((at, _)) = self.starts.front().filter(|(at, _)| after(*at, MINUTE) < now) {
            let at = *at;
            let Some((_, old)) = self.starts.pop_front() else { break };
            if self.newest.get(&old) == Some(&at) {
                self.newest.remove(&old);
            }
        }
        self.newest.len()
    }

    fn first(&self) -> Option<Timestamp> {
        self.newest.values().min().copied()
    }
}

/// What a phone waits out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovering {
    /// Until when, if no more phones start.
    pub until: Timestamp,
    /// Whether its site comes back, so that it is not read either.
    pub storm: bool,
}

/// A phone that was not heard of again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingPhone {
    /// Its name.
    pub name: String,
    /// Its MAC.
    pub mac: String,
    /// Its site.
    pub site: String,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Where.
    pub address: Option<String>,
}

/// Who has come back and who has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackView {
    /// Since when: of the storm, or of the return of the service.
    pub since: Timestamp,
    /// Until when the site is left alone, if it still is.
    pub until: Option<Timestamp>,
    /// Phones that were heard of since.
    pub back: usize,
    /// Phones that were heard of before, and not since; by name.
    pub missing: Vec<MissingPhone>,
    /// Phones beyond that list.
    pub more: usize,
    /// Where the next page starts.
    #[serde(rename = "continue", default)]
    pub next: Option<String>,
}

/// There is nothing that phones could have come back from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing happened that phones would have to come back from; say since when")]
pub struct NothingHappened;

impl Fleet {
    /// Takes note of when the service was last there.
    pub(super) fn note_return(&mut self, now: Timestamp) {
        let RecoverySettings { absence, catch_up, .. } = self.settings.recovery;
        let Some(last) = self.service.last_alive.filter(|_| !absence.is_zero()) else { return };
        if after(last, absence) < now {
            self.recovery.back = Some(now);
            let until = after(now, catch_up);
            tracing::warn!(since = %last, %until, "the service was away: until then only new and reset phones are written");
        }
    }

    /// Notes that the service is there, every few minutes.
    pub(super) fn note_alive(&mut self, now: Timestamp) {
        if self.alive_due().is_some_and(|due| due > now) {
            return;
        }
        self.recovery.noted = Some(now);
        self.service.last_alive = Some(now);
        self.save_service();
    }

    /// When it is to be noted next.
    pub(super) fn alive_due(&self) -> Option<Timestamp> {
        self.recovery.noted.map(|noted| after(noted, ALIVE_EVERY))
    }

    /// Since when the service is back from a long absence.
    pub(super) fn back_since(&self) -> Option<Timestamp> {
        self.recovery.back
    }

    /// A declared phone started.
    pub(super) fn note_start(&mut self, device: &DeviceId, now: Timestamp) {
        let RecoverySettings { starts, percent, rest, .. } = self.settings.recovery;
        let phone = self.phones.get(device).filter(|phone| phone.declared() && starts > 0);
        let Some(site) = phone.and_then(|phone| phone.goal.as_ref()).map(|goal| goal.desired.site.clone()) else {
            return;
        };
        let storms = self.recovery.sites.entry(site.clone()).or_default();
        let until = after(now, rest);
        if let Some(storm) = storms.storm.as_mut().filter(|storm| now < storm.until) {
            storm.until = until;
            return;
        }
        let count = storms.count(device, now);
        if count <= starts as usize {
            return;
        }
        let since = storms.first().unwrap_or(now);
        let phones: Vec<DeviceId> = self.declared_at(&site).map(|phone| phone.device.clone()).collect();
        if count.saturating_mul(100) <= phones.len().saturating_mul(percent as usize) {
            return;
        }
        tracing::warn!(%site, starts = count, phones = phones.len(), "many phones of a site start at once: known ones are left alone for a while");
        if let Some(storms) = self.recovery.sites.get_mut(&site) {
            *storms = Storms { storm: Some(Storm { since, until }), ..Storms::default() };
        }
        for device in phones {
            self.schedule(&device, now);
        }
    }

    fn declared_at(&self, site: &SiteName) -> impl Iterator<Item = &Phone> {
        let of_site =
            |phone: &&Phone| phone.declared() && phone.goal.as_ref().is_some_and(|goal| goal.desired.site == *site);
        self.by_name().filter(of_site)
    }

    /// What a phone waits out, because its site or the service comes back.
    pub(super) fn recovering(&self, phone: &Phone, now: Timestamp) -> Option<Recovering> {
        let site = phone.goal.as_ref().and_then(|goal| self.recovery.sites.get(&goal.desired.site));
        let storm = site.and_then(|storms| storms.storm).map(|storm| storm.until).filter(|until| now < *until);
        let absence = self.recovery.back.map(|back| after(back, self.settings.recovery.catch_up));
        match (storm, absence.filter(|until| now < *until)) {
            (Some(storm), absence) => {
                Some(Recovering { until: absence.map_or(storm, |end| end.max(storm)), storm: true })
            }
            (None, Some(until)) => Some(Recovering { until, storm: false }),
            (None, None) => None,
        }
    }

    /// Ends storms whose time has come.
    pub(super) fn end_storms(&mut self, now: Timestamp) {
        let over = |storms: &Storms| storms.storm.is_some_and(|storm| storm.until <= now);
        let sites = self.recovery.sites.iter().filter(|(_, storms)| over(storms)).map(|(site, _)| site.clone());
        for site in sites.collect::<Vec<_>>() {
            let Some(storms) = self.recovery.sites.get_mut(&site) else { continue };
            storms.last = storms.storm.take().map(|storm| storm.since);
            if let Ok(BackView { back, missing, more, .. }) =
                self.back(Some(&site), None, &Part::lines(List::Missing), now)
            {
                let missing = missing.len() + more;
                tracing::info!(%site, back, missing, "no more phones start: the site goes on");
            }
            let phones: Vec<DeviceId> = self.declared_at(&site).map(|phone| phone.device.clone()).collect();
            for device in phones {
                self.schedule(&device, now);
            }
        }
    }

    /// When the next storm is over, as far as is known.
    pub(super) fn storm_ends(&self) -> Option<Timestamp> {
        self.recovery.sites.values().filter_map(|storms| Some(storms.storm?.until)).min()
    }

    /// How many sites come back.
    pub(super) fn recovering_sites(&self) -> usize {
        self.recovery.sites.values().filter(|storms| storms.storm.is_some()).count()
    }

    /// Sites whose storm is over, since when it was.
    pub(super) fn after_storms(&self) -> impl Iterator<Item = (&SiteName, Timestamp)> {
        self.recovery.sites.iter().filter_map(|(site, storms)| Some((site, storms.last?)))
    }

    /// Which phones of a site, or of all, have not come back from its last storm, from the last absence of the service,
    /// or since a time; a part of the list.
    pub fn back(
        &self,
        site: Option<&SiteName>,
        since: Option<Timestamp>,
        part: &Part,
        now: Timestamp,
    ) -> Result<BackView, NothingHappened> {
        let storms = site.and_then(|site| self.recovery.sites.get(site));
        let storm = storms.and_then(|storms| storms.storm.map(|storm| storm.since).or(storms.last));
        let since = since.or(storm).or(self.recovery.back).ok_or(NothingHappened)?;
        let until = storms.and_then(|storms| storms.storm).map(|storm| storm.until).filter(|until| now < *until);
        let (mut back, mut missing) = (0, Gathered::new(part, |_| 1));
        let of_site = |goal: &super::goal::Goal| site.is_none_or(|site| goal.desired.site == *site);
        for phone in self.by_name().filter(|phone| phone.declared()) {
            let Some(goal) = phone.goal.as_ref().filter(|goal| of_site(goal)) else { continue };
            match phone.facts.last_seen {
                Some(seen) if seen >= since => back += 1,
                Some(last_seen) => {
                    let (name, mac) = (goal.desired.name.to_string(), phone.device.to_string());
                    let key = Key::of([name.clone(), mac.clone()]);
                    let site = goal.desired.site.to_string();
                    let address = phone.facts.address.map(|address| address.to_string());
                    missing.add(key, || MissingPhone { name, mac, site, last_seen, address });
                }
                None => {}
            }
        }
        let Page { entries: missing, next, more } = missing.page();
        Ok(BackView { since, until, back, missing, more, next })
    }

    /// What stands in `status` while sites or the service come back.
    pub(super) fn recovery_notes(&self, now: Timestamp) -> Vec<String> {
        let mut notes = Vec::new();
        let catch_up = self.recovery.back.map(|back| after(back, self.settings.recovery.catch_up));
        if let Some(until) = catch_up.filter(|until| now < *until) {
            notes.push(format!(
                "RECOVERING: the service was away; until {until:.0} only new and reset phones are written."
            ));
        }
        for (site, storms) in &self.recovery.sites {
            let Some(Storm { until, .. }) = storms.storm else { continue };
            let Ok(view) = self.back(Some(site), None, &Part::lines(List::Missing), now) else { continue };
            let (back, missing) = (view.back, view.missing.len() + view.more);
            notes.push(format!(
                "RECOVERING: many phones of site {site} start; {back} are back, {missing} not yet. Until {until:.0}, or \
                 longer while more start, only new and reset ones are served."
            ));
        }
        notes
    }
}

impl Phone {
    /// Whether it is served also while its site or the service comes back: it is new, or was reset.
    pub(super) fn comes_first(&self) -> bool {
        let is_new = self.read_at.is_none() || (self.last_proof.is_none() && self.mode() == Mode::Enforce);
        is_new || self.factory || self.reset != Reset::No
    }

    /// Until when nothing is written to it, because its site or the service comes back.
    pub(super) fn left_alone(&self, now: Timestamp) -> Option<Timestamp> {
        self.recovering.filter(|recovering| now < recovering.until && !self.comes_first()).map(|found| found.until)
    }

    /// Until when it is not read either, because its site comes back.
    pub(super) fn storm_over(&self, now: Timestamp) -> Option<Timestamp> {
        self.left_alone(now).filter(|_| self.recovering.is_some_and(|recovering| recovering.storm))
    }
}
