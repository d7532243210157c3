//! Items: one setting on the wire is a name, an optional index and a text.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::secret::{MASK, Secret};

/// Longest item name that is taken over from a message or a document, in bytes.
pub const NAME_LIMIT: usize = 255;

/// The exact, case-sensitive name of an item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr", into = "SmolStr")]
pub struct ItemName(SmolStr);

/// Why a text is not an item name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty.
    #[error("an item name must not be empty")]
    Empty,
    /// The name is longer than [`NAME_LIMIT`].
    #[error("an item name has at most {NAME_LIMIT} bytes")]
    TooLong,
    /// The name holds white space or a control character.
    #[error("an item name has no white space and no control characters")]
    Characters,
}

impl ItemName {
    /// Checks and takes over a name.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > NAME_LIMIT {
            return Err(NameError::TooLong);
        }
        let plain = name.bytes().all(|b| b.is_ascii_graphic());
        if !plain && name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(NameError::Characters);
        }
        Ok(Self(SmolStr::new(name)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name alone says that the value is a secret (R-1109), whatever a catalogue knows.
    pub fn sounds_secret(&self) -> bool {
        sounds_secret(&self.0)
    }
}

/// Whether `name` is one of those whose values are never shown (R-1109).
pub fn sounds_secret(name: &str) -> bool {
    const ENDINGS: [&str; 7] = ["pwd", "pwd-unicode", "pwd-hash", "passwd", "password", "pin", "tan"];
    const NAMES: [&str; 4] =
        ["cloud-pin-value", "secure-mode-data", "dls-client-certificate", "wbm-server-certificate"];
    ENDINGS.iter().any(|end| name.ends_with(end)) || NAMES.contains(&name) || name.starts_with("userdata-")
}

impl TryFrom<SmolStr> for ItemName {
    type Error = NameError;
    fn try_from(name: SmolStr) -> Result<Self, NameError> {
        Self::new(&name)
    }
}

impl From<ItemName> for SmolStr {
    fn from(name: ItemName) -> Self {
        name.0
    }
}

impl fmt::Debug for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of one instance of an item; 0 is a number like any other and differs from none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Index(pub u32);

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What identifies an item on a phone: name and index. Shows as `name` or `name[3]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemId {
    /// The name.
    pub name: ItemName,
    /// The index, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Index>,
}

impl ItemId {
    /// Puts a name and an index together.
    pub fn new(name: ItemName, index: Option<Index>) -> Self {
        Self { name, index }
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            None => self.name.fmt(f),
            Some(index) => write!(f, "{}[{index}]", self.name),
        }
    }
}

/// The text of an item: plain, or in custody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemText {
    /// May be shown.
    Plain(SmolStr),
    /// Never shows.
    Secret(Secret),
}

impl ItemText {
    /// No text.
    pub const EMPTY: Self = Self::Plain(SmolStr::new_static(""));

    /// Plain text.
    pub fn plain(text: impl Into<SmolStr>) -> Self {
        Self::Plain(text.into())
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Plain(text) => text.is_empty(),
            Self::Secret(secret) => secret.is_empty(),
        }
    }

    /// The text, unless it is a secret.
    pub fn as_plain(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Secret(_) => None,
        }
    }

    /// Whether `<`, `>` or `&` is in it, which old firmware does not decode; nothing else of a secret is told.
    pub fn has_markup(&self) -> bool {
        let text = match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        };
        text.contains(['<', '>', '&'])
    }

    /// Whether it is six digits, as passwords of old firmware are (R-1213); nothing else of a secret is told.
    pub fn is_six_digits(&self) -> bool {
        let text = match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        };
        text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The text as people may see it: a secret is masked.
    pub fn shown(&self) -> &str {
        self.as_plain().unwrap_or(MASK)
    }
}

/// What a phone says of an item it could not serve; unknown words are kept as they came.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ItemStatus {
    /// `failed`: not accepted, not saved; in reports: no value.
    Failed,
    /// `unknown item`: this phone does not know the name.
    UnknownItem,
    /// `read only`: cannot be written.
    ReadOnly,
    /// `invalid index`: out of range or senseless.
    InvalidIndex,
    /// `unexpected item`: not expected here.
    UnexpectedItem,
    /// `not supported`: not implemented on this model or firmware.
    NotSupported,
    /// `invalid data`: wrong type or range.
    InvalidData,
    /// `undefined status`: any other problem.
    UndefinedStatus,
    /// Any other word, verbatim.
    Other(SmolStr),
}

impl ItemStatus {
    /// Reads the word of the wire; every word is a status.
    pub fn from_wire(word: &str) -> Self {
        match word {
            "failed" => Self::Failed,
            "unknown item" => Self::UnknownItem,
            "read only" => Self::ReadOnly,
            "invalid index" => Self::InvalidIndex,
            "unexpected item" => Self::UnexpectedItem,
            "not supported" => Self::NotSupported,
            "invalid data" => Self::InvalidData,
            "undefined status" => Self::UndefinedStatus,
            other => Self::Other(SmolStr::new(other)),
        }
    }

    /// The word of the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Failed => "failed",
            Self::UnknownItem => "unknown item",
            Self::ReadOnly => "read only",
            Self::InvalidIndex => "invalid index",
            Self::UnexpectedItem => "unexpected item",
            Self::NotSupported => "not supported",
            Self::InvalidData => "invalid data",
            Self::UndefinedStatus => "undefined status",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for ItemStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ItemStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ItemStatus {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_wire(&SmolStr::deserialize(deserializer)?))
    }
}

/// One item of a message: identity, text, and the phone's word where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Name and index.
    pub id: ItemId,
    /// The value.
    pub text: ItemText,
    /// The phone's word on a problem; also `secure`, sent by servers on mobile logon.
    pub status: Option<ItemStatus>,
}

impl Item {
    /// An item with a plain text and no status.
    pub fn plain(id: ItemId, text: impl Into<SmolStr>) -> Self {
        Self { id, text: ItemText::plain(text), status: None }
    }
}
