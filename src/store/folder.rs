//! The state folder: made when missing, locked for one process, its file private, a broken file put aside.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::error::StoreError;

/// Name of the file whose lock stands for the folder. It stays when phoneops ends: only the lock counts.
const LOCK_NAME: &str = "phoneops.lock";

/// The lock on a state folder; it ends when this is dropped or the process dies.
#[derive(Debug)]
pub(super) struct FolderLock(#[expect(dead_code, reason = "held, never read")] File);

/// Makes the folder (mode 0700) when it is missing and locks it.
pub(super) fn lock(folder: &Path) -> Result<FolderLock, StoreError> {
    let failed = |source| StoreError::Folder { folder: folder.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join(LOCK_NAME))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse { folder: folder.to_owned(), process: process_in(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(FolderLock(file))
}

fn process_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Makes the file private (0600); `SQLite` gives its side files the same mode.
pub(super) fn make_private(file: &Path) -> io::Result<()> {
    let handle = OpenOptions::new().read(true).append(true).open(file)?;
    let metadata = handle.metadata()?;
    if metadata.mode() & 0o077 != 0 {
        handle.set_permissions(Permissions::from_mode(0o600))?;
        tracing::warn!(file = %file.display(), "the store could be read by others; its mode is now 0600");
    }
    Ok(())
}

/// Moves the file and its side files to `<file>.broken-<time>`, which is free; answers that name.
pub(super) fn put_aside(file: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let mut aside = suffixed(file, &format!(".broken-{stamp}"));
    let mut count = 1;
    while ["", "-wal", "-shm"].iter().any(|side| suffixed(&aside, side).exists()) {
        count += 1;
        aside = suffixed(file, &format!(".broken-{stamp}-{count}"));
    }
    for side in ["", "-wal", "-shm"] {
        match fs::rename(suffixed(file, side), suffixed(&aside, side)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(aside)
}

/// The path with a text appended to its last part.
pub(super) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    PathBuf::from(text)
}

/// Device and number of a file, which stay the same when it is renamed.
pub(super) type Inode = (u64, u64);

/// Which file stands at a path now; `None` when there is none.
pub(super) fn inode(path: &Path) -> Option<Inode> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_folder_and_process() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("state");
        let held = lock(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        let error = lock(&folder).unwrap_err();
        assert_eq!(error.category(), "in-use");
        let text = error.to_string();
        assert!(text.contains(folder.to_str().unwrap()), "{text}");
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        drop(held);
        lock(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("no-folder");
        fs::write(&file, "").unwrap();
        let error = lock(&file.join("state")).unwrap_err();
        assert_eq!(error.category(), "folder");
        assert!(error.to_string().contains("no-folder/state"));
    }

    #[test]
    fn what_is_put_aside_never_covers_an_older_one() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("phoneops.db");
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        for content in ["first", "second"] {
            fs::write(&file, content).unwrap();
            fs::write(suffixed(&file, "-wal"), content).unwrap();
            put_aside(&file, now).unwrap();
        }
        let read = |name: &str| fs::read_to_string(temp.path().join(name)).unwrap();
        assert_eq!(read("phoneops.db.broken-20231114T221320Z"), "first");
        assert_eq!(read("phoneops.db.broken-20231114T221320Z-wal"), "first");
        assert_eq!(read("phoneops.db.broken-20231114T221320Z-2"), "second");
        assert!(!file.exists());
    }
}
