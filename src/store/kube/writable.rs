//! Whether the cluster takes records: refused at once while it does not, and looked at again and again until it does. So
//! are records of other shards, for those that they let go.

use std::{collections::HashSet, sync::atomic::Ordering, time::Duration};

use kube::api::ListParams;
use tokio::time::{Instant, sleep, timeout};

use super::{
    ClusterStore, PATIENCE, Standing,
    object::{SHARD, name_of},
    put::owner,
};
use crate::{store::StoreAway, wpi::DeviceId};

/// How often it is looked whether another shard let phones go that are to be served here.
const LOOK_FOR_FREE: Duration = Duration::from_secs(5);
/// Names of such records that are read in one answer.
const LET_GO: u32 = 1_000;
impl ClusterStore {
    /// Refuses at once while the cluster is known to take nothing; [`Self::watch`] finds out when it does again.
    pub(super) fn check(&self) -> Result<(), StoreAway> {
        self.check_lease()?;
        if *self.0.writable.borrow() { Ok(()) } else { Err(StoreAway("the cluster takes no records now".into())) }
    }

    pub(super) fn check_lease(&self) -> Result<(), StoreAway> {
        if self.holds() { Ok(()) } else { Err(self.went_away(StoreAway("the lease is not held".into()))) }
    }

    pub(super) fn went_away(&self, away: StoreAway) -> StoreAway {
        self.0.counters.failures.fetch_add(1, Ordering::Relaxed);
        if self.0.writable.send_replace(false) {
            tracing::error!(
                problem = away.reason(),
                "the cluster takes no records: phones are answered and read, no write leaves"
            );
        }
        away
    }

    /// Looks again and again whether a cluster that took no records takes them now, and notes the end of the lease.
    pub async fn watch(self) {
        let mut writable = self.0.writable.subscribe();
        let mut standing = self.0.settings.standing.clone();
        let mut foreign = self.0.foreign.subscribe();
        let mut looked = Instant::now();
        loop {
            if *writable.borrow_and_update() {
                let ends = async {
                    match &mut standing {
                        Some(standing) => over(standing).await,
                        None => std::future::pending().await,
                    }
                };
                let has_foreign = !self.0.foreign.borrow().is_empty();
                tokio::select! {
                    changed = writable.changed() => if changed.is_err() { return },
                    () = ends => drop(self.check_lease()),
                    () = sleep(LOOK_FOR_FREE.min(self.0.settings.look_again)), if has_foreign => {
                        self.look_for_let_go().await;
                        if looked.elapsed() >= self.0.settings.look_again {
                            looked = Instant::now();
                            self.look_for_free().await;
                        }
                    }
                    changed = foreign.changed() => if changed.is_err() { return },
                }
                continue;
            }
            sleep(self.0.settings.retry).await;
            if self.holds() && self.put_service(None).await.is_ok() {
                tracing::info!("the cluster takes records again");
                self.0.writable.send_replace(true);
            }
        }
    }

    /// Phones that were another shard's, and that it let go: one list for all of them.
    async fn look_for_let_go(&self) {
        let mut page = ListParams::default().labels(&format!("!{SHARD}")).limit(LET_GO);
        let mut names: HashSet<String> = HashSet::new();
        loop {
            let Ok(Ok(found)) = timeout(PATIENCE, self.0.records.list_metadata(&page)).await else { return };
            names.extend(found.items.into_iter().filter_map(|object| object.metadata.name));
            match found.metadata.continue_.filter(|more| !more.is_empty()) {
                Some(more) => page = page.continue_token(&more),
                None => break,
            }
        }
        let is_let_go = |device: &DeviceId| names.contains(&name_of(device));
        if self.0.foreign.borrow().keys().any(is_let_go) {
            self.0.foreign.send_modify(|foreign| foreign.retain(|device, _| !is_let_go(device)));
        }
    }

    /// Phones that were another shard's and are nobody's now.
    async fn look_for_free(&self) {
        let devices: Vec<DeviceId> = self.0.foreign.borrow().keys().cloned().collect();
        for device in devices {
            let standing = self.standing(&self.0.records, &name_of(&device)).await;
            let is_free = match standing {
                Ok(None) => true,
                Ok(Some(found)) => owner(&found).is_none_or(|owner| owner == self.0.settings.shard),
                Err(_) => return,
            };
            if is_free {
                self.0.foreign.send_modify(|foreign| drop(foreign.remove(&device)));
            }
        }
    }
}

/// Returns when the holder does not hold the lease for certain any more.
async fn over(standing: &mut tokio::sync::watch::Receiver<Standing>) {
    loop {
        let until = match *standing.borrow_and_update() {
            Standing::Held(until) => until,
            Standing::Lost => return,
        };
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { sleep(Duration::from_secs(1)).await },
            () = tokio::time::sleep_until(until) => return,
        }
    }
}
