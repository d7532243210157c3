//! The routes to the audit log: a page of it, and whether it is sound.

use axum::{
    Json,
    extract::{Query as UrlQuery, State as Shared, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{api::Fleet, problem::Problem};
use crate::fleet::audit::{AUDIT_LIMIT, AuditQuery};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    since: Option<jiff::Timestamp>,
    #[serde(rename = "continue")]
    after: Option<i64>,
    limit: Option<usize>,
}

pub(super) async fn page(
    Shared(fleet): Shared<Fleet>,
    parameters: Result<UrlQuery<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let UrlQuery(Parameters { since, after, limit }) = parameters.map_err(|_| {
        let message = format!(
            "the parameters are since, a time such as 2026-03-01T08:00:00Z, continue, and limit, {AUDIT_LIMIT} at most"
        );
        Problem::bad_request("parameter", message)
    })?;
    let query = AuditQuery { since, after, limit };
    off_the_threads(move || fleet.audit(&query)).await.map(|page| Json(page).into_response())
}

pub(super) async fn verify(Shared(fleet): Shared<Fleet>) -> Result<Response, Problem> {
    off_the_threads(move || fleet.verify_audit()).await.map(|verdict| Json(verdict).into_response())
}

async fn off_the_threads<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Problem> {
    let away = |message: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "audit-away", message);
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|_| away("the audit log cannot be read".to_owned()))?.map_err(away)
}
