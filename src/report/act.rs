//! What acts of people have in common: each has a name and a reason, is refused while it cannot be kept (the brake
//! alone is not), and is answered when it is on disk.

use axum::{body::Bytes, http::StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{FleetAccess, access::Actor, problem::Problem};
use crate::fleet::audit::By;

/// Reads the body of an act; `form` shows what it looks like.
pub(super) fn wish<T: DeserializeOwned>(body: &Bytes, form: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem::bad_request("body", format!("the body is {form}")))
}

/// The body of an act that needs no more than a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasoned {
    /// Why.
    pub reason: String,
}

/// Reads who wants an act that needs no more than a reason, and why.
pub(super) fn reasoned(fleet: &dyn FleetAccess, actor: &Actor, body: &Bytes) -> Result<By, Problem> {
    let Reasoned { reason } = wish(body, "{\"reason\": \"…\"}")?;
    admit(fleet, actor, &reason)
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
