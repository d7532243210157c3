//! The thread of a source: look, tell, wait. One loop for all sources.
//!
//! A thread and not a task, because git and file systems block. Nothing waits for it when the source stops: it sees
//! the switch at its next step, and the end of the process does not need it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{EVENT_QUEUE, Source, SourceError, SourceEvent, pace::Pace};
use crate::spec::{Revision, Snapshot};

/// How often a waiting thread looks whether anybody still listens.
const LISTENER_CHECK: Duration = Duration::from_secs(1);

/// What can be looked at: a git branch, a folder.
pub(super) trait Reader: Send {
    /// The last good state from before this start, where there is one at hand.
    fn remembered(&mut self) -> Option<Snapshot>;

    /// The present state, unless it is the `known` one.
    fn look(&mut self, known: Option<&Revision>) -> Result<Option<Snapshot>, SourceError>;
}

/// Makes a source look at once.
#[derive(Debug, Clone)]
pub struct Trigger(SyncSender<()>);

impl Trigger {
    /// One that makes nothing look.
    #[cfg(test)]
    pub(crate) fn of_nothing() -> Self {
        Self(sync_channel(1).0)
    }

    /// Asks for a look. Calls that come before it has begun are one; a call during a look gives one more after it.
    pub fn fetch_now(&self) {
        // A full queue means that a look is asked for already; a closed one that there is nobody to look.
        let _ = self.0.try_send(());
    }
}

/// Says that the source is to stop; read by its thread between steps and in the middle of a transfer.
#[derive(Debug, Clone, Default)]
pub(super) struct StopSwitch(Arc<AtomicBool>);

impl StopSwitch {
    /// Whether to stop.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a reader is given: when to stop, and how to ask for a look itself.
#[derive(Debug, Clone)]
pub(super) struct Switch {
    /// When to stop.
    pub(super) stop: StopSwitch,
    /// Asks for a look.
    pub(super) trigger: Trigger,
}

/// A switch for a source that runs otherwise than by [`spawn`], with what makes it look and what stops it. It sees
/// changes by itself, so that asking it to look does nothing.
pub(super) fn switch() -> (Switch, Trigger, StopOnDrop) {
    let (wake, _) = sync_channel(1);
    let trigger = Trigger(wake);
    let switch = Switch { stop: StopSwitch::default(), trigger: trigger.clone() };
    (switch.clone(), trigger, StopOnDrop(switch))
}

/// Sets the switch when the source is dropped.
#[derive(Debug)]
pub(super) struct StopOnDrop(Switch);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop.0.store(true, Ordering::Release);
        self.0.trigger.fetch_now();
    }
}

/// Opens a reader and starts its thread.
pub(super) fn spawn<R: Reader + 'static>(
    name: &str,
    pace: Pace,
    open: impl FnOnce(Switch) -> Result<R, SourceError>,
) -> Result<Source, SourceError> {
    let (wake, woken) = sync_channel(1);
    let (events, receiver) = mpsc::channel(EVENT_QUEUE);
    let trigger = Trigger(wake);
    let switch = Switch { stop: StopSwitch::default(), trigger: trigger.clone() };
    let reader = open(switch.clone())?;
    let runner = Runner { reader, pace, woken, stop: switch.stop.clone(), events, known: None, away: None };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || runner.run())
        .map_err(|error| SourceError::Settings(format!("cannot start the thread {name}: {error}")))?;
    Ok(Source { events: receiver, trigger, _stop: StopOnDrop(switch) })
}

/// Nobody listens any more, or the source was told to stop.
struct Ended;

/// An absence: since when, and what was told of it.
struct Absence {
    since: Timestamp,
    category: &'static str,
}

struct Runner<R> {
    reader: R,
    pace: Pace,
    woken: Receiver<()>,
    stop: StopSwitch,
    events: mpsc::Sender<SourceEvent>,
    known: Option<Revision>,
    away: Option<Absence>,
}

impl<R: Reader> Runner<R> {
    fn run(mut self) {
        if let Some(snapshot) = self.reader.remembered() {
            tracing::info!(revision = %snapshot.revision.short(), "source: last good revision from before the start");
            if self.tell_snapshot(snapshot).is_err() {
                return;
            }
        }
        while self.step().is_ok() {}
    }

    fn step(&mut self) -> Result<(), Ended> {
        let looked = self.reader.look(self.known.as_ref());
        if self.stop.is_set() {
            return Err(Ended);
        }
        let wait = match looked {
            Ok(found) => {
                self.tell_back()?;
                if let Some(snapshot) = found {
                    tracing::info!(revision = %snapshot.revision.short(), files = snapshot.files.len(), "source: new revision");
                    self.tell_snapshot(snapshot)?;
                }
                self.pace.after_good()
            }
            Err(error) => {
                self.tell_away(&error)?;
                self.pace.after_error()
            }
        };
        self.wait(wait)
    }

    fn tell_snapshot(&mut self, snapshot: Snapshot) -> Result<(), Ended> {
        self.known = Some(snapshot.revision.clone());
        self.tell(SourceEvent::Snapshot(Arc::new(snapshot)))
    }

    fn tell_back(&mut self) -> Result<(), Ended> {
        if self.away.take().is_none() {
            return Ok(());
        }
        self.tell(SourceEvent::Back)
    }

    fn tell_away(&mut self, error: &SourceError) -> Result<(), Ended> {
        let category = error.category();
        let since = match &self.away {
            Some(absence) if absence.category == category => return Ok(()),
            Some(absence) => absence.since,
            None => Timestamp::now(),
        };
        self.away = Some(Absence { since, category });
        self.tell(SourceEvent::Away { category, problem: error.to_string(), since })
    }

    fn tell(&self, event: SourceEvent) -> Result<(), Ended> {
        self.events.blocking_send(event).map_err(|_| Ended)
    }

    fn wait(&self, wait: Duration) -> Result<(), Ended> {
        let until = Instant::now() + wait;
        loop {
            if self.stop.is_set() || self.events.is_closed() {
                return Err(Ended);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            match self.woken.recv_timeout(left.min(LISTENER_CHECK)) {
                Ok(()) if self.stop.is_set() => return Err(Ended),
                Ok(()) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Ended),
            }
        }
    }
}
