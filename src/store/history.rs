//! The history in the file: one row a change, one row a revision with who made it.
//!
//! Rows are written with the records, by the one writer; pages are read through a connection of their own, which keeps
//! no one waiting. The table is made at the start where it is missing, so a file of an older phoneops gets it, and an older
//! phoneops passes over it.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Row, ToSql, params};

use crate::{
    fleet::{
        history::{Change, ChangeView, CommitView, HISTORY_LIMIT, HistoryPage, HistoryQuery},
        words::{ChangeCause, ChangeResult},
    },
    spec::{Commit, Revision},
    wpi::DeviceId,
};

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS history (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, of_user INTEGER NOT NULL, device TEXT NOT NULL, name TEXT,
        item TEXT NOT NULL, idx INTEGER, old TEXT, new TEXT, cause TEXT NOT NULL, revision TEXT, result TEXT NOT NULL,
        word TEXT) STRICT;
    CREATE INDEX IF NOT EXISTS history_device ON history (device, id);
    CREATE INDEX IF NOT EXISTS history_item ON history (item, id);
    CREATE INDEX IF NOT EXISTS history_revision ON history (revision, id);
    CREATE INDEX IF NOT EXISTS history_age ON history (of_user, at);
    CREATE TABLE IF NOT EXISTS revision (
        name TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL, author TEXT, committer TEXT) STRICT;";

/// Most rows that one pruning takes out, so that phones' records do not wait for it.
const PRUNED: i64 = 2_000;

/// From a time on. Rows lie nearly in the order of their times, so none far before the first that is new enough has to
/// be looked at.
const SINCE: &str = "history.at >= ? AND history.id >= -100000 + (SELECT min(id) FROM (
    SELECT id FROM (SELECT id FROM history WHERE of_user = 0 AND at >= ? ORDER BY at LIMIT 1) UNION ALL
    SELECT id FROM (SELECT id FROM history WHERE of_user = 1 AND at >= ? ORDER BY at LIMIT 1)))";

/// How much of the history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Changes older than this go.
    pub since: Timestamp,
    /// Changes of items that belong to users go when they are older than this.
    pub user_since: Timestamp,
    /// Most rows in all; the oldest go first.
    pub rows: i64,
}

/// Adds rows.
pub(super) fn insert(connection: &Connection, changes: &[Change]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO history (at, of_user, device, name, item, idx, old, new, cause, revision, result, word) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for change in changes {
        insert.execute(params![
            change.at.as_millisecond(),
            change.of_user,
            change.device.as_str(),
            change.name.as_deref(),
            change.item.name.as_str(),
            change.item.index.map(|index| index.0),
            change.old.as_deref(),
            change.new.as_deref(),
            change.cause.as_str(),
            change.revision.as_ref().map(Revision::as_str),
            change.result.as_str(),
            change.word.as_deref(),
        ])?;
    }
    Ok(())
}

/// Notes who made a revision.
pub(super) fn put_commit(
    connection: &Connection,
    revision: &Revision,
    commit: Option<&Commit>,
) -> rusqlite::Result<()> {
    let Some(commit) = commit else { return Ok(()) };
    connection.execute(
        "INSERT INTO revision (name, at, author, committer) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (name) DO UPDATE SET at = ?2, author = ?3, committer = ?4",
        params![revision.as_str(), Timestamp::now().as_millisecond(), commit.author, commit.committer],
    )?;
    Ok(())
}

/// Takes out what is too old or too much, some of it at a time.
pub(super) fn prune(connection: &Connection, keep: Keep) -> rusqlite::Result<()> {
    let old = "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE of_user = ?1 AND at < ?2 LIMIT ?3)";
    connection.execute(old, params![false, keep.since.as_millisecond(), PRUNED])?;
    connection.execute(old, params![true, keep.user_since.as_millisecond(), PRUNED])?;
    connection.execute(
        "DELETE FROM history WHERE id IN (SELECT id FROM history \
         WHERE id <= (SELECT max(id) FROM history) - ?1 ORDER BY id LIMIT ?2)",
        params![keep.rows, PRUNED],
    )?;
    connection.execute(
        "DELETE FROM revision WHERE name IN (SELECT name FROM revision WHERE at < ?1 LIMIT ?2) \
         AND name NOT IN (SELECT value FROM fact WHERE key = 'revision')",
        params![keep.since.as_millisecond(), PRUNED],
    )?;
    Ok(())
}

/// One page, the newest change first.
pub(super) fn read(file: &Path, query: &HistoryQuery) -> Result<HistoryPage, String> {
    page(file, query).map_err(|error| format!("the history cannot be read: {error}"))
}

fn page(file: &Path, query: &HistoryQuery) -> rusqlite::Result<HistoryPage> {
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let mut wheres: Vec<&str> = Vec::new();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    if let Some(device) = &query.device {
        wheres.push("device = ?");
        values.push(Box::new(device.as_str().to_owned()));
    } else if let Some(phone) = &query.phone {
        // nobody knows it any more: by the name it had then, or by its MAC
        wheres.push("(history.name = ? OR device = ?)");
        values.push(Box::new(phone.clone()));
        let device = DeviceId::new(phone).map_or_else(|_| phone.clone(), |device| device.to_string());
        values.push(Box::new(device));
    }
    if let Some(item) = &query.item {
        let (name, index) = name_and_index(item);
        wheres.push("item = ?");
        values.push(Box::new(name.to_owned()));
        if let Some(index) = index {
            wheres.push("idx = ?");
            values.push(Box::new(index));
        }
    }
    if let Some(revision) = &query.revision {
        // all that begin so, by the index
        wheres.push("history.revision >= ? AND history.revision < ?");
        values.push(Box::new(revision.clone()));
        values.push(Box::new(format!("{revision}\u{10ffff}")));
    }
    if let Some(since) = query.since {
        wheres.push(SINCE);
        values.extend((0..3).map(|_| Box::new(since.as_millisecond()) as Box<dyn ToSql>));
    }
    if let Some(before) = query.after.as_deref().and_then(|after| after.parse::<i64>().ok()) {
        wheres.push("history.id < ?");
        values.push(Box::new(before));
    }
    let limit = query.limit.unwrap_or(HISTORY_LIMIT).clamp(1, HISTORY_LIMIT);
    let wheres = if wheres.is_empty() { String::new() } else { format!("WHERE {}", wheres.join(" AND ")) };
    let mut statement = connection.prepare(&format!(
        "SELECT history.id, history.at, device, history.name, item, idx, old, new, cause, history.revision, author, \
         committer, result, word FROM history LEFT JOIN revision ON revision.name = history.revision {wheres} \
         ORDER BY history.id DESC LIMIT {}",
        limit + 1
    ))?;
    let parameters = rusqlite::params_from_iter(values.iter().map(AsRef::as_ref));
    let mut rows = statement.query_map(parameters, view)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(id, _)| id.to_string());
    Ok(HistoryPage { changes: rows.into_iter().filter_map(|(_, change)| change).collect(), next })
}

/// The newest revisions with who made them; one of that name, if one is named.
pub(super) fn commits(file: &Path, revision: Option<&str>, limit: usize) -> Result<Vec<CommitView>, String> {
    let read = || -> rusqlite::Result<Vec<CommitView>> {
        let connection =
            Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        let mut statement = connection.prepare(
            "SELECT name, at, author, committer FROM revision WHERE ?1 IS NULL OR name = ?1 ORDER BY at DESC LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![revision, limit], |row| {
            let at = Timestamp::from_millisecond(row.get(1)?).unwrap_or_default();
            Ok(CommitView { revision: row.get(0)?, at, author: row.get(2)?, committer: row.get(3)? })
        })?;
        rows.collect()
    };
    read().map_err(|error| format!("the revisions cannot be read: {error}"))
}

/// `name` or `name[index]`.
fn name_and_index(item: &str) -> (&str, Option<u32>) {
    let parts = item.strip_suffix(']').and_then(|item| item.rsplit_once('['));
    match parts.and_then(|(name, index)| Some((name, index.parse().ok()?))) {
        Some((name, index)) => (name, Some(index)),
        None => (item, None),
    }
}

/// A row; one of a newer phoneops, with words that this one does not know, is passed over.
fn view(row: &Row<'_>) -> rusqlite::Result<(i64, Option<ChangeView>)> {
    let (cause, result): (String, String) = (row.get(8)?, row.get(12)?);
    let words = ChangeCause::parse(&cause).zip(ChangeResult::parse(&result));
    let at = Timestamp::from_millisecond(row.get(1)?).unwrap_or_default();
    let (mac, phone, item, index) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
    let (old, new, revision) = (row.get(6)?, row.get(7)?, row.get(9)?);
    let word = row.get(13)?;
    // what the phone or its user did is not the work of who wrote the revision in force
    let by = |column: usize| match words {
        Some((ChangeCause::Revision, _)) => row.get(column),
        _ => Ok(None),
    };
    let (author, committer): (Option<String>, Option<String>) = (by(10)?, by(11)?);
    let change = words.map(|(cause, result)| ChangeView {
        at,
        phone,
        mac,
        item,
        index,
        old,
        new,
        cause,
        revision,
        author,
        committer,
        result,
        word,
    });
    Ok((row.get(0)?, change))
}
