//! The folder of recordings, and the task that writes into it, so that no phone waits for a disk.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use super::{super::shared::Shared, WireLog};
use crate::report::wire_log::{FILES, WireLogError};

/// Most parts that wait for the disk; what comes beyond is lost, and counted.
pub(super) const QUEUE: usize = 64;
/// Longest name of a phone in the name of a file.
const NAME: usize = 64;
/// How long the end of the service waits for the disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// A part of a recording on its way to its file.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) file: PathBuf,
    pub(super) text: String,
    /// Whether it is the last one of its file.
    pub(super) is_last: bool,
}

/// Makes the folder where it is missing, for nobody else to read.
pub(super) fn prepare(folder: &Path) -> Result<(), WireLogError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))
}

/// A file of its own for a recording, for nobody else to read.
pub(super) fn make(folder: &Path, name: &str, now: Timestamp) -> Result<PathBuf, WireLogError> {
    prepare(folder)?;
    if fs::read_dir(folder).map_err(failed(folder))?.take(FILES).count() >= FILES {
        return Err(WireLogError::Full);
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = name.chars().map(plain).take(NAME).collect();
    let file = folder.join(format!("{name}-{}.txt", now.strftime("%Y%m%dT%H%M%S%3fZ")));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).map_err(failed(&file))?;
    Ok(file)
}

/// Takes back a file that is not used.
pub(super) fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        tracing::warn!(file = %file.display(), %error, "an empty recording stays");
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> WireLogError {
    move |error| WireLogError::File(format!("{}: {error}", path.display()))
}

fn append(chunk: &Chunk) -> io::Result<()> {
    OpenOptions::new().append(true).open(&chunk.file)?.write_all(chunk.text.as_bytes())
}

/// Files that could not be written: what else comes for them is lost without another word.
#[derive(Debug, Default)]
pub(super) struct Broken(BTreeSet<PathBuf>);

/// Writes what is recorded, and ends recordings when their time is over, until the service stops.
pub(in crate::service) async fn run(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let log = &shared.wire_log;
    let Some(mut queue) = log.queue.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let mut broken = Broken::default();
    loop {
        let next = log.end_due(shared.now());
        let wait = async {
            match next.map(|at| Duration::try_from(at.duration_since(shared.now())).unwrap_or_default()) {
                Some(time) => sleep(time.min(Duration::from_mins(1))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(chunk) = queue.recv() => write(log, &mut broken, chunk, shared.now()).await,
            () = wait => {}
            () = log.changed.notified() => {}
            () = async { let _ = stopped.wait_for(|stopped| *stopped).await; } => break,
        }
    }
    log.end_all(shared.now());
    let rest = async {
        while let Ok(chunk) = queue.try_recv() {
            write(log, &mut broken, chunk, shared.now()).await;
        }
    };
    // a disk that hangs holds up nobody's end
    let _ = tokio::time::timeout(PATIENCE, rest).await;
}

/// Writes a part. When that fails the recording has a hole, or no file any more: it ends.
pub(super) async fn write(log: &WireLog, broken: &mut Broken, chunk: Chunk, now: Timestamp) {
    let (file, is_last) = (chunk.file.clone(), chunk.is_last);
    if broken.0.contains(&file) {
        log.is_lost();
    } else if let Err(error) =
        spawn_blocking(move || append(&chunk)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    {
        tracing::warn!(file = %file.display(), %error, "the recording of a phone cannot be written: it ends");
        log.is_lost();
        if !is_last {
            broken.0.insert(file.clone());
            log.end_broken(&file, now);
        }
    }
    if is_last {
        broken.0.remove(&file);
    }
}
