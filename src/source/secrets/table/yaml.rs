//! A YAML map of keys to texts. Both are taken as they are written, so `4930123: 0815` keeps its zero.

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use super::Table;

/// Reads the map. The parser's own words are not repeated: they quote what they stumble over.
pub(super) fn read(text: &str) -> Result<Table, String> {
    let mut table = Table::default();
    let mut walk = Walk::Before;
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| other(Some(error.marker().line())))?;
        walk = walk.take(&mut table, event, &span)?;
    }
    Ok(table)
}

fn other(line: Option<usize>) -> String {
    let at = line.map(|line| format!(" at line {line}")).unwrap_or_default();
    format!("it must be one map of keys to texts; something else is found{at}")
}

/// Where in the file the walk is.
enum Walk {
    Before,
    Key,
    Value(String, u64),
    Behind,
}

impl Walk {
    fn take(self, table: &mut Table, event: Event<'_>, span: &Span) -> Result<Self, String> {
        let line = span.start.line();
        let wrong = || other(Some(line));
        Ok(match (self, event) {
            (Self::Before, Event::MappingStart(_, 0, None)) => Self::Key,
            (Self::Key, Event::MappingEnd) => Self::Behind,
            (Self::Key, Event::Scalar(key, _, 0, None)) => Self::Value(key.into_owned(), line as u64),
            (Self::Value(key, at), Event::Scalar(value, style, 0, None)) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*value, "" | "~" | "null" | "Null" | "NULL");
                table.put(&key, if is_null { "" } else { &value }, at)?;
                Self::Key
            }
            (walk, Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd) => walk,
            _ => return Err(wrong()),
        })
    }
}
