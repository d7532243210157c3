//! What people did outside git: an entry for each act, with who did it and why. The store keeps them in a chain.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::AuditAct;

/// Longest reason, in bytes.
pub const REASON_LIMIT: usize = 500;

/// Who acts, and why. The name comes from the token or from the Unix socket, never from what the caller says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: String,
    /// Why, in a person's words.
    pub reason: String,
}

/// Why a reason is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// It is empty.
    #[error("say why: an act needs a reason")]
    Missing,
    /// It is too long, or has control characters.
    #[error("a reason is one line of at most {REASON_LIMIT} bytes")]
    Form,
}

impl By {
    /// Takes over who acts, and reads why.
    pub fn new(actor: &str, reason: &str) -> Result<Self, ReasonError> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(ReasonError::Missing);
        }
        if reason.len() > REASON_LIMIT || reason.chars().any(char::is_control) {
            return Err(ReasonError::Form);
        }
        Ok(Self { actor: actor.to_owned(), reason: reason.to_owned() })
    }
}

/// One act. Never holds a value of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub act: AuditAct,
    /// On what: a phone, a site, a revision, or nothing.
    pub target: String,
    /// Why.
    pub reason: String,
    /// What became of it.
    pub outcome: String,
}

impl AuditEntry {
    /// An entry for what `by` did just now.
    pub fn new(by: &By, act: AuditAct, target: &str, outcome: &str, now: Timestamp) -> Self {
        Self {
            at: now,
            actor: by.actor.clone(),
            act,
            target: target.to_owned(),
            reason: by.reason.clone(),
            outcome: outcome.to_owned(),
        }
    }
}

/// Most acts of one page.
pub const AUDIT_LIMIT: usize = 1_000;

/// What is asked of the audit log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only acts from then on.
    pub since: Option<Timestamp>,
    /// Only acts behind this one.
    pub after: Option<i64>,
    /// Most acts; [`AUDIT_LIMIT`] at most.
    pub limit: Option<usize>,
}

/// One act of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRow {
    /// Its number, from 1.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub act: String,
    /// On what.
    pub target: String,
    /// Why.
    pub reason: String,
    /// What became of it.
    pub outcome: String,
    /// The hash over it and all acts before, in hex.
    pub hash: String,
}

/// A page of the log, the oldest act first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditPage {
    /// The acts.
    pub acts: Vec<AuditRow>,
    /// Where the next page begins.
    #[serde(rename = "continue")]
    pub next: Option<i64>,
}

/// What going through the whole log has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditVerdict {
    /// How many acts are sound.
    pub acts: i64,
    /// The hash of the last sound one, in hex.
    pub head: String,
    /// What is wrong behind them.
    pub problem: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_says_something() {
        assert_eq!(By::new("ada", "  a call from ward 3 ").unwrap().reason, "a call from ward 3");
        assert_eq!(By::new("ada", " \t").unwrap_err(), ReasonError::Missing);
        assert_eq!(By::new("ada", "one\ntwo").unwrap_err(), ReasonError::Form);
        assert_eq!(By::new("ada", &"x".repeat(REASON_LIMIT + 1)).unwrap_err(), ReasonError::Form);
    }
}
