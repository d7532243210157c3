//! The status port of a process that waits for the lease: it is well and ready to take over, and everything else is
//! asked of the active one.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::sync::watch;

use super::problem::Problem;

/// The routes; `holder` is who is active.
pub fn router(holder: watch::Receiver<Option<String>>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async || "standby\n"))
        .fallback(elsewhere)
        .with_state(holder)
}

async fn elsewhere(State(holder): State<watch::Receiver<Option<String>>>) -> Problem {
    let active = holder.borrow().clone().map_or_else(|| "nobody yet".to_owned(), |name| format!("{name:?}"));
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "standby",
        format!("this process waits for the lease; active is {active}: ask that one"),
    )
}
