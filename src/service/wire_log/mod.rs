//! Recordings of chosen phones for support: what they and the service say to each other, masked, in one file each.
//!
//! - [`heard`]: a message on its way to its answer
//! - [`text`]: what a recording says
//! - [`files`]: the folder, and the task that writes
//!
//! - [`session`]: a session under way, and which ones are left out
//!
//! A session is written when it has ended. Recordings end with the process. What is lost (a queue that is full, a file
//! that cannot be written, a session that is too long) is counted.

mod files;
mod heard;
mod session;
#[cfg(test)]
mod tests;
mod text;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, mpsc};

pub(super) use files::run;
use files::{Chunk, QUEUE};
pub(super) use heard::Heard;
use session::Session;

use crate::{
    fleet::audit::By,
    report::wire_log::{LONGEST, PHONES, Recording, WireLogError},
    wpi::{Action, DeviceId, PhoneMessage, ServerMessage, server_message::PreparedList},
};

/// Most bytes of a recording; then it ends.
const FILE_LIMIT: usize = 32 << 20;

/// The recordings of one service.
#[derive(Debug)]
pub(super) struct WireLog {
    folder: Option<PathBuf>,
    any: AtomicBool,
    /// Held while a recording begins, so that a phone never has two files.
    beginning: Mutex<()>,
    running: Mutex<BTreeMap<DeviceId, Running>>,
    chunks: mpsc::Sender<Chunk>,
    queue: Mutex<Option<mpsc::Receiver<Chunk>>>,
    changed: Notify,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Running {
    about: Recording,
    file: PathBuf,
    written: usize,
    session: Session,
}

/// One exchange, with masked items.
#[derive(Debug)]
struct Exchange<'a> {
    peer: SocketAddr,
    question: &'a PhoneMessage,
    answer: &'a ServerMessage,
    /// The item list of the answer, where it was written before.
    list: Option<&'a PreparedList>,
    /// When the phone spoke, and when it was answered.
    times: (Timestamp, Timestamp),
    /// Whether it was in a call when it spoke, or may tell the end of one, as far as is known.
    in_call: bool,
}

impl WireLog {
    /// Recordings into that folder; without one there are none.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let (chunks, queue) = mpsc::channel(QUEUE);
        Self {
            folder,
            any: AtomicBool::new(false),
            beginning: Mutex::default(),
            running: Mutex::default(),
            chunks,
            queue: Mutex::new(Some(queue)),
            changed: Notify::new(),
            lost: AtomicU64::new(0),
        }
    }

    /// Whether any phone is recorded: all that is asked of a message of a phone that is not.
    pub(super) fn is_on(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Whether this phone is.
    pub(super) fn records(&self, device: &DeviceId, now: Timestamp) -> bool {
        self.running().get(device).is_some_and(|running| now < running.about.until)
    }

    /// Begins to record a phone, or gives a recording another end. Makes a file, so it is called where blocking is allowed.
    pub(super) fn record(
        &self,
        device: &DeviceId,
        name: &str,
        length: SignedDuration,
        by: &By,
        now: Timestamp,
    ) -> Result<Recording, WireLogError> {
        let folder = self.folder.as_deref().ok_or(WireLogError::Off)?;
        if length <= SignedDuration::ZERO || length > LONGEST {
            return Err(WireLogError::Length);
        }
        let until = now.checked_add(length).map_err(|_| WireLogError::Length)?;
        let (by, reason) = (by.actor.clone(), by.reason.clone());
        let _beginning = self.beginning.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = self.running();
        if let Some(known) = running.get_mut(device) {
            known.about = Recording { by, reason, until, ..known.about.clone() };
            let about = known.about.clone();
            self.put(known, text::begin(&about));
            self.changed.notify_one();
            return Ok(about);
        }
        if running.len() >= PHONES {
            return Err(WireLogError::TooMany);
        }
        drop(running);
        // no phone waits at the lock for a disk
        let file = files::make(folder, name, now)?;
        let (phone, mac, shown) = (name.to_owned(), device.to_string(), file.display().to_string());
        let about = Recording { phone, mac, by, reason, since: now, until, file: shown };
        let mut begun = Running { about: about.clone(), file, written: 0, session: Session::default() };
        if !self.put(&mut begun, text::begin(&about)) {
            files::remove(&begun.file);
            return Err(WireLogError::File("the disk cannot keep up with what is recorded already".to_owned()));
        }
        self.running().insert(device.clone(), begun);
        self.any.store(true, Ordering::Relaxed);
        self.changed.notify_one();
        Ok(about)
    }

    /// A phone that is recorded is in a call, as far as is known, or may tell the end of one.
    pub(super) fn waits(&self, device: &DeviceId) {
        if let Some(running) = self.running().get_mut(device) {
            running.session.waits();
        }
    }

    /// Ends a recording.
    pub(super) fn end(&self, device: &DeviceId, why: &str, now: Timestamp) -> Option<Recording> {
        self.end_in(&mut self.running(), device, why, now)
    }

    /// Ends a recording under the lock under which it was chosen, so that none ends that was given another end meanwhile.
    fn end_in(
        &self,
        all: &mut BTreeMap<DeviceId, Running>,
        device: &DeviceId,
        why: &str,
        now: Timestamp,
    ) -> Option<Recording> {
        let ended = all.remove(device)?;
        self.any.store(!all.is_empty(), Ordering::Relaxed);
        Some(self.close(ended, why, now))
    }

    /// Those that go on.
    pub(super) fn list(&self, now: Timestamp) -> Vec<Recording> {
        let running = self.running();
        running.values().map(|running| running.about.clone()).filter(|about| now < about.until).collect()
    }

    /// How often something of a recording was lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Notes what a phone said and was answered.
    fn note(&self, device: &DeviceId, exchange: &Exchange<'_>) {
        let mut all = self.running();
        let Some(running) = all.get_mut(device) else { return };
        if exchange.question.reason.is_initial() {
            // the session before was given up
            self.write_session(running, false);
        }
        if !running.session.add(exchange) {
            self.is_lost();
        }
        if exchange.answer.action == Action::CleanUp {
            self.write_session(running, true);
        }
        if running.written >= FILE_LIMIT {
            self.changed.notify_one();
        }
    }

    /// Notes a message of a phone at this address that nobody could read.
    fn note_unread(&self, device: &DeviceId, peer: SocketAddr, problem: &str, in_call: bool, now: Timestamp) {
        let mut all = self.running();
        let Some(running) = all.get_mut(device) else { return };
        if !running.session.add_unread(&text::unread(peer, problem, now), in_call) {
            self.is_lost();
        }
    }

    /// Ends recordings whose time or room is over; when to look again.
    fn end_due(&self, now: Timestamp) -> Option<Timestamp> {
        let mut all = self.running();
        let due: Vec<(DeviceId, &str)> = all
            .iter()
            .filter_map(|(device, running)| match () {
                () if now >= running.about.until => Some((device.clone(), "its time is over")),
                () if running.written >= FILE_LIMIT => Some((device.clone(), "the file is full")),
                () => None,
            })
            .collect();
        for (device, why) in due {
            self.end_in(&mut all, &device, why, now);
        }
        all.values().map(|running| running.about.until).min()
    }

    fn end_all(&self, now: Timestamp) {
        let mut all = self.running();
        let devices: Vec<DeviceId> = all.keys().cloned().collect();
        for device in devices {
            self.end_in(&mut all, &device, "the service ends", now);
        }
    }

    /// Ends the recording whose file cannot be written.
    fn end_broken(&self, file: &Path, now: Timestamp) {
        let mut all = self.running();
        let device = all.iter().find(|(_, running)| running.file == file).map(|(device, _)| device.clone());
        if let Some(device) = device {
            self.end_in(&mut all, &device, "its file cannot be written", now);
        }
    }

    fn close(&self, mut ended: Running, why: &str, now: Timestamp) -> Recording {
        self.write_session(&mut ended, true);
        self.send(Chunk { file: ended.file, text: text::end(why, now), is_last: true });
        let Recording { phone, file, .. } = &ended.about;
        tracing::info!(phone, file, why, "no more of this phone is recorded");
        ended.about
    }

    /// Writes the session that has ended, if it may be kept.
    fn write_session(&self, running: &mut Running, is_over: bool) {
        if let Some(text) = running.session.take(is_over) {
            self.put(running, text);
        }
    }

    fn put(&self, running: &mut Running, text: String) -> bool {
        running.written += text.len();
        self.send(Chunk { file: running.file.clone(), text, is_last: false })
    }

    fn send(&self, chunk: Chunk) -> bool {
        let is_taken = self.chunks.try_send(chunk).is_ok();
        if !is_taken {
            self.is_lost();
        }
        is_taken
    }

    fn is_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
