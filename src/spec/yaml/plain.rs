//! What an unquoted scalar means. YAML 1.1 (Kubernetes' tools), YAML 1.2 and the eye of a reader disagree on some of
//! them; those are traps and are never guessed.

use crate::spec::code;

/// What an unquoted scalar means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::spec) enum Plain<'a> {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A decimal integer.
    Integer(i64),
    /// Any other number.
    Number,
    /// Text.
    Text(&'a str),
    /// Something that has to be written another way.
    Trap(Trap),
}

/// Unquoted scalars that are not what they look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spec) enum Trap {
    /// `0301`: octal for some, decimal for others.
    LeadingZero,
    /// `+49301`: the plus is lost.
    Plus,
    /// `0001E3112233`: a number times a power of ten.
    Exponent,
    /// `0x1F`, `0o17`, `0b1`
    Base,
    /// `1_000`
    Underscore,
    /// `yes`, `no`, `on`, `off`: booleans for Kubernetes' tools. Holds the boolean.
    YesNo(bool),
    /// `True`, `FALSE`. Holds the boolean.
    Case(bool),
    /// `2024-01-31`
    Date,
}

impl Trap {
    /// The stable word of the problem.
    pub(in crate::spec) fn code(self) -> &'static str {
        match self {
            Self::LeadingZero => code::LEADING_ZERO,
            Self::Plus => code::LEADING_PLUS,
            Self::Exponent => code::EXPONENT,
            Self::Base => code::NUMBER_BASE,
            Self::Underscore => code::UNDERSCORE,
            Self::YesNo(_) => code::YES_NO,
            Self::Case(_) => code::BOOLEAN_CASE,
            Self::Date => code::DATE,
        }
    }

    /// What is wrong with `raw`, and what to write.
    pub(in crate::spec) fn message(self, raw: &str) -> String {
        match self {
            Self::LeadingZero => {
                format!(
                    "`{raw}` without quotes is a number with leading zeros, which get lost or make it octal; write \"{raw}\""
                )
            }
            Self::Plus => {
                let rest = raw.trim_start_matches('+');
                format!(
                    "`{raw}` without quotes is a number, and its plus gets lost; write \"{raw}\" for a text or {rest} for a number"
                )
            }
            Self::Exponent => {
                format!(
                    "`{raw}` without quotes is a number with an exponent, not a text such as a MAC; write \"{raw}\""
                )
            }
            Self::Base => {
                format!(
                    "`{raw}` without quotes is a number of another base; write it as a decimal number, or \"{raw}\" for a text"
                )
            }
            Self::Underscore => {
                format!(
                    "`{raw}` without quotes is a number for some tools and a text for others; write \"{raw}\" for a text, or leave the underscores out"
                )
            }
            Self::YesNo(value) => {
                format!(
                    "`{raw}` without quotes is a boolean for some tools and a text for others; write {value} for a boolean, or \"{raw}\" for a text"
                )
            }
            Self::Case(value) => format!("`{raw}` without quotes is a boolean; write {value}, or \"{raw}\" for a text"),
            Self::Date => {
                format!("`{raw}` without quotes is a date for some tools and a text for others; write \"{raw}\"")
            }
        }
    }
}

/// Whether an unquoted scalar is null.
pub(in crate::spec) fn is_null(raw: &str) -> bool {
    matches!(raw, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads an unquoted scalar.
pub(in crate::spec) fn read(raw: &str) -> Plain<'_> {
    if is_null(raw) {
        return Plain::Null;
    }
    if let Some(word) = word(raw) {
        return word;
    }
    let starts_like_a_number = raw.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if !starts_like_a_number {
        return Plain::Text(raw);
    }
    number(raw)
}

fn word(raw: &str) -> Option<Plain<'_>> {
    Some(match raw {
        "true" => Plain::Bool(true),
        "false" => Plain::Bool(false),
        "True" | "TRUE" => Plain::Trap(Trap::Case(true)),
        "False" | "FALSE" => Plain::Trap(Trap::Case(false)),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Plain::Trap(Trap::YesNo(true)),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Plain::Trap(Trap::YesNo(false)),
        _ => return None,
    })
}

fn number(raw: &str) -> Plain<'_> {
    let digits = raw.trim_start_matches(['+', '-']);
    let signs = raw.len() - digits.len();
    if signs > 1 {
        return Plain::Text(raw);
    }
    if is_date(raw) {
        return Plain::Trap(Trap::Date);
    }
    if is_based(digits) {
        return Plain::Trap(Trap::Base);
    }
    let bare: String = digits.chars().filter(|c| *c != '_').collect();
    if !is_decimal(&bare) {
        return Plain::Text(raw);
    }
    if bare.len() != digits.len() {
        return Plain::Trap(Trap::Underscore);
    }
    if raw.starts_with('+') {
        return Plain::Trap(Trap::Plus);
    }
    if bare.contains(['e', 'E']) {
        return Plain::Trap(Trap::Exponent);
    }
    if bare.len() > 1 && bare.starts_with('0') && !bare.starts_with("0.") {
        return Plain::Trap(Trap::LeadingZero);
    }
    raw.parse().map_or(Plain::Number, Plain::Integer)
}

/// `12`, `1.5`, `.5`, `1e3`, `.inf`, `.nan`, without sign.
fn is_decimal(text: &str) -> bool {
    if matches!(text, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_good = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_is_good
}

fn is_based(digits: &str) -> bool {
    let of = |rest: &str, radix| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix) || c == '_');
    digits.strip_prefix("0x").is_some_and(|rest| of(rest, 16))
        || digits.strip_prefix("0o").is_some_and(|rest| of(rest, 8))
        || digits.strip_prefix("0b").is_some_and(|rest| of(rest, 2))
}

fn is_date(raw: &str) -> bool {
    let mut parts = raw.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let day: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let behind = rest.get(day.len()..).unwrap_or("");
    year.len() == 4
        && number(year)
        && number(month)
        && month.len() <= 2
        && (1..=2).contains(&day.len())
        && (behind.is_empty() || behind.starts_with(['T', 't', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_that_every_tool_reads_alike_are_taken() {
        assert_eq!(read("60"), Plain::Integer(60));
        assert_eq!(read("-720"), Plain::Integer(-720));
        assert_eq!(read("0"), Plain::Integer(0));
        assert_eq!(read("true"), Plain::Bool(true));
        assert_eq!(read("1.5"), Plain::Number);
        assert_eq!(read("0.5"), Plain::Number);
        assert_eq!(read("99999999999999999999"), Plain::Number);
        for text in ["192.0.2.123", "00:1A:E8:11:22:33", "001AE8112233", "OpenStage 40", "24h", "-", "1-2", "2*8"] {
            assert_eq!(read(text), Plain::Text(text), "{text}");
        }
        for null in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(read(null), Plain::Null, "{null}");
        }
    }

    #[test]
    fn scalars_that_tools_read_differently_are_traps() {
        for (raw, trap) in [
            ("0301", Trap::LeadingZero),
            ("-01", Trap::LeadingZero),
            ("+4930123", Trap::Plus),
            ("0001E3112233", Trap::Exponent),
            ("1E311", Trap::Exponent),
            ("1e-3", Trap::Exponent),
            ("0x1F", Trap::Base),
            ("1_000", Trap::Underscore),
            ("yes", Trap::YesNo(true)),
            ("Off", Trap::YesNo(false)),
            ("TRUE", Trap::Case(true)),
            ("2024-01-31", Trap::Date),
        ] {
            assert_eq!(read(raw), Plain::Trap(trap), "{raw}");
        }
    }
}
