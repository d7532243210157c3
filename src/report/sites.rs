//! The routes of sites: each with how its phones are.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    api::Fleet,
    parameters::{OfList, Parameters},
    problem::Problem,
    standing::{Counts, looked_up},
};
use crate::fleet::paging::{Key, List, Page};

/// A site and its declared phones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteView {
    /// Its name.
    pub name: String,
    /// How its phones are.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A page of the sites that have declared phones, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteList {
    /// The sites.
    pub sites: Vec<SiteView>,
    /// Sites behind them.
    pub more: usize,
    /// Where the next page starts.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

pub(super) async fn sites(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<OfList>,
) -> Result<Json<SiteList>, Problem> {
    let part = which.part(List::Sites)?;
    looked_up(move || {
        let sites = fleet.survey().sites.into_iter();
        let keyed = sites.map(|(name, tally)| (Key::of([name.clone()]), SiteView { name, counts: tally.into() }));
        let Page { entries, next, more } = part.cut(keyed);
        Ok(SiteList { sites: entries, more, next })
    })
    .await
}

pub(super) async fn site(Shared(fleet): Shared<Fleet>, Path(name): Path<String>) -> Result<Json<SiteView>, Problem> {
    looked_up(move || match fleet.survey().sites.remove(&name) {
        Some(tally) => Ok(SiteView { name, counts: tally.into() }),
        None => {
            Err(Problem::new(StatusCode::NOT_FOUND, "no-such-site", "there is no site of this name that has phones"))
        }
    })
    .await
}
