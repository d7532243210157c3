//! Durations (`1h30m`) and ends (`until`).

use std::time::Duration;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::{Findings, scalar};
use crate::spec::{
    code,
    yaml::{Node, Style, Value},
};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// A duration within bounds, which the message shows as `bounds`. `what` names the field.
pub(in crate::spec) fn within(
    findings: &mut Findings,
    node: &Node,
    what: &str,
    [least, most]: [Duration; 2],
    bounds: &str,
) -> Option<Duration> {
    let text = scalar::scalar(findings, node, what).and(node.text())?;
    let Some(duration) = duration(text) else {
        let message = format!("{what} must be a duration with units, such as 24h, 30m or 1h30m (s, m, h and d)");
        findings.error(node.mark, code::DURATION, message);
        return None;
    };
    if (least..=most).contains(&duration) {
        return Some(duration);
    }
    findings.error(node.mark, code::DURATION, format!("{what} must be {bounds}"));
    None
}

/// `policy.interval`: a minute to 30 days.
pub(in crate::spec) fn interval(findings: &mut Findings, node: &Node) -> Option<Duration> {
    let bounds = [Duration::from_secs(MINUTE), Duration::from_secs(30 * DAY)];
    within(findings, node, "`policy.interval`", bounds, "at least 1m and at most 30d")
}

/// Reads `1h30m` and its like: numbers with units, each unit once, the larger ones first.
fn duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text;
    for (unit, size) in [('d', DAY), ('h', 60 * MINUTE), ('m', MINUTE), ('s', 1)] {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at_checked(digits)?;
        if let Some(behind) = behind.strip_prefix(unit) {
            seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(size)?)?;
            rest = behind;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(Duration::from_secs(seconds))
}

/// Reads an `until`: a time with its offset (RFC 3339), or a date, which means its end in UTC. A date needs no quotes
/// here, where nothing else can be meant.
pub(in crate::spec) fn until(findings: &mut Findings, node: &Node, what: &str) -> Option<Timestamp> {
    let text = match &node.value {
        Value::Scalar(text, Style::Plain | Style::Quoted) if !node.is_null() => text.as_str(),
        _ => scalar::string(findings, node, what)?,
    };
    let time = text.parse().ok().or_else(|| end_of_day(text));
    if time.is_none() {
        let message = format!(
            "{what} must be a time with its offset, such as 2026-12-31T18:00:00Z, or a date, such as 2026-12-31, which means the end of that day in UTC"
        );
        findings.error(node.mark, code::TIME, message);
    }
    time
}

fn end_of_day(text: &str) -> Option<Timestamp> {
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day: Date = text.parse().ok().filter(|_| is_date)?;
    let next = day.checked_add(1.day()).ok()?;
    next.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, seconds) in [("24h", 86_400), ("30m", 1_800), ("1h30m", 5_400), ("90s", 90), ("30d", 2_592_000)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "60", "h", "1x", "30m1h", "1.5h", "-1h", "99999999999999999999h", "1 h"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_date_means_the_end_of_that_day() {
        assert_eq!(end_of_day("2026-12-31"), Some("2027-01-01T00:00:00Z".parse().unwrap()));
        for bad in ["", "2026-12", "2026-02-30", "20261231", "2026-12-31T00:00", "9999-12-31", "+2026-12-31"] {
            assert_eq!(end_of_day(bad), None, "{bad}");
        }
    }
}
