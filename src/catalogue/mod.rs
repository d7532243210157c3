//! Which items exist and what they mean: `items.csv` as data, an overlay of the same form, validation, wire form and
//! comparison by meaning (R-1201 to R-1219).

pub mod item_type;

use std::sync::Arc;

use crate::wpi::{FirmwareProfile, Item, ItemId};
pub use item_type::{Access, Effect, Evidence, ItemType, Kind, Owner};

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

/// Whether a finding stops a document or only warns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Documented, or strict by effect: the phone's configuration is Invalid.
    Error,
    /// Inferred constraints only warn.
    Warning,
}

/// One finding on one value: what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong with which item, and what to do. Never holds a secret.
    pub message: String,
}

/// The catalogue: what is built in, corrected and extended by an overlay.
#[derive(Debug, Clone)]
pub struct Catalogue {
    _items: Arc<()>,
}

/// What belongs together in one message (R-1210): the group's name and the index, or one item on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey {
    /// Items of one group and index.
    Group(Arc<str>, Option<crate::wpi::Index>),
    /// An item on its own.
    Alone(ItemId),
}

impl Catalogue {
    /// The catalogue that is built in (parsed once).
    pub fn builtin() -> Arc<Self> {
        todo!()
    }

    /// This catalogue with the rows of an overlay file (same columns) in place of or beside its own.
    /// Errors name row and column; all are reported at once.
    pub fn with_overlay(&self, csv: &str) -> Result<Self, Vec<OverlayError>> {
        let _ = csv;
        todo!()
    }

    /// The type of an item, where it is known.
    pub fn get(&self, name: &str) -> Option<&ItemType> {
        let _ = name;
        todo!()
    }

    /// All types, by name.
    pub fn iter(&self) -> impl Iterator<Item = &ItemType> {
        std::iter::empty()
    }

    /// Effect of a wrong value; an unknown item counts as lockout.
    pub fn effect(&self, name: &str) -> Effect {
        let _ = name;
        todo!()
    }

    /// Who sets it; an unknown item counts as admin.
    pub fn owner(&self, name: &str) -> Owner {
        let _ = name;
        todo!()
    }

    /// Whether values of that name are never shown: type secret or binary-base64, or a name of R-1109.
    pub fn is_secret(&self, name: &str) -> bool {
        let _ = name;
        todo!()
    }

    /// Whether the item takes part in comparisons; those of R-1212 do not.
    pub fn compares(&self, name: &str) -> bool {
        let _ = name;
        todo!()
    }

    /// Whether two texts mean the same (R-1201 to R-1208); `None` = absent. Empty, absent and `NULL` are equal.
    pub fn same(&self, name: &str, a: Option<&str>, b: Option<&str>) -> bool {
        let _ = (name, a, b);
        todo!()
    }

    /// What belongs together with this item (R-1210).
    pub fn group(&self, id: &ItemId) -> GroupKey {
        let _ = id;
        todo!()
    }

    /// Checks one value of one document and gives its wire form (canonical text: booleans `true`/`false`, numbers
    /// decimal, text as it is; `""` clears: R-1203 gives `NULL` for address-like items and an empty text for others).
    /// The text is `None` when any finding is an error. For secrets a plain value is an error that does not quote it.
    pub fn check(&self, id: &ItemId, value: Scalar<'_>) -> (Option<String>, Vec<Finding>) {
        let _ = (id, value);
        todo!()
    }

    /// Checks name, index, access and owner of an item in `items`, apart from its value. Items of owner report or
    /// action and read-only items are errors; an unknown item is no finding.
    pub fn check_item(&self, id: &ItemId) -> Vec<Finding> {
        let _ = id;
        todo!()
    }

    /// Whether this phone can take the value; `Some(reason)` when its firmware does not decode `<`, `>`, `&`.
    pub fn refuses(&self, profile: &FirmwareProfile, item: &Item) -> Option<&'static str> {
        let _ = (profile, item);
        todo!()
    }
}

/// What is wrong with an overlay file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column:?}: {problem}")]
pub struct OverlayError {
    /// Line of the file, from 1.
    pub line: u64,
    /// Name of the column.
    pub column: String,
    /// What is wrong and what to do.
    pub problem: String,
}
