//! The file itself: its schema, the checks at the start, reading all of it, writing a group of changes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::{
    audit, birth,
    error::StoreError,
    folder::{Inode, inode, make_private, suffixed},
    history,
    sequence::Sequence,
};
use crate::{
    fleet::{self, audit::AuditEntry, record::PhoneRecord, service_record::ServiceRecord},
    spec::{Commit, Revision},
    wpi::DeviceId,
};

/// Marks a database as one of phoneops (`phop`).
pub(super) const APPLICATION_ID: i64 = 0x7068_6F70;
/// The newest schema this code knows.
pub(super) const SCHEMA: i64 = 1;

/// The fact that holds what is kept of the service as a whole.
const SERVICE: &str = "service";

const PAGE_SIZE: i64 = 4096;
/// Bounds of what a probe writes: a handful of pages proves too little on a full disk.
const PROBE_BYTES: (usize, usize) = (64 << 10, 8 << 20);

const TABLES: &str = "
    CREATE TABLE phone (device TEXT PRIMARY KEY NOT NULL, record TEXT NOT NULL, updated TEXT NOT NULL) STRICT;
    CREATE TABLE fact (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
    CREATE TABLE probe (content BLOB NOT NULL) STRICT;";

/// One change that a caller asked for.
#[derive(Debug)]
pub(super) enum Change {
    /// These records, as they are now.
    Save(Vec<Arc<PhoneRecord>>),
    /// This phone is forgotten.
    Remove(DeviceId),
    /// All phones are forgotten.
    ForgetPhones,
    /// What is kept of the service as a whole.
    Service(Arc<ServiceRecord>),
    /// These acts come to the audit log.
    Audit(Vec<AuditEntry>),
    /// The newest revision taken over, and who made it.
    Revision(Revision, Option<Commit>),
    /// These changes come to the history.
    History(Vec<fleet::history::Change>),
    /// Old changes leave the history.
    Prune(history::Keep),
}

/// Why a write did not reach the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The file was deleted, or another one stands in its place.
    #[error("{} was moved, deleted or replaced; put it back, or start phoneops again", .0.display())]
    Moved(PathBuf),
    /// `SQLite` refused: disk full, read-only, locked, damaged.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A record has no JSON form.
    #[error("a record cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// An open, checked file and its one connection.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    file: PathBuf,
    wal: PathBuf,
    /// Which files the connection has open. `SQLite` goes on writing into unlinked ones, which would lose all of it.
    opened: (Option<Inode>, Option<Inode>),
    /// Whether the connection was given up and has to be opened again.
    given_up: bool,
    settings: Settings,
    /// Grows with each commit that holds records; see [`super::sequence`].
    number: u64,
    sequence: Sequence,
    head: audit::HeadNote,
}

/// How the connection behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// How long another program's lock is waited for.
    pub(super) patience: Duration,
    /// Most bytes the file may have.
    pub(super) size_limit: Option<u64>,
}

impl Database {
    /// Opens the file, made anew when there is none, and checks all of it. An existing file is not written to.
    pub(super) fn open(file: &Path, settings: Settings) -> Result<Self, StoreError> {
        if birth::is_missing(file)? {
            let make_draft = |draft: &Path| connect(draft, settings).and_then(|connection| create(&connection));
            birth::make(file, |draft| make_draft(draft).map_err(|error| of_sqlite(file, &error)))?;
        }
        make_private(file)
            .map_err(|error| StoreError::Unusable { file: file.to_owned(), detail: error.to_string() })?;
        let connection = connect(file, settings).map_err(|error| of_sqlite(file, &error))?;
        check(file, &connection)?;
        Ok(Self {
            connection,
            file: file.to_owned(),
            wal: suffixed(file, "-wal"),
            opened: (inode(file), None),
            given_up: false,
            settings,
            number: 0,
            sequence: Sequence::beside(file),
            head: audit::HeadNote::beside(file),
        })
    }

    /// Compares the number of the last commit with what is noted beside the file, and goes on from the higher one.
    /// Whether this is the file that was written last. To be called before the first write; one that is doubted stays so
    /// until then, whatever kills the process.
    pub(super) fn is_newest(&mut self) -> Result<bool, StoreError> {
        let own = self.own_number()?;
        let noted = self.sequence.read();
        let is_newest = noted.is_met_by(own);
        self.number = own.unwrap_or_default().max(noted.number()) + u64::from(!is_newest);
        self.sequence
            .note(self.number)
            .map_err(|error| StoreError::Unusable { file: self.file.clone(), detail: error.to_string() })?;
        Ok(is_newest)
    }

    /// The number of the last commit, as the file itself has it.
    pub(super) fn own_number(&self) -> Result<Option<u64>, StoreError> {
        let own: Option<String> = self
            .connection
            .query_row("SELECT value FROM fact WHERE key = 'number'", [], |row| row.get(0))
            .optional()
            .map_err(|error| of_sqlite(&self.file, &error))?;
        Ok(own.and_then(|number| number.parse().ok()))
    }

    /// Proves that the file can be written; to be called once, before the first write.
    pub(super) fn arm(&mut self) -> Result<(), StoreError> {
        self.begin().map_err(|error| StoreError::Unusable { file: self.file.clone(), detail: error.to_string() })
    }

    /// Switches to WAL and writes once, so that both files exist and are known to take writes.
    fn begin(&mut self) -> Result<(), Failure> {
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        if let Some(limit) = self.settings.size_limit {
            let pages = i64::try_from(limit).unwrap_or(i64::MAX) / PAGE_SIZE;
            self.connection.pragma_update(None, "max_page_count", pages.max(1))?;
        }
        self.connection.execute_batch(history::TABLES)?;
        self.connection.execute_batch(audit::TABLES)?;
        put_fact(&self.connection, "opened", &Timestamp::now().to_string())?;
        self.opened.1 = inode(&self.wal);
        Ok(())
    }

    /// What was kept of the service as a whole.
    pub(super) fn load_service(&self) -> Result<ServiceRecord, StoreError> {
        let failed = |error: rusqlite::Error| of_sqlite(&self.file, &error);
        let json: Option<String> = self
            .connection
            .query_row("SELECT value FROM fact WHERE key = ?1", [SERVICE], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        let Some(json) = json else { return Ok(ServiceRecord::default()) };
        serde_json::from_str(&json).map_err(|error| StoreError::Corrupt {
            file: self.file.clone(),
            detail: format!("the record of the service cannot be read: {}", place_of(&error)),
        })
    }

    /// Every record, by device, and the revision.
    pub(super) fn load(&self) -> Result<(Vec<PhoneRecord>, Option<Revision>), StoreError> {
        let failed = |error: rusqlite::Error| of_sqlite(&self.file, &error);
        let mut statement =
            self.connection.prepare("SELECT device, record FROM phone ORDER BY device").map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let device: String = row.get(0).map_err(failed)?;
            let json = row.get_ref(1).and_then(|text| Ok(text.as_str()?)).map_err(failed)?;
            let corrupt = |detail: String| StoreError::Corrupt { file: self.file.clone(), detail };
            let record: PhoneRecord = serde_json::from_str(json)
                .map_err(|error| corrupt(format!("the record of {device} cannot be read: {}", place_of(&error))))?;
            if record.device.as_str() != device {
                return Err(corrupt(format!("the record of {device} is that of {}", record.device)));
            }
            records.push(record);
        }
        let revision = self
            .connection
            .query_row("SELECT value FROM fact WHERE key = 'revision'", [], |row| row.get::<_, String>(0))
            .optional()
            .map_err(failed)?;
        Ok((records, revision.map(|revision| Revision::new(&revision))))
    }

    /// Writes all changes, in order, in one transaction; on `Ok` they are on disk. Adds the size of the records to
    /// `bytes`, also when it fails.
    pub(super) fn write<'a>(
        &mut self,
        changes: impl Iterator<Item = &'a Change>,
        bytes: &mut usize,
    ) -> Result<(), Failure> {
        self.in_place()?;
        let now = Timestamp::now().to_string();
        let number = self.number + 1;
        let mut head = None;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut save = transaction.prepare(
                "INSERT INTO phone (device, record, updated) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (device) DO UPDATE SET record = ?2, updated = ?3",
            )?;
            let mut remove = transaction.prepare("DELETE FROM phone WHERE device = ?1")?;
            for change in changes {
                match change {
                    Change::Save(records) => {
                        for record in records {
                            let json = serde_json::to_string(&**record)?;
                            *bytes += json.len();
                            save.execute(params![record.device.as_str(), json, now])?;
                        }
                    }
                    Change::Remove(device) => {
                        remove.execute(params![device.as_str()])?;
                    }
                    Change::ForgetPhones => {
                        transaction.execute("DELETE FROM phone", [])?;
                    }
                    Change::Service(record) => {
                        put_fact(&transaction, SERVICE, &serde_json::to_string(&**record)?)?;
                    }
                    Change::Audit(entries) => head = Some(audit::append(&transaction, entries)?),
                    Change::Revision(revision, commit) => {
                        put_fact(&transaction, "revision", revision.as_str())?;
                        history::put_commit(&transaction, revision, commit.as_ref())?;
                    }
                    Change::History(changes) => history::insert(&transaction, changes)?,
                    Change::Prune(keep) => history::prune(&transaction, *keep)?,
                }
            }
        }
        put_fact(&transaction, "number", &number.to_string())?;
        transaction.commit()?;
        self.number = number;
        // a file taken away between the first look and the commit has taken the commit with it
        self.in_place()?;
        self.sequence.follow(number);
        if let Some(head) = head {
            self.head.follow(&head);
        }
        Ok(())
    }

    /// Proves that the file takes writes again, as many bytes as failed before.
    pub(super) fn probe(&mut self, bytes: usize) -> Result<(), Failure> {
        if inode(&self.file) != self.opened.0 {
            return Err(Failure::Moved(self.file.clone()));
        }
        if self.given_up || inode(&self.wal) != self.opened.1 {
            // closing brings what the lost side file held into the main file; two connections with different side
            // files would damage it, so the old one is gone before the new one comes
            self.given_up = true;
            drop(std::mem::replace(&mut self.connection, Connection::open_in_memory()?));
            self.connection = connect(&self.file, self.settings)?;
            self.begin()?;
            self.given_up = false;
        }
        let size = i64::try_from(bytes.clamp(PROBE_BYTES.0, PROBE_BYTES.1)).unwrap_or(i64::MAX);
        self.connection.execute("INSERT INTO probe (content) VALUES (zeroblob(?1))", [size])?;
        self.connection.execute("DELETE FROM probe", [])?;
        self.in_place()
    }

    fn in_place(&self) -> Result<(), Failure> {
        if inode(&self.file) != self.opened.0 {
            return Err(Failure::Moved(self.file.clone()));
        }
        if inode(&self.wal) != self.opened.1 {
            return Err(Failure::Moved(self.wal.clone()));
        }
        Ok(())
    }
}

fn connect(file: &Path, settings: Settings) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(settings.patience)?;
    Ok(connection)
}

/// Looks at whose file it is, how new, and whether it is sound; changes nothing.
fn check(file: &Path, connection: &Connection) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| of_sqlite(file, &error);
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed);
    let (application, schema) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
        if application != 0 || schema != 0 || tables != 0 {
            return Err(StoreError::Foreign { file: file.to_owned() });
        }
        return Err(StoreError::Corrupt { file: file.to_owned(), detail: "it is a database without any table".into() });
    }
    if schema > SCHEMA {
        return Err(StoreError::Newer { file: file.to_owned(), found: schema, known: SCHEMA });
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt { file: file.to_owned(), detail: format!("it is damaged: {verdict}") });
    }
    Ok(())
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA}; COMMIT;"
    ))
}

fn put_fact(connection: &Connection, key: &str, value: &str) -> Result<(), Failure> {
    connection.execute(
        "INSERT INTO fact (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        [key, value],
    )?;
    Ok(())
}

fn of_sqlite(file: &Path, error: &rusqlite::Error) -> StoreError {
    let (file, detail) = (file.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Corrupt { file, detail: "it is not a database".into() },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::TypeMismatch) => {
            StoreError::Corrupt { file, detail: format!("it is damaged: {detail}") }
        }
        None => StoreError::Corrupt { file, detail },
        Some(_) => StoreError::Unusable { file, detail },
    }
}

/// What `serde_json` complains of, without any content of the record.
fn place_of(error: &serde_json::Error) -> String {
    format!("{:?} error at column {}", error.classify(), error.column()).to_lowercase()
}
