//! The routes of alerts, and of what decides over emergency calls.

use axum::{
    Json,
    extract::State as Shared,
    response::{IntoResponse, Response},
};

use super::{
    api::Fleet,
    parameters::{OfLines, OfSite, Parameters},
    problem::Problem,
};
use crate::fleet::paging::List;

pub(super) async fn alerts(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<OfLines>,
) -> Result<Response, Problem> {
    let part = which.part(List::Alerts)?;
    Ok(Json(fleet.alerts().part(&part)).into_response())
}

pub(super) async fn safety(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<OfSite>,
) -> Result<Response, Problem> {
    let part = which.part(List::Safety)?;
    Ok(Json(fleet.safety(which.site().as_ref(), &part)).into_response())
}
