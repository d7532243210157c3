//! Every check of documents, by name, with its place.

use super::*;
use crate::spec::{FileContent, SourceFile};

#[test]
fn all_problems_of_a_run_are_reported_at_once_and_in_order() {
    let broken = phone("01", "  items:\n    e164: 0301\n    e164: \"1\"\n    reg-port: many\n  polcy: {}");
    let other = phone("02", "  items: {realm: yes}");
    let wanted = wanted(&[("b.yaml", &other), ("a.yaml", &broken)]);
    assert_eq!(
        places(&wanted),
        ["6:11 leading-zero", "7:5 duplicate-key", "8:15 wrong-type", "9:3 unknown-field", "5:18 yes-no"]
    );
    assert_eq!(&*wanted.problems()[4].place.file, "b.yaml");
}

#[test]
fn lines_and_columns_count_characters_and_spans_count_bytes() {
    let text = phone("01", "  items: {display-id-unicode: \"Büro\", realm: yes}");
    let wanted = finds(&text, &["5:46 yes-no"]);
    let (start, end) = wanted.problems()[0].place.span;
    assert_eq!(&text[start as usize..end as usize], "yes");
    let windows = text.replace('\n', "\r\n");
    finds(&windows, &["5:46 yes-no"]);
}

#[test]
fn an_unknown_field_comes_with_the_one_that_was_meant() {
    let found = finds(&phone("01", "  itms: {}"), &["5:3 unknown-field"]);
    assert!(message(&found).contains("did you mean `items`?"));
    let found = finds(&phone("01", "  windows: {}"), &["5:3 unknown-field"]);
    assert!(message(&found).contains("it takes phone, profiles"));
    finds(&profile("a", "  phone: {}"), &["5:3 unknown-field"]);
    finds(&phone("01", "  policy: {mod: Report}"), &["5:12 unknown-field"]);
    finds(&phone("01", "  items: {}").replace("{name:", "{nam: x, name:"), &["3:12 unknown-field"]);
}

#[test]
fn an_unknown_word_comes_with_the_one_that_was_meant() {
    let found = finds(&phone("01", "  policy: {mode: enforce}"), &["5:18 unknown-value"]);
    assert!(message(&found).contains("did you mean `Enforce`?"));
}

#[test]
fn intervals_have_units_and_bounds() {
    finds(&phone("01", "  policy: {interval: 1h30m}"), &[]);
    for bad in ["60", "59s", "31d", "soon"] {
        finds(&phone("01", &format!("  policy: {{interval: {bad}}}")), &["5:22 duration"]);
    }
}

#[test]
fn a_read_only_item_is_an_error() {
    finds(&phone("01", "  items: {mac-addr: \"00:1A:E8:00:00:01\"}"), &["5:11 read-only"]);
}

#[test]
fn an_action_is_no_setting_unless_it_goes_with_its_group() {
    finds(&phone("01", "  items: {XML-app-restart: {1: true}}"), &["5:29 action-item"]);
    finds(&phone("01", "  byIndex: {1: {XML-app-restart: true, XML-app-name: calls}}"), &[]);
    finds(&phone("01", "  byIndex: {1: {XML-app-restart: true}, 2: {XML-app-name: calls}}"), &["5:17 action-item"]);
    finds(&phone("01", "  items: {clear-calllog: true}"), &["5:11 action-item"]);
    finds(&phone("01", "  seed: {clear-calllog: true}"), &["5:10 action-item"]);
}

#[test]
fn type_index_and_range_are_checked() {
    finds(&phone("01", "  items: {daylight-save: 1}"), &["5:26 wrong-type"]);
    finds(&phone("01", "  items: {locked-local-function-menus: {11: true}}"), &["warning 5:41 bad-index"]);
    finds(&phone("01", "  items: {line-preselection-timer: 61}"), &["5:36 out-of-range"]);
    finds(&phone("01", "  items: {sntp-tz-offset: 721}"), &["warning 5:27 out-of-range"]);
    finds(&phone("01", "  items: {e164: {1: \"2\"}}"), &["5:18 bad-index"]);
    finds(&phone("01", "  items: {e164: [\"2\"]}"), &["5:17 wrong-type"]);
}

#[test]
fn an_unknown_item_warns_with_the_one_that_was_meant() {
    let found = finds(&phone("01", "  items: {sntp-addres: 192.0.2.5}"), &["warning 5:11 unknown-item"]);
    assert!(message(&found).contains("did you mean `sntp-addr`?"), "{}", message(&found));
    finds(&phone("01", "  items: {new-item: 5}"), &["warning 5:11 unknown-item", "5:21 wrong-type"]);
}

#[test]
fn one_value_in_two_places_of_a_document_is_an_error() {
    let text = phone("01", "  items: {function-key-def: {1: 31}}\n  byIndex: {1: {function-key-def: 59}}");
    let found = finds(&text, &["6:17 duplicate-item"]);
    assert!(message(&found).contains("line 5"));
    finds(&phone("01", "  items: {realm: a}\n  unmanaged: [realm]"), &["6:15 contradiction"]);
}

#[test]
fn one_mac_on_two_documents_makes_both_invalid() {
    let first = phone("01", "  items: {}");
    let second = phone("01", "  items: {}").replace("p-01", "other");
    let wanted = wanted(&[("a.yaml", &first), ("b.yaml", &second)]);
    assert_eq!(places(&wanted), ["6:16 declared-twice", "6:16 declared-twice"]);
    assert_eq!(invalid(&wanted, "01").len(), 2);
    assert!(wanted.problems()[0].message.contains("b.yaml:6"), "{}", wanted.problems()[0]);
}

#[test]
fn one_name_on_two_documents_makes_both_invalid() {
    let first = phone("01", "  items: {}");
    let second = phone("02", "  items: {}").replace("p-02", "p-01");
    let wanted = wanted(&[("a.yaml", &first), ("b.yaml", &second), ("c.yaml", &phone("03", "  items: {}"))]);
    assert_eq!(places(&wanted), ["3:18 declared-twice", "3:18 declared-twice"]);
    invalid(&wanted, "01");
    invalid(&wanted, "02");
    ready(&wanted, "03", None);
}

#[test]
fn a_missing_profile_makes_its_phones_invalid_and_no_others() {
    let profiles = profile("fleet", "  profiles: [base]");
    let texts = [
        ("a.yaml", &*phone("01", "  profiles: [fleeet]")),
        ("b.yaml", &*phone("02", "  profiles: [fleet]")),
        ("c.yaml", &*phone("03", "  items: {}")),
        ("p.yaml", &*profiles),
    ];
    let wanted = wanted(&texts);
    assert_eq!(places(&wanted), ["5:14 missing-profile", "5:14 missing-profile"]);
    assert!(wanted.problems()[0].message.contains("did you mean `fleet`?"));
    assert_eq!(&*invalid(&wanted, "02")[0].place.file, "p.yaml");
    invalid(&wanted, "01");
    ready(&wanted, "03", None);
}

#[test]
fn a_circle_of_profiles_makes_its_phones_invalid() {
    let profiles = [profile("a", "  profiles: [b]"), profile("b", "  profiles: [a]")].join("---\n");
    let found = wanted(&[("a.yaml", &profiles), ("p.yaml", &phone("01", "  profiles: [a]"))]);
    assert_eq!(places(&found), ["5:14 profile-cycle", "11:14 profile-cycle"]);
    assert!(found.problems()[1].message.contains("a → b → a"), "{}", found.problems()[1]);
    invalid(&found, "01");
    let own = wanted(&[("a.yaml", &profile("a", "  profiles: [a]"))]);
    assert_eq!(places(&own), ["5:14 profile-cycle"]);
}

#[test]
fn an_error_in_a_profile_concerns_its_phones_only() {
    let texts = [
        ("a.yaml", &*profile("a", "  items: {realm: yes}")),
        ("b.yaml", &*phone("01", "  profiles: [a]")),
        ("c.yaml", &*phone("02", "  items: {}")),
    ];
    let wanted = wanted(&texts);
    assert_eq!(places(&wanted), ["5:18 yes-no"]);
    assert_eq!(invalid(&wanted, "01")[0].code, "yes-no");
    ready(&wanted, "02", None);
}

#[test]
fn an_error_in_a_site_concerns_its_phones_only() {
    let site = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\nspec: {networks: [192.0.2.1/24]}\n";
    let texts =
        [("a.yaml", &*phone("01", "  site: berlin")), ("b.yaml", &*phone("02", "  site: bonn")), ("s.yaml", site)];
    let wanted = wanted(&texts);
    assert_eq!(places(&wanted), ["warning 5:9 unknown-site", "4:19 network"]);
    assert!(wanted.problems()[1].message.contains("write 192.0.2.0/24"));
    invalid(&wanted, "01");
    ready(&wanted, "02", None);
}

#[test]
fn kinds_and_versions_of_ours_that_do_not_exist_are_errors() {
    let text = phone("01", "  items: {}");
    let found = finds(&text.replace("kind: PhoneConfig", "kind: PhoneConfg"), &["2:7 unknown-kind"]);
    assert!(message(&found).contains("did you mean `PhoneConfig`?"));
    assert!(found.broken_files().contains("a.yaml"), "the phone it declares is not gone");
    finds(&text.replace("v1alpha1", "v1"), &["1:13 api-version"]);
    finds(&text.replace("phoneops.dev/", "phoneop.dev/"), &["1:13 api-version"]);
    finds(&text.replace("apiVersion: phoneops.dev/v1alpha1\n", ""), &["1:1 no-api-version"]);
    finds(&text.replace("kind: PhoneConfig\n", ""), &["1:1 no-kind"]);
}

#[test]
fn documents_of_other_groups_are_skipped_and_counted() {
    let mixed = format!(
        "apiVersion: apps/v1\nkind: Deployment\nspec: {{a: 012}}\n---\n{}---\n---\n",
        phone("01", "  items: {}")
    );
    let wanted = finds(&mixed, &[]);
    assert_eq!((wanted.counts().skipped, wanted.counts().documents, wanted.counts().phones), (1, 1, 1));
    finds("- a list\n", &["warning 1:1 no-resource"]);
    finds("image: phoneops\n", &["warning 1:1 no-resource"]);
}

#[test]
fn names_and_labels_follow_the_rules_of_kubernetes() {
    let text = phone("01", "  items: {}");
    finds(&text.replace("p-01", "Reception"), &["3:18 name"]);
    finds(&text.replace("p-01", "123"), &["3:18 wrong-type"]);
    finds(&text.replace("{name: p-01}", "{}"), &["3:11 no-name"]);
    finds(&text.replace("p-01", "p-01, labels: {ward: 3}"), &["3:39 wrong-type"]);
    finds(&text.replace("p-01", "p-01, labels: {ward: a b}"), &["3:39 label"]);
    finds(&text.replace("p-01", "p-01, labels: {-ward: a}"), &["3:33 label"]);
    finds(&text.replace("p-01", "p-01, namespace: x, annotations: {a: b}"), &[]);
    finds(&phone("01", "  site: Berlin Mitte"), &["5:9 name"]);
}

#[test]
fn a_phone_has_one_identity() {
    let text = phone("01", "  items: {}");
    let found = finds(&text.replace("\"00:1A:E8:00:00:01\"", "\"00:1A:E8\""), &["6:16 device"]);
    assert!(found.broken_files().contains("a.yaml"), "the phone that was here is not gone");
    finds(&text.replace("{mac: \"00:1A:E8:00:00:01\"}", "{}"), &["6:10 no-phone"]);
    finds(&text.replace("mac:", "deviceId: soft-1, mac:"), &["6:21 no-phone"]);
    finds(&text.replace("mac: \"00:1A:E8:00:00:01\"", "deviceId: soft-1, model: OptiClient"), &[]);
}

#[test]
fn sites_have_networks_and_a_way_to_reach_their_phones() {
    let site = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\nspec: {networks: [192.0.2.0/24, \"2001:db8::/48\"], reach: Poll}\n";
    let wanted = finds(site, &[]);
    let berlin = wanted.site(&crate::spec::SiteName::new("berlin"));
    assert!(wanted.has_sites() && berlin.reach == crate::spec::Reach::Poll);
    assert!(berlin.contains("2001:db8::1".parse().unwrap()) && !berlin.contains("198.51.100.1".parse().unwrap()));
    finds(&site.replace("192.0.2.0/24", "somewhere"), &["4:19 network"]);
    finds(&site.replace("Poll", "poll"), &["4:58 unknown-value"]);
}

#[test]
fn a_file_that_is_not_yaml_stops_no_other() {
    let wanted = wanted(&[("a.yaml", "a: [1\nb: 2\n"), ("b.yaml", &phone("01", "  items: {}"))]);
    assert_eq!(wanted.problems().len(), 1, "{:#?}", wanted.problems());
    assert_eq!(wanted.problems()[0].code, "syntax");
    assert_eq!(wanted.broken_files().iter().map(|file| &**file).collect::<Vec<_>>(), ["a.yaml"]);
    ready(&wanted, "01", None);
}

#[test]
fn links_submodules_pointers_and_large_files_are_errors() {
    let file = |path: &str, content| SourceFile { path: Arc::from(path), content };
    let bytes = |text: &[u8]| FileContent::Bytes(Arc::from(text));
    let snapshot = Snapshot {
        revision: Revision::new("rev"),
        commit: None,
        files: vec![
            file("a.yaml", FileContent::Link),
            file("b", FileContent::Submodule),
            file("c.yaml", FileContent::TooLarge(2_000_000)),
            file("d.yaml", FileContent::Unreadable("no rights".to_owned())),
            file("e.yaml", bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n")),
            file("f.yaml", bytes(b"a: 1\nb: \xff\n")),
            file("g.yaml", bytes(phone("01", "  items: {}").as_bytes())),
        ],
    };
    let wanted = load(&snapshot, &SecretsUnread);
    let codes: Vec<&str> = wanted.problems().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["link", "submodule", "too-large", "unreadable", "lfs-pointer", "encoding"]);
    assert_eq!(wanted.broken_files().len(), 6);
    ready(&wanted, "01", None);
}

#[test]
fn depth_and_numbers_are_bounded() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(wanted(&[("a.yaml", &deep)]).problems()[0].code, "too-deep");
    let lines: Vec<String> = (0..100).map(|depth| format!("{}a:", " ".repeat(depth))).collect();
    let deep = lines.join("\n");
    assert_eq!(wanted(&[("a.yaml", &deep)]).problems()[0].code, "too-deep");
    let many = "--- a\n".repeat(10_001);
    assert_eq!(wanted(&[("a.yaml", &many)]).problems()[0].code, "too-many-documents");
    let wide = format!("[{}]", "1,".repeat(100_001));
    assert_eq!(wanted(&[("a.yaml", &wide)]).problems()[0].code, "too-many-nodes");
}

#[test]
fn an_overlay_corrects_the_catalogue_and_its_errors_have_a_place() {
    let header = "name,index,type,unit,range,values,open,max_length,default,access,since,group,effect,owner,evidence,description\n";
    let good = format!("{header}new-item,,integer,,1..5,,,,,read-write,,,,admin,guide p.1,\n");
    let text = phone("01", "  items: {new-item: 5}");
    assert!(places(&wanted(&[("a.yaml", &text), ("catalogue.csv", &good)])).is_empty());
    let bad = good.replace("integer", "intteger");
    let wanted = wanted(&[("a.yaml", &phone("01", "  items: {}")), ("catalogue.csv", &bad)]);
    assert_eq!(places(&wanted), ["2:1 catalogue", "2:1 catalogue"]);
    assert!(wanted.problems().iter().all(|problem| problem.message.contains("column ")));
    ready(&wanted, "01", None);
}

#[test]
fn a_profile_that_is_below_another_one_already_is_pointed_out() {
    let profiles = [profile("fleet", "  items: {}"), profile("a", "  profiles: [fleet]")].join("---\n");
    let wanted = wanted(&[("a.yaml", &profiles), ("b.yaml", &phone("01", "  profiles: [a, fleet]"))]);
    assert_eq!(places(&wanted), ["warning 5:17 profile-below"]);
    finds(&phone("01", "  profiles: [a, a]"), &["5:14 missing-profile", "5:17 profile-twice"]);
}

#[test]
fn a_site_that_may_stand_in_a_broken_file_makes_its_phones_invalid() {
    let site = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: munich}\nspec:\n  networks: [198.51.100.0/24]\n";
    let named = phone("01", "  site: munich");
    let plain = phone("02", "  items: {realm: a}");
    let good = wanted(&[("p.yaml", &named), ("q.yaml", &plain), ("sites.yaml", site)]);
    ready(&good, "01", None);
    let munich = crate::spec::SiteName::new("munich");
    assert_eq!(good.declared_site(&munich).unwrap().networks.len(), 1);

    let unread = wanted(&[("p.yaml", &named), ("q.yaml", &plain), ("sites.yaml", &format!("{site}---\n{{"))]);
    let problems = invalid(&unread, "01");
    assert!(problems.iter().any(|problem| problem.code == "syntax"), "{problems:#?}");
    ready(&unread, "02", None);
    assert!(unread.declared_site(&munich).is_none());

    for broken in ["{", &site.replace("munich", "\"not a name\"")] {
        let lost = wanted(&[("p.yaml", &named), ("q.yaml", &plain), ("sites.yaml", broken)]);
        let problems = invalid(&lost, "01");
        assert!(
            problems[0].message.contains("`munich`") && problems[0].message.contains("sites.yaml"),
            "{problems:#?}"
        );
        assert_eq!((&*problems[0].place.file, problems[0].place.line), ("p.yaml", 5));
        ready(&lost, "02", None);
    }

    let wrong = wanted(&[("p.yaml", &named), ("sites.yaml", &site.replace("0/24", "7/24"))]);
    invalid(&wrong, "01");
    assert!(wrong.declared_site(&munich).is_none());
    ready(&wanted(&[("p.yaml", &named)]), "01", None);
}

#[test]
fn a_catalogue_with_errors_is_told_from_one_that_is_not_there() {
    assert!(!wanted(&[]).catalogue_broken());
    assert!(wanted(&[("catalogue.csv", "nonsense\n")]).catalogue_broken());
}

#[test]
fn one_syntax_error_hides_no_other_document_of_its_file() {
    let text = [phone("01", "  items: {realm: yes}"), phone("02", "  items: {realm: {"), phone("03", "  polcy: {}")]
        .join("---\n");
    let found = wanted(&[("a.yaml", &text)]);
    let codes: Vec<_> = found.problems().iter().map(|problem| (problem.place.line, problem.code)).collect();
    assert_eq!((codes.first(), codes.last()), (Some(&(5, "yes-no")), Some(&(19, "unknown-field"))), "{codes:?}");
    assert!(codes.iter().any(|(_, code)| *code == "syntax"), "{codes:?}");
    assert_eq!(found.devices(), [device("01"), device("03")]);
    assert!(invalid(&found, "03").iter().any(|problem| problem.code == "syntax"));
    assert!(found.broken_files().contains("a.yaml"));
    assert!(found.masks("a.yaml").is_none(), "nobody can tell where secrets stand");
}

#[test]
fn unmanaged_of_an_item_nobody_knows_or_sets_warns_with_the_one_that_was_meant() {
    let found = finds(&phone("01", "  unmanaged: [sntp-addres]"), &["warning 5:15 unknown-item"]);
    assert!(message(&found).contains("did you mean `sntp-addr`?"), "{}", message(&found));
    finds(&phone("01", "  unmanaged: [sntp-addr]"), &[]);
    let base = profile("a", "  items: {new-item: x}");
    let found = wanted(&[("a.yaml", &base), ("p.yaml", &phone("01", "  profiles: [a]\n  unmanaged: [new-item]"))]);
    assert!(found.problems().iter().all(|problem| &*problem.place.file == "a.yaml"), "{:#?}", found.problems());
}
