//! The profiles of the newest documents, and how the phones are that build on them. Counted in slices, as a
//! [survey](super::survey) is.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{Fleet, tally::LayerTally};
use crate::spec::SiteName;

/// A profile, and how its phones are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileStanding {
    /// Its name.
    pub name: String,
    /// The site whose owner it belongs to, if it is not for all.
    pub owner: Option<String>,
    /// File, line and column of its document.
    pub place: String,
    /// The profiles it builds on, lowest first.
    pub profiles: Vec<String>,
    /// How the declared phones are that build on it, directly or through others.
    pub tally: LayerTally,
    /// What is wrong with it, at most ten.
    pub problems: Vec<String>,
}

/// How phones are, by the name and the owner of a profile below them.
pub type ProfileTallies = HashMap<(Arc<str>, Option<SiteName>), LayerTally>;

impl Fleet {
    /// Adds at most `most` phones; where the next slice starts, while there is one.
    pub fn tally_profiles(
        &self,
        tallies: &mut ProfileTallies,
        from: Option<&str>,
        most: usize,
        now: Timestamp,
    ) -> Option<String> {
        self.slice(from, most, |phone| {
            let Some(wanted) = self.wanted.as_ref().filter(|_| phone.declared()) else { return };
            let state = self.state(phone, now);
            let wait = self.wait(phone, state, now);
            for profile in wanted.profiles_below(&phone.device) {
                let key = (Arc::clone(profile.name), profile.owner.cloned());
                tallies.entry(key).or_default().add(state, wait);
            }
        })
    }

    /// The profiles of the newest documents, each with its tally.
    pub fn profiles(&self, tallies: &ProfileTallies) -> Vec<ProfileStanding> {
        let profiles = self.wanted.iter().flat_map(|wanted| wanted.profiles());
        let standing = profiles.map(|profile| ProfileStanding {
            tally: tallies.get(&(Arc::clone(profile.name), profile.owner.cloned())).copied().unwrap_or_default(),
            name: profile.name.to_string(),
            owner: profile.owner.map(ToString::to_string),
            place: profile.place.to_string(),
            profiles: profile.builds_on.map(ToString::to_string).collect(),
            problems: profile.problems.iter().take(10).map(ToString::to_string).collect(),
        });
        standing.collect()
    }
}
