//! Owners of sites, as the fleet meets them: what one team's files do is nothing to the phones of another.

use super::stage::{MAC, Phone, Stage, id};
use crate::{
    fleet::words::State,
    spec::SiteName,
    wpi::{DeviceId, Reason},
};

const SITES: &str = r"
apiVersion: phoneops.dev/v1alpha1
kind: PhoneSite
metadata: {name: berlin}
spec: {owner: {paths: [berlin]}}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneSite
metadata: {name: bonn}
spec: {owner: {paths: [bonn]}}
";
const NEW: &str = "00:1A:E8:11:22:44";

fn phone_of(site: &str, mac: &str, name: &str, more: &str) -> String {
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: {name}}}\nspec:\n  phone: {{mac: \"{mac}\"}}\n  site: {site}\n  policy: {{mode: Enforce, lockoutItems: Allow}}\n{more}\n"
    )
}

#[test]
fn a_broken_file_of_one_owner_takes_no_seed_from_a_new_phone_of_another() {
    let (old, seed) = (phone_of("bonn", MAC, "reception", ""), "  seed: {ringer-melody: 3}");
    for (folder, writes) in [("bonn", vec![vec!["ringer-melody"]]), ("berlin", Vec::new())] {
        let mut stage = Stage::with("");
        stage.push_files(&[("sites.yaml", SITES), ("bonn/old.yaml", &old), ("berlin/a.yaml", "a: [")]);
        let new = phone_of(folder, NEW, "porter", seed);
        stage.push_files(&[("sites.yaml", SITES), ("bonn/old.yaml", &old), (&format!("{folder}/b.yaml"), &new)]);
        let mut phone = Phone::new(NEW);
        let session = phone.session(&mut stage, Reason::StartUp);
        assert_eq!(session.writes(), writes, "{folder}: it may have stood in the broken file before");
    }
}

#[test]
fn a_phone_stays_with_the_site_that_has_it_when_another_owner_claims_it() {
    let own = phone_of("bonn", MAC, "reception", "  items: {realm: bonn}");
    let thief = phone_of("berlin", MAC, "thief", "  items: {realm: berlin}");
    let files = [("sites.yaml", SITES), ("bonn/a.yaml", &*own)];
    let both = [("sites.yaml", SITES), ("berlin/a.yaml", &*thief), ("bonn/a.yaml", &*own)];
    let mut stage = Stage::with("");
    stage.push_files(&files);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(phone.values.get(&id("realm")).map(String::as_str), Some("bonn"));
    stage.push_files(&both);
    let view = stage.view(MAC);
    assert_eq!((view.site.as_deref(), view.state, view.problems.len()), (Some("bonn"), State::InSync, 0));
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());

    let mut restarted = stage.restarted("");
    restarted.push_files(&both);
    assert_eq!(restarted.view(MAC).site.as_deref(), Some("bonn"), "what is in force says where it is");
    assert!(phone.session(&mut restarted, Reason::StartUp).writes().is_empty());

    restarted.push_files(&[("sites.yaml", SITES), ("berlin/a.yaml", &thief)]);
    assert_eq!(phone.session(&mut restarted, Reason::StartUp).writes(), [["realm"]], "bonn has let it go");
    assert_eq!(restarted.view(MAC).site.as_deref(), Some("berlin"));
}

#[test]
fn a_phone_that_two_owners_claim_at_first_is_left_alone_until_one_lets_it_go() {
    let [one, two] = ["berlin", "bonn"].map(|site| phone_of(site, MAC, site, &format!("  items: {{realm: {site}}}")));
    let mut stage = Stage::with("");
    stage.push_files(&[("sites.yaml", SITES), ("berlin/a.yaml", &one), ("bonn/a.yaml", &two)]);
    assert_eq!(stage.view(MAC).state, State::Invalid);
    let mut phone = Phone::new(MAC);
    assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    stage.push_files(&[("sites.yaml", SITES), ("bonn/a.yaml", &two)]);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["realm"]]);
}

#[test]
fn a_site_that_is_gone_is_gone_though_a_file_of_an_owner_is_broken() {
    let munich =
        "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: munich}\nspec: {reach: Poll}\n";
    let mut stage = Stage::with("");
    stage.push_files(&[("sites.yaml", &format!("{SITES}{munich}")), ("bonn/a.yaml", "")]);
    let name = SiteName::new("munich");
    assert!(stage.fleet.sites.contains_key(&name));
    stage.push_files(&[("sites.yaml", SITES), ("bonn/a.yaml", "a: ["), ("x.yaml", "a: [")]);
    assert!(stage.fleet.sites.contains_key(&name), "it may stand in x.yaml");
    stage.push_files(&[("sites.yaml", SITES), ("bonn/a.yaml", "a: [")]);
    assert!(!stage.fleet.sites.contains_key(&name));
}

#[test]
fn an_item_that_a_phone_has_is_no_slip_and_one_that_it_lacks_may_be() {
    let own = |items: &str| phone_of("bonn", MAC, "reception", &format!("  items: {{{items}}}"));
    let mut stage = Stage::with("");
    stage.push_files(&[("sites.yaml", SITES), ("bonn/a.yaml", &own("new-item: x, lost-item: y"))]);
    assert!(!stage.fleet.reported_names().has("new-item"), "nobody has called yet");
    let mut phone = Phone::new(MAC);
    phone.values.insert(id("new-item"), "x".to_owned());
    phone.unknown.insert(id("lost-item"));
    phone.session(&mut stage, Reason::StartUp);
    let reported = stage.fleet.reported_names();
    assert!(reported.has("new-item") && !reported.has("lost-item"));
    assert!(!reported.has("realm"), "what is built in needs nobody to report it");

    stage.push_files(&[("sites.yaml", SITES), ("bonn/a.yaml", &own("new-itm: x"))]);
    let view = stage.view(MAC);
    assert_eq!(view.state, State::Invalid);
    assert!(view.problems[0].contains("did you mean `new-item`?"), "{:?}", view.problems);
    stage.push_files(&[("sites.yaml", SITES), ("bonn/a.yaml", &own("lost-itm: x"))]);
    assert_ne!(stage.view(MAC).state, State::Invalid);
    let holders = stage.fleet.known().holders;
    assert_eq!(holders.get(&DeviceId::new(MAC).unwrap()), Some(&SiteName::new("bonn")));
}
