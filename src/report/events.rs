//! `GET /api/v1/events`: changes as they come, as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `hello`, once at the beginning | a [`Change`] without phones |
//! | `change`, at most one a second | a [`Change`]: the fleet as it is now, and which phones are not as they were |
//! | `missed` | nothing: the stream was too slow for what came; ask again for all that is of interest |
//!
//! Nothing in it tells of calls (promise 10): a phone counts as what it was before while a session with it is under way,
//! and `Queued` also stands for `Called` and `InCall`, so that a call is no event.
//!
//! The fleet is looked at once a second for all streams together, and not at all while there are none. At most
//! [`STREAMS`] are open, and each holds at most [`QUEUE`] events; what is hit is counted (`event-streams`,
//! `event-queue`). A stream ends with its connection, after ten minutes at the latest; browsers open the next by
//! themselves.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::State as Shared,
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast},
    time::{MissedTickBehavior, interval},
};

use super::{
    api::Fleet,
    openapi::{About, Answers, Operation, Routes},
    problem::Problem,
};
use crate::{
    fleet::{
        survey::Sign,
        view::LIST_LIMIT,
        words::{PendingReason, State},
    },
    wpi::DeviceId,
};

/// The route.
pub const PATH: &str = "/api/v1/events";
/// Most streams at once; each holds a connection.
pub const STREAMS: usize = 64;
/// Most events that wait for one stream.
pub const QUEUE: usize = 16;
/// How often the fleet is looked at.
const PACE: Duration = Duration::from_secs(1);
/// How often a silent stream gets a comment, so that nothing on the way takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The fleet as it is, and what is not as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "FleetChange")]
pub struct Change {
    /// The newest revision that was taken over as a whole.
    pub revision: Option<String>,
    /// Phones by state.
    pub states: BTreeMap<State, usize>,
    /// Pending phones by reason.
    pub pending: BTreeMap<PendingReason, usize>,
    /// What stands above everything else.
    pub notes: Vec<String>,
    /// Phones that are not as they were, at most 100.
    pub phones: Vec<ChangedPhone>,
    /// Phones beyond those.
    pub more: usize,
}

/// A phone that is not as it was.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChangedPhone {
    /// The name of its document.
    pub name: Option<String>,
    /// Its MAC or other device id.
    pub mac: String,
    /// Its state; null for one that is forgotten.
    pub state: Option<State>,
    /// Why it is Pending.
    pub reason: Option<PendingReason>,
}

/// The fleet as it was at the last look.
#[derive(Debug, Default)]
struct Seen {
    signs: HashMap<DeviceId, Sign>,
    revision: Option<String>,
    notes: Vec<String>,
    watched: bool,
}

/// All streams of one status server.
pub struct Events {
    fleet: Fleet,
    places: Arc<Semaphore>,
    sender: broadcast::Sender<Arc<str>>,
    seen: Mutex<Seen>,
    changes: AtomicU64,
}

impl Events {
    /// No streams yet.
    pub fn new(fleet: Fleet) -> Self {
        Self {
            fleet,
            places: Arc::new(Semaphore::new(STREAMS)),
            sender: broadcast::channel(QUEUE).0,
            seen: Mutex::default(),
            changes: AtomicU64::new(0),
        }
    }

    /// How many changes were told; what was worked out before the last one is old.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Opens a stream: what it begins with, and where the rest comes from.
    fn open(self: &Arc<Self>) -> (Arc<str>, broadcast::Receiver<Arc<str>>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // what is seen from now on is told to this stream, so it subscribes under the lock
        let receiver = self.sender.subscribe();
        if !seen.watched {
            seen.watched = true;
            self.look(&mut seen);
            tokio::spawn(watch(Arc::downgrade(self)));
        }
        (text(&Change { phones: Vec::new(), more: 0, ..seen.change(Vec::new()) }), receiver)
    }

    /// Looks at the fleet and tells what has changed; false when nobody listens any more.
    fn tick(&self) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.sender.receiver_count() == 0 {
            *seen = Seen::default();
            return false;
        }
        if let Some(change) = self.look(&mut seen) {
            self.changes.fetch_add(1, Ordering::AcqRel);
            // nobody is there any more: the next look ends it
            let _ = self.sender.send(text(&change));
        }
        true
    }

    fn look(&self, seen: &mut Seen) -> Option<Change> {
        let service = self.fleet.service();
        let mut before = std::mem::take(&mut seen.signs);
        let mut changed = Vec::new();
        for sign in self.fleet.signs() {
            let earlier = before.remove(&sign.device);
            let now = if sign.state == State::Reconciling { earlier.clone() } else { Some(sign) };
            let Some(now) = now else { continue };
            if earlier.as_ref() != Some(&now) {
                changed.push(ChangedPhone::from(&now));
            }
            seen.signs.insert(now.device.clone(), now);
        }
        let gone = before.values().map(|sign| ChangedPhone { state: None, reason: None, ..ChangedPhone::from(sign) });
        changed.extend(gone);
        let same = changed.is_empty() && seen.revision == service.revision && seen.notes == service.notes;
        (seen.revision, seen.notes) = (service.revision, service.notes);
        (!same).then(|| seen.change(changed))
    }
}

impl Seen {
    fn change(&self, mut phones: Vec<ChangedPhone>) -> Change {
        let (mut states, mut pending) = (BTreeMap::new(), BTreeMap::new());
        for sign in self.signs.values() {
            *states.entry(sign.state).or_default() += 1;
            if let Some(reason) = sign.reason {
                *pending.entry(reason).or_default() += 1;
            }
        }
        let more = phones.len().saturating_sub(LIST_LIMIT);
        phones.truncate(LIST_LIMIT);
        Change { revision: self.revision.clone(), states, pending, notes: self.notes.clone(), phones, more }
    }
}

impl From<&Sign> for ChangedPhone {
    fn from(sign: &Sign) -> Self {
        Self {
            name: sign.name.as_deref().map(ToOwned::to_owned),
            mac: sign.device.to_string(),
            state: Some(sign.state),
            reason: sign.reason,
        }
    }
}

fn text(change: &Change) -> Arc<str> {
    serde_json::to_string(change).unwrap_or_default().into()
}

/// Looks at the fleet while there are streams.
async fn watch(events: Weak<Events>) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace.tick().await;
    loop {
        pace.tick().await;
        let Some(events) = events.upgrade() else { return };
        // many phones are looked at: not where connections are waited for
        match tokio::task::spawn_blocking(move || events.tick()).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return,
        }
    }
}

/// One stream on its way.
struct Open {
    hello: Option<Arc<str>>,
    receiver: broadcast::Receiver<Arc<str>>,
    events: Arc<Events>,
    _place: OwnedSemaphorePermit,
}

/// The route.
pub(super) fn routes() -> Routes<Arc<Events>> {
    Routes::new().read(PATH, About("watchEvents", "Changes as they come, as server-sent events."), events)
}

/// A stream as an answer.
pub(super) struct Streamed(Open);

impl IntoResponse for Streamed {
    fn into_response(self) -> Response {
        Sse::new(told(self.0)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
    }
}

impl Answers for Streamed {
    fn describe(operation: &mut Operation) {
        let change = operation.named::<Change>();
        let what = "`hello` once at the beginning, without phones; `change` at most once a second; both with this as their data. \
                    `missed` without data, when the stream was too slow for what came.";
        operation.answer(
            200,
            what,
            "text/event-stream",
            &json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": change }),
        );
    }
}

pub(super) async fn events(Shared(events): Shared<Arc<Events>>) -> Result<Streamed, Problem> {
    let Ok(place) = Arc::clone(&events.places).try_acquire_owned() else {
        events.fleet.bound_hit("event-streams");
        let message = format!("{STREAMS} streams of events are open, and that is the most; try again later");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", message));
    };
    let opened = Arc::clone(&events);
    let (hello, receiver) = tokio::task::spawn_blocking(move || opened.open())
        .await
        .map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "events-away", "no events can be told now"))?;
    Ok(Streamed(Open { hello: Some(hello), receiver, events, _place: place }))
}

fn told(open: Open) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(open, async |mut open| {
        let event = if let Some(hello) = open.hello.take() {
            Event::default().event("hello").data(&*hello)
        } else {
            match next(&mut open.receiver).await? {
                Told::Change(change) => Event::default().event("change").data(&*change),
                Told::Missed => {
                    open.events.fleet.bound_hit("event-queue");
                    Event::default().event("missed").data("")
                }
            }
        };
        Some((Ok(event), open))
    })
}

/// What a stream gets next.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Change(Arc<str>),
    /// More came than waits for one stream; the oldest of it is lost.
    Missed,
}

async fn next(receiver: &mut broadcast::Receiver<Arc<str>>) -> Option<Told> {
    match receiver.recv().await {
        Ok(change) => Some(Told::Change(change)),
        Err(broadcast::error::RecvError::Lagged(_)) => Some(Told::Missed),
        Err(broadcast::error::RecvError::Closed) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_that_is_too_slow_is_told_so_and_goes_on_with_the_newest() {
        let (sender, mut receiver) = broadcast::channel::<Arc<str>>(QUEUE);
        for number in 0..QUEUE + 3 {
            sender.send(number.to_string().into()).unwrap();
        }
        assert_eq!(next(&mut receiver).await, Some(Told::Missed));
        for number in 3..QUEUE + 3 {
            assert_eq!(next(&mut receiver).await, Some(Told::Change(number.to_string().into())));
        }
        drop(sender);
        assert_eq!(next(&mut receiver).await, None);
    }
}
