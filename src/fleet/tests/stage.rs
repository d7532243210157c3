//! A fleet, its documents, and phones of a few lines that answer it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::{
    fleet::{
        self, Answer, Effect, Fleet, Settings, fingerprint::FingerprintKey, flow::From, history::Change,
        record::PhoneRecord, recovery::RecoverySettings, schedule::after, service_record::ServiceRecord,
        settings::GateSettings, takeover::Resolved, view::PhoneView, words::PendingReason,
    },
    spec::{self, Revision, SecretReader, SecretRef, Snapshot, Wanted},
    wpi::{
        Action, DeviceId, Index, Item, ItemId, ItemName, ItemStatus, PhoneMessage, Reason, ReplyStatus, Secret,
        ServerMessage,
        phone_message::{Fragment, Nonce},
    },
};

pub(super) const MAC: &str = "00:1A:E8:11:22:33";

/// A profile of one site in Enforce with three plain items, and one phone of it.
pub(super) const ENFORCED: &str = r#"
apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: site-berlin}
spec:
  policy: {mode: Enforce}
  items: {sntp-addr: 192.0.2.123, sntp-tz-offset: 60, daylight-save: true}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {name: reception}
spec:
  phone: {mac: "00:1A:E8:11:22:33"}
  profiles: [site-berlin]
"#;

/// Secrets whose content is their reference up to an `@`, and which rotation this is. The first content of one named
/// `odd` holds what old firmware cannot read.
struct Secrets(u32);

impl SecretReader for Secrets {
    fn read(&self, reference: &SecretRef, _: &spec::Desired) -> Result<Secret, String> {
        let reference = reference.to_string();
        let name = reference.split(['@', '}']).next().unwrap_or_default();
        let odd = if name.ends_with("odd") && self.0 == 0 { "&" } else { "" };
        Ok(Secret::new(format!("planted {name} {}{odd}", self.0)))
    }
}

pub(super) struct Stage {
    pub(super) fleet: Fleet,
    pub(super) now: Timestamp,
    pub(super) saved: BTreeMap<DeviceId, PhoneRecord>,
    /// Records that were let go.
    pub(super) handed_over: Vec<PhoneRecord>,
    pub(super) contacts: Vec<(DeviceId, u64, Timestamp)>,
    pub(super) history: Vec<Change>,
    /// What is kept of the service as a whole.
    pub(super) service: ServiceRecord,
    /// Which rotation of all secrets the next revision finds.
    pub(super) secrets: u32,
    revisions: u32,
    gate: GateSettings,
    recovery: RecoverySettings,
}

impl Stage {
    /// A fleet without a gate, and without an eye for storms: what is pushed is in force.
    pub(super) fn empty(settings: Settings) -> Self {
        Self::gated(Settings { gate: GateSettings::OFF, recovery: RecoverySettings::OFF, ..settings })
    }

    /// A fleet with the gate of these settings.
    pub(super) fn gated(settings: Settings) -> Self {
        Self::with_key(settings, 9)
    }

    fn with_key(settings: Settings, key: u8) -> Self {
        let (gate, recovery) = (settings.gate, settings.recovery);
        let now = "2026-03-01T08:00:00Z".parse().unwrap();
        let mut fleet = Fleet::new(settings, [7; 32]);
        fleet.set_fingerprint_key(FingerprintKey::new(&[key; 32]));
        Self {
            fleet,
            now,
            saved: BTreeMap::new(),
            handed_over: Vec::new(),
            contacts: Vec::new(),
            history: Vec::new(),
            service: ServiceRecord::default(),
            secrets: 0,
            revisions: 0,
            gate,
            recovery,
        }
    }

    /// A fleet that has taken over these documents as its first revision.
    pub(super) fn with(yaml: &str) -> Self {
        let mut stage = Self::empty(Settings::default());
        stage.push(yaml);
        stage
    }

    pub(super) fn push(&mut self, yaml: &str) {
        self.push_files(&[("fleet.yaml", yaml)]);
    }

    pub(super) fn push_files(&mut self, files: &[(&str, &str)]) {
        let wanted = self.load(files);
        self.fleet.take_wanted(&wanted, self.now);
        self.carry_out();
    }

    /// The last revision once more, as it reads now.
    pub(super) fn push_again(&mut self, yaml: &str) {
        self.revisions -= 1;
        self.push(yaml);
    }

    /// From now on there is this gate.
    pub(super) fn gate_from_now_on(&mut self, gate: GateSettings) {
        self.gate = gate;
        self.fleet.settings.gate = gate;
    }

    /// Announces a revision: its phones, which are to be applied.
    pub(super) fn announce(&mut self, wanted: &Arc<Wanted>) -> Vec<Resolved> {
        let mut takeover = self.fleet.consider(wanted, self.now);
        let resolved = takeover.resolve_some(usize::MAX);
        self.fleet.plan(&mut takeover, resolved);
        self.fleet.announce(takeover, self.now)
    }

    /// The next revision, which nobody has taken over.
    pub(super) fn load(&mut self, files: &[(&str, &str)]) -> Arc<Wanted> {
        self.revisions += 1;
        let revision = Revision::new(&format!("r{}", self.revisions));
        let snapshot = Snapshot::of_texts(revision, files.iter().copied());
        Arc::new(spec::load_knowing(&snapshot, &Secrets(self.secrets), &self.fleet.known()))
    }

    /// A fleet of another process, with what this one had stored.
    pub(super) fn restarted(&self, yaml: &str) -> Self {
        self.restarted_with_key(yaml, 9)
    }

    /// The same with another key of fingerprints.
    pub(super) fn restarted_with_key(&self, yaml: &str, key: u8) -> Self {
        let mut stage =
            Self::with_key(Settings { gate: self.gate, recovery: self.recovery, ..Settings::default() }, key);
        stage.secrets = self.secrets;
        stage.now = self.now;
        stage.saved = self.saved.clone();
        stage.revisions = self.revisions - 1;
        stage.service = self.service.clone();
        stage.fleet.restore_service(self.service.clone(), self.now);
        stage.fleet.restore(self.saved.values().cloned().collect(), self.now);
        stage.push(yaml);
        stage
    }

    /// Does to a phone what a person may do to it, and decides what follows.
    pub(super) fn with_phone(&mut self, mac: &str, act: impl FnOnce(&mut fleet::phone::Phone)) {
        let device = DeviceId::new(mac).unwrap();
        let phone = self.fleet.phones.get_mut(&device).expect("a known phone");
        act(phone);
        phone.assess(&self.fleet.catalogue);
        self.fleet.schedule(&device, self.now);
        self.carry_out();
    }

    pub(super) fn carry_out(&mut self) {
        for effect in self.fleet.take_effects() {
            match effect {
                Effect::SaveService(record) => self.service = *record,
                Effect::Save(record) => drop(self.saved.insert(record.device.clone(), *record)),
                Effect::Contact { device, ticket, .. } => self.contacts.push((device, ticket, self.now)),
                Effect::HandOver(record) => self.handed_over.push(*record),
                Effect::Forget(device) => drop(self.saved.remove(&device)),
                Effect::History(changes) => self.history.extend(changes),
                Effect::Report(_) => {}
            }
        }
    }

    /// Lets time pass, doing what falls due at its time.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = after(self.now, time);
        while let Some(next) = self.fleet.next_tick().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.fleet.tick(self.now);
            self.carry_out();
        }
        self.now = end;
        self.fleet.tick(end);
        self.carry_out();
    }

    /// The last contact-me request, taken off the list.
    pub(super) fn contact(&mut self) -> (DeviceId, u64) {
        let (device, ticket, _) = self.contacts.pop().expect("a contact-me request");
        (device, ticket)
    }

    /// Why the one phone is pending, and its next attempt.
    pub(super) fn pending(&self) -> (PendingReason, Option<Timestamp>) {
        let view = self.view(MAC);
        let pending = view.pending.unwrap_or_else(|| panic!("{:?}", view.state));
        (pending.reason, pending.next)
    }

    pub(super) fn view(&self, id: &str) -> PhoneView {
        self.fleet.phone(id, self.now).expect("a known phone")
    }

    /// Hands in one message and carries out what it causes; records are stored.
    pub(super) fn say(&mut self, phone: &Phone, message: PhoneMessage) -> Reply {
        self.say_storing(phone, message, true)
    }

    pub(super) fn say_storing(&mut self, phone: &Phone, message: PhoneMessage, stored: bool) -> Reply {
        let nonce = message.nonce.clone().unwrap_or(Nonce("".into()));
        let from = From { cookie: phone.cookie.as_deref(), peer: phone.peer, connection: phone.connection };
        let mut answer = self.fleet.message(message, &from, self.now);
        self.carry_out();
        let mut recorded = None;
        if let Answer::Record { ticket, record } = answer {
            if stored {
                self.saved.insert(record.device.clone(), (*record).clone());
            }
            recorded = Some(*record);
            answer = self.fleet.recorded(ticket, stored, &nonce, self.now);
            self.carry_out();
        }
        let Answer::Send { message, set_cookie, .. } = answer else { panic!("asked twice for one record") };
        assert_eq!(message.nonce, nonce, "R-603: the nonce of the request that is answered");
        Reply { message, set_cookie, recorded }
    }
}

pub(super) struct Reply {
    pub(super) message: ServerMessage,
    pub(super) set_cookie: Option<String>,
    pub(super) recorded: Option<PhoneRecord>,
}

/// What a phone was sent in one session.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    pub(super) messages: Vec<ServerMessage>,
}

impl Transcript {
    pub(super) fn actions(&self) -> Vec<Action> {
        self.messages.iter().map(|message| message.action).collect()
    }

    /// The names of the items of each WriteItems.
    pub(super) fn writes(&self) -> Vec<Vec<String>> {
        let writes = self.messages.iter().filter(|message| message.action == Action::WriteItems);
        writes.map(|message| message.items.iter().map(|item| item.id.to_string()).collect()).collect()
    }

    pub(super) fn wish(&self) -> bool {
        let end = self.messages.last().expect("an answer");
        assert_eq!(end.action, Action::CleanUp, "R-615");
        end.items.iter().any(|item| item.id.name.as_str() == "send-solicited" && item.text.as_plain() == Some("true"))
    }
}

pub(super) struct Phone {
    pub(super) mac: String,
    pub(super) model: String,
    pub(super) firmware: String,
    pub(super) number: String,
    pub(super) peer: SocketAddr,
    pub(super) connection: u64,
    pub(super) cookie: Option<String>,
    pub(super) values: BTreeMap<ItemId, String>,
    pub(super) refuses: BTreeMap<ItemId, ItemStatus>,
    pub(super) unknown: BTreeSet<ItemId>,
    pub(super) in_call: bool,
    pub(super) nonces: u32,
    /// Solicited sessions.
    pub(super) called: u32,
}

pub(super) fn id(name: &str) -> ItemId {
    match name.split_once('[') {
        None => ItemId::new(ItemName::new(name).unwrap(), None),
        Some((name, index)) => {
            let index = index.trim_end_matches(']').parse().unwrap();
            ItemId::new(ItemName::new(name).unwrap(), Some(Index(index)))
        }
    }
}

impl Phone {
    pub(super) fn new(mac: &str) -> Self {
        Self {
            mac: mac.to_owned(),
            model: "OpenStage 40".to_owned(),
            firmware: "V3 R5.12.0".to_owned(),
            number: "4930123456".to_owned(),
            peer: "127.0.0.9:5000".parse().unwrap(),
            connection: 1,
            cookie: None,
            values: [("sntp-addr", "192.0.2.1"), ("sntp-tz-offset", ""), ("daylight-save", "")]
                .map(|(name, text)| (id(name), text.to_owned()))
                .into(),
            refuses: BTreeMap::new(),
            unknown: BTreeSet::new(),
            in_call: false,
            nonces: 0,
            called: 0,
        }
    }

    pub(super) fn message(&mut self, reason: Reason, items: Vec<Item>) -> PhoneMessage {
        self.nonces += 1;
        let nonce = Some(Nonce(SmolStr::new(format!("{:032X}", self.nonces))));
        PhoneMessage { nonce, max_items: None, fragment: Fragment::Final, reason, items }
    }

    pub(super) fn initial(&mut self, reason: Reason, more: Vec<Item>) -> PhoneMessage {
        let uri = format!("http://{}:8085/contact_dls.html/ContactDLS", self.peer.ip());
        let mut items: Vec<Item> = [
            ("device-type", self.model.clone()),
            ("software-version", self.firmware.clone()),
            ("contact-me-uri", uri),
            ("mac-addr", self.mac.clone()),
            ("e164", self.number.clone()),
        ]
        .into_iter()
        .map(|(name, value)| Item::plain(id(name), value))
        .collect();
        items.extend(more);
        self.message(reason, items)
    }

    pub(super) fn reply(&mut self, action: Action, status: ReplyStatus, items: Vec<Item>) -> PhoneMessage {
        self.message(Reason::ReplyTo { action: action.as_str().into(), status }, items)
    }

    /// Does what it is told, as a phone does.
    pub(super) fn obey(&mut self, message: &ServerMessage) -> PhoneMessage {
        match message.action {
            Action::ReadItems => {
                let items = message.items.iter().map(|item| self.read(&item.id)).collect();
                self.reply(Action::ReadItems, ReplyStatus::Accepted, items)
            }
            Action::ReadAllItems => {
                let items = self.values.iter().map(|(id, value)| Item::plain(id.clone(), value.as_str())).collect();
                self.reply(Action::ReadAllItems, ReplyStatus::Accepted, items)
            }
            Action::WriteItems if self.in_call => self.reply(Action::WriteItems, ReplyStatus::Busy, Vec::new()),
            Action::WriteItems => {
                let mut bad = Vec::new();
                for item in &message.items {
                    match self.refuses.get(&item.id) {
                        Some(status) => {
                            bad.push(Item { status: Some(status.clone()), ..Item::plain(item.id.clone(), "") });
                        }
                        None => drop(self.values.insert(item.id.clone(), item.text.shown().to_owned())),
                    }
                }
                self.reply(Action::WriteItems, ReplyStatus::Accepted, bad)
            }
            other => panic!("this phone was told {other}"),
        }
    }

    fn read(&self, id: &ItemId) -> Item {
        if self.unknown.contains(id) {
            return Item { status: Some(ItemStatus::UnknownItem), ..Item::plain(id.clone(), "") };
        }
        Item::plain(id.clone(), self.values.get(id).map_or("", String::as_str))
    }

    /// Begins a session by a start-up and answers its read: what it is told then.
    pub(super) fn up_to_the_write(&mut self, stage: &mut Stage) -> Reply {
        let first = self.initial(Reason::StartUp, Vec::new());
        let read = stage.say(self, first);
        self.cookie = read.set_cookie;
        let reply = self.obey(&read.message);
        stage.say(self, reply)
    }

    /// Hands in one message and keeps the cookie of its answer.
    pub(super) fn say(&mut self, stage: &mut Stage, message: PhoneMessage) -> Reply {
        let mut reply = stage.say(self, message);
        if let Some(cookie) = reply.set_cookie.take() {
            self.cookie = Some(cookie);
        }
        reply
    }

    /// It is asked, says yes and calls.
    pub(super) fn asked_and_called(&mut self, stage: &mut Stage) -> Transcript {
        let (device, ticket) = stage.contact();
        stage.fleet.contact_done(&device, ticket, true, stage.now);
        self.session(stage, Reason::Solicited)
    }

    /// One whole session, to its CleanUp.
    pub(super) fn session(&mut self, stage: &mut Stage, reason: Reason) -> Transcript {
        self.called += u32::from(reason == Reason::Solicited);
        let first = self.initial(reason, Vec::new());
        self.session_from(stage, first)
    }

    pub(super) fn session_from(&mut self, stage: &mut Stage, first: PhoneMessage) -> Transcript {
        let mut transcript = Transcript::default();
        let mut message = first;
        for _ in 0..200 {
            let reply = stage.say(self, message);
            if reply.set_cookie.is_some() {
                self.cookie = reply.set_cookie;
            }
            let end = matches!(reply.message.action, Action::CleanUp | Action::Restart);
            transcript.messages.push(reply.message);
            if end {
                return transcript;
            }
            stage.now = after(stage.now, Duration::from_millis(50));
            message = self.obey(transcript.messages.last().expect("an answer"));
        }
        panic!("the session has no end: {:?}", transcript.actions());
    }
}
