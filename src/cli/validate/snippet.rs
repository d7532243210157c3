//! The line a problem stands on, with carets below the place, every secret masked, and nothing that a terminal would
//! obey.

use crate::{spec::problem::Place, wpi::secret::MASK};

/// Most characters of a line that are shown.
const WIDTH: usize = 100;

/// A line and the carets below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    /// The line, as far as it fits.
    pub(super) line: String,
    /// Blanks and carets.
    pub(super) carets: String,
}

struct Cell {
    shown: char,
    marked: bool,
}

/// The snippet of a place. `hidden` are byte spans of the file that are never shown.
pub(super) fn snippet(text: &str, place: &Place, hidden: &[(usize, usize)]) -> Option<Snippet> {
    let (from, to) = (place.span.0 as usize, (place.span.1 as usize).max(place.span.0 as usize + 1));
    let (start, end) = line_of(text, from)?;
    let mut cells: Vec<Cell> = Vec::new();
    let mut mask = None;
    for (offset, shown) in text.get(start..end)?.char_indices() {
        let at = start + offset;
        let marked = (from..to).contains(&at);
        match hidden.iter().find(|(first, behind)| (*first..*behind).contains(&at)) {
            None => {
                mask = None;
                let shown = if shown == '\t' {
                    ' '
                } else if shown.is_control() {
                    char::REPLACEMENT_CHARACTER
                } else {
                    shown
                };
                cells.push(Cell { shown, marked });
            }
            Some(span) if mask != Some(*span) => {
                mask = Some(*span);
                cells.extend(MASK.chars().map(|shown| Cell { shown, marked }));
            }
            Some(_) => {
                cells.iter_mut().rev().take(MASK.len()).for_each(|cell| cell.marked |= marked);
            }
        }
    }
    if !cells.iter().any(|cell| cell.marked) {
        cells.push(Cell { shown: ' ', marked: true });
    }
    Some(window(&cells))
}

/// The bytes of the line that holds a byte.
pub(super) fn line_of(text: &str, at: usize) -> Option<(usize, usize)> {
    let at = at.min(text.len());
    let start = text.get(..at)?.rfind('\n').map_or(0, |position| position + 1);
    let length = text.get(start..)?.find('\n').unwrap_or(text.len() - start);
    let line = text.get(start..start + length)?;
    Some((start, start + line.trim_end_matches('\r').len()))
}

fn window(cells: &[Cell]) -> Snippet {
    let first = cells.iter().position(|cell| cell.marked).unwrap_or(0);
    let skip = if cells.len() <= WIDTH { 0 } else { first.saturating_sub(WIDTH / 3) };
    let (mut line, mut carets) = (String::new(), String::new());
    if skip > 0 {
        line.push('…');
        carets.push(' ');
    }
    for cell in cells.iter().skip(skip).take(WIDTH) {
        line.push(cell.shown);
        carets.push(if cell.marked { '^' } else { ' ' });
    }
    if cells.len() > skip + WIDTH {
        line.push('…');
    }
    Snippet { line: line.trim_end().to_owned(), carets: carets.trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn at(text: &str, what: &str, hidden: &[(usize, usize)]) -> (String, String) {
        let start = text.find(what).unwrap();
        let span = (start.try_into().unwrap(), (start + what.len()).try_into().unwrap());
        let place = Place { file: Arc::from("a"), line: 1, column: 1, span };
        let snippet = snippet(text, &place, hidden).unwrap();
        (snippet.line, snippet.carets)
    }

    #[test]
    fn carets_stand_below_the_place() {
        assert_eq!(at("a\nbü: 012\r\nc", "012", &[]), ("bü: 012".into(), "    ^^^".into()));
        assert_eq!(at("a:\n", "\n", &[]), ("a:".into(), "  ^".into()));
    }

    #[test]
    fn a_masked_value_is_three_stars_whatever_its_length() {
        let text = "{pwd: hunter2, e: no}";
        assert_eq!(at(text, "no", &[(6, 13)]), ("{pwd: ***, e: no}".into(), "              ^^".into()));
        assert_eq!(at(text, "hunter2", &[(6, 13)]), ("{pwd: ***, e: no}".into(), "      ^^^".into()));
        assert_eq!(at("a: hunter2", "a", &[(3, 10)]), ("a: ***".into(), "^".into()));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place_and_controls_are_replaced() {
        let text = format!("{}here{}", "a".repeat(500), "b".repeat(500));
        let (line, carets) = at(&text, "here", &[]);
        assert_eq!(line.chars().count(), WIDTH + 2);
        assert_eq!(&line.chars().skip(carets.find('^').unwrap()).take(4).collect::<String>(), "here");
        assert_eq!(at("a\u{1b}[31m", "a", &[]).0, "a\u{fffd}[31m");
    }
}
