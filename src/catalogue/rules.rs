//! Rules that hold for single names or name families and have no column in `items.csv`.

use super::{
    finding::{Findings, Severity, code},
    item_type::{Access, ItemType, Kind, Owner},
};
use crate::wpi::item::sounds_secret;

/// What stands on the wire for "no value" (R-1203).
pub const NULL: &str = "NULL";

/// Labels above this many characters are cut by most models (R-1209).
const LABEL_SHOWN: usize = 12;

/// The text that clears an item: `NULL` for address-like items, empty for others (R-1203).
pub(super) fn cleared(name: &str) -> &'static str {
    match name {
        "e164"
        | "registrar-addr"
        | "sntp-addr"
        | "snmp-trap-addr"
        | "ldap-server-address"
        | "ldap-user"
        | "backup-addr" => NULL,
        _ => "",
    }
}

/// Whether the item must have a value wherever it is written (R-1219).
pub(super) fn needs_value(name: &str) -> bool {
    matches!(name, "XML-app-name" | "XML-app-program-name" | "XML-app-server-addr")
}

/// Whether the value is a list of numbers with commas and without blanks.
pub(super) fn is_comma_list(name: &str) -> bool {
    matches!(
        name,
        "Canonical-dialing-emergency-number"
            | "Canonical-dialing-extension-initial-digits"
            | "Canonical-dialing-operator-code"
    )
}

/// Whether the value has several lines (PEM).
pub(super) fn is_multi_line(name: &str) -> bool {
    name == "dls-server-ca"
}

/// Whether the value is packed, its fields joined by `^` (R-1208).
pub(super) fn is_packed(name: &str) -> bool {
    name == "alert"
}

/// Whether phones differ in whether they index it (R-1206).
pub(super) fn doubtful_index(name: &str) -> bool {
    name == "ldap-server-address"
}

/// Whether a group holds together across indexes: its members carry different ones, or one and none (R-1210).
pub(super) fn group_spans_indexes(group: &str) -> bool {
    matches!(group, "alert" | "ldap" | "secure-mode")
}

/// Whether the item is never compared (R-1212).
pub(super) fn never_compared(name: &str, item: Option<&ItemType>) -> bool {
    const FAMILIES: [&str; 3] = ["XML-app-", "file-", "restart-"];
    sounds_secret(name)
        || FAMILIES.iter().any(|family| name.starts_with(family))
        || matches!(name, "clear-calllog" | "goto-secure-mode" | "time")
        || name.ends_with("-certificate")
        || item.is_some_and(|item| {
            matches!(item.kind, Kind::Secret | Kind::BinaryBase64)
                || item.access != Access::ReadWrite
                || matches!(item.owner, Owner::Action | Owner::Report)
        })
}

/// Rules on the number of one item.
pub(super) fn number(item: &ItemType, number: i64, findings: &mut Findings<'_>) {
    match item.name.as_str() {
        "rtp-base-port" if number % 2 != 0 => {
            findings.add(
                item.constraint_severity(),
                code::RANGE,
                "must be even; RTCP takes the odd port above (R-1209)",
            );
        }
        "pwd-sequence-length" if number == 1 => {
            findings.add(
                item.constraint_severity(),
                code::RANGE,
                "1 would forbid every password; write 0 for no limit",
            );
        }
        _ => {}
    }
}

/// Rules on the text of one item, which is not empty.
pub(super) fn text(item: &ItemType, text: &str, findings: &mut Findings<'_>) {
    match item.name.as_str() {
        "key-label-unicode" => {
            let length = text.chars().count();
            if (LABEL_SHOWN + 1..=24).contains(&length) {
                findings.add(
                    Severity::Warning,
                    code::LENGTH,
                    format_args!("has {length} characters, most models show {LABEL_SHOWN} (R-1209)"),
                );
            }
        }
        "XML-app-name" | "XML-app-display-name" if text.contains('^') => {
            findings.add(item.constraint_severity(), code::SYNTAX, "must not hold ^ (R-1219)");
        }
        "alert" => alert(text, findings),
        "stimulus-DTMF-sequence"
            if !text.chars().all(|c| matches!(c, '0'..='9' | '#' | '*' | 'a'..='d' | 'A'..='D')) =>
        {
            findings.add(item.constraint_severity(), code::SYNTAX, "DTMF has the digits 0-9, #, * and a-d only");
        }
        "country-iso" | "language-iso" if text.len() != 2 || !text.bytes().all(|c| c.is_ascii_alphabetic()) => {
            findings.add(item.constraint_severity(), code::SYNTAX, "is a code of two letters, such as DE or de");
        }
        _ => {}
    }
}

/// A light look at `name^melody^sequence^duration^file` (R-1208); only warns, since firmwares differ.
fn alert(text: &str, findings: &mut Findings<'_>) {
    let fields: Vec<&str> = text.split('^').take(6).collect();
    if !(4..=5).contains(&fields.len()) {
        findings.add(
            Severity::Warning,
            code::SYNTAX,
            "should have the fields name^melody^sequence^duration, from V3R3 also ^file (R-1208)",
        );
        return;
    }
    for (field, what) in fields.iter().skip(1).zip(["melody", "sequence", "duration"]) {
        let known = match (what, field.parse::<u32>()) {
            ("duration", Ok(seconds)) => seconds <= 300,
            (_, parsed) => parsed.is_ok() || field.is_empty(),
        };
        if !known {
            let range = if what == "duration" { "0 (endless) or 1 to 300 seconds" } else { "a number" };
            findings.add(Severity::Warning, code::SYNTAX, format_args!("the {what} should be {range} (R-1208)"));
        }
    }
}
