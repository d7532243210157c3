//! Sites with owners: what the files of an owner may say, and that others need not mind them.

use super::*;
use crate::spec::{Known, SiteName, load_knowing};

const BERLIN: &str = "{networks: [192.0.2.0/24], owner: {team: Berlin desk, paths: [berlin]}}";

pub(super) fn site(name: &str, spec: &str) -> String {
    format!("apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn sites(list: &[(&str, &str)]) -> String {
    list.iter().map(|(name, spec)| site(name, spec)).collect::<Vec<_>>().join("---\n")
}

/// The phone at `end` with that spec, of the site berlin.
pub(super) fn at_berlin(end: &str, spec: &str) -> String {
    phone(end, &format!("  site: berlin\n{spec}"))
}

pub(super) fn codes(wanted: &Wanted, end: &str) -> Vec<&'static str> {
    match wanted.resolve(&device(end), None) {
        Resolution::Invalid { problems, .. } => problems.iter().map(|problem| problem.code).collect(),
        _ => Vec::new(),
    }
}

/// The errors of all documents, by file.
pub(super) fn errors(wanted: &Wanted) -> Vec<String> {
    let errors = wanted.problems().iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| format!("{}:{} {}", problem.place.file, problem.place.line, problem.code)).collect()
}

#[test]
fn the_files_of_an_owner_speak_for_their_site_and_for_no_other() {
    let central = sites(&[("berlin", BERLIN), ("munich", "{}")]);
    let texts = [
        ("sites.yaml", &*central),
        ("berlin/a.yaml", &*at_berlin("01", "  items: {}")),
        ("berlin/b.yaml", &*phone("02", "  site: munich")),
        ("berlin/c.yaml", &*phone("03", "  items: {}")),
        ("m.yaml", &*phone("04", "  site: munich")),
    ];
    let found = wanted(&texts);
    assert_eq!(errors(&found), ["berlin/b.yaml:5 not-theirs", "berlin/c.yaml:3 not-theirs"]);
    assert!(found.problems()[1].message.contains("write `site: berlin`"), "{}", found.problems()[1]);
    ready(&found, "01", None);
    ready(&found, "04", None);
    assert_eq!(found.speaker(&device("01")), Some(&SiteName::new("berlin")));
    assert_eq!(found.speaker(&device("04")), None);
}

#[test]
fn an_owner_is_told_what_it_may_set_and_build_on() {
    let central = [
        site("berlin", "{owner: {paths: [berlin], profiles: [fleet, voice-*], policy: [pause]}}"),
        profile("fleet", "  items: {realm: a}"),
        profile("voice-a", "  items: {reg-ttl: 60}"),
        profile("other", "  items: {reg-ttl: 70}"),
    ];
    let berlin = [
        profile("ward", "  profiles: [fleet]\n  site: berlin"),
        phone("01", "  profiles: [ward, voice-a]\n  policy: {pause: false}"),
        phone("02", "  profiles: [ward, other]"),
        phone("03", "  profiles: [ward]\n  policy: {pause: false, mode: Enforce}"),
    ];
    let found = wanted(&[("central.yaml", &central.join("---\n")), ("berlin/a.yaml", &berlin.join("---\n"))]);
    ready(&found, "01", None);
    assert_eq!(codes(&found, "02"), ["not-theirs"]);
    assert_eq!(codes(&found, "03"), ["not-theirs"]);
    let messages: Vec<&str> = found.problems().iter().map(|problem| problem.message.as_str()).collect();
    assert!(messages[0].contains("`other`") && messages[1].contains("`policy.mode`"), "{messages:#?}");
    assert!(messages.iter().all(|message| message.contains("central.yaml:4")), "{messages:#?}");
}

#[test]
fn an_owner_is_told_which_secrets_its_own_files_may_refer_to() {
    let central = [
        site("berlin", "{owner: {paths: [berlin], secrets: [\"berlin/*\", PHONEOPS_SECRET_BERLIN]}}"),
        profile("fleet", "  items: {sip-pwd: {from: all.csv, key: \"{e164}\"}}"),
    ];
    let refers = |end: &str, secret: &str| at_berlin(end, &format!("  items: {{e164: \"1{end}\", sip-pwd: {secret}}}"));
    let berlin = [
        refers("01", "{file: berlin/a}"),
        refers("02", "{env: PHONEOPS_SECRET_BERLIN}"),
        refers("03", "{file: bonn/a}"),
        refers("04", "{from: all.csv, key: \"4922800\"}"),
        at_berlin("05", "  profiles: [fleet]\n  items: {e164: \"49\"}"),
    ];
    let found = wanted(&[("central.yaml", &central.join("---\n")), ("berlin/a.yaml", &berlin.join("---\n"))]);
    for end in ["01", "02", "05"] {
        ready(&found, end, None);
    }
    for end in ["03", "04"] {
        assert_eq!(codes(&found, end), ["not-theirs"]);
    }
}

#[test]
fn a_profile_of_an_owner_is_seen_by_its_own_files_only() {
    let central = sites(&[("berlin", "{owner: {paths: [berlin]}}"), ("bonn", "{owner: {paths: [bonn]}}")]);
    let fleet = profile("fleet", "  items: {realm: central}");
    let own = |realm: &str, site: &str| profile("ward", &format!("  site: {site}\n  items: {{realm: {realm}}}"));
    let texts = [
        ("central.yaml", &*[central, fleet].join("---\n")),
        ("berlin/a.yaml", &*[own("berlin", "berlin"), phone("01", "  profiles: [ward]")].join("---\n")),
        ("bonn/a.yaml", &*[own("bonn", "bonn"), phone("02", "  profiles: [ward]")].join("---\n")),
        ("p.yaml", &*phone("03", "  profiles: [ward]")),
        ("berlin/b.yaml", &*profile("fleet", "  items: {realm: stolen}")),
        ("berlin/c.yaml", &*at_berlin("04", "  profiles: [fleet]")),
        ("bonn/c.yaml", &*phone("05", "  site: bonn\n  profiles: [fleet]")),
    ];
    let found = wanted(&texts);
    let realm = |end| text(&ready(&found, end, None), "realm", None);
    assert_eq!((realm("01").as_deref(), realm("02").as_deref()), (Some("berlin"), Some("bonn")));
    assert_eq!(codes(&found, "03"), ["missing-profile"]);
    assert_eq!(codes(&found, "04"), ["declared-twice"], "what it builds on is not what was meant");
    assert_eq!(realm("05").as_deref(), Some("central"));
}

#[test]
fn a_site_in_an_owners_files_lies_below_its_own_and_has_what_it_does_not_say_from_there() {
    let berlin = "{networks: [192.0.2.0/24], timeZone: UTC, windows: [{schedule: \"0 2 * * *\", duration: 1h}], gate: {phones: 3}, numbers: [4930*], owner: {paths: [berlin]}}";
    let load = |own: &str| {
        let annex = phone("01", "  site: berlin-annex\n  items: {e164: \"49301\"}");
        wanted(&[("sites.yaml", &site("berlin", berlin)), ("berlin/a.yaml", &[own.to_owned(), annex].join("---\n"))])
    };
    let found = load(&site("berlin-annex", "{networks: [192.0.2.128/25]}"));
    assert_eq!(errors(&found), [""; 0]);
    let annex = found.declared_site(&SiteName::new("berlin-annex")).unwrap();
    assert_eq!((annex.gate.phones, annex.windows.len(), annex.numbers.len()), (Some(3), 1, 1));
    assert_eq!(ready(&found, "01", None).policy.windows.len(), 1);
    for (own, what) in [
        (site("berlin-annex", "{networks: [198.51.100.0/24]}"), "198.51.100.0/24"),
        (site("berlin-annex", "{}"), "names no `networks`"),
        (site("berlin-annex", "{networks: [192.0.2.128/25], gate: {phones: 0}}"), "`gate`"),
        (site("berlin-annex", "{networks: [192.0.2.128/25], owner: {paths: [x]}}"), "who is ruled"),
        (String::new(), "no PhoneSite `berlin-annex`"),
        (site("hamburg-annex", "{networks: [192.0.2.128/25]}"), "none of theirs"),
        (site("berlin", "{networks: [192.0.2.128/25]}"), "is declared at sites.yaml:3"),
    ] {
        let found = load(&own);
        assert!(!codes(&found, "01").is_empty(), "{own}");
        let messages: Vec<&str> = found.problems().iter().map(|problem| problem.message.as_str()).collect();
        assert!(messages.iter().any(|message| message.contains(what)), "{own}: {messages:#?}");
        assert!(found.declared_site(&SiteName::new("berlin-annex")).is_none(), "{own}");
        assert!(found.declared_site(&SiteName::new("hamburg-annex")).is_none(), "{own}");
    }
}

#[test]
fn a_site_below_has_no_more_of_the_service_than_the_one_above() {
    let berlin = "{networks: [192.0.2.0/24], limits: {contactsPerSecond: 0.5, sessions: 10}, owner: {paths: [berlin]}}";
    let limits = |own: &str| {
        let annex = site("berlin-annex", &format!("{{networks: [192.0.2.128/25]{own}}}"));
        let found = wanted(&[("sites.yaml", &site("berlin", berlin)), ("berlin/a.yaml", &annex)]);
        let limits = found.declared_site(&SiteName::new("berlin-annex")).unwrap().limits;
        (limits.contact_spacing.unwrap().as_secs(), limits.sessions.unwrap())
    };
    assert_eq!(limits(""), (2, 10));
    assert_eq!(limits(", limits: {contactsPerSecond: 1000, sessions: 5}"), (2, 5));
    assert_eq!(limits(", limits: {contactsPerSecond: 0.1, sessions: 50}"), (10, 10));
}

#[test]
fn the_files_of_one_owner_do_not_use_up_the_secrets_of_all() {
    let own = |end: &str, table: usize| at_berlin(end, &format!("  items: {{sip-pwd: {{from: t{table}, key: a}}}}"));
    let many: Vec<String> = (0..10).map(|number| own(&format!("0{number}"), number)).collect();
    let texts = [
        ("sites.yaml", &*site("berlin", BERLIN)),
        ("berlin/a.yaml", &*many.join("---\n")),
        ("p.yaml", &*phone("FF", "  items: {sip-pwd: {from: t9, key: a}}")),
    ];
    let found = wanted(&texts);
    let left: Vec<String> =
        (0..10).map(|number| format!("0{number}")).filter(|end| !codes(&found, end).is_empty()).collect();
    assert_eq!(left, ["08", "09"]);
    assert_eq!(codes(&found, "08"), ["missing-secret"]);
    ready(&found, "FF", None);
}

#[test]
fn a_name_below_an_owners_site_is_the_owners() {
    let central = sites(&[("berlin", BERLIN), ("berlin-hq", "{}")]);
    let texts = [
        ("sites.yaml", &*central),
        ("a.yaml", &*phone("01", "  site: berlin-annex")),
        ("b.yaml", &*phone("02", "  site: berlin-hq")),
        ("c.yaml", &*phone("03", "  site: berliner")),
        ("d.yaml", &*at_berlin("04", "  items: {}")),
        ("berlin/x.yaml", &*site("berlin-annex", "{networks: [192.0.2.0/25]}")),
    ];
    let found = wanted(&texts);
    assert_eq!(codes(&found, "01"), ["not-theirs"]);
    for end in ["02", "03", "04"] {
        ready(&found, end, None);
    }
}

#[test]
fn who_is_ruled_does_not_write_the_rules() {
    let central = sites(&[("berlin", BERLIN), ("bonn", "{owner: {paths: [bonn]}}")]);
    let evil = site("berlin-x", "{networks: [192.0.2.0/25], owner: {paths: [bonn, ../bonn, berlin]}}");
    let texts = [
        ("sites.yaml", &*central),
        ("berlin/evil.yaml", &*evil),
        ("berlin/a.yaml", &*at_berlin("01", "  items: {}")),
        ("bonn/a.yaml", &*phone("02", "  site: bonn")),
    ];
    let found = wanted(&texts);
    ready(&found, "01", None);
    ready(&found, "02", None);
    assert!(errors(&found).iter().all(|error| error.starts_with("berlin/evil.yaml")), "{:?}", errors(&found));
    assert_eq!(found.speaker(&device("02")), Some(&SiteName::new("bonn")));
}

#[test]
fn paths_are_read_from_the_folder_of_the_file_that_names_them() {
    let texts = [
        ("east/sites.yaml", &*site("berlin", "{owner: {paths: [berlin]}}")),
        ("east/berlin/a.yaml", &*at_berlin("01", "  items: {}")),
        ("berlin/a.yaml", &*phone("02", "  items: {}")),
    ];
    let found = wanted(&texts);
    assert_eq!(found.speaker(&device("01")), Some(&SiteName::new("berlin")));
    assert_eq!(found.speaker(&device("02")), None);
    ready(&found, "02", None);
}

#[test]
fn what_two_owners_have_speaks_for_nobody_and_the_later_site_is_wrong() {
    let central = sites(&[("berlin", "{owner: {paths: [sites]}}"), ("bonn", "{owner: {paths: [sites/bonn, other]}}")]);
    let texts = [
        ("sites.yaml", &*central),
        ("sites/a.yaml", &*at_berlin("01", "  items: {}")),
        ("sites/bonn/a.yaml", &*at_berlin("02", "  items: {}")),
        ("other/a.yaml", &*phone("03", "  site: bonn")),
    ];
    let found = wanted(&texts);
    ready(&found, "01", None);
    assert_eq!(codes(&found, "02"), ["not-theirs"]);
    assert_eq!(codes(&found, "03"), ["owner"]);
    assert_eq!(errors(&found), ["sites.yaml:9 owner", "sites/bonn/a.yaml:3 not-theirs"]);
}

#[test]
fn a_device_that_no_owner_has_is_not_taken_by_one() {
    let central = sites(&[("berlin", BERLIN)]);
    let texts = [
        ("sites.yaml", &*central),
        ("p.yaml", &*phone("01", "  items: {realm: central}")),
        ("berlin/a.yaml", &*at_berlin("01", "  items: {realm: stolen}").replace("p-01", "thief")),
        ("berlin/b.yaml", &*at_berlin("02", "  items: {}").replace("p-02", "p-01")),
    ];
    let found = wanted(&texts);
    assert_eq!(text(&ready(&found, "01", None), "realm", None).as_deref(), Some("central"));
    assert_eq!(codes(&found, "02"), ["declared-twice"]);
    assert_eq!(errors(&found), ["berlin/a.yaml:7 declared-twice", "berlin/b.yaml:3 declared-twice"]);
}

#[test]
fn a_device_of_two_owners_stays_where_it_is_and_with_nobody_if_it_is_nowhere() {
    let central = sites(&[("berlin", BERLIN), ("bonn", "{owner: {paths: [bonn]}}")]);
    let texts = [
        ("sites.yaml", &*central),
        ("berlin/a.yaml", &*at_berlin("01", "  items: {realm: berlin}")),
        ("bonn/a.yaml", &*phone("01", "  site: bonn\n  items: {realm: bonn}")),
    ];
    let at = |site: Option<&str>| {
        let holders = site.map(|site| (device("01"), SiteName::new(site))).into_iter().collect();
        let snapshot = Snapshot::of_texts(Revision::new("rev"), texts);
        load_knowing(&snapshot, &SecretsUnread, &Known { holders, ..Known::nothing() })
    };
    for site in ["berlin", "bonn", "bonn-annex"] {
        let found = at(Some(site));
        let realm = text(&ready(&found, "01", None), "realm", None).unwrap();
        assert!(site.starts_with(&realm), "{site}: {realm}");
        assert_eq!(errors(&found).len(), 1, "{:#?}", found.problems());
    }
    for nobody in [None, Some("hamburg")] {
        let found = at(nobody);
        assert_eq!(codes(&found, "01"), ["declared-twice", "declared-twice"]);
        assert_eq!(found.speaker(&device("01")), None);
    }
}

#[test]
fn a_name_that_two_owners_give_is_a_warning_and_a_number_too() {
    let central = sites(&[("berlin", BERLIN), ("bonn", "{owner: {paths: [bonn]}}")]);
    let texts = [
        ("sites.yaml", &*central),
        ("berlin/a.yaml", &*at_berlin("01", "  items: {e164: \"4930\"}")),
        ("bonn/a.yaml", &*phone("02", "  site: bonn\n  items: {e164: \"4930\"}").replace("p-02", "p-01")),
        ("p.yaml", &*phone("03", "  items: {e164: \"4931\"}")),
        ("berlin/b.yaml", &*at_berlin("04", "  items: {e164: \"4931\"}")),
    ];
    let found = wanted(&texts);
    for end in ["01", "02", "03"] {
        ready(&found, end, None);
    }
    assert_eq!(codes(&found, "04"), ["shared-number"]);
    let mut told: Vec<_> = found.problems().iter().map(|problem| (problem.severity, problem.code)).collect();
    told.dedup();
    assert_eq!(found.problems().len(), 5, "{:#?}", found.problems());
    assert_eq!(told.iter().filter(|(severity, _)| *severity == Severity::Error).count(), 1, "{told:?}");
}

#[test]
fn a_number_that_is_not_the_owners_does_not_count_against_others() {
    let central = sites(&[("berlin", "{owner: {paths: [berlin], numbers: [4930*]}}"), ("bonn", "{}")]);
    let texts = [
        ("sites.yaml", &*central),
        ("berlin/a.yaml", &*at_berlin("01", "  items: {e164: \"49228\"}")),
        ("b.yaml", &*phone("02", "  site: bonn\n  items: {e164: \"49228\"}")),
        ("c.yaml", &*at_berlin("03", "  items: {e164: \"4922\"}")),
    ];
    let found = wanted(&texts);
    assert_eq!(codes(&found, "01"), ["foreign-number"]);
    ready(&found, "02", None);
    ready(&found, "03", None);
}

#[test]
fn a_broken_file_of_an_owner_hides_nothing_of_others() {
    let central = sites(&[("berlin", BERLIN), ("bonn", "{owner: {paths: [bonn]}}")]);
    let texts = [
        ("sites.yaml", &*central),
        ("berlin/a.yaml", "a: ["),
        ("berlin/b.yaml", &*phone("01", "  site: munich")),
        ("bonn/a.yaml", &*phone("02", "  site: bonn\n  profiles: [lost]")),
        ("c.yaml", &*phone("03", "  site: munich")),
    ];
    let found = wanted(&texts);
    ready(&found, "03", None);
    let problems = invalid(&found, "02");
    assert!(!problems[0].message.contains("berlin"), "{}", problems[0]);
    let berlin = SiteName::new("berlin");
    assert!(found.is_whole_for(None) && found.is_whole_for(Some(&SiteName::new("bonn"))));
    assert!(!found.is_whole_for(Some(&berlin)));
    assert!(found.may_hide_site(&SiteName::new("berlin-annex")) && !found.may_hide_site(&SiteName::new("munich")));
    assert!(found.broken_files().contains("berlin/a.yaml"), "its own phones are not gone");
}

#[test]
fn an_owner_whose_site_cannot_be_told_still_contains_its_files() {
    let central = site("berlin", BERLIN).replace("name: berlin", "name: Berlin!");
    let texts = [
        ("sites.yaml", &*central),
        ("berlin/a.yaml", &*phone("01", "  items: {realm: stolen}")),
        ("p.yaml", &*phone("01", "  items: {realm: central}").replace("p-01", "own")),
    ];
    let found = wanted(&texts);
    assert_eq!(text(&ready(&found, "01", None), "realm", None).as_deref(), Some("central"));
}
