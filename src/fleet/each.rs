//! The little that metrics tell of single phones, where somebody asks for that. Why a phone waits is not in it: that may be
//! a call (promise 10).

use jiff::Timestamp;

use super::{Fleet, words::State};

/// One declared phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Each {
    /// The name of its document.
    pub name: String,
    /// Its MAC or other id.
    pub mac: String,
    /// Its site.
    pub site: String,
    /// Its state.
    pub state: State,
    /// Items that differ.
    pub drift: usize,
    /// When it was last proven.
    pub last_proof: Option<Timestamp>,
}

impl Fleet {
    /// All declared phones, by name.
    pub fn each(&self, now: Timestamp) -> Vec<Each> {
        let declared = self.by_name().filter(|phone| phone.declared());
        declared
            .map(|phone| Each {
                name: phone.name().map(ToString::to_string).unwrap_or_default(),
                mac: phone.device.to_string(),
                site: phone.goal.as_ref().map(|goal| goal.desired.site.to_string()).unwrap_or_default(),
                state: self.state(phone, now),
                drift: phone.assessment.comparison.drift.as_ref().map_or(0, |drift| drift.items().len()),
                last_proof: phone.last_proof,
            })
            .collect()
    }
}
