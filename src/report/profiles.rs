//! The routes of profiles: each with how the phones are that build on it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    counted::Counted,
    parameters::{OfList, Parameters},
    problem::Problem,
    standing::Counts,
};
use crate::fleet::{
    paging::{Key, List, Page},
    profiles::ProfileStanding,
};

/// A profile of the newest documents, and the declared phones that build on it, directly or through other profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileView {
    /// Its name.
    pub name: String,
    /// The site whose owner it belongs to; null for one that all may build on.
    pub owner: Option<String>,
    /// File, line and column of its document.
    pub place: String,
    /// The profiles it builds on, lowest first.
    pub profiles: Vec<String>,
    /// How its phones are.
    #[serde(flatten)]
    pub counts: Counts,
    /// What is wrong with it, at most ten.
    pub problems: Vec<String>,
}

impl From<ProfileStanding> for ProfileView {
    fn from(standing: ProfileStanding) -> Self {
        let ProfileStanding { name, owner, place, profiles, tally, problems } = standing;
        Self { name, owner, place, profiles, counts: tally.into(), problems }
    }
}

/// A page of the profiles, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileList {
    /// The profiles.
    pub profiles: Vec<ProfileView>,
    /// Profiles behind them.
    pub more: usize,
    /// Where the next page starts.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

pub(super) async fn profiles(
    Shared(counted): Shared<Arc<Counted>>,
    Parameters(which): Parameters<OfList>,
) -> Result<Json<ProfileList>, Problem> {
    let part = which.part(List::Profiles)?;
    let standings = counted.profiles().await?;
    let keyed = standings.iter().map(|standing| {
        let key = Key::of([standing.name.clone(), standing.owner.clone().unwrap_or_default()]);
        (key, ProfileView::from(standing.clone()))
    });
    let Page { entries, next, more } = part.cut(keyed);
    Ok(Json(ProfileList { profiles: entries, more, next }))
}

/// Whose profile.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// The site whose owner it belongs to; else it is the one that all may build on, or the only one of that name.
    owner: Option<String>,
}

pub(super) async fn profile(
    Shared(counted): Shared<Arc<Counted>>,
    Path(name): Path<String>,
    Parameters(Whose { owner }): Parameters<Whose>,
) -> Result<Json<ProfileView>, Problem> {
    let standings = counted.profiles().await?;
    let named = standings.iter().filter(|standing| standing.name == name).cloned();
    one(named.collect(), owner.as_deref()).map(|standing| Json(standing.into()))
}

/// The one that is meant of those of one name.
fn one(mut named: Vec<ProfileStanding>, owner: Option<&str>) -> Result<ProfileStanding, Problem> {
    let place = match owner {
        None if named.len() == 1 => Some(0),
        owner => named.iter().position(|standing| standing.owner.as_deref() == owner),
    };
    if let Some(place) = place {
        return Ok(named.swap_remove(place));
    }
    let owners: Vec<String> = named.into_iter().filter_map(|standing| standing.owner).collect();
    if owners.is_empty() || owner.is_some() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-such-profile", "no document declares such a profile"));
    }
    let message = format!("several sites have a profile of this name; say whose: owner={}", owners.join(" or owner="));
    Err(Problem::new(StatusCode::CONFLICT, "ambiguous", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_by_its_name_as_long_as_one_alone_can_be_meant() {
        let of = |owner: Option<&str>| ProfileStanding {
            name: "base".to_owned(),
            owner: owner.map(ToOwned::to_owned),
            ..ProfileStanding::default()
        };
        let [central, berlin, munich] = [of(None), of(Some("berlin")), of(Some("munich"))];
        let all = || vec![berlin.clone(), central.clone(), munich.clone()];
        assert_eq!(one(all(), None).unwrap(), central);
        assert_eq!(one(all(), Some("munich")).unwrap(), munich);
        assert_eq!(one(vec![berlin.clone()], None).unwrap(), berlin);
        assert_eq!(one(all(), Some("hamburg")).unwrap_err().status, StatusCode::NOT_FOUND);
        assert_eq!(one(Vec::new(), None).unwrap_err().status, StatusCode::NOT_FOUND);
        let ambiguous = one(vec![berlin, munich], None).unwrap_err();
        assert_eq!(ambiguous.status, StatusCode::CONFLICT);
        assert!(ambiguous.message.ends_with("owner=berlin or owner=munich"), "{}", ambiguous.message);
    }
}
