//! What stands on all pages, worked out once for many requests: all phones counted, what needs a look, what waits.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    fleet::{alert::AlertList, gate::view::GateView, service_view::ServiceView, survey::Survey},
    report::{FleetAccess, Readiness, api::Fleet, events::Events},
};

/// How long one may be used, as long as no change is told.
const FRESH: Duration = Duration::from_millis(500);

/// The fleet as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Glance {
    pub(super) survey: Survey,
    pub(super) service: ServiceView,
    pub(super) alerts: AlertList,
    pub(super) gate: GateView,
    pub(super) away: Vec<String>,
}

impl Glance {
    fn of(fleet: &dyn FleetAccess) -> Self {
        let Readiness { reasons, .. } = fleet.ready();
        let (service, alerts, gate) = (fleet.service(), fleet.alerts(), fleet.gate());
        Self { survey: fleet.survey(), service, alerts, gate, away: reasons }
    }
}

/// What pages are made from.
pub(super) struct Desk {
    pub(super) fleet: Fleet,
    events: Arc<Events>,
    last: Mutex<Option<(Instant, u64, Arc<Glance>)>>,
}

impl Desk {
    pub(super) fn new(fleet: Fleet, events: Arc<Events>) -> Self {
        Self { fleet, events, last: Mutex::default() }
    }

    /// The fleet as it is, or was half a second ago; never as it was before a change that was told.
    pub(super) fn glance(&self) -> Arc<Glance> {
        // who asks in the meantime waits and takes this one
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.events.changes();
        if let Some((at, seen, glance)) = &*last
            && *seen == changes
            && at.elapsed() < FRESH
        {
            return Arc::clone(glance);
        }
        let glance = Arc::new(Glance::of(&*self.fleet));
        *last = Some((Instant::now(), changes, Arc::clone(&glance)));
        glance
    }
}
