//! Files with many secrets: a YAML map, or CSV with two columns. Their content is kept until the file changes.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, Metadata},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use super::{SECRET_LIMIT, read_at_most};
use crate::wpi::Secret;

/// Longest keyed file, in bytes.
const KEYED_LIMIT: usize = 4 * 1024 * 1024;
/// How many keyed files are kept in memory.
const FILES_KEPT: usize = 16;

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

type Entries = HashMap<Box<str>, Secret>;

/// Keyed files that were read lately.
#[derive(Default)]
pub(super) struct KeyedFiles {
    kept: Mutex<HashMap<PathBuf, (Stamp, Entries)>>,
}

impl KeyedFiles {
    /// The secret of a key. `path` names the file in errors, its ending says its form.
    pub(super) fn get(&self, path: &Path, file: File, metadata: &Metadata, key: &str) -> Result<Secret, String> {
        let stamp = Stamp { modified: metadata.modified().ok(), length: metadata.len() };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(path).is_none_or(|(known, _)| *known != stamp) {
            kept.remove(path);
            let entries = parse(path, file)?;
            if kept.len() >= FILES_KEPT {
                kept.clear();
            }
            kept.insert(path.to_owned(), (stamp, entries));
        }
        let found = kept.get(path).and_then(|(_, entries)| entries.get(key)).cloned();
        let secret = found.ok_or_else(|| format!("{} has no key {key:?}; add it", path.display()))?;
        if secret.is_empty() {
            return Err(format!("the key {key:?} of {} is empty", path.display()));
        }
        Ok(secret)
    }
}

fn parse(path: &Path, file: File) -> Result<Entries, String> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let unsupported =
        || format!("{} is encrypted with age, which is not supported yet; give it in plain", path.display());
    if ending == "age" {
        return Err(unsupported());
    }
    let bytes = read_at_most(file, KEYED_LIMIT, path)?;
    if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE ") {
        return Err(unsupported());
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))?;
    let entries = match ending {
        "yaml" | "yml" => yaml(&text),
        "csv" => csv(&text),
        _ => Err("its name must end in .yaml, .yml or .csv, which says how it is read".to_owned()),
    };
    entries.map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Keys and values are taken as they are written, so `4930123: 0815` keeps its zero. The parser's own words are not
/// repeated: they quote what they stumble over.
fn yaml(text: &str) -> Result<Entries, String> {
    let map: BTreeMap<String, String> = serde_saphyr::from_str(text).map_err(|error| {
        let at = error.location().map(|at| format!(" at line {}", at.line())).unwrap_or_default();
        format!("it must be one map of keys to texts, each key once; something else is found{at}")
    })?;
    map.into_iter().map(|(key, value)| Ok((key.into(), bounded(value)?))).collect()
}

fn csv(text: &str) -> Result<Entries, String> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).comment(Some(b'#')).from_reader(text.as_bytes());
    let mut entries = Entries::new();
    for record in reader.records() {
        let record = record.map_err(|_| "it must be CSV with two columns, key and secret".to_owned())?;
        let line = record.position().map_or(0, csv::Position::line);
        let (Some(key), Some(value), 2) = (record.get(0), record.get(1), record.len()) else {
            return Err(format!("line {line} must have two columns, key and secret"));
        };
        if entries.insert(key.trim().into(), bounded(value.to_owned())?).is_some() {
            return Err(format!("line {line} repeats the key {:?}", key.trim()));
        }
    }
    Ok(entries)
}

fn bounded(value: String) -> Result<Secret, String> {
    if value.len() > SECRET_LIMIT {
        return Err(format!("it has a value of more than {SECRET_LIMIT} bytes"));
    }
    Ok(Secret::new(value))
}
