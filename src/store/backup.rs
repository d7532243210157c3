//! Backups: one archive with the database as it is at one moment, the key of fingerprints and the self-made certificate.
//! Brakes, approvals, history and the audit log are in the database.
//!
//! The archive is a tar file. First in it stands `manifest.json` with the size and SHA-256 of every other file. It holds
//! keys: it is private (0600), and where it is kept should be.
//!
//! What is restored is an older store, whatever else is there: it is noted as such, its records are distrusted
//! ([`PhoneRecord::distrust`](crate::fleet::record::PhoneRecord::distrust)), and the service comes back in Report.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    FILE_NAME, audit,
    database::{self, Change, Database},
    error::StoreError,
    folder::{self, suffixed},
    handle,
    key::KEY_NAME,
    sequence::Sequence,
};
use crate::fleet::{
    audit::{AuditEntry, AuditVerdict, By},
    words::AuditAct,
};

/// What this code writes.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// Files of the state folder beside the database, where they are there.
const BESIDE: [&str; 3] = [KEY_NAME, "tls/cert.pem", "tls/key.pem"];
/// Largest manifest, and largest file but the database, in bytes.
const SMALL: u64 = 1 << 20;
/// How long a lock on the database is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no backup, or it is not restored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is one already.
    #[error("{} is there already; name another file", .0.display())]
    Exists(PathBuf),
    /// There is no store to back up.
    #[error("there is no store in {}; name the state folder of the service with --state", .0.display())]
    NoStore(PathBuf),
    /// The database cannot be copied.
    #[error("the store {} cannot be copied: {detail}", file.display())]
    Copy {
        /// The database.
        file: PathBuf,
        /// What `SQLite` said.
        detail: String,
    },
    /// It is no backup, or not what was written.
    #[error("{} is not a sound backup: {detail}", file.display())]
    Damaged {
        /// The archive.
        file: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer phoneops wrote it.
    #[error("{} was written by a newer phoneops ({version}); restore it with that one", file.display())]
    Newer {
        /// The archive.
        file: PathBuf,
        /// Which one.
        version: String,
    },
    /// The state folder holds a store already.
    #[error("{} holds a store; --replace puts it aside and keeps it", .0.display())]
    InPlace(PathBuf),
    /// The state folder is in use, or the database in the archive does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an archive holds, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How it is written.
    pub format: u32,
    /// Which phoneops wrote it.
    pub phoneops: String,
    /// When.
    pub at: Timestamp,
    /// Phones in it.
    pub phones: u64,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path in the state folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, as hex digits.
    pub sha256: String,
}

/// A backup that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it holds.
    pub manifest: Manifest,
    /// Whether the audit log in it is whole.
    pub audit: AuditVerdict,
}

/// Writes a backup of a state folder, also while its service runs.
pub fn back_up(state: &Path, file: &Path, now: Timestamp) -> Result<Manifest, BackupError> {
    let database = state.join(FILE_NAME);
    if !database.exists() {
        return Err(BackupError::NoStore(state.to_owned()));
    }
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let draft = suffixed(file, ".new");
    let copy = suffixed(file, ".db.new");
    let made = write(state, &database, &draft, &copy, now);
    // the error that counts is the one before
    let _ = fs::remove_file(&copy);
    let made = made.and_then(|manifest| {
        fs::rename(&draft, file).map_err(failed(file))?;
        Ok(manifest)
    });
    if made.is_err() {
        let _ = fs::remove_file(&draft);
    }
    made
}

fn write(state: &Path, database: &Path, draft: &Path, copy: &Path, now: Timestamp) -> Result<Manifest, BackupError> {
    for left in [draft, copy] {
        match fs::remove_file(left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(left)(error)),
            _ => {}
        }
    }
    private(copy)?;
    let phones = snapshot(database, copy)?;
    let mut sources = vec![(FILE_NAME, copy.to_owned())];
    sources.extend(BESIDE.iter().map(|name| (*name, state.join(name))).filter(|(_, path)| path.exists()));
    let mut files = Vec::new();
    for (name, path) in &sources {
        let mut open = File::open(path).map_err(failed(path))?;
        let (bytes, sha256) = digest(&mut open).map_err(failed(path))?;
        files.push(FileEntry { name: (*name).to_owned(), bytes, sha256 });
    }
    let manifest = Manifest { format: FORMAT, phoneops: env!("CARGO_PKG_VERSION").to_owned(), at: now, phones, files };
    let mut archive = tar::Builder::new(private(draft)?);
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(draft)(io::Error::other(error)))?;
    append(&mut archive, MANIFEST, text.len() as u64, text.as_slice(), now).map_err(failed(draft))?;
    for ((name, path), entry) in sources.iter().zip(&manifest.files) {
        let open = File::open(path).map_err(failed(path))?;
        append(&mut archive, name, entry.bytes, open, now).map_err(failed(draft))?;
    }
    let done = archive.into_inner().map_err(failed(draft))?;
    done.sync_all().map_err(failed(draft))?;
    Ok(manifest)
}

fn append(
    archive: &mut tar::Builder<File>,
    name: &str,
    bytes: u64,
    content: impl Read,
    now: Timestamp,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
    archive.append_data(&mut header, name, content)
}

/// Copies the database as it is at one moment, whoever writes to it. How many phones are in it.
fn snapshot(database: &Path, copy: &Path) -> Result<u64, BackupError> {
    let said = |error: rusqlite::Error| BackupError::Copy { file: database.to_owned(), detail: error.to_string() };
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(said)?;
    connection.busy_timeout(PATIENCE).map_err(said)?;
    // an empty file of the right mode is taken as it is
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map_err(said)?;
    let copied = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(said)?;
    let phones: i64 = copied.query_row("SELECT count(*) FROM phone", [], |row| row.get(0)).map_err(said)?;
    Ok(u64::try_from(phones).unwrap_or_default())
}

/// Looks through a backup: every file is as it was written, the database opens, and the chain of its audit log is whole.
pub fn verify(file: &Path) -> Result<Verified, BackupError> {
    let folder = tempfile::tempdir().map_err(failed(file))?;
    let manifest = unpack(file, folder.path())?;
    look_into(file, folder.path())?;
    let database = folder.path().join(FILE_NAME);
    let audit =
        audit::verify_copy(&database).map_err(|detail| BackupError::Damaged { file: file.to_owned(), detail })?;
    Ok(Verified { manifest, audit })
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredBackup {
    /// What the backup held.
    pub manifest: Manifest,
    /// Where what was there before is kept.
    pub aside: Option<PathBuf>,
}

/// Puts a backup in the place of what a state folder holds. The service has to be stopped. It comes back in Report, until
/// a person resumes it.
pub fn restore(
    file: &Path,
    state: &Path,
    replace: bool,
    by: &By,
    now: Timestamp,
) -> Result<RestoredBackup, BackupError> {
    let lock = folder::lock(state)?;
    let names = || std::iter::once(FILE_NAME).chain(BESIDE);
    let database = state.join(FILE_NAME);
    if database.exists() && !replace {
        return Err(BackupError::InPlace(state.to_owned()));
    }
    let staged = tempfile::tempdir_in(state).map_err(failed(state))?;
    let manifest = unpack(file, staged.path())?;
    let own = look_into(file, staged.path())?;
    let noted = Sequence::beside(&database).read().number().max(own);
    let aside = put_aside(state, now)?;
    for name in names().filter(|name| staged.path().join(name).exists()) {
        let (from, to) = (staged.path().join(name), state.join(name));
        if let Some(parent) = to.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed(parent))?;
        }
        fs::rename(&from, &to).map_err(failed(&to))?;
    }
    // one that is ahead of the database: that is what an older one is known by
    Sequence::beside(&database).note(noted.saturating_add(1)).map_err(failed(&database))?;
    let settings = database::Settings { patience: PATIENCE, size_limit: None };
    let (mut opened, _) = handle::restore(&database, settings)?;
    let outcome = format!("{} phones, as of {:.0}", manifest.phones, manifest.at);
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let entry = AuditEntry::new(by, AuditAct::Restore, &name, &outcome, now);
    note(&mut opened, entry, &database)?;
    drop(opened);
    drop(lock);
    Ok(RestoredBackup { manifest, aside })
}

fn note(opened: &mut Database, entry: AuditEntry, database: &Path) -> Result<(), BackupError> {
    let change = Change::Audit(vec![entry]);
    opened
        .write(std::iter::once(&change), &mut 0)
        .map_err(|error| StoreError::Unusable { file: database.to_owned(), detail: error.to_string() }.into())
}

/// Moves what a backup would replace, and what goes with it, into a folder of its own.
fn put_aside(state: &Path, now: Timestamp) -> Result<Option<PathBuf>, BackupError> {
    let sides = ["", "-wal", "-shm", ".sequence", ".audit"].map(|side| format!("{FILE_NAME}{side}"));
    let names: Vec<&str> = sides.iter().map(String::as_str).chain(BESIDE).collect();
    let there: Vec<&str> = names.into_iter().filter(|name| state.join(name).exists()).collect();
    if there.is_empty() {
        return Ok(None);
    }
    let aside = state.join(format!("before-restore-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    for name in there {
        let (from, to) = (state.join(name), aside.join(name));
        if let Some(parent) = to.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed(parent))?;
        }
        fs::rename(&from, &to).map_err(failed(&from))?;
    }
    Ok(Some(aside))
}

/// Opens the database of an unpacked backup, so far as to know that it is a sound one of phoneops. The number of its last
/// commit.
fn look_into(archive: &Path, folder: &Path) -> Result<u64, BackupError> {
    let database = folder.join(FILE_NAME);
    let damaged = |detail: &str| BackupError::Damaged { file: archive.to_owned(), detail: detail.to_owned() };
    if !database.exists() {
        return Err(damaged("there is no store in it"));
    }
    let settings = database::Settings { patience: PATIENCE, size_limit: None };
    let opened = Database::open(&database, settings)?;
    opened.load()?;
    opened.load_service()?;
    Ok(opened.own_number()?.unwrap_or_default())
}

/// Unpacks an archive into an empty private folder, and checks every file against the manifest.
fn unpack(file: &Path, folder: &Path) -> Result<Manifest, BackupError> {
    let damaged = |detail: String| BackupError::Damaged { file: file.to_owned(), detail };
    let broken = |error: io::Error| BackupError::Damaged { file: file.to_owned(), detail: error.to_string() };
    let open = File::open(file).map_err(failed(file))?;
    let mut archive = tar::Archive::new(open);
    let mut manifest: Option<Manifest> = None;
    let mut awaited: BTreeMap<String, FileEntry> = BTreeMap::new();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = plain_name(&entry).ok_or_else(|| damaged("a file in it has a name that is none".to_owned()))?;
        if manifest.is_none() {
            if name != MANIFEST || entry.size() > SMALL {
                return Err(damaged("it does not begin with a manifest".to_owned()));
            }
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(broken)?;
            let read = read_manifest(&text, file)?;
            awaited = read.files.iter().map(|entry| (entry.name.clone(), entry.clone())).collect();
            manifest = Some(read);
            continue;
        }
        let known = name == FILE_NAME || (BESIDE.contains(&name.as_str()) && entry.size() <= SMALL);
        let Some(wanted) = awaited.remove(&name).filter(|_| known) else {
            return Err(damaged(format!("{name} is not in its manifest")));
        };
        let target = folder.join(&name);
        if let Some(parent) = target.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed(parent))?;
        }
        let mut out = private(&target)?;
        io::copy(&mut entry, &mut out).map_err(broken)?;
        out.sync_all().and_then(|()| out.rewind()).map_err(failed(&target))?;
        let mut written = File::open(&target).map_err(failed(&target))?;
        let (bytes, sha256) = digest(&mut written).map_err(failed(&target))?;
        if (bytes, &sha256) != (wanted.bytes, &wanted.sha256) {
            return Err(damaged(format!("{name} is not what was written")));
        }
    }
    if let Some(name) = awaited.keys().next() {
        return Err(damaged(format!("{name} is missing")));
    }
    manifest.ok_or_else(|| damaged("it is empty".to_owned()))
}

fn read_manifest(text: &[u8], file: &Path) -> Result<Manifest, BackupError> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
        #[serde(default)]
        phoneops: String,
    }
    let damaged =
        |error: serde_json::Error| BackupError::Damaged { file: file.to_owned(), detail: format!("manifest: {error}") };
    let Version { format, phoneops } = serde_json::from_slice(text).map_err(damaged)?;
    if format > FORMAT {
        return Err(BackupError::Newer { file: file.to_owned(), version: phoneops.chars().take(40).collect() });
    }
    serde_json::from_slice(text).map_err(damaged)
}

/// The name of a regular file in an archive: a path of plain parts.
fn plain_name(entry: &tar::Entry<'_, File>) -> Option<String> {
    let path = entry.path().ok()?;
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && entry.header().entry_type().is_file()).then(|| path.to_str().map(str::to_owned))?
}

fn digest(from: &mut File) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        bytes += read as u64;
    }
    Ok((bytes, crate::fleet::fingerprint::to_hex(&hash.finalize())))
}

fn private(file: &Path) -> Result<File, BackupError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed(file))
}

fn failed(file: &Path) -> impl Fn(io::Error) -> BackupError {
    let file = file.to_owned();
    move |source| BackupError::File { file: file.clone(), source }
}
