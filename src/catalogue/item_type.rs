//! One row of the catalogue.

use smol_str::SmolStr;

/// What kind of value an item takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `true` / `false`
    Boolean,
    /// decimal
    Integer,
    /// decimal numbers or words
    Enum,
    /// any text
    String,
    /// never shown
    Secret,
    /// a host name or address
    Hostname,
    /// a URI
    Uri,
    /// a MAC address
    Mac,
    /// a date and time
    DateTime,
    /// base64, never shown
    BinaryBase64,
    /// not known
    Unknown,
}

/// Whether it can be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// both
    ReadWrite,
    /// only read
    ReadOnly,
    /// only written
    WriteOnly,
}

/// What a wrong value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// neither of the below
    None,
    /// emergency calls
    Safety,
    /// the phone no longer telephones
    Service,
    /// it is cut off from us
    Lockout,
}

/// Who sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// administrators
    Admin,
    /// the phone's user, in daily life
    User,
    /// writing it makes the phone do something
    Action,
    /// the phone's own word
    Report,
}

/// Where the row comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// documented: a violation is an error
    Guide(SmolStr),
    /// seen on the wire: a violation warns
    Field,
}

/// What the catalogue knows of one item.
#[derive(Debug, Clone)]
pub struct ItemType {
    /// Exact name.
    pub name: SmolStr,
    /// Kind of value.
    pub kind: Kind,
    /// Access.
    pub access: Access,
    /// Effect of a wrong value.
    pub effect: Effect,
    /// Who sets it.
    pub owner: Owner,
    /// Where the row comes from.
    pub evidence: Evidence,
    /// For people.
    pub description: SmolStr,
}
