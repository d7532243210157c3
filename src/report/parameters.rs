//! The parameters of a request: read by name, with one message for each slip. An empty one counts as not given.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use jiff::Timestamp;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::{
    fleet::{
        paging::{self, LINES, List, Part},
        view::PAGE_LIMIT,
    },
    spec::SiteName,
};

/// The parameters of a request; all of them are texts until they are looked at.
#[derive(Debug)]
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let unread = || Problem::bad_request("parameter", "the parameters cannot be read");
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| unread())?;
        let mut given = Map::new();
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            if given.insert(name, Value::String(value)).is_some() {
                return Err(Problem::bad_request("parameter", "a parameter is given twice"));
            }
        }
        T::deserialize(Value::Object(given)).map(Self).map_err(|_| {
            let names = names::<T>();
            Problem::bad_request("parameter", format!("the parameters are: {}", names.join(", ")))
        })
    }
}

fn names<T: JsonSchema>() -> Vec<String> {
    let schema = T::json_schema(&mut SchemaGenerator::default());
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

/// Reads `limit`: a number from 1, capped at `most`.
pub(super) fn limit(text: Option<&str>, usual: usize, most: usize) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(usual) };
    let limit = text.parse::<usize>().ok().filter(|limit| *limit > 0);
    limit
        .map(|limit| limit.min(most))
        .ok_or_else(|| Problem::bad_request("limit", format!("limit is a number from 1; {most} is the most")))
}

/// Reads a time.
pub(super) fn time(name: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let wrong = |_| Problem::bad_request(name, format!("{name} is a time such as 2026-03-01T08:00:00Z"));
    text.map(|text| text.parse().map_err(wrong)).transpose()
}

/// A `continue` that is none of the list.
pub(super) fn no_page() -> Problem {
    Problem::bad_request("continue", paging::NoPage.to_string())
}

/// Reads the `continue` of a list of phones.
pub(super) fn after_phone(token: Option<String>) -> Result<Option<String>, Problem> {
    match token {
        Some(token) if !paging::is_of_phones(&token) => Err(no_page()),
        token => Ok(token),
    }
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfList {
    /// Most entries of the page; 500 unless given, and at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    after: Option<String>,
}

impl OfList {
    pub(super) fn part(&self, list: List) -> Result<Part, Problem> {
        part(list, self.limit.as_deref(), self.after.as_deref(), PAGE_LIMIT)
    }
}

/// Which part of a list that groups phones.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfLines {
    /// Most entries of the page; 1000 unless given, and at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    after: Option<String>,
}

impl OfLines {
    pub(super) fn part(&self, list: List) -> Result<Part, Problem> {
        part(list, self.limit.as_deref(), self.after.as_deref(), LINES)
    }
}

/// Which part of a list that groups phones, and of which site.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfSite {
    /// Only of this site.
    site: Option<String>,
    /// Most entries of the page; 1000 unless given, and at most.
    #[schemars(with = "Option<u32>", range(min = 1))]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[serde(rename = "continue")]
    after: Option<String>,
}

impl OfSite {
    pub(super) fn site(&self) -> Option<SiteName> {
        self.site.as_deref().map(SiteName::new)
    }

    pub(super) fn part(&self, list: List) -> Result<Part, Problem> {
        part(list, self.limit.as_deref(), self.after.as_deref(), LINES)
    }
}

/// Reads which part of a list is asked for; who says nothing gets as much as may be.
pub(super) fn part(list: List, size: Option<&str>, after: Option<&str>, most: usize) -> Result<Part, Problem> {
    Part::behind(list, after, limit(size, most, most)?).map_err(|_| no_page())
}
