//! The routes of undo and of leftovers.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FleetAccess,
    access::Actor,
    act,
    api::Fleet,
    parameters::{OfSite, Parameters},
    problem::Problem,
};
use crate::{
    fleet::{
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// Of this site; none = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Why.
    pub reason: String,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Leftovers that are forgotten, an item of a phone each.
    pub dropped: usize,
}

pub(super) fn site_name(site: Option<&str>) -> Option<SiteName> {
    site.filter(|site| !site.is_empty()).map(SiteName::new)
}

pub(super) async fn dry_run(
    Shared(fleet): Shared<Fleet>,
    Parameters(Which { revision, site }): Parameters<Which>,
) -> Result<Response, Problem> {
    answer(fleet.undo(&revision, site_name(site.as_deref()).as_ref(), None))
}

pub(super) async fn undo(
    Shared(fleet): Shared<Arc<dyn FleetAccess>>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let form = "{\"revision\": \"…\", \"reason\": \"…\"}, with \"site\" where one is meant";
    let Wish { revision, site, reason } = act::wish(&body, form)?;
    let by = act::admit(&*fleet, &actor, &reason)?;
    let done = fleet.undo(&revision, site_name(site.as_deref()).as_ref(), Some(&by));
    answer(act::kept(&*fleet, done).await?)
}

fn answer(done: Result<Undo, UndoError>) -> Result<Response, Problem> {
    done.map(|undo| Json(undo).into_response()).map_err(|error| {
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
) -> Result<Response, Problem> {
    let part = which.part(List::Leftovers)?;
    Ok(Json(fleet.leftovers(which.site().as_ref(), &part)).into_response())
}

pub(super) async fn drop_leftovers(
    Shared(fleet): Shared<Arc<dyn FleetAccess>>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let Drop { site, reason } = act::wish(&body, "{\"reason\": \"…\"}, with \"site\" where one is meant")?;
    let by = act::admit(&*fleet, &actor, &reason)?;
    let dropped = fleet.drop_leftovers(site_name(site.as_deref()).as_ref(), &by);
    Ok(Json(Dropped { dropped: act::kept(&*fleet, dropped).await? }).into_response())
}
