//! Whose turn it is to be asked to call: each site at its pace, all of them at the pace of the service, and the site that
//! was served longest ago first.
//!
//! A phone whose time has come stands in the line of its site and holds nothing else: no slot of another site, no task.
//! A site with thousands of phones that do not answer takes its turns and no more. Every step costs O(log n).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    schedule::{Pace, after},
    settings::Settings,
};
use crate::{spec::SiteName, wpi::DeviceId};

/// Who comes first in the line of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A person waits for it, or its whole site does.
    Person,
    /// Something is to be written or is not known.
    Due,
    /// The same, and the phone did not answer the last time.
    Silent,
    /// A read without cause.
    Sweep,
}

/// How many ranks there are.
const RANKS: usize = 4;

/// A phone that wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrant {
    /// Its site.
    pub site: SiteName,
    /// The least time between two requests to phones of its site.
    pub spacing: Duration,
    /// Whether it is one of the old phones that are asked much more slowly.
    pub fragile: bool,
    /// Who goes before it.
    pub rank: Rank,
}

/// A phone's place in a line; `number` grows with each phone that enters.
#[derive(Debug)]
struct Place {
    entrant: Entrant,
    number: u64,
}

/// One line: by rank, then in the order of entering.
#[derive(Debug, Default)]
struct Line {
    ranks: [BTreeMap<u64, DeviceId>; RANKS],
}

impl Line {
    fn first(&self) -> Option<(Rank, &DeviceId)> {
        let ranks = [Rank::Person, Rank::Due, Rank::Silent, Rank::Sweep];
        self.ranks.iter().zip(ranks).find_map(|(line, rank)| line.values().next().map(|device| (rank, device)))
    }

    fn is_empty(&self) -> bool {
        self.ranks.iter().all(BTreeMap::is_empty)
    }

    fn rank(&mut self, rank: Rank) -> Option<&mut BTreeMap<u64, DeviceId>> {
        self.ranks.get_mut(rank as usize)
    }

    /// About how many go before that place: never too few.
    fn before(&self, place: &Place) -> u64 {
        let own = self.ranks.get(place.entrant.rank as usize);
        let first = own.and_then(|line| line.keys().next()).copied().unwrap_or(place.number);
        let within = place.number.saturating_sub(first).min(own.map_or(0, BTreeMap::len) as u64);
        let above: usize = self.ranks.iter().take(place.entrant.rank as usize).map(BTreeMap::len).sum();
        within + above as u64
    }
}

/// Where a site stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Nobody waits, or it has its share of requests under way.
    Out,
    /// Its pace says: not before then.
    Resting(Timestamp),
    /// It may be served; the number says when it last was.
    Ready(u64),
}

#[derive(Debug)]
struct SiteLines {
    ordinary: Line,
    fragile: Line,
    pace: Pace,
    fragile_pace: Pace,
    under_way: usize,
    served: u64,
    stand: Stand,
}

impl SiteLines {
    fn new(spacing: Duration, fragile_rest: Duration) -> Self {
        Self {
            ordinary: Line::default(),
            fragile: Line::default(),
            pace: Pace::every(spacing),
            fragile_pace: Pace::every(fragile_rest),
            under_way: 0,
            served: 0,
            stand: Stand::Out,
        }
    }

    fn line(&mut self, fragile: bool) -> &mut Line {
        if fragile { &mut self.fragile } else { &mut self.ordinary }
    }

    /// When its next phone may be asked, if one waits.
    fn free(&self) -> Option<Timestamp> {
        let ordinary = (!self.ordinary.is_empty()).then(|| self.pace.free());
        let fragile = (!self.fragile.is_empty()).then(|| self.pace.free().max(self.fragile_pace.free()));
        [ordinary, fragile].into_iter().flatten().min()
    }

    /// Whose turn it is at this site.
    fn first(&self, now: Timestamp) -> Option<&DeviceId> {
        let fragile = self.fragile.first().filter(|_| self.fragile_pace.free() <= now);
        match (fragile, self.ordinary.first()) {
            (Some((old, device)), Some((rank, _))) if old <= rank => Some(device),
            (Some((_, device)), None) => Some(device),
            (_, first) => first.map(|(_, device)| device),
        }
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        self.under_way == 0
            && self.ordinary.is_empty()
            && self.fragile.is_empty()
            && self.pace.free().max(self.fragile_pace.free()) <= now
    }
}

/// The lines of all sites, and the requests under way.
#[derive(Debug)]
pub struct Turns {
    pace: Pace,
    fragile_rest: Duration,
    /// Most requests under way, and most of one site: phones that do not answer keep theirs until it times out.
    most: usize,
    share: usize,
    sites: BTreeMap<SiteName, SiteLines>,
    resting: BTreeSet<(Timestamp, SiteName)>,
    ready: BTreeSet<(u64, SiteName)>,
    places: HashMap<DeviceId, Place>,
    under_way: HashMap<u64, SiteName>,
    number: u64,
    /// Sites that nobody waits at are forgotten when there are more than that.
    forget_above: usize,
}

/// How many sites are remembered at least.
const SITES: usize = 64;

impl Turns {
    /// No lines.
    pub fn new(settings: &Settings) -> Self {
        Self {
            pace: Pace::new(settings.contacts_per_second),
            fragile_rest: settings.fragile_rest,
            most: settings.contacts_in_flight.max(1),
            share: (settings.contacts_in_flight / 4).max(1),
            sites: BTreeMap::new(),
            resting: BTreeSet::new(),
            ready: BTreeSet::new(),
            places: HashMap::new(),
            under_way: HashMap::new(),
            number: 0,
            forget_above: SITES,
        }
    }

    /// How many phones stand in lines.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no line has anybody in it.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Puts a phone at the end of its line; one that stands there as the same keeps its place.
    pub fn enter(&mut self, device: &DeviceId, entrant: Entrant, now: Timestamp) {
        if self.places.get(device).is_some_and(|place| place.entrant == entrant) {
            return;
        }
        self.leave(device, now);
        self.forget_idle_sites(now);
        self.number += 1;
        let name = entrant.site.clone();
        let rest = self.fragile_rest;
        let site = self.sites.entry(name.clone()).or_insert_with(|| SiteLines::new(entrant.spacing, rest));
        site.pace.set(entrant.spacing);
        if let Some(rank) = site.line(entrant.fragile).rank(entrant.rank) {
            rank.insert(self.number, device.clone());
        }
        self.places.insert(device.clone(), Place { entrant, number: self.number });
        self.settle(&name, now);
    }

    /// Takes a phone out of its line.
    pub fn leave(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(Place { entrant, number }) = self.places.remove(device) else { return };
        let site = self.sites.get_mut(&entrant.site);
        if let Some(rank) = site.and_then(|site| site.line(entrant.fragile).rank(entrant.rank)) {
            rank.remove(&number);
        }
        self.settle(&entrant.site, now);
    }

    /// Whose turn it is now. It stays so until the phone is [taken](Self::take) or [leaves](Self::leave).
    pub fn first(&mut self, now: Timestamp) -> Option<DeviceId> {
        while let Some((at, name)) = self.resting.first().filter(|(at, _)| *at <= now).cloned() {
            self.resting.remove(&(at, name.clone()));
            self.settle(&name, now);
        }
        if self.under_way.len() >= self.most || self.pace.free() > now {
            return None;
        }
        let (_, name) = self.ready.first()?;
        self.sites.get(name)?.first(now).cloned()
    }

    /// This phone is asked now, by the request of that ticket.
    pub fn take(&mut self, device: &DeviceId, ticket: u64, now: Timestamp) {
        let Some(Place { entrant, .. }) = self.places.get(device) else { return };
        let entrant = entrant.clone();
        self.number += 1;
        self.pace.slot(now);
        if let Some(site) = self.sites.get_mut(&entrant.site) {
            site.pace.slot(now);
            if entrant.fragile {
                site.fragile_pace.slot(now);
            }
            site.under_way += 1;
            site.served = self.number;
        }
        self.under_way.insert(ticket, entrant.site);
        self.leave(device, now);
    }

    /// A phone of this site that polls may be told to call now: that takes its turn at the pace of site and service, and
    /// stands in no line, for the phone polls again.
    pub fn out_of_line(&mut self, name: &SiteName, spacing: Duration, now: Timestamp) -> bool {
        self.forget_idle_sites(now);
        let rest = self.fragile_rest;
        let site = self.sites.entry(name.clone()).or_insert_with(|| SiteLines::new(spacing, rest));
        site.pace.set(spacing);
        let free = self.pace.free() <= now && site.pace.free() <= now;
        if free {
            self.pace.slot(now);
            site.pace.slot(now);
        }
        self.settle(name, now);
        free
    }

    /// The request of that ticket is over.
    pub fn done(&mut self, ticket: u64, now: Timestamp) {
        let Some(name) = self.under_way.remove(&ticket) else { return };
        if let Some(site) = self.sites.get_mut(&name) {
            site.under_way = site.under_way.saturating_sub(1);
        }
        self.settle(&name, now);
    }

    /// When [`Self::first`] may have somebody; `None` while only the end of a request can change that.
    pub fn next(&self) -> Option<Timestamp> {
        if self.under_way.len() >= self.most {
            return None;
        }
        let ready = self.ready.first().map(|_| self.pace.free());
        let resting = self.resting.first().map(|(at, _)| self.pace.free().max(*at));
        [ready, resting].into_iter().flatten().min()
    }

    /// About when a phone in a line is asked, if all before it are.
    pub fn expected(&self, device: &DeviceId, now: Timestamp) -> Option<Timestamp> {
        let place = self.places.get(device)?;
        let site = self.sites.get(&place.entrant.site)?;
        let busy = u32::try_from(self.ready.len() + self.resting.len()).unwrap_or(u32::MAX);
        let step = site.pace.step().max(self.pace.step().saturating_mul(busy));
        let (line, step, free) = if place.entrant.fragile {
            (&site.fragile, step.max(site.fragile_pace.step()), site.pace.free().max(site.fragile_pace.free()))
        } else {
            (&site.ordinary, step, site.pace.free())
        };
        let before = u32::try_from(line.before(place)).unwrap_or(u32::MAX);
        Some(after(free.max(self.pace.free()).max(now), step.saturating_mul(before)))
    }

    /// Puts a site where it belongs among the others.
    fn settle(&mut self, name: &SiteName, now: Timestamp) {
        let Some(site) = self.sites.get_mut(name) else { return };
        let stand = match site.free() {
            Some(_) if site.under_way >= self.share => Stand::Out,
            Some(free) if free > now => Stand::Resting(free),
            Some(_) => Stand::Ready(site.served),
            None => Stand::Out,
        };
        let before = std::mem::replace(&mut site.stand, stand);
        match before {
            Stand::Resting(at) => drop(self.resting.remove(&(at, name.clone()))),
            Stand::Ready(served) => drop(self.ready.remove(&(served, name.clone()))),
            Stand::Out => {}
        }
        match stand {
            Stand::Resting(at) => drop(self.resting.insert((at, name.clone()))),
            Stand::Ready(served) => drop(self.ready.insert((served, name.clone()))),
            Stand::Out => {}
        }
    }

    fn forget_idle_sites(&mut self, now: Timestamp) {
        if self.sites.len() > self.forget_above {
            self.sites.retain(|_, site| !site.is_idle(now));
            self.forget_above = (2 * self.sites.len()).max(SITES);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    fn entrant(site: u8, fragile: bool, rank: u8) -> Entrant {
        let rank = [Rank::Person, Rank::Due, Rank::Silent, Rank::Sweep][usize::from(rank % 4)];
        let site = SiteName::new(&format!("s{site}"));
        Entrant { site, spacing: Duration::from_millis(700), fragile, rank }
    }

    #[test]
    fn sites_that_nobody_waits_at_are_forgotten() {
        let mut turns = Turns::new(&Settings::default());
        for number in 0..1_000_i64 {
            let device = DeviceId::new(&format!("{number:012x}")).unwrap();
            let site = SiteName::new(&format!("s{number}"));
            turns.enter(&device, Entrant { site, ..entrant(0, false, 1) }, at(number * 1_000));
            turns.leave(&device, at(number * 1_000));
        }
        assert!(turns.sites.len() <= 2 * SITES, "{} sites", turns.sites.len());
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes_nobody_is_lost_and_no_pace_or_share_is_exceeded(
            steps in prop::collection::vec((0_u8..5, 0_u8..12, 0_u8..3, any::<bool>(), 0_u8..4), 1..200),
        ) {
            let settings = Settings { contacts_in_flight: 8, contacts_per_second: 5, ..Settings::default() };
            let mut turns = Turns::new(&settings);
            let mut asked: Vec<(Timestamp, Entrant)> = Vec::new();
            let mut open: Vec<(u64, SiteName)> = Vec::new();
            let mut tickets = 0;
            for (time, (what, number, site, fragile, rank)) in (0..).step_by(90).zip(steps) {
                let now = at(time);
                let device = DeviceId::new(&format!("{number:012x}")).unwrap();
                match what {
                    0 | 1 => turns.enter(&device, entrant(site, fragile, rank), now),
                    2 => turns.leave(&device, now),
                    3 if !open.is_empty() => {
                        let (ticket, _) = open.remove(usize::from(number) % open.len());
                        turns.done(ticket, now);
                    }
                    _ => {}
                }
                while let Some(first) = turns.first(now) {
                    let before = turns.len();
                    let entrant = turns.places[&first].entrant.clone();
                    tickets += 1;
                    turns.take(&first, tickets, now);
                    prop_assert_eq!(turns.len(), before - 1);
                    open.push((tickets, entrant.site.clone()));
                    asked.push((now, entrant));
                }
                let lines = turns.sites.values().flat_map(|site| [&site.ordinary, &site.fragile]);
                let standing: usize = lines.flat_map(|line| &line.ranks).map(BTreeMap::len).sum();
                prop_assert_eq!(standing, turns.len(), "each in one line");
                prop_assert!(turns.next().is_none_or(|next| next > now), "what is due was taken");
                for site in turns.sites.values() {
                    prop_assert!(site.under_way <= turns.share);
                }
                prop_assert!(open.len() <= 8);
            }
            let apart = |of: Vec<Timestamp>, least: i128| {
                of.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_millis() >= least)
            };
            prop_assert!(apart(asked.iter().map(|(at, _)| *at).collect(), 200), "the pace of the service");
            for site in ["s0", "s1", "s2"] {
                let of = |fragile: bool| asked.iter().filter(move |(_, entrant)| {
                    entrant.site.as_str() == site && (entrant.fragile || !fragile)
                }).map(|(at, _)| *at).collect();
                prop_assert!(apart(of(false), 700), "the pace of {}", site);
                prop_assert!(apart(of(true), 10_000), "the old phones of {}", site);
            }
        }
    }
}
