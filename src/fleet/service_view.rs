//! What people are told of the service as a whole.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, brake::Brake};

/// The service as the API shows it; absent facts are null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceView {
    /// The newest revision that was taken over as a whole.
    pub revision: Option<String>,
    /// Whether nothing is written, whatever the documents say (`--report-only`).
    pub report_only: bool,
    /// The brakes that hold.
    pub brakes: Vec<Brake>,
    /// What stands above everything else in `status`, a sentence each, most pressing first.
    pub notes: Vec<String>,
}

impl Fleet {
    /// What is to be said of the service as a whole.
    pub fn service_view(&self, now: Timestamp) -> ServiceView {
        let report_only = self.settings.report_only;
        let mut notes = self.brake_notes(now);
        notes.extend(self.restored_note());
        if self.report_only_set {
            notes.push("Report only: nothing is written to any phone (--report-only).".to_owned());
        }
        notes.extend(self.recovery_notes(now));
        notes.extend(self.gate_note());
        notes.extend(self.proxy_notes());
        notes.extend(self.open_sites_note());
        let revision = self.revision().map(ToString::to_string);
        ServiceView { revision, report_only, brakes: self.brakes(now), notes }
    }
}
