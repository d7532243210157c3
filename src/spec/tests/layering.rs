//! Later wins per item and index, and nothing else has a say.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::spec::{LockoutItems, Mode, SiteName};

#[test]
fn a_phone_goes_over_its_profiles_and_a_later_profile_over_an_earlier_one() {
    let profiles = [
        profile(
            "fleet",
            "  items: {realm: a, server-type: 0, reg-ttl: 60}\n  policy: {mode: Enforce, interval: 1h}\n  site: berlin",
        ),
        profile("floor", "  profiles: [fleet]\n  items: {realm: b, reg-ttl: 70}\n  policy: {interval: 2h}"),
        profile("room", "  items: {realm: c}\n  site: bonn"),
    ];
    let own = phone("01", "  profiles: [floor, room]\n  items: {reg-ttl: 80}");
    let wanted = wanted(&[("a.yaml", &profiles.join("---\n")), ("p.yaml", &own)]);
    let desired = ready(&wanted, "01", None);
    let values = [("realm", "c"), ("reg-ttl", "80"), ("server-type", "0")];
    assert_eq!(desired.items.len(), values.len());
    for (name, value) in values {
        assert_eq!(text(&desired, name, None).as_deref(), Some(value), "{name}");
    }
    assert_eq!(desired.policy.mode, Mode::Enforce);
    assert_eq!(desired.policy.interval, Duration::from_hours(2));
    assert_eq!(desired.site, SiteName::new("bonn"));
    assert_eq!(desired.files.iter().map(|file| &**file).collect::<Vec<_>>(), ["p.yaml", "a.yaml"]);
}

#[test]
fn every_value_knows_where_it_comes_from() {
    let wanted = wanted(&[
        ("a.yaml", &profile("fleet", "  items:\n    realm: a\n    reg-ttl: 60")),
        ("p.yaml", &phone("01", "  profiles: [fleet]\n  byIndex:\n    1: {function-key-def: 31}")),
    ]);
    let desired = ready(&wanted, "01", None);
    let origin = |name, index| desired.get(&id(name, index)).unwrap().value.origin.clone().unwrap();
    let realm = origin("realm", None);
    assert_eq!(
        (&*realm.layer, &*realm.place.file, realm.place.line, realm.place.column),
        ("profile/fleet", "a.yaml", 6, 12)
    );
    let key = origin("function-key-def", Some(1));
    assert_eq!((&*key.layer, &*key.place.file, key.place.line, key.place.column), ("phone/p-01", "p.yaml", 7, 27));
}

#[test]
fn a_base_that_two_profiles_share_stays_below_both() {
    let profiles = [
        profile("base", "  items: {realm: base, reg-ttl: 60}"),
        profile("a", "  profiles: [base]\n  items: {realm: a}"),
        profile("b", "  profiles: [base]\n  items: {reg-port: 5061}"),
    ];
    let wanted = wanted(&[("a.yaml", &profiles.join("---\n")), ("p.yaml", &phone("01", "  profiles: [a, b]"))]);
    assert_eq!(text(&ready(&wanted, "01", None), "realm", None).as_deref(), Some("a"));
}

#[test]
fn an_index_is_an_item_of_its_own() {
    let wanted = wanted(&[
        ("a.yaml", &profile("a", "  items: {locked-local-function-menus: {1: true, 2: true}}")),
        ("p.yaml", &phone("01", "  profiles: [a]\n  items: {locked-local-function-menus: {2: false}}")),
    ]);
    let desired = ready(&wanted, "01", None);
    assert_eq!(text(&desired, "locked-local-function-menus", Some(1)).as_deref(), Some("true"));
    assert_eq!(text(&desired, "locked-local-function-menus", Some(2)).as_deref(), Some("false"));
    assert!(desired.items.is_sorted_by(|a, b| a.id < b.id));
}

#[test]
fn unmanaged_takes_inherited_items_and_seeds_out() {
    let wanted = wanted(&[
        (
            "a.yaml",
            &profile(
                "a",
                "  items: {realm: a, locked-local-function-menus: {1: true, 2: true}, reg-ttl: 60}\n  seed: {ringer-volume: 3}",
            ),
        ),
        (
            "p.yaml",
            &phone("01", "  profiles: [a]\n  unmanaged: [realm, \"locked-local-function-menus[1]\", ringer-volume]"),
        ),
        ("q.yaml", &phone("02", "  profiles: [a]\n  unmanaged: [locked-local-function-menus]")),
    ]);
    assert!(wanted.problems().is_empty(), "{:#?}", wanted.problems());
    let ids = |end| ready(&wanted, end, None).items.iter().map(|item| item.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids("01"), ["locked-local-function-menus[2]", "reg-ttl"]);
    assert_eq!(ids("02"), ["realm", "reg-ttl"]);
    assert!(ready(&wanted, "01", None).seeds.is_empty());
    assert_eq!(ready(&wanted, "02", None).seeds.len(), 1);
}

#[test]
fn a_layer_for_models_waits_until_the_model_is_known() {
    let texts = [
        ("a.yaml", &*profile("a", "  models: [OpenStage 40, OpenStage 60]\n  items: {realm: forty}\n  site: berlin")),
        ("p.yaml", &*phone("01", "  profiles: [a]\n  items: {reg-ttl: 60}")),
        ("q.yaml", &phone("02", "  profiles: [a]").replace("{mac:", "{model: openstage 60, mac:")),
    ];
    let wanted = wanted(&texts);
    let unknown = ready(&wanted, "01", None);
    assert!(unknown.undecided && text(&unknown, "realm", None).is_none());
    let forty = ready(&wanted, "01", Some("openstage 40"));
    assert!(!forty.undecided && text(&forty, "realm", None).as_deref() == Some("forty"));
    let twenty = ready(&wanted, "01", Some("OpenStage 20"));
    assert!(!twenty.undecided && text(&twenty, "realm", None).is_none());
    assert_eq!(twenty.site, SiteName::default());
    let declared = ready(&wanted, "02", Some("OpenStage 20"));
    assert_eq!(text(&declared, "realm", None).as_deref(), Some("forty"), "the document goes before the report");
}

#[test]
fn items_of_the_user_need_a_policy_that_manages_them() {
    let user = profile("a", "  items: {ringer-volume: 3}");
    let texts = [
        ("a.yaml", &*user),
        ("p.yaml", &*phone("01", "  profiles: [a]")),
        ("q.yaml", &*phone("02", "  profiles: [a]\n  policy: {userItems: Manage}")),
        ("r.yaml", &*phone("03", "  profiles: [a]\n  unmanaged: [ringer-volume]\n  seed: {ringer-melody: 2}")),
    ];
    let wanted = wanted(&texts);
    assert_eq!(places(&wanted), ["5:26 user-item"]);
    assert!(message(&wanted).contains("`seed`"));
    assert_eq!(invalid(&wanted, "01")[0].code, "user-item");
    ready(&wanted, "02", None);
    ready(&wanted, "03", None);
}

#[test]
fn lockout_items_without_leave_warn_and_nothing_more() {
    let wanted = wanted(&[
        ("p.yaml", &phone("01", "  items: {vlan-id: 5}")),
        ("q.yaml", &phone("02", "  items: {vlan-id: 5}\n  policy: {lockoutItems: Allow}")),
    ]);
    assert_eq!(places(&wanted), ["warning 5:20 lockout-item"]);
    assert!(message(&wanted).contains("NotAllowed"));
    assert_eq!(ready(&wanted, "01", None).policy.lockout_items, LockoutItems::Deny);
    assert_eq!(ready(&wanted, "02", None).policy.lockout_items, LockoutItems::Allow);
}

#[test]
fn the_digest_covers_values_and_policy_and_nothing_else() {
    let digest = |spec: &str, file: &str| ready(&wanted(&[(file, &phone("01", spec))]), "01", None).digest;
    let base = digest("  items: {realm: a}", "a.yaml");
    assert_eq!(base, digest("\n\n  items: {realm: \"a\"} # moved", "b.yaml"));
    let through_a_profile = wanted(&[
        ("a.yaml", &profile("x", "  items: {realm: a}")),
        ("p.yaml", &phone("01", "  profiles: [x]").replace("p-01}", "p-01, labels: {a: b}}")),
    ]);
    assert_eq!(base, ready(&through_a_profile, "01", None).digest);
    let others = [
        "  items: {realm: b}",
        "  items: {realm: a, reg-ttl: 60}",
        "  items: {realm: a}\n  policy: {mode: Enforce}",
        "  items: {realm: a}\n  site: berlin",
        "  items: {realm: a}\n  seed: {reg-ttl: 60}",
        "  items: {realm: a, sip-pwd: {file: a}}",
        "  items: {realm: a, sip-pwd: {file: b}}",
        "  seed: {realm: a}",
    ];
    let mut seen = vec![base];
    for spec in others {
        let other = digest(spec, "a.yaml");
        assert!(!seen.contains(&other), "{spec}");
        seen.push(other);
    }
}

#[test]
fn values_of_a_profile_are_shared_by_its_phones() {
    let wanted = wanted(&[
        ("a.yaml", &profile("a", "  items: {realm: a}")),
        ("p.yaml", &phone("01", "  profiles: [a]")),
        ("q.yaml", &phone("02", "  profiles: [a]")),
    ]);
    let (one, two) = (ready(&wanted, "01", None), ready(&wanted, "02", None));
    assert!(Arc::ptr_eq(&one.items[0].value, &two.items[0].value));
}

/// Layers as (index → text) maps of one item.
fn layers() -> impl Strategy<Value = Vec<BTreeMap<u32, String>>> {
    let layer = prop::collection::btree_map(1_u32..10, "[a-z]{1,4}", 0..6);
    prop::collection::vec(layer, 1..6)
}

fn spec_of(layer: &BTreeMap<u32, String>, profiles: &[String]) -> String {
    let values: Vec<String> = layer.iter().map(|(index, text)| format!("{index}: \"{text}\"")).collect();
    let items = if values.is_empty() { "{}".to_owned() } else { format!("{{key-label: {{{}}}}}", values.join(", ")) };
    format!("  profiles: [{}]\n  items: {items}", profiles.join(", "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The last layer is the phone; the others are its profiles. `noise` are profiles of another phone.
    #[test]
    fn layering_is_later_wins_and_unrelated_layers_have_no_say(layers in layers(), noise in layers()) {
        let (own, below) = layers.split_last().unwrap();
        let names: Vec<String> = (0..below.len()).map(|number| format!("l{number}")).collect();
        let mut texts: Vec<String> =
            below.iter().zip(&names).map(|(layer, name)| profile(name, &spec_of(layer, &[]))).collect();
        texts.push(phone("01", &spec_of(own, &names)));
        let alone = wanted(&[("a.yaml", &texts.join("---\n"))]);

        let noise_names: Vec<String> = (0..noise.len()).map(|number| format!("n{number}")).collect();
        texts.extend(noise.iter().zip(&noise_names).map(|(layer, name)| profile(name, &spec_of(layer, &[]))));
        texts.push(phone("02", &spec_of(&BTreeMap::new(), &noise_names)));
        texts.reverse();
        let crowded = wanted(&[("b.yaml", &texts.join("---\n"))]);

        let mut expected: BTreeMap<u32, &str> = BTreeMap::new();
        for layer in &layers {
            expected.extend(layer.iter().map(|(index, text)| (*index, text.as_str())));
        }
        for wanted in [&alone, &crowded] {
            let desired = ready(wanted, "01", None);
            let found: BTreeMap<u32, &str> = desired
                .items
                .iter()
                .map(|item| (item.id.index.unwrap().0, item.value.value.as_text().unwrap()))
                .collect();
            prop_assert_eq!(&found, &expected);
        }
        prop_assert_eq!(ready(&alone, "01", None).digest, ready(&crowded, "01", None).digest);
    }
}
