//! `GET /api/v1/back`: which phones have come back from a storm or an absence, and which have not.

use axum::{
    Json,
    extract::{Query as UrlQuery, State as Shared, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{api::Fleet, problem::Problem, undo::site_name};

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Of which site; none = all.
    #[serde(default)]
    pub site: Option<String>,
    /// Since when; none = since the last storm, or the return of the service.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

pub(super) async fn back(
    Shared(fleet): Shared<Fleet>,
    which: Result<UrlQuery<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let UrlQuery(Which { site, since }) =
        which.map_err(|_| Problem::bad_request("parameter", "the parameters are site and since, a time"))?;
    match fleet.back(site_name(site.as_deref()).as_ref(), since) {
        Ok(view) => Ok(Json(view).into_response()),
        Err(error) => Err(Problem::new(StatusCode::NOT_FOUND, "nothing-happened", error.to_string())),
    }
}
