//! The routes of the status server.
//!
//! | route | answer |
//! |---|---|
//! | `GET /api/v1/phones?state=&site=&model=&selector=&reason=&item=&revision=&q=&limit=&continue=` | a [`Page`](crate::fleet::view::Page) |
//! | `GET /api/v1/phones/{name-or-mac}` | a [`PhoneView`](crate::fleet::view::PhoneView) |
//! | `GET /api/v1/phones/{name-or-mac}/explain?item=` | an [`Explanation`](crate::fleet::explain::Explanation); 404 |
//! | `POST /api/v1/phones/{name-or-mac}/contact` with a [`Reasoned`](super::act::Reasoned) | 202 `{"result": "Queued", "at"}`, 200 `{"result": "AlreadyUnderWay"}`; 404, 409, 429 |
//! | `GET /api/v1/phones/{name-or-mac}/export` | an [`Export`](crate::fleet::export::Export); 404, 409 |
//! | `GET /api/v1/export?site=&limit=&continue=` | an [`ExportPage`](crate::fleet::export::ExportPage) |
//! | `POST /api/v1/phones/{name-or-mac}/look` with a [`Wish`](super::look::Wish) | 202 `{"asked", "result"}`; it is read when a read is newer; 404, 409 |
//! | `POST /api/v1/phones/{name-or-mac}/restart` with a [`Reasoned`](super::act::Reasoned) | 202 `{"result": "Queued", "at"}` (`at` is null for a phone that cannot be asked to call), 200 `{"result": "AlreadyUnderWay"}`; 404, 409 |
//! | `POST /api/v1/phones/{name-or-mac}/retry` with `{"secrets": bool, "reason": "…"}` | 202 [`Retried`](super::retry::Retried); 404, 409 |
//! | `POST /api/v1/phones/{name-or-mac}/wire-log` with a [`Wish`](super::wire_log::Wish) | 200 [`Recording`](super::wire_log::Recording); 404, 409 |
//! | `POST /api/v1/phones/{name-or-mac}/wire-log/end` with a [`Reasoned`](super::act::Reasoned) | 200 [`Recording`](super::wire_log::Recording); 404 |
//! | `GET /api/v1/wire-log` | [`Recordings`](super::wire_log::Recordings) |
//! | `POST /api/v1/phones/{name-or-mac}/release` with a [`Reasoned`](super::act::Reasoned) | 202 [`Released`](super::release::Released); 404, 409 |
//! | `POST /api/v1/phones/{name-or-mac}/dismiss` with a [`Reasoned`](super::act::Reasoned) | 200 `{"result": "Dismissed"}`; 404, 409 |
//! | `GET /api/v1/undeclared?limit=&continue=` | [`Undeclared`](super::Undeclared): phones and failed handshakes |
//! | `GET /api/v1/history?phone=&item=&revision=&since=&limit=&continue=` | a [`HistoryPage`](crate::fleet::history::HistoryPage) |
//! | `GET /api/v1/service` | a [`ServiceView`](crate::fleet::service_view::ServiceView) |
//! | `GET /api/v1/audit?since=&limit=&continue=` | an [`AuditPage`](crate::fleet::audit::AuditPage), the oldest act first |
//! | `GET /api/v1/audit/verify` | an [`AuditVerdict`](crate::fleet::audit::AuditVerdict) |
//! | `GET /api/v1/brake` | a [`BrakeList`](brake::BrakeList) |
//! | `POST /api/v1/brake` with a [`Wish`](brake::Wish) | 200 [`BrakeSet`](brake::BrakeSet), also while the store is away; 400, 404, 409 |
//! | `POST /api/v1/brake/release` with a [`Wish`](brake::Wish) | 200 [`BrakesReleased`](brake::BrakesReleased) |
//! | `GET /api/v1/gate` | a [`GateView`](crate::fleet::gate::view::GateView) |
//! | `POST /api/v1/gate/approve` with a [`Wish`](gate::Wish) | 200 [`Approved`](crate::fleet::gate::Approved); 404, 409 |
//! | `POST /api/v1/gate/reject` with a [`Wish`](gate::Wish) | 200 [`Approved`](crate::fleet::gate::Approved); 404, 409 |
//! | `GET /api/v1/undo?revision=&site=` | what an undo would do: an [`Undo`](crate::fleet::undo::Undo); 404, 409 |
//! | `POST /api/v1/undo` with a [`Wish`](undo::Wish) | 200 [`Undo`](crate::fleet::undo::Undo); 404, 409 |
//! | `GET /api/v1/leftovers?site=&limit=&continue=` | [`Leftovers`](crate::fleet::leftovers::Leftovers) |
//! | `POST /api/v1/leftovers/drop` with a [`Drop`](undo::Drop) | 200 [`Dropped`](undo::Dropped) |
//! | `POST /api/v1/plan` with [`Documents`](super::plan::Documents) | a [`PlanView`](crate::fleet::preview::PlanView) |
//! | `POST /api/v1/resume` with a [`Reasoned`](super::act::Reasoned) | 200 `{"result": "Resumed"}`; 409 |
//! | `GET /api/v1/alerts?limit=&continue=` | an [`AlertList`](crate::fleet::alert::AlertList) |
//! | `GET /api/v1/back?site=&since=&limit=&continue=` | a [`BackView`](crate::fleet::recovery::BackView); 404 |
//! | `GET /api/v1/safety?site=&limit=&continue=` | a [`SafetyList`](crate::fleet::safety::SafetyList) |
//! | `GET /api/v1/events` | changes as they come: see [`events`] |
//! | `GET /healthz` | 200 as long as the process answers |
//! | `GET /readyz` | 200 or 503, with reasons |
//! | `GET /metrics` | `OpenMetrics` text |
//!
//! Beside them are the pages of [`web`]. Whatever says no is a [`Problem`], or a page with the same words. Who may do what is in [`access`](super::access).

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    ContactAnswer, FleetAccess,
    access::{Actor, Peer, admit},
    act, alert, back, brake,
    events::{self, Events},
    gate,
    metrics::CONTENT_TYPE,
    parameters::{self, OfList, Parameters},
    plan,
    problem::Problem,
    release, retry,
    tokens::Tokens,
    undo, web, wire_log,
};
use crate::fleet::{
    RestartAnswer,
    paging::List,
    view::{PAGE_LIMIT, Query},
    words::{PendingReason, State},
};

/// Largest body of a request, in bytes.
pub const BODY_LIMIT: usize = 64 << 10;

/// How the API is set.
#[derive(Debug, Default)]
pub struct ApiSettings {
    /// Names of `--status-host`, beside loopback and the address that is called.
    pub hosts: Vec<String>,
    /// Those of `--tokens`; without them nothing is answered off loopback, and nobody acts over TCP.
    pub tokens: Option<Tokens>,
}

pub(super) type Fleet = Arc<dyn FleetAccess>;

/// The routes, with the access rules in front. It is to be served by [`serve`](super::server::serve), which says where
/// each request comes from.
pub fn router(fleet: Fleet, settings: ApiSettings) -> Router {
    let events = Arc::new(Events::new(Arc::clone(&fleet)));
    let pages = web::routes(Arc::clone(&fleet), Arc::clone(&events));
    Router::new()
        .route("/api/v1/phones", get(phones))
        .route("/api/v1/phones/{id}", get(phone))
        .route("/api/v1/phones/{id}/explain", get(super::explain::explain))
        .route("/api/v1/phones/{id}/contact", post(contact))
        .route("/api/v1/phones/{id}/look", post(super::look::look))
        .route("/api/v1/phones/{id}/export", get(super::export::of_phone))
        .route("/api/v1/phones/{id}/restart", post(restart))
        .route("/api/v1/phones/{id}/retry", post(retry::retry))
        .route("/api/v1/phones/{id}/release", post(release::release))
        .route("/api/v1/phones/{id}/dismiss", post(release::dismiss))
        .route("/api/v1/phones/{id}/wire-log", post(wire_log::record))
        .route("/api/v1/phones/{id}/wire-log/end", post(wire_log::end))
        .route("/api/v1/wire-log", get(wire_log::list))
        .route("/api/v1/export", get(super::export::of_all))
        .route("/api/v1/undeclared", get(undeclared))
        .route("/api/v1/history", get(super::history::history))
        .route("/api/v1/service", get(service))
        .route("/api/v1/audit", get(super::audit::page))
        .route("/api/v1/audit/verify", get(super::audit::verify))
        .route("/api/v1/brake", get(brake::list).post(brake::set))
        .route("/api/v1/brake/release", post(brake::release))
        .route("/api/v1/gate", get(gate::show))
        .route("/api/v1/gate/approve", post(gate::approve))
        .route("/api/v1/gate/reject", post(gate::reject))
        .route("/api/v1/undo", get(undo::dry_run).post(undo::undo))
        .route("/api/v1/leftovers", get(undo::leftovers))
        .route("/api/v1/leftovers/drop", post(undo::drop_leftovers))
        .route(plan::PATH, post(plan::plan).layer(DefaultBodyLimit::max(plan::BODY_LIMIT)))
        .route("/api/v1/resume", post(resume))
        .route("/api/v1/alerts", get(alert::alerts))
        .route("/api/v1/back", get(back::back))
        .route("/api/v1/safety", get(alert::safety))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(fleet)
        .merge(Router::new().route(events::PATH, get(events::events)).with_state(events))
        .merge(pages)
        .fallback(async |headers: HeaderMap| {
            web::or_page(&headers, Problem::new(StatusCode::NOT_FOUND, "no-such-page", "there is no such page"))
        })
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this page does not take this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(Arc::new(settings), guard))
}

/// `/metrics` alone, for whoever asks: nothing in it names a secret or a call, and phones only where that is set.
pub fn metrics_router(fleet: Fleet) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no-such-page", "there is only /metrics here"))
        .with_state(fleet)
}

async fn guard(Shared(settings): Shared<Arc<ApiSettings>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>();
    let mut response = match admit(&parts, peer, &settings.hosts, settings.tokens.as_ref()) {
        Err(problem) => web::or_page(&parts.headers, problem),
        Ok(_) if announces_too_much(&parts.headers) && parts.uri.path() != plan::PATH => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "a request has at most 64 kB").into_response()
        }
        Ok(actor) => {
            if let Some(actor) = actor {
                parts.extensions.insert(actor);
            }
            next.run(Request::from_parts(parts, body)).await
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    web::protect(headers);
    response
}

fn announces_too_much(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length > BODY_LIMIT)
}

/// Which phones.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only in this state.
    #[schemars(with = "Option<State>")]
    state: Option<String>,
    /// Only of this site.
    site: Option<String>,
    /// Only of this model.
    model: Option<String>,
    /// Only those whose documents have all these labels, as `key=value,key=value`.
    selector: Option<String>,
    /// Only those that are Pending for this reason.
    #[schemars(with = "Option<PendingReason>")]
    reason: Option<String>,
    /// Only those on which this item differs.
    item: Option<String>,
    /// Only those whose state in force came with this revision, or one whose name begins so.
    revision: Option<String>,
    /// Only those with this text in name, MAC, number, model, site, address, or a label as `key=value`.
    q: Option<String>,
    /// Most phones of the page; 500 unless given, and at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    after: Option<String>,
}

impl Which {
    /// What the fleet is asked.
    pub(super) fn query(self) -> Result<Query, Problem> {
        let Self { state, site, model, selector, reason, item, revision, q, limit, after } = self;
        Ok(Query {
            state: state.as_deref().map(state_of).transpose()?,
            site,
            model,
            selector: selector.as_deref().map(brake::labels).transpose()?.unwrap_or_default(),
            reason: reason.as_deref().map(reason_of).transpose()?,
            item,
            revision,
            text: q,
            limit: Some(parameters::limit(limit.as_deref(), PAGE_LIMIT, PAGE_LIMIT)?),
            after: parameters::after_phone(after)?,
        })
    }

    /// The same for pages of so many phones, whatever was asked.
    pub(super) fn query_of(self, limit: usize) -> Result<Query, Problem> {
        Ok(Query { limit: Some(limit), ..Self { limit: None, ..self }.query()? })
    }
}

async fn phones(Shared(fleet): Shared<Fleet>, Parameters(which): Parameters<Which>) -> Result<Response, Problem> {
    Ok(Json(fleet.page(&which.query()?)).into_response())
}

fn state_of(word: &str) -> Result<State, Problem> {
    State::parse(word).ok_or_else(|| {
        let known: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        Problem::bad_request("state", format!("there is no such state; the states are {}", known.join(", ")))
    })
}

fn reason_of(word: &str) -> Result<PendingReason, Problem> {
    PendingReason::parse(word).ok_or_else(|| {
        let known: Vec<_> = PendingReason::ALL.iter().map(|reason| reason.as_str()).collect();
        Problem::bad_request("reason", format!("there is no such reason; the reasons are {}", known.join(", ")))
    })
}

async fn phone(Shared(fleet): Shared<Fleet>, Path(id): Path<String>) -> Result<Response, Problem> {
    fleet.phone(&id).map(|phone| Json(phone).into_response()).ok_or_else(no_phone)
}

pub(super) fn no_phone() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-phone", "there is no phone of this name or MAC")
}

async fn contact(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let by = act::reasoned(&*fleet, &actor, &body)?;
    let answer = act::kept(&*fleet, fleet.contact(&id, &by)).await?;
    match answer {
        ContactAnswer::Queued { at } => {
            Ok((StatusCode::ACCEPTED, Json(json!({ "result": "Queued", "at": at }))).into_response())
        }
        ContactAnswer::AlreadyUnderWay => Ok(Json(json!({ "result": "AlreadyUnderWay" })).into_response()),
        ContactAnswer::RateLimited { next } => {
            let message = format!("contacts to one phone keep a distance; it is asked at {next:.0}");
            Err(Problem { next: Some(next), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", message) })
        }
        ContactAnswer::CannotBeReached { why } => Err(Problem::new(StatusCode::CONFLICT, "cannot-be-reached", why)),
        ContactAnswer::NotFound => Err(no_phone()),
    }
}

async fn restart(
    Shared(fleet): Shared<Fleet>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let by = act::reasoned(&*fleet, &actor, &body)?;
    let answer = act::kept(&*fleet, fleet.restart(&id, &by)).await?;
    match answer {
        RestartAnswer::Queued(at) => {
            Ok((StatusCode::ACCEPTED, Json(json!({ "result": "Queued", "at": at }))).into_response())
        }
        RestartAnswer::Waits { reason, until } => {
            let waits = json!({ "result": "Waits", "reason": reason, "at": until });
            Ok((StatusCode::ACCEPTED, Json(waits)).into_response())
        }
        RestartAnswer::UnderWay => Ok(Json(json!({ "result": "AlreadyUnderWay" })).into_response()),
        RestartAnswer::Refused(why) => Err(Problem::new(StatusCode::CONFLICT, "cannot-be-restarted", why)),
        RestartAnswer::NotFound => Err(no_phone()),
    }
}

async fn resume(
    Shared(fleet): Shared<Fleet>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let by = act::reasoned(&*fleet, &actor, &body)?;
    match act::kept(&*fleet, fleet.resume(&by)).await? {
        Ok(()) => Ok(Json(json!({ "result": "Resumed" })).into_response()),
        Err(error) => Err(Problem::new(StatusCode::CONFLICT, "not-restored", error.to_string())),
    }
}

async fn undeclared(Shared(fleet): Shared<Fleet>, Parameters(which): Parameters<OfList>) -> Result<Response, Problem> {
    Ok(Json(fleet.undeclared(&which.part(List::Undeclared)?)).into_response())
}

async fn service(Shared(fleet): Shared<Fleet>) -> Response {
    Json(fleet.service()).into_response()
}

async fn ready(Shared(fleet): Shared<Fleet>) -> Response {
    let readiness = fleet.ready();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn metrics(Shared(fleet): Shared<Fleet>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], fleet.metrics()).into_response()
}
