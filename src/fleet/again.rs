//! Refused items that are tried again: by themselves where the phone's word may pass, and when a person says so.
//!
//! `failed` and `undefined status` may mean anything, so such an item is written again once a day, three times at most.
//! Every other word is about the value or the phone and stays until one of them changes. `failed` for an index
//! out of the known range is the word of some phones for `invalid index` and stays as well.

use std::time::Duration;

use jiff::Timestamp;

use super::{phone::Phone, record::Refused, schedule::after};
use crate::{
    catalogue::Catalogue,
    spec::Mode,
    wpi::{ItemId, ItemStatus},
};

/// How long a refused item rests before it is tried again by itself.
const REST: Duration = Duration::from_hours(24);
/// How often it is tried again by itself.
const TRIES: u8 = 3;

impl Refused {
    /// When this item is tried again by itself; `None` = not before value or firmware change, or a person says so.
    pub fn again_at(&self, catalogue: &Catalogue) -> Option<Timestamp> {
        let out_of_range =
            || catalogue.get(self.id.name.as_str()).is_some_and(|item| !item.index_allowed(self.id.index));
        let may_pass = match self.status {
            ItemStatus::UndefinedStatus => true,
            ItemStatus::Failed => !out_of_range(),
            _ => false,
        };
        (may_pass && !self.lifted && self.tries < TRIES).then(|| after(self.at, REST))
    }
}

impl Phone {
    /// When the first refused item is tried again by itself.
    pub fn again_at(&self, catalogue: &Catalogue) -> Option<Timestamp> {
        let enforced = self.mode() == Mode::Enforce && self.declared();
        let refused = self.refused.iter().filter(|refused| enforced && self.refused_as_is(&refused.id));
        refused.filter_map(|refused| refused.again_at(catalogue)).min()
    }

    /// Lifts the refusals whose time has come. Whether there was one; then the phone is to be assessed anew.
    pub fn lift_due(&mut self, catalogue: &Catalogue, now: Timestamp) -> bool {
        if self.again_at(catalogue).is_none_or(|at| at > now) {
            return false;
        }
        for refused in &mut self.refused {
            if refused.again_at(catalogue).is_some_and(|at| at <= now) {
                refused.lifted = true;
                refused.tries += 1;
            }
        }
        self.unsaved = true;
        true
    }

    /// A person wants to have tried again what the phone refused, and asked for again what it did not have; how many
    /// items that are. The phone is to be assessed anew then.
    pub fn try_again(&mut self) -> usize {
        for refused in &mut self.refused {
            refused.lifted = true;
            refused.tries = 0;
            refused.other_form = false;
        }
        let asked = self.forget_not_applicable();
        self.doubtful.clear();
        self.unsaved |= !self.refused.is_empty();
        self.refused.len() + asked
    }

    /// Notes that the other form of clearing this item is to be tried, once: the phone refused `text`, which is one.
    pub(super) fn try_other_form(&mut self, id: &ItemId, text: &str, catalogue: &Catalogue) {
        let clears = catalogue.cleared_otherwise(id.name.as_str(), text).is_some();
        let first = |refused: &&mut Refused| clears && refused.id == *id && !refused.other_form;
        if let Some(refused) = self.refused.iter_mut().find(first) {
            refused.lifted = true;
            refused.other_form = true;
        }
    }

    /// The text that is sent for an item: the other form of clearing it where the phone refused the first.
    pub(super) fn clearing_form(&self, id: &ItemId, text: &str, catalogue: &Catalogue) -> Option<&'static str> {
        let other = self.refused.iter().any(|refused| refused.id == *id && refused.lifted && refused.other_form);
        other.then(|| catalogue.cleared_otherwise(id.name.as_str(), text)).flatten()
    }
}
