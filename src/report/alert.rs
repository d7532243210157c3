//! The routes of alerts, and of what decides over emergency calls.

use axum::{
    Json,
    extract::{Query as UrlQuery, State as Shared, rejection::QueryRejection},
    response::{IntoResponse, Response},
};

use super::{
    api::Fleet,
    problem::Problem,
    undo::{Where, site_name},
};

pub(super) async fn alerts(Shared(fleet): Shared<Fleet>) -> Response {
    Json(fleet.alerts()).into_response()
}

pub(super) async fn safety(
    Shared(fleet): Shared<Fleet>,
    place: Result<UrlQuery<Where>, QueryRejection>,
) -> Result<Response, Problem> {
    let UrlQuery(Where { site }) = place.map_err(|_| Problem::bad_request("parameter", "the parameter is site"))?;
    Ok(Json(fleet.safety(site_name(site.as_deref()).as_ref())).into_response())
}
