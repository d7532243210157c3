//! What is exported says what the phone has, no more than it needs, and loads without a complaint.

use std::{collections::BTreeMap, fmt::Write as _};

use proptest::prelude::*;
use smol_str::SmolStr;

use super::*;
use crate::{
    catalogue::Catalogue,
    spec::{DesiredValue, export::adopted},
};

/// Items, and texts that phones may have of them, the first two also as documents say them.
const ITEMS: [(&str, Option<u32>, [&str; 4]); 7] = [
    ("sntp-addr", None, ["192.0.2.1", "time.example.com", "", "TIME.example.com"]),
    ("display-id-unicode", None, ["yes", "1_000", "", "0001E3112233: # x"]),
    ("sip-name", None, ["null", "a \\ \"b\"", "", "~"]),
    ("e164", None, ["0049301", "+1", "", "4711"]),
    ("sntp-tz-offset", None, ["60", "-30", "0", "060"]),
    ("daylight-save", None, ["true", "false", "TRUE", "False"]),
    ("key-label-unicode", Some(3), ["Line 1", "off", "", "Ä"]),
];

fn said(choice: &[Option<usize>]) -> String {
    let mut lines = String::from("  items:\n    call-log-enabled: true\n");
    for ((name, index, texts), choice) in ITEMS.iter().zip(choice) {
        let Some(text) = choice.map(|choice| texts[choice]) else { continue };
        let value = match *name {
            "sntp-tz-offset" | "daylight-save" => text.to_owned(),
            _ => serde_json::to_string(text).unwrap(),
        };
        match index {
            Some(index) => writeln!(lines, "    {name}: {{{index}: {value}}}").unwrap(),
            None => writeln!(lines, "    {name}: {value}").unwrap(),
        }
    }
    lines
}

fn choices(most: usize) -> impl Strategy<Value = Vec<Option<usize>>> {
    prop::collection::vec(prop::option::of(0..most), ITEMS.len())
}

proptest! {
    #[test]
    fn an_export_loads_says_what_the_phone_has_and_repeats_no_layer(
        below in choices(2), own in choices(2), has in choices(4)
    ) {
        let fleet = profile("fleet", &said(&below));
        let policy = "  profiles: [fleet]\n  policy: {mode: Enforce, interval: 36h, pause: {reason: \"on\", by: Ann, until: 2030-01-01}}\n";
        let before = wanted(&[("fleet.yaml", &fleet), ("a.yaml", &phone("01", &format!("{policy}{}", said(&own))))]);
        prop_assert!(before.problems().is_empty(), "{:#?}", before.problems());
        let desired = ready(&before, "01", None);
        let texts = ITEMS.iter().zip(&has).filter_map(|((name, index, texts), has)| Some((id(name, *index), texts[(*has)?])));
        let texts: BTreeMap<ItemId, &str> = texts.collect();
        let catalogue = Catalogue::builtin();
        let differs = |id: &ItemId, text: &str| {
            let item = desired.get(id)?;
            (!catalogue.same(id.name.as_str(), item.value.value.as_text(), Some(text))).then_some(())
        };
        let drifted = texts.iter().filter(|(id, text)| differs(id, text).is_some());
        let drifted = drifted.map(|(id, text)| (id.clone(), Some(SmolStr::new(text)))).collect();
        let exported = before.exported(&device("01"), None, &drifted).unwrap();
        let after = wanted(&[("fleet.yaml", &fleet), ("a.yaml", &exported.yaml)]);
        prop_assert!(after.problems().is_empty(), "{:#?}\n{}", after.problems(), exported.yaml);
        let now = ready(&after, "01", None);
        prop_assert_eq!(&now.policy, &desired.policy);
        let ids = |desired: &Desired| desired.items.iter().map(|item| item.id.clone()).collect::<Vec<_>>();
        prop_assert_eq!(ids(&now), ids(&desired));
        for item in now.items.iter() {
            let wanted = desired.get(&item.id).and_then(|item| item.value.value.as_text());
            let had = drifted.get(&item.id).map(|had| had.as_deref().unwrap());
            let left = exported.left.iter().any(|(id, _)| *id == item.id);
            let expected = if left { wanted } else { had.or(wanted) };
            prop_assert!(catalogue.same(item.id.name.as_str(), item.value.value.as_text(), expected), "{}", exported.yaml);
        }
        let again = after.exported(&device("01"), None, &BTreeMap::new()).unwrap();
        prop_assert_eq!(&again.yaml, &exported.yaml, "exported once more it is the same");
        for ((name, index, texts), below) in ITEMS.iter().zip(&below) {
            let Some(below) = below.map(|below| texts[below]) else { continue };
            let id = id(name, *index);
            let own = now.get(&id).unwrap();
            let is_own = own.value.origin.as_ref().unwrap().layer.starts_with("phone/");
            let same = catalogue.same(name, own.value.value.as_text(), Some(below));
            prop_assert!(!(is_own && same), "{id} repeats its profile\n{}", exported.yaml);
        }
    }
}

#[test]
fn what_is_no_item_stays_and_references_are_never_read() {
    let spec = "  profiles: [fleet]\n  site: berlin\n  shared: true\n  policy:\n    mode: \"Off\"\n    onRemove: Leave\n    soleServer: true\n    selfHealLimit: 7\n    ignore: [{item: key-label-unicode, index: 3, reason: by the ward, until: 2030-12-31}]\n    windows: [{schedule: \"0 2 * * MON-FRI\", duration: 3h, timeZone: Europe/Berlin}]\n  items: {sip-pwd: {from: sip.csv, key: \"{e164}\"}, ldap-pwd: {secret: {name: a, key: b}}, e164: \"110\"}\n  byIndex:\n    1: {function-key-def: 31, key-label-unicode: One}\n  seed: {ringer-melody: 2}\n  unmanaged: [sntp-addr]\n";
    let text = phone("01", spec).replace("{name: p-01}", "{name: p-01, labels: {ward: \"3\", \"on\": \"yes\"}}");
    let fleet = profile("fleet", "  items: {sntp-addr: 192.0.2.5, sip-name: A}");
    let before = wanted(&[("fleet.yaml", &fleet), ("a.yaml", &text)]);
    let exported = before.exported(&device("01"), None, &BTreeMap::new()).unwrap();
    let after = wanted(&[("fleet.yaml", &fleet), ("a.yaml", &exported.yaml)]);
    let (old, new) = (ready(&before, "01", None), ready(&after, "01", None));
    assert_eq!((old.digest, &old.labels), (new.digest, &new.labels), "{}", exported.yaml);
    let references: Vec<_> =
        new.items.iter().filter(|item| matches!(item.value.value, DesiredValue::Secret(_))).collect();
    assert_eq!(references.len(), 2);
    assert_eq!(exported.left, []);
}

#[test]
fn what_a_profile_insists_on_and_what_no_document_may_say_stays_as_it_was() {
    let fleet = profile(
        "fleet",
        "  items: {emergency-e164: \"112\", sip-name: A, sntp-addr: 192.0.2.5, ldap-url: \"http://host/\"}\n  final: [sip-name]\n  require: {sntp-addr: {oneOf: [\"192.0.2.5\", \"192.0.2.6\"]}}",
    );
    let wanted = wanted(&[("fleet.yaml", &fleet), ("a.yaml", &phone("01", "  profiles: [fleet]\n"))]);
    let has = [
        ("emergency-e164", ""),
        ("sip-name", "Mine"),
        ("sntp-addr", "192.0.2.7"),
        ("ldap-url", "http://ada:planted@host/"),
    ];
    let has = has.map(|(name, text)| (id(name, None), Some(SmolStr::new(text)))).into();
    let exported = wanted.exported(&device("01"), None, &has).unwrap();
    let left: Vec<_> = exported.left.iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(!exported.yaml.contains("planted") && !exported.yaml.contains("items"), "{}", exported.yaml);
}

#[test]
fn a_phone_of_nobody_gets_what_is_not_at_its_default_and_nothing_that_cuts_it_off() {
    let has = [
        (id("sntp-addr", None), "192.0.2.7"),
        (id("sip-name", None), ""),
        (id("mac-addr", None), "001AE8000001"),
        (id("ringer-melody", None), "3"),
        (id("vlan-id", None), "7"),
        (id("no-such-item", None), "x"),
        (id("user-pwd", None), "planted"),
        (id("key-label-unicode", Some(3)), "yes"),
        (id("function-key-def", Some(3)), "31"),
    ];
    let exported = adopted(&Catalogue::builtin(), &device("01"), "phone-1", has);
    let wanted = wanted(&[("a.yaml", &exported.yaml)]);
    assert!(wanted.problems().is_empty(), "{:#?}", wanted.problems());
    let ids: Vec<_> = ready(&wanted, "01", None).items.iter().map(|item| item.id.to_string()).collect();
    assert_eq!(ids, ["function-key-def[3]", "key-label-unicode[3]", "sntp-addr"]);
    let left: Vec<_> = exported.left.iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(left, ["ringer-melody", "vlan-id", "no-such-item"]);
    assert!(!exported.yaml.contains("planted"));
}
