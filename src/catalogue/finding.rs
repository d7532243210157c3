//! What is wrong with one item or value of a document, and how heavily it weighs.

use std::fmt::Display;

use crate::wpi::ItemId;

/// Codes of findings: stable words for the kind of problem.
pub mod code {
    /// A secret stands in the document itself.
    pub const SECRET: &str = "plain-secret";
    /// The value is null.
    pub const NULL: &str = "null-value";
    /// The value has another type than the item.
    pub const TYPE: &str = "wrong-type";
    /// The value is empty where one is needed (R-1204).
    pub const EMPTY: &str = "empty-value";
    /// White space around a value.
    pub const SPACE: &str = "outer-space";
    /// A control character in a value.
    pub const CONTROL: &str = "control-character";
    /// A number is out of range.
    pub const RANGE: &str = "out-of-range";
    /// A text is too long.
    pub const LENGTH: &str = "too-long";
    /// Not one of the values of an enumeration.
    pub const VALUE: &str = "unknown-value";
    /// A host name, URI or packed text is not well formed.
    pub const SYNTAX: &str = "bad-syntax";
    /// The index does not fit.
    pub const INDEX: &str = "bad-index";
    /// The item can only be read.
    pub const READ_ONLY: &str = "read-only";
    /// Writing the item makes the phone do something.
    pub const ACTION: &str = "action-item";
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
    /// A stable word for the kind of problem, one of [`code`].
    pub code: &'static str,
    /// What is wrong with which item, and what to do. Never holds a secret.
    pub message: String,
}

/// The findings on one item as they are collected.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    id: &'a ItemId,
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn on(id: &'a ItemId) -> Self {
        Self { id, found: Vec::new() }
    }

    pub(super) fn add(&mut self, severity: Severity, code: &'static str, what: impl Display) {
        self.found.push(Finding { severity, code, message: format!("{}: {what}", self.id) });
    }

    pub(super) fn error(&mut self, code: &'static str, what: impl Display) {
        self.add(Severity::Error, code, what);
    }

    pub(super) fn has_error(&self) -> bool {
        self.found.iter().any(|finding| finding.severity == Severity::Error)
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}
