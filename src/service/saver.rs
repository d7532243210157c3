//! Records on their way to the store: the newest of each phone, written in batches, in order.
//!
//! What is kept of the service as a whole and the acts of people go the same way.
//!
//! Bounded by the number of phones that are remembered, and by [`ACTS`]. A record that must be stored before a write leaves goes the same way, so that no
//! older one can overtake it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    sync::{Notify, oneshot, watch as watch_channel},
    task::JoinSet,
};

use super::shared::Shared;
use crate::{
    fleet::{audit::AuditEntry, record::PhoneRecord, service_record::ServiceRecord},
    store::{Saved, Store},
    wpi::DeviceId,
};

/// Most acts that wait for the store. While it is away only the brake is taken, so they are few.
pub(super) const ACTS: usize = 1_000;

/// Records that wait for the store.
#[derive(Debug, Default)]
pub(super) struct Saver {
    waiting: Mutex<Waiting>,
    more: Notify,
    /// Acts for which there was no room.
    acts_lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    /// What is to become of the record of each phone.
    records: HashMap<DeviceId, Wish>,
    /// What is to be kept of the service as a whole.
    service: Option<Arc<ServiceRecord>>,
    /// What people did, in order.
    acts: Vec<AuditEntry>,
    /// Who waits for the record of a phone.
    callers: Vec<(DeviceId, oneshot::Sender<bool>)>,
    /// Who waits for everything.
    flushes: Vec<oneshot::Sender<bool>>,
}

/// What is to become of a record.
#[derive(Debug)]
enum Wish {
    Keep(Arc<PhoneRecord>),
    Forget,
    /// Another service is to have it.
    HandOver(Arc<PhoneRecord>),
}

impl Waiting {
    /// What is tried now: so many records at most, those that somebody waits for first.
    fn take(&mut self, most: usize) -> Self {
        if self.records.len() <= most {
            return std::mem::take(self);
        }
        let awaited: Vec<DeviceId> = self.callers.iter().map(|(device, _)| device.clone()).take(most).collect();
        let mut records: HashMap<_, _> =
            awaited.iter().filter_map(|device| self.records.remove_entry(device)).collect();
        let others: Vec<DeviceId> = self.records.keys().take(most.saturating_sub(records.len())).cloned().collect();
        records.extend(others.iter().filter_map(|device| self.records.remove_entry(device)));
        let (callers, later) =
            std::mem::take(&mut self.callers).into_iter().partition(|(device, _)| !self.records.contains_key(device));
        self.callers = later;
        Self {
            records,
            service: self.service.take(),
            acts: std::mem::take(&mut self.acts),
            callers,
            flushes: Vec::new(),
        }
    }
}

impl Saver {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a record stored some time.
    pub(super) fn put(&self, record: PhoneRecord) {
        self.lock().records.insert(record.device.clone(), Wish::Keep(Arc::new(record)));
        self.more.notify_one();
    }

    /// Has a record let go some time.
    pub(super) fn hand_over(&self, record: PhoneRecord) {
        self.lock().records.insert(record.device.clone(), Wish::HandOver(Arc::new(record)));
        self.more.notify_one();
    }

    /// Has a record removed some time.
    pub(super) fn forget(&self, device: DeviceId) {
        self.lock().records.insert(device, Wish::Forget);
        self.more.notify_one();
    }

    /// Has a record stored; the receiver tells whether it is.
    pub(super) fn put_and_tell(&self, record: PhoneRecord) -> oneshot::Receiver<bool> {
        let (done, stored) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.callers.push((record.device.clone(), done));
        waiting.records.insert(record.device.clone(), Wish::Keep(Arc::new(record)));
        drop(waiting);
        self.more.notify_one();
        stored
    }

    /// Has what is known of the service as a whole stored some time.
    pub(super) fn put_service(&self, record: ServiceRecord) {
        self.lock().service = Some(Arc::new(record));
        self.more.notify_one();
    }

    /// Has an act added to the audit log. Whether there was room for it.
    pub(super) fn note(&self, entry: AuditEntry) -> bool {
        let mut waiting = self.lock();
        let room = waiting.acts.len() < ACTS;
        if room {
            waiting.acts.push(entry);
        } else {
            self.acts_lost.fetch_add(1, Ordering::Relaxed);
        }
        drop(waiting);
        self.more.notify_one();
        room
    }

    /// How many acts wait, and how many were lost.
    pub(super) fn acts(&self) -> (usize, u64) {
        (self.lock().acts.len(), self.acts_lost.load(Ordering::Relaxed))
    }

    /// How many records and acts wait.
    pub(super) fn depth(&self) -> usize {
        let waiting = self.lock();
        waiting.records.len() + waiting.acts.len()
    }

    /// Waits until all that waits now has been tried; whether it is stored.
    pub(super) async fn flush(&self) -> bool {
        let (done, tried) = oneshot::channel();
        self.lock().flushes.push(done);
        self.more.notify_one();
        tried.await.unwrap_or(false)
    }
}

/// Hands what waits to the store, batch by batch. What could not be stored waits on, unless a newer one has come.
pub(super) async fn run(shared: Arc<Shared>, store: Store) {
    let saver = &shared.saver;
    let writable = store.writable();
    loop {
        saver.more.notified().await;
        let (Waiting { records, service, acts, callers, flushes }, more) = {
            let mut waiting = saver.lock();
            (waiting.take(store.batch()), !waiting.records.is_empty())
        };
        let kept = records.values().filter_map(|wish| match wish {
            Wish::Keep(record) => Some(Arc::clone(record)),
            Wish::Forget | Wish::HandOver(_) => None,
        });
        let batch: Vec<_> = kept.collect();
        let record = async {
            match service.clone() {
                Some(record) => store.save_service(record).await,
                None => Ok(()),
            }
        };
        // asked together, they share a commit
        let stored = tokio::join!(store.save(batch), record, store.add_audit(acts.clone()));
        let (service_stored, acts_stored) = (stored.1.is_ok(), stored.2.is_ok());
        let (records_stored, Saved { refused, free }) =
            stored.0.map_or_else(|_| (false, Saved::default()), |saved| (true, saved));
        let stored = records_stored && service_stored && acts_stored;
        if more && records_stored {
            saver.more.notify_one();
        }
        for (device, caller) in callers {
            let is_free = free.iter().any(|record| record.device == device);
            let _ = caller.send(records_stored && !refused.contains(&device) && !is_free);
        }
        for caller in flushes {
            let _ = caller.send(stored);
        }
        let gone = hand_over(&store, &records, saver).await;
        if stored {
            let forgotten = records.iter().filter(|(_, wish)| matches!(wish, Wish::Forget));
            forget(&store, forgotten.map(|(device, _)| device)).await;
        } else {
            let mut waiting = saver.lock();
            if !records_stored {
                for (device, record) in records.into_iter().filter(|(_, wish)| matches!(wish, Wish::Keep(_))) {
                    waiting.records.entry(device).or_insert(record);
                }
            }
            if !service_stored {
                waiting.service = waiting.service.take().or(service);
            }
            if !acts_stored {
                // what could not be stored goes before what came since
                waiting.acts.splice(..0, acts);
            }
        }
        // the store's own word is taken under the fleet's lock, here as in `watch`: whoever comes last is right
        let back = shared.with_fleet(|fleet, now| {
            for device in &refused {
                fleet.is_served_elsewhere(device, now);
            }
            for record in free {
                fleet.adopt(record, now);
            }
            for device in &gone {
                fleet.handed_over(device, now);
            }
            let away = !*writable.borrow();
            fleet.set_store_away(away, now);
            !away
        });
        if !stored && back {
            saver.more.notify_one();
        }
    }
}

/// Lets records go, and says which are. Those that could not be are tried again, unless something newer has come.
async fn hand_over(store: &Store, records: &HashMap<DeviceId, Wish>, saver: &Saver) -> Vec<DeviceId> {
    let mut gone = Vec::new();
    for (device, wish) in records {
        let Wish::HandOver(record) = wish else { continue };
        if store.hand_over(record).await.is_ok() {
            gone.push(device.clone());
        } else {
            saver.lock().records.entry(device.clone()).or_insert_with(|| Wish::HandOver(Arc::clone(record)));
        }
    }
    gone
}

/// Removes records. One that stays because the store is away is an undeclared phone that is heard of again.
async fn forget(store: &Store, devices: impl Iterator<Item = &DeviceId>) {
    let mut removals = JoinSet::new();
    for device in devices.cloned() {
        let store = store.clone();
        // all are in the store's queue at once, so that they share a commit
        removals.spawn(async move { store.remove(device).await });
    }
    removals.join_all().await;
}

/// Tells the fleet whether the store can be written.
pub(super) async fn watch(shared: Arc<Shared>, mut writable: watch_channel::Receiver<bool>) {
    loop {
        writable.borrow_and_update();
        shared.with_fleet(|fleet, now| fleet.set_store_away(!*writable.borrow(), now));
        shared.saver.more.notify_one();
        if writable.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fleet::{audit::By, words::AuditAct};

    #[test]
    fn an_act_for_which_there_is_no_room_is_counted() {
        let saver = Saver::default();
        let by = By::new("ada", "case 4711").unwrap();
        let note = || {
            let entry = AuditEntry::new(&by, AuditAct::EndRecording, "reception", "ended", Timestamp::UNIX_EPOCH);
            saver.note(entry)
        };
        assert!((0..ACTS).all(|_| note()));
        assert_eq!(saver.acts(), (ACTS, 0));
        assert!(!note() && !note());
        assert_eq!(saver.acts(), (ACTS, 2), "and those before are not");
    }
}
