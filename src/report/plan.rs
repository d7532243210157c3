//! `POST /api/v1/plan`: what documents would change. It changes nothing, so that it needs no more than the right to read.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    body::to_bytes,
    extract::{FromRequest, Request, State as Shared},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    act::Wish,
    api::Fleet,
    openapi::{Operation, Takes},
    problem::Problem,
};
use crate::fleet::preview::PlanView;

/// The path of the route.
pub const PATH: &str = "/api/v1/plan";
/// Largest body, in bytes.
pub const BODY_LIMIT: usize = 64 << 20;
/// Plans at once: one takes as much work as a revision.
static PLANS: Semaphore = Semaphore::const_new(1);
/// Plans whose documents arrive, that wait, or that are made, each with its documents in memory; more are sent away.
pub const PLACES: usize = 4;
/// A place for each.
static WAITING: Semaphore = Semaphore::const_new(PLACES);
/// How long the documents may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Documents that are to be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// All files of the source.
    pub files: Vec<Document>,
    /// A phone, by name or MAC, of which more is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its path from the root of the source.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

impl Wish for Documents {
    const FORM: &str = "{\"files\": [{\"path\": \"…\", \"text\": \"…\"}]}";
}

/// No body is read before it has a place: many of that size would be too much.
pub(super) struct Unread(Request);

impl<S: Sync> FromRequest<S> for Unread {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        Ok(Self(request))
    }
}

impl Takes for Unread {
    fn describe(operation: &mut Operation) {
        operation.takes::<Documents>();
    }
}

pub(super) async fn plan(Shared(fleet): Shared<Fleet>, Unread(request): Unread) -> Result<Json<PlanView>, Problem> {
    let Ok(place) = WAITING.try_acquire() else {
        fleet.bound_hit("plans");
        let message = "as many plans wait as may; ask again in a minute";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "plans", message));
    };
    let unread =
        |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body", "the documents are too large, or did not arrive");
    let body = timeout(PATIENCE, to_bytes(request.into_body(), BODY_LIMIT));
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body", "the documents did not arrive in time");
    let body = body.await.map_err(late)?.map_err(unread)?;
    let documents = Documents::read(&body)?;
    drop(body);
    let broken = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "plan", "the plan could not be made");
    let turn =
        PLANS.acquire().await.map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "plan", "the service ends"))?;
    let planning = Arc::clone(&fleet);
    // who goes away does not end the work, so the work itself holds its turn and its place
    let plan = move || {
        let _held = (place, turn);
        planning.plan(documents)
    };
    let plan = tokio::task::spawn_blocking(plan).await.map_err(broken)?;
    Ok(Json(plan))
}
