//! What the loader of documents may know of phones: which items there are on them, and where each phone is.

use super::Fleet;
use crate::{
    catalogue::Catalogue,
    spec::{Known, Reported},
};

impl Fleet {
    /// The names of the items that a phone has reported with a value, beyond those that are built in: these are known
    /// anyway.
    pub fn reported_names(&self) -> Reported {
        let built_in = Catalogue::builtin();
        let entries = self.phones.values().flat_map(|phone| phone.observed.iter());
        let has_text = entries.filter(|entry| entry.seen.text().is_some());
        has_text.map(|entry| entry.name).filter(|name| built_in.row(name).is_none()).collect()
    }

    /// What is known when documents are loaded. A phone is where the files of an owner declared it last, else where
    /// what is in force has it.
    pub fn known(&self) -> Known {
        let holders = self.phones.values().filter_map(|phone| {
            let speaker = self.wanted.as_ref().and_then(|wanted| wanted.speaker(&phone.device));
            let site = speaker.or_else(|| phone.goal.as_ref().map(|goal| &goal.desired.site))?;
            Some((phone.device.clone(), site.clone()))
        });
        Known { reported: self.reported_names(), holders: holders.collect(), share: self.share() }
    }
}
