//! What is said of a text that is not YAML: the parser's words, or the trap that most likely caused them.

use serde_saphyr::granit_parser::{ErrorKind, ScanError};

use super::{
    parse::{DEPTH_LIMIT, Fault, small},
    tree::Mark,
};
use crate::spec::code;

/// The problem of a file that the parser gave up on.
pub(super) fn fault(text: &str, error: &ScanError) -> Fault {
    let marker = error.marker();
    let start = marker.byte_offset().unwrap_or(text.len()).min(text.len());
    let end = text.get(start..).and_then(|rest| rest.chars().next()).map_or(start, |c| start + c.len_utf8());
    let mark = Mark {
        line: small(marker.line().max(1)),
        column: small(marker.col() + 1),
        start: small(start),
        end: small(end),
    };
    if let Some((mark, sign)) = reserved_start(text, mark) {
        let message = format!("an unquoted value cannot start with `{sign}`; put quotes round the whole value");
        return Fault { mark, code: code::RESERVED_CHARACTER, message };
    }
    let info = error.info();
    if info.contains("nesting") || info.contains("depth") || info.contains("recursion") {
        let message = format!("maps and lists are nested more than {DEPTH_LIMIT} levels deep");
        return Fault { mark, code: code::TOO_DEEP, message };
    }
    let hint = match error.kind() {
        ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed => "; YAML takes spaces, not tabs",
        _ => "",
    };
    Fault { mark, code: code::SYNTAX, message: format!("not YAML: {info}{hint}") }
}

/// The sign a value of the failing line starts with, if YAML keeps that sign for itself.
fn reserved_start(text: &str, mark: Mark) -> Option<(Mark, char)> {
    let offset = mark.start as usize;
    let at = text.get(offset..).and_then(|rest| rest.chars().next());
    if let Some(sign) = at.filter(|sign| matches!(sign, '%' | '@' | '`')) {
        return Some((mark, sign));
    }
    let before = text.get(..offset)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(line_start..)?.lines().next()?;
    let value = line
        .find(": ")
        .map(|at| at + 1)
        .or_else(|| line.trim_start().starts_with("- ").then(|| line.find("- ").map_or(0, |at| at + 1)))?;
    let rest = line.get(value..)?;
    let position = value + (rest.len() - rest.trim_start().len());
    let sign = line.get(position..)?.chars().next()?;
    if !matches!(sign, '*' | '&' | '!' | '%' | '@' | '|' | '>' | '`') {
        return None;
    }
    let start = line_start + position;
    let column = small(line.get(..position)?.chars().count() + 1);
    Some((Mark { line: mark.line, column, start: small(start), end: small(start + sign.len_utf8()) }, sign))
}
