//! What the service asked of the API server, from the server's own audit log.

use std::{collections::HashSet, fs, path::Path};

use serde_json::Value;

/// The file of the log.
pub(crate) const LOG: &str = "audit.log";
/// Only the user of the service is of interest.
pub(crate) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: Metadata, users: [phoneops]}
  - {level: None}
";

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub(crate) verb: String,
    pub(crate) group: String,
    /// With the subresource: `phoneconfigs/status`.
    pub(crate) resource: String,
    pub(crate) name: Option<String>,
    /// Whether it was allowed.
    pub(crate) allowed: bool,
    pub(crate) code: i64,
}

impl Call {
    /// `update phonerecords.phoneops.dev`
    pub(crate) fn what(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        format!("{} {}{dot}{}", self.verb, self.resource, self.group)
    }
}

pub(crate) fn read(log: &Path) -> Vec<Call> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut seen = HashSet::new();
    let mut calls = Vec::new();
    // the last line may be half written
    for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let id = event["auditID"].as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        if object.is_null() || !seen.insert(id) {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (resource, sub) = (text(&object["resource"]), text(&object["subresource"]));
        let resource = if sub.is_empty() { resource } else { format!("{resource}/{sub}") };
        calls.push(Call {
            verb: text(&event["verb"]),
            group: text(&object["apiGroup"]),
            resource,
            name: object["name"].as_str().map(str::to_owned),
            allowed: event["annotations"]["authorization.k8s.io/decision"] == "allow",
            code: event["responseStatus"]["code"].as_i64().unwrap_or_default(),
        });
    }
    calls
}
