//! What acts of people have in common: each has a name and a reason, is refused while it cannot be kept (the brake
//! alone is not), and is answered when it is on disk.

use axum::{body::Bytes, http::StatusCode};
use serde::de::DeserializeOwned;

use super::{FleetAccess, access::Actor, problem::Problem};
use crate::fleet::audit::By;

/// Reads the body of an act; `form` shows what it looks like.
pub(super) fn wish<T: DeserializeOwned>(body: &Bytes, form: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem::bad_request("body", format!("the body is {form}")))
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
