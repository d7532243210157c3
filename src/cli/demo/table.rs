//! A table of resources as `kubectl get` prints it: the API server makes it, columns and ages included.

use hyper::Request;
use kube::Client;
use miette::{IntoDiagnostic, WrapErr};
use serde::Deserialize;
use serde_json::Value;

/// What is shown.
#[derive(Debug)]
pub(super) struct Wanted<'w> {
    /// The kind as people type it.
    pub(super) plural: &'w str,
    /// One resource only.
    pub(super) name: Option<&'w str>,
    /// Whether columns are shown that `-o wide` shows.
    pub(super) wide: bool,
    /// Most rows that are printed.
    pub(super) rows: usize,
}

/// What the server answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Table {
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
    #[serde(default)]
    priority: i64,
}

#[derive(Debug, Deserialize)]
struct Row {
    cells: Vec<Value>,
}

impl Table {
    /// Asks for it.
    pub(super) async fn get(client: &Client, namespace: &str, wanted: &Wanted<'_>) -> miette::Result<Self> {
        let base = format!("/apis/phoneops.dev/v1alpha1/namespaces/{namespace}/{}", wanted.plural);
        let path = wanted.name.map_or_else(|| base.clone(), |name| format!("{base}/{name}"));
        let request = Request::get(path)
            .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())
            .into_diagnostic()?;
        let failed = || format!("the {} of namespace {namespace} cannot be shown", wanted.plural);
        client.request(request).await.into_diagnostic().wrap_err_with(failed)
    }

    /// Whether there are so many rows, and all have that text in a column.
    pub(super) fn all(&self, count: usize, column: &str, text: &str) -> bool {
        let Some(place) = self.column_definitions.iter().position(|known| known.name.eq_ignore_ascii_case(column))
        else {
            return false;
        };
        self.rows.len() == count
            && self.rows.iter().all(|row| row.cells.get(place).is_some_and(|cell| shown(cell) == text))
    }

    /// As kubectl prints it, a line each; what is beyond `most` rows is counted.
    pub(super) fn lines(&self, wide: bool, most: usize) -> Vec<String> {
        let columns: Vec<(usize, &Column)> =
            self.column_definitions.iter().enumerate().filter(|(_, column)| wide || column.priority == 0).collect();
        let head = columns.iter().map(|(_, column)| column.name.to_uppercase()).collect();
        let cell = |row: &Row, place: usize| row.cells.get(place).map(shown).unwrap_or_default();
        let cells = |row: &Row| columns.iter().map(|(place, _)| cell(row, *place)).collect::<Vec<String>>();
        let mut grid: Vec<Vec<String>> = vec![head];
        grid.extend(self.rows.iter().take(most).map(cells));
        let width = |place: usize| {
            grid.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max().unwrap_or_default() + 3
        };
        let line = |row: &Vec<String>| {
            let padded = row.iter().enumerate().map(|(place, cell)| format!("{cell:<width$}", width = width(place)));
            padded.collect::<String>().trim_end().to_owned()
        };
        let mut lines: Vec<String> = grid.iter().map(line).collect();
        let more = self.rows.len().saturating_sub(most);
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        lines
    }
}

fn shown(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table() -> Table {
        let table = json!({
            "columnDefinitions": [
                {"name": "Name", "priority": 0}, {"name": "State", "priority": 0}, {"name": "Site", "priority": 1},
                {"name": "Drift", "priority": 0},
            ],
            "rows": [
                {"cells": ["berlin-01", "InSync", "berlin", 0]}, {"cells": ["wien-01", "InSync", null, null]},
                {"cells": ["wien-02", "InSync", "wien", 12]},
            ],
        });
        serde_json::from_value(table).unwrap()
    }

    #[test]
    fn a_table_is_aligned_and_wide_columns_are_shown_only_when_they_are_wanted() {
        assert_eq!(
            table().lines(false, 2),
            ["NAME        STATE    DRIFT", "berlin-01   InSync   0", "wien-01     InSync", "… and 1 more"]
        );
        assert_eq!(table().lines(true, 3)[3], "wien-02     InSync   wien     12");
    }

    #[test]
    fn all_rows_have_a_text_or_not() {
        assert!(table().all(3, "STATE", "InSync"));
        assert!(!table().all(2, "STATE", "InSync") && !table().all(3, "drift", "0") && !table().all(3, "age", ""));
    }
}
