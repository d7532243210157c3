//! How phones are that have something in common: what routes of sites, profiles and revisions share.

use axum::{Json, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::fleet::tally::LayerTally;

/// How some phones are, counted as on the web page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Phones.
    pub phones: usize,
    /// Those that are as they are wanted, or left alone as a whole.
    pub in_sync: usize,
    /// Those that wait, are worked on, or were never heard of.
    pub pending: usize,
    /// Those that differ, and stay so.
    pub drifted: usize,
}

impl From<LayerTally> for Counts {
    fn from(LayerTally { phones, in_sync, pending, drifted, .. }: LayerTally) -> Self {
        Self { phones, in_sync, pending, drifted }
    }
}

/// Where it may take a while, as all phones are gone through and the store is read.
pub(super) async fn looked_up<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let away =
        |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-counted", "the phones could not be counted; ask again");
    tokio::task::spawn_blocking(look).await.map_err(away)?.map(Json)
}
