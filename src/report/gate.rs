//! The routes of the gate.

use axum::{Extension, Json, extract::State as Shared, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FleetAccess,
    access::Actor,
    act::{self, Wished},
    api::Fleet,
    problem::Problem,
};
use crate::{
    fleet::gate::{Approved, GateError, view::GateView},
    spec::SiteName,
};

/// What is to be approved or rejected, in the body of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GateWish")]
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

impl act::Wish for Wish {
    const FORM: &str = "{\"revision\": \"…\", \"reason\": \"…\"}, with \"digest\" and \"site\" where they are meant";
}

pub(super) async fn show(Shared(fleet): Shared<Fleet>) -> Json<GateView> {
    Json(fleet.gate())
}

pub(super) async fn approve(
    Shared(fleet): Shared<Fleet>,
    Extension(actor): Extension<Actor>,
    Wished(wish): Wished<Wish>,
) -> Result<Json<Approved>, Problem> {
    let by = act::admit(&*fleet, &actor, &wish.reason)?;
    let site = wish.site.as_deref().map(SiteName::new);
    let done = fleet.approve(&wish.revision, wish.digest.as_deref(), site.as_ref(), &by);
    answer(&*fleet, done).await
}

pub(super) async fn reject(
    Shared(fleet): Shared<Fleet>,
    Extension(actor): Extension<Actor>,
    Wished(wish): Wished<Wish>,
) -> Result<Json<Approved>, Problem> {
    let by = act::admit(&*fleet, &actor, &wish.reason)?;
    if wish.site.is_some() {
        return Err(Problem::bad_request("site", "a revision is rejected as a whole"));
    }
    let done = fleet.reject(&wish.revision, wish.digest.as_deref(), &by);
    answer(&*fleet, done).await
}

async fn answer(fleet: &dyn FleetAccess, done: Result<Approved, GateError>) -> Result<Json<Approved>, Problem> {
    match done {
        Ok(done) => act::kept(fleet, done).await.map(Json),
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
