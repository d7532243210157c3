//! Tells alerts to people elsewhere: Alertmanagers, a webhook, a chat.
//!
//! What fires is decided in [`fleet::alert`](crate::fleet::alert); here it is asked for every few seconds, and carried to
//! each target by a task of its own, so that one that is away holds up no other.
//!
//! **Guarantees.** Each transition is told to each target at least once, in the order firing, resolved, under a key that
//! stays the same however often it is sent. It is stored before it is sent: a process that is killed sends again what it
//! could not note any more, and nothing else. What waits is bounded by what is remembered of alerts.
//!
//! **Caveats.** While the store is away alerts are told all the same; killed then, the next process may tell them again
//! under another key. An Alertmanager gets what fires again and again, and only the end of what ended while it was away.
//!
//! - [`settings`]: to whom, and at what times
//! - [`payload`]: what webhook and chat are sent
//! - [`alertmanager`]: what an Alertmanager is sent
//! - `courier`: one target

pub mod alertmanager;
mod courier;
pub mod payload;
pub mod settings;

use std::sync::Arc;

use tokio::{
    sync::{RwLock, watch},
    task::JoinSet,
};

use super::{AlertAccess, metrics::ServiceMetrics, outgoing::Outgoing};
use courier::{Courier, Target};
pub use settings::{AlertSettings, AlertSettingsError};

/// What couriers share.
struct Desk {
    access: Arc<dyn AlertAccess>,
    outgoing: Outgoing,
    settings: AlertSettings,
    metrics: Arc<ServiceMetrics>,
    /// Held while something is decided and stored: nobody is told before.
    deciding: RwLock<()>,
    /// Whether this process may tell.
    may_tell: watch::Receiver<bool>,
}

/// Tells alerts until the service ends. While `may_tell` is false nothing is decided and nothing is sent.
///
/// # Errors
/// What is wrong with the settings.
pub fn start(
    access: Arc<dyn AlertAccess>,
    settings: AlertSettings,
    metrics: Arc<ServiceMetrics>,
    may_tell: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + 'static, AlertSettingsError> {
    let outgoing = settings.check()?;
    let desk = Desk { access, outgoing, settings, metrics, deciding: RwLock::new(()), may_tell };
    Ok(run(Arc::new(desk), stopped))
}

async fn run(desk: Arc<Desk>, mut stopped: watch::Receiver<bool>) {
    let targets = Target::all(&desk.settings);
    let rules = desk.settings.rules(targets.iter().map(|target| target.name.clone()).collect());
    let (wake, woken) = watch::channel(());
    let mut couriers = JoinSet::new();
    for target in targets {
        couriers.spawn(Courier::new(Arc::clone(&desk), target, woken.clone()).run());
    }
    let mut may_tell = desk.may_tell.clone();
    loop {
        if *may_tell.borrow_and_update() {
            let deciding = desk.deciding.write().await;
            if desk.access.decide_alerts(&rules) {
                desk.access.kept().await;
            }
            drop(deciding);
            let _ = wake.send(());
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            Ok(()) = may_tell.changed() => {}
            () = tokio::time::sleep(desk.settings.look) => {}
        }
    }
}
