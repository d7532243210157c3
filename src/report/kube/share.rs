//! What several releases write that share the documents. A phone's status is written by whoever keeps its record. A
//! profile has phones of several, and so has a site that selectors of two have: each tells of its own in an entry of
//! `status.shards`, and the rest of the status follows from all entries, so that all come to the same one.

use serde_json::{Map, Value, json};

use crate::{
    fleet::tally::LayerTally,
    source::kube::Resource,
    spec::{Labels, Selector},
};

/// As which one of several releases this one tells.
#[derive(Debug, Clone)]
pub struct Share {
    /// Its name.
    pub shard: String,
    /// The sites that it serves.
    pub selector: Selector,
}

impl Share {
    /// Whether it serves a site, or has told something of it that is to be taken back.
    pub(super) fn has_site(&self, site: &Resource) -> bool {
        let told = site.status().get("shards").and_then(Value::as_array).into_iter().flatten();
        if told.filter_map(|entry| entry.get("name")?.as_str()).any(|name| name == self.shard) {
            return true;
        }
        let labels = site.labels().as_object().into_iter().flatten();
        let labels: Labels = labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
        self.selector.matches(&labels)
    }
}

/// The counts of one release.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    name: String,
    observed: i64,
    tally: LayerTally,
}

impl Entry {
    fn read(value: &Value) -> Option<Self> {
        let count = |name: &str| {
            value.get(name).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok()).unwrap_or_default()
        };
        Some(Self {
            name: value.get("name")?.as_str()?.to_owned(),
            observed: value.get("observedGeneration").and_then(Value::as_i64).unwrap_or_default(),
            tally: LayerTally {
                phones: count("phones"),
                in_sync: count("inSync"),
                suspended: count("suspended"),
                pending: count("pending"),
                awaited: count("awaited"),
                drifted: count("drifted"),
                ..LayerTally::default()
            },
        })
    }

    fn value(&self) -> Value {
        let LayerTally { phones, in_sync, suspended, pending, awaited, drifted, .. } = self.tally;
        json!({
            "name": self.name, "observedGeneration": self.observed, "phones": phones, "inSync": in_sync,
            "suspended": suspended, "pending": pending, "awaited": awaited, "drifted": drifted,
        })
    }
}

/// The sum of all releases.
#[derive(Debug, PartialEq)]
pub(super) struct Sum {
    pub(super) tally: LayerTally,
    /// The newest generation that one of them has taken over.
    pub(super) observed: Option<i64>,
    /// One that has not taken it over yet.
    pub(super) behind: Option<String>,
    entries: Vec<Entry>,
}

impl Sum {
    /// Of what stands in the status, with what this release has to tell. One that has no phones here has no entry.
    /// `kept` = its own counts stand as they were told, if they are of as many phones.
    pub(super) fn of(shard: &str, tally: LayerTally, kept: bool, observed: Option<i64>, stands: &Value) -> Self {
        let known = stands.get("shards").and_then(Value::as_array).into_iter().flatten();
        let mut entries: Vec<Entry> = known.filter_map(Entry::read).collect();
        let place = entries.iter().position(|entry| entry.name == shard);
        // before the documents are read it is as it was told
        let before = place.and_then(|place| entries.get(place)).cloned();
        let own = observed.or(before.as_ref().map(|entry| entry.observed));
        let same = before.filter(|entry| kept && entry.tally.phones == tally.phones && Some(entry.observed) == own);
        let tally = same.map_or(tally, |entry| entry.tally);
        let own = own.map(|observed| Entry { name: shard.to_owned(), observed, tally });
        match (place, own.filter(|entry| entry.tally.phones > 0)) {
            (Some(place), Some(own)) => entries.splice(place..=place, [own]).for_each(drop),
            (Some(place), None) => drop(entries.remove(place)),
            (None, Some(own)) => entries.push(own),
            (None, None) => {}
        }
        let told = stands.get("observedGeneration").and_then(Value::as_i64);
        let newest = entries.iter().map(|entry| entry.observed).chain(observed).chain(told).max();
        let behind = entries.iter().find(|entry| Some(entry.observed) < newest).map(|entry| entry.name.clone());
        let mut sum = LayerTally::default();
        for Entry { tally, .. } in &entries {
            sum.phones += tally.phones;
            sum.in_sync += tally.in_sync;
            sum.suspended += tally.suspended;
            sum.pending += tally.pending;
            sum.awaited += tally.awaited;
            sum.drifted += tally.drifted;
        }
        Self { tally: sum, observed: newest, behind, entries }
    }

    /// Puts the entries into a status.
    pub(super) fn put(&self, status: &mut Map<String, Value>) {
        if !self.entries.is_empty() {
            status.insert("shards".to_owned(), self.entries.iter().map(Entry::value).collect());
        }
    }
}

/// Whether the status of a brake or an approval that another release wrote goes before what this one would say: what was
/// done goes before what could not be, and that before what waits.
pub(super) fn stays(now: &Value, stands: &Value) -> bool {
    let rank = |status: &Value| match status.get("state").and_then(Value::as_str) {
        Some("Waits") => 1,
        Some("Refused") => 2,
        Some("On" | "Approved") => 3,
        Some("Over") => 4,
        _ => 0,
    };
    let same = now.get("observedGeneration") == stands.get("observedGeneration");
    same && rank(now) <= rank(stands)
}

/// What is said of a profile that one of them has not taken over.
pub(super) fn behind_message(shard: &str) -> String {
    format!("the release {shard} has not taken it over yet")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(phones: usize, in_sync: usize) -> LayerTally {
        LayerTally { phones, in_sync, pending: phones - in_sync, awaited: phones - in_sync, ..LayerTally::default() }
    }

    fn status(sum: &Sum) -> Value {
        let mut status = Map::new();
        status.insert("observedGeneration".to_owned(), json!(sum.observed));
        sum.put(&mut status);
        Value::Object(status)
    }

    #[test]
    fn releases_come_to_the_same_status_and_then_say_no_more() {
        let first = Sum::of("north", tally(3, 3), false, Some(1), &Value::Null);
        let both = Sum::of("south", tally(2, 1), false, Some(1), &status(&first));
        assert_eq!((both.tally.phones, both.tally.in_sync, both.tally.pending, both.observed), (5, 4, 1, Some(1)));
        assert_eq!(status(&Sum::of("north", tally(3, 3), false, Some(1), &status(&both))), status(&both));
        assert_eq!(status(&Sum::of("south", tally(2, 1), false, Some(1), &status(&both))), status(&both));
    }

    #[test]
    fn who_is_behind_is_waited_for_and_who_has_no_phones_is_not() {
        let both = status(&Sum::of(
            "south",
            tally(2, 2),
            false,
            Some(1),
            &status(&Sum::of("north", tally(3, 3), false, Some(1), &Value::Null)),
        ));
        let newer = Sum::of("north", tally(3, 3), false, Some(2), &both);
        assert_eq!((newer.observed, newer.behind.as_deref()), (Some(2), Some("south")));
        // the one behind says the same of itself
        assert_eq!(Sum::of("south", tally(2, 2), false, Some(1), &status(&newer)), newer);
        let gone = Sum::of("south", tally(0, 0), false, Some(1), &status(&newer));
        assert_eq!((gone.behind, gone.tally.phones), (None, 3));
        // a process that has read no documents yet says nothing new
        let unread = Sum::of("north", tally(3, 3), false, None, &status(&newer));
        assert_eq!(status(&unread), status(&newer));
        // nor does one that has not read its phones yet, unless they are others
        let kept = |phones| status(&Sum::of("north", tally(phones, 0), true, Some(2), &status(&newer)));
        assert_eq!(kept(3), status(&newer));
        assert_eq!(kept(4)["shards"][0]["inSync"], 0);
    }

    #[test]
    fn what_was_done_by_one_release_is_not_taken_back_by_another() {
        let told = |state: &str, generation: i64| json!({"state": state, "observedGeneration": generation});
        assert!(stays(&told("Refused", 1), &told("On", 1)) && stays(&told("Waits", 1), &told("Refused", 1)));
        assert!(!stays(&told("On", 1), &told("Refused", 1)) && !stays(&told("Over", 1), &told("On", 1)));
        assert!(!stays(&told("Refused", 2), &told("On", 1)) && !stays(&told("Waits", 1), &Value::Null));
    }
}
