//! The task of one simulated phone: waits for the next call that is due, then carries a flow over the wire.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{
    dcmp,
    device::Draft,
    fault::Fault,
    flow::Then,
    link::{Answer, Link, LinkError, Route},
    state::{Next, State},
};

/// What the tasks of one phone and its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something new may be due.
    wake: Notify,
    /// Counts changes, for those who wait for one.
    changes: watch::Sender<u64>,
    /// The phone has another address.
    pub(super) moved: Notify,
    /// Counts the times the power went, which ends a flow wherever it is.
    power: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            moved: Notify::new(),
            changes: watch::Sender::new(0),
            power: watch::Sender::new(0),
        }
    }

    /// The state, to look at.
    pub(super) fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells everybody.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (result, moved) = {
            let mut state = self.look();
            let before = state.contact;
            (change(&mut state), state.contact != before)
        };
        if moved {
            self.moved.notify_one();
        }
        self.changed();
        self.wake.notify_one();
        result
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Learns of changes from now on.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The power goes and comes back after a while; `meanwhile` happens in the dark.
    pub(super) fn boot(&self, after: Duration, meanwhile: impl FnOnce(&mut State)) {
        // under one lock: a flow that begins with the new power must not take this for its end
        self.change(|state| {
            meanwhile(state);
            state.boot(Instant::now(), after);
            self.power.send_modify(|count| *count = count.wrapping_add(1));
        });
    }
}

/// Lives until it is aborted.
pub(super) async fn live(shared: &Shared) {
    let mut power = shared.power.subscribe();
    loop {
        match begin(shared, &mut power) {
            Begun::Nothing => {}
            Begun::Sleep => shared.wake.notified().await,
            Begun::Until(at) => tokio::select! {
                () = shared.wake.notified() => {}
                () = sleep_until(at) => {}
            },
            Begun::Poll => tokio::select! {
                () = dcmp::poll(shared) => {}
                _ = power.changed() => {}
            },
            Begun::Flow(draft) => tokio::select! {
                () = flow(shared, draft) => {}
                _ = power.changed() => {}
            },
        }
    }
}

enum Begun {
    Nothing,
    Sleep,
    Until(Instant),
    Poll,
    Flow(Draft),
}

/// Takes the next call off the list and opens its flow in one step, so that a phone never looks idle in between.
fn begin(shared: &Shared, power: &mut watch::Receiver<u64>) -> Begun {
    let mut state = shared.look();
    power.borrow_and_update();
    let begun = match state.next(Instant::now()) {
        Next::Sleep => return Begun::Sleep,
        Next::Until(at) => return Begun::Until(at),
        Next::Poll => return Begun::Poll,
        Next::Call(due) => state.open(due).map_or(Begun::Nothing, Begun::Flow),
    };
    drop(state);
    shared.changed();
    begun
}

async fn flow(shared: &Shared, draft: Draft) {
    let mut link = None;
    talk(shared, draft, &mut link).await;
    if let Some(link) = link {
        link.close().await;
    }
}

async fn talk(shared: &Shared, mut draft: Draft, link: &mut Option<Link>) {
    let mut tries = 0;
    let mut repeated = false;
    let mut echo = false;
    loop {
        let initial = draft.reason.is_initial();
        if !initial {
            slow_down(shared).await;
        }
        let Ok(answer) = exchange(shared, link, &draft, repeated).await else {
            let retries = shared.look().settings.timing.reply_retries;
            if initial || tries >= retries {
                shared.change(|state| state.break_off(Instant::now()));
                return;
            }
            let pause = shared.look().backoff(tries);
            tries += 1;
            repeated = true;
            sleep(pause).await;
            continue;
        };
        tries = 0;
        // of a reply that is sent twice the phone never saw the first answer
        repeated = std::mem::take(&mut echo);
        if repeated {
            continue;
        }
        match shared.change(|state| state.take(&draft, &answer, Instant::now())) {
            Then::Send(next) => draft = next,
            Then::SendTwice(next) => {
                draft = next;
                echo = true;
            }
            Then::Pause(pause) => sleep(pause).await,
            Then::PowerCut | Then::End => return,
        }
    }
}

/// One request and its answer. A kept connection that turns out closed costs one more try on a new one.
async fn exchange(
    shared: &Shared,
    link: &mut Option<Link>,
    draft: &Draft,
    repeated: bool,
) -> Result<Answer, LinkError> {
    let (route, call) = shared.look().prepare(draft, repeated);
    loop {
        let mut open = match link.take() {
            Some(open) => open,
            None => connect(shared, &route, draft).await?,
        };
        match open.call(&route, &call).await {
            Ok(answer) => {
                if call.close {
                    open.close().await;
                } else {
                    *link = Some(open);
                }
                return Ok(answer);
            }
            Err(LinkError::Broken(_)) if open.may_be_stale() => {}
            Err(error) => {
                shared.change(|state| state.lost(draft, open.number(), error.to_string()));
                return Err(error);
            }
        }
    }
}

async fn connect(shared: &Shared, route: &Route, draft: &Draft) -> Result<Link, LinkError> {
    let number = {
        let mut state = shared.look();
        state.connections += 1;
        state.connections
    };
    let opened = Link::open(route, number).await;
    if let Err(error) = &opened {
        shared.change(|state| state.lost(draft, number, error.to_string()));
    }
    opened
}

async fn slow_down(shared: &Shared) {
    let slow = |fault: &Fault| if let Fault::SlowReply(seconds) = fault { Some(*seconds) } else { None };
    let seconds = shared.look().faults.find(slow);
    if let Some(seconds) = seconds {
        sleep(Duration::from_secs(seconds.into())).await;
    }
}
