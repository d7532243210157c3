//! `POST /api/v1/phones/{name-or-mac}/release` and `/dismiss`: what becomes of an Abandoned phone.

use axum::{
    Extension, Json,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    access::Actor,
    act::{self, Accepted, Reasoned, Wished},
    api::Fleet,
    named,
    problem::Problem,
    retry::words,
};
use crate::fleet::release::DismissAnswer;

/// What becomes of the wish to release a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Its account is taken off it; when it is asked to call.
    Taken(super::ContactAnswer),
    /// It is not released, and why.
    Refused(&'static str),
    /// There is no such phone.
    NotFound,
}

/// The answer to a wish that is taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Released {
    /// `Queued`, `AlreadyUnderWay`, `RateLimited` or `CannotBeReached`; then it is done when the phone calls by itself.
    pub contact: String,
    /// When the phone is asked to call.
    pub at: Option<Timestamp>,
    /// Why it cannot be reached.
    pub why: Option<String>,
}

pub(super) async fn release(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    Wished(Reasoned { reason }): Wished<Reasoned>,
) -> Result<Accepted<Released>, Problem> {
    let by = act::admit(&*fleet, &actor, &reason)?;
    match act::kept(&*fleet, fleet.release(&id, &by)).await? {
        Release::Taken(contact) => {
            let (contact, at, why) = words(contact);
            Ok(Accepted(Released { contact: contact.to_owned(), at, why }))
        }
        Release::Refused(why) => Err(Problem::new(StatusCode::CONFLICT, "not-released", why)),
        Release::NotFound => Err(named::no_phone(&fleet, id).await),
    }
}

/// What becomes of an Abandoned phone that is dismissed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum DismissResult {
    /// It is forgotten.
    Dismissed,
}

/// The answer to that wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Dismissed {
    /// What becomes of it.
    pub result: DismissResult,
}

pub(super) async fn dismiss(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    Wished(Reasoned { reason }): Wished<Reasoned>,
) -> Result<Json<Dismissed>, Problem> {
    let by = act::admit(&*fleet, &actor, &reason)?;
    match act::kept(&*fleet, fleet.dismiss(&id, &by)).await? {
        DismissAnswer::Done => Ok(Json(Dismissed { result: DismissResult::Dismissed })),
        DismissAnswer::Refused(why) => Err(Problem::new(StatusCode::CONFLICT, "not-dismissed", why)),
        DismissAnswer::NotFound => Err(named::no_phone(&fleet, id).await),
    }
}
