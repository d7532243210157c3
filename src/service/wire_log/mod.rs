//! Recordings of chosen phones for support: what they and the service say to each other, masked, in one file each.
//!
//! - [`heard`]: a message on its way to its answer
//! - [`text`]: what a recording says
//! - [`files`]: the folder, and the task that writes
//!
//! A session is written when it has ended. One in which the phone had to wait, as in a call, is left out as a whole, so
//! that a recording is no history of calls (promise 10). Recordings end with the process.

mod files;
mod heard;
#[cfg(test)]
mod tests;
mod text;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, mpsc};

pub(super) use files::run;
use files::{Chunk, QUEUE};
pub(super) use heard::Heard;

use crate::{
    fleet::audit::By,
    report::wire_log::{LONGEST, PHONES, Recording, WireLogError},
    wpi::{Action, DeviceId, ItemText, PhoneMessage, Reason, ReplyStatus, ServerMessage, server_message::PreparedList},
};

/// Most bytes of a session that are kept until it ends; what comes behind is left out, and that is said.
const SESSION_LIMIT: usize = 1 << 20;
/// Most bytes of a recording; then it ends.
const FILE_LIMIT: usize = 32 << 20;

/// The recordings of one service.
#[derive(Debug)]
pub(super) struct WireLog {
    folder: Option<PathBuf>,
    any: AtomicBool,
    running: Mutex<BTreeMap<DeviceId, Running>>,
    chunks: mpsc::Sender<Chunk>,
    queue: Mutex<Option<mpsc::Receiver<Chunk>>>,
    changed: Notify,
}

#[derive(Debug)]
struct Running {
    about: Recording,
    file: PathBuf,
    written: usize,
    session: Session,
}

/// The session under way.
#[derive(Debug, Default)]
struct Session {
    text: String,
    waits: bool,
    cut: bool,
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
}

impl Exchange<'_> {
    /// Whether the phone is told to come back, or says that it is busy: it may be in a call.
    fn waits(&self) -> bool {
        let busy = matches!(self.question.reason, Reason::ReplyTo { status: ReplyStatus::Busy, .. });
        let wish = |text: &ItemText| text.as_plain() == Some("true");
        busy || self.answer.items.iter().any(|item| item.id.name.as_str() == "send-solicited" && wish(&item.text))
    }

    fn ends(&self) -> bool {
        self.answer.action == Action::CleanUp
    }
}

impl WireLog {
    /// Recordings into that folder; without one there are none.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let (chunks, queue) = mpsc::channel(QUEUE);
        Self {
            folder,
            any: AtomicBool::new(false),
            running: Mutex::default(),
            chunks,
            queue: Mutex::new(Some(queue)),
            changed: Notify::new(),
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

    /// Begins to record a phone, or gives a recording another end.
    pub(super) fn record(
        &self,
        (device, name): (&DeviceId, &str),
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
        if let Some(known) = self.running().get_mut(device) {
            known.about = Recording { by, reason, until, ..known.about.clone() };
            let about = known.about.clone();
            self.put(known, text::begin(&about));
            self.changed.notify_one();
            return Ok(about);
        }
        // no phone waits at the lock for a disk
        let file = files::make(folder, name, now)?;
        let (phone, mac, shown) = (name.to_owned(), device.to_string(), file.display().to_string());
        let about = Recording { phone, mac, by, reason, since: now, until, file: shown };
        let mut begun = Running { about: about.clone(), file, written: 0, session: Session::default() };
        let mut running = self.running();
        if running.len() >= PHONES && !running.contains_key(device) {
            files::remove(&begun.file);
            return Err(WireLogError::TooMany);
        }
        self.put(&mut begun, text::begin(&about));
        running.insert(device.clone(), begun);
        self.any.store(true, Ordering::Relaxed);
        self.changed.notify_one();
        Ok(about)
    }

    /// Ends a recording.
    pub(super) fn end(&self, device: &DeviceId, why: &str, now: Timestamp) -> Option<Recording> {
        let mut running = self.running();
        let ended = running.remove(device)?;
        self.any.store(!running.is_empty(), Ordering::Relaxed);
        Some(self.close(ended, why, now))
    }

    /// Those that go on.
    pub(super) fn list(&self, now: Timestamp) -> Vec<Recording> {
        let running = self.running();
        running.values().map(|running| running.about.clone()).filter(|about| now < about.until).collect()
    }

    /// Notes what a phone said and was answered. False when something of it is lost: a bound was hit.
    fn note(&self, device: &DeviceId, exchange: &Exchange<'_>) -> bool {
        let mut all = self.running();
        let Some(running) = all.get_mut(device) else { return true };
        let mut whole = true;
        if exchange.question.reason.is_initial() {
            // the session before was given up
            whole &= self.write_session(running);
        }
        running.session.add(exchange);
        if exchange.ends() {
            whole &= self.write_session(running);
        }
        whole &= !running.session.cut;
        if running.written >= FILE_LIMIT {
            self.changed.notify_one();
        }
        whole
    }

    /// Notes a message of a phone at this address that nobody could read.
    fn note_unread(&self, device: &DeviceId, peer: SocketAddr, problem: &str, now: Timestamp) -> bool {
        let mut all = self.running();
        let Some(running) = all.get_mut(device) else { return true };
        running.session.push(&text::unread(peer, problem, now));
        !running.session.cut
    }

    /// Ends recordings whose time or room is over; when to look again.
    fn end_due(&self, now: Timestamp) -> Option<Timestamp> {
        let due: Vec<(DeviceId, &str)> = self
            .running()
            .iter()
            .filter_map(|(device, running)| match () {
                () if now >= running.about.until => Some((device.clone(), "its time is over")),
                () if running.written >= FILE_LIMIT => Some((device.clone(), "the file is full")),
                () => None,
            })
            .collect();
        for (device, why) in due {
            self.end(&device, why, now);
        }
        self.running().values().map(|running| running.about.until).min()
    }

    fn end_all(&self, now: Timestamp) {
        let all: Vec<DeviceId> = self.running().keys().cloned().collect();
        for device in all {
            self.end(&device, "the service ends", now);
        }
    }

    fn close(&self, mut ended: Running, why: &str, now: Timestamp) -> Recording {
        self.write_session(&mut ended);
        self.put(&mut ended, text::end(why, now));
        tracing::info!(phone = ended.about.phone, file = ended.about.file, why, "no more of this phone is recorded");
        ended.about
    }

    /// Writes the session that has ended, unless the phone had to wait in it. False when it is lost.
    fn write_session(&self, running: &mut Running) -> bool {
        let Session { text, waits, .. } = std::mem::take(&mut running.session);
        waits || text.is_empty() || self.put(running, text)
    }

    fn put(&self, running: &mut Running, text: String) -> bool {
        running.written += text.len();
        self.chunks.try_send(Chunk { file: running.file.clone(), text }).is_ok()
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn add(&mut self, exchange: &Exchange<'_>) {
        self.waits |= exchange.waits();
        if self.waits {
            self.text.clear();
        } else {
            self.push(&text::exchange(exchange));
        }
    }

    fn push(&mut self, text: &str) {
        if self.waits || self.cut {
            return;
        }
        self.cut = self.text.len() + text.len() > SESSION_LIMIT;
        self.text.push_str(if self.cut { text::CUT } else { text });
    }
}
