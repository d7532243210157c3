//! The ladder of a site: items that can make a phone vanish reach 1 of its phones, then 3, 9, 27 …, each step only after
//! all phones of the last were heard of again.
//!
//! A [`Ladder`] counts places. A phone takes one before such a write is recorded, and leaves it when it was heard of, or
//! when nothing came of the write: then the place is free again and counts for nothing. A phone that stays silent stops
//! its site until it is heard of, until such items change by a new revision, or until a person releases the site.
//! Nothing here is stored: after a restart [`Ladders::doubt`] takes the places of phones that were in doubt, the
//! ladder begins at one phone again, and waits for them first.
//!
//! Bounded: a ladder holds as many phones as its step is wide, besides those a restart left in doubt.

use std::collections::{BTreeMap, HashMap};

use crate::{
    spec::{Revision, SiteName},
    wpi::DeviceId,
};

/// How much wider the next step is.
const FACTOR: u32 = 3;

/// The ladder of one site. [`Default`] = at one phone, with nobody in doubt.
#[derive(Debug)]
pub struct Ladder {
    /// The revision that last released it.
    revision: Option<Revision>,
    /// How many phones this step has.
    width: u32,
    /// How many of them were heard of again.
    heard: u32,
    /// Phones not heard of since.
    out: BTreeMap<DeviceId, Place>,
}

/// The place of a phone that was not heard of since.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Whether it is one of this step; a place from before only holds up.
    counts: bool,
    /// Whether it has been silent for too long.
    silent: bool,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { revision: None, width: 1, heard: 0, out: BTreeMap::new() }
    }
}

impl Ladder {
    /// Whether one more phone may be written to now.
    fn has_room(&self) -> bool {
        let taken = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
        self.out.values().all(|place| place.counts && !place.silent) && self.heard.saturating_add(taken) < self.width
    }

    /// How many phones this step has.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// How many phones were written to and not heard of since.
    pub fn awaited(&self) -> usize {
        self.out.len()
    }

    /// A phone that has been silent for too long: the site stops for it.
    pub fn silent(&self) -> Option<&DeviceId> {
        self.out.iter().find(|(_, place)| place.silent).map(|(device, _)| device)
    }

    fn begin_anew(&mut self) {
        self.width = 1;
        self.heard = 0;
        self.out.values_mut().for_each(|place| place.counts = false);
    }
}

/// The ladders of all sites.
#[derive(Debug, Default)]
pub struct Ladders {
    sites: HashMap<SiteName, Ladder>,
}

impl Ladders {
    /// The ladder of a site, where one was begun.
    pub fn of(&self, site: &SiteName) -> Option<&Ladder> {
        self.sites.get(site)
    }

    /// How many sites are stopped by a silent phone.
    pub fn stopped(&self) -> usize {
        self.sites.values().filter(|ladder| ladder.silent().is_some()).count()
    }

    /// Whether this phone has a place, or may take one.
    pub fn may_step(&self, site: &SiteName, device: &DeviceId) -> bool {
        self.of(site).is_none_or(|ladder| ladder.out.contains_key(device) || ladder.has_room())
    }

    /// Takes a place, unless the phone has one.
    pub fn take(&mut self, site: &SiteName, device: &DeviceId) {
        let ladder = self.sites.entry(site.clone()).or_default();
        ladder.out.entry(device.clone()).or_insert(Place { counts: true, silent: false });
    }

    /// Takes a place for a phone that was in doubt before a restart: it is waited for and proves nothing.
    pub fn doubt(&mut self, site: &SiteName, device: &DeviceId) {
        let ladder = self.sites.entry(site.clone()).or_default();
        ladder.out.insert(device.clone(), Place { counts: false, silent: false });
    }

    /// Leaves a place; `heard` = the phone was heard of after its write. Whether others may go on now.
    pub fn leave(&mut self, site: &SiteName, device: &DeviceId, heard: bool) -> bool {
        let Some(ladder) = self.sites.get_mut(site) else { return false };
        let Some(place) = ladder.out.remove(device) else { return false };
        if heard && place.counts {
            ladder.heard = ladder.heard.saturating_add(1);
        }
        if ladder.heard >= ladder.width && ladder.out.is_empty() {
            ladder.width = ladder.width.saturating_mul(FACTOR);
            ladder.heard = 0;
        }
        ladder.has_room()
    }

    /// The phone has been silent for too long: its site stops. Whether that is news.
    pub fn fall_silent(&mut self, site: &SiteName, device: &DeviceId) -> bool {
        let place = self.sites.get_mut(site).and_then(|ladder| ladder.out.get_mut(device));
        place.is_some_and(|place| !std::mem::replace(&mut place.silent, true))
    }

    /// Such items of a phone of this site changed: the ladder begins anew. The first change of their values by a new
    /// revision also releases the phones that were waited for.
    pub fn begin_anew(&mut self, site: &SiteName, new_revision: Option<&Revision>) {
        let ladder = self.sites.entry(site.clone()).or_default();
        ladder.begin_anew();
        if new_revision.is_some() && ladder.revision.as_ref() != new_revision {
            ladder.out.clear();
            ladder.revision = new_revision.cloned();
        }
    }

    /// A person releases the site: nobody is waited for, and the ladder begins anew. Whether anybody was.
    pub fn release(&mut self, site: &SiteName) -> bool {
        let Some(ladder) = self.sites.get_mut(site) else { return false };
        ladder.begin_anew();
        let waited = !ladder.out.is_empty();
        ladder.out.clear();
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u32) -> DeviceId {
        DeviceId::new(&format!("{number:012x}")).unwrap()
    }

    fn site() -> SiteName {
        SiteName::new("berlin")
    }

    /// Lets all phones that may take a place do so; how many did.
    fn climb(ladders: &mut Ladders, phones: std::ops::Range<u32>) -> Vec<DeviceId> {
        let mut took = Vec::new();
        for device in phones.map(device) {
            if ladders.may_step(&site(), &device) {
                ladders.take(&site(), &device);
                took.push(device);
            }
        }
        took
    }

    #[test]
    fn each_step_is_three_times_as_wide_and_waits_for_all_of_the_last() {
        let mut ladders = Ladders::default();
        let mut next = 0;
        for width in [1, 3, 9, 27] {
            let took = climb(&mut ladders, next..next + 100);
            assert_eq!(took.len(), width);
            next += 100;
            let (last, others) = took.split_last().unwrap();
            for device in others {
                assert!(!ladders.leave(&site(), device, true));
            }
            assert_eq!(climb(&mut ladders, next..next + 100), [], "one is still awaited");
            assert!(ladders.leave(&site(), last, true), "the next step opens");
        }
    }

    #[test]
    fn a_place_that_was_not_used_is_free_again_and_counts_for_nothing() {
        let mut ladders = Ladders::default();
        ladders.take(&site(), &device(1));
        assert!(ladders.leave(&site(), &device(1), false));
        assert_eq!(climb(&mut ladders, 2..9).len(), 1, "still the first step");
        assert!(!ladders.leave(&site(), &device(9), true), "who has no place leaves none");
    }

    #[test]
    fn a_silent_phone_stops_its_site_and_no_other() {
        let mut ladders = Ladders::default();
        ladders.take(&site(), &device(1));
        ladders.leave(&site(), &device(1), true);
        ladders.take(&site(), &device(2));
        assert!(ladders.fall_silent(&site(), &device(2)));
        assert!(!ladders.fall_silent(&site(), &device(2)), "told once");
        assert_eq!(climb(&mut ladders, 3..9), [], "the rest of the step waits too");
        assert!(ladders.may_step(&SiteName::new("munich"), &device(3)));
        assert_eq!((ladders.stopped(), ladders.of(&site()).unwrap().silent()), (1, Some(&device(2))));
        assert!(ladders.leave(&site(), &device(2), true));
        assert_eq!(climb(&mut ladders, 3..9).len(), 2, "the step goes on");
    }

    #[test]
    fn a_new_revision_begins_at_one_and_waits_for_nobody_but_only_once() {
        let (mut ladders, one, two) = (Ladders::default(), Revision::new("r1"), Revision::new("r2"));
        ladders.begin_anew(&site(), Some(&one));
        ladders.take(&site(), &device(1));
        ladders.fall_silent(&site(), &device(1));
        ladders.begin_anew(&site(), Some(&two));
        assert_eq!(climb(&mut ladders, 2..9), [device(2)]);
        ladders.begin_anew(&site(), Some(&two));
        assert_eq!(climb(&mut ladders, 3..9), [], "the rest of the revision does not release its own phone");
        assert!(ladders.leave(&site(), &device(2), true));
        assert_eq!(climb(&mut ladders, 3..9).len(), 1, "what was written before the change proves nothing for it");
    }

    #[test]
    fn phones_in_doubt_from_before_a_restart_are_waited_for_first() {
        let mut ladders = Ladders::default();
        ladders.doubt(&site(), &device(1));
        ladders.doubt(&site(), &device(2));
        assert_eq!(climb(&mut ladders, 3..9), []);
        assert!(!ladders.leave(&site(), &device(1), true));
        assert!(ladders.leave(&site(), &device(2), true));
        assert_eq!(climb(&mut ladders, 3..9).len(), 1, "and then it begins at one");
    }
}
