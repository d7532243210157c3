//! What may be done to a phone, and how often it is looked at.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What phoneops does with a phone's differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Mode {
    /// Only tell; what one gets by saying nothing.
    #[default]
    Report,
    /// Write differences.
    Enforce,
    /// Leave the phone alone.
    Off,
}

/// Whether items that can cut the phone off may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum LockoutItems {
    /// Never.
    #[default]
    Deny,
    /// In a message of their own, last.
    Allow,
}

/// Whether a phone is restarted for items that take effect with a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Restart {
    /// Never; people restart it.
    #[default]
    Deny,
    /// At the end of the session that wrote them.
    Allow,
}

/// Whether items that the phone's user sets are managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum UserItems {
    /// They are the user's.
    #[default]
    Leave,
    /// They are kept like any other.
    Manage,
}

/// What becomes of a value that the YAML no longer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum OnRemove {
    /// Back to what it was before phoneops first changed it.
    #[default]
    Previous,
    /// It stays.
    Leave,
    /// Back to the catalogue's default.
    Default,
}

/// The policy of one phone after layering; each field of a higher layer wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// What is done with differences.
    #[serde(default)]
    pub mode: Mode,
    /// How often the phone is read again without cause. Seconds in JSON.
    #[serde(default = "default_interval", with = "seconds")]
    pub interval: Duration,
    /// Items of effect lockout.
    #[serde(default)]
    pub lockout_items: LockoutItems,
    /// Items that take effect with a restart.
    #[serde(default)]
    pub restart: Restart,
    /// Items of owner user.
    #[serde(default)]
    pub user_items: UserItems,
    /// Removed values.
    #[serde(default)]
    pub on_remove: OnRemove,
    /// Whether no other server writes to this phone, so that `configuration-changed-flag=false` is proof (promise 9).
    #[serde(default)]
    pub sole_server: bool,
}

/// The interval one gets by saying nothing: a day.
pub fn default_interval() -> Duration {
    Duration::from_secs(24 * 60 * 60)
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            interval: default_interval(),
            lockout_items: LockoutItems::default(),
            restart: Restart::default(),
            user_items: UserItems::default(),
            on_remove: OnRemove::default(),
            sole_server: false,
        }
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
