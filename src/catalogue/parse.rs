//! From CSV to item types: the built-in table and overlays of the same form.
//!
//! Reading never fails as a whole: what can be read is taken over, and every problem is reported with its line and
//! column. A row for a known name corrects it, any other row adds an item. A column that the file lacks keeps what was
//! known; for a new item it takes the careful choice (effect `lockout`, evidence `field`).

use std::{collections::BTreeMap, str::FromStr};

use csv::{ReaderBuilder, StringRecord, Trim};
use smol_str::SmolStr;

use super::{
    closest::closest,
    index_set::IndexSet,
    item_type::{Access, Effect, EnumValue, Evidence, ItemType, Kind, Owner},
};
use crate::wpi::ItemName;

/// The columns, in the order of the built-in table.
pub const COLUMNS: [&str; 16] = [
    "name",
    "index",
    "type",
    "unit",
    "range",
    "values",
    "open",
    "max_length",
    "default",
    "access",
    "since",
    "group",
    "effect",
    "owner",
    "evidence",
    "description",
];

/// Most rows of one file.
pub const ROW_LIMIT: usize = 10_000;
/// Longest cell, in bytes.
pub const CELL_LIMIT: usize = 4096;
/// Most problems reported of one file.
pub const ERROR_LIMIT: usize = 100;

/// What is wrong with an overlay file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column:?}: {problem}")]
pub struct OverlayError {
    /// Line of the file, from 1.
    pub line: u64,
    /// Name of the column.
    pub column: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl OverlayError {
    /// The stable word for this kind of problem.
    pub fn category(&self) -> &'static str {
        "overlay"
    }
}

/// What a file gave: all items, sorted by name, and all problems.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) items: Vec<ItemType>,
    pub(super) errors: Vec<OverlayError>,
}

/// Reads a file on top of the items known before.
pub(super) fn parse(csv: &str, known: &[ItemType]) -> Parsed {
    let mut items: BTreeMap<SmolStr, ItemType> = known.iter().map(|item| (item.name.clone(), item.clone())).collect();
    let mut errors = Errors(Vec::new());
    let csv = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(csv.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(record)) => Header::read(&record, &mut errors),
        _ => None,
    };
    let Some(header) = header else {
        errors.add(
            1,
            "name",
            format!("the first line must name the columns, of which name is needed: {}", COLUMNS.join(",")),
        );
        return Parsed { items: items.into_values().collect(), errors: errors.0 };
    };
    let mut lines: BTreeMap<SmolStr, u64> = BTreeMap::new();
    let mut cursor = Cursor { text: csv, offset: 0, line: 1 };
    for (count, record) in records.enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                errors.add(cursor.line_at(error.position()), "name", error.to_string());
                continue;
            }
        };
        let line = cursor.line_at(record.position());
        if count >= ROW_LIMIT {
            errors.add(line, "name", format!("a catalogue has at most {ROW_LIMIT} rows"));
            break;
        }
        let mut row = Row { header: &header, record: &record, line, errors: &mut errors };
        let Some(name) = row.name() else { continue };
        if let Some(first) = lines.insert(name.clone(), line) {
            row.wrong("name", format!("{name} has a row already, in line {first}"));
            continue;
        }
        let item = items.entry(name.clone()).or_insert_with(|| ItemType::unknown(&name));
        row.fill(item);
    }
    Parsed { items: items.into_values().collect(), errors: errors.0 }
}

/// Counts lines up to a row. The reader's own count lags behind where lines end in CR LF or are blank.
struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
}

impl Cursor<'_> {
    fn line_at(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.offset);
        let breaks = |text: &str| text.matches('\n').count() as u64;
        self.line += self.text.get(self.offset..start).map_or(0, breaks);
        self.offset = start.max(self.offset);
        let rest = self.text.get(self.offset..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        self.line + rest.get(..blank).map_or(0, breaks)
    }
}

struct Errors(Vec<OverlayError>);

impl Errors {
    fn add(&mut self, line: u64, column: &str, problem: String) {
        if self.0.len() < ERROR_LIMIT {
            self.0.push(OverlayError { line, column: column.to_owned(), problem });
        }
    }
}

/// Which column stands where.
struct Header {
    places: BTreeMap<&'static str, usize>,
    width: usize,
}

impl Header {
    fn read(record: &StringRecord, errors: &mut Errors) -> Option<Self> {
        let mut places = BTreeMap::new();
        for (place, word) in record.iter().enumerate() {
            let Some(column) = COLUMNS.into_iter().find(|column| *column == word) else {
                let meant = closest(word, COLUMNS.into_iter());
                let meant = meant.map_or_else(|| COLUMNS.join(", "), |column| format!("perhaps {column}"));
                errors.add(1, &bounded(word), format!("there is no such column; known: {meant}"));
                continue;
            };
            if places.insert(column, place).is_some() {
                errors.add(1, column, "the column stands twice".to_owned());
            }
        }
        places.contains_key("name").then_some(Self { places, width: record.len() })
    }
}

struct Row<'a> {
    header: &'a Header,
    record: &'a StringRecord,
    line: u64,
    errors: &'a mut Errors,
}

impl<'a> Row<'a> {
    fn wrong(&mut self, column: &str, problem: String) {
        self.errors.add(self.line, column, problem);
    }

    /// The cell of a column, where the file has that column.
    fn cell(&self, column: &str) -> Option<&'a str> {
        self.record.get(*self.header.places.get(column)?)
    }

    /// The name, if the row as a whole can be used.
    fn name(&mut self) -> Option<SmolStr> {
        let (cells, width) = (self.record.len(), self.header.width);
        if cells != width {
            self.wrong(
                "name",
                format!("the row has {cells} cells, the first line {width}; quote cells that hold a comma"),
            );
            return None;
        }
        if let Some((place, _)) = self.record.iter().enumerate().find(|(_, cell)| cell.len() > CELL_LIMIT) {
            let column = self.header.places.iter().find(|(_, at)| **at == place).map_or("", |(column, _)| column);
            self.wrong(column, format!("a cell has at most {CELL_LIMIT} bytes"));
            return None;
        }
        match ItemName::new(self.cell("name").unwrap_or_default()) {
            Ok(name) => Some(name.into()),
            Err(error) => {
                self.wrong("name", error.to_string());
                None
            }
        }
    }

    fn fill(&mut self, item: &mut ItemType) {
        self.read("index", &mut item.index, IndexSet::from_str);
        self.word("type", &mut item.kind, Kind::from_word, || words(Kind::ALL, Kind::as_str));
        self.take("unit", &mut item.unit, |cell| cell.into());
        self.read("range", &mut item.range, range);
        self.read("values", &mut item.values, values);
        self.open(item);
        self.read("max_length", &mut item.max_length, length);
        self.take("default", &mut item.default, optional);
        self.word("access", &mut item.access, Access::from_word, || words(Access::ALL, Access::as_str));
        self.take("since", &mut item.since, optional);
        self.take("group", &mut item.group, optional);
        self.read("effect", &mut item.effect, |cell| {
            Effect::from_word(cell).ok_or_else(|| "write safety, service, lockout or nothing".to_owned())
        });
        self.word("owner", &mut item.owner, Owner::from_word, || words(Owner::ALL, Owner::as_str));
        self.word("evidence", &mut item.evidence, Evidence::from_word, || "field or guide p.N".to_owned());
        self.take("description", &mut item.description, |cell| cell.into());
        self.fits(item);
    }

    /// Takes a cell over as it is.
    fn take<T>(&self, column: &str, into: &mut T, read: impl Fn(&str) -> T) {
        if let Some(cell) = self.cell(column) {
            *into = read(cell);
        }
    }

    /// Reads a cell; an empty one is a value like any other.
    fn read<T>(&mut self, column: &str, into: &mut T, read: impl Fn(&str) -> Result<T, String>) {
        let Some(cell) = self.cell(column) else { return };
        match read(cell) {
            Ok(value) => *into = value,
            Err(problem) => self.wrong(column, format!("{:?} cannot be used: {problem}", bounded(cell))),
        }
    }

    /// Reads a cell that holds one of several words; an empty one keeps what was known.
    fn word<T>(&mut self, column: &str, into: &mut T, read: impl Fn(&str) -> Option<T>, known: impl Fn() -> String) {
        match self.cell(column) {
            None | Some("") => {}
            Some(cell) => match read(cell) {
                Some(value) => *into = value,
                None => self.wrong(column, format!("{:?} cannot be used: write {}", bounded(cell), known())),
            },
        }
    }

    fn open(&mut self, item: &mut ItemType) {
        match self.cell("open") {
            None => {}
            Some("yes") => item.open = true,
            Some("no") => item.open = false,
            Some("") => item.open = item.kind == Kind::Enum && item.open,
            Some(cell) => self.wrong("open", format!("{:?} cannot be used: write yes or no", bounded(cell))),
        }
    }

    /// Columns that belong to one kind of value must not be filled for another.
    fn fits(&mut self, item: &ItemType) {
        for (column, kind) in [("range", Kind::Integer), ("values", Kind::Enum), ("open", Kind::Enum)] {
            if item.kind != kind && self.cell(column).is_some_and(|cell| !cell.is_empty()) {
                self.wrong(column, format!("belongs to type {}, not to {}", kind.as_str(), item.kind.as_str()));
            }
        }
        if item.kind == Kind::Enum && !item.open && item.values.is_empty() {
            self.wrong("values", "an enumeration that is not open needs values".to_owned());
        }
    }
}

/// An empty cell is nothing.
fn optional<T: for<'a> From<&'a str>>(cell: &str) -> Option<T> {
    (!cell.is_empty()).then(|| cell.into())
}

fn range(cell: &str) -> Result<Option<std::ops::RangeInclusive<i64>>, String> {
    if cell.is_empty() {
        return Ok(None);
    }
    let ends = cell.split_once("..").map(|(first, last)| (first.trim().parse::<i64>(), last.trim().parse::<i64>()));
    match ends {
        Some((Ok(first), Ok(last))) if first <= last => Ok(Some(first..=last)),
        _ => Err("write it like 0..65535".to_owned()),
    }
}

fn values(cell: &str) -> Result<Box<[EnumValue]>, String> {
    if cell.is_empty() {
        return Ok(Box::default());
    }
    let mut values: Vec<EnumValue> = Vec::new();
    for part in cell.split('|') {
        let (wire, meaning) = part.split_once('=').unwrap_or((part, ""));
        let wire = wire.trim();
        if wire.is_empty() || values.iter().any(|value| value.wire == wire) {
            return Err("write each value once, like 0=UDP|1=TCP".to_owned());
        }
        values.push(EnumValue { wire: wire.into(), meaning: meaning.trim().into() });
    }
    Ok(values.into())
}

fn length(cell: &str) -> Result<Option<usize>, String> {
    match cell.parse() {
        _ if cell.is_empty() => Ok(None),
        Ok(length) if length > 0 => Ok(Some(length)),
        _ => Err("write a number of characters".to_owned()),
    }
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ")
}

/// A cell as it may stand in a message.
fn bounded(cell: &str) -> String {
    cell.chars().take(60).collect()
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
