//! Who else writes: when the same items drift back to the same values on many phones of a site, another server or person
//! writes there, and healing stops for that site before it becomes a fight.
//!
//! Then nothing that drifts on its phones is put right any more; what the documents change is written as ever. It ends
//!
//! - when a revision changes one of these items for a phone of the site;
//! - when a person asks for a retry of one of its phones;
//! - when a day has passed without such a drift and nothing is left to be put right.
//!
//! That healing has stopped is kept in the records of the phones it stopped for, so a restart does not end it. Items
//! that belong to users are not watched: many users are many hands. Nor are phones that another server owns.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Effect, Fleet,
    drift::DAY,
    goal::{Goal, meaning},
    history::Change,
    phone::Phone,
    schedule::after,
    words::TugOfWar,
};
use crate::{
    catalogue::Owner,
    spec::{Desired, Mode, SiteName},
    wpi::{DeviceId, ItemId},
};

/// Within this time the same drift on more than [`PHONES`] phones is no chance.
const WINDOW: Duration = Duration::from_mins(30);
/// So many phones of a site may drift in the same way.
const PHONES: usize = 5;
/// Most sightings that are remembered of one site; the oldest go first.
const SIGHTINGS: usize = 1_000;
/// Most items of one stop that are named.
const NAMED: usize = 100;

/// One item that drifted on one phone.
#[derive(Debug)]
struct Sighting {
    at: Timestamp,
    device: DeviceId,
    item: ItemId,
    value: Option<SmolStr>,
}

/// Healing has stopped for a site.
#[derive(Debug)]
struct Stop {
    /// When something drifted there last.
    last: Timestamp,
    /// What drifts there.
    items: BTreeSet<ItemId>,
}

#[derive(Debug, Default)]
struct Watched {
    recent: VecDeque<Sighting>,
    stop: Option<Stop>,
}

/// What drifted lately, by site.
#[derive(Debug, Default)]
pub(super) struct TugsOfWar {
    sites: HashMap<SiteName, Watched>,
    /// How many sightings were forgotten before their time.
    forgotten: u64,
}

impl TugsOfWar {
    /// Whether healing has stopped for a site.
    fn stopped(&self, site: &SiteName) -> bool {
        self.sites.get(site).is_some_and(|watched| watched.stop.is_some())
    }

    /// For how many sites healing has stopped.
    pub(super) fn stops(&self) -> usize {
        self.sites.values().filter(|watched| watched.stop.is_some()).count()
    }

    /// How many sightings were forgotten before their time.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// An item drifted on a phone of a site. Gives on how many phones it did so, if that stops the site now.
    fn saw(&mut self, site: &SiteName, sighting: Sighting) -> Option<usize> {
        let watched = self.sites.entry(site.clone()).or_default();
        if let Some(stop) = &mut watched.stop {
            stop.last = stop.last.max(sighting.at);
            if stop.items.len() < NAMED {
                stop.items.insert(sighting.item);
            }
            return None;
        }
        let now = sighting.at;
        while watched.recent.front().is_some_and(|first| after(first.at, WINDOW) <= now) {
            watched.recent.pop_front();
        }
        if watched.recent.len() >= SIGHTINGS {
            watched.recent.pop_front();
            self.forgotten += 1;
        }
        watched.recent.push_back(sighting);
        let last = watched.recent.back()?;
        let same = watched.recent.iter().filter(|seen| seen.item == last.item && seen.value == last.value);
        let phones: BTreeSet<&DeviceId> = same.map(|seen| &seen.device).collect();
        let phones = phones.len();
        if phones <= PHONES {
            return None;
        }
        let items = BTreeSet::from([last.item.clone()]);
        *watched = Watched { recent: VecDeque::new(), stop: Some(Stop { last: now, items }) };
        Some(phones)
    }

    /// Healing had stopped for the site of this phone when the service ended.
    pub(super) fn remember(&mut self, phone: &Phone) {
        let Some(goal) = &phone.goal else { return };
        for drifting in phone.drifts.iter().filter(|drifting| drifting.held == Some(TugOfWar::Site)) {
            let watched = self.sites.entry(goal.desired.site.clone()).or_default();
            let stop =
                watched.stop.get_or_insert_with(|| Stop { last: drifting.last_seen, items: BTreeSet::default() });
            stop.last = stop.last.max(drifting.last_seen);
            stop.items.insert(drifting.id.clone());
        }
    }

    /// Whether another desired state of a phone changes what its site stopped for.
    pub(super) fn is_ended_by(&self, old: Option<&Goal>, new: &Desired) -> bool {
        let Some(old) = old.filter(|old| old.desired.site == new.site) else { return false };
        let stop = self.sites.get(&new.site).and_then(|watched| watched.stop.as_ref());
        let asks = |desired: &Desired, id: &ItemId| desired.get(id).map(|item| meaning(item, desired));
        stop.is_some_and(|stop| stop.items.iter().any(|id| asks(&old.desired, id) != asks(new, id)))
    }
}

impl Fleet {
    /// Hears what a session brought to light: changes go to the history, drift to the watch over its site.
    pub(super) fn hear(&mut self, device: &DeviceId, now: Timestamp) {
        let stopped = self.stopped_site(device);
        self.hear_news(device, now);
        if let Some(site) = stopped {
            self.hold(device, now);
            self.end_if_calm(&site, now);
        }
    }

    fn hear_news(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(device) else { return };
        let Some(mut news) = phone.news.take() else { return };
        let ended = phone.flow.is_none();
        let mut changes: Vec<Change> = std::mem::take(&mut news.changes);
        let away = std::mem::take(&mut news.away);
        self.counters.drift_forgotten += news.forgotten as u64;
        news.forgotten = 0;
        if !phone.unverified {
            news.told.clear();
        }
        if ended {
            news.told.extend(news.written.iter().map(|change| change.item.clone()));
            changes.append(&mut news.written);
        }
        if !news.written.is_empty() || !news.told.is_empty() {
            phone.news = Some(news);
        }
        if !changes.is_empty() {
            let changes = changes.into_iter().map(|change| change.masked(&self.catalogue)).collect();
            self.effects.push(Effect::History(changes));
        }
        let site = phone.goal.as_ref().map(|goal| goal.desired.site.clone());
        let Some(site) = site.filter(|_| !away.is_empty()) else { return };
        self.look_at_server(device);
        if self.phones.get(device).is_some_and(|phone| phone.hands_off().is_some()) {
            // a server of its own writes to this phone and says nothing of the others
            return;
        }
        for (item, value) in away {
            if self.catalogue.owner(item.name.as_str()) == Owner::User {
                continue;
            }
            let sighting = Sighting { at: now, device: device.clone(), item: item.clone(), value };
            if let Some(phones) = self.tugs.saw(&site, sighting) {
                tracing::warn!(
                    %site, %item, phones,
                    "the same drifts back on many phones of a site: another server or person writes there. Nothing that \
                     drifts is put right at this site until a commit changes the item there, or a person asks for a retry"
                );
                self.hold_site(&site, now);
            }
        }
    }

    /// What drifts on the phones of a site stays as it is.
    fn hold_site(&mut self, site: &SiteName, now: Timestamp) {
        for device in self.phones_of(site, |phone| !phone.drifts.is_empty()) {
            self.hold(&device, now);
        }
    }

    fn hold(&mut self, device: &DeviceId, now: Timestamp) {
        self.change_drifts(device, |phone| phone.mode() == Mode::Enforce && phone.drifts.hold_for_site(), now);
    }

    /// Puts drift right again at a site.
    pub(super) fn heal_site(&mut self, site: &SiteName, why: &'static str, now: Timestamp) {
        let Some(watched) = self.tugs.sites.remove(site) else { return };
        if watched.stop.is_none() {
            return;
        }
        tracing::info!(%site, why, "what drifts at this site is put right again");
        for device in self.phones_of(site, |phone| !phone.drifts.is_empty()) {
            self.change_drifts(&device, |phone| phone.drifts.release_for_site(), now);
        }
    }

    fn end_if_calm(&mut self, site: &SiteName, now: Timestamp) {
        let last = self.tugs.sites.get(site).and_then(|watched| watched.stop.as_ref()).map(|stop| stop.last);
        if last.is_none_or(|last| after(last, DAY) > now) {
            return;
        }
        let open =
            |phone: &Phone| phone.drifts.iter().any(|drifting| drifting.open && drifting.held == Some(TugOfWar::Site));
        let held = |phone: &Phone| phone.declared() && phone.mode() == Mode::Enforce && open(phone);
        if self.phones_of(site, held).is_empty() {
            self.heal_site(site, "nothing has drifted for a day", now);
        }
    }

    /// A person wants what is held on a phone to be put right again, and at its site where healing has stopped. How many
    /// of the phone's items were held.
    pub(super) fn heal_again(&mut self, device: &DeviceId, now: Timestamp) -> usize {
        let held = self.phones.get(device).map_or(0, |phone| phone.drifts.held());
        let stopped = self.stopped_site(device);
        if let Some(site) = &stopped {
            self.heal_site(site, "a person asked for a retry", now);
        }
        self.change_drifts(device, |phone| phone.drifts.release(), now);
        held
    }

    /// The site of a phone, if healing has stopped there.
    fn stopped_site(&self, device: &DeviceId) -> Option<SiteName> {
        if self.tugs.sites.is_empty() {
            return None;
        }
        let site = &self.phones.get(device)?.goal.as_ref()?.desired.site;
        self.tugs.stopped(site).then(|| site.clone())
    }

    /// Forgets what was seen at sites that no phone is at any more.
    pub(super) fn forget_empty_sites(&mut self) {
        if self.tugs.sites.is_empty() {
            return;
        }
        let goals = self.phones.values().filter_map(|phone| phone.goal.as_ref());
        let used: HashSet<&SiteName> = goals.map(|goal| &goal.desired.site).collect();
        self.tugs.sites.retain(|site, _| used.contains(site));
    }

    /// How many sightings of drift were forgotten before their time.
    pub fn sightings_forgotten(&self) -> u64 {
        self.tugs.forgotten()
    }

    fn phones_of(&self, site: &SiteName, wanted: impl Fn(&Phone) -> bool) -> Vec<DeviceId> {
        let here = |phone: &Phone| phone.goal.as_ref().is_some_and(|goal| goal.desired.site == *site);
        self.phones.values().filter(|phone| here(phone) && wanted(phone)).map(|phone| phone.device.clone()).collect()
    }

    fn change_drifts(&mut self, device: &DeviceId, change: impl FnOnce(&mut Phone) -> bool, now: Timestamp) {
        let catalogue = &self.catalogue;
        let Some(phone) = self.phones.get_mut(device) else { return };
        if !change(phone) {
            return;
        }
        phone.judge(catalogue);
        self.save(device, now);
        self.schedule(device, now);
    }
}
