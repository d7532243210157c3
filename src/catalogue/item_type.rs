//! One row of the catalogue: what is known of one item, and the words its columns use.

use std::{ops::RangeInclusive, sync::Arc};

use smol_str::SmolStr;

use super::{finding::Severity, index_set::IndexSet};
use crate::wpi::Index;

/// An enumeration whose variants have one word each in `items.csv`.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every variant.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word of the column.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the word of the column.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// What kind of value an item takes (column `type`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    Kind {
        /// `true` / `false`
        Boolean = "boolean",
        /// decimal
        Integer = "integer",
        /// decimal numbers or words
        Enum = "enum",
        /// any text
        String = "string",
        /// never shown
        Secret = "secret",
        /// a host name or address
        Hostname = "hostname",
        /// a URI
        Uri = "uri",
        /// a MAC address
        Mac = "mac",
        /// a date and time
        DateTime = "date-time",
        /// base64, never shown
        BinaryBase64 = "binary-base64",
        /// not known
        Unknown = "unknown",
    }
}

words! {
    /// Whether it can be read and written (column `access`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    Access {
        /// both
        ReadWrite = "read-write",
        /// only read
        ReadOnly = "read-only",
        /// only written
        WriteOnly = "write-only",
    }
}

words! {
    /// What a wrong value does (column `effect`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    Effect {
        /// neither of the below
        None = "",
        /// emergency calls
        Safety = "safety",
        /// the phone no longer telephones
        Service = "service",
        /// it is cut off from us
        Lockout = "lockout",
    }
}

words! {
    /// Who sets it (column `owner`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    Owner {
        /// administrators
        Admin = "admin",
        /// the phone's user, in daily life
        User = "user",
        /// writing it makes the phone do something
        Action = "action",
        /// the phone's own word
        Report = "report",
    }
}

/// Where the row comes from (column `evidence`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Documented on that page (`p.196`): a violation is an error.
    Guide(SmolStr),
    /// Seen on the wire: a violation warns.
    Field,
}

impl Evidence {
    /// Reads `field` or `guide p.N`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.strip_prefix("guide") {
            None => (word == "field").then_some(Self::Field),
            Some("") => Some(Self::Guide(SmolStr::default())),
            Some(page) => page.strip_prefix(' ').map(|page| Self::Guide(SmolStr::new(page.trim()))),
        }
    }
}

/// One value of an enumeration: what stands on the wire, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumValue {
    /// The text on the wire: a decimal number or a word (R-1202).
    pub wire: SmolStr,
    /// For people; empty where it is not known.
    pub meaning: SmolStr,
}

/// What the catalogue knows of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemType {
    /// Exact name.
    pub name: SmolStr,
    /// The indexes it takes.
    pub index: IndexSet,
    /// Kind of value.
    pub kind: Kind,
    /// Unit of a number (`s`, `min`, `h`, `ms`); empty: none.
    pub unit: SmolStr,
    /// Range of a number.
    pub range: Option<RangeInclusive<i64>>,
    /// Values of an enumeration, as far as they are known.
    pub values: Box<[EnumValue]>,
    /// Whether more values than the listed ones exist.
    pub open: bool,
    /// Longest text, in characters.
    pub max_length: Option<usize>,
    /// Value of a fresh phone, as on the wire; `NULL` means that it has none (R-1203).
    pub default: Option<SmolStr>,
    /// Access.
    pub access: Access,
    /// First firmware that has it (`V3R3`).
    pub since: Option<SmolStr>,
    /// Items of one group and index belong in one message (R-1210).
    pub group: Option<Arc<str>>,
    /// Effect of a wrong value.
    pub effect: Effect,
    /// Who sets it.
    pub owner: Owner,
    /// Where the row comes from.
    pub evidence: Evidence,
    /// For people.
    pub description: SmolStr,
}

impl ItemType {
    /// A type of which nothing but the name is known: takes any text, and counts as able to lock us out.
    pub fn unknown(name: &str) -> Self {
        Self {
            name: SmolStr::new(name),
            index: IndexSet::None,
            kind: Kind::Unknown,
            unit: SmolStr::default(),
            range: None,
            values: Box::default(),
            open: true,
            max_length: None,
            default: None,
            access: Access::ReadWrite,
            since: None,
            group: None,
            effect: Effect::Lockout,
            owner: Owner::Admin,
            evidence: Evidence::Field,
            description: SmolStr::default(),
        }
    }

    /// Whether it is written with an index.
    pub fn indexed(&self) -> bool {
        self.index != IndexSet::None
    }

    /// Whether this index, or none, fits.
    pub fn index_allowed(&self, index: Option<Index>) -> bool {
        self.index.allows(index)
    }

    /// Whether the row is documented, so that every violation is an error.
    pub fn documented(&self) -> bool {
        matches!(self.evidence, Evidence::Guide(_))
    }

    /// Weight of a value outside the known range, length, values or indexes: an error where that is documented.
    pub fn constraint_severity(&self) -> Severity {
        if self.documented() { Severity::Error } else { Severity::Warning }
    }

    /// Weight of a value of another type, or of an empty one where one is needed: strict also where a wrong value
    /// costs emergency calls or telephony, whatever the evidence.
    pub fn type_severity(&self) -> Severity {
        match self.effect {
            Effect::Safety | Effect::Service => Severity::Error,
            Effect::None | Effect::Lockout => self.constraint_severity(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_its_variant() {
        assert!(Kind::ALL.iter().all(|kind| Kind::from_word(kind.as_str()) == Some(*kind)));
        assert!(Access::ALL.iter().all(|access| Access::from_word(access.as_str()) == Some(*access)));
        assert!(Effect::ALL.iter().all(|effect| Effect::from_word(effect.as_str()) == Some(*effect)));
        assert!(Owner::ALL.iter().all(|owner| Owner::from_word(owner.as_str()) == Some(*owner)));
        assert_eq!(Kind::from_word("Boolean"), None);
    }

    #[test]
    fn evidence_is_a_page_of_the_guide_or_the_field() {
        assert_eq!(Evidence::from_word("guide p.196"), Some(Evidence::Guide("p.196".into())));
        assert_eq!(Evidence::from_word("field"), Some(Evidence::Field));
        assert_eq!(Evidence::from_word("guidep.196"), None);
        assert_eq!(Evidence::from_word(""), None);
    }

    #[test]
    fn types_that_cost_telephony_are_strict_even_where_only_seen_in_the_field() {
        let mut item = ItemType::unknown("x");
        item.effect = Effect::None;
        assert_eq!(item.type_severity(), Severity::Warning);
        item.effect = Effect::Safety;
        assert_eq!((item.type_severity(), item.constraint_severity()), (Severity::Error, Severity::Warning));
    }
}
