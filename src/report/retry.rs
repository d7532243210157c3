//! `POST /api/v1/phones/{name-or-mac}/retry`: a person has refused items of a phone tried again, and on request all that
//! is never compared.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State as Shared},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ContactAnswer, FleetAccess, Retry, access::Actor, api::no_phone, problem::Problem};

/// The body of the request; an empty one says no to all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// Whether everything that is never compared is written again, passwords included.
    pub secrets: bool,
}

/// The answer to a wish that is taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    Shared(fleet): Shared<Arc<dyn FleetAccess>>,
    Path(id): Path<String>,
    Extension(Actor(actor)): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let wish = if body.is_empty() {
        Wish::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|_| Problem::bad_request("body", "the body is {\"secrets\": true} or {\"secrets\": false}"))?
    };
    match fleet.retry(&id, wish.secrets, &actor) {
        Some(Retry::Taken { refusals, secrets, contact }) => {
            let (contact, at, why) = words(contact);
            let retried = Retried { refusals, secrets, contact: contact.to_owned(), at, why };
            Ok((StatusCode::ACCEPTED, Json(retried)).into_response())
        }
        Some(Retry::Undeclared) => {
            let message = "no document declares this phone, so nothing is written to it";
            Err(Problem::new(StatusCode::CONFLICT, "undeclared", message))
        }
        None => Err(no_phone()),
    }
}

fn words(contact: ContactAnswer) -> (&'static str, Option<Timestamp>, Option<String>) {
    match contact {
        ContactAnswer::Queued { at } => ("Queued", Some(at), None),
        ContactAnswer::AlreadyUnderWay => ("AlreadyUnderWay", None, None),
        ContactAnswer::RateLimited { next } => ("RateLimited", Some(next), None),
        ContactAnswer::CannotBeReached { why } => ("CannotBeReached", None, Some(why)),
        ContactAnswer::NotFound => ("CannotBeReached", None, None),
    }
}
