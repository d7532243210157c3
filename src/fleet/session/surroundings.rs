//! What a session looks at besides its phone.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    catalogue::Catalogue,
    fleet::{custody::Custody, fingerprint::FingerprintKey, settings::Settings},
    spec::{Site, Wanted},
};

/// What a session looks at besides its phone.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The service's settings.
    pub settings: &'a Settings,
    /// The documents, for the content of secrets; `None` = none were read since the start, and no write leaves.
    pub documents: Option<Documents<'a>>,
    /// Whether the catalogue is that of the source; else no write leaves.
    pub classes_known: bool,
    /// The catalogue in force.
    pub catalogue: &'a Catalogue,
    /// The key of fingerprints; without one none are kept.
    pub key: Option<&'a FingerprintKey>,
    /// The phone's site.
    pub site: &'a Site,
    /// Where the phone calls from.
    pub peer: std::net::IpAddr,
    /// Whether it may be sent passwords there.
    pub custody: Custody,
    /// Until when the phone is braked.
    pub braked: Option<Timestamp>,
    /// Whether the store cannot be written.
    pub store_away: bool,
    /// Whether it is the phone's turn for items that can make it vanish.
    pub turn: bool,
    /// Now.
    pub now: Timestamp,
}

/// The documents that the secrets of a phone are read from.
#[derive(Debug)]
pub enum Documents<'a> {
    /// The newest ones.
    Newest(&'a Wanted),
    /// Those in force for a phone that waits at the gate; none after a restart.
    Kept(Option<Arc<Wanted>>),
}

impl Surroundings<'_> {
    /// The documents in force for the phone.
    pub(in crate::fleet) fn wanted(&self) -> Option<&Wanted> {
        match self.documents.as_ref()? {
            Documents::Newest(newest) => Some(newest),
            Documents::Kept(kept) => kept.as_deref(),
        }
    }

    /// The documents, for the content of secrets; none for a phone that may not have any.
    pub(in crate::fleet) fn contents(&self) -> Option<&Wanted> {
        self.wanted().filter(|_| self.custody == Custody::Near)
    }
}
