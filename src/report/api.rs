//! The API and the pages as the status server serves them: all [`routes`], with the access rules and bounds in front.
//!
//! Beside them are the pages of [`web`]. Whatever says no is a [`Problem`], or a page with the same words.
//! Who may do what is in [`access`](super::access).

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{
    FleetAccess,
    access::{Peer, admit},
    counted::Counted,
    events::{self, Events},
    plan,
    problem::Problem,
    routes, service,
    tokens::Tokens,
    web,
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

/// What the handlers of routes may take.
#[derive(Clone)]
pub(super) struct Served {
    fleet: Fleet,
    counted: Arc<Counted>,
}

impl Served {
    fn of(fleet: Fleet) -> Self {
        Self { counted: Arc::new(Counted::new(Arc::clone(&fleet))), fleet }
    }
}

impl FromRef<Served> for Fleet {
    fn from_ref(served: &Served) -> Self {
        Arc::clone(&served.fleet)
    }
}

impl FromRef<Served> for Arc<Counted> {
    fn from_ref(served: &Served) -> Self {
        Arc::clone(&served.counted)
    }
}

/// The routes, with the access rules in front. It is to be served by [`serve`](super::server::serve), which says where
/// each request comes from.
pub fn router(fleet: Fleet, settings: ApiSettings) -> Router {
    let events = Arc::new(Events::new(Arc::clone(&fleet)));
    let pages = web::routes(Arc::clone(&fleet), Arc::clone(&events));
    routes::routes()
        .router()
        .with_state(Served::of(fleet))
        .merge(events::routes().router().with_state(events))
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
        .route("/metrics", get(service::metrics))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no-such-page", "there is only /metrics here"))
        .with_state(Served::of(fleet))
}

async fn guard(Shared(settings): Shared<Arc<ApiSettings>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>();
    let mut response = match admit(&parts, peer, &settings.hosts, settings.tokens.as_ref()) {
        Err(problem) => web::or_page(&parts.headers, problem),
        Ok(_) if announces_too_much(&parts.headers) && parts.uri.path() != plan::PATH => {
            Problem::too_large().into_response()
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
