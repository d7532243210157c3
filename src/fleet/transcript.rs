//! What a message may show to those who help: item names and the phone's words, and only values that are harmless.

use std::net::IpAddr;

use super::{
    Fleet,
    flow::{From, device_of},
};
use crate::{
    catalogue::Owner,
    wpi::{
        DeviceId, Item, ItemText, PhoneMessage,
        secret::{MASK, without_credentials},
    },
};

impl Fleet {
    /// The phone last heard of at an address.
    pub fn device_at(&self, address: IpAddr) -> Option<DeviceId> {
        self.heard_at.get(&address.to_canonical()).cloned()
    }

    /// The phone that a message is from, by; `None` where nobody can tell.
    pub fn sender(&self, message: &PhoneMessage, from: &From<'_>) -> Option<DeviceId> {
        let named = device_of(message);
        if message.reason.is_initial() {
            return named;
        }
        let of_device = named.as_ref().and_then(|device| self.phones.get(device)?.flow);
        let flow = self.flows.find(from, named.as_ref(), of_device)?;
        Some(self.flows.get(flow)?.device.clone())
    }

    /// The items of a message with all values masked that are secret, that are the user's, or of items that the
    /// catalogue does not know.
    pub fn masked(&self, items: &[Item]) -> Vec<Item> {
        let is_hidden = |item: &Item| {
            let known = self.catalogue.get(item.id.name.as_str());
            self.catalogue.is_secret(item.id.name.as_str())
                || item.id.name.sounds_secret()
                || known.is_none_or(|known| known.owner == Owner::User)
        };
        items.iter().map(|item| Item { text: shown(item, is_hidden(item)), ..item.clone() }).collect()
    }
}

fn shown(item: &Item, hidden: bool) -> ItemText {
    match &item.text {
        text if text.is_empty() => ItemText::EMPTY,
        ItemText::Plain(text) if !hidden => ItemText::plain(without_credentials(text)),
        _ => ItemText::plain(MASK),
    }
}
