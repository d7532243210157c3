//! A revision that is named by its content, where no commit names it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::spec::Revision;

/// Bytes of the digest that the name of a revision has.
const NAMED_BY: usize = 6;

/// The digest over parts, each told apart from the next by its length.
#[derive(Default)]
pub(super) struct ContentDigest(Sha256);

impl ContentDigest {
    /// Takes one part in.
    pub(super) fn feed(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// The prefix and 12 hex digits.
    pub(super) fn revision(self, prefix: &str) -> Revision {
        let mut name = prefix.to_owned();
        for byte in self.0.finalize().iter().take(NAMED_BY) {
            // a String takes every write
            let _ = write!(name, "{byte:02x}");
        }
        Revision::new(&name)
    }
}
