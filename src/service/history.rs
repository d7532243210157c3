//! Changes on their way to the history: a bounded queue, written in batches. Losing some stops nothing; how many were
//! lost is counted.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Notify, time::Instant};

use super::{settings::HistorySettings, shared::Shared};
use crate::{
    fleet::history::Change,
    store::{Keep, Store},
};

/// Most changes that wait for the store.
const QUEUE: usize = 50_000;
/// Most changes of one commit.
const BATCH: usize = 2_000;
/// How long changes are gathered before they are written.
const GATHER: Duration = Duration::from_millis(100);
/// How often old changes are taken out.
const PRUNE_EVERY: Duration = Duration::from_mins(5);
/// Most changes that the history holds: some hundred to a phone and day, for a large fleet.
const ROWS: i64 = 10_000_000;

/// Changes that wait for the store.
#[derive(Debug, Default)]
pub(super) struct HistoryQueue {
    settings: HistorySettings,
    waiting: Mutex<VecDeque<Change>>,
    more: Notify,
    lost: AtomicU64,
}

impl HistoryQueue {
    /// An empty queue.
    pub(super) fn new(settings: HistorySettings) -> Self {
        Self { settings, ..Self::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Change>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has changes written some time, as far as there is room for them.
    pub(super) fn put(&self, mut changes: Vec<Change>) {
        let HistorySettings { days, user_days } = self.settings;
        changes.retain(|change| days > 0 && (user_days > 0 || !change.of_user));
        let mut waiting = self.lock();
        let room = QUEUE.saturating_sub(waiting.len());
        let lost = changes.len().saturating_sub(room);
        waiting.extend(changes.into_iter().take(room));
        drop(waiting);
        if lost > 0 && self.lost.fetch_add(lost as u64, Ordering::Relaxed) == 0 {
            tracing::warn!(lost, "changes are lost to the history: more come than the store takes");
        }
        self.more.notify_one();
    }

    /// How many changes wait.
    pub(super) fn depth(&self) -> usize {
        self.lock().len()
    }

    /// How many changes were lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn take(&self) -> Vec<Change> {
        let mut waiting = self.lock();
        let batch = waiting.len().min(BATCH);
        waiting.drain(..batch).collect()
    }

    /// Puts a batch back to the front, for it could not be written.
    fn put_back(&self, batch: Vec<Change>) {
        let mut waiting = self.lock();
        for change in batch.into_iter().rev() {
            waiting.push_front(change);
        }
    }
}

/// Writes what waits, batch by batch, and takes out what is too old.
pub(super) async fn run(shared: Arc<Shared>, store: Store) {
    let queue = &shared.history;
    let mut writable = store.file_writable();
    let mut prune = tokio::time::interval_at(Instant::now() + PRUNE_EVERY, PRUNE_EVERY);
    loop {
        tokio::select! {
            // phones' records go first, and what comes together is written together
            () = queue.more.notified() => tokio::time::sleep(GATHER).await,
            _ = prune.tick() => {
                // a store that is away is told of elsewhere, and the next look comes soon
                let _ = store.prune_history(keep(queue.settings, Timestamp::now())).await;
                continue;
            }
        }
        loop {
            let batch = queue.take();
            if batch.is_empty() {
                break;
            }
            if store.add_history(batch.clone()).await.is_err() {
                queue.put_back(batch);
                if writable.wait_for(|writable| *writable).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Writes what is left at the end of the service.
pub(super) async fn flush(shared: &Shared, store: &Store) {
    loop {
        let batch = shared.history.take();
        if batch.is_empty() || store.add_history(batch).await.is_err() {
            return;
        }
    }
}

fn keep(settings: HistorySettings, now: Timestamp) -> Keep {
    let since = |days: u32| {
        let time = SignedDuration::from_hours(24 * i64::from(days));
        now.checked_sub(time).unwrap_or(Timestamp::MIN)
    };
    let days = settings.days;
    Keep { since: since(days), user_since: since(settings.user_days.min(days)), rows: ROWS }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fleet::words::{ChangeCause, ChangeResult},
        wpi::{DeviceId, ItemId, ItemName},
    };

    fn change(of_user: bool) -> Change {
        Change {
            at: Timestamp::UNIX_EPOCH,
            device: DeviceId::new("001AE8112233").unwrap(),
            name: None,
            item: ItemId::new(ItemName::new("e164").unwrap(), None),
            old: None,
            new: None,
            cause: ChangeCause::Drift,
            revision: None,
            result: ChangeResult::Seen,
            word: None,
            of_user,
        }
    }

    #[test]
    fn what_the_queue_does_not_hold_is_lost_and_counted() {
        let queue = HistoryQueue::default();
        queue.put(vec![change(false); QUEUE - 1]);
        queue.put(vec![change(false); 3]);
        assert_eq!((queue.lock().len(), queue.lost()), (QUEUE, 2));
        assert_eq!(queue.take().len(), BATCH);
    }

    #[test]
    fn what_is_kept_for_no_day_is_not_kept_at_all() {
        let kept = |days, user_days| {
            let queue = HistoryQueue::new(HistorySettings { days, user_days });
            queue.put(vec![change(true), change(false)]);
            queue.take().len()
        };
        assert_eq!([kept(400, 30), kept(400, 0), kept(0, 30)], [2, 1, 0]);
    }
}
