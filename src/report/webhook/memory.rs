//! What is remembered of deliveries, so that nobody who does not know the secret can use up what the forge may send,
//! and that what the forge has sent does nothing when it is sent again.

use std::{collections::VecDeque, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::proof::REPLAY;

/// Most deliveries within [`MINUTE`] that are looked at: of those with a good signature that are new, and of all
/// others together.
pub(super) const RATE: usize = 60;
/// The time that [`RATE`] is for.
const MINUTE: Duration = Duration::from_mins(1);
/// How long a signature is remembered: as long as its time may be good, which is also as far ahead as behind.
pub(super) const REMEMBERED_FOR: SignedDuration = SignedDuration::from_secs(2 * REPLAY.as_secs());
/// Most signatures that are remembered: more than [`RATE`] lets come in that time, so that none is forgotten before.
pub(super) const REMEMBERED: usize = 1_000;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    signed: Allowance,
    others: Allowance,
    /// Signatures that were taken, with when.
    seen: VecDeque<(Timestamp, [u8; 32])>,
}

/// What becomes of a delivery with a good signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// It is looked at, and remembered.
    New,
    /// It was looked at before.
    Before,
    /// There are too many of its kind.
    TooMany,
}

impl Memory {
    /// A delivery with this signature, which is a good one. A forge cannot be kept from telling by whoever sends again
    /// what was recorded on its way: that counts with the others.
    pub(super) fn meet(&mut self, signature: [u8; 32], now: Timestamp) -> Met {
        while self.seen.front().is_some_and(|(at, _)| is_over(*at, REMEMBERED_FOR, now)) {
            self.seen.pop_front();
        }
        if self.seen.iter().any(|(_, known)| *known == signature) {
            return if self.others.take(now) { Met::Before } else { Met::TooMany };
        }
        if !self.signed.take(now) {
            return Met::TooMany;
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back((now, signature));
        Met::New
    }

    /// A delivery that proves nothing; false when there are too many of them.
    pub(super) fn meet_unsigned(&mut self, now: Timestamp) -> bool {
        self.others.take(now)
    }
}

/// At most [`RATE`] within [`MINUTE`].
#[derive(Debug, Default)]
struct Allowance(VecDeque<Timestamp>);

impl Allowance {
    fn take(&mut self, now: Timestamp) -> bool {
        let minute = SignedDuration::try_from(MINUTE).unwrap_or(SignedDuration::ZERO);
        while self.0.front().is_some_and(|at| is_over(*at, minute, now)) {
            self.0.pop_front();
        }
        let is_room = self.0.len() < RATE;
        if is_room {
            self.0.push_back(now);
        }
        is_room
    }
}

/// Whether that was so long ago; also when the clock has been put back since, or it would be for as long again.
fn is_over(at: Timestamp, length: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(at).abs() > length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(number: usize) -> [u8; 32] {
        let mut signature = [0; 32];
        signature[..8].copy_from_slice(&number.to_le_bytes());
        signature
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_signature_is_known_for_ten_minutes_and_what_is_remembered_is_bounded() {
        // the rate of ten minutes and of the one that has begun
        const { assert!(RATE * 11 < REMEMBERED) };
        let mut memory = Memory::default();
        let at = |number: usize| second(2 * i64::try_from(number).unwrap());
        for number in 0..4 * REMEMBERED {
            assert_eq!(memory.meet(signature(number), at(number)), Met::New);
            assert!(memory.seen.len() <= 301, "two seconds apart, ten minutes long: {}", memory.seen.len());
        }
        let last = 4 * REMEMBERED;
        assert_eq!(memory.meet(signature(last - 300), at(last)), Met::Before);
        assert_eq!(memory.meet(signature(last - 301), at(last)), Met::New);
    }

    #[test]
    fn strangers_use_up_their_own_allowance_and_not_that_of_the_forge() {
        let mut memory = Memory::default();
        let now = second(0);
        assert_eq!(memory.meet(signature(0), now), Met::New);
        // one half by deliveries that are not signed, the other by one that was recorded
        assert!((0..RATE / 2).all(|_| memory.meet_unsigned(now)));
        assert!((0..RATE / 2).all(|_| memory.meet(signature(0), now) == Met::Before));
        assert!(!memory.meet_unsigned(now));
        assert_eq!(memory.meet(signature(0), now), Met::TooMany);
        assert!((1..RATE).all(|number| memory.meet(signature(number), now) == Met::New));
        assert_eq!(memory.meet(signature(RATE), now), Met::TooMany, "the forge has a limit, too");
        assert!(memory.meet_unsigned(second(61)));
        assert_eq!(memory.meet(signature(RATE), second(61)), Met::New, "what had no room is not taken for seen");
    }

    #[test]
    fn a_clock_that_is_put_back_keeps_nobody_out_for_longer() {
        let mut memory = Memory::default();
        assert!((0..RATE).all(|_| memory.meet_unsigned(second(86_400))));
        assert!(memory.meet_unsigned(second(0)));
    }
}
