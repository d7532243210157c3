//! A folder as a source: watched, looked at again when it changes, and every minute all the same.
//!
//! A changed state is taken over only when two looks, one debounce apart, agree: so a file that is being written, or
//! an editor's rename-and-replace, is seen once and whole. Files and folders whose name begins with a dot are left out.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};

use super::{
    SourceError, Trigger,
    collect::{Collector, MAX_FILE_BYTES, is_hidden, is_wanted, join},
    content::ContentDigest,
    run::{Reader, StopSwitch, Switch},
};
use crate::spec::{FileContent, Revision, Snapshot};

/// Most looks until a folder that never rests is taken over as it is.
const MAX_LOOKS: u32 = 20;

/// Which folder, and how it is watched.
#[derive(Debug, Clone)]
pub struct DirSettings {
    /// The folder.
    pub path: PathBuf,
    /// How long it has to rest before a change is taken over.
    pub debounce: Duration,
    /// How often it is looked at without cause: some mounts tell of no change.
    pub rescan: Duration,
    /// Makes the jitter the same in each run.
    pub jitter_seed: Option<u64>,
}

impl DirSettings {
    /// That folder, with a debounce of 300 ms and a look every 60 s.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            debounce: Duration::from_millis(300),
            rescan: Duration::from_mins(1),
            jitter_seed: None,
        }
    }
}

/// Reads a folder as it is now. Its revision is `dir-` and 12 hex digits over paths and contents.
///
/// # Errors
/// A folder that cannot be listed, or more than the bounds of [`super::collect`]. A file that cannot be read is no
/// error but [`FileContent::Unreadable`].
pub fn read_folder(folder: &Path) -> Result<Snapshot, SourceError> {
    let failed = |detail: String| SourceError::Folder { folder: folder.to_owned(), detail };
    let root = fs::canonicalize(folder).map_err(|error| failed(error.to_string()))?;
    if !root.is_dir() {
        return Err(failed("it is not a folder".to_owned()));
    }
    let mut files = Collector::default();
    walk(&mut files, &root, "", 0).map_err(|stop| match stop {
        Stop::Bound(detail) => SourceError::Limit { place: folder.display().to_string(), detail },
        Stop::Io(error) => failed(error.to_string()),
    })?;
    let files = files.finish();
    let mut digest = ContentDigest::default();
    for file in &files {
        digest.feed(file.path.as_bytes());
        match &file.content {
            FileContent::Bytes(bytes) => digest.feed(bytes),
            other => digest.feed(format!("{other:?}").as_bytes()),
        }
    }
    Ok(Snapshot { revision: digest.revision("dir-"), commit: None, files })
}

/// Why a walk stopped: a bound, or the folder itself.
enum Stop {
    Bound(String),
    Io(io::Error),
}

impl From<String> for Stop {
    fn from(bound: String) -> Self {
        Self::Bound(bound)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn walk(files: &mut Collector, folder: &Path, path: &str, depth: usize) -> Result<(), Stop> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.visit(depth)?;
        let raw_name = entry.file_name();
        let name = raw_name.to_string_lossy();
        if is_hidden(&name) {
            continue;
        }
        let here = join(path, &name);
        let wanted = is_wanted(&name, depth == 0);
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_symlink() {
            if wanted || fs::metadata(entry.path()).is_ok_and(|target| target.is_dir()) {
                files.add(&here, FileContent::Link)?;
            }
        } else if kind.is_dir() {
            match walk(files, &entry.path(), &here, depth + 1) {
                Err(Stop::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(Stop::Io(error)) => files.add(&here, FileContent::Unreadable(error.to_string()))?,
                other => other?,
            }
        } else if wanted {
            let content = match raw_name.to_str() {
                None => Some(FileContent::Unreadable("its name is not UTF-8; rename it".to_owned())),
                Some(_) if !kind.is_file() => Some(FileContent::Unreadable("it is not a regular file".to_owned())),
                Some(_) => read_file(&entry.path()),
            };
            if let Some(content) = content {
                files.add(&here, content)?;
            }
        }
    }
    Ok(())
}

/// The content of a file; nothing when it has just gone.
fn read_file(path: &Path) -> Option<FileContent> {
    let read = || -> io::Result<FileContent> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        let length = bytes.len() as u64;
        if length > MAX_FILE_BYTES {
            return Ok(FileContent::TooLarge(size.max(length)));
        }
        Ok(FileContent::Bytes(Arc::from(bytes)))
    };
    match read() {
        Ok(content) => Some(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(FileContent::Unreadable(error.to_string())),
    }
}

/// Reads a folder again and again.
pub(super) struct DirReader {
    settings: DirSettings,
    stop: StopSwitch,
    trigger: Trigger,
    watcher: Option<RecommendedWatcher>,
}

impl DirReader {
    /// Checks that the folder is there and watches it.
    pub(super) fn open(settings: DirSettings, switch: Switch) -> Result<Self, SourceError> {
        read_folder(&settings.path)?;
        Ok(Self { settings, stop: switch.stop, trigger: switch.trigger, watcher: None })
    }

    /// Watches the folder, unless it is watched already. Without a watch the rescan remains.
    fn watch(&mut self) {
        if self.watcher.is_some() {
            return;
        }
        let trigger = self.trigger.clone();
        let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| is_change(event.kind)) {
                trigger.fetch_now();
            }
        });
        let watched = made.and_then(|mut watcher| {
            watcher.watch(&self.settings.path, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        match watched {
            Ok(set) => self.watcher = Some(set),
            Err(error) => tracing::warn!(
                folder = %self.settings.path.display(),
                "source: the folder cannot be watched, only looked at from time to time: {error}"
            ),
        }
    }

    fn settled(&self, known: Option<&Revision>) -> Result<Option<Snapshot>, SourceError> {
        let (folder, stop) = (&self.settings.path, &self.stop);
        settled(known, || read_folder(folder), || thread::sleep(self.settings.debounce), || stop.is_set())
    }
}

/// Looks until two looks agree, the first time as well: phones in files that are still to come would count as new.
fn settled(
    known: Option<&Revision>,
    look: impl Fn() -> Result<Snapshot, SourceError>,
    rest: impl Fn(),
    stops: impl Fn() -> bool,
) -> Result<Option<Snapshot>, SourceError> {
    let mut last = look()?;
    for _ in 1..MAX_LOOKS {
        if Some(&last.revision) == known || stops() {
            return Ok(None);
        }
        rest();
        let next = look()?;
        if next.revision == last.revision {
            break;
        }
        last = next;
    }
    Ok((Some(&last.revision) != known).then_some(last))
}

impl Reader for DirReader {
    fn remembered(&mut self) -> Option<Snapshot> {
        None
    }

    fn look(&mut self, known: Option<&Revision>) -> Result<Option<Snapshot>, SourceError> {
        self.watch();
        let looked = self.settled(known);
        if looked.is_err() {
            // A folder that went takes its watch along; the next look sets a new one.
            self.watcher = None;
        }
        looked
    }
}

/// Whether an event may mean other content: our own reading makes events too.
pub(super) fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_folder_that_is_being_filled_at_the_start_is_taken_over_when_it_is_whole() {
        let rests = Cell::new(0);
        let look = || {
            let revision = Revision::new(["empty", "half", "whole"].get(rests.get()).unwrap_or(&"whole"));
            Ok(Snapshot { revision, commit: None, files: Vec::new() })
        };
        let seen = settled(None, look, || rests.set(rests.get() + 1), || false).unwrap().unwrap();
        assert_eq!((seen.revision.as_str(), rests.get()), ("whole", 3));
    }
}
