//! Alerts: what somebody should look at, as it stands now. One alert per cause with its phones counted; it has an identity
//! without times, so that it is the same alert the next time, and it is over when it is not listed any more.
//!
//! No alert follows from whether a phone is in a call (promise 10), and none has a value in it (promise 5).
//!
//! - `causes`: what is looked for
//! - [`kind`]: what each kind means, what to do, and how long its cause has to last
//! - [`told`]: which of them are told to people elsewhere

mod causes;
pub mod kind;
pub mod told;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Fleet,
    gate::view::NAMED,
    paging::{Key, Page, Part},
    words::AlertKind,
};
use crate::spec::SiteName;
pub use told::{AlertRecord, Rules, Told, Transition};

/// Most alerts at one time; beyond that they are counted, and no page has them.
pub const LIMIT: usize = 1_000;

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// Its identity: the same as long as the same is wrong at the same place.
    pub id: String,
    /// The site.
    pub site: Option<String>,
    /// The item.
    pub item: Option<String>,
    /// The revision that is concerned.
    #[serde(default)]
    pub revision: Option<String>,
    /// Since when it stands; since the start of the service at the longest, unless it was told before.
    pub since: Timestamp,
    /// How many phones it is about.
    pub phones: usize,
    /// The first ten of them, by name.
    pub names: Vec<String>,
    /// What is wrong and what to do, in a sentence or two.
    pub text: String,
}

/// All alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertList {
    /// The list, by kind.
    pub alerts: Vec<Alert>,
    /// Alerts beyond it.
    pub more: usize,
    /// Where the next page starts.
    #[serde(rename = "continue", default)]
    pub next: Option<String>,
}

impl AlertList {
    /// A part of it.
    #[must_use]
    pub fn part(self, part: &Part) -> Self {
        let key = |alert: &Alert| Key::of([format!("{:02}", alert.kind as u8), alert.id.clone()]);
        let Page { entries, next, more } = part.cut(self.alerts.into_iter().map(|alert| (key(&alert), alert)));
        Self { alerts: entries, more: self.more + more, next }
    }

    /// How many there are of each kind.
    pub fn by_kind(&self) -> BTreeMap<AlertKind, usize> {
        let mut counts = BTreeMap::new();
        self.alerts.iter().for_each(|alert| *counts.entry(alert.kind).or_default() += 1);
        counts
    }
}

/// What the edges know and the fleet does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Around {
    /// Whether the source cannot be read.
    pub source_away: bool,
    /// TLS handshakes of known phones that failed within the last hour: the cause and the phone.
    pub handshakes: Vec<(&'static str, String)>,
}

/// How telling stands; for the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertCounts {
    /// Alerts that fire, by kind.
    pub firing: BTreeMap<AlertKind, usize>,
    /// What is still to be told, by target.
    pub owed: BTreeMap<String, usize>,
    /// Alerts that would fire and have no room.
    pub waiting: usize,
    /// What was never told because too much waited.
    pub dropped: u64,
}

/// Since when each alert stands, and what is known beside it.
#[derive(Debug, Default)]
pub(super) struct Standing {
    since: BTreeMap<(AlertKind, String), Timestamp>,
    around: Around,
    memory: told::Memory,
}

type Causes = BTreeMap<(AlertKind, String), Cause>;

/// An alert as it is gathered.
#[derive(Debug, Default)]
struct Cause {
    site: Option<SiteName>,
    item: Option<String>,
    revision: Option<String>,
    phones: usize,
    names: Vec<String>,
    text: String,
}

impl Cause {
    fn name(&mut self, name: &str) {
        self.phones += 1;
        if self.names.len() < NAMED {
            self.names.push(name.to_owned());
        }
    }
}

impl Fleet {
    /// The alerts that stand now.
    pub fn alerts(&mut self, now: Timestamp) -> AlertList {
        let causes = self.causes(now);
        let more = causes.len().saturating_sub(LIMIT);
        let before = std::mem::take(&mut self.standing.since);
        let mut alerts = Vec::with_capacity(causes.len().min(LIMIT));
        for ((kind, id), Cause { site, item, revision, phones, names, text }) in causes.into_iter().take(LIMIT) {
            let told = self.service.alerts.since(kind, &id);
            let key = (kind, id);
            let since = told.or_else(|| before.get(&key).copied()).unwrap_or(now);
            let site = site.map(|site| site.to_string());
            alerts.push(Alert { kind, id: key.1.clone(), site, item, revision, since, phones, names, text });
            self.standing.since.insert(key, since);
        }
        AlertList { alerts, more, next: None }
    }

    /// Takes over what the edges know.
    pub fn set_around(&mut self, around: Around) {
        self.standing.around = around;
    }

    /// Decides which alerts fire and which are over. Whether that is new, and then it is to be stored before anybody is
    /// told. Until the documents are read nothing is decided.
    pub fn decide_alerts(&mut self, rules: &Rules, now: Timestamp) -> bool {
        if self.taken.is_none() {
            return false;
        }
        let list = self.alerts(now);
        let changed = self.service.alerts.decide(&list, rules, &mut self.standing.memory, now);
        if changed {
            self.save_service();
        }
        changed
    }

    /// The alerts that fire, and those of which something is still to be told.
    pub fn told_alerts(&self) -> Vec<Told> {
        self.service.alerts.all().to_vec()
    }

    /// Notes what was told to a target.
    pub fn alerts_told(&mut self, target: &str, keys: &[String]) {
        let (record, memory) = (&mut self.service.alerts, &mut self.standing.memory);
        let noted = keys.iter().filter(|key| record.note(target, key, memory)).count();
        if noted > 0 {
            self.save_service();
        }
    }

    /// How telling stands.
    pub fn alert_counts(&self) -> AlertCounts {
        let memory = &self.standing.memory;
        let mut counts = AlertCounts { waiting: memory.waiting, dropped: memory.dropped, ..AlertCounts::default() };
        for told in self.service.alerts.all() {
            if told.ended.is_none() {
                *counts.firing.entry(told.kind).or_default() += 1;
            }
            for owed in &told.owed {
                *counts.owed.entry(owed.target.to_string()).or_default() += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;
