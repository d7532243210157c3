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

/// The lines of the last minute, by what they say, with how often each was held back.
#[derive(Debug, Default)]
struct Known(HashMap<u64, (Instant, u64)>);

impl Known {
    fn meet(&mut self, line: u64, now: Instant) -> Fate {
        if let Some((written, held)) = self.0.get_mut(&line) {
            if now.duration_since(*written) < REST {
                *held += 1;
                return Fate::Held;
            }
            let before = std::mem::take(held);
            *written = now;
            return Fate::Written { before };
        }
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (written, _)| now.duration_since(*written) < REST);
        }
        if self.0.len() < REMEMBERED {
            self.0.insert(line, (now, 0));
        }
        Fate::Written { before: 0 }
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
        for line in 0..=REMEMBERED as u64 {
            known.meet(line, start);
        }
        assert_eq!(known.0.len(), REMEMBERED);
        assert_eq!(known.meet(REMEMBERED as u64, start), Fate::Written { before: 0 });
        assert_eq!(known.meet(9_999, start + REST), Fate::Written { before: 0 });
        assert_eq!(known.0.len(), 1, "those of before are forgotten");
    }

    #[test]
    fn the_count_stands_in_both_forms_of_a_line() {
        assert_eq!(with_count("{\"level\":\"WARN\"}\n", 7), "{\"level\":\"WARN\",\"heldBack\":7}\n");
        assert_eq!(with_count("WARN session phone=a\n", 7), "WARN session phone=a held_back=7\n");
    }
}
