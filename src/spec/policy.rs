//! What may be done to a phone, and how often it is looked at.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ignore::Ignore, pause::Pause, window::Window};
use crate::wpi::ItemId;

/// What phoneops does with a phone's differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
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

/// Whether a phone may be restarted for items that take effect only then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Restart {
    /// Never.
    #[default]
    Deny,
    /// After they were written.
    Allow,
}

/// How often a day an item that drifts is put right, unless the policy says otherwise.
pub const SELF_HEAL_LIMIT: u8 = 3;

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
    /// Items of owner user.
    #[serde(default)]
    pub user_items: UserItems,
    /// Removed values.
    #[serde(default)]
    pub on_remove: OnRemove,
    /// Whether no other server writes to this phone, so that `configuration-changed-flag=false` is proof (promise 9).
    #[serde(default)]
    pub sole_server: bool,
    /// How often a day an item that drifts back is put right; then it is a tug of war.
    #[serde(default = "default_self_heal_limit")]
    pub self_heal_limit: u8,
    /// Items that take effect at a restart.
    #[serde(default)]
    pub restart: Restart,
    /// Differences that are left alone, sorted by id, each id once.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub ignore: Arc<[Ignore]>,
    /// When may be written; empty = any time.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub windows: Arc<[Window]>,
    /// Nothing is written while it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

impl Policy {
    /// The rule that leaves this item alone now: exactly this name and index, and not past its end.
    pub fn ignores(&self, id: &ItemId, now: Timestamp) -> Option<&Ignore> {
        let position = self.ignore.binary_search_by(|rule| rule.id.cmp(id)).ok()?;
        self.ignore.get(position).filter(|rule| rule.holds(now))
    }
}

fn default_self_heal_limit() -> u8 {
    SELF_HEAL_LIMIT
}

fn is_empty<T>(list: &Arc<[T]>) -> bool {
    list.is_empty()
}

/// The interval one gets by saying nothing: a day.
pub fn default_interval() -> Duration {
    Duration::from_hours(24)
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            interval: default_interval(),
            lockout_items: LockoutItems::default(),
            user_items: UserItems::default(),
            on_remove: OnRemove::default(),
            sole_server: false,
            self_heal_limit: SELF_HEAL_LIMIT,
            restart: Restart::default(),
            ignore: Arc::default(),
            windows: Arc::default(),
            pause: None,
        }
    }
}

/// Durations as seconds in JSON.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.as_secs())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
