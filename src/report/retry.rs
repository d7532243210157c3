//! `POST /api/v1/phones/{name-or-mac}/retry`: a person has refused items of a phone tried again, and on request all that
//! is never compared.

use axum::{
    Extension,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ContactAnswer, Retry,
    access::Actor,
    act::{self, Accepted, Wished},
    api::Fleet,
    named,
    problem::Problem,
};

/// The body of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RetryWish")]
pub struct Wish {
    /// Whether everything that is never compared is written again, passwords included.
    #[serde(default)]
    pub secrets: bool,
    /// Why.
    pub reason: String,
}

impl act::Wish for Wish {
    const FORM: &str = "{\"reason\": \"…\"}, and \"secrets\": true where passwords are meant too";
}

/// The answer to a wish that is taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Retried {
    /// Refused items, and items held in a tug of war, that are tried again.
    pub refusals: usize,
    /// Items that are never compared and are written again.
    pub secrets: usize,
    /// `Queued`, `AlreadyUnderWay`, `RateLimited` or `CannotBeReached`; then it is done when the phone calls by itself.
    pub contact: String,
    /// When the phone is asked to call.
    pub at: Option<Timestamp>,
    /// Why it cannot be reached.
    pub why: Option<String>,
}

pub(super) async fn retry(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    Wished(wish): Wished<Wish>,
) -> Result<Accepted<Retried>, Problem> {
    let by = act::admit(&*fleet, &actor, &wish.reason)?;
    match act::kept(&*fleet, fleet.retry(&id, wish.secrets, &by)).await? {
        Some(Retry::Taken { refusals, secrets, contact }) => {
            let (contact, at, why) = words(contact);
            Ok(Accepted(Retried { refusals, secrets, contact: contact.to_owned(), at, why }))
        }
        Some(Retry::Undeclared) => {
            let message = "no document declares this phone, so nothing is written to it";
            Err(Problem::new(StatusCode::CONFLICT, "undeclared", message))
        }
        None => Err(named::no_phone(&fleet, id).await),
    }
}

pub(super) fn words(contact: ContactAnswer) -> (&'static str, Option<Timestamp>, Option<String>) {
    let word = contact.as_str();
    match contact {
        ContactAnswer::Queued { at } => (word, Some(at), None),
        ContactAnswer::RateLimited { next } => (word, Some(next), None),
        ContactAnswer::CannotBeReached { why } => (word, None, Some(why)),
        ContactAnswer::AlreadyUnderWay => (word, None, None),
        ContactAnswer::NotFound => ("CannotBeReached", None, None),
    }
}
