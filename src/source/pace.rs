//! When a source is looked at again.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Longest wait after errors.
pub const BACKOFF_LIMIT: Duration = Duration::from_mins(5);

/// Longest first step after an error, however long the interval.
const FIRST_STEP: Duration = Duration::from_secs(5);

/// Shortest wait.
const FLOOR: Duration = Duration::from_millis(100);

/// Interval with ±10 % jitter; after errors full jitter below a ceiling that doubles up to [`BACKOFF_LIMIT`].
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    ceiling: Duration,
    rng: StdRng,
}

impl Pace {
    /// A pace for that interval; without a seed it differs from process to process.
    pub fn new(interval: Duration, seed: Option<u64>) -> Self {
        let rng = StdRng::seed_from_u64(seed.unwrap_or_else(rand::random));
        Self { interval, ceiling: first_step(interval), rng }
    }

    /// The wait after a look that went well.
    pub fn after_good(&mut self) -> Duration {
        self.ceiling = first_step(self.interval);
        self.interval.mul_f64(self.rng.random_range(0.9..=1.1)).max(FLOOR)
    }

    /// The wait after a look that failed.
    pub fn after_error(&mut self) -> Duration {
        let wait = self.ceiling.mul_f64(self.rng.random_range(0.0..=1.0)).max(FLOOR);
        self.ceiling = (self.ceiling * 2).min(BACKOFF_LIMIT);
        wait
    }
}

fn first_step(interval: Duration) -> Duration {
    interval.clamp(FLOOR, FIRST_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_looks_are_an_interval_apart_give_or_take_a_tenth() {
        let mut pace = Pace::new(Duration::from_secs(30), Some(1));
        let waits: Vec<_> = (0..200).map(|_| pace.after_good()).collect();
        assert!(waits.iter().all(|wait| (27.0..=33.0).contains(&wait.as_secs_f64())));
        assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn errors_spread_out_to_five_minutes_and_one_good_look_resets_them() {
        let mut pace = Pace::new(Duration::from_secs(30), Some(2));
        assert!(pace.after_error() <= FIRST_STEP);
        let later: Vec<_> = (0..200).map(|_| pace.after_error()).collect();
        assert!(later.iter().all(|wait| *wait <= BACKOFF_LIMIT));
        assert!(later.iter().any(|wait| *wait > Duration::from_mins(4)));
        pace.after_good();
        assert!(pace.after_error() <= FIRST_STEP);
    }

    #[test]
    fn an_interval_of_nothing_never_spins() {
        let mut pace = Pace::new(Duration::ZERO, Some(3));
        assert!((0..20).all(|_| pace.after_good() >= FLOOR));
        assert!((0..20).all(|_| pace.after_error() >= FLOOR));
    }
}
