//! The name of one state of the source.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A git commit id, or what another source calls its state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(SmolStr);

impl Revision {
    /// Takes over a name.
    pub fn new(name: &str) -> Self {
        Self(SmolStr::new(name))
    }

    /// The name in full.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve characters, as people read them.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
