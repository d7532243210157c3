//! All that a simulated phone is between two steps: the device, what it is about to do, and its record. Synchronous; the
//! time is an argument.

use std::{net::SocketAddr, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use smol_str::SmolStr;
use tokio::time::Instant;

use super::{
    aftermath::Aftermath,
    basic::plain_id,
    deployment::FileReport,
    device::Device,
    fault::Fault,
    faults::Faults,
    flow::Flow,
    settings::{Server, SimSettings},
    transcript::{Record, SimEvent},
};
use crate::wpi::{ItemId, ItemText, Reason, contact::CONTACT_PATH};

/// Why a phone is going to call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    StartUp,
    /// After a contact-me, perhaps to another server than its own.
    Contact(Option<Server>),
    /// After `send-solicited`.
    Wish,
    Files(Vec<FileReport>),
    LocalChanges,
    Inventory,
    /// A mobile user came, or went and changed the items that are named.
    Mobility(Option<SmolStr>),
}

impl Cause {
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::StartUp => Reason::StartUp,
            Self::Contact(_) | Self::Wish => Reason::Solicited,
            Self::Files(_) => Reason::Status,
            Self::LocalChanges => Reason::LocalChanges,
            Self::Inventory | Self::Mobility(_) => Reason::InventoryChanges,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// A call that is due, and how often it failed.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) cause: Cause,
    pub(super) at: Instant,
    pub(super) tries: u32,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    Call(Due),
    Poll,
    Until(Instant),
    Sleep,
}

/// A simulated phone as it is at one moment; people get to look at it and not to change it.
#[derive(Debug)]
pub struct State {
    pub(super) settings: SimSettings,
    pub(super) device: Device,
    pub(super) faults: Faults,
    pub(super) record: Record,
    pub(super) rng: StdRng,
    pub(super) powered: bool,
    /// The flow under way.
    pub(super) flow: Option<Flow>,
    /// The cookie of the last flow, and that of the one before.
    pub(super) cookie: Option<String>,
    pub(super) older_cookie: Option<String>,
    pub(super) connections: u64,
    pub(super) dues: Vec<Due>,
    /// Where it takes contact-me.
    pub(super) contact: SocketAddr,
    /// Cut off for good: nothing gets in or out until people give it power again.
    pub(super) silent: bool,
    /// What the writes of the flow under way lead to.
    pub(super) aftermath: Option<Aftermath>,
    /// What the mobile user changed, while one is logged on.
    pub(super) user_changes: Option<Vec<ItemId>>,
    /// The last contact with the server, which its polls count from.
    pub(super) heard: Option<Instant>,
    pub(super) last_contact: Option<Instant>,
    pub(super) last_contact_call: Option<Instant>,
}

impl State {
    pub(super) fn new(settings: SimSettings, contact: SocketAddr) -> Self {
        let contact_uri = format!("http://{contact}{CONTACT_PATH}");
        let mut device = Device::new(settings.model, &settings.id, &contact_uri, settings.fragment_items);
        for item in &settings.items {
            device.memory.put(item.id.clone(), item.text.clone());
        }
        Self {
            device,
            faults: Faults::new(settings.faults.clone()),
            record: Record::new(settings.transcript),
            rng: StdRng::seed_from_u64(settings.seed),
            powered: false,
            flow: None,
            cookie: None,
            older_cookie: None,
            connections: 0,
            dues: Vec::new(),
            contact,
            silent: false,
            aftermath: None,
            user_changes: None,
            heard: None,
            last_contact: None,
            last_contact_call: None,
            settings,
        }
    }

    /// Tells those who watch.
    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if let Some(events) = &self.settings.events {
            // a slow watcher misses events: the phone does not wait
            let _ = events.try_send(SimEvent { phone: self.settings.id.as_str().into(), what: what() });
        }
    }

    /// Power comes back after `after`; what only memory held is lost.
    pub(super) fn boot(&mut self, now: Instant, after: Duration) {
        self.device.lose_power();
        self.dues.clear();
        self.flow = None;
        self.silent = false;
        self.aftermath = None;
        self.heard = Some(now + after);
        if self.faults.has(&Fault::DcmpUrlForgotten)
            && let Some(url) = plain_id("dcmp-url")
        {
            self.device.memory.forget(&url);
        }
        self.cookie = None;
        self.older_cookie = None;
        self.powered = after.is_zero();
        self.plan(Cause::StartUp, now + after);
    }

    pub(super) fn plan(&mut self, cause: Cause, at: Instant) {
        if self.silent {
            return;
        }
        if let Some(due) = self.dues.iter_mut().find(|due| due.cause.is_like(&cause)) {
            due.at = due.at.min(at);
        } else {
            self.dues.push(Due { cause, at, tries: 0 });
        }
    }

    /// Tries a call once more, later each time.
    pub(super) fn plan_again(&mut self, mut due: Due, now: Instant) {
        let pause = self.backoff(due.tries);
        due.tries = due.tries.saturating_add(1);
        due.at = now + pause;
        if !self.dues.iter().any(|other| other.cause.is_like(&due.cause)) {
            self.dues.push(due);
        }
    }

    /// The pause after that many failures, with jitter of a quarter.
    pub(super) fn backoff(&mut self, tries: u32) -> Duration {
        let timing = &self.settings.timing;
        let full = timing.retry.saturating_mul(1 << tries.min(16)).min(timing.retry_most);
        full.mul_f64(self.rng.random_range(0.75..=1.0))
    }

    /// What is to be done now; a call is taken off the list.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.device.in_call {
            // kept as a wish: it comes back when the call ends
            self.dues.retain(|due| due.cause != Cause::Wish);
        }
        let first = self.dues.iter().enumerate().min_by_key(|(_, due)| due.at).map(|(place, due)| (place, due.at));
        let poll = self.poll_at();
        match (first, poll) {
            (Some((place, at)), _) if at <= now => Next::Call(self.dues.swap_remove(place)),
            (_, Some(at)) if at <= now => Next::Poll,
            (Some((_, call)), Some(poll)) => Next::Until(call.min(poll)),
            (Some((_, at)), None) | (None, Some(at)) => Next::Until(at),
            (None, None) => Next::Sleep,
        }
    }

    pub(super) fn end_call(&mut self, now: Instant) {
        if std::mem::replace(&mut self.device.in_call, false) && self.device.wish {
            self.plan(Cause::Wish, now);
        }
    }

    /// A change by menu or web page.
    pub(super) fn local_change(&mut self, id: ItemId, text: ItemText, now: Instant) {
        self.device.memory.put(id.clone(), text);
        if let Some(changed) = &mut self.user_changes
            && !changed.contains(&id)
        {
            changed.push(id.clone());
        }
        self.note_changes([id], now);
    }

    /// Has the changes reported later (R-1508).
    pub(super) fn note_changes(&mut self, ids: impl IntoIterator<Item = ItemId>, now: Instant) {
        self.device.mark_changed(true);
        for id in ids {
            if !self.device.modified.contains(&id) {
                self.device.modified.push(id);
            }
        }
        if self.powered {
            let at = now + self.settings.timing.local_changes;
            self.plan(Cause::LocalChanges, at);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::sim::Model;

    pub(in crate::sim) fn state(model: Model) -> State {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut settings = SimSettings::new("00:1A:E8:00:00:01", here, Server::at((here, 1).into()));
        settings.model = model;
        let mut state = State::new(settings, (here, 8085).into());
        state.boot(Instant::now(), Duration::ZERO);
        state.dues.clear();
        state
    }

    pub(in crate::sim) fn is_call(next: &Next) -> bool {
        matches!(next, Next::Call(_))
    }

    #[tokio::test]
    async fn a_wish_waits_for_the_end_of_the_call_and_is_lost_with_the_power() {
        //
        let mut state = state(Model::OpenStage40V3R5);
        let now = Instant::now();
        state.device.in_call = true;
        state.device.wish = true;
        assert!(matches!(state.next(now), Next::Sleep));
        state.end_call(now);
        assert!(is_call(&state.next(now)));
        state.device.wish = true;
        state.device.in_call = true;
        state.boot(now, Duration::ZERO);
        state.dues.clear();
        state.end_call(now);
        assert!(matches!(state.next(now), Next::Sleep));
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_tried_later_each_time() {
        //
        let mut state = state(Model::OpenStage40V3R5);
        let pauses: Vec<_> = (0..8).map(|tries| state.backoff(tries).as_secs_f64()).collect();
        for (pause, full) in pauses.iter().zip([5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]) {
            assert!((full * 0.75..=full).contains(pause), "{pauses:?}");
        }
    }
}
