//! The bounds of the listener as words, and the rule that a bound that is hit is logged once, not each time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A bound of the listener that was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Most open connections.
    Connections,
    /// Most open connections of one address.
    AddressConnections,
    /// Most handshakes under way, and a connection waited for its turn in vain.
    Handshakes,
    /// The process has no file descriptor left for another connection.
    Descriptors,
    /// Longest request head.
    Head,
    /// Longest request body.
    Body,
    /// Most bytes of all bodies, and a body waited for room in vain.
    Bodies,
    /// Longest wait for a request body.
    BodyTime,
    /// Longest time without a byte of an answer being taken.
    WriteTime,
    /// Requests per connection.
    Requests,
    /// Longest wait for open exchanges at the end.
    Grace,
}

impl Bound {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Connections,
        Self::AddressConnections,
        Self::Handshakes,
        Self::Descriptors,
        Self::Head,
        Self::Body,
        Self::Bodies,
        Self::BodyTime,
        Self::WriteTime,
        Self::Requests,
        Self::Grace,
    ];

    /// The word in the metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::AddressConnections => "address-connections",
            Self::Handshakes => "handshakes",
            Self::Descriptors => "descriptors",
            Self::Head => "head",
            Self::Body => "body",
            Self::Bodies => "bodies",
            Self::BodyTime => "body-time",
            Self::WriteTime => "write-time",
            Self::Requests => "requests",
            Self::Grace => "grace",
        }
    }
}

/// Lets something be said at most once per interval and counts what was held back.
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    state: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    /// Once per `interval`.
    pub const fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new((None, 0)) }
    }

    /// `Some(how many were held back since the last time)` when it may be said now.
    pub fn allow(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, held_back) = &mut *state;
        if last.is_some_and(|last| now.saturating_duration_since(last) < self.interval) {
            *held_back = held_back.saturating_add(1);
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_throttled_is_said_once_and_counted() {
        let throttle = Throttle::new(Duration::from_mins(1));
        let start = Instant::now();
        assert_eq!(throttle.allow(start), Some(0));
        assert_eq!(throttle.allow(start + Duration::from_secs(1)), None);
        assert_eq!(throttle.allow(start + Duration::from_secs(59)), None);
        assert_eq!(throttle.allow(start + Duration::from_mins(1)), Some(2));
        assert_eq!(throttle.allow(start + Duration::from_secs(61)), None);
    }
}
