//! What a phone reported of its managed items, packed: 10,000 phones are kept in memory.
//!
//! - [`packed`]: how that lies in memory
//! - [`readings`]: what one session read

use std::{cmp::Ordering, iter::Peekable};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::record::{Observation, Observed, ObservedValue};
use crate::wpi::{Index, ItemId, ItemName, ItemStatus};

mod packed;
mod readings;

pub use packed::Entries;
use packed::{Packer, bearable};
use readings::Reading;
pub use readings::Readings;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        packed::{VALUE_LIMIT, number_of},
        *,
    };
    use crate::catalogue::Catalogue;

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
