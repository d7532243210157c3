//! The audit log in the file: one row an act, each with a hash over itself and the row before. Rows are only ever added;
//! the table refuses everything else.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::fleet::audit::AuditEntry;

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

/// Adds rows to the chain.
pub(super) fn append(connection: &Connection, entries: &[AuditEntry]) -> rusqlite::Result<()> {
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
    Ok(())
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
