//! What an Alertmanager is sent: `POST /api/v2/alerts`, an array of alerts.
//!
//! An alert is known there by its labels, so nothing that changes while it lasts is among them. It counts as over at
//! `endsAt`, so while it fires that lies some resends ahead and it is sent again and again: it ends there by itself when
//! nobody is left to say so. `startsAt` stays.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::payload::phones;
use crate::fleet::{alert::Told, schedule::after};

/// Where alerts are posted.
pub const PATH: &str = "/api/v2/alerts";
/// Most alerts of one request.
pub const BATCH: usize = 50;
/// How many resends may be lost before an alert counts as over there.
const LOST: u32 = 4;

/// An alert as an Alertmanager takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    /// What it is known by.
    pub labels: BTreeMap<&'static str, String>,
    /// What is said of it.
    pub annotations: BTreeMap<&'static str, String>,
    /// Since when.
    pub starts_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
}

impl Posted {
    /// An alert as it stands at a time.
    pub fn of(told: &Told, resend: Duration, now: Timestamp) -> Self {
        let mut labels = BTreeMap::from([
            ("alertname", format!("Phoneops{}", told.kind)),
            ("kind", told.kind.to_string()),
            ("severity", told.kind.severity().to_owned()),
            ("alert_id", told.id.clone()),
        ]);
        let some = [("site", &told.site), ("item", &told.item), ("revision", &told.revision)];
        // a revision is part of the identity only where it is in the id; elsewhere it would change under a lasting alert
        let lasting = |name: &str, value: &str| name != "revision" || told.id.contains(value);
        for (name, value) in some.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            if lasting(name, value) {
                labels.insert(name, value.clone());
            }
        }
        let mut annotations = BTreeMap::from([
            ("summary", told.text.clone()),
            ("description", told.kind.meaning().to_owned()),
            ("action", told.kind.action().to_owned()),
        ]);
        if let Some(phones) = phones(told) {
            annotations.insert("phones", phones);
        }
        let ends_at = told.ended.unwrap_or_else(|| after(now, resend * LOST));
        Self { labels, annotations, starts_at: told.since, ends_at }
    }
}
