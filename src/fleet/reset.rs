//! A factory reset, told by the phone itself.
//!
//! After a reset a phone has forgotten all but what DHCP gives it (R-1508), its passwords included. Nobody tells the
//! server, so it is concluded, and as passwords and seeds are written because of it (promise 8), only when all of these
//! hold:
//!
//! | condition | why |
//! |---|---|
//! | the phone starts up, or calls because it was asked to | a reset ends in a start, which phoneops may have missed; what a person changes on a phone comes as `local-changes` |
//! | it says an empty `e164` | the first item that a reset empties, and each initial message tells it (R-518) |
//! | it had said a number before, or is to have one | else an empty one is nothing new. What it is to have counts too: then a phone out of its box needs no record |
//! | after a read of all managed items, at least [`LEAST`] of those that are to have another value stand empty or at the catalogue's default | one person who changes one value, or clears the number, is no reset |
//! | none of them stands at anything else | a value that was kept, or that somebody set, says that the phone has not forgotten. So a phone whose record was lost is no reset, and a phone that another server released (R-1220) mostly is none |
//!
//! Not looked at are items that say nothing: those that are to be empty or at their default; booleans, numbers and
//! enumerations whose default is not known; what DHCP may have given again; items that can cut the phone off, without
//! which it would not have called. A phone with fewer than [`LEAST`] telling items shows no reset: a person can say so
//! ([`super::retry`]).
//!
//! A reset is acted on once: the next one counts only after the phone has said a number again.

use super::{phone::Phone, session::Surroundings};
use crate::{
    catalogue::{Catalogue, Effect, Kind},
    spec::DesiredItem,
    wpi::{PhoneMessage, Reason},
};

/// So many items have to stand at factory values, `e164` included where it is managed.
pub const LEAST: usize = 3;

/// How far looking for a reset has come; in memory only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reset {
    /// Nothing speaks for one.
    #[default]
    No,
    /// The phone came without its number; the next read of all items will tell.
    Suspected,
    /// It was one, and is not counted yet.
    Seen,
}

/// What one item says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// It has forgotten what it is to have.
    Factory,
    /// It has not, or somebody set it.
    Kept,
    /// Nothing.
    Silent,
}

impl Phone {
    /// Hears what an initial message says of the number; to be called before its facts are taken over.
    pub(super) fn suspect_reset(&mut self, message: &PhoneMessage) {
        let Some(number) = message.value("e164") else { return };
        if has_text(number) {
            self.unsaved |= std::mem::take(&mut self.factory);
            self.reset = Reset::No;
            return;
        }
        let known = self.facts.e164.as_deref().is_some_and(has_text);
        let comes = matches!(message.reason, Reason::StartUp | Reason::Solicited);
        if comes && !self.factory && (known || self.wants_number()) {
            self.reset = Reset::Suspected;
            self.look_wanted = true;
        }
    }

    fn wants_number(&self) -> bool {
        let is_number = |item: &&DesiredItem| item.id.name.as_str() == "e164" && item.id.index.is_none();
        let goal = self.goal.as_ref();
        let wanted = goal.and_then(|goal| goal.desired.items.iter().find(is_number));
        wanted.and_then(|item| item.value.value.as_text()).is_some_and(has_text)
    }

    /// After a read of all managed items: concludes whether a suspected reset was one, and what follows from it.
    pub(super) fn look_for_reset(&mut self, around: &Surroundings<'_>) {
        if self.reset != Reset::Suspected || around.documents.is_none() {
            return;
        }
        self.reset = Reset::No;
        if !self.has_forgotten(around.catalogue) {
            return;
        }
        self.reset = Reset::Seen;
        self.factory = true;
        self.refused.clear();
        self.doubtful.clear();
        self.cautious = false;
        self.write_anew(around.catalogue);
        self.seed_anew();
        self.assess(around.catalogue);
        let name = self.name().map_or("", AsRef::as_ref);
        let (secrets, seeds) = (self.due.len(), self.seeding.due().len());
        tracing::warn!(phone = name, mac = %self.device, secrets, seeds, "this phone has factory values; what it cannot tell is written again");
    }

    /// Whether a reset was seen since the last call.
    pub(super) fn tell_reset(&mut self) -> bool {
        let seen = self.reset == Reset::Seen;
        if seen {
            self.reset = Reset::No;
        }
        seen
    }

    fn has_forgotten(&self, catalogue: &Catalogue) -> bool {
        let Some(goal) = self.goal.as_ref().filter(|_| self.assessment.comparison.unread.is_empty()) else {
            return false;
        };
        let mut forgotten = 0;
        for item in goal.desired.items.iter() {
            match self.sign(catalogue, item) {
                Sign::Kept => return false,
                Sign::Factory => forgotten += 1,
                Sign::Silent => {}
            }
        }
        forgotten >= LEAST
    }

    fn sign(&self, catalogue: &Catalogue, item: &DesiredItem) -> Sign {
        let name = item.id.name.as_str();
        let (Some(wanted), Some(seen)) = (item.value.value.as_text(), self.observed.get(&item.id)) else {
            return Sign::Silent;
        };
        let Some(seen) = seen.text().filter(|_| catalogue.compares(name)) else { return Sign::Silent };
        let textual =
            catalogue.get(name).is_some_and(|item| matches!(item.kind, Kind::String | Kind::Hostname | Kind::Uri));
        let default = catalogue.default_text(name);
        let at_factory = |text: &str| {
            let empty = textual && catalogue.same(name, Some(text), None);
            empty || default.is_some_and(|default| catalogue.same(name, Some(text), Some(default)))
        };
        if at_factory(wanted) {
            Sign::Silent
        } else if at_factory(seen) {
            Sign::Factory
        } else if (textual || default.is_some()) && !comes_back(catalogue, name) {
            Sign::Kept
        } else {
            Sign::Silent
        }
    }
}

/// Whether a phone may have this again right after a reset: from DHCP, or because it would not have called without it.
fn comes_back(catalogue: &Catalogue, name: &str) -> bool {
    matches!(name, "default-domain" | "sntp-addr" | "sntp-addr-backup") || catalogue.effect(name) == Effect::Lockout
}

fn has_text(number: &str) -> bool {
    !matches!(number.trim(), "" | "NULL")
}
