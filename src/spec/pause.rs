//! A pause: nothing is written for a while, and people see who asked for it and why.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why nothing is written, by whose word, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// From this time on it does not hold any more; `None` = until it is taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Arc<str>,
    /// Who wants it.
    pub by: Arc<str>,
}

impl Pause {
    /// Whether it is not past its end.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
