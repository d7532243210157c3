//! What is counted over all phones, once for all who ask: a count begins after it was asked for, and no sooner than
//! [`PACE`] after the one before. Who asks meanwhile waits for it, which costs no thread, and takes it too.

use std::{sync::Arc, time::Duration};

use axum::{body::Bytes, http::StatusCode};
use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{api::Fleet, problem::Problem};
use crate::fleet::{profiles::ProfileStanding, survey::Survey};

/// Counts of one kind begin at least so long after each other.
const PACE: Duration = Duration::from_millis(100);

/// One kind of count.
#[derive(Debug)]
struct Paced<T> {
    last: Mutex<Last<T>>,
}

#[derive(Debug)]
struct Last<T> {
    begun: Option<Instant>,
    value: Option<Arc<T>>,
}

impl<T> Default for Paced<T> {
    fn default() -> Self {
        Self { last: Mutex::new(Last { begun: None, value: None }) }
    }
}

impl<T: Send + Sync + 'static> Paced<T> {
    /// The value as it was at some time after this was called.
    async fn get(&self, count: impl FnOnce() -> T + Send + 'static) -> Result<Arc<T>, Problem> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let (Some(begun), Some(value)) = (last.begun, &last.value)
            && begun > asked
        {
            return Ok(Arc::clone(value));
        }
        if let Some(begun) = last.begun {
            sleep_until(begun + PACE).await;
        }
        // whoever goes away now leaves a count behind, and the next one keeps its distance from that
        *last = Last { begun: Some(Instant::now()), value: None };
        let away = |_| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-counted", "the phones could not be counted; ask again")
        };
        let value = Arc::new(spawn_blocking(count).await.map_err(away)?);
        last.value = Some(Arc::clone(&value));
        Ok(value)
    }
}

/// What is counted for the API and the scrapes of one server.
pub(super) struct Counted {
    fleet: Fleet,
    survey: Paced<Survey>,
    profiles: Paced<Vec<ProfileStanding>>,
    metrics: Paced<Bytes>,
}

impl Counted {
    pub(super) fn new(fleet: Fleet) -> Self {
        Self { fleet, survey: Paced::default(), profiles: Paced::default(), metrics: Paced::default() }
    }

    /// All phones at a glance.
    pub(super) async fn survey(&self) -> Result<Arc<Survey>, Problem> {
        let fleet = Arc::clone(&self.fleet);
        self.survey.get(move || fleet.survey()).await
    }

    /// The profiles, and how their phones are.
    pub(super) async fn profiles(&self) -> Result<Arc<Vec<ProfileStanding>>, Problem> {
        let fleet = Arc::clone(&self.fleet);
        self.profiles.get(move || fleet.profiles()).await
    }

    /// All metrics, as text.
    pub(super) async fn metrics(&self) -> Result<Bytes, Problem> {
        let fleet = Arc::clone(&self.fleet);
        self.metrics.get(move || fleet.metrics().into()).await.map(|text| Bytes::clone(&text))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_cost_two_counts_at_most_and_get_none_that_is_older_than_their_question() {
        let (paced, counts) = (Paced::default(), Arc::new(AtomicUsize::new(0)));
        let count = || {
            let counts = Arc::clone(&counts);
            move || counts.fetch_add(1, Ordering::Relaxed) + 1
        };
        let answers = join_all((0..200).map(|_| paced.get(count()))).await;
        assert!(answers.iter().all(|answer| matches!(answer.as_deref(), Ok(1 | 2))));
        assert!(counts.load(Ordering::Relaxed) <= 2);
        let before = counts.load(Ordering::Relaxed);
        assert_eq!(*paced.get(count()).await.unwrap(), before + 1, "nobody is given what was counted before");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_and_goes_away_again_and_again_begins_ten_counts_a_second() {
        let (paced, counts) = (Paced::default(), Arc::new(AtomicUsize::new(0)));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(1) {
            let counts = Arc::clone(&counts);
            let asked = paced.get(move || counts.fetch_add(1, Ordering::Relaxed));
            let _ = timeout(Duration::from_millis(1), asked).await;
        }
        assert!(counts.load(Ordering::Relaxed) <= 11, "{}", counts.load(Ordering::Relaxed));
    }
}
