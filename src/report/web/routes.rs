//! From a request to a page.

use std::sync::Arc;

use axum::{
    Extension, Form, Router,
    extract::{Path, Query as UrlQuery, State as Shared, rejection::FormRejection, rejection::QueryRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use maud::Markup;
use serde::Deserialize;

use super::{
    bits, drawing,
    frame::{self, Here},
    glance::{Desk, Glance},
    guide, overview, phone, phones, revisions, undeclared,
};
use crate::{
    fleet::{
        history::{CommitView, HistoryPage, HistoryQuery},
        paging::{List, Part},
    },
    report::{
        ContactAnswer, FleetAccess, access::Actor, act, api::Fleet, events::Events, parameters::Parameters,
        phones::Which, problem::Problem,
    },
};

/// Fewest characters that stand for a revision.
const SHORTEST: usize = 7;

/// What a browser is asked for that has no token: the token is the password.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Basic realm=\"phoneops: any user, a token for password\", charset=\"UTF-8\"");

type Answer = Result<Response, Refused>;

/// The pages and what they are drawn with.
pub(in crate::report) fn routes(fleet: Fleet, events: Arc<Events>) -> Router {
    Router::new()
        .route("/", get(fleet_page))
        .route("/phones", get(phones_page))
        .route("/phones/{id}", get(phone_page))
        .route("/phones/{id}/contact", post(contact))
        .route("/revisions", get(revisions_page))
        .route("/revisions/{name}", get(revision_page))
        .route("/undeclared", get(undeclared_page))
        .route("/guide", get(guide_page))
        .route(drawing::STYLE_PATH, get(drawing::style))
        .route(drawing::SCRIPT_PATH, get(drawing::script))
        .route(drawing::ICON_PATH, get(drawing::icon))
        .with_state(Arc::new(Desk::new(fleet, events)))
}

/// A problem as a page.
struct Refused(Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let asks = problem.status == StatusCode::UNAUTHORIZED || problem.code == "token-reads-only";
        let title = match problem.status {
            StatusCode::NOT_FOUND => "There is no such page",
            _ if asks => "This needs a token",
            _ => "This cannot be done now",
        };
        let page = frame::refusal(title, &problem.message, None);
        let status = if asks { StatusCode::UNAUTHORIZED } else { problem.status };
        let mut response = (status, html(&page)).into_response();
        if asks {
            response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

/// A problem as a page for browsers, and as JSON for all else.
pub(in crate::report) fn or_page(headers: &HeaderMap, problem: Problem) -> Response {
    let accepts = |form: &str| {
        headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|accepted| accepted.contains(form)))
    };
    if accepts("text/html") {
        return Refused(problem).into_response();
    }
    let asks = problem.status == StatusCode::UNAUTHORIZED && accepts("text/event-stream");
    let mut response = problem.into_response();
    if asks {
        // a browser sends what it was told for the page, once it is asked for the same
        response.headers_mut().append(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

fn html(page: &Markup) -> impl IntoResponse + use<> {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], page.0.clone())
}

fn answer(here: Here, title: &str, glance: &Glance, only: Option<&str>, main: &Markup) -> Response {
    html(&frame::page(here, title, Some(glance), only, main)).into_response()
}

fn no_page(message: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-page", message)
}

/// Runs what reads a file, or looks at all phones, where blocking is allowed.
async fn blocking<T: Send + 'static>(
    desk: &Arc<Desk>,
    work: impl FnOnce(&Desk) -> T + Send + 'static,
) -> Result<T, Problem> {
    let desk = Arc::clone(desk);
    let away =
        |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "page-away", "the page could not be made; load it again");
    tokio::task::spawn_blocking(move || work(&desk)).await.map_err(away)
}

fn commit_of(fleet: &dyn FleetAccess, revision: &str) -> Option<CommitView> {
    fleet.commits(Some(revision), 1).ok()?.pop()
}

/// The one revision whose name begins so; tables show the first characters of it.
fn full_name(desk: &Desk, glance: &Glance, name: String) -> String {
    let survey = &glance.survey;
    if survey.revisions.contains_key(&name) {
        return name;
    }
    let commits = desk.fleet.commits(None, revisions::ROWS).unwrap_or_default();
    let held = glance.gate.held.as_ref().map(|held| held.revision.clone());
    let known = survey.revisions.keys().cloned().chain(survey.revision.clone()).chain(held);
    let known = known.chain(commits.into_iter().map(|commit| commit.revision));
    let mut found: Vec<String> = known.filter(|known| known.starts_with(&name)).collect();
    found.sort();
    found.dedup();
    match <[String; 1]>::try_from(found) {
        Ok([one]) if name.len() >= SHORTEST => one,
        _ => name,
    }
}

async fn fleet_page(Shared(desk): Shared<Arc<Desk>>) -> Answer {
    let made = blocking(&desk, |desk| {
        let glance = desk.glance();
        let commit = glance.survey.revision.as_deref().and_then(|revision| commit_of(&*desk.fleet, revision));
        let main = overview::main(&glance, commit.as_ref(), Timestamp::now());
        answer(Here::Fleet, "Fleet", &glance, None, &main)
    });
    Ok(made.await?)
}

async fn phones_page(Shared(desk): Shared<Arc<Desk>>, parameters: Result<Parameters<Which>, Problem>) -> Answer {
    let Parameters(which) = parameters?;
    let query = which.query_of(phones::ROWS)?;
    let made = blocking(&desk, move |desk| {
        let (glance, page) = (desk.glance(), desk.fleet.page(&query));
        let main = phones::main(&glance, &query, &page, Timestamp::now());
        answer(Here::Phones, "Phones", &glance, None, &main)
    });
    Ok(made.await?)
}

/// Where the history on a page goes on.
#[derive(Debug, Default, Deserialize)]
struct Before {
    before: Option<String>,
    asked: Option<String>,
}

async fn phone_page(
    Shared(desk): Shared<Arc<Desk>>,
    Path(id): Path<String>,
    UrlQuery(Before { before, asked }): UrlQuery<Before>,
) -> Answer {
    let asked = asked.is_some().then(|| maud::html! { "It is asked to call. What comes of it shows here." });
    Ok(of_phone(&desk, id, before, asked).await??)
}

async fn of_phone(
    desk: &Arc<Desk>,
    id: String,
    before: Option<String>,
    asked: Option<Markup>,
) -> Result<Result<Response, Problem>, Problem> {
    blocking(desk, move |desk| {
        let fleet = &*desk.fleet;
        let known = fleet.phone(&id).ok_or_else(|| no_page("No phone of this name or MAC is known."))?;
        let query = HistoryQuery {
            phone: Some(known.mac.clone()),
            limit: Some(phone::CHANGES),
            after: before,
            ..HistoryQuery::default()
        };
        let (explanation, history) = (fleet.explain(&known.mac, None), fleet.history(&query));
        let sessions = fleet.sessions(&known.mac);
        let history = history.as_ref().map_err(String::as_str);
        let known =
            phone::Known { phone: &known, explanation: explanation.as_ref(), history, sessions: &sessions, asked };
        let main = phone::main(&known, Timestamp::now());
        Ok(answer(Here::Phones, phone::id(known.phone), &desk.glance(), Some(&known.phone.mac), &main))
    })
    .await
}

/// The form on the page of a phone.
#[derive(Debug, Deserialize)]
struct Wish {
    reason: String,
}

async fn contact(
    Shared(desk): Shared<Arc<Desk>>,
    Path(id): Path<String>,
    Extension(actor): Extension<Actor>,
    form: Result<Form<Wish>, FormRejection>,
) -> Answer {
    let Form(Wish { reason }) = form.map_err(|_| Problem::bad_request("body", "the form has one field, the reason"))?;
    let by = act::admit(&*desk.fleet, &actor, &reason)?;
    let said = act::kept(&*desk.fleet, desk.fleet.contact(&id, &by)).await?;
    let status = match &said {
        // loading the page again is no second wish
        ContactAnswer::Queued { .. } => {
            let address = format!("{}?asked=1", bits::phone_address(&id));
            return Ok(Redirect::to(&address).into_response());
        }
        ContactAnswer::AlreadyUnderWay => StatusCode::OK,
        ContactAnswer::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        ContactAnswer::CannotBeReached { .. } => StatusCode::CONFLICT,
        ContactAnswer::NotFound => return Err(no_page("No phone of this name or MAC is known.").into()),
    };
    let told = phone::told(&said, Timestamp::now());
    let mut response = of_phone(&desk, id, None, Some(told)).await??;
    *response.status_mut() = status;
    Ok(response)
}

async fn revisions_page(Shared(desk): Shared<Arc<Desk>>) -> Answer {
    let made = blocking(&desk, |desk| {
        let glance = desk.glance();
        let commits = desk.fleet.commits(None, revisions::ROWS).unwrap_or_default();
        answer(Here::Revisions, "Revisions", &glance, None, &revisions::list(&glance, commits, Timestamp::now()))
    });
    Ok(made.await?)
}

async fn revision_page(
    Shared(desk): Shared<Arc<Desk>>,
    Path(name): Path<String>,
    UrlQuery(Before { before, .. }): UrlQuery<Before>,
) -> Answer {
    let made = blocking(&desk, move |desk| -> Result<Response, Problem> {
        let glance = desk.glance();
        let name = full_name(desk, &glance, name);
        let commit = commit_of(&*desk.fleet, &name);
        let query = HistoryQuery {
            revision: Some(name.clone()),
            limit: Some(revisions::CHANGES),
            after: before,
            ..HistoryQuery::default()
        };
        let history: Result<HistoryPage, String> = desk.fleet.history(&query);
        let survey = &glance.survey;
        let is_known = commit.is_some()
            || survey.revisions.contains_key(&name)
            || survey.revision.as_deref() == Some(name.as_str())
            || glance.gate.held.as_ref().is_some_and(|held| held.revision == name)
            || history.as_ref().is_ok_and(|page| !page.changes.is_empty());
        if !is_known {
            return Err(no_page("No revision of this name is known."));
        }
        let history = history.as_ref().map_err(String::as_str);
        let known = revisions::Known { name: &name, glance: &glance, commit: commit.as_ref(), history };
        let main = revisions::one(&known, Timestamp::now());
        Ok(answer(Here::Revisions, &name, &glance, None, &main))
    });
    Ok(made.await??)
}

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
struct Start {
    #[serde(default)]
    from: usize,
}

async fn undeclared_page(Shared(desk): Shared<Arc<Desk>>, from: Result<UrlQuery<Start>, QueryRejection>) -> Answer {
    let UrlQuery(Start { from }) = from.map_err(|_| Problem::bad_request("parameter", "from is a number"))?;
    let made = blocking(&desk, move |desk| {
        let (glance, undeclared) = (desk.glance(), desk.fleet.undeclared(&Part::lines(List::Undeclared)));
        answer(Here::Undeclared, "Undeclared", &glance, None, &undeclared::main(&undeclared, from, Timestamp::now()))
    });
    Ok(made.await?)
}

async fn guide_page(Shared(desk): Shared<Arc<Desk>>) -> Answer {
    let made = blocking(&desk, |desk| answer(Here::Guide, "Words", &desk.glance(), None, &guide::main()));
    Ok(made.await?)
}
