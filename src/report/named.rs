//! Names in a question that are none: said with the names that come near, in place of an empty answer.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::task::spawn_blocking;

use super::{api::Fleet, problem::Problem};
use crate::{
    fleet::named::{Named, NoSuch},
    spec::{Selector, SelectorError},
};

/// Says no where `nothing` was found and one of these is the name of nothing.
pub(super) async fn unless_known(fleet: &Fleet, nothing: bool, named: Vec<Named>) -> Result<(), Problem> {
    if !nothing || named.is_empty() {
        return Ok(());
    }
    let fleet = Arc::clone(fleet);
    let look = spawn_blocking(move || named.iter().find_map(|named| fleet.no_such(named)));
    look.await.ok().flatten().map_or(Ok(()), |none| Err(problem(&none)))
}

/// The same for a site, where one is named.
pub(super) async fn unless_site(fleet: &Fleet, nothing: bool, site: Option<&str>) -> Result<(), Problem> {
    unless_known(fleet, nothing, site.map(|site| Named::Site(site.to_owned())).into_iter().collect()).await
}

/// There is no phone of that name or MAC.
pub(super) async fn no_phone(fleet: &Fleet, id: String) -> Problem {
    let unknown = unless_known(fleet, true, vec![Named::Phone(id)]).await;
    unknown.err().unwrap_or_else(super::phones::no_phone)
}

/// There is no site of that name.
pub(super) async fn no_site(fleet: &Fleet, name: String) -> Problem {
    let known = "this release has no phone at that site";
    let unknown = unless_known(fleet, true, vec![Named::Site(name)]).await;
    unknown.err().unwrap_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no-such-site", known))
}

/// Reads a selector of labels.
pub(super) fn selector(text: &str) -> Result<Selector, Problem> {
    text.parse().map_err(|error: SelectorError| Problem::bad_request("selector", error.to_string()))
}

fn problem(none: &NoSuch) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, none.code(), none.to_string())
}
