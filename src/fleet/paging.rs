//! Lists in pages: a [`Key`] by which a list is sorted, and a [`Part`] of it, which begins behind a key. A list that
//! changes between two pages repeats nothing and passes nothing over that stays in its place.
//!
//! Phones have an order of their own (`n:…`, `u:…`), see [`is_of_phones`]; the words of all lists are the same.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::wpi::DeviceId;

/// Most entries of one page of a list that groups phones, and the number one gets by saying nothing.
pub const LINES: usize = 1_000;

/// A list that comes in pages: what its `continue` begins with, and how many parts that has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Phones that nobody declares.
    Undeclared,
    /// Values that nobody wants any more.
    Leftovers,
    /// What is wrong with items that decide over emergency calls.
    Safety,
    /// What somebody should look at.
    Alerts,
    /// Phones that have not come back.
    Missing,
    /// Sites.
    Sites,
    /// Profiles.
    Profiles,
    /// Revisions.
    Revisions,
}

impl List {
    fn form(self) -> (&'static str, usize) {
        match self {
            Self::Undeclared => ("undeclared", 2),
            Self::Leftovers => ("leftovers", 3),
            Self::Safety => ("safety", 4),
            Self::Alerts => ("alerts", 2),
            Self::Missing => ("missing", 2),
            Self::Sites => ("sites", 1),
            Self::Profiles => ("profiles", 2),
            Self::Revisions => ("revisions", 2),
        }
    }
}

/// What an entry is sorted by: texts, the first one first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<String>);

impl Key {
    /// The key of an entry.
    pub fn of<const N: usize>(parts: [String; N]) -> Self {
        Self(parts.into())
    }

    /// The `continue` that names it.
    fn token(&self, list: List) -> String {
        let mut token = list.form().0.to_owned();
        for part in &self.0 {
            token.push(':');
            for c in part.chars() {
                match c {
                    ':' | '%' => _ = write!(token, "%{:02x}", u32::from(c)),
                    c => token.push(c),
                }
            }
        }
        token
    }

    fn read(list: List, token: &str) -> Option<Self> {
        let (name, parts) = list.form();
        let rest = token.strip_prefix(name)?.strip_prefix(':')?;
        let read: Vec<String> = rest.split(':').map(|part| part.replace("%3a", ":").replace("%25", "%")).collect();
        (read.len() == parts).then_some(Self(read))
    }
}

/// A text that sorts as the index of an item does; none comes first.
pub(super) fn of_index(index: Option<u32>) -> String {
    index.map(|index| format!("{index:010}")).unwrap_or_default()
}

/// It is no `continue` of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("continue is none of this list: give what the page before said, or begin without it")]
pub struct NoPage;

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    list: List,
    after: Option<Key>,
    limit: usize,
}

impl Part {
    /// The first so many entries.
    pub fn first(list: List, limit: usize) -> Self {
        Self { list, after: None, limit: limit.max(1) }
    }

    /// As much of a list that groups phones as one page may have.
    pub fn lines(list: List) -> Self {
        Self::first(list, LINES)
    }

    /// So many entries behind the `continue` of a page before.
    pub fn behind(list: List, token: Option<&str>, limit: usize) -> Result<Self, NoPage> {
        let after = token.map(|token| Key::read(list, token).ok_or(NoPage)).transpose()?;
        Ok(Self { after, ..Self::first(list, limit) })
    }

    /// The part of a list that is there as a whole, in the order of its keys.
    pub fn cut<V>(&self, all: impl IntoIterator<Item = (Key, V)>) -> Page<V> {
        let mut gathered = Gathered::new(self, |_| 1);
        for (key, value) in all {
            gathered.add(key, || value);
        }
        gathered.page()
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<V> {
    /// The entries.
    pub entries: Vec<V>,
    /// Where the next part begins; `None` = there is none.
    pub next: Option<String>,
    /// How much lies behind it.
    pub more: usize,
}

/// A part of a list while its entries are found in any order and some of them more than once. It holds no more entries
/// than the part has.
pub(super) struct Gathered<'p, V> {
    part: &'p Part,
    weight: fn(&V) -> usize,
    found: BTreeMap<Key, V>,
    beyond: usize,
}

impl<'p, V> Gathered<'p, V> {
    /// Nothing yet. `weight` is what an entry counts for that has no place.
    pub(super) fn new(part: &'p Part, weight: fn(&V) -> usize) -> Self {
        Self { part, weight, found: BTreeMap::new(), beyond: 0 }
    }

    /// The entry of that key, made if it is new; `None` when it is of a page before, or of a later one.
    pub(super) fn add(&mut self, key: Key, make: impl FnOnce() -> V) -> Option<&mut V> {
        if self.part.after.as_ref().is_some_and(|after| key <= *after) {
            return None;
        }
        let is_full = self.found.len() >= self.part.limit && !self.found.contains_key(&key);
        if is_full {
            if self.found.last_key_value().is_some_and(|(last, _)| *last < key) {
                self.beyond += 1;
                return None;
            }
            // whatever is put out here is larger than all that stays, so that it never comes back half counted
            self.beyond += self.found.pop_last().map_or(0, |(_, out)| (self.weight)(&out));
        }
        Some(self.found.entry(key).or_insert_with(make))
    }

    /// What was found.
    pub(super) fn page(self) -> Page<V> {
        let Self { part, found, beyond, .. } = self;
        let next = found.last_key_value().filter(|_| beyond > 0).map(|(key, _)| key.token(part.list));
        Page { entries: found.into_values().collect(), next, more: beyond }
    }
}

/// Whether it is a `continue` of a list of phones.
pub fn is_of_phones(token: &str) -> bool {
    let device = match token.split_once(':') {
        Some(("n", rest)) => rest.split_once('/').map(|(device, _)| device),
        Some(("u", device)) => Some(device),
        _ => None,
    };
    device.is_some_and(|device| DeviceId::new(device).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_in_a_row_are_the_whole_list_whatever_its_texts_and_its_order(
            mut entries in prop::collection::vec((".{0,6}", ".{0,6}"), 0..40), limit in 1usize..9,
        ) {
            let mut read: Vec<(String, String)> = Vec::new();
            let mut token: Option<String> = None;
            loop {
                let part = Part::behind(List::Alerts, token.as_deref(), limit).unwrap();
                let mut gathered = Gathered::new(&part, |(count, _): &(usize, _)| *count);
                for (a, b) in &entries {
                    if let Some((count, _)) = gathered.add(Key::of([a.clone(), b.clone()]), || (0, (a.clone(), b.clone()))) {
                        *count += 1;
                    }
                }
                let page = gathered.page();
                prop_assert!(page.entries.len() <= limit);
                prop_assert_eq!(page.more == 0, page.next.is_none());
                for (count, entry) in page.entries {
                    prop_assert_eq!(count, entries.iter().filter(|other| **other == entry).count());
                    read.push(entry);
                }
                match page.next {
                    Some(next) => token = Some(next),
                    None => break,
                }
            }
            entries.sort();
            entries.dedup();
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(token in ".{0,30}") {
            let _ = (Part::behind(List::Safety, Some(&token), 1), is_of_phones(&token));
        }
    }

    #[test]
    fn what_is_no_continue_of_this_list_is_known_as_such() {
        for wrong in ["", "alerts", "alerts:one", "alerts:a:b:c", "safety:a:b:c:d", "7", "n:00:1A:E8:00:00:01/desk"] {
            assert_eq!(Part::behind(List::Alerts, Some(wrong), 5), Err(NoPage), "{wrong}");
        }
        assert!(Part::behind(List::Alerts, Some("alerts:a:b"), 5).is_ok());
        for (token, good) in [
            ("n:00:1A:E8:00:00:01/desk", true),
            ("u:00:1A:E8:00:00:01", true),
            ("n:00:1A:E8:00:00:01", false),
            ("x:00:1A:E8:00:00:01/desk", false),
            ("17", false),
        ] {
            assert_eq!(is_of_phones(token), good, "{token}");
        }
    }
}
