//! `/api/v1/wire-log`: what phones and the service say to each other, kept in files for support. Each recording is begun
//! by a named person for a reason, and has an end.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    access::Actor,
    act::{self, Reasoned, Wished},
    api::Fleet,
    phones::no_phone,
    problem::Problem,
};

/// Longest recording.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Most phones that are recorded at a time.
pub const PHONES: usize = 16;
/// Most files in the folder of recordings.
pub const FILES: usize = 200;

/// The body of the wish for a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WireLogWish")]
pub struct Wish {
    /// For how long, such as `30m`.
    #[serde(rename = "for")]
    pub length: String,
    /// Why.
    pub reason: String,
}

impl act::Wish for Wish {
    const FORM: &str = "{\"for\": \"30m\", \"reason\": \"…\"}";
}

/// One phone that is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recording {
    /// The name of its document, else its MAC.
    pub phone: String,
    /// Its MAC or device id.
    pub mac: String,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The file, on the machine of the service.
    pub file: String,
}

impl Recording {
    /// What stands above everything in `status`.
    pub fn note(&self) -> String {
        format!("What {} says is recorded until {} ({}: {}).", self.phone, self.until, self.by, self.reason)
    }
}

/// All phones that are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recordings {
    /// By MAC; 16 at most.
    pub recordings: Vec<Recording>,
}

/// Why a phone is not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireLogError {
    /// The service was not started with a folder for it.
    #[error("nothing is recorded here: start the service with --wire-log DIR")]
    Off,
    /// There is no such phone, or it is not recorded.
    #[error("there is no such phone")]
    NoPhone,
    /// The time makes no sense.
    #[error("a recording lasts 24 hours at most, and longer than nothing")]
    Length,
    /// As many are recorded as may be.
    #[error("{PHONES} phones are recorded already; end one of them first: phoneops wire-log PHONE --end")]
    TooMany,
    /// The folder is full.
    #[error("the folder of recordings has {FILES} files; move some away first")]
    Full,
    /// The file cannot be made.
    #[error("the file of the recording cannot be made: {0}")]
    File(String),
}

impl From<WireLogError> for Problem {
    fn from(error: WireLogError) -> Self {
        match error {
            WireLogError::NoPhone => no_phone(),
            WireLogError::Length => Self::bad_request("for", error.to_string()),
            WireLogError::Off => Self::new(StatusCode::CONFLICT, "off", error.to_string()),
            WireLogError::TooMany => Self::new(StatusCode::CONFLICT, "too-many", error.to_string()),
            WireLogError::Full => Self::new(StatusCode::CONFLICT, "full", error.to_string()),
            WireLogError::File(_) => Self::new(StatusCode::CONFLICT, "file", error.to_string()),
        }
    }
}

pub(super) async fn list(Shared(fleet): Shared<Fleet>) -> Json<Recordings> {
    Json(Recordings { recordings: fleet.recordings() })
}

pub(super) async fn record(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    Wished(wish): Wished<Wish>,
) -> Result<Json<Recording>, Problem> {
    let by = act::admit(&*fleet, &actor, &wish.reason)?;
    let length = wish.length.parse();
    let length = length.map_err(|_| Problem::bad_request("for", "`for` says how long, such as 30m or 2h"))?;
    let begin = Arc::clone(&fleet);
    let recording = tokio::task::spawn_blocking(move || begin.record(&id, length, &by))
        .await
        .unwrap_or_else(|_| Err(WireLogError::File("the service ends".to_owned())));
    Ok(Json(act::kept(&*fleet, recording).await??))
}

pub(super) async fn end(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    Wished(Reasoned { reason }): Wished<Reasoned>,
) -> Result<Json<Recording>, Problem> {
    let by = act::by(&actor, &reason)?;
    match fleet.end_recording(&id, &by) {
        Some(recording) => Ok(Json(recording)),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "not-recorded", "this phone is not recorded")),
    }
}
