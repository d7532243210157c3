//! `GET /api/v1/phones/{name-or-mac}/explain`: why a phone has what it has.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{api::Fleet, named, parameters::Parameters, problem::Problem};
use crate::fleet::{explain::Explanation, named::Named};

/// Which item.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only this item, with what it lies over and its last changes.
    item: Option<String>,
}

pub(super) async fn explain(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Parameters(Which { item }): Parameters<Which>,
) -> Result<Json<Explanation>, Problem> {
    match fleet.explain(&id, item.as_deref()) {
        Some(explanation) => {
            let item = item.map(Named::Item).into_iter().collect();
            named::unless_known(&fleet, explanation.items.is_empty(), item).await?;
            Ok(Json(explanation))
        }
        None if fleet.phone(&id).is_some() => {
            let message = "no document declares this phone, so there is nothing to explain";
            Err(Problem::new(StatusCode::CONFLICT, "undeclared", message))
        }
        None => Err(named::no_phone(&fleet, id).await),
    }
}
