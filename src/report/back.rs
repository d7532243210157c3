//! `GET /api/v1/back`: which phones have come back from a storm or an absence, and which have not.

use axum::{Json, extract::State as Shared, http::StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    api::Fleet,
    named,
    parameters::{self, Parameters},
    problem::Problem,
    undo::site_name,
};
use crate::fleet::{
    paging::{LINES, List},
    recovery::BackView,
};

/// What is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only of this site.
    site: Option<String>,
    /// Since when; else since the last storm, or the return of the service.
    #[schemars(with = "Option<Timestamp>")]
    since: Option<String>,
    /// Most entries of the page; 1000 unless given, and at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    after: Option<String>,
}

pub(super) async fn back(
    Shared(fleet): Shared<Fleet>,
    Parameters(Which { site, since, limit, after }): Parameters<Which>,
) -> Result<Json<BackView>, Problem> {
    let since = parameters::time("since", since.as_deref())?;
    let part = parameters::part(List::Missing, limit.as_deref(), after.as_deref(), LINES)?;
    match fleet.back(site_name(site.as_deref()).as_ref(), since, &part) {
        Ok(view) => {
            named::unless_site(&fleet, view.missing.is_empty(), site.as_deref()).await?;
            Ok(Json(view))
        }
        Err(error) => Err(Problem::new(StatusCode::NOT_FOUND, "nothing-happened", error.to_string())),
    }
}
