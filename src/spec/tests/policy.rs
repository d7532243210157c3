//! What policies and sites say of windows, pauses, ignored items, servers, clocks and limits.

use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::spec::{Opening, Policy, Restart, Site, SiteName, windows_open};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn policy(texts: &[(&str, &str)]) -> Arc<Policy> {
    let wanted = wanted(texts);
    assert!(wanted.problems().is_empty(), "{:#?}", wanted.problems());
    ready(&wanted, "01", None).policy.clone()
}

/// The policy of a phone below one profile.
fn layered(profile_policy: &str, phone_policy: &str) -> Arc<Policy> {
    let below = profile("a", &format!("  policy: {profile_policy}"));
    let own = phone("01", &format!("  profiles: [a]\n  policy: {phone_policy}"));
    policy(&[("a.yaml", &below), ("p.yaml", &own)])
}

/// The problems of a phone with that policy, which starts on line 5, column 11.
#[track_caller]
fn finds_in(policy: &str, expected: &[&str]) -> Wanted {
    finds(&phone("01", &format!("  policy: {policy}")), expected)
}

fn site(spec: &str) -> String {
    format!("apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: berlin}}\nspec: {spec}\n")
}

fn berlin(spec: &str) -> Site {
    finds(&site(spec), &[]).site(&SiteName::new("berlin"))
}

#[test]
fn who_says_nothing_heals_thrice_a_day_never_restarts_and_writes_at_any_time() {
    let policy = policy(&[("p.yaml", &phone("01", "  items: {}"))]);
    assert_eq!((policy.self_heal_limit, policy.restart), (3, Restart::Deny));
    assert!(policy.ignore.is_empty() && policy.windows.is_empty() && policy.pause.is_none());
}

#[test]
fn the_layer_above_wins_field_by_field() {
    let policy = layered("{selfHealLimit: 0, restart: Allow}", "{selfHealLimit: 100}");
    assert_eq!((policy.self_heal_limit, policy.restart), (100, Restart::Allow));
    for bad in ["101", "-1", "1.5", "\"3\"", "true"] {
        finds_in(&format!("{{selfHealLimit: {bad}}}"), &["5:27 out-of-range"]);
    }
    finds_in("{restart: allow}", &["5:21 unknown-value"]);
}

#[test]
fn an_ignore_rule_means_one_item_with_one_index_until_its_end() {
    let policy = layered(
        "{ignore: [{item: key-label-unicode, index: 3, reason: by hand, until: 2026-12-31}, {item: realm, reason: later}]}",
        "{ignore: [{item: reg-ttl, reason: test, until: \"2026-06-01T12:00:00+02:00\"}]}",
    );
    let ignored = |name, index, now| policy.ignores(&id(name, index), at(now)).map(|rule| rule.reason.to_string());
    let now = "2026-06-01T09:59:59Z";
    assert_eq!(ignored("key-label-unicode", Some(3), now).as_deref(), Some("by hand"));
    assert_eq!(ignored("key-label-unicode", Some(3), "2026-12-31T23:59:59Z").as_deref(), Some("by hand"));
    assert_eq!(ignored("key-label-unicode", Some(3), "2027-01-01T00:00:00Z"), None);
    assert_eq!(ignored("key-label-unicode", Some(4), now), None);
    assert_eq!(ignored("key-label-unicode", None, now), None);
    assert_eq!(ignored("realm", None, "2099-01-01T00:00Z").as_deref(), Some("later"));
    assert_eq!(ignored("realm", Some(0), now), None);
    assert_eq!(ignored("reg-ttl", None, now).as_deref(), Some("test"));
    assert_eq!(ignored("reg-ttl", None, "2026-06-01T10:00:00Z"), None);
}

#[test]
fn ignore_rules_add_up_and_the_one_above_wins_for_the_same_item() {
    let policy = layered(
        "{ignore: [{item: realm, reason: below}, {item: reg-ttl, reason: below}]}",
        "{ignore: [{item: realm, reason: above}, {item: e164, reason: above}]}",
    );
    let rules: Vec<String> = policy.ignore.iter().map(|rule| format!("{} {}", rule.id, rule.reason)).collect();
    assert_eq!(rules, ["e164 above", "realm above", "reg-ttl below"]);
}

#[test]
fn an_ignore_rule_gives_a_reason_and_names_an_item_once() {
    finds_in("{ignore: [{item: realm}]}", &["5:21 missing-field"]);
    finds_in("{ignore: [{reason: a}]}", &["5:21 missing-field"]);
    finds_in("{ignore: [{item: realm, reason: \"\"}]}", &["5:43 empty-value"]);
    finds_in("{ignore: [{item: realm, reason: a}, {item: realm, reason: b}]}", &["5:47 duplicate-item"]);
    finds_in("{ignore: [{item: \"realm[3]\", reason: a}]}", &["5:28 item-name"]);
    finds_in("{ignore: [{item: realm, reason: a, until: soon}]}", &["5:53 time"]);
    finds_in("{ignore: [{item: realm, reason: a, until: 2026-02-30}]}", &["5:53 time"]);
    finds_in("{ignore: [{item: realm, reason: a, until: null}]}", &["5:53 null-value"]);
    finds_in("{ignore: [{item: realm, index: -1, reason: a}]}", &["5:42 bad-index"]);
    finds_in("{ignore: {item: realm}}", &["5:20 wrong-type"]);
    let many = vec!["{item: realm, reason: a}"; 101].join(", ");
    finds_in(&format!("{{ignore: [{many}]}}"), &["5:20 limit"]);
}

#[test]
fn items_that_decide_over_emergency_calls_are_never_ignored() {
    let found = finds_in("{ignore: [{item: Canonical-dialing-emergency-number, reason: a}]}", &["5:28 safety-item"]);
    assert!(!invalid(&found, "01").is_empty());
}

#[test]
fn a_rule_that_hits_nothing_warns_and_an_unknown_item_may_be_ignored() {
    let found = finds_in("{ignore: [{item: key-label-unicode, reason: a}]}", &["warning 5:28 bad-index"]);
    assert!(message(&found).ends_with("add `index`"));
    finds_in("{ignore: [{item: realm, index: 1, reason: a}]}", &["warning 5:28 bad-index"]);
    finds_in("{ignore: [{item: nobody-knows-this, reason: a}]}", &[]);
    let found = finds_in("{ignore: [{item: sntp-addres, reason: a}]}", &["warning 5:28 unknown-item"]);
    assert!(message(&found).ends_with("did you mean `sntp-addr`?"));
    let found = finds_in("{ignore: [{item: sip-pwd, reason: a}]}", &["warning 5:28 ignores-nothing"]);
    assert!(message(&found).contains("`unmanaged`"));
}

#[test]
fn a_word_that_should_be_another_names_those_there_are_and_no_quotes() {
    let found = finds_in("{restart: true}", &["5:21 unknown-value"]);
    assert_eq!(message(&found), "`policy.restart` must be one of Deny, Allow, not `true`");
    finds_in("{userItems: yes}", &["5:23 unknown-value"]);
    finds_in("{mode: off}", &["5:18 yes-no"]);
}

#[test]
fn a_time_zone_that_does_not_exist_is_answered_by_the_form_of_one() {
    let found = finds_in(
        "{windows: [{schedule: \"0 2 * * *\", duration: 1h, timeZone: Europe/Muenchen}]}",
        &["5:70 time-zone"],
    );
    assert!(message(&found).ends_with("write an IANA name, such as Europe/Berlin"));
}

#[test]
fn an_end_that_has_come_is_a_warning_from_then_on_and_no_problem_of_the_revision() {
    let found = finds_in(
        "{ignore: [{item: realm, reason: a, until: 2026-05-01}], pause: {reason: b, by: c, until: \"2026-06-01T00:00:00Z\"}}",
        &[],
    );
    let expired = |now| found.expired(at(now)).map(|problem| (problem.place.column, problem.code)).collect::<Vec<_>>();
    assert_eq!(expired("2026-05-01T23:59:59Z"), []);
    assert_eq!(expired("2026-05-02T00:00:00Z"), [(21, "expired")]);
    assert_eq!(expired("2026-06-01T00:00:00Z"), [(21, "expired"), (74, "expired")]);
    assert!(found.expired(at("2030-01-01T00:00Z")).all(|problem| problem.severity == Severity::Warning));
}

#[test]
fn a_pause_has_a_reason_and_a_name_and_holds_until_its_end() {
    let policy = layered("{pause: {reason: move, by: ann, until: \"2026-06-01T00:00:00Z\"}}", "{mode: Enforce}");
    let pause = policy.pause.as_ref().unwrap();
    assert_eq!((&*pause.reason, &*pause.by), ("move", "ann"));
    assert!(pause.holds(at("2026-05-31T23:59:59Z")) && !pause.holds(at("2026-06-01T00:00:00Z")));
    finds_in("{pause: {reason: a}}", &["5:19 missing-field"]);
    finds_in("{pause: {}}", &["5:19 missing-field", "5:19 missing-field"]);
    finds_in("{pause: true}", &["5:19 wrong-type"]);
    finds_in("{pause: null}", &["5:19 null-value"]);
    finds_in("{pause: {reason: a, by: b, til: c}}", &["5:38 unknown-field"]);
}

#[test]
fn false_lifts_the_pause_of_a_lower_layer() {
    assert_eq!(layered("{pause: {reason: move, by: ann}}", "{pause: false}").pause, None);
    let other = layered("{pause: {reason: move, by: ann}}", "{pause: {reason: test, by: bob}}");
    assert_eq!(&*other.pause.as_ref().unwrap().by, "bob");
}

const NIGHT: &str = "{schedule: \"0 2 * * *\", duration: 3h, timeZone: Europe/Berlin}";

#[test]
fn windows_of_the_layer_above_take_the_place_of_those_below() {
    let below = format!("{{windows: [{NIGHT}, {NIGHT}]}}");
    assert_eq!(layered(&below, "{mode: Enforce}").windows.len(), 2);
    let above = layered(&below, "{windows: [{schedule: 0 12 * * MON-FRI, duration: 30m, timeZone: UTC}]}");
    assert_eq!(above.windows.iter().map(|window| window.schedule.as_str()).collect::<Vec<_>>(), ["0 12 * * MON-FRI"]);
    assert_eq!(windows_open(&layered(&below, "{windows: []}").windows, at("2026-01-01T12:00Z")), Opening::Always);
}

#[test]
fn a_window_has_a_schedule_of_five_fields_a_duration_and_a_known_zone() {
    let window = |window: &str, expected: &[&str]| finds_in(&format!("{{windows: [{window}]}}"), expected);
    window(NIGHT, &[]);
    let found = window(&NIGHT.replace("0 2 * *", "0 0 2 * *"), &["5:33 schedule"]);
    assert!(message(&found).contains("five fields"), "{}", message(&found));
    window(&NIGHT.replace("0 2 * * *", "0 0 31 2 *"), &["5:33 schedule"]);
    for bad in ["59s", "8d", "3", "three"] {
        window(&NIGHT.replace("3h", bad), &["5:56 duration"]);
    }
    let found = window(&NIGHT.replace("Berlin", "Berln"), &["5:70 time-zone"]);
    assert!(message(&found).ends_with("did you mean `Europe/Berlin`?"));
    window("{}", &["5:22 missing-field", "5:22 missing-field"]);
    let many = vec![NIGHT; 21].join(", ");
    finds_in(&format!("{{windows: [{many}]}}"), &["5:21 limit"]);
}

#[test]
fn a_window_without_a_zone_goes_by_the_clock_of_the_site() {
    let night = NIGHT.replace(", timeZone: Europe/Berlin", "");
    let below = profile("a", &format!("  policy: {{windows: [{night}]}}"));
    let own = phone("01", "  profiles: [a]\n  site: berlin");
    let load = |zone: &str| wanted(&[("a.yaml", &below), ("p.yaml", &own), ("s.yaml", &site(zone))]);
    let (tokyo, lisbon) = (load("{timeZone: Asia/Tokyo}"), load("{timeZone: Europe/Lisbon}"));
    let (one, two) = (ready(&tokyo, "01", None), ready(&lisbon, "01", None));
    assert_eq!(one.policy.windows.iter().map(|window| window.time_zone.name()).collect::<Vec<_>>(), ["Asia/Tokyo"]);
    assert_ne!(one.digest, two.digest, "another clock is another policy");

    let none = load("{reach: Poll}");
    let problems = invalid(&none, "01");
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["time-zone"]);
    assert!(none.problems().iter().any(|problem| problem.code == "time-zone" && &*problem.place.file == "a.yaml"));
    let above = own.replace("  site", "  policy: {windows: []}\n  site");
    let lifted = wanted(&[("a.yaml", &below), ("p.yaml", &above), ("s.yaml", &site("{reach: Poll}"))]);
    assert!(ready(&lifted, "01", None).policy.windows.is_empty());
}

#[test]
fn each_field_of_a_policy_has_a_part_in_the_digest_and_defaults_have_none() {
    let digest = |policy: &str| ready(&wanted(&[("p.yaml", &phone("01", policy))]), "01", None).digest;
    let mut seen = vec![digest("  items: {}")];
    assert_eq!(digest("  policy: {selfHealLimit: 3, restart: Deny, windows: [], ignore: [], pause: false}"), seen[0]);
    for policy in [
        "selfHealLimit: 4",
        "restart: Allow",
        "ignore: [{item: realm, reason: a}]",
        "ignore: [{item: realm, index: 0, reason: a}]",
        "ignore: [{item: realm, reason: b}]",
        "ignore: [{item: realm, reason: a, until: 2026-01-01}]",
        "windows: [{schedule: \"0 2 * * *\", duration: 3h, timeZone: UTC}]",
        "windows: [{schedule: \"0 2 * * *\", duration: 2h, timeZone: UTC}]",
        "windows: [{schedule: \"0 3 * * *\", duration: 3h, timeZone: UTC}]",
        "pause: {reason: a, by: b}",
        "pause: {reason: b, by: a}",
        "pause: {reason: a, by: b, until: 2026-01-01}",
    ] {
        let other = digest(&format!("  policy: {{{policy}}}"));
        assert!(!seen.contains(&other), "{policy}");
        seen.push(other);
    }
}

#[test]
fn a_policy_is_stored_and_read_back_and_an_older_one_can_be_read() {
    let policy = layered(
        &format!("{{selfHealLimit: 5, restart: Allow, windows: [{NIGHT}]}}"),
        "{ignore: [{item: key-label-unicode, index: 3, reason: a, until: 2026-01-01}], pause: {reason: a, by: b}}",
    );
    let stored = serde_json::to_string(&*policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&stored).unwrap(), *policy);
    assert_eq!(serde_json::from_str::<Policy>("{}").unwrap(), Policy::default());
    let plain = serde_json::to_value(Policy::default()).unwrap();
    assert!(["ignore", "windows", "pause"].iter().all(|field| plain.get(field).is_none()), "{plain}");
}

#[test]
fn sites_name_their_servers_clock_and_limits() {
    let site = berlin(
        "{servers: [DLS.Example.com, 192.0.2.9, \"2001:DB8:0::1\"], timeZone: Europe/Berlin, limits: {contactsPerSecond: 0.1, sessions: 5}}",
    );
    assert_eq!(
        site.servers.iter().map(|server| &**server).collect::<Vec<_>>(),
        ["dls.example.com", "192.0.2.9", "2001:db8::1"]
    );
    assert_eq!(site.time_zone.unwrap().name(), "Europe/Berlin");
    assert_eq!((site.limits.contact_spacing, site.limits.sessions), (Some(Duration::from_secs(10)), Some(5)));
    let fast = berlin("{limits: {contactsPerSecond: 4}}");
    assert_eq!((fast.limits.contact_spacing, fast.limits.sessions), (Some(Duration::from_millis(250)), None));
    let none = berlin("{reach: Poll}");
    assert!(none.servers.is_empty() && none.time_zone.is_none() && none.limits == crate::spec::SiteLimits::default());
}

#[test]
fn servers_zones_and_limits_of_a_site_are_checked() {
    for bad in ["https://dls.example.com", "dls:18443", "192.0.2.300", "a b", "\"\"", "a..b", "-a"] {
        finds(&site(&format!("{{servers: [{bad}]}}")), &["4:18 server"]);
    }
    finds(&site("{servers: dls.example.com}"), &["4:17 wrong-type"]);
    finds(&site("{timeZone: Berlin}"), &["4:18 time-zone"]);
    for bad in ["0", "-1", "0.0", "1001", "\"1\"", ".inf", "true"] {
        finds(&site(&format!("{{limits: {{contactsPerSecond: {bad}}}}}")), &["4:36 limit"]);
    }
    for bad in ["0", "-1", "1.5", "100001"] {
        finds(&site(&format!("{{limits: {{sessions: {bad}}}}}")), &["4:27 limit"]);
    }
    finds(&site("{limits: {session: 1}}"), &["4:17 unknown-field"]);
}
