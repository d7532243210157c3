//! How much a revision would change, and which of its phones wait because of it.
//!
//! The settings of the service judge the revision as a whole, those of a site the phones of that site beside it. A site
//! that switches its gate off is left out of the whole. While a revision changes a threshold itself, the more careful
//! one counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    fleet::{plan::Writes, settings::GateSettings},
    spec::{SiteGate, SiteName},
};

/// Why phones wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too many phones would be written to.
    Phones {
        /// How many.
        count: usize,
        /// How many go through.
        limit: usize,
    },
    /// Risky items would be written to too many phones.
    Risky {
        /// How many phones.
        count: usize,
        /// How many go through.
        limit: usize,
    },
    /// Too many phones would vanish.
    Vanish {
        /// How many.
        count: usize,
        /// Of how many.
        declared: usize,
        /// How many of a hundred go through.
        percent: u32,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phones { count, limit } => write!(f, "it would write to {count} phones, and {limit} go through"),
            Self::Risky { count, limit } => {
                write!(
                    f,
                    "it would write items of effect service, safety or lockout to {count} phones, and {limit} go through"
                )
            }
            Self::Vanish { count, declared, percent } => {
                write!(f, "{count} of {declared} phones would vanish, and {percent} % go through")
            }
        }
    }
}

/// What is counted of the phones of one site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Declared phones.
    pub declared: usize,
    /// Phones that would be written to, returns not counted.
    pub written: usize,
    /// Those among them with risky items.
    pub risky: usize,
    /// Phones that would only return to what they had.
    pub returned: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.declared += other.declared;
        self.written += other.written;
        self.risky += other.risky;
        self.returned += other.returned;
    }
}

/// What is counted of a revision, by site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// By site.
    pub sites: BTreeMap<SiteName, Count>,
    /// Declared phones of which no document says anything any more.
    pub gone: usize,
    /// Phones that were declared before.
    pub before: usize,
}

impl Tally {
    /// Counts one phone.
    pub fn add(&mut self, site: &SiteName, writes: Option<&Writes>) {
        let count = self.sites.entry(site.clone()).or_default();
        count.declared += 1;
        count.written += usize::from(writes.is_some_and(Writes::counts));
        count.risky += usize::from(writes.is_some_and(Writes::is_risky));
        count.returned += usize::from(writes.is_some_and(|writes| writes.returns));
    }

    /// All sites together.
    pub fn whole(&self) -> Count {
        let mut whole = Count::default();
        self.sites.values().for_each(|count| whole.add(*count));
        whole
    }
}

/// Which phones wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// All of them, because of these.
    pub all: Vec<Cause>,
    /// Those of these sites.
    pub sites: BTreeMap<SiteName, Vec<Cause>>,
}

impl Verdict {
    /// Why phones wait, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let of_site = |(name, causes): (&SiteName, &Vec<Cause>)| {
            causes.iter().map(|cause| format!("site {name}: {cause}")).collect::<Vec<_>>()
        };
        self.all.iter().map(ToString::to_string).chain(self.sites.iter().flat_map(of_site)).collect()
    }

    /// Whether nothing waits.
    pub fn passes(&self) -> bool {
        self.all.is_empty() && self.sites.is_empty()
    }
}

/// Judges a revision. `gate_of` gives the thresholds of a site that count: see [`careful`].
pub fn judge(tally: &Tally, settings: &GateSettings, gate_of: impl Fn(&SiteName) -> SiteGate) -> Verdict {
    let mut verdict = Verdict::default();
    let (mut many, mut risky) = (Count::default(), 0);
    for (name, count) in &tally.sites {
        let gate = gate_of(name);
        let off = gate.phones == Some(0) && gate.percent.is_none_or(|percent| percent == 0)
            || gate.percent == Some(0) && gate.phones.is_none();
        if !off {
            many.add(*count);
        }
        if gate.risky != Some(0) {
            risky += count.risky;
        }
        let mut causes = Vec::new();
        let limit = limit(gate.phones.unwrap_or(0), gate.percent.unwrap_or(0), count.declared);
        causes.extend(over(limit, count.written).map(|(count, limit)| Cause::Phones { count, limit }));
        let limit = gate.risky.filter(|risky| *risky > 0).map(|risky| risky as usize);
        causes.extend(over(limit, count.risky).map(|(count, limit)| Cause::Risky { count, limit }));
        if !causes.is_empty() {
            verdict.sites.insert(name.clone(), causes);
        }
    }
    let limit = limit(settings.phones, settings.percent, many.declared);
    verdict.all.extend(over(limit, many.written).map(|(count, limit)| Cause::Phones { count, limit }));
    let limit = (settings.risky > 0).then_some(settings.risky as usize);
    verdict.all.extend(over(limit, risky).map(|(count, limit)| Cause::Risky { count, limit }));
    let too_many_gone =
        settings.vanish > 0 && tally.gone > 1 && tally.gone * 100 > tally.before * settings.vanish as usize;
    if too_many_gone {
        verdict.all.push(Cause::Vanish { count: tally.gone, declared: tally.before, percent: settings.vanish });
    }
    verdict
}

fn limit(phones: u32, percent: u32, declared: usize) -> Option<usize> {
    let share = declared * percent as usize / 100;
    (phones > 0 || percent > 0).then(|| share.max(phones as usize))
}

fn over(limit: Option<usize>, count: usize) -> Option<(usize, usize)> {
    limit.filter(|limit| count > *limit).map(|limit| (count, limit))
}

/// The more careful of what a site's document says and what it said before. What is not said is left to the service.
pub fn careful(old: Option<&SiteGate>, new: &SiteGate) -> SiteGate {
    let Some(old) = old else { return *new };
    let of = |old: Option<u32>, new: Option<u32>| match (old, new) {
        (Some(0), other) | (other, Some(0)) => other,
        (Some(old), Some(new)) => Some(old.min(new)),
        (one, other) => one.or(other),
    };
    SiteGate {
        phones: of(old.phones, new.phones),
        percent: of(old.percent, new.percent),
        risky: of(old.risky, new.risky),
    }
}

/// The sites whose phones wait, of those that were counted.
pub fn held_sites(verdict: &Verdict, tally: &Tally) -> BTreeSet<SiteName> {
    if verdict.all.is_empty() { verdict.sites.keys().cloned().collect() } else { tally.sites.keys().cloned().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(declared: usize, written: usize, risky: usize) -> Count {
        Count { declared, written, risky, returned: 0 }
    }

    fn tally(sites: &[(&str, Count)]) -> Tally {
        let sites = sites.iter().map(|(name, count)| (SiteName::new(name), *count)).collect();
        Tally { sites, gone: 0, before: 0 }
    }

    fn unsaid(_: &SiteName) -> SiteGate {
        SiteGate::default()
    }

    #[test]
    fn the_larger_of_phones_and_percent_goes_through_and_one_more_waits() {
        let settings = GateSettings::default();
        for (declared, most) in [(100, 25), (1_250, 25), (9_000, 180)] {
            assert!(judge(&tally(&[("a", count(declared, most, 0))]), &settings, unsaid).passes(), "{declared}");
            let verdict = judge(&tally(&[("a", count(declared, most + 1, 0))]), &settings, unsaid);
            assert_eq!(verdict.all, [Cause::Phones { count: most + 1, limit: most }]);
        }
    }

    #[test]
    fn each_threshold_can_be_switched_off() {
        let many = tally(&[("a", count(9_000, 9_000, 9_000))]);
        assert!(judge(&many, &GateSettings::OFF, unsaid).passes());
        let only_percent = GateSettings { percent: 2, ..GateSettings::OFF };
        assert_eq!(judge(&many, &only_percent, unsaid).all, [Cause::Phones { count: 9_000, limit: 180 }]);
        let only_risky = GateSettings { risky: 3, ..GateSettings::OFF };
        assert_eq!(judge(&many, &only_risky, unsaid).all, [Cause::Risky { count: 9_000, limit: 3 }]);
    }

    #[test]
    fn a_site_waits_alone_and_a_site_that_is_off_is_not_counted() {
        let sites = tally(&[("lab", count(100, 100, 0)), ("ward", count(100, 6, 0)), ("yard", count(100, 6, 0))]);
        let gate = |name: &SiteName| match name.as_str() {
            "lab" => SiteGate { phones: Some(0), ..SiteGate::default() },
            "ward" => SiteGate { phones: Some(5), ..SiteGate::default() },
            _ => SiteGate::default(),
        };
        let verdict = judge(&sites, &GateSettings::default(), gate);
        assert!(verdict.all.is_empty());
        assert_eq!(verdict.sites.keys().map(SiteName::as_str).collect::<Vec<_>>(), ["ward"]);
    }

    #[test]
    fn one_phone_may_vanish_and_more_than_the_share_may_not() {
        let gone = |gone, before| Tally { gone, before, ..Tally::default() };
        for (count, declared) in [(1, 2), (1, 1), (5, 100), (450, 9_000)] {
            assert!(judge(&gone(count, declared), &GateSettings::default(), unsaid).passes(), "{count}");
        }
        for (count, declared) in [(2, 2), (6, 100), (9_000, 9_000)] {
            let verdict = judge(&gone(count, declared), &GateSettings::default(), unsaid);
            assert_eq!(verdict.all, [Cause::Vanish { count, declared, percent: 5 }]);
        }
    }

    #[test]
    fn while_a_threshold_changes_the_more_careful_one_counts() {
        let gate = |phones| SiteGate { phones, ..SiteGate::default() };
        for (old, new, counts) in [
            (Some(5), Some(0), Some(5)),
            (Some(5), Some(100), Some(5)),
            (Some(0), Some(5), Some(5)),
            (None, Some(0), None),
            (Some(0), None, None),
            (Some(0), Some(0), Some(0)),
            (Some(5), None, Some(5)),
        ] {
            assert_eq!(careful(Some(&gate(old)), &gate(new)), gate(counts), "{old:?} {new:?}");
        }
        assert_eq!(careful(None, &gate(Some(0))), gate(Some(0)));
    }
}
