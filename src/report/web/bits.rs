//! Words, numbers, times and links, each written in one way.

use std::fmt::Write;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::{
    fleet::{tally::LayerTally, words::State},
    spec::Revision,
};

/// The order of states on the page: what is well first, what needs a look behind.
pub(super) const ORDER: [State; 11] = [
    State::InSync,
    State::Reconciling,
    State::Pending,
    State::Held,
    State::Drifted,
    State::Degraded,
    State::Invalid,
    State::Suspended,
    State::Unknown,
    State::Undeclared,
    State::Abandoned,
];

/// The class that gives a state its colour.
pub(super) fn class(state: State) -> &'static str {
    match state {
        State::InSync => "s-insync",
        State::Reconciling => "s-reconciling",
        State::Pending => "s-pending",
        State::Held => "s-held",
        State::Drifted => "s-drifted",
        State::Degraded => "s-degraded",
        State::Invalid => "s-invalid",
        State::Suspended => "s-suspended",
        State::Unknown => "s-unknown",
        State::Undeclared => "s-undeclared",
        State::Abandoned => "s-abandoned",
    }
}

/// The sign of a state: a shape of its own, for those who do not tell colours apart.
pub(super) fn sign(state: State) -> Markup {
    let path = match state {
        State::InSync => "M2.5 8.5l3.5 3.5 7.5-8",
        State::Reconciling => "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
        State::Pending => "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2.3 1.6",
        State::Held => "M5.5 3v10M10.5 3v10",
        State::Drifted => "M2 6q3-4 6 0t6 0M2 11q3-4 6 0t6 0",
        State::Degraded => "M8 2.5l6 11H2zM8 6.5v3.2M8 11.6v.2",
        State::Invalid => "M3.5 3.5l9 9M12.5 3.5l-9 9",
        State::Suspended => "M3 8h10",
        State::Unknown => "M5.5 5.8a2.5 2.5 0 1 1 3.6 2.2Q8 8.6 8 10M8 12.6v.2",
        State::Undeclared => "M8 3v10M3 8h10",
        State::Abandoned => "M3 3h10v10H3z",
    };
    html! { svg.sign viewBox="0 0 16 16" aria-hidden="true" focusable="false" { path d=(path) {} } }
}

/// A state with its sign.
pub(super) fn badge(state: State) -> Markup {
    html! { span class={ "badge " (class(state)) } { (sign(state)) (state) } }
}

/// `10,000`
pub(super) fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 phone`, `2 phones`
pub(super) fn phones(count: usize) -> String {
    format!("{} {}", number(count), if count == 1 { "phone" } else { "phones" })
}

/// `97.4 %`; 100 only when it is all of them.
pub(super) fn percent(part: usize, whole: usize) -> String {
    if part >= whole {
        return "100 %".to_owned();
    }
    let tenths = part * 1_000 / whole.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A time that is over, with how long ago.
pub(super) fn ago(then: Option<Timestamp>, now: Timestamp) -> Markup {
    let Some(then) = then else { return html! { span.quiet { "never" } } };
    time(
        then,
        &match now.as_second() - then.as_second() {
            ..1 => "now".to_owned(),
            seconds => format!("{} ago", span(seconds)),
        },
    )
}

/// A time to come, with how long until then.
pub(super) fn ahead(then: Timestamp, now: Timestamp) -> Markup {
    time(
        then,
        &match then.as_second() - now.as_second() {
            ..1 => "now".to_owned(),
            seconds => format!("in {}", span(seconds)),
        },
    )
}

fn time(at: Timestamp, words: &str) -> Markup {
    let exact = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time datetime=(format!("{at:.0}")) title=(exact) { (words) } }
}

/// A time as it is, to the minute.
pub(super) fn minute(at: Timestamp) -> Markup {
    html! { time datetime=(format!("{at:.0}")) { (at.strftime("%Y-%m-%d %H:%M UTC")) } }
}

fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A part of an address, so that nothing in it is taken for more than text.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // a String takes every write
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The address of a list of phones.
pub(super) fn listed(filters: &[(&str, &str)]) -> String {
    let mut address = "/phones".to_owned();
    for (position, (name, value)) in filters.iter().enumerate() {
        address.push(if position == 0 { '?' } else { '&' });
        address.extend([*name, "=", encoded(value).as_str()]);
    }
    address
}

/// The address of a phone, by name or device id.
pub(super) fn phone_address(id: &str) -> String {
    format!("/phones/{}", encoded(id))
}

/// A revision and the way to it.
pub(super) fn revision(name: &str) -> Markup {
    let short = Revision::new(name).short().to_owned();
    html! { a.mono href={ "/revisions/" (encoded(name)) } title=(name) { (short) } }
}

/// `name` or `name[index]`, with places at which it may be broken.
pub(super) fn item(name: &str, index: Option<u32>) -> Markup {
    html! {
        code {
            @for (position, part) in name.split('-').enumerate() {
                @if position > 0 { "-" wbr; }
                (part)
            }
            @if let Some(index) = index { "[" (index) "]" }
        }
    }
}

/// Text of ours, in which what stands between back quotes is typed as it is.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (position, part) in text.split('`').enumerate() {
            @if position % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A text from a phone or a document, without anything that would turn the rest of a line round.
pub(super) fn value(text: Option<&str>) -> Markup {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    html! {
        @match text {
            None => span.quiet { "none" },
            Some("") => span.quiet { "empty" },
            Some(text) => bdi.value {
                (text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect::<String>())
            },
        }
    }
}

/// Counts as a bar; what it says stands beside it in numbers, so it is hidden from those who do not see it.
pub(super) fn bar(parts: &[(&'static str, usize)]) -> Markup {
    const WIDTH: usize = 1_000;
    let total: usize = parts.iter().map(|(_, count)| count).sum();
    let shown: Vec<_> = parts.iter().filter(|(_, count)| *count > 0).collect();
    // a few among many are to be seen too
    let least = WIDTH / 125;
    let spare = WIDTH.saturating_sub(least * shown.len());
    let mut x = 0;
    let end = shown.len().saturating_sub(1);
    let rects = shown.iter().enumerate().map(|(position, (class, count))| {
        // the last one goes to the end, whatever was rounded before
        let width = if position == end { WIDTH - x } else { least + spare * count / total.max(1) };
        let rect = (*class, x, width);
        x += width;
        rect
    });
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for (class, x, width) in rects { rect class=(class) x=(x) width=(width) height="10" {} }
        }
    }
}

/// How some phones are, as a bar.
pub(super) fn tally_bar(tally: &LayerTally) -> Markup {
    bar(&[("s-insync", tally.in_sync), ("s-pending", tally.pending), ("s-drifted", tally.drifted)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_a_place_in_the_order() {
        for state in State::ALL {
            assert_eq!(ORDER.iter().filter(|known| *known == state).count(), 1, "{state}");
        }
    }

    #[test]
    fn numbers_are_told_in_groups_and_shares_never_round_up_to_all() {
        assert_eq!([0, 999, 1_000, 10_000, 1_234_567].map(number), ["0", "999", "1,000", "10,000", "1,234,567"]);
        assert_eq!(percent(9_999, 10_000), "99.9 %");
        assert_eq!([percent(0, 0), percent(3, 3), percent(0, 7)], ["100 %", "100 %", "0.0 %"]);
        assert_eq!([phones(1), phones(2)], ["1 phone", "2 phones"]);
    }

    #[test]
    fn an_address_holds_text_and_nothing_else() {
        assert_eq!(encoded("a/b?c=d&e#f <ü>\"'"), "a%2Fb%3Fc%3Dd%26e%23f%20%3C%C3%BC%3E%22%27");
        assert_eq!(listed(&[("site", "a&state=b"), ("q", "x")]), "/phones?site=a%26state%3Db&q=x");
    }
}
