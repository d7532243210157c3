//! What sites say of windows, gates and call numbers, and of their owners.

use super::{
    owners::{at_berlin, codes, errors, site},
    *,
};
use crate::spec::{Site, SiteGate, SiteName};

#[test]
fn a_site_has_windows_a_gate_numbers_and_an_owner() {
    let text = site(
        "berlin",
        "{timeZone: Europe/Berlin, windows: [{schedule: \"0 2 * * *\", duration: 3h}], gate: {phones: 10, percent: 5, risky: 0}, numbers: [4930123000-4930123999, 4930124*, \"110\"], owner: {team: Berlin desk, paths: [berlin], profiles: [fleet, voice-*], policy: [windows, pause]}}",
    );
    let found = wanted(&[("sites.yaml", &text), ("berlin/a.yaml", &at_berlin("01", "  items: {}"))]);
    assert_eq!(errors(&found), [""; 0]);
    let Site { gate, windows, numbers, owner, .. } = found.site(&SiteName::new("berlin"));
    assert_eq!(gate, SiteGate { phones: Some(10), percent: Some(5), risky: Some(0) });
    assert_eq!((windows.len(), windows[0].time_zone.name(), numbers.len()), (1, "Europe/Berlin", 3));
    let owner = owner.unwrap();
    assert_eq!((&*owner.team, &*owner.paths[0]), ("Berlin desk", "berlin"));
    assert!(owner.may_build_on("voice-a") && !owner.may_build_on("other"));
    assert!(owner.may_set("pause") && !owner.may_set("mode"));
}

#[test]
fn what_a_site_says_is_checked_field_by_field() {
    for (spec, what, code) in [
        ("{gate: {phones: -1}}", "-1", "limit"),
        ("{gate: {percent: 101}}", "101", "limit"),
        ("{gate: {phone: 1}}", "phone", "unknown-field"),
        ("{numbers: [4930-49]}", "4930-49", "numbers"),
        ("{numbers: [\"+4930*\"]}", "\"+4930", "numbers"),
        ("{windows: [{schedule: \"0 2 * * *\", duration: 3h}]}", "{schedule", "time-zone"),
        ("{windows: [{schedule: nightly, duration: 3h}], timeZone: UTC}", "nightly", "schedule"),
        ("{owner: {team: a}}", "{team", "missing-field"),
        ("{owner: {paths: []}}", "[]", "owner"),
        ("{owner: {paths: [..]}}", "..", "owner"),
        ("{owner: {paths: [berlin.yaml]}}", "berlin.yaml", "owner"),
        ("{owner: {paths: [/berlin]}}", "/berlin", "owner"),
        ("{owner: {paths: [berlin, berlin]}}", "berlin]", "owner"),
        ("{owner: {paths: [berlin], policy: [window]}}", "window]", "unknown-field"),
        ("{owner: {paths: [berlin], profiles: [a b]}}", "a b", "name"),
        ("{owner: {paths: [berlin], networks: [here]}}", "here", "network"),
    ] {
        let found = wanted(&[("sites.yaml", &site("berlin", spec)), ("berlin/x.yaml", "")]);
        let column = "spec: ".len() + spec.find(what).unwrap() + 1;
        assert_eq!(places(&found), [format!("4:{column} {code}")], "{spec}\n{:#?}", found.problems());
    }
    finds(&site("berlin", "{owner: {paths: [nobody]}}"), &["warning 4:24 owner"]);
}

#[test]
fn the_windows_of_a_site_are_those_of_phones_that_say_nothing_of_windows() {
    let window = |hour| format!("[{{schedule: \"0 {hour} * * *\", duration: 1h}}]");
    let berlin = site("berlin", &format!("{{timeZone: Europe/Berlin, windows: {}}}", window(2)));
    let phones = [
        at_berlin("01", "  items: {}"),
        at_berlin("02", &format!("  policy: {{windows: {}}}", window(4))),
        at_berlin("03", "  policy: {windows: []}"),
        phone("04", "  items: {}"),
    ];
    let found = wanted(&[("sites.yaml", &berlin), ("p.yaml", &phones.join("---\n"))]);
    let schedules = |end| {
        let desired = ready(&found, end, None);
        desired.policy.windows.iter().map(|window| window.schedule.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(schedules("01"), ["0 2 * * *"]);
    assert_eq!(schedules("02"), ["0 4 * * *"]);
    assert_eq!((schedules("03").len(), schedules("04").len()), (0, 0), "an empty list is any time");
    let without = wanted(&[("sites.yaml", &site("berlin", "{timeZone: UTC}")), ("p.yaml", &phones[0])]);
    assert_ne!(ready(&found, "01", None).digest, ready(&without, "01", None).digest);
}

#[test]
fn a_number_that_is_none_of_its_site_makes_the_phone_invalid() {
    let berlin = site("berlin", "{numbers: [4930123000-4930123999]}");
    let load = |number: &str| {
        let own = at_berlin("01", &format!("  items: {{e164: \"{number}\"}}"));
        wanted(&[("sites.yaml", &berlin), ("p.yaml", &own)])
    };
    ready(&load("+49 30 123 500"), "01", None);
    ready(&load(""), "01", None);
    let found = load("4940123500");
    assert_eq!(places(&found), ["6:17 foreign-number"]);
    assert!(message(&found).contains("`berlin`") && message(&found).contains("4930123000-4930123999"));
    assert_eq!(codes(&found, "01"), ["foreign-number"]);
}
