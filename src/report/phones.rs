//! The routes of phones: a page of them, one, and its last sessions.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    SessionView,
    api::Fleet,
    brake, named,
    parameters::{self, Parameters},
    problem::Problem,
};
use crate::fleet::{
    view::{PAGE_LIMIT, Page, PhoneView, Query},
    words::{PendingReason, State},
};

/// Which phones.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only in this state.
    #[schemars(with = "Option<State>")]
    state: Option<String>,
    /// Only of this site.
    site: Option<String>,
    /// Only of this model.
    model: Option<String>,
    /// Only those whose documents have all these labels, as `key=value,key=value`.
    selector: Option<String>,
    /// Only those whose site has such labels: `key=value`, `key!=value`, `key in (a,b)`, `key notin (a,b)`, `key`, `!key`,
    /// or several of them with commas.
    #[serde(rename = "siteSelector")]
    site_selector: Option<String>,
    /// Only those that are Pending for this reason.
    #[schemars(with = "Option<PendingReason>")]
    reason: Option<String>,
    /// Only those on which this item differs.
    item: Option<String>,
    /// Only those whose state in force came with this revision, or one whose name begins so.
    revision: Option<String>,
    /// Only those with this text in name, MAC, number, model, site, address, or a label as `key=value`.
    q: Option<String>,
    /// Most phones of the page; 500 unless given, and at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    after: Option<String>,
}

impl Which {
    /// What the fleet is asked.
    pub(super) fn query(self) -> Result<Query, Problem> {
        let Self { state, site, model, selector, site_selector, reason, item, revision, q, limit, after } = self;
        Ok(Query {
            state: state.as_deref().map(state_of).transpose()?,
            site,
            model,
            selector: selector.as_deref().map(brake::labels).transpose()?.unwrap_or_default(),
            site_selector: site_selector.as_deref().map(named::selector).transpose()?,
            reason: reason.as_deref().map(reason_of).transpose()?,
            item,
            revision,
            text: q,
            limit: Some(parameters::limit(limit.as_deref(), PAGE_LIMIT, PAGE_LIMIT)?),
            after: parameters::after_phone(after)?,
        })
    }

    /// The same for pages of so many phones, whatever was asked.
    pub(super) fn query_of(self, limit: usize) -> Result<Query, Problem> {
        Ok(Query { limit: Some(limit), ..Self { limit: None, ..self }.query()? })
    }
}

pub(super) async fn phones(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<Which>,
) -> Result<Json<Page>, Problem> {
    let query = which.query()?;
    let page = fleet.page(&query);
    named::unless_known(&fleet, page.phones.is_empty() && query.after.is_none(), query.named()).await?;
    Ok(Json(page))
}

fn state_of(word: &str) -> Result<State, Problem> {
    State::parse(word).ok_or_else(|| {
        let known: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        Problem::bad_request("state", format!("there is no such state; the states are {}", known.join(", ")))
    })
}

fn reason_of(word: &str) -> Result<PendingReason, Problem> {
    PendingReason::parse(word).ok_or_else(|| {
        let known: Vec<_> = PendingReason::ALL.iter().map(|reason| reason.as_str()).collect();
        Problem::bad_request("reason", format!("there is no such reason; the reasons are {}", known.join(", ")))
    })
}

pub(super) async fn phone(Shared(fleet): Shared<Fleet>, Path(id): Path<String>) -> Result<Json<PhoneView>, Problem> {
    match fleet.phone(&id) {
        Some(phone) => Ok(Json(phone)),
        None => Err(named::no_phone(&fleet, id).await),
    }
}

/// The last sessions of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionList {
    /// Those that ended since the start of the service, the newest first. Those that had to wait are not among them
    /// (promise 10).
    pub sessions: Vec<SessionView>,
}

pub(super) async fn sessions(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<SessionList>, Problem> {
    if fleet.phone(&id).is_none() {
        return Err(named::no_phone(&fleet, id).await);
    }
    Ok(Json(SessionList { sessions: fleet.sessions(&id) }))
}

pub(super) fn no_phone() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-phone", "there is no phone of this name or MAC")
}
