//! The shapes of texts: decimal numbers, host names, URIs, MAC addresses.

use std::net::{IpAddr, Ipv4Addr};

/// A decimal number without leading zeros; equal numbers are equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal<'a> {
    negative: bool,
    digits: &'a str,
}

impl<'a> Decimal<'a> {
    /// Reads digits with an optional minus sign; anything else is no number.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (minus, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_start_matches('0');
        Some(if significant.is_empty() {
            Self { negative: false, digits: "0" }
        } else {
            Self { negative: minus, digits: significant }
        })
    }
}

impl std::fmt::Display for Decimal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.negative { "-" } else { "" }, self.digits)
    }
}

/// Whether the text is an address or a host name. A name whose last label is a number must be an IPv4 address.
pub(super) fn is_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    let numeric_end = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(label) && (!numeric_end || name.parse::<Ipv4Addr>().is_ok())
}

/// Whether the text can be a URI: no white space, no delimiters that a URI never holds. A scheme is not needed, since
/// some items of that type also take a bare number.
pub(super) fn is_uri(text: &str) -> bool {
    !text.is_empty()
        && !text.chars().any(|c| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '{' | '}' | '\\' | '^'))
}

/// The twelve hex digits of a MAC address, in lower case; separators `:`, `-` and `.` are left out.
pub(super) fn mac_digits(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).take(13).map(|c| c.to_ascii_lowercase()).collect();
    (digits.len() == 12 && digits.bytes().all(|c| c.is_ascii_hexdigit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_equal_by_value() {
        assert_eq!(Decimal::parse("007"), Decimal::parse("7"));
        assert_eq!(Decimal::parse("-0"), Decimal::parse("00"));
        assert_ne!(Decimal::parse("-7"), Decimal::parse("7"));
        assert_eq!(Decimal::parse("-060").map(|number| number.to_string()).as_deref(), Some("-60"));
        for text in ["", "-", "+1", "1.0", "0x1", " 1", "１"] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for text in ["pbx.example", "pbx.example.", "192.0.2.10", "2001:db8::1", "a_b-c", "3com.example"] {
            assert!(is_host(text), "{text}");
        }
        for text in ["", ".", "a..b", "192.0.2.300", "192.0.2.010", "http://a", "a b", "pbx:5060", "büro.example"] {
            assert!(!is_host(text), "{text}");
        }
    }

    #[test]
    fn mac_addresses_are_read_with_any_separator() {
        for text in ["00:1A:E8:11:22:33", "00-1a-e8-11-22-33", "001AE8112233", "001a.e811.2233"] {
            assert_eq!(mac_digits(text).as_deref(), Some("001ae8112233"));
        }
        assert_eq!(mac_digits("00:1A:E8:11:22"), None);
        assert_eq!(mac_digits("00:1A:E8:11:22:33:44"), None);
    }
}
