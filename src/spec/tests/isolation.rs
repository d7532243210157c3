//! Whatever the files of one owner say: no phone that is not theirs notices.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::spec::{FileContent, Known, SiteName, SourceFile, load_knowing, owner::Voice};

const MODELS: [Option<&str>; 3] = [None, Some("OpenStage 40"), Some("OpenStage 60")];

/// Few words, so that documents clash all the time.
const PHONES: [&str; 4] = ["p-01", "p-02", "reception", "thief"];
const MACS: [&str; 6] = ["01", "02", "03", "04", "05", "zz"];
const PROFILES: [&str; 5] = ["fleet", "voice-a", "ward", "base", "lost"];
const SITES: [&str; 8] = ["berlin", "bonn", "munich", "berlin-annex", "bonn-annex", "berlin-hq", "berlin-hq-annex", ""];
const NUMBERS: [&str; 4] = ["4930100", "4930200", "4922800", "NULL"];

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

fn list(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(pick(words), 0..3).prop_map(|words| words.join(", "))
}

/// Lines of a layer's spec.
fn spec() -> impl Strategy<Value = String> {
    let lines = pick(&[
        "  items: {realm: a, reg-ttl: 60}",
        "  items: {realm: b}",
        "  items: {realm: yes}",
        "  items: {sntp-adr: a}",
        "  items: {emergency-e164: \"112\"}",
        "  items: {emergency-e164: \"\"}",
        "  items: {sip-pwd: {file: a}}",
        "  items: {sip-pwd: {from: table, key: \"{e164}\"}}",
        "  items: {new-item: x}",
        "  seed: {ringer-volume: 3}",
        "  unmanaged: [realm]",
        "  unmanaged: [new-item, newer-item]",
        "  policy: {mode: Enforce}",
        "  policy: {pause: {reason: a, by: b, until: 2020-01-01}}",
        "  policy: {windows: [{schedule: \"0 2 * * *\", duration: 1h}]}",
        "  policy: {ignore: [{item: realm, reason: a}]}",
        "  policy: []",
        "  itms: {}",
        "  realm: *a",
    ]);
    let number = pick(&NUMBERS).prop_map(|number| format!("  items: {{e164: \"{number}\"}}"));
    let line = pick(&NUMBERS)
        .prop_map(|number| format!("  byIndex: {{1: {{line-primary: true, line-sip-uri: \"{number}\"}}}}"));
    let line = prop_oneof![4 => lines.prop_map(str::to_owned), 1 => number, 1 => line];
    let lines = prop::collection::vec(line, 0..3);
    (lines, list(&PROFILES), pick(&SITES)).prop_map(|(mut lines, profiles, site)| {
        lines.push(format!("  profiles: [{profiles}]"));
        if !site.is_empty() {
            lines.push(format!("  site: {site}"));
        }
        // one field twice is one more thing to go wrong, but not each time
        lines.sort();
        lines.dedup_by_key(|line| line.split(':').next().unwrap_or_default().to_owned());
        lines.join("\n")
    })
}

fn config() -> impl Strategy<Value = String> {
    (pick(&PHONES), pick(&MACS), spec(), prop::bool::weighted(0.2)).prop_map(|(name, mac, spec, shared)| {
        let shared = if shared { "\n  shared: true" } else { "" };
        phone(mac, &format!("{spec}{shared}")).replace(&format!("name: p-{mac}}}"), &format!("name: {name}}}"))
    })
}

fn layer() -> impl Strategy<Value = String> {
    let more = pick(&[
        "",
        "\n  models: [OpenStage 40]",
        "\n  final: [realm]",
        "\n  require: {reg-ttl: {oneOf: [60]}}",
        "\n  require: {realm: {matches: \"(\"}}",
    ]);
    (pick(&PROFILES), spec(), more).prop_map(|(name, spec, more)| profile(name, &format!("{spec}{more}")))
}

fn place() -> impl Strategy<Value = String> {
    let spec = pick(&[
        "{}",
        "{networks: [192.0.2.0/25]}",
        "{networks: [192.0.2.0/33]}",
        "{networks: [198.51.100.0/24], reach: Poll}",
        "{networks: [192.0.2.0/25], timeZone: UTC, windows: [{schedule: \"0 4 * * *\", duration: 1h}]}",
        "{networks: [192.0.2.0/25], gate: {phones: 0}}",
        "{networks: [192.0.2.0/25], numbers: [\"49*\"]}",
        "{owner: {paths: [bonn, munich, sites.yaml]}}",
        "{owner: {paths: [../bonn]}}",
        "{owner: {paths: [sub], numbers: [\"1*\"]}}",
        "{networks: [0.0.0.0/0], limits: {sessions: 1}}",
    ]);
    (pick(&SITES), spec).prop_map(|(name, spec)| {
        format!("apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: {name}}}\nspec: {spec}\n")
    })
}

fn junk() -> impl Strategy<Value = String> {
    let text = pick(&[
        "a: [",
        "\"",
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\n",
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfg\nmetadata: {name: p-01}\n",
        "apiVersion: phoneops.dev/v2\nkind: PhoneSite\nmetadata: {name: munich}\n",
        "apiVersion: v1\nkind: ConfigMap\n",
        "- 1\n",
        "a: 1\na: 2\n",
        "version https://git-lfs.github.com/spec/v1\n",
        "",
    ]);
    text.prop_map(str::to_owned)
}

fn content() -> impl Strategy<Value = FileContent> {
    let document = prop_oneof![6 => config(), 3 => layer(), 2 => place(), 1 => junk()];
    let text = prop::collection::vec(document, 0..4).prop_map(|documents| documents.join("---\n"));
    let bytes = |text: String| FileContent::Bytes(Arc::from(text.as_bytes()));
    prop_oneof![
        24 => text.prop_map(bytes),
        1 => Just(FileContent::Link),
        1 => Just(FileContent::Submodule),
        1 => Just(FileContent::TooLarge(9_000_000)),
        1 => Just(FileContent::Unreadable("no rights".to_owned())),
        1 => Just(bytes("kind: PhoneConfig\n\u{0}\n".to_owned())),
        1 => Just(FileContent::Bytes(Arc::from(&b"a: \xff\n"[..]))),
        1 => (10_001_usize..10_003).prop_map(move |count| bytes("--- a\n".repeat(count))),
    ]
}

type Files = BTreeMap<String, FileContent>;

/// Files below one of these folders.
fn files(folders: &'static [&'static str], most: usize) -> impl Strategy<Value = Files> {
    let path = (pick(folders), pick(&["a.yaml", "b.yaml", "deep/er/c.yml"]));
    prop::collection::btree_map(path.prop_map(|(folder, name)| format!("{folder}{name}")), content(), 0..most)
}

/// The rules, which stay.
fn rules() -> impl Strategy<Value = String> {
    let berlin = pick(&[
        "{networks: [192.0.2.0/24], owner: {paths: [berlin]}}",
        "{networks: [192.0.2.0/24], numbers: [\"49301*\"], owner: {team: a, paths: [berlin, shared], policy: [pause]}}",
        "{owner: {paths: [berlin], profiles: [fleet], numbers: [\"4930*\"], networks: [192.0.2.0/24]}}",
        "{timeZone: UTC, windows: [{schedule: \"0 2 * * *\", duration: 1h}], owner: {paths: [berlin], profiles: [], secrets: [table]}}",
        "{networks: [nowhere], owner: {paths: [berlin, /], policy: [windw]}}",
    ]);
    let bonn = pick(&[
        "{networks: [192.0.2.0/24], owner: {paths: [bonn]}}",
        "{networks: [198.51.100.0/24], owner: {paths: [bonn], numbers: [\"49228*\"], profiles: [\"voice-*\"]}}",
        "{owner: {paths: [bonn, shared]}}",
    ]);
    let more =
        pick(&["munich {}", "berlin-hq {}", "berlin-hq {owner: {paths: [hq]}}", "munich {numbers: [\"4930*\"]}"]);
    (berlin, bonn, more).prop_map(|(berlin, bonn, more)| {
        let (name, more) = more.split_once(' ').unwrap();
        [("berlin", berlin), ("bonn", bonn), (name, more)]
            .map(|(name, spec)| {
                format!(
                    "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: {name}}}\nspec: {spec}\n"
                )
            })
            .join("---\n")
    })
}

/// Phones without a mistake, of which the files of an owner may try to take everything.
fn good() -> impl Strategy<Value = Files> {
    let bytes = |text: String| FileContent::Bytes(Arc::from(text.as_bytes()));
    let central = [
        profile("fleet", "  items: {realm: fleet}\n  final: [realm]"),
        profile("voice-a", "  items: {reg-ttl: 60}"),
        phone("01", "  profiles: [fleet, voice-a]\n  site: munich\n  items: {e164: \"4930100\"}"),
        phone("05", "  profiles: [voice-a]\n  site: berlin\n  items: {e164: \"4930101\"}"),
    ];
    let bonn = [
        profile("ward", "  profiles: [voice-a]\n  site: bonn\n  items: {e164: \"4922800\"}"),
        phone("02", "  profiles: [ward]\n  byIndex: {1: {line-primary: true, line-sip-uri: \"4922800\"}}"),
    ];
    let berlin = phone("03", "  profiles: [fleet]\n  site: berlin\n  items: {e164: \"4930102\"}");
    let sets =
        [("berlin/good.yaml", berlin), ("good.yaml", central.join("---\n")), ("bonn/good.yaml", bonn.join("---\n"))];
    prop::sample::subsequence(sets.to_vec(), 0..=3)
        .prop_map(move |sets| sets.into_iter().map(|(path, text)| (path.to_owned(), bytes(text))).collect())
}

/// Fails for some, so that a phone may be invalid for want of a secret.
struct SomeSecrets;

impl SecretReader for SomeSecrets {
    fn read(&self, reference: &crate::spec::SecretRef, _: &Desired) -> Result<crate::wpi::Secret, String> {
        match reference.to_string() {
            text if text.contains("4930200") => Err("not there".to_owned()),
            text => Ok(crate::wpi::Secret::new(text)),
        }
    }
}

fn load_files(parts: [&Files; 4], rules: &str, known: &Known) -> Wanted {
    let mut files: Vec<SourceFile> = parts
        .into_iter()
        .flatten()
        .map(|(path, content)| SourceFile { path: Arc::from(path.as_str()), content: content.clone() })
        .collect();
    files.push(SourceFile { path: Arc::from("rules.yaml"), content: FileContent::Bytes(Arc::from(rules.as_bytes())) });
    files.sort_by(|a, b| a.path.cmp(&b.path));
    load_knowing(&Snapshot { revision: Revision::new("rev"), commit: None, files }, &SomeSecrets, known)
}

/// Everything that is said of a phone, whatever it reports.
fn said(wanted: &Wanted, device: &DeviceId) -> String {
    MODELS.map(|model| format!("{:#?}", wanted.resolve(device, model))).join("\n")
}

/// The files of one owner, before and after.
#[derive(Debug)]
struct Commit {
    theirs: SiteName,
    old: Files,
    new: Files,
    /// Of a folder that may be theirs as well.
    shared: [Files; 2],
}

/// Loads both revisions as the service does and compares what is said of everybody else.
fn nobody_else_notices(
    commit: &Commit,
    rules: &str,
    stay: [&Files; 2],
    held: &BTreeMap<&str, &str>,
) -> Result<(), TestCaseError> {
    let Commit { theirs, old, new, shared: [before, after] } = commit;
    let [good, stay] = stay;
    let holders = held.iter().map(|(mac, site)| (device(mac), SiteName::new(site))).collect();
    let mut known = Known { holders, ..Known::nothing() };
    let is_theirs = rules.contains(&format!("[{theirs}, shared]"));
    let after = if is_theirs { after } else { before };
    let before = load_files([good, stay, before, old], rules, &known);
    // what the service knows once it has taken the first revision over
    for device in before.devices() {
        let site = match before.resolve(&device, None) {
            Resolution::Ready(desired) => Some(desired.site.clone()),
            _ => None,
        };
        let holder = before.speaker(&device).cloned().or(site);
        known.holders.extend(holder.map(|site| (device, site)));
    }
    let after = load_files([good, stay, after, new], rules, &known);
    for device in before.devices() {
        let voice = &before.phones[&device].voice;
        if *voice == Voice::Owner(theirs.clone()) || *voice == Voice::Nobody {
            continue;
        }
        prop_assert_eq!(said(&before, &device), said(&after, &device), "{} {:?}", device, voice);
        prop_assert_eq!(before.speaker(&device), after.speaker(&device));
    }
    let names = SITES.map(SiteName::new);
    for name in names.iter().filter(|name| before.owners.of_site(name) != Some(theirs)) {
        prop_assert_eq!(before.declared_site(name), after.declared_site(name), "{}", name);
        prop_assert_eq!(before.may_hide_site(name), after.may_hide_site(name), "{}", name);
        prop_assert_eq!(before.is_whole_for(Some(name)), after.is_whole_for(Some(name)), "{}", name);
    }
    prop_assert_eq!(before.is_whole_for(None), after.is_whole_for(None));
    Ok(())
}

/// Where phones are when the first revision comes.
fn held() -> impl Strategy<Value = BTreeMap<&'static str, &'static str>> {
    prop::collection::btree_map(pick(&["01", "02", "03"]), pick(&["berlin", "bonn", "bonn-annex"]), 0..3)
}

fn commit(theirs: &'static str, folders: &'static [&'static str]) -> impl Strategy<Value = Commit> {
    let shared = || files(&["shared/"], 2);
    (files(folders, 5), files(folders, 5), shared(), shared()).prop_map(move |(old, new, before, after)| Commit {
        theirs: SiteName::new(theirs),
        old,
        new,
        shared: [before, after],
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn no_commit_below_the_paths_of_one_owner_changes_what_a_phone_of_another_is_to_have(
        rules in rules(), good in good(), held in held(),
        stay in files(&["", "x/", "bonn/", "bonn/ward/", "hq/", "munich/"], 4),
        commit in commit("berlin", &["berlin/", "berlin/ward/", "berlin/bonn/"]),
    ) {
        nobody_else_notices(&commit, &rules, [&good, &stay], &held)?;
    }

    #[test]
    fn nor_does_one_of_the_other_owner(
        rules in rules(), good in good(), held in held(),
        stay in files(&["", "x/", "berlin/", "berlin/ward/", "hq/", "munich/"], 4),
        commit in commit("bonn", &["bonn/", "bonn/ward/", "bonn/berlin/"]),
    ) {
        nobody_else_notices(&commit, &rules, [&good, &stay], &held)?;
    }
}
