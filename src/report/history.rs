//! The route to the history: parameters in, a page out.

use axum::{Json, extract::State as Shared, http::StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    api::Fleet,
    named,
    parameters::{self, Parameters},
    problem::Problem,
};
use crate::fleet::history::{HISTORY_LIMIT, HistoryPage, HistoryQuery};

/// Changes of one page for those who say nothing.
const USUAL: usize = 100;

/// Which changes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only of this phone, by name or MAC.
    phone: Option<String>,
    /// Only of this item; with an index `name[index]`.
    item: Option<String>,
    /// Only with this revision in force.
    revision: Option<String>,
    /// Only from then on.
    #[schemars(with = "Option<Timestamp>")]
    since: Option<String>,
    /// Most changes of the page; 100 unless given, 500 at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    after: Option<String>,
}

impl Which {
    fn query(self) -> Result<HistoryQuery, Problem> {
        let Self { phone, item, revision, since, limit, after } = self;
        if after.as_deref().is_some_and(|after| after.parse::<i64>().is_err()) {
            return Err(parameters::no_page());
        }
        let since = parameters::time("since", since.as_deref())?;
        let limit = Some(parameters::limit(limit.as_deref(), USUAL, HISTORY_LIMIT)?);
        Ok(HistoryQuery { phone, item, revision, since, limit, after, ..HistoryQuery::default() })
    }
}

pub(super) async fn history(
    Shared(fleet): Shared<Fleet>,
    Parameters(which): Parameters<Which>,
) -> Result<Json<HistoryPage>, Problem> {
    let query = which.query()?;
    let (first, names) = (query.after.is_none(), query.named());
    let away = |message: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "history-away", message);
    let reader = std::sync::Arc::clone(&fleet);
    let page = tokio::task::spawn_blocking(move || reader.history(&query))
        .await
        .map_err(|_| away("the history cannot be read".to_owned()))?;
    let page = page.map_err(away)?;
    named::unless_known(&fleet, page.changes.is_empty() && first, names).await?;
    Ok(Json(page))
}
