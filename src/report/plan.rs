//! `POST /api/v1/plan`: what documents would change. It changes nothing, so that it needs no more than the right to read.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{act, api::Fleet, problem::Problem};

/// The path of the route.
pub const PATH: &str = "/api/v1/plan";
/// Largest body, in bytes.
pub const BODY_LIMIT: usize = 64 << 20;
/// Plans at once: one takes as much work as a revision.
static PLANS: Semaphore = Semaphore::const_new(1);

/// Documents that are to be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// All files of the source.
    pub files: Vec<Document>,
    /// A phone, by name or MAC, of which more is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its path from the root of the source.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

pub(super) async fn plan(Shared(fleet): Shared<Fleet>, body: Bytes) -> Result<Response, Problem> {
    let documents: Documents = act::wish(&body, "{\"files\": [{\"path\": \"…\", \"text\": \"…\"}]}")?;
    drop(body);
    let broken = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "plan", "the plan could not be made");
    let _one_at_a_time =
        PLANS.acquire().await.map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "plan", "the service ends"))?;
    let planning = Arc::clone(&fleet);
    let plan = tokio::task::spawn_blocking(move || planning.plan(documents)).await.map_err(broken)?;
    Ok(Json(plan).into_response())
}
