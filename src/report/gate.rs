//! The routes of the gate.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{FleetAccess, access::Actor, act, api::Fleet, problem::Problem};
use crate::{
    fleet::gate::{Approved, GateError},
    spec::SiteName,
};

/// What is to be approved or rejected, in the body of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// The revision as `GET /api/v1/gate` names it, or its first characters.
    pub revision: String,
    /// The digest that was looked at: another one behind the same name is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Only the phones of this site; for an approval alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Why.
    pub reason: String,
}

const FORM: &str = "{\"revision\": \"…\", \"reason\": \"…\"}, with \"digest\" and \"site\" where they are meant";

pub(super) async fn show(Shared(fleet): Shared<Fleet>) -> Response {
    Json(fleet.gate()).into_response()
}

pub(super) async fn approve(
    Shared(fleet): Shared<Arc<dyn FleetAccess>>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let wish: Wish = act::wish(&body, FORM)?;
    let by = act::admit(&*fleet, &actor, &wish.reason)?;
    let site = wish.site.as_deref().map(SiteName::new);
    let done = fleet.approve(&wish.revision, wish.digest.as_deref(), site.as_ref(), &by);
    answer(&*fleet, done).await
}

pub(super) async fn reject(
    Shared(fleet): Shared<Arc<dyn FleetAccess>>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let wish: Wish = act::wish(&body, FORM)?;
    let by = act::admit(&*fleet, &actor, &wish.reason)?;
    if wish.site.is_some() {
        return Err(Problem::bad_request("site", "a revision is rejected as a whole"));
    }
    let done = fleet.reject(&wish.revision, wish.digest.as_deref(), &by);
    answer(&*fleet, done).await
}

async fn answer(fleet: &dyn FleetAccess, done: Result<Approved, GateError>) -> Result<Response, Problem> {
    match done {
        Ok(done) => Ok(Json(act::kept(fleet, done).await?).into_response()),
        Err(error) => {
            let (status, code) = match &error {
                GateError::Nothing | GateError::Another { .. } | GateError::NoSuchSite(_) => {
                    (StatusCode::NOT_FOUND, "not-held")
                }
                GateError::Changed(_) => (StatusCode::CONFLICT, "changed"),
                GateError::Rejected { .. } => (StatusCode::CONFLICT, "rejected"),
                GateError::WholeOnly => (StatusCode::CONFLICT, "whole-only"),
            };
            Err(Problem::new(status, code, error.to_string()))
        }
    }
}
