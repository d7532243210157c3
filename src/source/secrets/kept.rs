//! What was read of files, kept until they change: ten thousand phones may refer to one file.
//!
//! A file counts as the same while device, inode, size and both its times are. A file that was changed only just before
//! it was read may change again within one tick of the clock and look the same; it is read once more in the next look.
//! What no look has asked for any more is let go of.

use std::{
    collections::HashMap,
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// How old a change has to be until a second one cannot look the same.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file as it is now.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_settled(&self, now: SystemTime, after: Duration) -> bool {
        let changed =
            u64::try_from(self.changed.0).map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age > after))
    }
}

struct Entry<T> {
    stamp: Stamp,
    settled: bool,
    /// The look that read it, and the one that asked last.
    read: u64,
    asked: u64,
    outcome: Result<Arc<T>, String>,
}

/// Files by their real path. What went wrong is kept until the next look, so that a broken file is not read for each phone.
pub(super) struct Kept<T> {
    look: u64,
    entries: HashMap<PathBuf, Entry<T>>,
    reads: u64,
    settled: Duration,
}

impl<T> Kept<T> {
    /// Nothing yet.
    pub(super) fn new() -> Mutex<Self> {
        Mutex::new(Self { look: 0, entries: HashMap::new(), reads: 0, settled: SETTLED })
    }

    /// Begins a new look at everything.
    pub(super) fn begin(kept: &Mutex<Self>) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.look;
        kept.entries.retain(|_, entry| entry.asked == before);
        kept.look += 1;
    }

    /// What was read of the file, or what `read` makes of it now. At most `limit` files are kept; of the others each
    /// is an error.
    pub(super) fn get(
        kept: &Mutex<Self>,
        path: &Path,
        metadata: &Metadata,
        limit: usize,
        read: impl FnOnce() -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        let stamp = Stamp::of(metadata);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let look = kept.look;
        if let Some(entry) = kept.entries.get_mut(path)
            && entry.stamp == stamp
            && (entry.settled || entry.read == look)
        {
            entry.asked = look;
            return entry.outcome.clone();
        }
        if !kept.entries.contains_key(path) && kept.entries.len() >= limit {
            return Err(format!("more than {limit} such files are referred to; put several secrets into one"));
        }
        kept.reads += 1;
        let outcome = read().map(Arc::new);
        // what went wrong may pass without the file changing, so the next look tries again
        let settled = outcome.is_ok() && stamp.is_settled(SystemTime::now(), kept.settled);
        let entry = Entry { stamp, settled, read: look, asked: look, outcome: outcome.clone() };
        kept.entries.insert(path.to_owned(), entry);
        outcome
    }

    /// Trusts every stamp at once, as one trusts those of old files.
    #[cfg(test)]
    pub(super) fn trusting() -> Mutex<Self> {
        Mutex::new(Self { look: 0, entries: HashMap::new(), reads: 0, settled: Duration::ZERO })
    }

    /// How often a file was read.
    #[cfg(test)]
    pub(super) fn reads(kept: &Mutex<Self>) -> u64 {
        kept.lock().unwrap_or_else(PoisonError::into_inner).reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_tried_again_in_the_next_look_though_the_file_is_as_it_was() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let facts = file.as_file().metadata().unwrap();
        let kept = Kept::<u8>::trusting();
        let get = |read: fn() -> Result<u8, String>| Kept::get(&kept, file.path(), &facts, 1, read);
        let away = || Err("cannot read it: Input/output error".to_owned());
        assert!(get(away).is_err());
        assert!(get(|| Ok(1)).is_err(), "not for each phone");
        Kept::begin(&kept);
        assert_eq!(get(|| Ok(1)).map(|byte| *byte), Ok(1));
        Kept::begin(&kept);
        assert_eq!(get(away).map(|byte| *byte), Ok(1), "what was read is kept");
    }
}
