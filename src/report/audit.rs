//! The routes to the audit log: a page of it, and whether it is sound.

use axum::{Json, extract::State as Shared, http::StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    api::Fleet,
    parameters::{self, Parameters},
    problem::Problem,
};
use crate::fleet::audit::{AUDIT_LIMIT, AuditPage, AuditQuery, AuditVerdict};

/// Which acts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only from then on.
    #[schemars(with = "Option<Timestamp>")]
    since: Option<String>,
    /// Most acts of the page; 1000 unless given, and at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    #[schemars(with = "Option<i64>")]
    after: Option<String>,
}

pub(super) async fn page(
    Shared(fleet): Shared<Fleet>,
    Parameters(Which { since, limit, after }): Parameters<Which>,
) -> Result<Json<AuditPage>, Problem> {
    let since = parameters::time("since", since.as_deref())?;
    let after = after.map(|after| after.parse().map_err(|_| parameters::no_page())).transpose()?;
    let limit = Some(parameters::limit(limit.as_deref(), AUDIT_LIMIT, AUDIT_LIMIT)?);
    let query = AuditQuery { since, after, limit };
    off_the_threads(move || fleet.audit(&query)).await.map(Json)
}

pub(super) async fn verify(Shared(fleet): Shared<Fleet>) -> Result<Json<AuditVerdict>, Problem> {
    off_the_threads(move || fleet.verify_audit()).await.map(Json)
}

async fn off_the_threads<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Problem> {
    let away = |message: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "audit-away", message);
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|_| away("the audit log cannot be read".to_owned()))?.map_err(away)
}
