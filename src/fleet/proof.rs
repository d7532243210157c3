//! What is proven of a phone: that it is in sync, and how many of its items are as they are wanted.
//!
//! `18/20` is said wherever a phone is shown. Items that the phone does not have are in neither number; those that are
//! assumed, or differ and are ignored, are in the second one only.

use std::time::Duration;

use jiff::Timestamp;

use super::phone::Phone;
use crate::wpi::ItemId;

impl Phone {
    /// How many of the managed items are as they are wanted, as far as can be known: read so after the last write, or
    /// taken by the phone where they cannot be read back. Those of `assumed` are neither.
    pub(super) fn proven_items(&self, assumed: &[&ItemId]) -> usize {
        let Some(goal) = self.goal.as_ref().filter(|_| self.read_at.is_some()) else { return 0 };
        let in_flight = self.in_flight.as_ref().map_or(&[][..], |in_flight| &in_flight.items);
        let comparison = &self.assessment.comparison;
        let proven = |id: &ItemId| {
            comparison.right(id) && !self.due.contains(id) && !in_flight.contains(id) && !assumed.contains(&id)
        };
        goal.desired.items.iter().filter(|item| proven(&item.id)).count()
    }

    /// How many items it is to have, of those that it can have.
    pub(super) fn managed_items(&self) -> usize {
        let all = self.goal.as_ref().map_or(0, |goal| goal.desired.items.len());
        all.saturating_sub(self.assessment.comparison.lacking.len())
    }

    /// How long the change had been in force that is proven now, once.
    pub(super) fn proven_after(&mut self, now: Timestamp) -> Option<Duration> {
        let since = self.changed_at.filter(|_| self.proven())?;
        self.changed_at = None;
        Some(now.duration_since(since).unsigned_abs())
    }

    /// Whether the phone is proven in sync: nothing differs, all was read, and no write is newer (promise 2).
    pub fn proven(&self) -> bool {
        let comparison = &self.assessment.comparison;
        self.read_at.is_some()
            && self.in_flight.is_none()
            && !self.unverified
            && comparison.drift.is_none()
            && comparison.unread.is_empty()
            && self.due.is_empty()
    }
}
