//! The one thread that writes. All requests that wait share one commit; while the store is away they are answered so
//! at once, and a probe looks every so often whether it is back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::{
    database::{Change, Database},
    error::StoreAway,
    folder::FolderLock,
};

/// A change, who waits for it, and its place in the queue.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) change: Change,
    pub(super) done: oneshot::Sender<Result<(), StoreAway>>,
    pub(super) _place: OwnedSemaphorePermit,
}

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    Write(Request),
    Close(oneshot::Sender<()>),
}

/// Counted since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) waits: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) failures: AtomicU64,
}

/// All that the thread owns.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) lock: FolderLock,
    pub(super) messages: Receiver<Message>,
    pub(super) writable: watch::Sender<bool>,
    pub(super) counters: Arc<Counters>,
    pub(super) retry: Duration,
    pub(super) group: usize,
}

#[derive(Debug)]
struct Away {
    reason: StoreAway,
    since: Instant,
    probe: Instant,
    bytes: usize,
}

impl Writer {
    /// Runs until it is told to close or the last handle is gone; what was asked for before that is written first.
    pub(super) fn run(mut self) {
        let closer = self.serve();
        let Self { database, lock, .. } = self;
        drop(database);
        drop(lock);
        if let Some(closer) = closer {
            // whoever asked may have stopped waiting
            let _ = closer.send(());
        }
    }

    fn serve(&mut self) -> Option<oneshot::Sender<()>> {
        let mut away: Option<Away> = None;
        loop {
            let first = match &away {
                None => self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(away) => self.messages.recv_timeout(away.probe.saturating_duration_since(Instant::now())),
            };
            let mut waiting = Vec::new();
            let mut closer = None;
            match first {
                Ok(Message::Write(request)) => {
                    waiting.push(request);
                    closer = self.gather(&mut waiting);
                }
                Ok(Message::Close(asked)) => closer = Some(asked),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            away = match away {
                None => self.commit(waiting).err(),
                Some(away) => {
                    answer(waiting, &Err(away.reason.clone()));
                    self.look_again(away)
                }
            };
            if closer.is_some() {
                return closer;
            }
        }
    }

    /// Takes what waits already, up to one group.
    fn gather(&self, waiting: &mut Vec<Request>) -> Option<oneshot::Sender<()>> {
        while waiting.len() < self.group {
            match self.messages.try_recv() {
                Ok(Message::Write(request)) => waiting.push(request),
                Ok(Message::Close(asked)) => return Some(asked),
                Err(_) => return None,
            }
        }
        None
    }

    fn commit(&mut self, waiting: Vec<Request>) -> Result<(), Away> {
        if waiting.is_empty() {
            return Ok(());
        }
        let mut bytes = 0;
        match self.database.write(waiting.iter().map(|request| &request.change), &mut bytes) {
            Ok(()) => {
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.requests.fetch_add(waiting.len() as u64, Ordering::Relaxed);
                answer(waiting, &Ok(()));
                Ok(())
            }
            Err(failure) => {
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
                let reason = StoreAway(failure.to_string().into());
                tracing::error!(error = %failure, "the store cannot be written: phones are answered and read, no write leaves");
                self.writable.send_replace(false);
                answer(waiting, &Err(reason.clone()));
                let now = Instant::now();
                Err(Away { reason, since: now, probe: now + self.retry, bytes })
            }
        }
    }

    /// Probes when it is time; `None` when the store is back.
    fn look_again(&mut self, mut away: Away) -> Option<Away> {
        if Instant::now() < away.probe {
            return Some(away);
        }
        match self.database.probe(away.bytes) {
            Ok(()) => {
                let seconds = away.since.elapsed().as_secs();
                tracing::info!(seconds, "the store can be written again");
                self.writable.send_replace(true);
                None
            }
            Err(failure) => {
                away.reason = StoreAway(failure.to_string().into());
                away.probe = Instant::now() + self.retry;
                Some(away)
            }
        }
    }
}

fn answer(waiting: Vec<Request>, result: &Result<(), StoreAway>) {
    for request in waiting {
        // whoever asked may have stopped waiting
        let _ = request.done.send(result.clone());
    }
}
