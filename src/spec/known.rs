//! What is known of phones when documents are loaded, and stands in no document. Offline nothing is known.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::{selector::Selector, site::SiteName};
use crate::wpi::DeviceId;

/// Most names that are kept: phones may tell what they like.
pub const REPORTED_LIMIT: usize = 20_000;

/// The names of items that phones have reported with a value, as far as they are not built in. A name among them is no slip of the finger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reported(BTreeSet<SmolStr>);

impl Reported {
    /// No phone has told anything, or nobody can ask.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Whether a phone has reported an item of that name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(SmolStr::as_str)
    }
}

impl<'n> FromIterator<&'n str> for Reported {
    /// At most [`REPORTED_LIMIT`] names.
    fn from_iter<I: IntoIterator<Item = &'n str>>(names: I) -> Self {
        let mut kept = BTreeSet::new();
        for name in names {
            if kept.len() >= REPORTED_LIMIT {
                break;
            }
            if !kept.contains(name) {
                kept.insert(SmolStr::new(name));
            }
        }
        Self(kept)
    }
}

/// What the loader may know beside the documents.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The items that phones have reported.
    pub reported: Reported,
    /// The site that each phone is at by what is in force. When the files of two owners claim one phone, it stays
    /// with that site.
    pub holders: BTreeMap<DeviceId, SiteName>,
    /// Which phones are this service's; all, if nothing is said.
    pub share: Option<Share>,
}

/// Which phones are a service's, where several share the documents.
#[derive(Debug, Clone)]
pub struct Share {
    /// Those of sites with such labels.
    pub selector: Selector,
    /// But for these, which another one keeps.
    pub foreign: BTreeSet<DeviceId>,
}

impl Known {
    /// Nothing: for checks of documents without a service.
    pub fn nothing() -> Self {
        Self::default()
    }
}
