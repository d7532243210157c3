//! The routes of sites: each with how its phones are.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State as Shared},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    api::Fleet,
    counted::Counted,
    named::no_site,
    parameters::{OfList, Parameters},
    problem::Problem,
    standing::Counts,
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

/// A page of the sites that a document declares or that have declared phones, by name.
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
    Shared(counted): Shared<Arc<Counted>>,
    Parameters(which): Parameters<OfList>,
) -> Result<Json<SiteList>, Problem> {
    let part = which.part(List::Sites)?;
    let survey = counted.survey().await?;
    let keyed = survey
        .sites
        .iter()
        .map(|(name, tally)| (Key::of([name.clone()]), SiteView { name: name.clone(), counts: (*tally).into() }));
    let Page { entries, next, more } = part.cut(keyed);
    Ok(Json(SiteList { sites: entries, more, next }))
}

pub(super) async fn site(
    Shared(fleet): Shared<Fleet>,
    Shared(counted): Shared<Arc<Counted>>,
    Path(name): Path<String>,
) -> Result<Json<SiteView>, Problem> {
    let counts = counted.survey().await?.sites.get(&name).map(|tally| Counts::from(*tally));
    match counts {
        Some(counts) => Ok(Json(SiteView { name, counts })),
        None => Err(no_site(&fleet, name).await),
    }
}
