//! What people get to see of a phone at one moment.

use super::{
    state::State,
    transcript::{Counts, Exchange},
};
use crate::wpi::{ItemId, ItemText};

impl State {
    /// How often what happened.
    pub fn counts(&self) -> Counts {
        self.record.counts
    }

    /// The value that the phone has; a secret stays in custody.
    pub fn value(&self, id: &ItemId) -> Option<ItemText> {
        self.device.memory.value(id)
    }

    /// Most writes in a row that left this item as the write before had left it.
    pub fn repeats(&self, id: &ItemId) -> u32 {
        self.device.memory.repeats(id)
    }

    /// The exchanges that are kept, oldest first.
    pub fn exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.record.exchanges()
    }

    /// Whether the user is in a call.
    pub fn in_call(&self) -> bool {
        self.device.in_call
    }

    /// Whether the phone keeps the wish to be called again.
    pub fn has_wish(&self) -> bool {
        self.device.wish
    }

    /// Whether a flow is under way.
    pub fn in_flow(&self) -> bool {
        self.flow.is_some()
    }

    /// Whether nothing is under way and nothing is due: left alone, the phone stays silent.
    pub fn is_idle(&self) -> bool {
        self.flow.is_none() && self.dues.is_empty()
    }

    /// Whether it has power.
    pub fn is_on(&self) -> bool {
        self.powered
    }

    /// What the server did against the protocol.
    pub fn violations(&self) -> &[String] {
        self.record.violations()
    }
}
