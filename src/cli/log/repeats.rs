//! The same warning or error is written once a minute at most; the next one says how often it came in between. Lines
//! below warnings are what somebody asked for or did, and are never held back.
//!
//! Two lines are the same when they come from the same place in the code and say the same, but for how long something
//! took ([`TIMES`]). [`REMEMBERED`] lines are known at a time; beyond that each line is written.

use std::{
    collections::HashMap,
    fmt::{self, Write},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::metrics::counter::Counter;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// How long a line is not written again.
const REST: Duration = Duration::from_mins(1);

/// Most lines that are known at a time.
const REMEMBERED: usize = 4_096;

/// Fields that tell two lines not apart.
const TIMES: [&str; 3] = ["millis", "seconds", "times"];

/// Writes events by another format, and holds back warnings that were written just now.
pub(super) struct Repeats<F> {
    format: F,
    key: RandomState,
    known: Mutex<Known>,
    held_back: Counter,
}

impl<F> Repeats<F> {
    /// Around that format; each line that is held back is counted.
    pub(super) fn new(format: F, held_back: Counter) -> Self {
        Self { format, key: RandomState::new(), known: Mutex::default(), held_back }
    }

    fn fate(&self, event: &Event<'_>) -> Fate {
        if *event.metadata().level() > Level::WARN {
            return Fate::Written { before: 0 };
        }
        let mut said = Said(self.key.build_hasher());
        event.metadata().callsite().hash(&mut said.0);
        event.record(&mut said);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).meet(said.0.finish(), Instant::now())
    }
}

impl<S, N, F> FormatEvent<S, N> for Repeats<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        match self.fate(event) {
            Fate::Held => {
                self.held_back.inc();
                Ok(())
            }
            Fate::Written { before: 0 } => self.format.format_event(ctx, writer, event),
            Fate::Written { before } => {
                let mut line = String::new();
                self.format.format_event(ctx, Writer::new(&mut line), event)?;
                writer.write_str(&with_count(&line, before))
            }
        }
    }
}

/// A line that says how often it was held back before.
fn with_count(line: &str, before: u64) -> String {
    let line = line.trim_end_matches('\n');
    match line.strip_suffix('}').filter(|_| line.starts_with('{')) {
        Some(open) => format!("{open},\"heldBack\":{before}}}\n"),
        None => format!("{line} held_back={before}\n"),
    }
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is written; so often it was held back before.
    Written { before: u64 },
    /// It is not written.
    Held,
}

/// The lines of the last minute, by what they say, with how often each was held back. In two halves: the older one goes
/// as a whole once nothing of it was written within the last minute, so that no line costs a look at all others.
#[derive(Debug, Default)]
struct Known {
    recent: Half,
    older: Half,
}

#[derive(Debug, Default)]
struct Half {
    lines: HashMap<u64, (Instant, u64)>,
    last: Option<Instant>,
}

impl Half {
    fn meet(&mut self, line: u64, now: Instant) -> Option<Fate> {
        let (written, held) = self.lines.get_mut(&line)?;
        if now.duration_since(*written) < REST {
            *held += 1;
            return Some(Fate::Held);
        }
        let before = std::mem::take(held);
        self.lines.remove(&line);
        Some(Fate::Written { before })
    }
}

impl Known {
    fn meet(&mut self, line: u64, now: Instant) -> Fate {
        let met = self.recent.meet(line, now).or_else(|| self.older.meet(line, now));
        if met == Some(Fate::Held) {
            return Fate::Held;
        }
        let is_over = |half: &Half| half.last.is_none_or(|last| now.duration_since(last) >= REST);
        if self.recent.lines.len() >= REMEMBERED / 2 && is_over(&self.older) {
            self.older = std::mem::take(&mut self.recent);
        }
        if self.recent.lines.len() < REMEMBERED / 2 {
            self.recent.lines.insert(line, (now, 0));
            self.recent.last = Some(now);
        }
        met.unwrap_or(Fate::Written { before: 0 })
    }
}

/// Hashes what an event says.
struct Said<H>(H);

impl<H: Hasher> Visit for Said<H> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !TIMES.contains(&field.name()) {
            field.name().hash(&mut self.0);
            // a hash takes every write
            let _ = write!(Text(&mut self.0), "{value:?}");
        }
    }
}

/// Text on its way into a hash.
struct Text<'a, H>(&'a mut H);

impl<H: Hasher> Write for Text<'_, H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use tracing_subscriber::fmt::{self, fmt, format::JsonFields};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of what `act` logs, and how many lines were held back.
    fn logged(act: impl FnOnce()) -> (Vec<serde_json::Value>, u64) {
        let (lines, held_back) = (Lines::default(), Counter::default());
        let out = lines.clone();
        let format = Repeats::new(fmt::format().without_time().json().flatten_event(true), held_back.clone());
        let logger = fmt().fmt_fields(JsonFields::new()).event_format(format).with_writer(move || out.clone()).finish();
        tracing::subscriber::with_default(logger, act);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), held_back.get())
    }

    #[test]
    fn the_same_warning_is_written_once_and_counted_then() {
        let (lines, held_back) = logged(|| {
            for millis in 0..5 {
                tracing::warn!(phone = "reception", millis, "session");
            }
        });
        assert_eq!((lines.len(), held_back), (1, 4));
        assert_eq!(lines[0]["phone"], "reception");
    }

    #[test]
    fn another_phone_another_place_and_what_was_done_are_lines_of_their_own() {
        let (lines, held_back) = logged(|| {
            for phone in ["reception", "gate-house"] {
                tracing::warn!(phone, "session");
            }
            tracing::warn!(phone = "reception", "session");
            for _ in 0..3 {
                tracing::info!(actor = "ada", "act");
            }
        });
        assert_eq!((lines.len(), held_back), (6, 0));
    }

    #[test]
    fn after_a_minute_the_line_comes_again_with_how_often_it_came() {
        let (mut known, start) = (Known::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(known.meet(1, at(0)), Fate::Written { before: 0 });
        assert_eq!(known.meet(1, at(59)), Fate::Held);
        assert_eq!(known.meet(2, at(59)), Fate::Written { before: 0 });
        assert_eq!(known.meet(1, at(60)), Fate::Written { before: 1 });
        assert_eq!(known.meet(1, at(120)), Fate::Written { before: 0 });
    }

    #[test]
    fn more_lines_than_are_remembered_are_written_each() {
        let (mut known, start) = (Known::default(), Instant::now());
        let size = |known: &Known| known.recent.lines.len() + known.older.lines.len();
        for line in 0..=REMEMBERED as u64 {
            known.meet(line, start);
        }
        assert_eq!(size(&known), REMEMBERED);
        assert_eq!(known.meet(REMEMBERED as u64, start), Fate::Written { before: 0 });
        assert_eq!([known.meet(0, start), known.meet(REMEMBERED as u64 - 1, start)], [Fate::Held, Fate::Held]);
        let later = start + REST;
        assert_eq!(known.meet(9_999, later), Fate::Written { before: 0 });
        assert_eq!(
            (known.meet(9_999, later), size(&known)),
            (Fate::Held, REMEMBERED / 2 + 1),
            "the older half is gone"
        );
        assert_eq!(known.meet(REMEMBERED as u64 - 1, later), Fate::Written { before: 1 }, "the other one is known");
    }

    #[test]
    fn however_long_lines_come_no_more_are_remembered_than_may_be() {
        let (mut known, start) = (Known::default(), Instant::now());
        for line in 0..10 * REMEMBERED as u64 {
            let now = start + Duration::from_millis(40 * line);
            known.meet(line, now);
            assert_eq!(known.meet(line, now), Fate::Held, "{line}");
            // one that comes all the time keeps no half
            known.meet(7, now);
            assert!(known.recent.lines.len() + known.older.lines.len() <= REMEMBERED);
        }
    }

    #[test]
    fn the_count_stands_in_both_forms_of_a_line() {
        assert_eq!(with_count("{\"level\":\"WARN\"}\n", 7), "{\"level\":\"WARN\",\"heldBack\":7}\n");
        assert_eq!(with_count("WARN session phone=a\n", 7), "WARN session phone=a held_back=7\n");
    }
}
