//! The decisions: what is said to which phone, and when. No call here waits, reads or asks the time; each is told it.
//!
//! [`Fleet`] holds all phones. Edges feed it with what happens ([`Fleet::message`], [`Fleet::take_wanted`],
//! [`Fleet::contact_done`], [`Fleet::recorded`], [`Fleet::tick`]) and carry out the [`Effect`]s it leaves behind.
//!
//! - [`settings`]: bounds and times
//! - [`words`]: every word a user may see as an identifier
//! - [`phone`]: one phone, [`goal`]: what is in force for it, [`observed`]: what it reported, packed
//! - [`record`]: what must not be forgotten of a phone, and [`keep`], which turns one into the other
//! - [`diff`]: desired against observed
//! - [`session`]: one session, [`batch`]: its writes cut into messages, [`sending`]: one of them, [`flow`]: which message belongs to it
//! - [`may_write`]: the one gate that every write passes
//! - [`call`], [`schedule`]: asking phones to call, timers, backoff
//! - [`intake`], [`takeover`], [`calls`], [`show`]: what the fleet does with messages, with revisions, with time, and
//!   what it tells people
//! - [`effect`]: what it wants done

pub mod batch;
pub mod call;
mod calls;
pub mod diff;
pub mod effect;
pub mod flow;
pub mod goal;
mod intake;
mod keep;
pub mod may_write;
pub mod observed;
pub mod phone;
pub mod record;
pub mod schedule;
mod sending;
pub mod session;
pub mod settings;
mod show;
pub mod takeover;
pub mod view;
pub mod words;

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};

pub use calls::ContactAnswer;
pub use effect::{Answer, Effect, SessionReport, SessionResult};
pub use settings::Settings;

use crate::{
    catalogue::Catalogue,
    spec::{Revision, Site, SiteName, Wanted},
    wpi::DeviceId,
};
use flow::Flows;
use phone::Phone;
use record::PhoneRecord;
use schedule::{Pace, Timers};

/// How often a bound was hit or a rule broken; read by the metrics.
#[derive(Debug, Default, Clone)]
#[non_exhaustive]
pub struct Counters {
    /// Initial messages answered by overload.
    pub overload: u64,
    /// Messages of undeclared phones beyond the number that is remembered.
    pub undeclared_forgotten: u64,
    /// Replies that belong to no flow.
    pub stray_replies: u64,
    /// Messages without nonce or without `mac-addr`.
    pub incomplete_messages: u64,
    /// `contact-me-uri`s that were not used (R-1106).
    pub contact_uris_refused: u64,
    /// Messages from outside a site's networks.
    pub wrong_site: u64,
}

/// All phones, and what is to be done about them.
#[derive(Debug)]
pub struct Fleet {
    settings: Settings,
    wanted: Option<Arc<Wanted>>,
    /// The newest revision that all its phones have been resolved for, and how many of the next one are not yet.
    taken: Option<Revision>,
    unresolved: usize,
    catalogue: Arc<Catalogue>,
    phones: HashMap<DeviceId, Box<Phone>>,
    /// Phones with a name, by name; the order of the API.
    named: BTreeSet<(Arc<str>, DeviceId)>,
    /// Phones that call in and nobody wants.
    undeclared: BTreeSet<DeviceId>,
    /// The phone last heard of at an address.
    heard_at: HashMap<IpAddr, DeviceId>,
    /// The last good document of each site: one that cannot be read any more does not open its networks.
    sites: HashMap<SiteName, Arc<Site>>,
    /// Whether the catalogue is the source's: with a broken overlay since the start, classes are not known.
    classes_known: bool,
    flows: Flows,
    timers: Timers,
    pace: Pace,
    tickets: u64,
    /// Contact-me requests under way.
    requested: usize,
    store_away: bool,
    effects: Vec<Effect>,
    counters: Counters,
    rng: StdRng,
}

impl Fleet {
    /// A fleet that knows nothing. `seed` feeds cookies and jitter: take it from the system's random source, or a fixed
    /// one in tests.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self {
            pace: Pace::new(settings.contacts_per_second),
            settings,
            wanted: None,
            taken: None,
            unresolved: 0,
            catalogue: Catalogue::builtin(),
            phones: HashMap::new(),
            named: BTreeSet::new(),
            undeclared: BTreeSet::new(),
            heard_at: HashMap::new(),
            sites: HashMap::new(),
            classes_known: false,
            flows: Flows::default(),
            timers: Timers::default(),
            tickets: 0,
            requested: 0,
            store_away: false,
            effects: Vec::new(),
            counters: Counters::default(),
            rng: StdRng::from_seed(seed),
        }
    }

    /// Takes over what the store kept. What was in force stays so until the documents are read. When a phone was last
    /// asked to call is not kept, so each counts as asked just now.
    pub fn restore(&mut self, records: Vec<PhoneRecord>, now: Timestamp) {
        for record in records {
            let mut phone = Phone::from_record(record);
            phone.calling.last_request = Some(now);
            phone.assess(&self.catalogue);
            self.index(&phone);
            let device = phone.device.clone();
            if let Some(address) = phone.facts.address {
                self.heard_at.insert(address, device.clone());
            }
            self.phones.insert(device.clone(), Box::new(phone));
            self.schedule(&device, now);
        }
    }

    /// What the edges are to do; empties the list.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether the store cannot be written: then phones are answered and read, and no write leaves.
    pub fn set_store_away(&mut self, away: bool, now: Timestamp) {
        if self.store_away == away {
            return;
        }
        self.store_away = away;
        if !away {
            let waiting: Vec<DeviceId> = self.phones.keys().cloned().collect();
            for device in waiting {
                self.schedule(&device, now);
            }
        }
    }

    /// How often bounds were hit.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// When [`Self::tick`] has something to do.
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// How many entries wait in the timer queue, and how many flows are open.
    pub fn waiting(&self) -> (usize, usize) {
        (self.timers.len(), self.flows.len())
    }

    /// The newest revision that was taken over as a whole.
    pub fn revision(&self) -> Option<&Revision> {
        self.taken.as_ref()
    }

    fn site_of(&self, phone: &Phone) -> Arc<Site> {
        let name = phone.goal.as_ref().map(|goal| goal.desired.site.clone()).unwrap_or_default();
        match (self.sites.get(&name), &self.wanted) {
            (Some(site), _) => Arc::clone(site),
            (None, Some(wanted)) => Arc::new(wanted.site(&name)),
            (None, None) => Arc::new(Site { name, networks: Vec::new(), reach: crate::spec::Reach::default() }),
        }
    }

    fn index(&mut self, phone: &Phone) {
        match phone.name() {
            Some(name) => {
                self.named.insert((Arc::clone(name), phone.device.clone()));
                self.undeclared.remove(&phone.device);
            }
            None => {
                self.undeclared.insert(phone.device.clone());
            }
        }
    }

    fn unindex(&mut self, phone: &Phone) {
        if let Some(name) = phone.name() {
            self.named.remove(&(Arc::clone(name), phone.device.clone()));
        }
        self.undeclared.remove(&phone.device);
    }

    fn save(&mut self, device: &DeviceId, now: Timestamp) {
        if let Some(phone) = self.phones.get_mut(device) {
            phone.saved_at = Some(now);
            phone.unsaved = false;
            self.effects.push(Effect::Save(Box::new(phone.record())));
        }
    }
}

#[cfg(test)]
mod tests;
