//! Problems as text with snippets, as one JSON object a line, or as annotations of GitHub.

use std::{collections::HashMap, fmt::Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    gather::Gathered,
    mask,
    snippet::{line_of, snippet},
};
use crate::{
    spec::{Problem, Severity, Wanted},
    wpi::item::sounds_secret,
};

/// What was found, ready to be shown.
pub(super) struct Report<'r> {
    gathered: &'r Gathered,
    wanted: &'r Wanted,
    problems: Vec<&'r Problem>,
    texts: HashMap<&'r str, &'r str>,
    colour: bool,
}

/// One problem as JSON.
#[derive(Serialize)]
struct Json<'p> {
    severity: &'static str,
    code: &'static str,
    file: &'p str,
    line: u32,
    column: u32,
    span: (u32, u32),
    message: &'p str,
}

impl<'r> Report<'r> {
    /// A report on all problems of `wanted`, with what has expired by now.
    pub(super) fn new(gathered: &'r Gathered, wanted: &'r Wanted, now: Timestamp, colour: bool) -> Self {
        let mut problems: Vec<&Problem> = wanted.problems().iter().chain(wanted.expired(now)).collect();
        problems.sort_by(|a, b| (&a.place, a.severity).cmp(&(&b.place, b.severity)));
        Self { gathered, wanted, problems, texts: gathered.texts(), colour }
    }

    /// How much was looked at and found, as one line.
    pub(super) fn summary(&self) -> String {
        let of = |severity| self.problems.iter().filter(|problem| problem.severity == severity).count();
        let counts = self.wanted.counts();
        let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        format!(
            "{}, {}, {}, {}, {} of other groups skipped\n",
            number(counts.documents, "document"),
            number(counts.phones, "phone"),
            number(of(Severity::Error), "error"),
            number(of(Severity::Warning), "warning"),
            number(counts.skipped, "document"),
        )
    }

    /// Each problem with its line.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for problem in self.problems.iter().copied() {
            let colour = if problem.severity == Severity::Error { "1;31" } else { "1;33" };
            let title = self.paint(colour, &format!("{}[{}]", word(problem.severity), problem.code));
            let _ = writeln!(out, "{title}: {}", problem.message);
            let place = &problem.place;
            let file = self.gathered.shown(&place.file).replace(char::is_control, "\u{fffd}");
            if place.line == 0 {
                let _ = writeln!(out, "  {} {file}\n", self.paint("34", "-->"));
                continue;
            }
            let gutter = place.line.to_string();
            let blank = " ".repeat(gutter.len());
            let _ = writeln!(out, "{blank}{} {file}:{}:{}", self.paint("34", "-->"), place.line, place.column);
            if let Some(shown) =
                self.texts.get(&*place.file).and_then(|text| snippet(text, place, &self.hidden(problem, text)))
            {
                let bar = self.paint("34", "|");
                let _ = writeln!(out, "{blank} {bar}");
                let _ = writeln!(out, "{} {bar} {}", self.paint("34", &gutter), shown.line);
                let _ = writeln!(out, "{blank} {bar} {}", self.paint(colour, &shown.carets));
            }
            out.push('\n');
        }
        out
    }

    /// One object a line.
    pub(super) fn json(&self) -> String {
        let lines = self.problems.iter().map(|problem| Json {
            severity: word(problem.severity),
            code: problem.code,
            file: self.gathered.shown(&problem.place.file),
            line: problem.place.line,
            column: problem.place.column,
            span: problem.place.span,
            message: &problem.message,
        });
        lines.filter_map(|line| serde_json::to_string(&line).ok()).fold(String::new(), |out, line| out + &line + "\n")
    }

    /// Workflow commands, which GitHub shows at the line.
    pub(super) fn github(&self) -> String {
        let mut out = String::new();
        for problem in self.problems.iter().copied() {
            let place = &problem.place;
            let _ = write!(out, "::{} file={}", word(problem.severity), property(self.gathered.shown(&place.file)));
            if place.line > 0 {
                let _ = write!(out, ",line={},col={}", place.line, place.column);
            }
            let _ = writeln!(out, ",title={}::{}", property(problem.code), escaped(&problem.message));
        }
        out
    }

    /// The byte spans of the problem's file that are never shown.
    fn hidden(&self, problem: &Problem, text: &str) -> Vec<(usize, usize)> {
        if let Some(spans) = self.wanted.masks(&problem.place.file) {
            return spans.iter().map(|(start, end)| (*start as usize, *end as usize)).collect();
        }
        let is_secret = |name: &str| sounds_secret(name) || self.wanted.catalogue().is_secret(name);
        line_of(text, problem.place.span.0 as usize)
            .and_then(|(start, end)| Some((mask::hidden_from(text, start, end, &is_secret)?, end)))
            .into_iter()
            .collect()
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
