//! Records on their way to the store: the newest of each phone, written in batches, in order.
//!
//! Bounded by the number of phones. A record that must be stored before a write leaves goes the same way, so that no
//! older one can overtake it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, oneshot, watch as watch_channel};

use super::shared::Shared;
use crate::{fleet::record::PhoneRecord, store::Store, wpi::DeviceId};

/// Records that wait for the store.
#[derive(Debug, Default)]
pub(super) struct Saver {
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    records: HashMap<DeviceId, Arc<PhoneRecord>>,
    callers: Vec<oneshot::Sender<bool>>,
}

impl Saver {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a record stored some time.
    pub(super) fn put(&self, record: PhoneRecord) {
        self.lock().records.insert(record.device.clone(), Arc::new(record));
        self.more.notify_one();
    }

    /// Has a record stored and waits for it; whether it is stored.
    pub(super) async fn put_and_wait(&self, record: PhoneRecord) -> bool {
        let (done, stored) = oneshot::channel();
        {
            let mut waiting = self.lock();
            waiting.records.insert(record.device.clone(), Arc::new(record));
            waiting.callers.push(done);
        }
        self.more.notify_one();
        stored.await.unwrap_or(false)
    }

    /// Waits until all that waits now has been tried.
    pub(super) async fn flush(&self) {
        let (done, tried) = oneshot::channel();
        self.lock().callers.push(done);
        self.more.notify_one();
        let _ = tried.await;
    }
}

/// Hands what waits to the store, batch by batch. What could not be stored waits on, unless a newer one has come.
pub(super) async fn run(shared: Arc<Shared>, store: Store) {
    let saver = &shared.saver;
    let mut writable = store.writable();
    loop {
        saver.more.notified().await;
        let Waiting { records, callers } = std::mem::take(&mut *saver.lock());
        let batch: Vec<_> = records.values().map(Arc::clone).collect();
        let stored = batch.is_empty() || store.save(batch).await.is_ok();
        for caller in callers {
            let _ = caller.send(stored);
        }
        if !stored {
            shared.with_fleet(|fleet, now| fleet.set_store_away(true, now));
            let mut waiting = saver.lock();
            for (device, record) in records {
                waiting.records.entry(device).or_insert(record);
            }
            drop(waiting);
            if *writable.borrow_and_update() {
                saver.more.notify_one();
            }
        }
    }
}

/// Tells the fleet whether the store can be written.
pub(super) async fn watch(shared: Arc<Shared>, mut writable: watch_channel::Receiver<bool>) {
    loop {
        let away = !*writable.borrow_and_update();
        shared.with_fleet(|fleet, now| fleet.set_store_away(away, now));
        if !away {
            shared.saver.more.notify_one();
        }
        if writable.changed().await.is_err() {
            return;
        }
    }
}
