//! The bounded pull reader and the writer below both messages (R-1107).
//!
//! - [`error`]: why a body is not a message
//! - `pull`: elements, attributes and texts of a body, one after the other, each bound with an error of its own
//! - `text`: from bytes to characters: encoding, references, white space
//! - `write`: escaping, and exactly how many bytes it takes

pub mod error;
pub(in crate::wpi) mod pull;
pub(in crate::wpi) mod text;
pub(in crate::wpi) mod write;

pub use error::DecodeError;

/// The namespace of both messages.
pub const NAMESPACE: &str = "http://www.siemens.com/DLS";

/// Bounds on one message; each has an error of its own.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of the body (R-213: 1 MB).
    pub body: usize,
    /// Nested elements.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Items of one message.
    pub items: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 1_000_000, depth: 16, attributes: 16, items: 5_000 }
    }
}
