//! What one session read of a phone.

use smol_str::SmolStr;

use super::find;
use crate::{
    catalogue::Catalogue,
    fleet::record::ObservedValue,
    wpi::{Item, ItemId, ItemStatus, ItemText},
};

/// What one session read: sorted, each id once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings(pub(super) Vec<Reading>);

pub(in crate::fleet) type Reading = (ItemId, ObservedValue);

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
