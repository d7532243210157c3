//! The route to the history: parameters in, a page out.

use axum::{
    Json,
    extract::{Query as UrlQuery, State as Shared, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{api::Fleet, problem::Problem};
use crate::fleet::history::{HISTORY_LIMIT, HistoryQuery};

/// Changes of one page for those who say nothing.
const USUAL: usize = 100;

pub(super) async fn history(
    Shared(fleet): Shared<Fleet>,
    parameters: Result<UrlQuery<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let UrlQuery(parameters) =
        parameters.map_err(|_| Problem::bad_request("parameter", "the parameters cannot be read"))?;
    let query = query_of(parameters)?;
    let away = |message: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "history-away", message);
    let page = tokio::task::spawn_blocking(move || fleet.history(&query))
        .await
        .map_err(|_| away("the history cannot be read".to_owned()))?;
    page.map(|page| Json(page).into_response()).map_err(away)
}

/// Reads the parameters; an empty one counts as not given.
fn query_of(parameters: Vec<(String, String)>) -> Result<HistoryQuery, Problem> {
    let mut query = HistoryQuery { limit: Some(USUAL), ..HistoryQuery::default() };
    for (name, value) in parameters {
        if value.is_empty() {
            continue;
        }
        match name.as_str() {
            "phone" => query.phone = Some(value),
            "item" => query.item = Some(value),
            "revision" => query.revision = Some(value),
            "since" => {
                let since = value
                    .parse()
                    .map_err(|_| Problem::bad_request("since", "since is a time such as 2026-03-01T08:00:00Z"))?;
                query.since = Some(since);
            }
            "continue" => query.after = Some(value),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| {
                    Problem::bad_request("limit", format!("limit is a number from 1; {HISTORY_LIMIT} is the most"))
                })?;
                query.limit = Some(HISTORY_LIMIT.min(limit));
            }
            _ => {
                let message = "the parameters are phone, item, revision, since, limit and continue";
                return Err(Problem::bad_request("parameter", message));
            }
        }
    }
    Ok(query)
}
