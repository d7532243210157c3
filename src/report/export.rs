//! `GET /api/v1/phones/{name-or-mac}/export` and `GET /api/v1/export`: documents out of what phones have.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    api::Fleet,
    named,
    parameters::{self, Parameters},
    problem::Problem,
};
use crate::fleet::{
    export::{Export, ExportPage, NoExport},
    view::PAGE_LIMIT,
};

pub(super) async fn of_phone(Shared(fleet): Shared<Fleet>, Path(id): Path<String>) -> Result<Json<Export>, Problem> {
    match fleet.export(&id) {
        Ok(export) => Ok(Json(export)),
        Err(NoExport::NotFound) => Err(named::no_phone(&fleet, id).await),
        Err(why) => Err(Problem::new(StatusCode::CONFLICT, "no-export", why.to_string())),
    }
}

/// Which documents.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only of this site.
    site: Option<String>,
    /// Most phones of the page; 500 unless given, and at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    after: Option<String>,
}

pub(super) async fn of_all(
    Shared(fleet): Shared<Fleet>,
    Parameters(Which { site, limit, after }): Parameters<Which>,
) -> Result<Json<ExportPage>, Problem> {
    let limit = parameters::limit(limit.as_deref(), PAGE_LIMIT, PAGE_LIMIT)?;
    let after = parameters::after_phone(after)?;
    let page = fleet.exports(site.as_deref(), after.as_deref(), limit);
    named::unless_site(&fleet, page.exports.is_empty() && after.is_none(), site.as_deref()).await?;
    Ok(Json(page))
}
