//! A mobile user logs on and off, as a server without mobility sees it: the numbers change hands, and the
//! phone reports its inventory.

use smol_str::SmolStr;
use tokio::time::Instant;

use super::{
    basic::plain_id,
    state::{Cause, State},
};
use crate::wpi::ItemText;

impl State {
    /// The user takes the phone over: its number becomes the user's, its own stays as `basic-e164`.
    pub(super) fn logon(&mut self, user: &str, now: Instant) {
        if self.text_of("basic-e164").is_empty() {
            let own = self.text_of("e164");
            self.put("basic-e164", &own);
        }
        self.put("e164", user);
        self.put("mobility-enabled", "true");
        self.put("sip-mobility-state", "0");
        self.user_changes = Some(Vec::new());
        self.tell(|| "a mobile user logs on".to_owned());
        self.plan(Cause::Mobility(None), now);
    }

    /// The user leaves: the phone has its own number again and names what the user changed.
    pub(super) fn logoff(&mut self, now: Instant) {
        let own = self.text_of("basic-e164");
        self.put("e164", &own);
        self.put("sip-mobility-state", "1");
        self.device.mark_changed(true);
        let changed = self.user_changes.take().unwrap_or_default();
        let names: Vec<&str> = changed.iter().map(|id| id.name.as_str()).collect();
        self.tell(|| "the mobile user logs off".to_owned());
        self.plan(Cause::Mobility(Some(SmolStr::new(names.join(",")))), now);
    }

    /// The text of an item without index; empty for what it does not have or does not show.
    pub(super) fn text_of(&self, name: &str) -> String {
        let value = plain_id(name).and_then(|id| self.device.memory.value(&id));
        value.and_then(|text| text.as_plain().map(str::to_owned)).unwrap_or_default()
    }

    fn put(&mut self, name: &str, text: &str) {
        if let Some(id) = plain_id(name) {
            self.device.memory.put(id, ItemText::plain(text));
        }
    }
}
