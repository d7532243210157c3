//! How entries lie one behind the other: a tag, the index, the name or its number, the value.

use std::sync::{Arc, LazyLock};

use super::{Entry, ObservedSet, Seen};
use crate::{
    catalogue::Catalogue,
    wpi::{Index, ItemStatus},
};

/// Longest value that is kept, in bytes; a longer one is kept as a status.
pub(super) const VALUE_LIMIT: usize = 16 * 1024;

/// Bits of an entry's tag.
const STATUS: u8 = 1;
const INDEXED: u8 = 2;
const KNOWN: u8 = 4;

/// The built-in catalogue: which row of it a name stands in takes two bytes. Good for one run only, so the store keeps
/// names.
static KNOWN_NAMES: LazyLock<Arc<Catalogue>> = LazyLock::new(Catalogue::builtin);

pub(super) fn number_of(name: &str) -> Option<u16> {
    u16::try_from(KNOWN_NAMES.row(name)?).ok()
}

/// Iterates over an [`ObservedSet`].
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    pub(super) rest: &'a [u8],
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
pub(super) fn bearable(seen: Seen<'_>) -> Seen<'_> {
    match seen {
        Seen::Text(text) if text.len() > VALUE_LIMIT => Seen::Status("value too long to keep"),
        Seen::Status(word) if word.len() > VALUE_LIMIT => Seen::Status(ItemStatus::UndefinedStatus.as_str()),
        seen => seen,
    }
}

#[derive(Default)]
pub(super) struct Packer(Vec<u8>);

impl Packer {
    pub(super) fn entry(&mut self, entry: &Entry<'_>) {
        self.push(entry.name, entry.index, entry.seen);
    }

    pub(super) fn push(&mut self, name: &str, index: Option<Index>, seen: Seen<'_>) {
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

    pub(super) fn finish(self) -> ObservedSet {
        ObservedSet { packed: self.0.into_boxed_slice() }
    }
}
