//! What identifies a phone: its `mac-addr`, or for soft clients an id that is not a MAC.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, SmolStrBuilder};

/// The identity of one device. A MAC is kept as `00:1A:E8:11:22:33`; any other id as it came, but compared without
/// regard to case (kept upper-case).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr", into = "SmolStr")]
pub struct DeviceId(SmolStr);

/// Longest id that is not a MAC, in bytes.
pub const ID_LIMIT: usize = 64;

/// Why a text is not a device id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceIdError {
    /// Nothing there.
    #[error("a device id must not be empty")]
    Empty,
    /// More than [`ID_LIMIT`] bytes.
    #[error("a device id has at most {ID_LIMIT} bytes")]
    TooLong,
    /// White space, control characters, or `/`.
    #[error("a device id has no white space, no control characters and no slash")]
    Characters,
    /// A MAC was asked for and this is none.
    #[error("not a MAC address (six pairs of hex digits such as 00:1A:E8:11:22:33)")]
    NotMac,
}

impl DeviceId {
    /// Reads a MAC or any other id. Twelve hex digits, plain or in pairs with `:` or `-`, are a MAC.
    pub fn new(text: &str) -> Result<Self, DeviceIdError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(DeviceIdError::Empty);
        }
        if let Some(mac) = mac(text) {
            return Ok(Self(mac));
        }
        if text.len() > ID_LIMIT {
            return Err(DeviceIdError::TooLong);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(DeviceIdError::Characters);
        }
        Ok(Self(SmolStr::new(text.to_uppercase())))
    }

    /// Reads a MAC and nothing else.
    pub fn from_mac(text: &str) -> Result<Self, DeviceIdError> {
        mac(text.trim()).map(Self).ok_or(DeviceIdError::NotMac)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a MAC.
    pub fn is_mac(&self) -> bool {
        mac(&self.0).is_some()
    }
}

/// The canonical form of six pairs of hex digits, plain or with the same `:` or `-` between all of them.
fn mac(text: &str) -> Option<SmolStr> {
    let bytes = text.as_bytes();
    let (length, separator) = match (bytes.len(), bytes.get(2)) {
        (12, _) => (2, None),
        (17, separator @ Some(b':' | b'-')) => (3, separator),
        _ => return None,
    };
    let mut canonical = SmolStrBuilder::new();
    for (position, pair) in bytes.chunks(length).enumerate() {
        let (high, low) = match pair {
            [high, low] => (high, low),
            [high, low, behind] if Some(behind) == separator => (high, low),
            _ => return None,
        };
        if !high.is_ascii_hexdigit() || !low.is_ascii_hexdigit() {
            return None;
        }
        if position > 0 {
            canonical.push(':');
        }
        canonical.push(high.to_ascii_uppercase().into());
        canonical.push(low.to_ascii_uppercase().into());
    }
    Some(canonical.finish())
}

impl FromStr for DeviceId {
    type Err = DeviceIdError;
    fn from_str(text: &str) -> Result<Self, DeviceIdError> {
        Self::new(text)
    }
}

impl TryFrom<SmolStr> for DeviceId {
    type Error = DeviceIdError;
    fn try_from(text: SmolStr) -> Result<Self, DeviceIdError> {
        Self::new(&text)
    }
}

impl From<DeviceId> for SmolStr {
    fn from(id: DeviceId) -> Self {
        id.0
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_one_whatever_its_case_and_separators() {
        let id = DeviceId::new("00:1a:e8:11:22:3f").unwrap();
        assert_eq!(id.as_str(), "00:1A:E8:11:22:3F");
        assert_eq!(DeviceId::new("00-1A-E8-11-22-3F").unwrap(), id);
        assert_eq!(DeviceId::new("001ae811223f").unwrap(), id);
        assert!(id.is_mac());
        for other in
            ["00:1a-e8:11-22:3f", "00:1a:e8:11:22:3", "001a:e811:223f", "00:1a:e8:11:22:3g", "00:1a:e8:11:22:3f:"]
        {
            assert!(!DeviceId::new(other).unwrap().is_mac(), "{other}");
        }
    }

    #[test]
    fn a_soft_client_has_an_id_that_is_not_a_mac() {
        let id = DeviceId::new("softclient-17").unwrap();
        assert!(!id.is_mac());
        assert_eq!(id, DeviceId::new("SoftClient-17").unwrap());
        assert_eq!(DeviceId::from_mac("softclient-17"), Err(DeviceIdError::NotMac));
    }

    #[test]
    fn an_id_never_holds_a_path_or_a_line_break() {
        assert_eq!(DeviceId::new("a/b"), Err(DeviceIdError::Characters));
        assert_eq!(DeviceId::new("a\nb"), Err(DeviceIdError::Characters));
        assert_eq!(DeviceId::new("  "), Err(DeviceIdError::Empty));
    }
}
