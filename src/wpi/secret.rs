//! Text that never shows.

use std::fmt;

use hmac::{Hmac, Mac};
use serde::{Serialize, Serializer};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What stands in place of a secret wherever one would show.
pub const MASK: &str = "***";

/// Text that shows as `***` in `Debug`, `Display` and `Serialize`. Only the wire encoder reads it; a keyed fingerprint
/// can be taken of it.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes the text into custody.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes it has, for bounds; the length is all that is told.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Feeds the text to a keyed hash, of which it cannot be read back without the key.
    pub fn feed(&self, hash: &mut Hmac<Sha256>) {
        hash.update(self.0.as_bytes());
    }

    /// The text, for the wire encoder of this module alone.
    pub(in crate::wpi) fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// A text as people may see it: user and password of a URL are masked (R-1109).
pub fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://{MASK}{}", rest.get(at..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn credentials_in_a_url_are_masked_and_nothing_else_is() {
        assert_eq!(without_credentials("http://ada:pw@host/x?y=a@b"), "http://***@host/x?y=a@b");
        assert_eq!(without_credentials("ftp://ada@host"), "ftp://***@host");
        for plain in ["http://host/a@b", "ada@example.org", "192.0.2.5", "", "://", "http://"] {
            assert_eq!(without_credentials(plain), plain);
        }
    }
}
