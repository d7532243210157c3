//! What a simulated phone does with an action of its server: pure, without sockets and clock (R-605 to R-613, R-1505).

use std::collections::VecDeque;

use smol_str::SmolStr;

use super::{
    basic::{self, plain_id},
    deployment::{self, FileReport},
    fault::Fault,
    faults::Faults,
    fragments,
    memory::Memory,
    model::{Facts, Model},
};
use crate::wpi::{
    Action, Item, ItemId, ItemStatus, ItemText, Reason, ReplyStatus, Secret, ServerMessage, phone_message::Fragment,
};

/// A message to be sent, without its nonce.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) reason: Reason,
    pub(super) items: Vec<Item>,
    pub(super) fragment: Fragment,
}

/// What follows from an action.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// A reply.
    Send(Draft),
    /// The flow is over; whether the phone was asked to call again.
    Done { wished: bool },
    /// The phone restarts.
    Reboot,
    /// Files are being fetched; they are reported in a flow of their own.
    Files(Vec<FileReport>),
}

/// The phone itself.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) facts: &'static Facts,
    pub(super) memory: Memory,
    pub(super) in_call: bool,
    /// Asked to call when the next call ends or at once; in memory only.
    pub(super) wish: bool,
    /// Local changes that no server has been told of.
    pub(super) modified: Vec<ItemId>,
    /// Items saved by the last action.
    pub(super) saved: Vec<ItemId>,
    fragment_items: Option<usize>,
    parts: VecDeque<Vec<Item>>,
    parts_of: Action,
    own: Vec<(&'static str, SmolStr)>,
}

impl Device {
    /// A factory-fresh phone that says of itself what `id` and `contact_uri` say.
    pub(super) fn new(model: Model, id: &str, contact_uri: &str, fragment_items: Option<usize>) -> Self {
        let facts = model.facts();
        let own = vec![
            ("device-type", SmolStr::new_static(facts.device_type)),
            ("related-device-type", SmolStr::new_static(facts.device_type)),
            ("software-type", SmolStr::new_static("Siemens SIP")),
            ("related-software-type", SmolStr::new_static("Siemens SIP")),
            ("software-version", SmolStr::new_static(facts.software_version)),
            ("related-software-version", SmolStr::new_static(facts.software_version)),
            ("part-number", SmolStr::new_static(facts.part_number)),
            ("mac-addr", SmolStr::new(id)),
            ("contact-me-uri", SmolStr::new(contact_uri)),
        ];
        let mut device = Self {
            facts,
            memory: Memory::new(model),
            in_call: false,
            wish: false,
            modified: Vec::new(),
            saved: Vec::new(),
            fragment_items,
            parts: VecDeque::new(),
            parts_of: Action::ReadAllItems,
            own,
        };
        device.remember_itself();
        device
    }

    /// The first message of a flow; `changes` are attached where the firmware does that.
    pub(super) fn open(&mut self, reason: Reason, files: &[FileReport], faults: &Faults) -> Draft {
        self.parts.clear();
        if faults.has(&Fault::SecureOnDefaultPort) {
            self.put("dls-mode-secure", "1");
        }
        let local = matches!(reason, Reason::LocalChanges) && self.facts.attaches_changes;
        let attached: Vec<Item> = if local {
            let told = self.modified.iter().filter(|id| !self.memory.is_secret(id));
            told.map(|id| self.memory.read(id)).collect()
        } else {
            Vec::new()
        };
        let number = local.then_some(attached.len());
        let mut items = basic::opening(self.facts, &reason, &self.memory, number, faults);
        items.extend(attached);
        items.extend(deployment::status_items(files));
        Draft { reason, items, fragment: Fragment::Final }
    }

    /// Sets the flag that every initial message carries.
    pub(super) fn mark_changed(&mut self, changed: bool) {
        self.put("configuration-changed-flag", if changed { "true" } else { "false" });
    }

    /// The phone takes contact-me somewhere else from now on.
    pub(super) fn answers_at(&mut self, contact_uri: &str) {
        for (_, text) in self.own.iter_mut().filter(|(name, _)| *name == "contact-me-uri") {
            *text = SmolStr::new(contact_uri);
        }
        self.put("contact-me-uri", contact_uri);
    }

    /// Forgets all but what DHCP sets (R-1508).
    pub(super) fn reset(&mut self, faults: &Faults) {
        self.memory.reset(|id| faults.fixes(id.name.as_str()));
        self.remember_itself();
    }

    /// What is lost when the power goes.
    pub(super) fn lose_power(&mut self) {
        self.wish = false;
        self.in_call = false;
        self.modified.clear();
        self.parts.clear();
    }

    /// Does what the server asks.
    pub(super) fn act(&mut self, message: &ServerMessage, faults: &mut Faults) -> Step {
        self.saved.clear();
        let action = message.action;
        if action == Action::CleanUp {
            self.mark_changed(false);
            let wished = self.facts.keeps_a_wish && says(message, "send-solicited", "true");
            return Step::Done { wished };
        }
        let read = matches!(action, Action::ReadItems | Action::ReadAllItems);
        let occupied = self.in_call && (action == Action::WriteItems || read && faults.has(&Fault::ReadsBusy));
        if occupied || action != Action::GetNextFragment && faults.take_busy() {
            return reply(action, ReplyStatus::Busy);
        }
        if faults.has(&Fault::ActionFailed) {
            return reply(action, ReplyStatus::Failed);
        }
        match action {
            Action::ReadAllItems => {
                let items = self.read_all(faults);
                self.split(action, items, faults)
            }
            Action::ReadItems => {
                let mut items: Vec<Item> = message.items.iter().map(|item| self.memory.read(&item.id)).collect();
                spoil(&mut items, faults);
                fragments::add_faulty_items(&mut items, faults);
                self.split(action, items, faults)
            }
            Action::GetNextFragment => self.next_part(faults),
            Action::WriteItems => self.write(message, faults),
            Action::Restart => self.restart(message, faults),
            Action::FileDeployment => Step::Files(deployment::files(message, faults)),
            Action::SoftwareDeployment => self.update(message, faults),
            Action::CleanUp => Step::Done { wished: false },
        }
    }

    fn read_all(&self, faults: &Faults) -> Vec<Item> {
        let mut items = basic::common(&self.memory, faults);
        let known: Vec<ItemId> = items.iter().map(|item| item.id.clone()).collect();
        let hidden =
            |id: &ItemId| id.name.as_str() == "mac-addr" || known.contains(id) || faults.lacks(id.name.as_str());
        items.extend(self.memory.read_all().filter(|item| !hidden(&item.id)));
        spoil(&mut items, faults);
        fragments::add_faulty_items(&mut items, faults);
        items
    }

    fn write(&mut self, message: &ServerMessage, faults: &Faults) -> Step {
        let mut bad = Vec::new();
        for item in &message.items {
            let forced = faults.write_status(item.id.name.as_str());
            match forced.or_else(|| self.memory.write(item)) {
                Some(status) => {
                    bad.push(Item { id: item.id.clone(), text: ItemText::EMPTY, status: Some(status) });
                }
                None => self.saved.push(item.id.clone()),
            }
        }
        Step::Send(Draft { items: bad, ..answer(Action::WriteItems, ReplyStatus::Accepted) })
    }

    fn restart(&mut self, message: &ServerMessage, faults: &Faults) -> Step {
        if says(message, "restart-type", "FactoryReset") {
            let fixed = ItemText::Secret(Secret::new("124816"));
            let right = message.items.iter().any(|item| {
                item.id.name.as_str() == "restart-password"
                    && (item.text == fixed || item.text.as_plain() == Some("124816"))
            });
            if !right {
                return reply(Action::Restart, ReplyStatus::Failed);
            }
            self.reset(faults);
        }
        Step::Reboot
    }

    fn update(&mut self, message: &ServerMessage, faults: &Faults) -> Step {
        if self.in_call && !says(message, "file-priority", "immediate") {
            return reply(Action::SoftwareDeployment, ReplyStatus::Busy);
        }
        let version = message.items.iter().find(|item| item.id.name.as_str() == "file-sw-version");
        if let Some(version) = version.and_then(|item| item.text.as_plain()) {
            self.install(version, faults);
        }
        Step::Reboot
    }

    /// New firmware, such as `3.5.12.0`; it is there after the next start.
    pub(super) fn install(&mut self, dotted: &str, faults: &Faults) {
        let version = deployment::spoken_version(dotted).filter(|_| !faults.has(&Fault::OldFirmware));
        if let Some(version) = version {
            let named = ["software-version", "related-software-version"];
            for (_, text) in self.own.iter_mut().filter(|(name, _)| named.contains(name)) {
                *text = version.clone();
            }
            self.remember_itself();
        }
    }

    /// Cuts a reply into parts and gives the first.
    fn split(&mut self, action: Action, items: Vec<Item>, faults: &Faults) -> Step {
        let whole = faults.iter().any(|fault| matches!(fault, Fault::ManyItems(_)));
        self.parts = if whole { [items].into() } else { fragments::parts(items, self.fragment_items) };
        self.parts_of = action;
        self.next_part(faults)
    }

    fn next_part(&mut self, faults: &Faults) -> Step {
        let endless = faults.has(&Fault::FragmentForever);
        let Some(items) = self.parts.pop_front().or_else(|| endless.then(Vec::new)) else {
            return reply(Action::GetNextFragment, ReplyStatus::Failed);
        };
        let fragment = if self.parts.is_empty() && !endless { Fragment::Final } else { Fragment::Next };
        Step::Send(Draft { items, fragment, ..answer(self.parts_of, ReplyStatus::Accepted) })
    }

    fn put(&mut self, name: &str, text: &str) {
        if let Some(id) = plain_id(name) {
            self.memory.put(id, ItemText::plain(text));
        }
    }

    fn remember_itself(&mut self) {
        for (name, text) in self.own.clone() {
            self.put(name, &text);
        }
        self.mark_changed(true);
    }
}

fn says(message: &ServerMessage, name: &str, text: &str) -> bool {
    message.items.iter().any(|item| item.id.name.as_str() == name && item.text.as_plain() == Some(text))
}

fn answer(action: Action, status: ReplyStatus) -> Draft {
    let reason = Reason::ReplyTo { action: SmolStr::new_static(action.as_str()), status };
    Draft { reason, items: Vec::new(), fragment: Fragment::Final }
}

fn reply(action: Action, status: ReplyStatus) -> Step {
    Step::Send(answer(action, status))
}

/// Gives items the status that a fault wants (F-14, F-15).
fn spoil(items: &mut [Item], faults: &Faults) {
    for item in items {
        if let Some(word) = faults.item_status(item.id.name.as_str()) {
            item.text = ItemText::EMPTY;
            item.status = Some(ItemStatus::from_wire(word));
        }
    }
}
