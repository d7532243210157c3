//! When a phone is read again without cause: once each `policy.interval`, each phone at a place of its own in it.
//!
//! The place follows from the identity alone, so it is the same after a restart and phones lie spread over the whole
//! interval. A phone that was read elsewhere in its interval comes back to its place within two or three sweeps: the way
//! there is never longer than an interval and never shorter than a tenth of one. So phones that all start in one minute
//! are spread out from the first sweep on, and a phone that was read just before its place is not read again at once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::wpi::DeviceId;

/// The next sweep of a phone that was last read at `read_at`.
pub(super) fn next(device: &DeviceId, read_at: Timestamp, interval: Duration) -> Timestamp {
    let interval = i128::try_from(interval.as_millis()).unwrap_or(i128::MAX / 4).max(1);
    let into = (i128::from(read_at.as_millisecond()) - place(device, interval)).rem_euclid(interval);
    let until_place = interval - into;
    let least = interval / 10;
    let wait = least + until_place * (interval - least) / interval;
    let wait = SignedDuration::from_millis(i64::try_from(wait).unwrap_or(i64::MAX));
    read_at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Where in its interval a phone has its place, in milliseconds: from its identity, well mixed, as MACs of one delivery
/// differ in their last digits only.
fn place(device: &DeviceId, interval: i128) -> i128 {
    let sum = device
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (sum ^ (sum >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
    i128::from(mixed ^ (mixed >> 29)) % interval
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn phones(number: u32) -> impl Iterator<Item = DeviceId> {
        (0..number).map(|phone| DeviceId::new(&format!("001AE8{phone:06X}")).unwrap())
    }

    fn start() -> Timestamp {
        "2026-03-01T08:00:00Z".parse().unwrap()
    }

    /// How many of these times fall into each of the 24 parts of an interval from `from` on.
    fn by_part(times: &[Timestamp], from: Timestamp, interval: Duration) -> [usize; 24] {
        let mut parts = [0; 24];
        for time in times {
            let part = time.duration_since(from).as_millis() * 24 / i128::try_from(interval.as_millis()).unwrap();
            parts[usize::try_from(part).unwrap().min(23)] += 1;
        }
        parts
    }

    #[test]
    fn a_thousand_phones_that_start_at_once_are_swept_over_the_whole_interval_and_never_in_a_burst() {
        for interval in [DAY, Duration::from_mins(1), Duration::from_hours(720)] {
            let first: Vec<_> = phones(1000).map(|device| next(&device, start(), interval)).collect();
            let parts = by_part(&first, start(), interval);
            assert!(parts.iter().skip(3).all(|part| (20..80).contains(part)), "{parts:?}");
            let second: Vec<_> = phones(1000).zip(&first).map(|(device, at)| next(&device, *at, interval)).collect();
            let busiest = (0..24).map(|part| {
                let from = start() + SignedDuration::try_from(interval + interval / 24 * part).unwrap();
                let till = from + SignedDuration::try_from(interval / 24).unwrap();
                second.iter().filter(|at| **at >= from && **at < till).count()
            });
            assert!(busiest.max().unwrap() < 80, "nor later");
        }
    }

    #[test]
    fn no_phone_waits_longer_than_its_interval_nor_is_read_twice_in_a_row() {
        for device in phones(200) {
            for hour in 0..48 {
                let read = start() + SignedDuration::from_hours(hour);
                let wait = next(&device, read, DAY).duration_since(read);
                assert!(wait <= SignedDuration::from_hours(24) && wait >= SignedDuration::from_mins(143), "{wait}");
            }
        }
    }

    #[test]
    fn a_phone_comes_back_to_its_own_place_and_stays_there() {
        for device in phones(50) {
            let mut at = start();
            for _ in 0..4 {
                at = next(&device, at, DAY);
            }
            let again = next(&device, at, DAY);
            let day = again.duration_since(at);
            assert!(day > SignedDuration::from_mins(24 * 60 - 5), "{device}: {day}");
        }
    }
}
