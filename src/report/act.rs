//! What acts of people have in common: each has a name and a reason, is refused while it cannot be kept (the brake
//! alone is not), and is answered when it is on disk.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    FleetAccess,
    access::Actor,
    openapi::{Answers, Operation, Takes},
    problem::Problem,
};
use crate::fleet::audit::By;

/// What the body of a request says.
pub(super) trait Wish: DeserializeOwned + JsonSchema {
    /// What it looks like, for those who sent something else.
    const FORM: &str;

    /// Reads it.
    fn read(body: &Bytes) -> Result<Self, Problem> {
        serde_json::from_slice(body).map_err(|_| Problem::bad_request("body", format!("the body is {}", Self::FORM)))
    }
}

/// The body of an act.
pub(super) struct Wished<T>(pub(super) T);

impl<T: Wish, S: Send + Sync> FromRequest<S> for Wished<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
            _ => Problem::bad_request("body", "the body did not arrive"),
        })?;
        T::read(&body).map(Self)
    }
}

impl<T: Wish> Takes for Wished<T> {
    fn describe(operation: &mut Operation) {
        operation.takes::<T>();
    }
}

/// The answer to a wish that is taken up: 202 when it is done later, 200 when it was under way already.
#[derive(Debug)]
pub(super) enum Taken<T> {
    Later(T),
    UnderWay(T),
}

impl<T: Serialize> IntoResponse for Taken<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Later(answer) => (StatusCode::ACCEPTED, Json(answer)).into_response(),
            Self::UnderWay(answer) => Json(answer).into_response(),
        }
    }
}

impl<T: JsonSchema> Answers for Taken<T> {
    fn describe(operation: &mut Operation) {
        operation.answers::<T>(202, "It is taken up.");
        operation.answers::<T>(200, "It was under way already.");
    }
}

/// The answer to a wish that is always taken up: 202.
#[derive(Debug)]
pub(super) struct Accepted<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> Answers for Accepted<T> {
    fn describe(operation: &mut Operation) {
        operation.answers::<T>(202, "It is taken up.");
    }
}

/// The body of an act that needs no more than a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Reason")]
pub struct Reasoned {
    /// Why.
    pub reason: String,
}

impl Wish for Reasoned {
    const FORM: &str = "{\"reason\": \"…\"}";
}

/// Answers when the act is on disk, and says so when it could not be brought there.
pub(super) async fn kept<T>(fleet: &dyn FleetAccess, answer: T) -> Result<T, Problem> {
    if fleet.kept().await {
        return Ok(answer);
    }
    let message = "it is under way, but the store cannot be written, so that a restart of the service may forget it";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-kept", message))
}

/// Who acts and why, if the act can be kept now.
pub(super) fn admit(fleet: &dyn FleetAccess, actor: &Actor, reason: &str) -> Result<By, Problem> {
    if !fleet.can_keep() {
        let message = "the store cannot be written, so that this could not be kept; only the brake is taken now";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store-away", message));
    }
    by(actor, reason)
}

/// Who acts and why.
pub(super) fn by(Actor(actor): &Actor, reason: &str) -> Result<By, Problem> {
    By::new(actor, reason).map_err(|error| Problem::bad_request("reason", error.to_string()))
}
