//! The routes of undo and of leftovers.

use axum::{Extension, Json, extract::State as Shared, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    access::Actor,
    act::{self, Wished},
    api::Fleet,
    named,
    parameters::{OfSite, Parameters},
    problem::Problem,
};
use crate::{
    fleet::{
        leftovers::Leftovers,
        paging::List,
        undo::{Undo, UndoError},
    },
    spec::SiteName,
};

/// Which revision is to be undone, and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The revision, or its first characters.
    revision: String,
    /// Only on the phones of this site.
    site: Option<String>,
}

/// The body of a request to undo a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UndoWish")]
pub struct Wish {
    /// The revision, or its first characters.
    pub revision: String,
    /// Only on the phones of this site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Why.
    pub reason: String,
}

/// The body of a request to drop leftovers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DropWish")]
pub struct Drop {
    /// Of this site; none = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Why.
    pub reason: String,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    /// Leftovers that are forgotten, an item of a phone each.
    pub dropped: usize,
}

impl act::Wish for Wish {
    const FORM: &str = "{\"revision\": \"…\", \"reason\": \"…\"}, with \"site\" where one is meant";
}

impl act::Wish for Drop {
    const FORM: &str = "{\"reason\": \"…\"}, with \"site\" where one is meant";
}

pub(super) fn site_name(site: Option<&str>) -> Option<SiteName> {
    site.filter(|site| !site.is_empty()).map(SiteName::new)
}

pub(super) async fn dry_run(
    Shared(fleet): Shared<Fleet>,
    Parameters(Which { revision, site }): Parameters<Which>,
) -> Result<Json<Undo>, Problem> {
    answer(fleet.undo(&revision, site_name(site.as_deref()).as_ref(), None))
}

pub(super) async fn undo(
    Shared(fleet): Shared<Fleet>,
    Extension(actor): Extension<Actor>,
    Wished(Wish { revision, site, reason }): Wished<Wish>,
) -> Result<Json<Undo>, Problem> {
    let by = act::admit(&*fleet, &actor, &reason)?;
    let done = fleet.undo(&revision, site_name(site.as_deref()).as_ref(), Some(&by));
    answer(act::kept(&*fleet, done).await?)
}

fn answer(done: Result<Undo, UndoError>) -> Result<Json<Undo>, Problem> {
    done.map(Json).map_err(|error| {
        let (status, code) = match &error {
            UndoError::Unknown(_) | UndoError::NotThere(..) => (StatusCode::NOT_FOUND, "no-such-revision"),
            UndoError::Ambiguous(..) => (StatusCode::CONFLICT, "ambiguous"),
        };
        Problem::new(status, code, error.to_string())
    })
}

pub(super) async fn leftovers(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<OfSite>,
) -> Result<Json<Leftovers>, Problem> {
    let part = which.part(List::Leftovers)?;
    let site = which.site();
    let list = fleet.leftovers(site.as_ref(), &part);
    named::unless_site(&fleet, list.leftovers.is_empty(), site.as_ref().map(SiteName::as_str)).await?;
    Ok(Json(list))
}

pub(super) async fn drop_leftovers(
    Shared(fleet): Shared<Fleet>,
    Extension(actor): Extension<Actor>,
    Wished(Drop { site, reason }): Wished<Drop>,
) -> Result<Json<Dropped>, Problem> {
    let by = act::admit(&*fleet, &actor, &reason)?;
    named::unless_site(&fleet, true, site.as_deref()).await?;
    let dropped = fleet.drop_leftovers(site_name(site.as_deref()).as_ref(), &by);
    Ok(Json(Dropped { dropped: act::kept(&*fleet, dropped).await? }))
}
