//! What profiles insist on, items that decide over emergency calls, and slips in the names of items.

use super::*;
use crate::spec::{Known, Reported, load_knowing};

/// Profiles in `a.yaml` and one phone in `p.yaml`.
fn layered(profiles: &[String], own: &str) -> Wanted {
    wanted(&[("a.yaml", &profiles.join("---\n")), ("p.yaml", &phone("01", own))])
}

#[test]
fn a_final_item_is_neither_set_nor_taken_out_by_a_higher_layer_and_both_lines_are_named() {
    let base = profile("base", "  items: {realm: a}\n  final: [realm]");
    for (own, at) in [
        ("  profiles: [base]\n  items: {realm: b}", "6:18"),
        ("  profiles: [base]\n  seed: {realm: b}", "6:17"),
        ("  profiles: [base]\n  unmanaged: [realm]", "6:15"),
    ] {
        let found = layered(std::slice::from_ref(&base), own);
        assert_eq!(places(&found), [format!("{at} final-item")], "{own}");
        assert!(message(&found).contains("`realm`") && message(&found).contains("a.yaml:6"), "{}", message(&found));
        assert_eq!(&*invalid(&found, "01")[0].place.file, "p.yaml");
    }
    let good = layered(std::slice::from_ref(&base), "  profiles: [base]\n  items: {reg-ttl: 60}");
    assert_eq!(text(&ready(&good, "01", None), "realm", None).as_deref(), Some("a"));
}

#[test]
fn the_same_value_again_is_an_override_too_and_a_lower_layer_may_be_overridden() {
    let base = profile("base", "  items: {realm: low}");
    let middle = profile("middle", "  profiles: [base]\n  items: {realm: a}\n  final: [realm]");
    let top = profile("top", "  profiles: [middle]\n  items: {realm: a}");
    let found = layered(&[base.clone(), middle.clone(), top], "  profiles: [top]");
    assert_eq!(places(&found), ["20:18 final-item"]);
    invalid(&found, "01");
    let found = layered(&[base, middle], "  profiles: [middle]");
    assert_eq!(text(&ready(&found, "01", None), "realm", None).as_deref(), Some("a"));
}

#[test]
fn a_final_name_covers_all_indexes_and_one_with_an_index_only_that() {
    let all =
        profile("base", "  items: {locked-local-function-menus: {3: true}}\n  final: [locked-local-function-menus]");
    let one = all.replace("final: [locked-local-function-menus]", "final: [\"locked-local-function-menus[3]\"]");
    let own = |index| format!("  profiles: [base]\n  items: {{locked-local-function-menus: {{{index}: false}}}}");
    assert_eq!(invalid(&layered(std::slice::from_ref(&all), &own(7)), "01")[0].code, "final-item");
    assert_eq!(invalid(&layered(std::slice::from_ref(&one), &own(3)), "01")[0].code, "final-item");
    ready(&layered(std::slice::from_ref(&one), &own(7)), "01", None);
    let out = "  profiles: [base]\n  unmanaged: [locked-local-function-menus]";
    assert_eq!(invalid(&layered(&[one], out), "01")[0].code, "final-item", "it goes with all the others");
}

#[test]
fn what_a_layer_for_models_insists_on_counts_for_these_models() {
    let base = profile(
        "base",
        "  models: [OpenStage 40]\n  items: {realm: a}\n  final: [realm]\n  require: {reg-ttl: {oneOf: [60]}}",
    );
    let found = layered(&[base], "  profiles: [base]\n  items: {realm: b}");
    let device = device("01");
    let codes = |model| match found.resolve(&device, model) {
        Resolution::Invalid { problems, .. } => problems.iter().map(|problem| problem.code).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    assert_eq!(codes(Some("OpenStage 40")), ["final-item", "required-item"]);
    assert!(codes(None).is_empty() && codes(Some("OpenStage 20")).is_empty());
    let mut told: Vec<&str> = found.problems().iter().map(|problem| problem.code).collect();
    told.sort_unstable();
    assert_eq!(told, ["final-item", "required-item"], "told when it is loaded, for a model that may come");
}

#[test]
fn a_required_item_has_one_of_the_values_or_the_phone_is_invalid() {
    let base = profile(
        "base",
        "  items: {emergency-e164: \"113\"}\n  require:\n    emergency-e164: {oneOf: [\"110\", \"112\"]}",
    );
    let found = layered(std::slice::from_ref(&base), "  profiles: [base]");
    assert_eq!(places(&found), ["5:27 required-item"]);
    assert!(
        message(&found).contains("one of \"110\", \"112\"") && message(&found).contains("a.yaml:7"),
        "{}",
        message(&found)
    );
    invalid(&found, "01");
    ready(&layered(std::slice::from_ref(&base), "  profiles: [base]\n  items: {emergency-e164: \"112\"}"), "01", None);
    let none = layered(&[base], "  profiles: [base]\n  unmanaged: [emergency-e164]");
    assert_eq!(places(&none), ["3:18 required-item"]);
    assert!(message(&none).contains("the phone `p-01` has no value"), "{}", message(&none));
    assert!(message(&none).contains("a.yaml:7"), "{}", message(&none));
    assert_eq!(invalid(&none, "01")[0].code, "required-item");
}

#[test]
fn required_values_are_compared_by_meaning() {
    let base = profile("base", "  require:\n    reg-ttl: {oneOf: [\"060\"]}\n    daylight-save: {oneOf: [true]}");
    let own = "  profiles: [base]\n  items: {reg-ttl: 60, daylight-save: true}";
    ready(&layered(&[base], own), "01", None);
}

#[test]
fn a_required_pattern_fits_from_beginning_to_end() {
    let base = profile("base", "  require: {e164: {matches: \"4930[0-9]{4}\"}}");
    let own = |number: &str| format!("  profiles: [base]\n  items: {{e164: \"{number}\"}}");
    ready(&layered(std::slice::from_ref(&base), &own("49301234")), "01", None);
    for number in ["493012345", "149301234", "4940123"] {
        assert_eq!(invalid(&layered(std::slice::from_ref(&base), &own(number)), "01")[0].code, "required-item");
    }
}

#[test]
fn a_required_name_means_each_index_there_is_and_one_with_an_index_that() {
    let rule = |what: &str| profile("base", &format!("  require: {{{what}: {{oneOf: [true]}}}}"));
    let own = "  profiles: [base]\n  items: {locked-local-function-menus: {3: true, 7: false}}";
    assert_eq!(invalid(&layered(&[rule("locked-local-function-menus")], own), "01")[0].code, "required-item");
    ready(&layered(&[rule("\"locked-local-function-menus[3]\"")], own), "01", None);
    let missing = layered(&[rule("\"locked-local-function-menus[4]\"")], own);
    assert!(message(&missing).contains("locked-local-function-menus[4]"), "{}", message(&missing));
}

#[test]
fn secrets_are_not_required_to_have_a_value_and_phones_insist_on_nothing() {
    finds(&profile("base", "  require: {sip-pwd: {matches: \".+\"}}"), &["5:13 requirement"]);
    finds(&profile("base", "  require: {sip-pwd: {oneOf: [\"hunter2\"]}}"), &["5:13 requirement"]);
    finds(&phone("01", "  final: [realm]"), &["5:3 unknown-field"]);
    finds(&phone("01", "  require: {realm: {matches: a}}"), &["5:3 unknown-field"]);
}

#[test]
fn a_rule_that_is_none_is_an_error_of_its_profile() {
    for (spec, found) in [
        ("  require: {realm: {}}", "5:20 requirement"),
        ("  require: {realm: {oneOf: [], matches: a}}", "5:20 requirement"),
        ("  require: {realm: {oneOf: []}}", "5:28 requirement"),
        ("  require: {realm: {matches: \"(\"}}", "5:30 requirement"),
        ("  require: {realm: {matches: 5}}", "5:30 wrong-type"),
        ("  require: {realm: {like: a}}", "5:21 unknown-field"),
        ("  require: [realm]", "5:12 wrong-type"),
        ("  require: {daylight-save: {oneOf: [1]}}", "5:37 wrong-type"),
        ("  final: realm", "5:10 wrong-type"),
        ("  final: [\"realm[x]\"]", "5:11 item-name"),
        ("  final: [realm, realm]", "5:18 duplicate-item"),
        ("  final: [\"realm[3]\"]", "warning 5:11 bad-index"),
    ] {
        let found_all = places(&wanted(&[("a.yaml", &profile("a", spec))]));
        assert!(found_all.contains(&found.to_owned()), "{spec}: {found_all:?}");
    }
}

#[test]
fn insisting_is_a_check_and_no_value_so_the_digest_stays() {
    let digest = |more: &str| {
        let base = profile("base", &format!("  items: {{realm: a}}{more}"));
        ready(&layered(&[base], "  profiles: [base]"), "01", None).digest
    };
    assert_eq!(digest(""), digest("\n  final: [realm]\n  require: {realm: {oneOf: [a]}}"));
}

#[test]
fn more_patterns_than_the_bound_are_an_error_of_the_profile_that_goes_over_it() {
    let profiles: Vec<String> = (0..11)
        .map(|number| {
            let rules: Vec<String> = (0..100).map(|item| format!("item-{number}-{item}: {{matches: a}}")).collect();
            profile(&format!("p{number}"), &format!("  require: {{{}}}", rules.join(", ")))
        })
        .collect();
    let found = layered(&profiles, "  profiles: [p0]");
    assert_eq!(places(&found).iter().filter(|place| place.contains(" limit")).count(), 1, "{:?}", places(&found));
}

#[test]
fn what_decides_over_emergency_calls_is_never_written_empty() {
    for field in ["items", "seed"] {
        for empty in ["\"\"", "\"NULL\""] {
            let text = phone("01", &format!("  {field}: {{emergency-e164: {empty}}}"));
            let found = wanted(&[("a.yaml", &text)]);
            assert!(places(&found).iter().any(|place| place.ends_with("safety-item")), "{:?}", found.problems());
            assert!(!invalid(&found, "01").is_empty());
        }
    }
    finds(&phone("01", "  items: {realm: \"\"}"), &[]);
}

#[test]
fn a_name_one_slip_away_from_a_known_one_is_an_error_wherever_it_stands() {
    for (spec, place) in [
        ("  items: {sntp-adr: \"a\"}", "5:11"),
        ("  items: {SNTP-addr: \"a\"}", "5:11"),
        ("  seed: {sntp-adrd: \"a\"}", "5:10"),
        ("  byIndex: {1: {key-lable: \"a\"}}", "5:17"),
        ("  unmanaged: [sntp-adr]", "5:15"),
        ("  policy: {ignore: [{item: sntp-adr, reason: a}]}", "5:28"),
    ] {
        let found = finds(&phone("01", spec), &[&format!("{place} misspelt-item")]);
        assert!(message(&found).contains("did you mean `"), "{}", message(&found));
        assert!(!invalid(&found, "01").is_empty());
    }
    for spec in ["  final: [sntp-adr]", "  require: {sntp-adr: {matches: a}}"] {
        let found = places(&wanted(&[("a.yaml", &profile("a", spec))]));
        assert!(found[0].ends_with("misspelt-item"), "{found:?}");
    }
}

#[test]
fn a_name_that_a_phone_has_reported_is_no_slip_and_makes_others_one() {
    let load = |spec: &str, names: &[&str]| {
        let text = phone("01", spec);
        let snapshot = Snapshot::of_texts(Revision::new("rev"), [("a.yaml", text.as_str())]);
        let known = Known { reported: names.iter().copied().collect::<Reported>(), ..Known::nothing() };
        load_knowing(&snapshot, &SecretsUnread, &known)
    };
    let found = load("  items: {sntp-adr: \"a\"}", &["sntp-adr"]);
    assert_eq!(places(&found), ["warning 5:11 unknown-item"]);
    ready(&found, "01", None);
    assert_eq!(places(&load("  items: {new-itm: \"a\"}", &[])), ["warning 5:11 unknown-item"]);
    let found = load("  items: {new-itm: \"a\"}", &["new-item"]);
    assert_eq!(places(&found), ["5:11 misspelt-item"]);
    assert!(message(&found).contains("did you mean `new-item`?"), "{}", message(&found));
}

#[test]
fn a_row_of_the_overlay_makes_a_name_known_and_a_broken_overlay_makes_no_slips() {
    let header = "name,index,type,unit,range,values,open,max_length,default,access,since,group,effect,owner,evidence,description\n";
    let good = format!("{header}sntp-adr,,string,,,,,,,read-write,,,,admin,field,\n");
    let text = phone("01", "  items: {sntp-adr: \"a\"}");
    assert!(places(&wanted(&[("a.yaml", &text), ("catalogue.csv", &good)])).is_empty());
    let broken = good.replace("string", "strung");
    let found = wanted(&[("a.yaml", &text), ("catalogue.csv", &broken)]);
    assert!(!places(&found).iter().any(|place| place.ends_with("misspelt-item")), "{:?}", found.problems());
    ready(&found, "01", None);
}
