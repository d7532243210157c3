//! Which items exist and what they mean (R-1201 to R-1219).
//!
//! - `items.csv`: what is publicly known, as data; an overlay of the same form corrects and extends it
//! - [`item_type`]: one row, and the words of its columns
//! - [`index_set`]: which indexes an item takes
//! - [`parse`]: from CSV to item types, all problems at once
//! - `check`, `check_item`: whether a document may hold that value, or that item at all; the wire form
//! - `compare`: whether two texts mean the same
//! - [`group`]: what belongs together in one message
//! - [`lockout`]: which items can lose a phone, which only lock people out, which take effect with a restart
//! - `old_firmware`: what firmware of old takes otherwise, or not at all
//! - `rules`: what holds for single names and has no column
//! - `syntax`: the shapes of numbers, host names, URIs, MAC addresses
//! - `table`: finds a row by its name
//! - `closest`: the name a person may have meant
//! - [`finding`]: what is wrong, and how heavily it weighs

mod check;
mod check_item;
mod closest;
mod compare;
pub mod finding;
pub mod group;
pub mod index_set;
pub mod item_type;
pub mod lockout;
mod old_firmware;
pub mod parse;
mod rules;
mod syntax;
mod table;

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use sha2::{Digest as _, Sha256};
use smol_str::{SmolStr, SmolStrBuilder};

pub use check::TEXT_LIMIT;
pub use finding::{Finding, Severity};
pub use group::GroupKey;
pub use index_set::IndexSet;
pub use item_type::{Access, Effect, EnumValue, Evidence, ItemType, Kind, Owner};
pub use lockout::Lockout;
pub use parse::OverlayError;
pub use rules::NULL;

use crate::wpi::{FirmwareProfile, Item, ItemId, item::sounds_secret};
use table::Table;

static BUILTIN: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let parsed = parse::parse(include_str!("items.csv"), &[]);
    Arc::new(Catalogue::of(parsed.items))
});

/// A value as it stands in a document, before the catalogue has looked at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// A YAML string (quoted, or plain text that YAML reads as a string).
    Text(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// A YAML integer.
    Integer(i64),
    /// Any other YAML number; the raw text.
    Number(&'a str),
    /// null.
    Null,
}

/// The catalogue: what is built in, corrected and extended by an overlay. A clone shares the rows.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Sorted by name, each name once.
    items: Arc<[ItemType]>,
    table: Arc<Table>,
}

impl Catalogue {
    fn of(items: Vec<ItemType>) -> Self {
        Self { table: Arc::new(Table::new(&items)), items: items.into() }
    }

    /// The catalogue that is built in (parsed once).
    pub fn builtin() -> Arc<Self> {
        Arc::clone(&BUILTIN)
    }

    /// This catalogue with the rows of an overlay file (same columns, in any order, of which only `name` is needed) in
    /// place of or beside its own. Errors name line and column; all are reported at once.
    pub fn with_overlay(&self, csv: &str) -> Result<Self, Vec<OverlayError>> {
        let parsed = parse::parse(csv, &self.items);
        if parsed.errors.is_empty() { Ok(Self::of(parsed.items)) } else { Err(parsed.errors) }
    }

    /// What tells this catalogue from others: 16 hex digits over all of its rows.
    pub fn print(&self) -> SmolStr {
        let hash = Sha256::digest(format!("{:?}", self.items));
        hash.iter()
            .take(8)
            .fold(SmolStrBuilder::new(), |mut print, byte| {
                let _ = write!(print, "{byte:02x}");
                print
            })
            .finish()
    }

    /// The type of an item, where it is known.
    pub fn get(&self, name: &str) -> Option<&ItemType> {
        self.items.get(self.row(name)?)
    }

    /// Which of [`Self::names`] this is, counted from 0.
    pub fn row(&self, name: &str) -> Option<usize> {
        self.table.row(name)
    }

    /// The name of that row.
    pub fn name(&self, row: usize) -> Option<&str> {
        Some(self.items.get(row)?.name.as_str())
    }

    fn class(&self, name: &str) -> Option<table::Class> {
        self.table.class(self.row(name)?)
    }

    /// All types, by name.
    pub fn iter(&self) -> impl Iterator<Item = &ItemType> {
        self.items.iter()
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.items.iter().map(|item| item.name.as_str())
    }

    /// The known name that a person who wrote `name` may have meant: another case, or at most two slips.
    pub fn closest(&self, name: &str) -> Option<&str> {
        closest::closest(name, self.names())
    }

    /// Effect of a wrong value; an unknown item counts as lockout.
    pub fn effect(&self, name: &str) -> Effect {
        self.get(name).map_or(Effect::Lockout, |item| item.effect)
    }

    /// Who sets it; an unknown item counts as admin.
    pub fn owner(&self, name: &str) -> Owner {
        self.get(name).map_or(Owner::Admin, |item| item.owner)
    }

    /// Whether values of that name are never shown: type secret or binary-base64, or a name of R-1109.
    pub fn is_secret(&self, name: &str) -> bool {
        self.class(name).map_or_else(|| sounds_secret(name), |class| class.secret)
    }

    /// Whether the item takes part in comparisons; those of R-1212 do not.
    pub fn compares(&self, name: &str) -> bool {
        let never = self.class(name).map(|class| class.never_compared);
        !never.unwrap_or_else(|| rules::never_compared(name, None))
    }

    /// Whether two texts mean the same (R-1201 to R-1208); `None` = absent. Empty, absent and `NULL` are equal.
    /// Reflexive, symmetric and transitive for each name.
    pub fn same(&self, name: &str, a: Option<&str>, b: Option<&str>) -> bool {
        compare::same(name, self.get(name).map_or(Kind::Unknown, |item| item.kind), a, b)
    }

    /// The wire text that clears an item: `NULL` for address-like items, else empty (R-1203). Booleans and enumerations
    /// cannot be cleared (R-1204): `None`.
    pub fn cleared(&self, name: &str) -> Option<&'static str> {
        match self.get(name).map(|item| item.kind) {
            Some(Kind::Boolean | Kind::Enum) => None,
            _ => Some(rules::cleared(name)),
        }
    }

    /// The wire text of an item's default, where one is known; "default NULL" is the text that clears it.
    pub fn default_text(&self, name: &str) -> Option<&str> {
        match self.get(name)?.default.as_deref()? {
            NULL => self.cleared(name),
            default => Some(default),
        }
    }

    /// What belongs together with this item (R-1210).
    pub fn group(&self, id: &ItemId) -> GroupKey {
        group::group(id, self.get(id.name.as_str()))
    }

    /// Checks one value of one document and gives its wire form (canonical text: booleans `true`/`false`, numbers
    /// decimal, text as it is; `""` clears: R-1203 gives `NULL` for address-like items and an empty text for others).
    /// The text is `None` when any finding is an error. For secrets a plain value is an error that does not quote it.
    pub fn check(&self, id: &ItemId, value: Scalar<'_>) -> (Option<String>, Vec<Finding>) {
        let name = id.name.as_str();
        check::check(id, self.get(name), self.is_secret(name), value)
    }

    /// Checks index, access and owner of an item in `items`, apart from its value. Items of owner report or action and
    /// read-only items are errors; an unknown item is no finding.
    pub fn check_item(&self, id: &ItemId) -> Vec<Finding> {
        self.get(id.name.as_str()).map_or_else(Vec::new, |item| check_item::check_item(id, item))
    }

    /// Whether this phone can take the item; `Some(reason)` when its firmware cannot (R-616, R-1213, R-1208).
    pub fn refuses(&self, profile: &FirmwareProfile, item: &Item) -> Option<&'static str> {
        old_firmware::refuses(profile, item)
    }

    /// The text of an item in the form that this phone takes, where that is another than the canonical one;
    /// `reported` = what the phone said of it.
    pub fn form_for(&self, profile: &FirmwareProfile, item: &Item, reported: Option<&str>) -> Option<String> {
        old_firmware::form_for(profile, item, reported)
    }

    /// The other way to clear this item, where `text` is one (R-1203): phones differ in which of `NULL` and empty they
    /// take. Booleans and enumerations have none (R-1204).
    pub fn cleared_otherwise(&self, name: &str, text: &str) -> Option<&'static str> {
        self.cleared(name)?;
        match text {
            "" => Some(NULL),
            NULL => Some(""),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
pub(crate) mod tests;
