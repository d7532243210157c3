//! `GET /api/v1/phones/{name-or-mac}/explain`: why a phone has what it has.

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

/// Which item.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    item: Option<String>,
}

pub(super) async fn explain(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    which: Result<UrlQuery<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let UrlQuery(Which { item }) = which.map_err(|_| Problem::bad_request("parameter", "the parameter is item"))?;
    let item = item.filter(|item| !item.is_empty());
    match fleet.explain(&id, item.as_deref()) {
        Some(explanation) => Ok(Json(explanation).into_response()),
        None if fleet.phone(&id).is_some() => {
            let message = "no document declares this phone, so there is nothing to explain";
            Err(Problem::new(StatusCode::CONFLICT, "undeclared", message))
        }
        None => Err(no_phone()),
    }
}
