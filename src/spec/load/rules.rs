//! What the files of an owner may say: phones and profiles of their own, and sites below theirs. Everything else in
//! them is an error of that document and of the phones that build on it, of no others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::spec::{
    code,
    desired::DesiredValue,
    insist::Patterns,
    layer::Layer,
    owner::{Owners, Rule, Voice},
    phone_config::PhoneConfig,
    phone_profile::PhoneProfile,
    phone_site::PhoneSite,
    problem::{Place, Problem, Severity},
    read::layer::Reference,
    site::SiteName,
};

/// All documents of a revision.
pub(super) struct Documents<'d> {
    pub(super) phones: &'d mut [PhoneConfig],
    pub(super) profiles: &'d mut [PhoneProfile],
    pub(super) sites: &'d mut [PhoneSite],
}

/// Tells each document for whom it speaks, and what it may not say.
pub(super) fn apply(owners: &Owners, documents: Documents<'_>, problems: &mut Vec<Problem>) {
    let Documents { phones, profiles, sites } = documents;
    let mut voices: BTreeMap<Arc<str>, Voice> = BTreeMap::new();
    let mut voice = |file: &Arc<str>| voices.entry(file.clone()).or_insert_with(|| owners.voice(file)).clone();
    let mut patterns: BTreeMap<Voice, Patterns> = BTreeMap::new();
    let mut own: BTreeSet<(Voice, Arc<str>)> = BTreeSet::new();
    for profile in profiles.iter_mut() {
        profile.voice = voice(&profile.layer.file);
        own.extend(profile.name.clone().map(|name| (profile.voice.clone(), name)));
        if let Some(insist) = &profile.layer.insist {
            let over = patterns.entry(profile.voice.clone()).or_default().count(insist);
            told(problems, &mut profile.errors, over.into_iter().collect());
        }
    }
    if owners.is_empty() {
        return;
    }
    let is_own = |voice: &Voice, name: &Arc<str>| own.contains(&(voice.clone(), name.clone()));
    for profile in profiles {
        let found = match rule(owners, &profile.voice, &profile.name_place) {
            Ok(None) => continue,
            Ok(Some((_, rule))) => {
                said(rule, &profile.layer, &profile.profiles, |name| is_own(&profile.voice, name)).collect()
            }
            Err(problem) => vec![problem],
        };
        told(problems, &mut profile.errors, found);
    }
    for phone in phones {
        phone.voice = voice(&phone.layer.file);
        let found = match rule(owners, &phone.voice, &phone.name_place) {
            Ok(None) => continue,
            Ok(Some((_, rule))) => {
                said(rule, &phone.layer, &phone.profiles, |name| is_own(&phone.voice, name)).collect()
            }
            Err(problem) => vec![problem],
        };
        told(problems, &mut phone.errors, found);
    }
    for site in sites {
        site.voice = voice(&site.file);
        let found = match rule(owners, &site.voice, &site.name_place) {
            Ok(None) => continue,
            Ok(Some((owner, rule))) => below(owners, owner, rule, site),
            Err(problem) => vec![problem],
        };
        told(problems, &mut site.errors, found);
    }
}

fn told(problems: &mut Vec<Problem>, errors: &mut Vec<Problem>, found: Vec<Problem>) {
    problems.extend(found.iter().cloned());
    errors.extend(found);
}

/// The owner a document has, if any; the error of one that speaks for nobody.
fn rule<'o>(owners: &'o Owners, voice: &'o Voice, place: &Place) -> Result<Option<(&'o SiteName, &'o Rule)>, Problem> {
    let nobody = || {
        let message = "this file lies in the paths of two owners, or of one without a name, and speaks for nobody until that is settled";
        Problem::new(Severity::Error, place.clone(), code::NOT_THEIRS, message)
    };
    match voice {
        Voice::Central => Ok(None),
        Voice::Owner(site) => owners.rule(site).map(|rule| Some((site, rule))).ok_or_else(nobody),
        Voice::Nobody => Err(nobody()),
    }
}

fn not_theirs(place: &Place, rule: &Rule, what: &str) -> Problem {
    let team = if rule.owner.team.is_empty() { String::new() } else { format!(" ({})", rule.owner.team) };
    let message = format!("{what}: {}:{} says what these files{team} may say", rule.place.file, rule.place.line);
    Problem::new(Severity::Error, place.clone(), code::NOT_THEIRS, message)
}

/// What a layer says beyond what its owner may.
fn said<'d>(
    rule: &'d Rule,
    layer: &'d Layer,
    references: &'d [Reference],
    is_own: impl Fn(&Arc<str>) -> bool + 'd,
) -> impl Iterator<Item = Problem> + 'd {
    let fields = layer.policy_fields.iter().filter(|(field, _)| !rule.owner.may_set(field));
    let fields = fields.map(|(field, place)| not_theirs(place, rule, &format!("`policy.{field}` may not be set here")));
    let profiles = references
        .iter()
        .filter(move |reference| !rule.owner.may_build_on(&reference.name) && !is_own(&reference.name));
    let profiles = profiles.map(|Reference { name, place }| {
        not_theirs(place, rule, &format!("the profile `{name}` may not be built on here"))
    });
    let secrets = layer.items.iter().chain(&layer.seeds).filter_map(|item| match &item.value.value {
        DesiredValue::Secret(secret) if !rule.owner.may_refer_to(secret) => {
            let place = &item.value.origin.as_ref()?.place;
            Some(not_theirs(place, rule, &format!("the secret {secret} may not be referred to here")))
        }
        _ => None,
    });
    fields.chain(profiles).chain(secrets)
}

/// What a site in an owner's files says beyond what it may.
fn below(owners: &Owners, owner: &SiteName, rule: &Rule, document: &PhoneSite) -> Vec<Problem> {
    let mut problems = Vec::new();
    let place_of = |field: &str| document.said.iter().find(|(name, _)| *name == field).map(|(_, place)| place);
    if let Some(place) = place_of("gate") {
        problems.push(not_theirs(place, rule, "`gate` may not be set here; it is that of the site above"));
    }
    if let Some(place) = place_of("windows").filter(|_| !rule.owner.may_set("windows")) {
        problems.push(not_theirs(place, rule, "`windows` may not be set here; they are those of the site above"));
    }
    let Some(site) = &document.site else { return problems };
    if site.name == *owner || owners.of_site(&site.name) != Some(owner) {
        let what = format!("the PhoneSite `{}` is none of theirs; name it `{owner}-…`", site.name);
        problems.push(not_theirs(&document.name_place, rule, &what));
    }
    let place = place_of("networks").unwrap_or(&document.name_place);
    if rule.networks.is_empty() {
        let what = "no site may be declared here while `owner` has no `networks` that it would lie in";
        problems.push(not_theirs(place, rule, what));
    } else if site.networks.is_empty() {
        let what = format!("the PhoneSite `{}` names no `networks` and would take phones from anywhere", site.name);
        problems.push(not_theirs(place, rule, &what));
    }
    let inside = |network| rule.networks.iter().any(|own| own.contains(network));
    for network in site.networks.iter().filter(|network| !rule.networks.is_empty() && !inside(*network)) {
        problems.push(not_theirs(place, rule, &format!("the network {network} is none of theirs")));
    }
    problems
}
