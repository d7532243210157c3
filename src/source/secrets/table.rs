//! Files with many secrets: a YAML map of keys to texts, or CSV.
//!
//! CSV: with a first line that names the columns `key` and `value` those two count, wherever they stand; without, the
//! first two columns of every line. The separator is whichever of comma, semicolon and tab comes first. Lines that
//! start with `#` are comments. No error and no warning quotes a value.

mod sheet;
mod yaml;

use std::collections::HashMap;

use super::SECRET_LIMIT;
use crate::wpi::Secret;

/// Longest file, in bytes.
pub(super) const TABLE_LIMIT: usize = 4 * 1024 * 1024;
/// Most keys of one file.
const KEY_LIMIT: usize = 100_000;
/// Longest key that an error shows, in characters.
const KEY_SHOWN: usize = 60;

/// The secrets of one file by their keys.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: HashMap<Box<str>, (Secret, u64)>,
    /// Lines on which a spreadsheet has rounded a number.
    rounded: Vec<u64>,
}

impl Table {
    /// Reads the content of a file of that name, which says the form.
    pub(super) fn read(name: &str, bytes: Vec<u8>) -> Result<Self, String> {
        let form = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err("it is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)".to_owned());
        }
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        match form.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => yaml::read(text),
            "csv" => sheet::read(text),
            _ => Err("its name must end in .yaml, .yml or .csv (with .age behind it if it is encrypted), which says how it is read".to_owned()),
        }
    }

    /// The secret of a key.
    pub(super) fn get(&self, key: &str) -> Result<Secret, String> {
        let Some((secret, line)) = self.entries.get(key) else {
            let rounded = match self.rounded.first() {
                Some(line) => format!(
                    "; a spreadsheet has rounded numbers in it, the first on line {line}: format the column as text"
                ),
                None => String::new(),
            };
            return Err(format!("it has no key {}; add it{rounded}", shown(key)));
        };
        if secret.is_empty() {
            return Err(format!("the key {} on line {line} has no value", shown(key)));
        }
        Ok(secret.clone())
    }

    /// What looks wrong without being it, for the log.
    pub(super) fn warning(&self) -> Option<String> {
        let (first, more) = (self.rounded.first()?, self.rounded.len() - 1);
        Some(format!(
            "line {first} holds a number with E+ ({more} more lines do), as a spreadsheet writes it when it has rounded it; format the columns as text and save again"
        ))
    }

    fn put(&mut self, key: &str, value: &str, line: u64) -> Result<(), String> {
        if value.len() > SECRET_LIMIT {
            return Err(format!("line {line} has a value of more than {SECRET_LIMIT} bytes"));
        }
        if key.is_empty() {
            return Err(format!("line {line} has no key"));
        }
        if is_rounded(key) || is_rounded(value) {
            self.rounded.push(line);
        }
        if let Some((_, first)) = self.entries.insert(key.into(), (Secret::new(value), line)) {
            // where columns are mixed up the key of a line is a value, so it is not quoted
            return Err(format!("lines {first} and {line} have the same key; keep one of them"));
        }
        if self.entries.len() > KEY_LIMIT {
            return Err(format!("it has more than {KEY_LIMIT} keys; cut it into several files"));
        }
        Ok(())
    }
}

/// Whether this is what a spreadsheet makes of a long number: `4.93012E+11`, or `4,93012E+11`.
fn is_rounded(text: &str) -> bool {
    let Some((number, power)) = text.split_once("E+") else { return false };
    let digits = |text: &str, more: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || more.contains(&byte))
    };
    digits(number, b".,") && digits(power, b"")
}

fn shown(key: &str) -> String {
    let short: String = key.chars().take(KEY_SHOWN).collect();
    format!("{short:?}{}", if short.len() < key.len() { "…" } else { "" })
}

#[cfg(test)]
mod tests;
