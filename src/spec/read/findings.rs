//! Where the problems of one document are gathered.

use std::sync::Arc;

use crate::{
    catalogue::Finding,
    spec::{
        problem::{Place, Problem, Severity},
        yaml::Mark,
    },
};

/// Problems of one document.
#[derive(Debug)]
pub(in crate::spec) struct Findings {
    file: Arc<str>,
    /// In the order they were found.
    pub(in crate::spec) problems: Vec<Problem>,
}

impl Findings {
    /// None yet.
    pub(in crate::spec) fn new(file: Arc<str>) -> Self {
        Self { file, problems: Vec::new() }
    }

    /// The place of a mark in this document's file.
    pub(in crate::spec) fn place(&self, mark: Mark) -> Place {
        Place { file: self.file.clone(), line: mark.line, column: mark.column, span: (mark.start, mark.end) }
    }

    /// Something that makes the document invalid.
    pub(in crate::spec) fn error(&mut self, mark: Mark, code: &'static str, message: impl Into<String>) {
        let place = self.place(mark);
        self.problems.push(Problem::new(Severity::Error, place, code, message));
    }

    /// Something that is probably not meant.
    pub(in crate::spec) fn warn(&mut self, mark: Mark, code: &'static str, message: impl Into<String>) {
        let place = self.place(mark);
        self.problems.push(Problem::new(Severity::Warning, place, code, message));
    }

    /// What the catalogue found.
    pub(in crate::spec) fn take(&mut self, mark: Mark, found: impl IntoIterator<Item = Finding>) {
        for Finding { severity, code, message } in found {
            let place = self.place(mark);
            self.problems.push(Problem::new(severity, place, code, message));
        }
    }

    /// The errors among them.
    pub(in crate::spec) fn errors(&self) -> Vec<Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).cloned().collect()
    }
}
