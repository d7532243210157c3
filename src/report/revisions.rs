//! The routes of revisions: each with who made it, and how its phones are.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    api::Fleet,
    counted::Counted,
    parameters::{OfList, Parameters},
    problem::Problem,
    standing::{Counts, looked_up},
};
use crate::fleet::{
    history::CommitView,
    paging::{Key, LINES, List, Page},
    survey::{RevisionTally, Survey},
    words::State,
};

/// A revision, and the phones whose state in force came with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionView {
    /// Its name.
    pub revision: String,
    /// Whether it is the newest one that was taken over as a whole.
    pub newest: bool,
    /// When it was taken over, where that is known.
    pub at: Option<Timestamp>,
    /// Who wrote it, where the source knows.
    pub author: Option<String>,
    /// Who committed it.
    pub committer: Option<String>,
    /// How its phones are.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A page of revisions: the newest 1000 of which it is known when they were taken over, the newest first, and then
/// others that are in force somewhere or wait at the gate, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionList {
    /// The revisions.
    pub revisions: Vec<RevisionView>,
    /// Revisions behind them.
    pub more: usize,
    /// Where the next page starts.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

/// A phone that is not as its revision wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failing {
    /// Its name.
    pub name: String,
    /// `Invalid`, `Degraded` or `Drifted`.
    pub state: State,
}

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionDetail {
    /// The revision.
    #[serde(flatten)]
    pub revision: RevisionView,
    /// The first 50 phones that are not as it wants them, by name.
    pub failing: Vec<Failing>,
}

pub(super) async fn revisions(
    Shared(fleet): Shared<Fleet>,
    Shared(counted): Shared<Arc<Counted>>,
    Parameters(which): Parameters<OfList>,
) -> Result<Json<RevisionList>, Problem> {
    let part = which.part(List::Revisions)?;
    let survey = counted.survey().await?;
    looked_up(move || {
        let commits = fleet.commits(None, LINES).map_err(history_away)?;
        let held = fleet.gate().held.map(|held| held.revision);
        let all = all(commits, &survey, held.as_deref()).into_iter();
        let Page { entries, next, more } = part.cut(all.map(|view| (key(&view), view)));
        Ok(RevisionList { revisions: entries, more, next })
    })
    .await
}

/// Those of which it is known who made them, those that are in force somewhere, the newest and one that is held; in no order.
pub(super) fn all(commits: Vec<CommitView>, survey: &Survey, held: Option<&str>) -> Vec<RevisionView> {
    let mut known: BTreeMap<String, Option<CommitView>> =
        commits.into_iter().map(|commit| (commit.revision.clone(), Some(commit))).collect();
    let others = survey.revisions.keys().chain(&survey.revision).map(String::as_str).chain(held);
    for name in others {
        known.entry(name.to_owned()).or_insert(None);
    }
    let none = RevisionTally::default();
    let view = |(name, commit): (String, _)| {
        let tally = survey.revisions.get(&name).unwrap_or(&none);
        view(name, commit, tally, survey.revision.as_deref())
    };
    known.into_iter().map(view).collect()
}

/// The newest first, so that what is taken over later stands before all that a reader has seen; `~` comes after digits.
fn key(view: &RevisionView) -> Key {
    let age = match view.at {
        Some(at) => format!("{:020}", i64::MAX - at.as_millisecond()),
        // who made it is noted behind its takeover
        None if view.newest => String::new(),
        None => "~".to_owned(),
    };
    Key::of([age, view.revision.clone()])
}

pub(super) async fn revision(
    Shared(fleet): Shared<Fleet>,
    Shared(counted): Shared<Arc<Counted>>,
    Path(name): Path<String>,
) -> Result<Json<RevisionDetail>, Problem> {
    let survey = counted.survey().await?;
    looked_up(move || {
        let commit = fleet.commits(Some(&name), 1).map_err(history_away)?.pop();
        let is_held = || fleet.gate().held.is_some_and(|held| held.revision == name);
        let tally = survey.revisions.get(&name);
        if commit.is_none() && tally.is_none() && survey.revision.as_ref() != Some(&name) && !is_held() {
            let message = "there is no revision of this name; /api/v1/revisions has the whole names";
            return Err(Problem::new(StatusCode::NOT_FOUND, "no-such-revision", message));
        }
        let tally = tally.cloned().unwrap_or_default();
        let revision = view(name, commit, &tally, survey.revision.as_deref());
        let failing = tally.failing.into_iter().map(|(name, state)| Failing { name, state }).collect();
        Ok(RevisionDetail { revision, failing })
    })
    .await
}

fn view(revision: String, commit: Option<CommitView>, tally: &RevisionTally, newest: Option<&str>) -> RevisionView {
    let newest = newest == Some(revision.as_str());
    let (at, author, committer) = commit.map_or((None, None, None), |by| (Some(by.at), by.author, by.committer));
    RevisionView { revision, newest, at, author, committer, counts: tally.tally.into() }
}

fn history_away(message: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "history-away", message)
}
