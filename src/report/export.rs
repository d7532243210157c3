//! `GET /api/v1/phones/{name-or-mac}/export` and `GET /api/v1/export`: documents out of what phones have.

use axum::{
    Json,
    extract::{Path, Query as UrlQuery, State as Shared, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    api::{Fleet, no_phone},
    problem::Problem,
};
use crate::fleet::{export::NoExport, view::PAGE_LIMIT};

pub(super) async fn of_phone(Shared(fleet): Shared<Fleet>, Path(id): Path<String>) -> Result<Response, Problem> {
    match fleet.export(&id) {
        Ok(export) => Ok(Json(export).into_response()),
        Err(NoExport::NotFound) => Err(no_phone()),
        Err(why) => Err(Problem::new(StatusCode::CONFLICT, "no-export", why.to_string())),
    }
}

/// Which documents.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    site: Option<String>,
    limit: Option<usize>,
    #[serde(rename = "continue")]
    after: Option<String>,
}

pub(super) async fn of_all(
    Shared(fleet): Shared<Fleet>,
    which: Result<UrlQuery<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let UrlQuery(Which { site, limit, after }) = which
        .map_err(|_| Problem::bad_request("parameter", "the parameters are site, limit (a number) and continue"))?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let limit = limit.unwrap_or(PAGE_LIMIT);
    Ok(Json(fleet.exports(given(site).as_deref(), given(after).as_deref(), limit)).into_response())
}
