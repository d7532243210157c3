//! Each trap of YAML has its own message (what people type is rarely what YAML reads).

use super::*;

/// A phone with one line of `items`, which starts at line 6, column 5.
fn item(line: &str) -> String {
    phone("01", &format!("  items:\n    {line}"))
}

#[test]
fn a_leading_zero_is_a_trap() {
    let found = finds(&item("e164: 0301234"), &["6:11 leading-zero"]);
    assert!(message(&found).contains("write \"0301234\""), "{}", message(&found));
}

#[test]
fn a_leading_plus_is_a_trap() {
    let found = finds(&item("e164: +4930123"), &["6:11 leading-plus"]);
    assert!(message(&found).contains("write \"+4930123\""), "{}", message(&found));
    finds(&item("sntp-tz-offset: +60"), &["6:21 leading-plus"]);
}

#[test]
fn a_mac_that_looks_like_an_exponent_is_a_trap() {
    let text = phone("01", "  items: {}").replace("\"00:1A:E8:00:00:01\"", "0001E3112233");
    let found = finds(&text, &["6:16 exponent"]);
    assert!(message(&found).contains("write \"0001E3112233\""), "{}", message(&found));
}

#[test]
fn a_number_in_place_of_a_text_asks_for_quotes() {
    let found = finds(&item("e164: 4930123456"), &["6:11 wrong-type"]);
    assert!(message(&found).contains("quote it"), "{}", message(&found));
    let text = phone("01", "  items: {}").replace("\"00:1A:E8:00:00:01\"", "112233445566");
    let found = finds(&text, &["6:16 wrong-type"]);
    assert!(message(&found).contains("\"112233445566\""), "{}", message(&found));
}

#[test]
fn yes_no_on_and_off_are_traps_wherever_they_stand() {
    for word in ["yes", "No", "on", "OFF"] {
        let found = finds(&item(&format!("daylight-save: {word}")), &["6:20 yes-no"]);
        assert!(message(&found).contains("write true") || message(&found).contains("write false"));
        let found = finds(&item(&format!("display-id-unicode: {word}")), &["6:25 yes-no"]);
        assert!(message(&found).contains(&format!("\"{word}\"")), "{}", message(&found));
    }
    let found = finds(&phone("01", "  policy: {mode: Off}"), &["5:18 yes-no"]);
    assert!(message(&found).ends_with("write \"Off\"") && !message(&found).contains("false"), "{}", message(&found));
    finds(&phone("01", "  policy: {mode: \"Off\"}"), &[]);
}

#[test]
fn a_boolean_in_capitals_is_a_trap() {
    finds(&item("daylight-save: True"), &["6:20 boolean-case"]);
}

#[test]
fn a_date_an_underscore_and_another_base_are_traps() {
    finds(&item("display-id-unicode: 2024-01-31"), &["6:25 date"]);
    finds(&item("reg-ttl: 3_600"), &["6:14 underscore"]);
    finds(&item("reg-ttl: 0x1F"), &["6:14 number-base"]);
}

#[test]
fn an_unquoted_star_is_a_trap() {
    let found = finds(&item("blf-code: *8"), &["6:15 alias"]);
    assert!(message(&found).contains("starts with `*`"));
    finds(&item("blf-code: \"*8\""), &[]);
}

#[test]
fn an_unquoted_hash_is_a_trap() {
    let found = finds(&item("blf-code: #8"), &["6:15 null-value"]);
    assert!(message(&found).contains("starts a comment"), "{}", message(&found));
    finds(&item("blf-code: \"#8\""), &[]);
}

#[test]
fn an_unquoted_ampersand_is_a_trap() {
    let found = finds(&item("realm: &here there"), &["6:18 anchor"]);
    assert!(message(&found).contains("starts with `&`"), "{}", message(&found));
}

#[test]
fn an_unquoted_exclamation_mark_is_a_trap() {
    let found = finds(&item("realm: !here there"), &["6:18 tag"]);
    assert!(message(&found).contains("starts with `!`"), "{}", message(&found));
}

#[test]
fn an_unquoted_percent_at_or_backtick_is_a_trap() {
    for sign in ['%', '@', '`'] {
        let found = finds(&item(&format!("realm: {sign}here")), &["6:12 reserved-character"]);
        assert!(message(&found).contains(&format!("`{sign}`")), "{}", message(&found));
        finds(&item(&format!("realm: \"{sign}here\"")), &[]);
    }
}

#[test]
fn an_unquoted_bar_is_a_trap() {
    let found = finds(&item("realm: |here"), &["6:12 reserved-character"]);
    assert!(message(&found).contains("`|`"), "{}", message(&found));
    let found = finds(&item("realm: |\n      here"), &["6:12 block"]);
    assert!(message(&found).contains("`|`"), "{}", message(&found));
}

#[test]
fn an_empty_block_clears_nothing() {
    for sign in ['|', '>'] {
        finds(&item(&format!("reg-addr: {sign}\n    realm: a")), &["6:15 block"]);
        finds(&item(&format!("reg-addr: {sign}-\n\n    realm: a")), &["6:15 block"]);
    }
}

#[test]
fn one_with_and_without_quotes_is_the_same_index() {
    let found = finds(&item("locked-local-function-menus: {1: true, \"1\": false}"), &["6:44 duplicate-key"]);
    assert!(message(&found).contains("with and without quotes"), "{}", message(&found));
    finds(&item("locked-local-function-menus: {\"1\": true}"), &[]);
}

#[test]
fn an_index_has_no_sign_and_no_leading_zero() {
    finds(&item("locked-local-function-menus: {03: true}"), &["6:35 leading-zero"]);
    finds(&item("locked-local-function-menus: {-3: true}"), &["6:35 bad-index"]);
    finds(&item("locked-local-function-menus: {\"03\": true}"), &["6:35 bad-index"]);
    finds(&item("locked-local-function-menus: {all: true}"), &["6:35 bad-index"]);
}

#[test]
fn merge_keys_are_a_trap() {
    let text = phone("01", "  items: &base\n    realm: a\n  seed:\n    <<: *base");
    let found = finds(&text, &["6:5 anchor", "8:5 merge-key", "8:9 alias"]);
    assert!(found.problems()[1].message.contains("merge keys"));
}

#[test]
fn outer_white_space_is_a_trap() {
    finds(&item("realm: \" pbx.example\""), &["6:12 outer-space"]);
    finds(&item("realm: 'pbx.example '"), &["6:12 outer-space"]);
    let text = phone("01", "  phone2: {}").replace("  phone2: {}\n", "").replace("p-01", "\"p-01 \"");
    finds(&text, &["3:18 outer-space"]);
}

#[test]
fn control_characters_are_a_trap() {
    finds(&item(r#"realm: "pbx\texample""#), &["6:12 control-character"]);
    finds(&item(r#"realm: "pbx\u0007""#), &["6:12 control-character"]);
}

#[test]
fn null_is_never_a_value() {
    for null in ["", " ~", " null", " NULL"] {
        let found = wanted(&[("a.yaml", &item(&format!("e164:{null}")))]);
        assert_eq!(found.problems()[0].code, "null-value");
        assert!(message(&found).contains("\"\""), "{}", message(&found));
    }
    finds(&item("e164: \"\""), &[]);
}

#[test]
fn traps_of_other_groups_are_not_ours() {
    let other = "apiVersion: v1\nkind: ConfigMap\ndata: &d\n  a: yes\n  b: *d\n  a: 012\n";
    let wanted = finds(other, &[]);
    assert_eq!((wanted.counts().skipped, wanted.counts().documents), (1, 0));
}
