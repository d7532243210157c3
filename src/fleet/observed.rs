//! What a phone reported of its managed items, packed: 10,000 phones are kept in memory.

use std::{
    cmp::Ordering,
    iter::Peekable,
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::record::{Observation, Observed, ObservedValue};
use crate::{
    catalogue::Catalogue,
    wpi::{Index, Item, ItemId, ItemName, ItemStatus, ItemText},
};

/// Longest value that is kept, in bytes; a longer one is kept as a status.
const VALUE_LIMIT: usize = 16 * 1024;

/// Bits of an entry's tag.
const STATUS: u8 = 1;
const INDEXED: u8 = 2;
const KNOWN: u8 = 4;

/// The built-in catalogue: which row of it a name stands in takes two bytes. Good for one run only, so the store keeps
/// names.
static KNOWN_NAMES: LazyLock<Arc<Catalogue>> = LazyLock::new(Catalogue::builtin);

fn number_of(name: &str) -> Option<u16> {
    u16::try_from(KNOWN_NAMES.row(name)?).ok()
}

/// A text as it is kept, or the phone's word on why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// The text.
    Text(&'a str),
    /// The phone's word.
    Status(&'a str),
}

impl Seen<'_> {
    /// The text, if there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Status(_) => None,
        }
    }

    fn to_value(self) -> ObservedValue {
        match self {
            Seen::Text(text) => ObservedValue::Text(SmolStr::new(text)),
            Seen::Status(word) => ObservedValue::Status(ItemStatus::from_wire(word)),
        }
    }
}

/// Observed items, sorted by name and index, in one allocation.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ObservedSet {
    packed: Box<[u8]>,
}

/// One entry of an [`ObservedSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Name.
    pub name: &'a str,
    /// Index, if any.
    pub index: Option<Index>,
    /// What was reported.
    pub seen: Seen<'a>,
}

impl Entry<'_> {
    /// How this entry sorts against an id.
    pub fn cmp_id(&self, id: &ItemId) -> Ordering {
        self.name.cmp(id.name.as_str()).then(self.index.cmp(&id.index))
    }
}

impl ObservedSet {
    /// Nothing observed.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// All entries, in order.
    pub fn iter(&self) -> Entries<'_> {
        Entries { rest: &self.packed }
    }

    /// The entry of that id.
    pub fn get(&self, id: &ItemId) -> Option<Seen<'_>> {
        self.iter().find(|entry| entry.cmp_id(id).is_eq()).map(|entry| entry.seen)
    }

    /// This set with those entries of `newer` that are wanted in place of or beside its own; `None` = it would not
    /// change, which is what most reads find. All sorted, so one walk does it.
    pub fn renewed<'a>(
        &self,
        newer: &Readings,
        wanted: impl IntoIterator<Item = &'a ItemId, IntoIter: Clone>,
    ) -> Option<Self> {
        let all_wanted = wanted.into_iter();
        let (mut wanted, mut own) = (all_wanted.clone().peekable(), self.iter().peekable());
        let known = newer.0.iter().all(|(id, value)| {
            find(&mut wanted, |wanted| (*wanted).cmp(id)).is_none()
                || find(&mut own, |entry| entry.cmp_id(id))
                    .is_some_and(|entry| entry.seen == bearable(value_ref(value)))
        });
        if known {
            return None;
        }
        let mut wanted = all_wanted.peekable();
        let set = self.merged(newer.0.iter().filter(|(id, _)| find(&mut wanted, |wanted| (*wanted).cmp(id)).is_some()));
        (set != *self).then_some(set)
    }

    /// This set with `newer`, sorted, in place of or beside its own entries.
    fn merged<'a>(&self, newer: impl IntoIterator<Item = &'a Reading>) -> Self {
        let mut packer = Packer::default();
        let mut old = self.iter().peekable();
        for (id, value) in newer {
            while let Some(entry) = old.next_if(|entry| entry.cmp_id(id).is_lt()) {
                packer.entry(&entry);
            }
            old.next_if(|entry| entry.cmp_id(id).is_eq());
            packer.push(id.name.as_str(), id.index, value_ref(value));
        }
        old.for_each(|entry| packer.entry(&entry));
        packer.finish()
    }

    /// All that was read in one session.
    pub fn of(readings: &Readings) -> Self {
        Self::default().merged(&readings.0)
    }

    /// This set with those entries of an older one that it does not have.
    pub fn beside(&self, older: &Self) -> Self {
        let mut packer = Packer::default();
        let place = |entry: &Entry<'_>| (entry.name.to_owned(), entry.index);
        let mut own = self.iter().peekable();
        for entry in older {
            while let Some(mine) = own.next_if(|mine| place(mine) < place(&entry)) {
                packer.entry(&mine);
            }
            if own.peek().is_none_or(|mine| place(mine) != place(&entry)) {
                packer.entry(&entry);
            }
        }
        own.for_each(|mine| packer.entry(&mine));
        packer.finish()
    }

    /// Only the entries that are in `ids`, which is sorted.
    pub fn restricted<'a>(&self, ids: impl IntoIterator<Item = &'a ItemId>) -> Self {
        let mut ids = ids.into_iter().peekable();
        let mut packer = Packer::default();
        for entry in self {
            while ids.next_if(|id| entry.cmp_id(id).is_gt()).is_some() {}
            if ids.peek().is_some_and(|id| entry.cmp_id(id).is_eq()) {
                packer.entry(&entry);
            }
        }
        packer.finish()
    }

    /// As the store keeps it.
    pub fn to_record(&self, at: Timestamp) -> Observation {
        let items = self
            .iter()
            .filter_map(|entry| {
                let name = ItemName::new(entry.name).ok()?;
                Some(Observed { id: ItemId::new(name, entry.index), value: entry.seen.to_value() })
            })
            .collect();
        Observation { at, items }
    }

    /// From what the store kept.
    pub fn from_record(observation: &Observation) -> Self {
        let readings =
            Readings::new(observation.items.iter().map(|item| (item.id.clone(), item.value.clone())).collect());
        Self::default().merged(&readings.0)
    }
}

impl std::fmt::Debug for ObservedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn value_ref(value: &ObservedValue) -> Seen<'_> {
    match value {
        ObservedValue::Text(text) => Seen::Text(text),
        ObservedValue::Status(status) => Seen::Status(status.as_str()),
    }
}

impl<'a> IntoIterator for &'a ObservedSet {
    type Item = Entry<'a>;
    type IntoIter = Entries<'a>;
    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// Iterates over an [`ObservedSet`].
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    fn number(&mut self, len: usize) -> Option<u32> {
        let bytes = self.take(len)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn text(&mut self, len: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(len)?).ok()
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let tag = self.number(1)?;
        let has = |bit: u8| tag & u32::from(bit) != 0;
        let index = if has(INDEXED) { Some(Index(self.number(4)?)) } else { None };
        let name = if has(KNOWN) {
            KNOWN_NAMES.name(self.number(2)? as usize)?
        } else {
            let len = self.number(1)?;
            self.text(len as usize)?
        };
        let value_len = self.number(2)?;
        let value = self.text(value_len as usize)?;
        let seen = if has(STATUS) { Seen::Status(value) } else { Seen::Text(value) };
        Some(Entry { name, index, seen })
    }
}

/// What is kept of a text or a word.
fn bearable(seen: Seen<'_>) -> Seen<'_> {
    match seen {
        Seen::Text(text) if text.len() > VALUE_LIMIT => Seen::Status("value too long to keep"),
        Seen::Status(word) if word.len() > VALUE_LIMIT => Seen::Status(ItemStatus::UndefinedStatus.as_str()),
        seen => seen,
    }
}

/// Goes on in a sorted list to the entry that `order` calls equal, if it is there, and takes it; stops before what is
/// greater.
pub(super) fn find<I: Iterator>(list: &mut Peekable<I>, order: impl Fn(&I::Item) -> Ordering) -> Option<I::Item> {
    while let Some(entry) = list.peek() {
        match order(entry) {
            Ordering::Less => drop(list.next()),
            Ordering::Equal => return list.next(),
            Ordering::Greater => return None,
        }
    }
    None
}

#[derive(Default)]
struct Packer(Vec<u8>);

impl Packer {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.push(entry.name, entry.index, entry.seen);
    }

    fn push(&mut self, name: &str, index: Option<Index>, seen: Seen<'_>) {
        let (status, value) = match bearable(seen) {
            Seen::Text(text) => (0, text),
            Seen::Status(word) => (STATUS, word),
        };
        let (Ok(name_len), Ok(value_len)) = (u8::try_from(name.len()), u16::try_from(value.len())) else { return };
        let known = number_of(name);
        let indexed = if index.is_some() { INDEXED } else { 0 };
        self.0.push(status | indexed | if known.is_some() { KNOWN } else { 0 });
        if let Some(Index(number)) = index {
            self.0.extend(number.to_le_bytes());
        }
        if let Some(number) = known {
            self.0.extend(number.to_le_bytes());
        } else {
            self.0.push(name_len);
            self.0.extend(name.as_bytes());
        }
        self.0.extend(value_len.to_le_bytes());
        self.0.extend(value.as_bytes());
    }

    fn finish(self) -> ObservedSet {
        ObservedSet { packed: self.0.into_boxed_slice() }
    }
}

/// What one session read: sorted, each id once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings(Vec<Reading>);

type Reading = (ItemId, ObservedValue);

impl Readings {
    /// Sorts; of two readings of one id the later wins.
    pub fn new(mut readings: Vec<(ItemId, ObservedValue)>) -> Self {
        let in_order = readings.is_sorted_by(|a, b| a.0 < b.0);
        if !in_order {
            readings.sort_by(|a, b| a.0.cmp(&b.0));
            readings.dedup_by(|later, first| {
                let same = later.0 == first.0;
                if same {
                    std::mem::swap(later, first);
                }
                same
            });
        }
        Self(readings)
    }

    /// The items of a reply. Values that the catalogue calls secret are dropped (R-1109).
    pub fn from_items(items: Vec<Item>, catalogue: &Catalogue) -> Self {
        let readings = items
            .into_iter()
            .filter(|item| !catalogue.is_secret(item.id.name.as_str()))
            .map(|item| {
                let value = match (item.status, item.text) {
                    (Some(status), _) => ObservedValue::Status(status),
                    (None, ItemText::Plain(text)) => ObservedValue::Text(text),
                    (None, ItemText::Secret(_)) => ObservedValue::Text(SmolStr::default()),
                };
                (item.id, value)
            })
            .collect();
        Self::new(readings)
    }

    /// Adds an absent value for each of `ids` (sorted) that the phone did not mention although it was asked.
    pub fn with_absent<'a>(self, ids: impl IntoIterator<Item = &'a ItemId>) -> Self {
        let mut known = self.0.iter().peekable();
        let absent: Vec<_> = ids
            .into_iter()
            .filter(|id| find(&mut known, |reading| reading.0.cmp(id)).is_none())
            .map(|id| (id.clone(), ObservedValue::Text(SmolStr::default())))
            .collect();
        if absent.is_empty() {
            return self;
        }
        let mut all = self.0;
        all.extend(absent);
        Self::new(all)
    }

    /// What was read of that id.
    pub fn get(&self, id: &ItemId) -> Option<&ObservedValue> {
        let place = self.0.binary_search_by(|reading| reading.0.cmp(id)).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// Puts a status in place of each of `ids`.
    pub fn with_status<'a>(self, ids: impl IntoIterator<Item = &'a ItemId>, status: &ItemStatus) -> Self {
        let mut all = self.0;
        all.extend(ids.into_iter().map(|id| (id.clone(), ObservedValue::Status(status.clone()))));
        Self::new(all)
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &ItemId> {
        self.0.iter().map(|(id, _)| id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str, index: Option<u32>) -> ItemId {
        ItemId::new(ItemName::new(name).unwrap(), index.map(Index))
    }

    fn text(value: &str) -> ObservedValue {
        ObservedValue::Text(SmolStr::new(value))
    }

    #[test]
    fn index_zero_and_no_index_are_two_items() {
        let readings = Readings::new(vec![(id("a", Some(0)), text("zero")), (id("a", None), text("none"))]);
        let set = ObservedSet::default().merged(&readings.0);
        assert_eq!(set.get(&id("a", None)), Some(Seen::Text("none")));
        assert_eq!(set.get(&id("a", Some(0))), Some(Seen::Text("zero")));
        assert_eq!(set.get(&id("a", Some(1))), None);
    }

    #[test]
    fn of_two_readings_the_later_wins() {
        let readings = Readings::new(vec![(id("a", None), text("old")), (id("a", None), text("new"))]);
        assert_eq!(readings.len(), 1);
        let set = ObservedSet::default().merged(&readings.0);
        assert_eq!(set.get(&id("a", None)), Some(Seen::Text("new")));
    }

    #[test]
    fn known_and_unknown_names_stand_side_by_side_in_order() {
        let names = ["a-new-item", "e164", "sntp-addr", "zz-new-item"];
        let list: Vec<_> = names.iter().map(|name| (id(name, None), text("x"))).collect();
        let set = ObservedSet::default().merged(&Readings::new(list).0);
        assert_eq!(set.iter().map(|entry| entry.name).collect::<Vec<_>>(), names);
        assert!(set.packed.len() < names.concat().len() + 4 * 5, "known names take no room");
        assert!(Catalogue::builtin().names().all(|name| number_of(name).is_some()));
    }

    #[test]
    fn a_value_too_long_to_keep_never_compares_as_a_text() {
        let readings = Readings::new(vec![(id("a", None), text(&"x".repeat(VALUE_LIMIT + 1)))]);
        let set = ObservedSet::default().merged(&readings.0);
        assert!(matches!(set.get(&id("a", None)), Some(Seen::Status(_))));
    }

    proptest! {
        #[test]
        fn packing_keeps_every_item(items in prop::collection::btree_map(("[a-z-]{1,40}", prop::option::of(0u32..5000)), "[ -~äß]{0,60}", 0..60)) {
            let list: Vec<_> = items.iter().map(|((name, index), value)| (id(name, *index), text(value))).collect();
            let set = ObservedSet::default().merged(&Readings::new(list.clone()).0);
            prop_assert_eq!(set.iter().count(), list.len());
            for (id, value) in &list {
                prop_assert_eq!(set.get(id).map(Seen::to_value), Some(value.clone()));
            }
            let at = Timestamp::UNIX_EPOCH;
            prop_assert_eq!(ObservedSet::from_record(&set.to_record(at)), set.clone());
            prop_assert_eq!(set.restricted(list.iter().map(|(id, _)| id)), set);
        }
    }
}
