//! The routes of alerts, and of what decides over emergency calls.

use axum::{Json, extract::State as Shared};

use super::{
    api::Fleet,
    parameters::{OfLines, OfSite, Parameters},
    problem::Problem,
};
use crate::fleet::{alert::AlertList, paging::List, safety::SafetyList};

pub(super) async fn alerts(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<OfLines>,
) -> Result<Json<AlertList>, Problem> {
    let part = which.part(List::Alerts)?;
    Ok(Json(fleet.alerts().part(&part)))
}

pub(super) async fn safety(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<OfSite>,
) -> Result<Json<SafetyList>, Problem> {
    let part = which.part(List::Safety)?;
    Ok(Json(fleet.safety(which.site().as_ref(), &part)))
}
