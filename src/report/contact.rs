//! `POST /api/v1/phones/{name-or-mac}/contact` and `/restart`: a person has a phone call, or restart, now.

use axum::{
    Extension,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    ContactAnswer,
    access::Actor,
    act::{self, Reasoned, Taken, Wished},
    api::Fleet,
    named,
    problem::Problem,
};
use crate::fleet::{RestartAnswer, words::PendingReason};

/// What becomes of a phone that is asked to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum ContactResult {
    /// It is asked.
    Queued,
    /// A session or a contact is under way.
    AlreadyUnderWay,
}

/// The answer to the wish that a phone calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Contacted {
    /// What becomes of it.
    pub result: ContactResult,
    /// When it is asked, mostly now.
    pub at: Option<Timestamp>,
}

pub(super) async fn contact(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    Wished(Reasoned { reason }): Wished<Reasoned>,
) -> Result<Taken<Contacted>, Problem> {
    let by = act::admit(&*fleet, &actor, &reason)?;
    let answer = act::kept(&*fleet, fleet.contact(&id, &by)).await?;
    match answer {
        ContactAnswer::Queued { at } => Ok(Taken::Later(Contacted { result: ContactResult::Queued, at: Some(at) })),
        ContactAnswer::AlreadyUnderWay => {
            Ok(Taken::UnderWay(Contacted { result: ContactResult::AlreadyUnderWay, at: None }))
        }
        ContactAnswer::RateLimited { next } => {
            let message = format!("contacts to one phone keep a distance; it is asked at {next:.0}");
            Err(Problem { next: Some(next), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", message) })
        }
        ContactAnswer::CannotBeReached { why } => Err(Problem::new(StatusCode::CONFLICT, "cannot-be-reached", why)),
        ContactAnswer::NotFound => Err(named::no_phone(&fleet, id).await),
    }
}

/// What becomes of a phone that is to restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum RestartResult {
    /// It is asked to call, and restarted then.
    Queued,
    /// It may not be restarted yet.
    Waits,
    /// It is being restarted.
    AlreadyUnderWay,
}

/// The answer to the wish that a phone restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Restarted {
    /// What becomes of it.
    pub result: RestartResult,
    /// Why it waits.
    pub reason: Option<PendingReason>,
    /// When it is asked to call; or until when it waits, where that is known. Null for a phone that cannot be asked.
    pub at: Option<Timestamp>,
}

pub(super) async fn restart(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    Wished(Reasoned { reason }): Wished<Reasoned>,
) -> Result<Taken<Restarted>, Problem> {
    let by = act::admit(&*fleet, &actor, &reason)?;
    let answer = act::kept(&*fleet, fleet.restart(&id, &by)).await?;
    match answer {
        RestartAnswer::Queued(at) => Ok(Taken::Later(Restarted { result: RestartResult::Queued, reason: None, at })),
        RestartAnswer::Waits { reason, until } => {
            Ok(Taken::Later(Restarted { result: RestartResult::Waits, reason: Some(reason), at: until }))
        }
        RestartAnswer::UnderWay => {
            Ok(Taken::UnderWay(Restarted { result: RestartResult::AlreadyUnderWay, reason: None, at: None }))
        }
        RestartAnswer::Refused(why) => Err(Problem::new(StatusCode::CONFLICT, "cannot-be-restarted", why)),
        RestartAnswer::NotFound => Err(named::no_phone(&fleet, id).await),
    }
}
