//! What must not be forgotten of the service as a whole, beside its phones (stored by `store` as one object).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{alert::AlertRecord, brake::Brakes, gate::GateRecord, progress::Following};

/// All that is kept of the service. A field that an older phoneops did not have is as it is by saying nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceRecord {
    /// The brakes.
    #[serde(skip_serializing_if = "Brakes::is_empty")]
    pub brakes: Brakes,
    /// What waits at the gate, and what was approved.
    pub gate: GateRecord,
    /// Since when the store is known to be an older one that was put back; nothing is written until a person resumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored: Option<Timestamp>,
    /// When the service was last there, to within some minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_alive: Option<Timestamp>,
    /// Which alerts were told, and to whom something of them is still to be told; bounded.
    #[serde(skip_serializing_if = "AlertRecord::is_empty")]
    pub alerts: AlertRecord,
    /// What was told of the newest commits; bounded.
    #[serde(skip_serializing_if = "Following::is_empty")]
    pub commits: Following,
}
