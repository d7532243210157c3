//! The time that the fleet is told: that of the wall, in whole milliseconds, but never going back.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// A wall clock that goes on evenly when the system's clock is set back, and follows when it is set forward: waits and
/// "written since the last read" never turn round. What was lost by setting back is regained with the next start.
#[derive(Debug)]
pub(super) struct Clock {
    anchor: Mutex<(Timestamp, Instant)>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { anchor: Mutex::new((wall(), Instant::now())) }
    }
}

impl Clock {
    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, moved) = advance(*anchor, wall(), Instant::now());
        *anchor = moved;
        now
    }
}

fn wall() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The time at `instant` when the wall says `wall`, and the anchor from then on.
fn advance(anchor: (Timestamp, Instant), wall: Timestamp, instant: Instant) -> (Timestamp, (Timestamp, Instant)) {
    let passed = instant.saturating_duration_since(anchor.1);
    let passed = Duration::from_millis(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
    let even = SignedDuration::try_from(passed).ok().and_then(|passed| anchor.0.checked_add(passed).ok());
    match even.filter(|even| *even > wall) {
        Some(even) => (even, anchor),
        None => (wall, (wall, instant)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_never_goes_back_and_follows_forward() {
        let (start, began) = (Timestamp::from_second(1_000_000).unwrap(), Instant::now());
        let second = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        let at = |seconds| began + Duration::from_secs(seconds);
        let (now, anchor) = advance((start, began), second(5), at(5));
        assert_eq!(now, second(5));
        let (now, anchor) = advance(anchor, second(-3600), at(7));
        assert_eq!(now, second(7), "set back by an hour: goes on evenly");
        let (now, _) = advance(anchor, second(90), at(8));
        assert_eq!(now, second(90), "set forward: follows");
    }
}
