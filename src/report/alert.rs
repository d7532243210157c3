//! The routes of alerts, and of what decides over emergency calls.

use axum::{Json, extract::State as Shared};

use super::{
    api::Fleet,
    named,
    parameters::{OfLines, OfSite, Parameters},
    problem::Problem,
};
use crate::{
    fleet::{alert::AlertList, paging::List, safety::SafetyList},
    spec::SiteName,
};

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
    let site = which.site();
    let list = fleet.safety(site.as_ref(), &part);
    named::unless_site(&fleet, list.problems.is_empty(), site.as_ref().map(SiteName::as_str)).await?;
    Ok(Json(list))
}
