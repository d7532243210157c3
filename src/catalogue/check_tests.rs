use super::super::Catalogue;
use super::*;
use crate::wpi::{Index, ItemName};

fn id(name: &str) -> ItemId {
    let (name, index) = match name.split_once('[') {
        Some((name, index)) => (name, Some(Index(index.trim_end_matches(']').parse().unwrap()))),
        None => (name, None),
    };
    ItemId::new(ItemName::new(name).unwrap(), index)
}

fn check(name: &str, value: Scalar<'_>) -> (Option<String>, Vec<Finding>) {
    Catalogue::builtin().check(&id(name), value)
}

/// The wire form of a value that must pass without a finding.
fn wire(name: &str, value: Scalar<'_>) -> String {
    let (wire, findings) = check(name, value);
    assert_eq!(findings, [], "{name}");
    wire.unwrap()
}

/// The code and message of the one error a value must give, and no wire form.
fn error(name: &str, value: Scalar<'_>) -> (&'static str, String) {
    let (wire, findings) = check(name, value);
    assert_eq!((wire, findings.len()), (None, 1), "{name}: {findings:?}");
    assert_eq!(findings[0].severity, Severity::Error, "{}", findings[0].message);
    (findings[0].code, findings[0].message.clone())
}

/// The wire form and the code of the one warning a value must give.
fn warning(name: &str, value: Scalar<'_>) -> (String, &'static str) {
    let (wire, findings) = check(name, value);
    assert_eq!(findings.len(), 1, "{name}: {findings:?}");
    assert_eq!(findings[0].severity, Severity::Warning, "{}", findings[0].message);
    (wire.unwrap(), findings[0].code)
}

#[test]
fn a_text_of_digits_must_be_quoted() {
    assert_eq!(wire("e164", Scalar::Text("4930123456")), "4930123456");
    let (code, message) = error("e164", Scalar::Integer(4_930_123_456));
    assert_eq!(code, code::TYPE);
    assert!(message.contains("quote it: \"4930123456\""), "{message}");
    let (_, message) = error("display-id-unicode", Scalar::Number("1e3"));
    assert!(message.contains("\"1e3\""), "{message}");
    assert_eq!(error("ringer-audio-file", Scalar::Bool(true)).0, code::TYPE);
}

#[test]
fn booleans_are_booleans() {
    assert_eq!(wire("dhcp", Scalar::Bool(true)), "true");
    let (code, message) = error("dhcp", Scalar::Text("False"));
    assert_eq!(code, code::TYPE);
    assert!(message.contains("write false, not \"False\""), "{message}");
    assert!(error("dhcp", Scalar::Integer(1)).1.contains("write true (R-1201)"));
    assert_eq!(error("dhcp", Scalar::Text("yes")).0, code::TYPE);
}

#[test]
fn numbers_are_integers_or_strings_of_digits() {
    assert_eq!(wire("sntp-tz-offset", Scalar::Integer(-60)), "-60");
    assert_eq!(wire("sntp-tz-offset", Scalar::Text("060")), "60");
    assert_eq!(wire("sip-transport-user", Scalar::Text("02")), "2");
    for value in
        [Scalar::Number("1.5"), Scalar::Text("an hour"), Scalar::Bool(true), Scalar::Text("99999999999999999999")]
    {
        assert_eq!(error("sntp-tz-offset", value).0, code::TYPE);
    }
}

#[test]
fn a_documented_range_is_strict_and_a_seen_one_warns() {
    assert_eq!(error("transaction-timer", Scalar::Integer(1)).0, code::RANGE);
    assert_eq!(warning("sntp-tz-offset", Scalar::Integer(721)), ("721".to_owned(), code::RANGE));
    assert_eq!(warning("rtp-base-port", Scalar::Integer(5005)), ("5005".to_owned(), code::RANGE));
    assert_eq!(error("pwd-sequence-length", Scalar::Integer(1)).0, code::RANGE);
}

#[test]
fn enumerations_know_their_values() {
    assert_eq!(wire("line-button-mode", Scalar::Integer(1)), "1");
    assert_eq!(wire("XML-app-action[1]", Scalar::Text("update")), "update");
    assert_eq!(error("line-button-mode", Scalar::Integer(7)).0, code::VALUE);
    assert_eq!(error("XML-app-action[1]", Scalar::Text("Update")).0, code::VALUE);
    assert_eq!(warning("server-type", Scalar::Integer(9)), ("9".to_owned(), code::VALUE));
    assert!(error("sip-transport-user", Scalar::Text("tls")).1.contains("is written as 2"));
    assert_eq!(error("server-type", Scalar::Text("vendor")).0, code::TYPE, "effect service: the type is strict");
    assert_eq!(warning("time-format", Scalar::Text("long")).1, code::TYPE);
}

#[test]
fn an_empty_text_clears_and_address_like_items_are_cleared_by_null() {
    assert_eq!(wire("display-id-unicode", Scalar::Text("")), "");
    for name in
        ["e164", "registrar-addr", "sntp-addr", "snmp-trap-addr", "ldap-server-address", "ldap-user", "backup-addr"]
    {
        assert_eq!(wire(name, Scalar::Text("")), "NULL", "R-1203");
        assert_eq!(wire(name, Scalar::Text("NULL")), "NULL");
    }
    assert_eq!(wire("display-id-unicode", Scalar::Text("NULL")), "");
}

#[test]
fn what_needs_a_value_cannot_be_cleared() {
    assert_eq!(error("dhcp", Scalar::Text("")).0, code::EMPTY, "R-1204");
    assert_eq!(error("server-type", Scalar::Text("NULL")).0, code::EMPTY, "R-1204");
    assert_eq!(error("XML-app-name[1]", Scalar::Text("")).0, code::EMPTY);
    assert_eq!(error("reg-port", Scalar::Text("")).0, code::EMPTY, "effect service");
    assert_eq!(warning("snmp-trap-port", Scalar::Text("")), (String::new(), code::EMPTY));
}

#[test]
fn null_is_always_an_error() {
    for name in ["e164", "dhcp", "sip-pwd", "new-in-V9"] {
        assert_eq!(error(name, Scalar::Null).0, code::NULL);
    }
}

#[test]
fn a_plain_secret_is_refused_and_never_repeated() {
    for name in ["sip-pwd", "user-pwd", "dls-client-certificate", "userdata-ldap[1]", "new-passwd"] {
        for value in
            [Scalar::Text("hunter2-271828"), Scalar::Number("271828e4"), Scalar::Integer(271_828), Scalar::Text("")]
        {
            let (code, message) = error(name, value);
            assert_eq!(code, code::SECRET);
            assert!(message.contains("reference") && !message.contains("271828"), "{message}");
        }
    }
}

#[test]
fn host_names_are_strict_where_telephony_hangs_on_them() {
    assert_eq!(wire("registrar-addr", Scalar::Text("pbx.example")), "pbx.example");
    assert_eq!(error("registrar-addr", Scalar::Text("sip:pbx.example")).0, code::SYNTAX);
    assert_eq!(warning("snmp-trap-addr", Scalar::Text("192.0.2.300")).1, code::SYNTAX);
    assert_eq!(error("cfu-ext-address", Scalar::Text("a b")).0, code::SYNTAX);
    assert_eq!(wire("cfu-ext-address", Scalar::Text("4930123")), "4930123");
}

#[test]
fn a_label_warns_above_twelve_and_is_refused_above_twenty_four() {
    assert_eq!(wire("key-label-unicode[1]", Scalar::Text("Zwölf Zeichn")), "Zwölf Zeichn");
    assert_eq!(warning("key-label-unicode[1]", Scalar::Text(&"é".repeat(24))).1, code::LENGTH, "R-1209");
    assert_eq!(error("key-label-unicode[1]", Scalar::Text(&"é".repeat(25))).0, code::LENGTH, "R-1209");
    assert_eq!(warning("sip-name", Scalar::Text(&"x".repeat(25))).1, code::LENGTH);
}

#[test]
fn what_cannot_travel_is_refused_everywhere() {
    assert_eq!(error("display-id-unicode", Scalar::Text(" Room")).0, code::SPACE);
    assert_eq!(error("display-id-unicode", Scalar::Text("Ro\u{7}om")).0, code::CONTROL);
    assert_eq!(error("display-id-unicode", Scalar::Text("Room\n")).0, code::CONTROL);
    assert_eq!(error("new-in-V9", Scalar::Text("a\tb")).0, code::CONTROL);
    assert_eq!(error("realm", Scalar::Text(&"x".repeat(TEXT_LIMIT + 1))).0, code::LENGTH);
}

#[test]
fn a_pem_text_keeps_its_lines() {
    let pem = "-----BEGIN CERTIFICATE-----\r\nTUlJ\r\n-----END CERTIFICATE-----\n";
    let expected = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----";
    assert_eq!(wire("dls-server-ca[0]", Scalar::Text(pem)), expected);
    assert_eq!(error("dls-server-ca[0]", Scalar::Text("a\u{b}b")).0, code::CONTROL);
}

#[test]
fn lists_and_ringers_have_their_form() {
    assert_eq!(wire("Canonical-dialing-emergency-number", Scalar::Text("112, 110")), "112,110");
    assert_eq!(wire("alert[1]", Scalar::Text("internal^7^2^60^bell-2.mp3")), "internal^7^2^60^bell-2.mp3");
    assert_eq!(wire("alert[1]", Scalar::Text("^^^^")), "^^^^");
    assert_eq!(warning("alert[1]", Scalar::Text("internal^7")).1, code::SYNTAX);
    assert_eq!(warning("alert[1]", Scalar::Text("internal^7^2^301")).1, code::SYNTAX);
    assert_eq!(wire("country-iso", Scalar::Text("DE")), "DE");
    assert_eq!(warning("country-iso", Scalar::Text("Germany")).1, code::SYNTAX);
}

#[test]
fn an_item_of_no_known_type_takes_a_string_or_a_boolean() {
    for name in ["new-in-V9", "lock-forwarding"] {
        assert_eq!(wire(name, Scalar::Text("x")), "x");
        assert_eq!(wire(name, Scalar::Bool(false)), "false");
        assert_eq!(error(name, Scalar::Integer(1)).0, code::TYPE);
    }
}

#[test]
fn a_message_names_the_item_with_its_index_and_stays_short() {
    let (_, message) = error("function-key-def[4]", Scalar::Text(&"x".repeat(5000)));
    assert!(message.starts_with("function-key-def[4]: ") && message.len() < 200, "{message}");
}
