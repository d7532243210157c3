//! `POST /api/v1/phones/{name-or-mac}/look`: a person has a phone read, and not written in that session.

use axum::{
    Extension,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ContactAnswer,
    access::Actor,
    act::{self, Accepted, Wished},
    api::Fleet,
    named,
    problem::Problem,
};

/// The body of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LookWish")]
pub struct Wish {
    /// Whether all that the phone has is read, and not only what is managed; also of phones that no document declares.
    #[serde(default)]
    pub all: bool,
    /// Why.
    pub reason: String,
}

impl act::Wish for Wish {
    const FORM: &str = "{\"reason\": \"…\"}, and \"all\": true where all items are meant";
}

/// The answer: a read that is newer than `asked` is the one that was wished for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Looked {
    /// When the wish was taken.
    pub asked: Timestamp,
    /// `Queued`, `AlreadyUnderWay` or `RateLimited`.
    pub result: String,
}

pub(super) async fn look(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    Wished(wish): Wished<Wish>,
) -> Result<Accepted<Looked>, Problem> {
    let by = act::admit(&*fleet, &actor, &wish.reason)?;
    let asked = Timestamp::now();
    match act::kept(&*fleet, fleet.look(&id, wish.all, &by)).await? {
        ContactAnswer::CannotBeReached { why } => Err(Problem::new(StatusCode::CONFLICT, "cannot-be-reached", why)),
        ContactAnswer::NotFound => Err(named::no_phone(&fleet, id).await),
        other => Ok(Accepted(Looked { asked, result: other.as_str().to_owned() })),
    }
}
