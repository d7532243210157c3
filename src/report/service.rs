//! The routes of the service as a whole: how it stands, whether it can do its work, its metrics, and what calls in although
//! nobody wants it; and the act that has a restored service write again.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State as Shared,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    Readiness, Undeclared,
    access::Actor,
    act::{self, Reasoned, Wished},
    api::Fleet,
    counted::Counted,
    metrics::CONTENT_TYPE,
    openapi::{Answers, Operation},
    parameters::{OfList, Parameters},
    problem::Problem,
};
use crate::fleet::{paging::List, service_view::ServiceView};

pub(super) async fn service(Shared(fleet): Shared<Fleet>) -> Json<ServiceView> {
    Json(fleet.service())
}

pub(super) async fn undeclared(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<OfList>,
) -> Result<Json<Undeclared>, Problem> {
    Ok(Json(fleet.undeclared(&which.part(List::Undeclared)?)))
}

/// What becomes of the wish that a restored service writes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum ResumeResult {
    /// It does.
    Resumed,
}

/// The answer to that wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Resumed {
    /// What becomes of it.
    pub result: ResumeResult,
}

pub(super) async fn resume(
    Shared(fleet): Shared<Fleet>,
    Extension(actor): Extension<Actor>,
    Wished(Reasoned { reason }): Wished<Reasoned>,
) -> Result<Json<Resumed>, Problem> {
    let by = act::admit(&*fleet, &actor, &reason)?;
    match act::kept(&*fleet, fleet.resume(&by)).await? {
        Ok(()) => Ok(Json(Resumed { result: ResumeResult::Resumed })),
        Err(error) => Err(Problem::new(StatusCode::CONFLICT, "not-restored", error.to_string())),
    }
}

/// Text, as `text/plain` or the media type of metrics.
pub(super) struct Text<const METRICS: bool>(Bytes);

impl<const METRICS: bool> Text<METRICS> {
    const MEDIA: &str = if METRICS { CONTENT_TYPE } else { "text/plain; charset=utf-8" };
}

impl<const METRICS: bool> IntoResponse for Text<METRICS> {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, Self::MEDIA)], self.0).into_response()
    }
}

impl<const METRICS: bool> Answers for Text<METRICS> {
    fn describe(operation: &mut Operation) {
        let media = Self::MEDIA.split_once(';').map_or(Self::MEDIA, |(media, _)| media);
        operation.answer(200, "Text.", media, &json!({ "type": "string" }));
    }
}

pub(super) async fn alive() -> Text<false> {
    Text(Bytes::from_static(b"ok\n"))
}

pub(super) async fn metrics(Shared(counted): Shared<Arc<Counted>>) -> Result<Text<true>, Problem> {
    counted.metrics().await.map(Text)
}

pub(super) async fn ready(Shared(fleet): Shared<Fleet>) -> Ready {
    Ready(fleet.ready())
}

/// Whether the service can do its work: 200, or 503 with the reasons.
pub(super) struct Ready(Readiness);

impl IntoResponse for Ready {
    fn into_response(self) -> Response {
        let status = if self.0.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(self.0)).into_response()
    }
}

impl Answers for Ready {
    fn describe(operation: &mut Operation) {
        operation.answers::<Readiness>(200, "It can.");
        operation.answers::<Readiness>(503, "It cannot, and why.");
    }
}
