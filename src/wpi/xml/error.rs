//! Why a body is not a message.

use smol_str::SmolStr;

use crate::wpi::phone_message::Nonce;

/// Why a body is not a message. Nothing in here repeats the text of an item, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than [`Limits::body`](super::Limits::body).
    #[error("the message has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// Bytes of the body.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// Not UTF-8, whatever the declaration says; another encoding is read only where its bytes are UTF-8 too.
    #[error("the message is not UTF-8 (byte {at})")]
    NotUtf8 {
        /// Where it stops being UTF-8.
        at: usize,
    },
    /// Not well-formed; what and where.
    #[error("the message is not well-formed XML: {0}")]
    NotWellFormed(String),
    /// A document type definition; none is ever read.
    #[error("the message has a document type definition, which is never read")]
    Dtd,
    /// An entity other than `lt`, `gt`, `amp`, `apos`, `quot`.
    #[error("the message uses an entity that XML does not define (before byte {before})")]
    Entity {
        /// Where reading stood.
        before: u64,
    },
    /// Elements nested deeper than [`Limits::depth`](super::Limits::depth).
    #[error("the message nests more than {limit} elements")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// An element with more attributes than [`Limits::attributes`](super::Limits::attributes).
    #[error("an element of the message has more than {limit} attributes")]
    TooManyAttributes {
        /// The bound.
        limit: usize,
    },
    /// More items than [`Limits::items`](super::Limits::items).
    #[error("the message has more than {limit} items")]
    TooManyItems {
        /// The bound.
        limit: usize,
    },
    /// A nonce that no phone makes; the answer would have to repeat it, so there is none.
    #[error("the nonce of the message has {bytes} bytes, at most {limit} are repeated")]
    NonceTooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// No element at all.
    #[error("the message is empty")]
    Empty,
    /// Another root than the one expected.
    #[error("the message starts with `{found}`, expected `{expected}`")]
    WrongRoot {
        /// The local name found, cut to a bearable length.
        found: SmolStr,
        /// The local name expected.
        expected: &'static str,
    },
    /// Anything but white space and comments behind the root.
    #[error("something follows the end of the message (before byte {before})")]
    TrailingContent {
        /// Where reading stood.
        before: u64,
    },
    /// Well-formed, but an element without which it means nothing is not there.
    #[error("the message has no `{element}`")]
    Missing {
        /// Its name.
        element: &'static str,
        /// The nonce, where there was one: the answer needs it.
        nonce: Option<Nonce>,
    },
    /// Well-formed, but an element occurs twice that has to be there once.
    #[error("the message has more than one `{element}`")]
    Repeated {
        /// Its name.
        element: &'static str,
        /// The nonce, where there was one.
        nonce: Option<Nonce>,
    },
    /// A server's message asks for something that no phone knows.
    #[error("the message asks for the unknown action `{action}`")]
    UnknownAction {
        /// The action, cut to a bearable length.
        action: SmolStr,
        /// The nonce of the message.
        nonce: Nonce,
    },
    /// A strict phone accepts only what R-601 lists.
    #[error("the message is not exactly what a phone expects: {0}")]
    NotExact(&'static str),
}

impl DecodeError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::NotWellFormed(_) => "not-well-formed",
            Self::Dtd => "dtd",
            Self::Entity { .. } => "entity",
            Self::TooDeep { .. } => "too-deep",
            Self::TooManyAttributes { .. } => "too-many-attributes",
            Self::TooManyItems { .. } => "too-many-items",
            Self::NonceTooLong { .. } => "nonce-too-long",
            Self::Empty => "empty",
            Self::WrongRoot { .. } => "wrong-root",
            Self::TrailingContent { .. } => "trailing-content",
            Self::Missing { .. } => "missing-element",
            Self::Repeated { .. } => "repeated-element",
            Self::UnknownAction { .. } => "unknown-action",
            Self::NotExact(_) => "not-exact",
        }
    }

    /// Whether the body was a well-formed message of the right kind all the same, so that it is answered by a message
    /// and not by an HTTP error.
    pub fn is_answerable(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Repeated { .. } | Self::UnknownAction { .. })
    }

    /// The nonce for that answer.
    pub fn nonce(&self) -> Option<&Nonce> {
        match self {
            Self::Missing { nonce, .. } | Self::Repeated { nonce, .. } => nonce.as_ref(),
            Self::UnknownAction { nonce, .. } => Some(nonce),
            _ => None,
        }
    }
}

/// Why reading stopped, small enough to be handed up through every call; [`Pull::explain`] makes a [`DecodeError`] of it.
///
/// [`Pull::explain`]: super::pull::Pull::explain
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wpi) enum Fault {
    Entity,
    Malformed(&'static str),
    Dtd,
    TooDeep,
    TooManyAttributes,
    TooManyItems,
    NonceTooLong(usize),
    Empty,
    TrailingContent,
    NotExact(&'static str),
}

/// Longest foreign word that an error repeats, in characters.
const WORD_LIMIT: usize = 64;

/// A foreign word as an error may repeat it.
pub(in crate::wpi) fn bearable(word: &str) -> SmolStr {
    word.chars().take(WORD_LIMIT).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
