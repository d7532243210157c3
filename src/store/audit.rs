//! The audit log in the file: one row an act, each with a hash over itself and the row before. Rows are only ever added;
//! the table refuses everything else.
//!
//! The number and hash of the newest row are noted beside the file after each commit, so that rows cut off at the end
//! are missed as well. Whoever may write the file and the note can forge both: keep backups, or the hash of `verify`,
//! where nobody of them can.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::{folder::suffixed, note::put};
use crate::fleet::{
    audit::{AUDIT_LIMIT, AuditEntry, AuditPage, AuditQuery, AuditRow, AuditVerdict},
    words::AuditAct,
};

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS audit (
        id INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, target TEXT NOT NULL,
        reason TEXT NOT NULL, outcome TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
    CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
    CREATE TRIGGER IF NOT EXISTS audit_keeps BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;";

/// The hash of a row: over that of the row before, its number and its texts, each with its length.
type Hash = [u8; 32];

/// The newest row of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    id: i64,
    hash: Hash,
}

impl Head {
    fn text(&self) -> String {
        format!("{} {}", self.id, hex(&self.hash))
    }
}

/// The note of the newest row beside a database.
#[derive(Debug)]
pub(super) struct HeadNote(PathBuf);

impl HeadNote {
    /// The note that stands beside this database.
    pub(super) fn beside(database: &Path) -> Self {
        Self(suffixed(database, ".audit"))
    }

    /// Notes the newest row. One that cannot be noted is told and does not undo the commit.
    pub(super) fn follow(&self, head: &Head) {
        if let Err(error) = put(&self.0, &head.text()) {
            tracing::warn!(file = %self.0.display(), %error, "the newest act cannot be noted: acts cut off would not be missed");
        }
    }

    fn read(&self) -> Option<String> {
        fs::read_to_string(&self.0).ok().map(|text| text.trim().to_owned())
    }
}

/// Adds rows to the chain. Gives the newest one.
pub(super) fn append(connection: &Connection, entries: &[AuditEntry]) -> rusqlite::Result<Head> {
    let last: Option<(i64, Hash)> = connection
        .query_row("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (mut id, mut before) = last.unwrap_or((0, Hash::default()));
    let mut insert = connection.prepare(
        "INSERT INTO audit (id, at, actor, act, target, reason, outcome, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for entry in entries {
        id += 1;
        let at = entry.at.to_string();
        let texts = [&at, &entry.actor, entry.act.as_str(), &entry.target, &entry.reason, &entry.outcome];
        before = hash(&before, id, &texts);
        let [at, actor, act, target, reason, outcome] = texts;
        insert.execute(params![id, at, actor, act, target, reason, outcome, before])?;
    }
    Ok(Head { id, hash: before })
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// One page, the oldest act first.
pub(super) fn read(file: &Path, query: &AuditQuery) -> Result<AuditPage, String> {
    page(file, query).map_err(|error| format!("the audit log cannot be read: {error}"))
}

fn page(file: &Path, query: &AuditQuery) -> rusqlite::Result<AuditPage> {
    let connection = open(file)?;
    let limit = query.limit.unwrap_or(AUDIT_LIMIT).clamp(1, AUDIT_LIMIT);
    let since = query.since.map_or_else(String::new, |since| since.to_string());
    // times of one form sort like texts only by the second; what is nearer is looked at one by one
    let mut statement = connection
        .prepare("SELECT id, at, actor, act, target, reason, outcome, hash FROM audit WHERE id > ?1 ORDER BY id")?;
    let mut rows = statement.query(params![query.after.unwrap_or(0)])?;
    let mut acts: Vec<AuditRow> = Vec::new();
    while let Some(row) = rows.next()? {
        let row = audit_row(row)?;
        if since.is_empty() || query.since.is_none_or(|since| row.at >= since) {
            if acts.len() == limit {
                let next = acts.last().map(|row| row.id);
                return Ok(AuditPage { acts, next });
            }
            acts.push(row);
        }
    }
    Ok(AuditPage { acts, next: None })
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let at: String = row.get(1)?;
    let hash: Vec<u8> = row.get(7)?;
    Ok(AuditRow {
        id: row.get(0)?,
        at: at.parse().unwrap_or(Timestamp::UNIX_EPOCH),
        actor: row.get(2)?,
        act: row.get(3)?,
        target: row.get(4)?,
        reason: row.get(5)?,
        outcome: row.get(6)?,
        hash: hex(&hash),
    })
}

/// Goes through the whole chain, and compares its end with the note beside the file.
pub(super) fn verify(file: &Path) -> Result<AuditVerdict, String> {
    let noted = HeadNote::beside(file).read();
    let verdict = chain(file, noted.as_deref()).map_err(|error| unreadable(&error))?;
    if noted.is_none() && verdict.acts > 0 && verdict.problem.is_none() {
        let problem = "the note of the newest act beside the file is missing, so acts may be too".to_owned();
        return Ok(AuditVerdict { problem: Some(problem), ..verdict });
    }
    Ok(verdict)
}

/// Goes through the whole chain of a copy, which has no note beside it.
pub(super) fn verify_copy(file: &Path) -> Result<AuditVerdict, String> {
    chain(file, None).map_err(|error| unreadable(&error))
}

fn unreadable(error: &rusqlite::Error) -> String {
    format!("the audit log cannot be read: {error}")
}

fn chain(file: &Path, noted: Option<&str>) -> rusqlite::Result<AuditVerdict> {
    let connection = open(file)?;
    let mut statement =
        connection.prepare("SELECT id, at, actor, act, target, reason, outcome, hash FROM audit ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut head = Head { id: 0, hash: Hash::default() };
    let broken = |head: &Head, problem: String| {
        Ok(AuditVerdict { acts: head.id, head: hex(&head.hash), problem: Some(problem) })
    };
    // acts that came since the note was read are further on than it says
    let mut passed = noted.is_none_or(|noted| noted == head.text());
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let mut texts = Vec::with_capacity(6);
        for column in 1..=6 {
            texts.push(row.get::<_, String>(column)?);
        }
        let stored: Vec<u8> = row.get(7)?;
        if id != head.id + 1 {
            return broken(&head, format!("acts {} to {} are missing", head.id + 1, id - 1));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let expected = hash(&head.hash, id, &texts);
        if stored != expected {
            return broken(&head, format!("act {id} was changed after it was written, or one before it"));
        }
        if texts.get(2).and_then(|act| AuditAct::parse(act)).is_none() {
            return broken(&head, format!("act {id} is none that this version knows"));
        }
        head = Head { id, hash: expected };
        passed |= noted == Some(head.text().as_str());
    }
    if !passed {
        return broken(
            &head,
            "the newest acts are missing: the note beside the file knows of one that is gone".to_owned(),
        );
    }
    Ok(AuditVerdict { acts: head.id, head: hex(&head.hash), problem: None })
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default());
    bytes.iter().flat_map(digits).collect()
}

fn hash(before: &Hash, id: i64, texts: &[&str]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(id.to_le_bytes());
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::audit::By;

    fn entry(number: i64) -> AuditEntry {
        let by = By::new("ada", "because").unwrap();
        let at = Timestamp::from_second(1_800_000_000 + number).unwrap();
        AuditEntry::new(&by, AuditAct::Brake, &format!("site s{number}"), "8 phones", at)
    }

    /// A log of five acts in a file, with its note.
    fn log() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("phoneops.db");
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch(TABLES).unwrap();
        append(&connection, &[entry(1), entry(2)]).unwrap();
        let head = append(&connection, &[entry(3), entry(4), entry(5)]).unwrap();
        HeadNote::beside(&file).follow(&head);
        (temp, file)
    }

    fn tampered(sql: &str) -> AuditVerdict {
        let (_temp, file) = log();
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch("DROP TRIGGER audit_stays; DROP TRIGGER audit_keeps;").unwrap();
        connection.execute_batch(sql).unwrap();
        verify(&file).unwrap()
    }

    #[test]
    fn a_log_that_nobody_touched_is_sound_and_is_read_page_by_page() {
        let (_temp, file) = log();
        let verdict = verify(&file).unwrap();
        assert_eq!((verdict.acts, verdict.problem), (5, None));
        let query = |after, since| AuditQuery { after, since, limit: Some(2) };
        let first = read(&file, &query(None, None)).unwrap();
        assert_eq!(first.acts.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 2]);
        let rest = read(&file, &query(first.next, Some(entry(4).at))).unwrap();
        assert_eq!((rest.acts.iter().map(|row| row.id).collect::<Vec<_>>(), rest.next), (vec![4, 5], None));
        assert_eq!(rest.acts[1].hash, verdict.head);
        assert_eq!((rest.acts[0].actor.as_str(), rest.acts[0].target.as_str()), ("ada", "site s4"));
    }

    #[test]
    fn the_table_takes_no_change_and_no_removal() {
        let (_temp, file) = log();
        let connection = Connection::open(&file).unwrap();
        for sql in ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit WHERE id = 3"] {
            let refused = connection.execute(sql, []).unwrap_err().to_string();
            assert!(refused.contains("only added to"), "{refused}");
        }
    }

    #[test]
    fn what_was_changed_taken_out_or_cut_off_is_found_and_named() {
        let problem = |sql: &str| tampered(sql).problem.unwrap();
        assert!(problem("UPDATE audit SET actor = 'eve' WHERE id = 3").starts_with("act 3 was changed"));
        assert!(problem("UPDATE audit SET at = '2020-01-01T00:00:00Z' WHERE id = 1").starts_with("act 1 was changed"));
        assert_eq!(problem("DELETE FROM audit WHERE id IN (2, 3)"), "acts 2 to 3 are missing");
        assert!(problem("DELETE FROM audit WHERE id = 5").starts_with("the newest acts are missing"));
        assert!(problem("DELETE FROM audit").starts_with("the newest acts are missing"));
        let (temp, file) = log();
        fs::remove_file(temp.path().join("phoneops.db.audit")).unwrap();
        assert!(verify(&file).unwrap().problem.unwrap().contains("note of the newest act"));
    }

    #[test]
    fn acts_that_came_after_the_note_was_written_are_no_problem() {
        let (_temp, file) = log();
        append(&Connection::open(&file).unwrap(), &[entry(6)]).unwrap();
        assert_eq!(verify(&file).unwrap().problem, None, "killed between commit and note");
    }
}
