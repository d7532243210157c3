//! The decisions: what is said to which phone, and when. No call here waits, reads or asks the time; each is told it.
//!
//! [`Fleet`] holds all phones. Edges feed it with what happens ([`Fleet::message`], [`Fleet::take_wanted`],
//! [`Fleet::contact_done`], [`Fleet::recorded`], [`Fleet::tick`]) and carry out the [`Effect`]s it leaves behind.
//!
//! - [`settings`]: bounds and times
//! - [`words`]: every word a user may see as an identifier, [`sentences`]: what each means and what to do
//! - [`survey`]: all phones at a glance, [`view`]: one as people see it; [`tally`], [`profiles`]: how those of a layer, a site, a
//!   profile are
//! - [`explain`]: why a phone has what it has
//! - [`alert`]: what somebody should look at; [`safety`]: what decides over emergency calls
//! - [`phone`]: one phone, [`goal`]: what is in force for it, [`observed`]: what it reported, packed
//! - [`record`]: what must not be forgotten of a phone, and [`keep`], which turns one into the other
//! - [`diff`]: desired against observed; [`drift`]: what a phone went away from, [`ignore`]: what is no drift,
//!   [`tug_of_war`]: who else writes, [`sweep`]: when a phone is read without cause
//! - [`news`]: what a session brought to light, [`history`]: the changes among it
//! - [`fingerprint`]: keyed fingerprints, [`uncompared`]: what follows from them for items that never compare
//! - [`seeding`]: values for new phones, [`reset`]: factory resets, [`retry`]: what a person wants tried again
//! - [`session`]: one session, [`batch`]: its writes cut into messages, [`sending`]: one of them, [`flow`]: which message belongs to it
//! - [`may_write`]: the one gate that every write passes; [`brake`]: stopped by a person; [`doors`]: whether the clock lets it
//! - [`custody`]: to whom secrets are sent, [`crowd`]: addresses that are a proxy's
//! - [`proof`]: what counts as proven
//! - [`image`]: what items were before, [`put_back`]: values that become so again
//! - [`undo`]: what one revision changed, put back; [`leftovers`]: values that nobody wants any more; [`release`]: the end of
//!   an Abandoned phone
//! - [`plan`]: what a revision would write, [`preview`]: what documents would; [`gate`]: which of its phones wait for a person
//! - [`recovery`]: phones that are left alone after an outage; [`resume`]: a store that was put back
//! - [`ladder`]: how many phones of a site may be in [`doubt`] at once, [`climbing`]: what the fleet does with both
//! - [`restart`]: restarting phones
//! - [`call`], [`schedule`], [`turns`]: asking phones to call: how far it has come, timers and backoff, whose turn it is
//! - [`hands_off`]: phones that are left as they are: a mobile user, another server
//! - [`not_applicable`]: items that a phone does not have, [`again`]: refused ones that are tried again
//! - [`poll`]: phones that poll in place of being asked, [`wire_names`]: names that old firmware knows otherwise
//! - [`intake`], [`takeover`], [`calls`], [`show`]: what the fleet does with messages, with revisions, with time, and
//!   what it tells people; [`reported`]: what it tells the loader of documents
//! - [`paging`]: lists in pages; [`named`]: names in questions that are none
//! - [`inventory`]: all that a phone has, read for a person; [`export`]: documents out of what phones have
//! - [`unchanged`]: replies that say the same as before
//! - [`transcript`]: what a message may show to those who help
//! - [`overload`]: too many sessions at once
//! - [`service_record`]: what must not be forgotten of the service as a whole, [`service_view`]: what is told of it
//! - [`leaving`]: phones that another service is to serve, [`elsewhere`]: such as it serves already
//! - [`audit`]: what people did outside git
//! - [`each`]: the little that metrics tell of single phones
//! - [`progress`]: how far a revision is
//! - [`effect`]: what it wants done

mod again;
pub mod alert;
pub mod audit;
pub mod batch;
pub mod brake;
pub mod call;
mod calls;
mod climbing;
mod crowd;
pub mod custody;
pub mod diff;
pub mod doors;
pub mod doubt;
pub mod drift;
pub mod each;
pub mod effect;
mod elsewhere;
pub mod explain;
pub mod export;
pub mod fingerprint;
pub mod flow;
pub mod gate;
pub mod goal;
pub mod hands_off;
pub mod history;
mod ignore;
pub mod image;
mod intake;
pub mod inventory;
mod keep;
pub mod ladder;
pub mod leaving;
pub mod leftovers;
pub mod may_write;
pub mod named;
pub mod news;
pub mod not_applicable;
pub mod observed;
mod overload;
pub mod paging;
pub mod phone;
pub mod plan;
mod poll;
pub mod preview;
pub mod profiles;
pub mod progress;
mod proof;
pub mod put_back;
pub mod record;
pub mod recovery;
pub mod release;
mod reported;
pub mod reset;
pub mod restart;
pub mod resume;
pub mod retry;
pub mod safety;
pub mod schedule;
pub mod seeding;
mod sending;
pub mod sentences;
pub mod service_record;
pub mod service_view;
pub mod session;
pub mod settings;
mod show;
pub mod survey;
mod sweep;
pub mod takeover;
pub mod tally;
mod transcript;
mod tug_of_war;
pub mod turns;
pub mod unchanged;
mod uncompared;
pub mod undo;
pub mod view;
mod wire_names;
pub mod words;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};

pub use calls::ContactAnswer;
pub use effect::{Answer, Effect, SessionReport, SessionResult};
pub use restart::RestartAnswer;
pub use settings::Settings;

use crate::{
    catalogue::Catalogue,
    spec::{Revision, Site, SiteName, Wanted},
    wpi::DeviceId,
};
use alert::Standing;
use crowd::Crowds;
use fingerprint::FingerprintKey;
use flow::Flows;
use gate::Gate;
use ladder::Ladders;
use leaving::Departure;
use phone::Phone;
use record::PhoneRecord;
use recovery::Recovery;
use schedule::Timers;
use service_record::ServiceRecord;
use turns::Turns;

use tug_of_war::TugsOfWar;
use unchanged::Questions;

/// How often a bound was hit or a rule broken; read by the metrics.
#[derive(Debug, Default, Clone)]
#[non_exhaustive]
pub struct Counters {
    /// Initial messages answered by overload, because of the bound of the service.
    pub overload: u64,
    /// The same because of a site's bound.
    pub site_overload: u64,
    /// Messages of undeclared phones beyond the number that is remembered.
    pub undeclared_forgotten: u64,
    /// Replies that belong to no flow.
    pub stray_replies: u64,
    /// Messages without nonce or without `mac-addr`.
    pub incomplete_messages: u64,
    /// `contact-me-uri`s that were not used (R-1106).
    pub contact_uris_refused: u64,
    /// Messages of phones that another service serves.
    pub elsewhere: u64,
    /// Messages from outside a site's networks.
    pub wrong_site: u64,
    /// Items that drift beyond the number that is remembered of a phone.
    pub drift_forgotten: u64,
    /// Factory resets that phones showed.
    pub factory_resets: u64,
    /// Inventories beyond the number that is kept.
    pub inventories_forgotten: u64,
    /// Polls from outside a site's networks.
    pub polls_outside: u64,
}

/// All phones, and what is to be done about them.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the surroundings")]
pub struct Fleet {
    settings: Settings,
    /// Whether nothing is ever written because the settings say so.
    report_only_set: bool,
    wanted: Option<Arc<Wanted>>,
    /// The revision before that, while the newest is taken over.
    before: Option<Arc<Wanted>>,
    /// The newest revision that all its phones have been resolved for, and how many of the next one are not yet.
    taken: Option<Revision>,
    unresolved: usize,
    catalogue: Arc<Catalogue>,
    phones: HashMap<DeviceId, Box<Phone>>,
    /// Phones with a name, by name; the order of the API.
    named: BTreeSet<(Arc<str>, DeviceId)>,
    /// Phones that call in and nobody wants.
    undeclared: BTreeSet<DeviceId>,
    /// Phones of selected sites that another service keeps.
    foreign: BTreeSet<DeviceId>,
    /// The phone last heard of at an address.
    heard_at: HashMap<IpAddr, DeviceId>,
    /// All phones last heard of at an address.
    crowds: Crowds,
    standing: Standing,
    /// The last good document of each site: one that cannot be read any more does not open its networks.
    sites: HashMap<SiteName, Arc<Site>>,
    /// Whether the catalogue is the source's: with a broken overlay since the start, classes are not known.
    classes_known: bool,
    /// The key of fingerprints; without one none are kept, and what is written without being compared is assumed.
    key: Option<FingerprintKey>,
    /// What is kept of the service as a whole.
    service: ServiceRecord,
    gate: Gate,
    ladders: Ladders,
    flows: Flows,
    timers: Timers,
    turns: Turns,

    tugs: TugsOfWar,
    recovery: Recovery,
    /// Phones whose inventory is wanted or kept, the oldest first.
    inventories: VecDeque<DeviceId>,
    questions: Questions,
    tickets: u64,
    store_away: bool,
    /// Whether another process may be the active one, so that no phone is asked to call.
    calls_held: bool,
    effects: Vec<Effect>,
    counters: Counters,
    rng: StdRng,
}

impl Fleet {
    /// A fleet that knows nothing. `seed` feeds cookies and jitter: take it from the system's random source, or a fixed
    /// one in tests.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self {
            turns: Turns::new(&settings),
            report_only_set: settings.report_only,
            settings,
            wanted: None,
            before: None,
            taken: None,
            unresolved: 0,
            catalogue: Catalogue::builtin(),
            phones: HashMap::new(),
            named: BTreeSet::new(),
            undeclared: BTreeSet::new(),
            foreign: BTreeSet::new(),
            heard_at: HashMap::new(),
            crowds: Crowds::default(),
            standing: Standing::default(),
            sites: HashMap::new(),
            classes_known: false,
            key: None,
            service: ServiceRecord::default(),
            gate: Gate::default(),
            ladders: Ladders::default(),
            flows: Flows::default(),
            timers: Timers::default(),
            tugs: TugsOfWar::default(),
            recovery: Recovery::default(),
            inventories: VecDeque::new(),
            questions: Questions::default(),
            tickets: 0,
            store_away: false,
            calls_held: false,
            effects: Vec::new(),
            counters: Counters::default(),
            rng: StdRng::from_seed(seed),
        }
    }

    /// Keeps fingerprints with this key from now on; to be called before [`Self::restore`].
    pub fn set_fingerprint_key(&mut self, key: FingerprintKey) {
        self.key = Some(key);
    }

    /// Takes over what the store kept. What was in force stays so until the documents are read. When a phone was last
    /// asked to call is not kept, so each counts as asked just now. How many phones have fingerprints of
    /// another key, which are void.
    pub fn restore(&mut self, records: Vec<PhoneRecord>, now: Timestamp) -> usize {
        let mut voided = 0;
        for record in records {
            let mut phone = Phone::from_record(record);
            voided += usize::from(phone.fingerprints.void_unless(self.key.as_ref().map(FingerprintKey::id)));
            phone.calling.last_request = Some(now);
            phone.back_since = self.back_since();
            phone.apply_ignore_rules(now);
            phone.note_safety(&self.catalogue);
            phone.assess(&self.catalogue);
            self.tugs.remember(&phone);
            self.restore_doubt(&mut phone, now);
            self.index(&phone);
            let device = phone.device.clone();
            if let Some(address) = phone.facts.address {
                self.heard_at.insert(address, device.clone());
            }
            let address = phone.facts.address;
            self.phones.insert(device.clone(), Box::new(phone));
            if let Some(address) = address {
                self.moved(&device, None, address);
            }
            self.schedule(&device, now);
        }
        voided
    }

    /// Takes over what the store kept of the service as a whole; to be called before [`Self::restore`].
    pub fn restore_service(&mut self, record: ServiceRecord, now: Timestamp) {
        self.service = record;
        self.settings.report_only |= self.service.restored.is_some();
        self.note_return(now);
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
            self.schedule_all(now);
        }
    }

    /// Whether nobody is asked to call: another process may be the active one, and answers phones that call it. Phones
    /// that call here are answered and read.
    pub fn hold_calls(&mut self, held: bool, now: Timestamp) {
        if std::mem::replace(&mut self.calls_held, held) && !held {
            self.schedule_all(now);
        }
    }

    /// What kept writes from all phones is over: each that waits is put in line.
    fn schedule_all(&mut self, now: Timestamp) {
        let phones: Vec<DeviceId> = self.phones.keys().cloned().collect();
        for device in phones {
            self.schedule(&device, now);
        }
    }

    /// How often bounds were hit.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// When [`Self::tick`] has something to do.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let of_all = [self.brake_ends(), self.release_due(), self.storm_ends(), self.alive_due()];
        let turn = self.turns.next().filter(|_| !self.calls_held);
        [self.timers.next(), turn].into_iter().chain(of_all).flatten().min()
    }

    /// How many entries wait in the timer queue or in a line, and how many flows are open.
    pub fn waiting(&self) -> (usize, usize) {
        (self.timers.len() + self.turns.len(), self.flows.len())
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
            (None, None) => Arc::new(Site::named(name)),
        }
    }

    fn index(&mut self, phone: &Phone) {
        if !phone.stays() {
            return;
        }
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

    /// The phones that have a name, in the order of their names.
    fn by_name(&self) -> impl Iterator<Item = &Phone> {
        self.named.iter().filter_map(|(_, device)| self.phones.get(device).map(Box::as_ref))
    }

    /// Has what is kept of the service as a whole stored.
    fn save_service(&mut self) {
        self.effects.push(Effect::SaveService(Box::new(self.service.clone())));
    }

    fn save(&mut self, device: &DeviceId, now: Timestamp) {
        if let Some(phone) = self.phones.get_mut(device).filter(|phone| phone.departure != Departure::Now) {
            phone.saved_at = Some(now);
            phone.unsaved = false;
            self.effects.push(Effect::Save(Box::new(phone.record())));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
