//! What is wrong with a document: where, what, and what to do.

use std::{fmt, sync::Arc};

use serde::Serialize;

pub use crate::catalogue::Severity;

/// A place in a source: file, line and column (both from 1), and how many bytes of the line it covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The file, relative to the root of the source.
    pub file: Arc<str>,
    /// Line, from 1; 0 = the file as a whole.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte span in the file, for snippets.
    pub span: (u32, u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One problem of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// A stable word for the kind of problem, such as `duplicate-key`.
    pub code: &'static str,
    /// What is wrong, on what, and what to do.
    pub message: String,
}

/// Longest message of a problem, in characters; keys of documents may be as long as a file.
pub const MESSAGE_LIMIT: usize = 600;

impl Problem {
    /// A problem whose message is fit for a terminal and a log line, whatever stands in the document.
    pub fn new(severity: Severity, place: Place, code: &'static str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let is_fit = message.len() <= MESSAGE_LIMIT && !message.contains(char::is_control);
        let message = if is_fit { message } else { fit(&message) };
        Self { severity, place, code, message }
    }
}

fn fit(message: &str) -> String {
    let mut fit: String = message
        .chars()
        .take(MESSAGE_LIMIT)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if message.chars().nth(MESSAGE_LIMIT).is_some() {
        fit.push('…');
    }
    fit
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
