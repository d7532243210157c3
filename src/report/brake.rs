//! The routes of the brake. It is the one act that is taken while the store is away: it holds at once, and the answer
//! says whether it is stored.

use axum::{Extension, Json, extract::State as Shared, http::StatusCode};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    access::Actor,
    act::{self, Wished},
    api::Fleet,
    named,
    problem::Problem,
};
use crate::{
    fleet::brake::{Brake, BrakeError, Scope},
    spec::{Labels, SiteName},
};

/// Which phones, in the body of a request: all, those of a site, or those with labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "BrakeWish")]
pub struct Wish {
    /// All phones.
    pub all: bool,
    /// Those of this site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Those with these labels, as `key=value`, parted by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// For how long, such as `2h`; a release has none.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub length: Option<String>,
    /// Why.
    pub reason: String,
}

impl Wish {
    /// The scope; `None` where none is named.
    fn scope(&self) -> Result<Option<Scope>, Problem> {
        let one = "name one of all, site and selector";
        match (self.all, &self.site, &self.selector) {
            (false, None, None) => Ok(None),
            (true, None, None) => Ok(Some(Scope::All)),
            (false, Some(site), None) => Ok(Some(Scope::Site(SiteName::new(site)))),
            (false, None, Some(selector)) => labels(selector).map(|labels| Some(Scope::Selector(labels))),
            _ => Err(Problem::bad_request("scope", one)),
        }
    }
}

pub(super) fn labels(selector: &str) -> Result<Labels, Problem> {
    let form = "a selector is key=value, or several of them parted by commas; all have to fit";
    Labels::selector(selector).ok_or_else(|| Problem::bad_request("selector", form))
}

/// All brakes that hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrakeList {
    /// The oldest first.
    pub brakes: Vec<Brake>,
}

/// What became of setting a brake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrakeSet {
    /// The brake as it holds.
    pub brake: Brake,
    /// How many declared phones it names.
    pub phones: usize,
    /// Whether it is stored, so that it holds over a restart.
    pub stored: bool,
}

/// What became of releasing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrakesReleased {
    /// Those that are released.
    pub released: Vec<Brake>,
    /// Whether that is stored.
    pub stored: bool,
}

impl act::Wish for Wish {
    const FORM: &str = "{\"reason\": \"…\"} with one of \"all\": true, \"site\": \"…\" and \"selector\": \"key=value\"; to set a \
                        brake also with \"for\": \"2h\"";
}

pub(super) async fn list(Shared(fleet): Shared<Fleet>) -> Json<BrakeList> {
    Json(BrakeList { brakes: fleet.brakes() })
}

pub(super) async fn set(
    Shared(fleet): Shared<Fleet>,
    Extension(actor): Extension<Actor>,
    Wished(wish): Wished<Wish>,
) -> Result<Json<BrakeSet>, Problem> {
    let by = act::by(&actor, &wish.reason)?;
    let scope = wish.scope()?.ok_or_else(|| Problem::bad_request("scope", "name one of all, site and selector"))?;
    let length: Option<SignedDuration> = wish.length.as_deref().and_then(|length| length.parse().ok());
    let length = length.ok_or_else(|| Problem::bad_request("for", "`for` says how long, such as 30m, 2h or 1d"))?;
    match fleet.brake(scope, length, &by) {
        Ok(braked) => {
            let stored = fleet.kept().await;
            Ok(Json(BrakeSet { brake: braked.brake, phones: braked.phones, stored }))
        }
        Err(error @ BrakeError::Length) => Err(Problem::bad_request("for", error.to_string())),
        Err(error @ BrakeError::TooMany) => Err(Problem::new(StatusCode::CONFLICT, "too-many", error.to_string())),
        Err(error @ BrakeError::Nobody(_)) => Err(Problem::new(StatusCode::NOT_FOUND, "nobody", error.to_string())),
    }
}

pub(super) async fn release(
    Shared(fleet): Shared<Fleet>,
    Extension(actor): Extension<Actor>,
    Wished(wish): Wished<Wish>,
) -> Result<Json<BrakesReleased>, Problem> {
    let by = act::by(&actor, &wish.reason)?;
    if wish.length.is_some() {
        return Err(Problem::bad_request("for", "a release has no `for`"));
    }
    let released = fleet.release_brakes(wish.scope()?.as_ref(), &by);
    // a brake on a site that is gone is released all the same
    named::unless_site(&fleet, released.is_empty(), wish.site.as_deref()).await?;
    let stored = fleet.kept().await;
    Ok(Json(BrakesReleased { released, stored }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_scope_is_named_and_no_more() {
        let site = Some("berlin".to_owned());
        assert_eq!(Wish::default().scope().unwrap(), None);
        assert_eq!(Wish { all: true, ..Wish::default() }.scope().unwrap(), Some(Scope::All));
        assert!(Wish { all: true, site: site.clone(), ..Wish::default() }.scope().is_err());
        assert!(Wish { site, selector: Some("a=b".to_owned()), ..Wish::default() }.scope().is_err());
    }
}
