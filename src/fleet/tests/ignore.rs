//! `policy.ignore`: what it hides, and what it does not.

use std::time::Duration;

use super::stage::{MAC, Phone, Stage, id};
use crate::{
    fleet::words::State,
    wpi::{ItemStatus, Reason},
};

fn yaml(rules: &str, label: &str) -> String {
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: reception}}\nspec:\n  phone: {{mac: \
         \"{MAC}\"}}\n  policy: {{mode: Enforce, ignore: [{rules}]}}\n  items: {{sntp-addr: 192.0.2.123, \
         function-key-def: {{1: 59, 2: 31}}, key-label-unicode: {{1: {label}, 2: Line 2}}}}\n"
    )
}

const RULE: &str = "{item: key-label-unicode, index: 1, reason: The ward writes on it}";

fn proven(yaml: &str) -> (Stage, Phone) {
    let mut stage = Stage::with(yaml);
    let mut phone = Phone::new(MAC);
    for (name, value) in
        [("function-key-def[1]", "59"), ("function-key-def[2]", "31"), ("key-label-unicode[2]", "Line 2")]
    {
        phone.values.insert(id(name), value.to_owned());
    }
    phone.values.insert(id("key-label-unicode[1]"), "Ward 3".to_owned());
    phone.session(&mut stage, Reason::StartUp);
    (stage, phone)
}

#[test]
fn an_ignored_item_is_no_drift_is_never_written_and_shows_with_its_reason() {
    let (stage, phone) = proven(&yaml(RULE, "Anna"));
    let view = stage.view(MAC);
    assert_eq!((view.state, view.drift_count), (State::InSync, 0));
    assert_eq!((view.proven, view.managed, view.ignored_count), (4, 5, 1));
    let ignored = &view.ignored[0];
    assert_eq!((ignored.item.as_str(), ignored.index, ignored.differs), ("key-label-unicode", Some(1), true));
    assert_eq!(ignored.reason, "The ward writes on it");
    assert_eq!(phone.values[&id("key-label-unicode[1]")], "Ward 3");
}

#[test]
fn a_rule_hides_no_other_index_and_no_partner_of_the_group() {
    let (mut stage, mut phone) = proven(&yaml(RULE, "Anna"));
    phone.values.insert(id("key-label-unicode[2]"), "Mine".to_owned());
    phone.values.insert(id("function-key-def[1]"), "1".to_owned());
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.values[&id("key-label-unicode[2]")], "Line 2");
    assert_eq!(phone.values[&id("function-key-def[1]")], "59", "its partner is put right");
    assert_eq!(phone.values[&id("key-label-unicode[1]")], "Ward 3", "and it is left alone");
}

#[test]
fn an_ignored_item_is_left_alone_also_when_another_value_is_wanted() {
    let (mut stage, mut phone) = proven(&yaml(RULE, "Anna"));
    stage.push(&yaml(RULE, "Berta"));
    stage.pass(Duration::from_hours(1));
    assert!(stage.contacts.is_empty(), "nothing to do");
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
}

#[test]
fn a_rule_that_is_over_holds_no_more_and_warns() {
    let rule = RULE.replace('}', ", until: \"2026-03-02T08:00:00Z\"}");
    let (mut stage, mut phone) = proven(&yaml(&rule, "Anna"));
    assert_eq!((stage.view(MAC).ignored_count, stage.view(MAC).warnings.len()), (1, 0));
    stage.contacts.clear();
    stage.pass(Duration::from_mins(1442));
    let view = stage.view(MAC);
    assert_eq!((view.ignored_count, view.drift_count), (0, 1));
    assert!(view.warnings[0].contains("key-label-unicode[1]"), "{:?}", view.warnings);
    assert!(!stage.contacts.is_empty(), "the end of a rule is a reason to call");
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(phone.values[&id("key-label-unicode[1]")], "Anna");
    assert_eq!(stage.view(MAC).warnings.len(), 1, "until it is taken out");
}

#[test]
fn a_refusal_outlives_a_rule_for_the_item() {
    let rule = "{item: sntp-addr, reason: Looked into, until: \"2026-03-02T08:00:00Z\"}";
    let mut stage = Stage::with(&yaml("", "Ward 3"));
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("sntp-addr"), ItemStatus::InvalidData);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::Degraded);
    stage.push(&yaml(rule, "Ward 3"));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    stage.pass(Duration::from_hours(25));
    assert!(
        phone.session(&mut stage, Reason::StartUp).writes().is_empty(),
        "R-901: neither value nor firmware changed"
    );
    assert_eq!(stage.view(MAC).state, State::Degraded);
}
