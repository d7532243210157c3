//! Windows: the times at which a phone may be written, by a cron schedule, a duration and a time zone.
//!
//! - A window opens at each time of its schedule on the clock of its zone, and stays open for its duration, which is
//!   elapsed time: three hours are three hours also when the clock is changed meanwhile.
//! - A time that the clock leaves out (summer time begins) opens at the moment after the gap. A time that the clock
//!   shows twice (summer time ends) opens once, at its first showing; a schedule that opens each hour goes on opening.
//! - Windows that overlap or touch are one stretch.
//!
//! [`windows_open`] searches each schedule once or a few times, without I/O and without anything that lasts. Its answer holds until the
//! moment it names: whoever asks for each message of many phones may keep it that long.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{SignedDuration, Timestamp, civil::DateTime};
use serde::{Deserialize, Serialize};

use super::{policy::seconds, zone::Zone};

/// Shortest and longest window.
pub const DURATIONS: [Duration; 2] = [Duration::from_mins(1), Duration::from_hours(168)];
/// Longest schedule, in bytes.
const SCHEDULE_LIMIT: usize = 200;
/// How often a stretch is prolonged by the windows that follow without a gap, and up to which length.
const STEPS: usize = 16;
const STRETCH: SignedDuration = SignedDuration::from_hours(24);

/// A cron schedule of five fields: minute, hour, day of month, month, day of week. A clone shares it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    text: Box<str>,
    cron: Cron,
}

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// Not five fields, a field that is wrong, or a date that never comes.
    pub fn new(text: &str) -> Result<Self, String> {
        let fields = text.split_ascii_whitespace().count();
        if fields != 5 || text.len() > SCHEDULE_LIMIT {
            return Err(format!(
                "a schedule has five fields (minute, hour, day of month, month, day of week), such as `0 2 * * *`, not {fields}"
            ));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| format!("`{text}` is no cron schedule: {error}"))?;
        let start = DateTime::constant(2024, 1, 1, 0, 0, 0, 0);
        if cron.find_next_occurrence(&start, true).is_err() {
            return Err(format!("the schedule `{text}` names a time that never comes"));
        }
        Ok(Self(Arc::new(Parsed { text: text.into(), cron })))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Schedule {}

impl Hash for Schedule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.as_str().into()
    }
}

impl TryFrom<String> for Schedule {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

/// One window.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// When it opens.
    pub schedule: Schedule,
    /// How long it stays open. Seconds in JSON.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// On whose clock.
    pub time_zone: Zone,
}

impl Window {
    /// The last opening at or before that time.
    fn last_opening(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(self.time_zone.rules().clone());
        self.schedule.0.cron.find_previous_occurrence(&now, true).ok().map(|opening| opening.timestamp())
    }

    /// The first opening after that time.
    fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(self.time_zone.rules().clone());
        self.schedule.0.cron.find_next_occurrence(&now, false).ok().map(|opening| opening.timestamp())
    }

    /// When it closes if it is open at that time: the end of the last of its openings.
    fn closing(&self, now: Timestamp) -> Option<Timestamp> {
        let length = SignedDuration::try_from(self.duration).ok()?;
        self.last_opening(now)?.checked_add(length).ok().filter(|end| *end > now)
    }
}

/// Whether a phone may be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// There are no windows.
    Always,
    /// Yes, until this time. A stretch that goes on for very long is cut: asked again at the end, the answer is yes.
    OpenUntil(Timestamp),
    /// No; the next opening, if there ever is one.
    ClosedUntil(Option<Timestamp>),
}

impl Opening {
    /// Whether it is open.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::ClosedUntil(_))
    }
}

/// Whether one of the windows is open, and until when this answer holds. No windows = any time.
pub fn windows_open(windows: &[Window], now: Timestamp) -> Opening {
    if windows.is_empty() {
        return Opening::Always;
    }
    let closing = |at: Timestamp| windows.iter().filter_map(|window| window.closing(at)).max();
    let Some(mut end) = closing(now) else {
        return Opening::ClosedUntil(windows.iter().filter_map(|window| window.next_opening(now)).min());
    };
    for _ in 0..STEPS {
        match closing(end).filter(|_| end.duration_since(now) < STRETCH) {
            Some(later) => end = later,
            None => break,
        }
    }
    Opening::OpenUntil(end)
}

#[cfg(test)]
mod tests;
