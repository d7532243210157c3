//! A world in simulated time for the decisions: many phones of a few lines, each with power, a user and calls, and a queue
//! of what happens next. No socket and no clock; every step follows from the seed.
//!
//! The world asserts what holds at any moment: nothing is written to a phone in Report, outside its window, with a value
//! that nobody wants or that the phone has already; contact-me to one phone comes alone and never too often (promise 4);
//! every session ends with CleanUp, and no wish to be called is sent to a phone for which nothing waits.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use phoneops::{
    fleet::{
        Answer, Effect, Fleet, SessionResult, Settings, flow::From, recovery::RecoverySettings, settings::GateSettings,
        view::PhoneView,
    },
    spec::{self, Revision, SecretReader, SecretRef, Snapshot},
    wpi::{
        Action, DeviceId, Item, ItemId, ItemName, ItemStatus, PhoneMessage, Reason, ReplyStatus, Secret, ServerMessage,
        phone_message::{Fragment, Nonce},
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Least time between two contact-me requests to one phone (promise 4).
const SPACING: Duration = Duration::from_mins(1);
/// Contact-me within this time after a call made for one is swallowed.
const GAP: Duration = Duration::from_mins(5);

/// What happens in the world.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// New documents: file name and text each.
    Push(Vec<(String, String)>),
    /// A phone gets power and registers.
    PowerOn(usize),
    /// A phone loses power.
    PowerOff(usize),
    CallStart(usize),
    CallEnd(usize),
    /// A user sets an item.
    LocalChange(usize, &'static str, String),
    /// A phone begins a session; dropped when it has lost power since (`life`).
    Begin(usize, u32, Reason),
    /// A phone answers what it was told last.
    Speak(usize, u32, Box<PhoneMessage>),
    /// A contact-me request arrives.
    Contact(usize, u64),
    /// The result of a contact-me request.
    Contacted(usize, u64, bool),
}

/// A phone and its user.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a phone has as many switches")]
pub(crate) struct Handset {
    pub(crate) device: DeviceId,
    pub(crate) model: &'static str,
    pub(crate) firmware: &'static str,
    pub(crate) peer: IpAddr,
    pub(crate) values: BTreeMap<ItemId, String>,
    /// Items that it refuses to take, and such as it does not know.
    pub(crate) refuses: Option<ItemId>,
    pub(crate) lacks: Option<ItemId>,
    pub(crate) powered: bool,
    pub(crate) in_call: bool,
    wish: bool,
    cookie: Option<String>,
    in_flow: bool,
    life: u32,
    changed: Vec<ItemId>,
    nonces: u32,
    called_for_contact: Option<Timestamp>,
    asked: Option<Timestamp>,
    asking: bool,
    /// Values that were written to it.
    pub(crate) writes: u32,
    /// When it refused a write because of a call.
    pub(crate) busy: Vec<Timestamp>,
}

struct NoSecrets;

impl SecretReader for NoSecrets {
    fn read(&self, reference: &SecretRef, _: &spec::Desired) -> Result<Secret, String> {
        Err(format!("{reference}: there are no secrets here"))
    }
}

/// What may be written to a phone at a moment; told by whoever made the documents.
pub(crate) trait Law {
    /// Whether a write may reach this phone now.
    fn may_write(&self, phone: usize, now: Timestamp) -> bool;
    /// Whether this item of a phone is left as it is while it differs.
    fn leaves_alone(&self, phone: usize, item: &ItemId, now: Timestamp) -> bool;
    /// What this phone is to have, by the newest documents.
    fn wanted(&self, phone: usize, item: &ItemId) -> Option<String>;
    /// New documents are the newest from now on.
    fn pushed(&mut self);
}

/// Everything.
pub(crate) struct World<L> {
    pub(crate) fleet: Fleet,
    pub(crate) law: L,
    pub(crate) now: Timestamp,
    pub(crate) phones: Vec<Handset>,
    pub(crate) rng: StdRng,
    by_device: HashMap<DeviceId, usize>,
    queue: BTreeMap<(Timestamp, u64), Event>,
    events: u64,
    revisions: u32,
    pub(crate) sessions: u64,
    /// What is told of each phone, where somebody listens: history, and lines of the log.
    pub(crate) told: Option<Vec<(usize, String)>>,
    /// The newest row of each phone in the store.
    pub(crate) rows: HashMap<usize, String>,
}

pub(crate) fn item(name: &str) -> ItemId {
    ItemId::new(ItemName::new(name).unwrap(), None)
}

pub(crate) fn after(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(SignedDuration::try_from(duration).unwrap()).unwrap()
}

pub(crate) fn mac(phone: usize) -> String {
    format!("00:1A:E8:00:{:02X}:{:02X}", phone / 256, phone % 256)
}

impl Handset {
    pub(crate) fn new(phone: usize, model: &'static str, firmware: &'static str) -> Self {
        let address = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + u32::try_from(phone).unwrap();
        Self {
            device: DeviceId::new(&mac(phone)).unwrap(),
            model,
            firmware,
            peer: IpAddr::V4(Ipv4Addr::from(address)),
            values: BTreeMap::new(),
            refuses: None,
            lacks: None,
            powered: false,
            in_call: false,
            wish: false,
            cookie: None,
            in_flow: false,
            life: 0,
            changed: Vec::new(),
            nonces: 0,
            called_for_contact: None,
            asked: None,
            asking: false,
            writes: 0,
            busy: Vec::new(),
        }
    }

    pub(crate) fn value(&self, id: &ItemId) -> &str {
        self.values.get(id).map_or("", String::as_str)
    }

    fn message(&mut self, reason: Reason, items: Vec<Item>) -> PhoneMessage {
        self.nonces += 1;
        let nonce = Some(Nonce(format!("{:032X}", self.nonces).into()));
        PhoneMessage { nonce, max_items: None, fragment: Fragment::Final, reason, items }
    }

    fn initial(&mut self, reason: Reason) -> PhoneMessage {
        let mut items: Vec<Item> = [
            ("device-type", self.model.to_owned()),
            ("software-version", self.firmware.to_owned()),
            ("contact-me-uri", format!("http://{}:8085/contact_dls.html/ContactDLS", self.peer)),
            ("mac-addr", self.device.to_string()),
            ("e164", "4930123456".to_owned()),
        ]
        .into_iter()
        .map(|(name, text)| Item::plain(item(name), text))
        .collect();
        if reason == Reason::LocalChanges {
            // V2R1 and older do not attach what changed
            if !self.firmware.starts_with("V2") {
                items.push(Item::plain(item("configuration-attached-flag"), "true"));
                items.extend(self.changed.iter().map(|id| Item::plain(id.clone(), self.value(id))));
            }
            self.changed.clear();
        }
        self.message(reason, items)
    }

    fn read(&self, id: &ItemId) -> Item {
        let status = (self.lacks.as_ref() == Some(id)).then_some(ItemStatus::UnknownItem);
        Item { status, ..Item::plain(id.clone(), self.value(id)) }
    }

    fn reply(&mut self, action: Action, status: ReplyStatus, items: Vec<Item>) -> PhoneMessage {
        self.message(Reason::ReplyTo { action: action.as_str().into(), status }, items)
    }

    fn obey(&mut self, told: &ServerMessage) -> PhoneMessage {
        match told.action {
            Action::ReadItems => {
                let items = told.items.iter().map(|wanted| self.read(&wanted.id)).collect();
                self.reply(told.action, ReplyStatus::Accepted, items)
            }
            Action::WriteItems if self.in_call => self.reply(told.action, ReplyStatus::Busy, Vec::new()),
            Action::WriteItems => {
                let mut bad = Vec::new();
                for written in &told.items {
                    if self.refuses.as_ref() == Some(&written.id) {
                        let status = Some(ItemStatus::InvalidData);
                        bad.push(Item { status, ..Item::plain(written.id.clone(), "") });
                    } else {
                        self.values.insert(written.id.clone(), written.text.as_plain().unwrap().to_owned());
                        self.writes += 1;
                    }
                }
                self.reply(told.action, ReplyStatus::Accepted, bad)
            }
            other => panic!("{}: was told {other}", self.device),
        }
    }
}

impl<L: Law> World<L> {
    pub(crate) fn new(law: L, phones: Vec<Handset>, start: Timestamp, seed: u64) -> Self {
        let by_device = phones.iter().enumerate().map(|(number, phone)| (phone.device.clone(), number)).collect();
        let mut rng = StdRng::seed_from_u64(seed);
        let fleet = Fleet::new(
            Settings { gate: GateSettings::OFF, recovery: RecoverySettings::OFF, ..Settings::default() },
            rng.random(),
        );
        let queue = BTreeMap::new();
        Self {
            fleet,
            law,
            now: start,
            phones,
            rng,
            by_device,
            queue,
            events: 0,
            revisions: 0,
            sessions: 0,
            told: None,
            rows: HashMap::new(),
        }
    }

    pub(crate) fn at(&mut self, time: Timestamp, event: Event) {
        self.events += 1;
        self.queue.insert((time, self.events), event);
    }

    fn soon(&mut self, millis: std::ops::Range<u64>, event: Event) {
        let delay = Duration::from_millis(self.rng.random_range(millis));
        self.at(after(self.now, delay), event);
    }

    pub(crate) fn view(&self, phone: usize) -> PhoneView {
        self.fleet.phone(&mac(phone), self.now).unwrap()
    }

    /// Lets everything happen until `end`.
    pub(crate) fn run_until(&mut self, end: Timestamp) {
        loop {
            let event = self.queue.first_key_value().map(|((time, _), _)| *time);
            let tick = self.fleet.next_tick();
            let Some(next) = event.into_iter().chain(tick).min().filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            if tick.is_some_and(|tick| tick <= self.now) {
                self.fleet.tick(self.now);
            } else if let Some((_, event)) = self.queue.pop_first() {
                self.happen(event);
            }
            self.carry_out();
        }
        self.now = end;
    }

    fn carry_out(&mut self) {
        for effect in self.fleet.take_effects() {
            self.listen(&effect);
            if let Effect::Contact { device, ticket, .. } = effect {
                let phone = self.by_device[&device];
                let handset = &mut self.phones[phone];
                assert!(!handset.asking, "{device}: two contact-me at once");
                let early = handset.asked.filter(|asked| after(*asked, SPACING) > self.now);
                assert_eq!(early, None, "{device}: contact-me at {} comes too soon", self.now);
                (handset.asked, handset.asking) = (Some(self.now), true);
                self.soon(5..80, Event::Contact(phone, ticket));
            }
        }
    }

    fn listen(&mut self, effect: &Effect) {
        let Some(told) = &mut self.told else { return };
        match effect {
            Effect::Save(record) => {
                self.rows.insert(self.by_device[&record.device], serde_json::to_string(record).unwrap());
            }
            Effect::History(changes) => {
                told.extend(changes.iter().map(|change| (self.by_device[&change.device], format!("{change:?}"))));
            }
            // what the service logs above debug, with the time of the line
            Effect::Report(report)
                if !matches!(
                    report.result,
                    SessionResult::Waits
                        | SessionResult::InSync
                        | SessionResult::Nothing
                        | SessionResult::Superseded
                        | SessionResult::Overload
                        | SessionResult::Undeclared
                ) =>
            {
                told.push((self.by_device[&report.device], format!("{} {report:?}", self.now)));
            }
            _ => {}
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Push(files) => self.push(&files),
            Event::PowerOn(phone) => self.power(phone, true),
            Event::PowerOff(phone) => self.power(phone, false),
            Event::CallStart(phone) => self.phones[phone].in_call = self.phones[phone].powered,
            Event::CallEnd(phone) => self.end_call(phone),
            Event::LocalChange(phone, name, text) => self.local_change(phone, name, text),
            Event::Begin(phone, life, reason) => self.begin(phone, life, reason),
            Event::Speak(phone, life, message) => self.speak(phone, life, *message),
            Event::Contact(phone, ticket) => self.contact(phone, ticket),
            Event::Contacted(phone, ticket, answered) => {
                self.phones[phone].asking = false;
                let device = self.phones[phone].device.clone();
                self.fleet.contact_done(&device, ticket, answered, self.now);
            }
        }
    }

    fn push(&mut self, files: &[(String, String)]) {
        self.revisions += 1;
        let revision = Revision::new(&format!("r{}", self.revisions));
        let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let wanted = spec::load(&Snapshot::of_texts(revision, texts), &NoSecrets);
        assert_eq!(wanted.problems().iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
        self.law.pushed();
        self.fleet.take_wanted(&std::sync::Arc::new(wanted), self.now);
    }

    fn power(&mut self, phone: usize, on: bool) {
        let handset = &mut self.phones[phone];
        handset.life += 1;
        (handset.powered, handset.in_call, handset.wish, handset.in_flow) = (on, false, false, false);
        let life = handset.life;
        if on {
            self.soon(0..2_000, Event::Begin(phone, life, Reason::StartUp));
        }
    }

    fn end_call(&mut self, phone: usize) {
        let handset = &mut self.phones[phone];
        handset.in_call = false;
        if std::mem::take(&mut handset.wish) {
            let life = handset.life;
            self.soon(100..2_000, Event::Begin(phone, life, Reason::Solicited));
        }
    }

    fn local_change(&mut self, phone: usize, name: &'static str, text: String) {
        let handset = &mut self.phones[phone];
        if !handset.powered {
            return;
        }
        handset.values.insert(item(name), text);
        handset.changed.push(item(name));
        let life = handset.life;
        self.soon(4_000..6_000, Event::Begin(phone, life, Reason::LocalChanges));
    }

    fn begin(&mut self, phone: usize, life: u32, reason: Reason) {
        let handset = &mut self.phones[phone];
        if handset.life != life {
            return;
        }
        if handset.in_flow {
            self.soon(1_000..3_000, Event::Begin(phone, life, reason));
            return;
        }
        handset.in_flow = true;
        self.sessions += 1;
        let message = handset.initial(reason);
        self.speak(phone, life, message);
    }

    fn contact(&mut self, phone: usize, ticket: u64) {
        let handset = &mut self.phones[phone];
        if !handset.powered {
            self.soon(9_000..10_000, Event::Contacted(phone, ticket, false));
            return;
        }
        let swallowed = handset.called_for_contact.is_some_and(|called| after(called, GAP) > self.now);
        if !swallowed && !handset.in_flow {
            handset.called_for_contact = Some(self.now);
            let life = handset.life;
            self.soon(200..3_000, Event::Begin(phone, life, Reason::Solicited));
        }
        self.soon(5..80, Event::Contacted(phone, ticket, true));
    }

    /// One message of a phone, and what it does with the answer.
    fn speak(&mut self, phone: usize, life: u32, message: PhoneMessage) {
        let handset = &self.phones[phone];
        if handset.life != life {
            return;
        }
        let nonce = message.nonce.clone().unwrap();
        let from = From { cookie: handset.cookie.as_deref(), peer: SocketAddr::new(handset.peer, 5000), connection: 0 };
        let mut answer = self.fleet.message(message, &from, self.now);
        if let Answer::Record { ticket, .. } = answer {
            answer = self.fleet.recorded(ticket, true, &nonce, self.now);
        }
        let Answer::Send { message: told, set_cookie, .. } = answer else { panic!("asked twice for one record") };
        if told.action == Action::WriteItems {
            self.judge_write(phone, &told);
        }
        let handset = &mut self.phones[phone];
        handset.cookie = set_cookie.or(handset.cookie.take());
        if told.action == Action::CleanUp {
            handset.in_flow = false;
            let wish = told.items.iter().any(|item| item.id.name.as_str() == "send-solicited");
            assert!(!wish || handset.in_call, "{}: R-714: an idle phone was told to call again", handset.device);
            handset.wish |= wish;
            return;
        }
        if handset.in_call && told.action == Action::WriteItems {
            handset.busy.push(self.now);
        }
        let reply = handset.obey(&told);
        self.soon(50..1_500, Event::Speak(phone, life, Box::new(reply)));
    }

    fn judge_write(&self, phone: usize, told: &ServerMessage) {
        let handset = &self.phones[phone];
        let device = &handset.device;
        assert!(self.law.may_write(phone, self.now), "{device}: written to at {}, which nobody allowed", self.now);
        for written in &told.items {
            let text = written.text.as_plain().unwrap();
            let alone = self.law.leaves_alone(phone, &written.id, self.now);
            assert!(!alone, "{device}: {} is to be left alone at {}", written.id, self.now);
            let wanted = self.law.wanted(phone, &written.id);
            assert_eq!(wanted.as_deref(), Some(text), "{device}: {} is to have what is wanted", written.id);
            assert_ne!(handset.value(&written.id), text, "{device}: {} has it already", written.id);
        }
    }
}
