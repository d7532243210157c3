//! When something happens next: a timer queue in place of tasks, full-jitter backoff, and the pace of contacts.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, rngs::StdRng};

use crate::wpi::DeviceId;

/// `time` plus `duration`, at most the end of time.
pub fn after(time: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// Phones with the time at which each wants to be looked at: an entry a phone and no task.
#[derive(Debug, Default)]
pub struct Timers {
    queue: BTreeSet<(Timestamp, DeviceId)>,
}

impl Timers {
    /// Moves a phone's entry from `old` to `new`.
    pub fn reset(&mut self, device: &DeviceId, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.queue.remove(&(old, device.clone()));
        }
        if let Some(new) = new {
            self.queue.insert((new, device.clone()));
        }
    }

    /// Takes the first phone whose time has come.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<DeviceId> {
        if self.queue.first()?.0 > now {
            return None;
        }
        self.queue.pop_first().map(|(_, device)| device)
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(time, _)| *time)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// A delay between nothing and `base` doubled `attempts` times, at most `limit`: full jitter.
pub fn full_jitter(rng: &mut StdRng, base: Duration, limit: Duration, attempts: u32) -> Duration {
    let bound = base.saturating_mul(2_u32.saturating_pow(attempts.min(20))).min(limit);
    let millis = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rng.random_range(0..=millis))
}

/// Spreads contacts evenly: those of the whole service, or of a site.
#[derive(Debug)]
pub struct Pace {
    step: Duration,
    next: Timestamp,
}

impl Pace {
    /// So many a second; 0 counts as 1.
    pub fn new(per_second: u32) -> Self {
        Self::every(Duration::from_secs(1) / per_second.max(1))
    }

    /// One each `step`.
    pub fn every(step: Duration) -> Self {
        Self { step, next: Timestamp::MIN }
    }

    /// One each `step` from the next slot on.
    pub fn set(&mut self, step: Duration) {
        self.step = step;
    }

    /// The time between two slots.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// From when on a slot is free.
    pub fn free(&self) -> Timestamp {
        self.next
    }

    /// The next free slot from `now` on, which is taken.
    pub fn slot(&mut self, now: Timestamp) -> Timestamp {
        let slot = self.next.max(now);
        self.next = after(slot, self.step);
        slot
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn ten_thousand_waiting_phones_are_ten_thousand_entries_and_come_due_in_order() {
        let mut timers = Timers::default();
        for number in 0..10_000_i64 {
            let device = DeviceId::new(&format!("{number:012x}")).unwrap();
            timers.reset(&device, None, Some(at(10_000 - number)));
        }
        assert_eq!(timers.len(), 10_000);
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop_due(at(0)), None);
        let first = timers.pop_due(at(2)).unwrap();
        assert_eq!(first, DeviceId::new(&format!("{:012x}", 9_999)).unwrap());
    }

    #[test]
    fn a_delay_never_exceeds_its_limit_and_spreads_below_it() {
        let mut rng = StdRng::seed_from_u64(7);
        let (base, limit) = (Duration::from_mins(1), Duration::from_hours(1));
        let delays: Vec<_> = (0..200).map(|_| full_jitter(&mut rng, base, limit, 30)).collect();
        assert!(delays.iter().all(|delay| *delay <= limit));
        assert!(delays.iter().any(|delay| *delay < limit / 4), "full jitter reaches down");
        assert!(delays.iter().any(|delay| *delay > limit / 2), "and up");
    }

    #[test]
    fn a_mass_contact_is_spread() {
        let mut pace = Pace::new(20);
        let slots: Vec<_> = (0..41).map(|_| pace.slot(at(100))).collect();
        assert_eq!(slots[0], at(100));
        assert_eq!(slots[40], at(102));
        assert_eq!(pace.slot(at(200)), at(200), "time that passed unused is not saved up");
    }
}
