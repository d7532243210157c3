//! Checks one value of one document and gives its wire form (R-1201 to R-1209).
//!
//! What weighs how much:
//!
//! - the YAML type: always an error, since what people meant cannot be known (`e164: 4930123456`)
//! - the type of the item (host name, URI, MAC, number of an enumeration) and emptiness: an error where it is documented
//!   or where the item's effect is safety or service
//! - range, length, listed values: an error where it is documented, else a warning
//! - what cannot stand in a message at all: always an error

use super::{
    Scalar,
    compare::without_blanks,
    finding::{Finding, Findings, Severity, code},
    item_type::{ItemType, Kind},
    rules::{self, NULL},
    syntax::{Decimal, is_host, is_uri, mac_digits},
};
use crate::wpi::ItemId;

/// Longest text of one item, in bytes: it must fit in one message with its group.
pub const TEXT_LIMIT: usize = 40_000;

/// Most characters of a value that a message repeats.
const SHOWN: usize = 60;

/// Wire text, unless a finding is an error, and the findings. `item` is `None` for an item that is not catalogued.
pub(super) fn check(
    id: &ItemId,
    item: Option<&ItemType>,
    secret: bool,
    value: Scalar<'_>,
) -> (Option<String>, Vec<Finding>) {
    let mut findings = Findings::on(id);
    let wire = match item {
        _ if value == Scalar::Null => {
            findings.error(code::NULL, "null is not a value; leave the item out, or write \"\" to clear a text");
            None
        }
        _ if secret => {
            findings.error(code::SECRET, "is a secret and must not stand here; write a reference such as {file: NAME}");
            None
        }
        None => unknown(value, None, &mut findings),
        Some(item) => match item.kind {
            Kind::Boolean => boolean(value, &mut findings),
            Kind::Integer => integer(item, value, &mut findings),
            Kind::Enum => enumeration(item, value, &mut findings),
            Kind::Unknown => unknown(value, Some(item), &mut findings),
            _ => quoted(value, &mut findings).map(|given| text(item, given, &mut findings)),
        },
    };
    (wire.filter(|_| !findings.has_error()), findings.into_vec())
}

fn boolean(value: Scalar<'_>, findings: &mut Findings<'_>) -> Option<String> {
    match value {
        Scalar::Bool(truth) => return Some(truth.to_string()),
        Scalar::Text("" | NULL) => {
            findings.error(code::EMPTY, "cannot be cleared; write true or false, or leave it out (R-1204)");
        }
        Scalar::Text(word) if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => {
            let plain = word.to_ascii_lowercase();
            findings.error(code::TYPE, format_args!("is true or false without quotes; write {plain}, not {word:?}"));
        }
        Scalar::Integer(number @ 0..=1) => {
            findings.error(code::TYPE, format_args!("is true or false, never 0 or 1; write {} (R-1201)", number == 1));
        }
        other => findings.error(code::TYPE, format_args!("is true or false, not {}", shown(other))),
    }
    None
}

fn integer(item: &ItemType, value: Scalar<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let number = match value {
        Scalar::Integer(number) => Some(number),
        Scalar::Text("" | NULL) => {
            findings.add(
                item.type_severity(),
                code::EMPTY,
                "is a number; it is not known whether phones let it be cleared",
            );
            return Some(String::new());
        }
        Scalar::Text(digits) => Decimal::parse(digits).and_then(|number| number.to_string().parse().ok()),
        _ => None,
    };
    let Some(number) = number else {
        findings.error(code::TYPE, format_args!("is a whole number, not {}", shown(value)));
        return None;
    };
    if let Some(range) = item.range.as_ref().filter(|range| !range.contains(&number)) {
        let (first, last) = (range.start(), range.end());
        let unit = if item.unit.is_empty() { String::new() } else { format!(" {}", item.unit) };
        findings.add(item.constraint_severity(), code::RANGE, format_args!("{number} is not in {first}..{last}{unit}"));
    }
    rules::number(item, number, findings);
    Some(number.to_string())
}

fn enumeration(item: &ItemType, value: Scalar<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let wire = match value {
        Scalar::Integer(number) => number.to_string(),
        Scalar::Text("" | NULL) => {
            findings.error(code::EMPTY, format_args!("cannot be cleared; write {} (R-1204)", choices(item)));
            return None;
        }
        Scalar::Text(word) => Decimal::parse(word).map_or_else(|| word.to_owned(), |number| number.to_string()),
        Scalar::Bool(_) | Scalar::Number(_) | Scalar::Null => {
            findings.error(code::TYPE, format_args!("{} does not fit; write {}", shown(value), choices(item)));
            return None;
        }
    };
    writable(item, &wire, findings);
    if item.values.iter().any(|value| value.wire == wire) {
        return Some(wire);
    }
    if let Some(meant) = item.values.iter().find(|value| value.meaning.eq_ignore_ascii_case(&wire)) {
        findings.error(code::VALUE, format_args!("{} is written as {}", shown(value), meant.wire));
        return Some(wire);
    }
    let numbers = !item.values.is_empty() && item.values.iter().all(|value| Decimal::parse(&value.wire).is_some());
    let (severity, code) = if numbers && Decimal::parse(&wire).is_none() {
        (item.type_severity(), code::TYPE)
    } else if item.open {
        (Severity::Warning, code::VALUE)
    } else {
        (item.constraint_severity(), code::VALUE)
    };
    findings.add(severity, code, format_args!("{} is not a known value; known: {}", shown(value), choices(item)));
    Some(wire)
}

/// An item of which no type is known takes a text or a boolean.
fn unknown(value: Scalar<'_>, item: Option<&ItemType>, findings: &mut Findings<'_>) -> Option<String> {
    if let Scalar::Bool(truth) = value {
        return Some(truth.to_string());
    }
    let given = quoted(value, findings)?;
    Some(if let Some(item) = item {
        text(item, given, findings)
    } else {
        characters(given, findings);
        given.to_owned()
    })
}

/// The text, which must be a YAML string.
fn quoted<'a>(value: Scalar<'a>, findings: &mut Findings<'_>) -> Option<&'a str> {
    let (kind, raw) = match value {
        Scalar::Text(text) => return Some(text),
        Scalar::Bool(truth) => ("a boolean", truth.to_string()),
        Scalar::Integer(number) => ("a number", number.to_string()),
        Scalar::Number(raw) => ("a number", bounded(raw)),
        Scalar::Null => return None,
    };
    findings.error(code::TYPE, format_args!("{raw} is read as {kind}, but this item takes a text; quote it: {raw:?}"));
    None
}

fn text(item: &ItemType, given: &str, findings: &mut Findings<'_>) -> String {
    if given.is_empty() || given == NULL {
        if rules::needs_value(&item.name) {
            findings.add(item.type_severity(), code::EMPTY, "needs a value (R-1219)");
        }
        return rules::cleared(&item.name).to_owned();
    }
    if rules::is_multi_line(&item.name) {
        let lines = given.replace("\r\n", "\n").trim().to_owned();
        characters(&lines.replace(['\n', '\t'], " "), findings);
        return lines;
    }
    writable(item, given, findings);
    let well_formed = match item.kind {
        Kind::Hostname => is_host(given),
        Kind::Uri => is_uri(given),
        Kind::Mac => mac_digits(given).is_some(),
        _ => true,
    };
    if !well_formed {
        let what = match item.kind {
            Kind::Hostname => "is not a host name or address, which has no scheme, port or path",
            Kind::Uri => "is not a URI",
            _ => "is not a MAC address",
        };
        findings.add(item.type_severity(), code::SYNTAX, what);
    }
    rules::text(item, given, findings);
    if rules::is_comma_list(&item.name) { without_blanks(given) } else { given.to_owned() }
}

/// Whether a text of one line can stand in a message, and has the length of the item.
fn writable(item: &ItemType, text: &str, findings: &mut Findings<'_>) {
    characters(text, findings);
    let length = text.chars().count();
    if let Some(most) = item.max_length.filter(|most| length > *most) {
        findings.add(
            item.constraint_severity(),
            code::LENGTH,
            format_args!("has {length} characters, at most {most} fit"),
        );
    }
}

fn characters(text: &str, findings: &mut Findings<'_>) {
    if let Some(found) = text.chars().find(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        findings
            .error(code::CONTROL, format_args!("holds the control character U+{:04X}; take it out", u32::from(found)));
    } else if text.trim().len() != text.len() {
        findings.error(code::SPACE, "has white space around the value, which phones cut off; take it out (R-501)");
    }
    if text.len() > TEXT_LIMIT {
        findings.error(code::LENGTH, format_args!("has {} bytes, at most {TEXT_LIMIT} fit in a message", text.len()));
    }
}

/// The values of an enumeration, for people.
fn choices(item: &ItemType) -> String {
    let words: Vec<String> = item
        .values
        .iter()
        .take(20)
        .map(|value| match value.meaning.as_str() {
            "" => value.wire.to_string(),
            meaning => format!("{} ({meaning})", value.wire),
        })
        .collect();
    words.join(", ")
}

/// A value as it may stand in a message.
fn shown(value: Scalar<'_>) -> String {
    match value {
        Scalar::Text(text) => format!("{:?}", bounded(text)),
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Number(raw) => bounded(raw),
        Scalar::Null => "null".to_owned(),
    }
}

fn bounded(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
