//! Times and foreign text for people.

use jiff::Timestamp;

/// `3m ago`
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.as_second() - then.as_second() {
        ..1 => "now".to_owned(),
        seconds => format!("{} ago", span(seconds)),
    }
}

/// `in 3m`
pub fn ahead(then: Timestamp, now: Timestamp) -> String {
    match then.as_second() - now.as_second() {
        ..1 => "now".to_owned(),
        seconds => format!("in {}", span(seconds)),
    }
}

/// One unit is enough; the next one comes when there are two of it.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Text that a phone sent, without anything that would steer a terminal.
pub fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_one_unit() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let told = |seconds: i64| ago(Timestamp::from_second(1_700_000_000 - seconds).unwrap(), now);
        let spans = [-5, 0, 1, 119, 120, 7199, 7200, 172_799, 172_800];
        assert_eq!(
            spans.map(told),
            ["now", "now", "1s ago", "119s ago", "2m ago", "119m ago", "2h ago", "47h ago", "2d ago"]
        );
        assert_eq!(ahead(Timestamp::from_second(1_700_000_090).unwrap(), now), "in 90s");
        assert_eq!(ahead(now, now), "now");
    }

    #[test]
    fn what_a_phone_sends_cannot_steer_the_terminal() {
        assert_eq!(clean("Büro \u{1b}[31mred\r\n\u{202e}"), "Büro \\u{1b}[31mred\\r\\n\\u{202e}");
    }
}
