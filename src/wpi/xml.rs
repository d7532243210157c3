//! The bounded pull reader and the writer below both messages (R-1107).

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

/// Why a body is not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not well-formed, or not UTF-8.
    #[error("the message is not well-formed XML: {0}")]
    NotWellFormed(String),
}

impl DecodeError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::NotWellFormed(_) => "not-well-formed",
        }
    }
}
