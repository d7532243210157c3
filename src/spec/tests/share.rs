//! Whose phones are, where several services share the documents by the labels of sites.

use std::collections::BTreeSet;

use super::*;
use crate::spec::{Known, Selector, Share, load_knowing};

const SITES: &str = r"
apiVersion: phoneops.dev/v1alpha1
kind: PhoneSite
metadata: {name: hall, labels: {region: north}}
spec: {}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneSite
metadata: {name: yard, labels: {region: south}}
spec: {}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: of-yard}
spec: {site: yard}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: of-a-model}
spec: {site: hall, models: [OpenStage 40]}
";

fn phone_at(number: u32, more: &str) -> String {
    let mac = format!("00:1A:E8:00:00:0{number}");
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: phone-{number}}}\nspec: {{phone: {{mac: \"{mac}\"}}{more}}}\n"
    )
}

fn shared(phones: &[&str], selector: &str, foreign: &[u32]) -> (Vec<char>, Wanted) {
    let files: Vec<(String, String)> =
        (1..).zip(phones).map(|(number, more)| (format!("phone-{number}.yaml"), phone_at(number, more))).collect();
    let mut texts: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    texts.push(("sites.yaml", SITES));
    let foreign: BTreeSet<DeviceId> =
        foreign.iter().map(|number| DeviceId::new(&format!("00:1A:E8:00:00:0{number}")).unwrap()).collect();
    let share = Share { selector: selector.parse::<Selector>().unwrap(), foreign };
    let known = Known { share: Some(share), ..Known::nothing() };
    let wanted = load_knowing(&Snapshot::of_texts(Revision::new("r"), texts), &SecretsUnread, &known);
    let numbers = wanted.devices().iter().map(|device| device.as_str().chars().last().unwrap()).collect();
    (numbers, wanted)
}

#[test]
fn with_complements_each_phone_is_ones_however_its_site_is_said() {
    // by itself, by a profile, over a profile, none, one that is not declared, by the model, with errors
    let phones = [
        ", site: hall",
        ", profiles: [of-yard]",
        ", site: hall, profiles: [of-yard]",
        "",
        ", site: cellar",
        ", profiles: [of-yard, of-a-model]",
        ", site: hall, items: {daylight-save: perhaps}",
    ];
    for (selector, complement, ours) in [
        ("region=north", "region!=north", vec!['1', '3', '7']),
        ("region=south", "region!=south", vec!['2', '6']),
        ("region", "!region", vec!['1', '2', '3', '6', '7']),
    ] {
        let (mine, wanted) = shared(&phones, selector, &[]);
        let (theirs, _) = shared(&phones, complement, &[]);
        assert_eq!(mine, ours, "{selector}");
        let mut all = [mine, theirs].concat();
        all.sort_unstable();
        assert_eq!(all, ['1', '2', '3', '4', '5', '6', '7'], "{selector} and {complement}");
        assert_eq!(wanted.counts().phones, ours.len());
    }
}

#[test]
fn what_is_wrong_with_a_phone_of_others_is_told_by_them() {
    let phones = [", site: hall", ", site: yard, items: {daylight-save: perhaps}"];
    let (_, north) = shared(&phones, "region=north", &[]);
    let (_, south) = shared(&phones, "region!=north", &[]);
    let errors =
        |wanted: &Wanted| wanted.problems().iter().filter(|problem| problem.severity == Severity::Error).count();
    assert_eq!((errors(&north), errors(&south)), (0, 1), "{:#?}", north.problems());
    assert!(north.is_own_file("phone-1.yaml") && !north.is_own_file("phone-2.yaml"));
    assert!(!south.is_own_file("phone-1.yaml") && south.is_own_file("phone-2.yaml"));
    assert!(!north.is_own_file("not-read-yet.yaml"), "nobody knows whose it is");
}

#[test]
fn one_number_on_phones_of_two_services_is_seen_by_both() {
    let phones = [", site: hall, items: {e164: \"4930123\"}", ", site: yard, items: {e164: \"4930123\"}"];
    for (selector, device) in [("region=north", "00:1A:E8:00:00:01"), ("region!=north", "00:1A:E8:00:00:02")] {
        let (_, wanted) = shared(&phones, selector, &[]);
        let resolved = wanted.resolve(&DeviceId::new(device).unwrap(), None);
        assert!(matches!(resolved, Resolution::Invalid { .. }), "{selector}: {resolved:?}");
    }
}

#[test]
fn a_phone_that_another_service_keeps_is_its_whatever_its_site() {
    let (ours, wanted) = shared(&[", site: hall", ", site: hall"], "region=north", &[1]);
    assert_eq!(ours, ['2']);
    let first = DeviceId::new("00:1A:E8:00:00:01").unwrap();
    assert!(wanted.is_elsewhere(&first) && !wanted.declares(&first) && !wanted.is_own_file("phone-1.yaml"));
}

#[test]
fn a_file_that_nobody_can_read_is_told_by_the_one_that_has_what_has_no_labels() {
    let broken = |selector: &str| {
        let share = Share { selector: selector.parse().unwrap(), foreign: BTreeSet::new() };
        let known = Known { share: Some(share), ..Known::nothing() };
        let snapshot = Snapshot::of_texts(Revision::new("r"), [("sites.yaml", SITES), ("broken.yaml", "a: [")]);
        load_knowing(&snapshot, &SecretsUnread, &known).is_own_file("broken.yaml")
    };
    assert!(!broken("region=north") && broken("region!=north"));
}
