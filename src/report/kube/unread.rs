//! What a status says of phones that this process has not heard of yet, and the one before it knew: what that one said.
//! After each takeover all phones are such, until they are read one after the other; their statuses and those of their
//! profiles are not to fall over meanwhile.
//!
//! That holds as long as phones are being read, and for a while after the last one: then what is not read by now is told
//! as unknown.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::{
    tally::{LayerTally, Tallies},
    words::State,
};

/// How long nobody may have been heard of for the first time.
const PATIENCE: Duration = Duration::from_mins(15);

/// For how long statuses of before stand.
#[derive(Debug)]
pub(super) struct Unread {
    least: usize,
    fell: Instant,
    patient: bool,
}

impl Unread {
    /// From the start of the process on.
    pub(super) fn new(now: Instant) -> Self {
        Self { least: usize::MAX, fell: now, patient: true }
    }

    /// Looks how many phones are not read yet.
    pub(super) fn look(&mut self, tallies: &Tallies, now: Instant) {
        let unread = tallies.by_site.values().map(|tally| tally.unread).sum();
        if unread < self.least {
            (self.least, self.fell) = (unread, now);
        }
        self.patient = unread > 0 && now.duration_since(self.fell) < PATIENCE;
    }

    /// Whether the status of a phone stands that was known before.
    pub(super) fn keeps_phone(&self, now: &Value, before: &Value) -> bool {
        let known = [State::InSync, State::Drifted, State::Degraded];
        let is = |status: &Value, state: State| status.get("state").and_then(Value::as_str) == Some(state.as_str());
        self.patient
            && is(now, State::Unknown)
            && known.into_iter().any(|state| is(before, state))
            && same(now, before, "observedGeneration")
            && same(now, before, "reconcileAt")
    }

    /// Whether the status of a profile or a site stands: nobody waits but for the read.
    pub(super) fn keeps_layer(&self, tally: &LayerTally, now: &Value, before: &Value) -> bool {
        self.patient
            && tally.unread > 0
            && tally.pending == tally.unread
            && before.get("conditions").is_some()
            && same(now, before, "observedGeneration")
    }
}

fn same(now: &Value, before: &Value, field: &str) -> bool {
    now.get(field) == before.get(field)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::SiteName;

    fn tallies(unread: usize) -> Tallies {
        let tally = LayerTally { unread, pending: unread, phones: 9, ..LayerTally::default() };
        Tallies { by_site: [(SiteName::new("berlin"), tally)].into(), ..Tallies::default() }
    }

    fn status(state: &str, generation: i64) -> Value {
        json!({ "state": state, "observedGeneration": generation, "conditions": [] })
    }

    #[test]
    fn what_the_process_before_said_stands_until_the_phone_is_read() {
        let start = Instant::now();
        let mut unread = Unread::new(start);
        unread.look(&tallies(3), start);
        let unknown = status("Unknown", 1);
        for state in ["InSync", "Drifted", "Degraded"] {
            assert!(unread.keeps_phone(&unknown, &status(state, 1)), "{state}");
        }
        for (now, before) in
            [("Unknown", "Pending"), ("Unknown", "Invalid"), ("Pending", "InSync"), ("Drifted", "InSync")]
        {
            assert!(!unread.keeps_phone(&status(now, 1), &status(before, 1)), "{now} after {before}");
        }
        assert!(!unread.keeps_phone(&status("Unknown", 2), &status("InSync", 1)), "its document is another one");
        assert!(!unread.keeps_phone(&unknown, &Value::Null));
        let tally = tallies(3).by_site.into_values().next().unwrap();
        assert!(unread.keeps_layer(&tally, &status("", 1), &status("", 1)));
        assert!(!unread.keeps_layer(&LayerTally { pending: 4, ..tally }, &status("", 1), &status("", 1)), "one waits");
        assert!(!unread.keeps_layer(&LayerTally { unread: 0, ..tally }, &status("", 1), &status("", 1)));
        assert!(!unread.keeps_layer(&tally, &status("", 2), &status("", 1)), "another document");
        assert!(!unread.keeps_layer(&tally, &status("", 1), &Value::Null), "nothing was said before");
    }

    #[test]
    fn it_stands_as_long_as_phones_are_read_and_for_a_while_after_the_last() {
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_mins(minutes);
        let mut unread = Unread::new(start);
        let mut keeps = |left: usize, minutes: u64| {
            unread.look(&tallies(left), at(minutes));
            unread.keeps_phone(&status("Unknown", 1), &status("InSync", 1))
        };
        assert!(keeps(9, 0) && keeps(8, 14) && keeps(3, 28) && keeps(3, 42));
        assert!(!keeps(3, 43), "nobody was read for a quarter of an hour");
        assert!(!keeps(3, 60) && keeps(2, 61), "one more was");
    }
}
