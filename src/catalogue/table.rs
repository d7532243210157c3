//! Finds a row by its name, and what is asked of it for each item of each session, in one step.
//!
//! Built once a catalogue. Names from outside are only looked up, never put in, so no choice of names makes it slow.

use smol_str::SmolStr;

use super::{
    item_type::{ItemType, Kind},
    rules,
};
use crate::wpi::item::sounds_secret;

/// What is asked of every item that passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    /// Never shown: by its type or by its name (R-1109).
    pub(super) secret: bool,
    /// Takes no part in comparisons (R-1212).
    pub(super) never_compared: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u32,
    /// Row number plus one; 0 = free.
    row: u32,
}

/// The rows of a catalogue by name.
#[derive(Debug)]
pub(super) struct Table {
    /// Twice as many as rows at least, a power of two: there always is a free one.
    slots: Box<[Slot]>,
    /// Name and class of each row, close together: the rows themselves are large.
    known: Box<[(SmolStr, Class)]>,
}

impl Table {
    pub(super) fn new(items: &[ItemType]) -> Self {
        let mut slots = vec![Slot::default(); (items.len() * 2).next_power_of_two().max(2)];
        let mask = slots.len() - 1;
        for (row, item) in (1_u32..).zip(items) {
            let hash = hash(&item.name);
            let mut place = hash as usize & mask;
            while slots.get(place).is_some_and(|slot| slot.row != 0) {
                place = (place + 1) & mask;
            }
            if let Some(slot) = slots.get_mut(place) {
                *slot = Slot { hash, row };
            }
        }
        let class = |item: &ItemType| Class {
            secret: matches!(item.kind, Kind::Secret | Kind::BinaryBase64) || sounds_secret(&item.name),
            never_compared: rules::never_compared(&item.name, Some(item)),
        };
        Self { slots: slots.into(), known: items.iter().map(|item| (item.name.clone(), class(item))).collect() }
    }

    /// The number of the row of that name.
    #[inline]
    pub(super) fn row(&self, name: &str) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let hash = hash(name);
        let mut place = hash as usize & mask;
        loop {
            let slot = self.slots.get(place)?;
            if slot.row == 0 {
                return None;
            }
            let row = slot.row as usize - 1;
            if slot.hash == hash && self.known.get(row).is_some_and(|(known, _)| known == name) {
                return Some(row);
            }
            place = (place + 1) & mask;
        }
    }

    /// The class of a row.
    #[inline]
    pub(super) fn class(&self, row: usize) -> Option<Class> {
        self.known.get(row).map(|(_, class)| *class)
    }
}

/// Eight bytes at a time; names are short.
#[inline]
fn hash(name: &str) -> u32 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    let mut tail = [0; 8];
    tail.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mix = |hash: u64, word: &[u8; 8]| (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    let mixed = mix(words.iter().fold(name.len() as u64, mix), &tail);
    (mixed >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::{super::Catalogue, *};

    #[test]
    fn every_row_is_found_by_its_name_and_no_other_name_finds_one() {
        let catalogue = Catalogue::builtin();
        for (row, name) in catalogue.names().enumerate() {
            assert_eq!(catalogue.row(name), Some(row), "{name}");
            for other in [format!("{name}x"), name[1..].to_owned(), name.to_ascii_uppercase() + "-"] {
                let known = catalogue.names().position(|known| known == other);
                assert_eq!(catalogue.row(&other), known, "{other}");
            }
        }
        let empty = Table::new(&[]);
        assert_eq!(empty.row("e164"), None);
    }

    #[test]
    fn no_row_stands_far_from_its_place() {
        let catalogue = Catalogue::builtin();
        let table = Table::new(&catalogue.items);
        let longest = table.slots.split(|slot| slot.row == 0).map(<[Slot]>::len).max();
        assert!(longest.is_some_and(|longest| longest < 32), "{longest:?}");
    }
}
