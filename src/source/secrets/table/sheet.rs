//! CSV, as people and spreadsheets write it.

use super::Table;

/// Reads the lines of a sheet.
pub(super) fn read(text: &str) -> Result<Table, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .delimiter(separator(text))
        .from_reader(text.as_bytes());
    let mut table = Table::default();
    let (mut key_column, mut value_column) = (0, 1);
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|_| "it is not CSV".to_owned())?;
        let line = record.position().map_or(0, csv::Position::line);
        let column = |name: &str| record.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
        if number == 0
            && let (Some(key), Some(value)) = (column("key"), column("value"))
        {
            (key_column, value_column) = (key, value);
            continue;
        }
        if record.iter().all(str::is_empty) {
            continue;
        }
        let (Some(key), Some(value)) = (record.get(key_column), record.get(value_column)) else {
            return Err(format!("line {line} must have two columns, key and value"));
        };
        table.put(key.trim(), value, line)?;
    }
    Ok(table)
}

/// Whichever of comma, semicolon and tab comes first in the first line that is no comment.
fn separator(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    first.bytes().find(|byte| matches!(byte, b',' | b';' | b'\t')).unwrap_or(b',')
}
