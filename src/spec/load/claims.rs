//! One name or one device on two documents. Both are wrong, unless they are not of one owner: what stands in an
//! owner's files takes nothing away from others.
//!
//! - A file that is no owner's goes first: the owner's document is wrong, the other one is not touched.
//! - Two owners: each has profiles and sites of its own; names of phones clash with a warning; a device stays with the
//!   site that holds it, and with nobody if none does.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    spec::{
        code,
        known::Known,
        owner::{Owners, Voice},
        phone_config::PhoneConfig,
        phone_profile::PhoneProfile,
        phone_site::PhoneSite,
        problem::{Place, Problem, Severity},
    },
    wpi::DeviceId,
};

/// One document's claim to a name or a device.
struct Claim<'d> {
    key: Arc<str>,
    voice: Voice,
    place: &'d Place,
    errors: &'d mut Vec<Problem>,
}

/// Names of profiles.
pub(super) fn profiles(problems: &mut Vec<Problem>, documents: &mut [PhoneProfile]) {
    let claims = documents.iter_mut().filter_map(|profile| {
        let key = profile.name.clone()?;
        Some(Claim { key, voice: profile.voice.clone(), place: &profile.name_place, errors: &mut profile.errors })
    });
    each_once(problems, "PhoneProfile", claims);
}

/// Names of sites.
pub(super) fn sites(problems: &mut Vec<Problem>, documents: &mut [PhoneSite]) {
    let claims = documents.iter_mut().filter_map(|site| {
        let key = Arc::from(site.site.as_ref()?.name.as_str());
        Some(Claim { key, voice: site.voice.clone(), place: &site.name_place, errors: &mut site.errors })
    });
    each_once(problems, "PhoneSite", claims);
}

/// Names of phones.
pub(super) fn names(problems: &mut Vec<Problem>, documents: &mut [PhoneConfig]) {
    let claims = documents.iter_mut().filter_map(|phone| {
        let key = phone.name.clone()?;
        Some(Claim { key, voice: phone.voice.clone(), place: &phone.name_place, errors: &mut phone.errors })
    });
    for group in each_once(problems, "PhoneConfig", claims) {
        for (place, other) in pairs(&group) {
            let message = format!(
                "the files of another owner have a phone of this name too, at {}:{}; who asks by name may get either",
                other.file, other.line
            );
            problems.push(Problem::new(Severity::Warning, place, code::DECLARED_TWICE, message));
        }
    }
}

/// Devices. Gives for whom those speak that several owners claim.
pub(super) fn devices(
    problems: &mut Vec<Problem>,
    documents: &mut [PhoneConfig],
    owners: &Owners,
    known: &Known,
) -> HashMap<DeviceId, Voice> {
    let mut speakers: HashMap<DeviceId, Voice> = HashMap::new();
    let claims = documents.iter_mut().filter_map(|phone| {
        let device = phone.device.as_ref()?;
        if phone.voice == Voice::Central && !owners.is_empty() {
            speakers.insert(device.clone(), Voice::Central);
        }
        let key = Arc::from(device.as_str());
        Some(Claim { key, voice: phone.voice.clone(), place: &phone.device_place, errors: &mut phone.errors })
    });
    let disputed = each_once(problems, "phone", claims);
    for group in disputed {
        let Some(device) = group.first().and_then(|claim| DeviceId::new(&claim.key).ok()) else { continue };
        let holder = known.holders.get(&device).and_then(|site| owners.of_site(site)).cloned().map(Voice::Owner);
        let holder = holder.filter(|holder| group.iter().any(|claim| claim.voice == *holder)).or_else(|| sole(&group));
        let places = pairs(&group);
        for (claim, (place, other)) in group.into_iter().zip(places) {
            let message = match &holder {
                Some(holder) if *holder == claim.voice => continue,
                Some(Voice::Owner(site)) => format!(
                    "the phone `{device}` is at the site `{site}`, whose files declare it at {}:{}; it stays there until they take it out",
                    other.file, other.line
                ),
                _ => format!(
                    "the files of another owner declare the phone `{device}` too, at {}:{}; it is not touched until one of them takes it out",
                    other.file, other.line
                ),
            };
            let problem = Problem::new(Severity::Error, place, code::DECLARED_TWICE, message);
            problems.push(problem.clone());
            claim.errors.push(problem);
        }
        speakers.insert(device, holder.unwrap_or(Voice::Nobody));
    }
    speakers
}

/// The only one that speaks for somebody.
fn sole(group: &[Claim<'_>]) -> Option<Voice> {
    let mut voices = group.iter().map(|claim| &claim.voice).filter(|voice| **voice != Voice::Nobody);
    let first = voices.next()?;
    voices.all(|voice| voice == first).then(|| first.clone())
}

/// Each claim's place with the first place of another voice.
fn pairs(group: &[Claim<'_>]) -> Vec<(Place, Place)> {
    let Some(first) = group.first() else { return Vec::new() };
    let second = group.iter().find(|claim| claim.voice != first.voice).unwrap_or(first);
    let foreign = |claim: &Claim<'_>| if claim.voice == first.voice { second } else { first }.place.clone();
    group.iter().map(|claim| (claim.place.clone(), foreign(claim))).collect()
}

/// Tells of what is claimed twice by files of one voice, and of what an owner's files claim beside files of no owner.
/// Gives the groups that only owners claim, and several of them.
fn each_once<'d>(
    problems: &mut Vec<Problem>,
    what: &str,
    claims: impl Iterator<Item = Claim<'d>>,
) -> Vec<Vec<Claim<'d>>> {
    let mut groups: BTreeMap<Arc<str>, Vec<Claim<'d>>> = BTreeMap::new();
    for claim in claims {
        groups.entry(claim.key.clone()).or_default().push(claim);
    }
    let mut disputed = Vec::new();
    for (name, mut group) in groups.into_iter().filter(|(_, group)| group.len() > 1) {
        let central = group.iter().find(|claim| claim.voice == Voice::Central).map(|claim| claim.place.clone());
        let mut voices: BTreeMap<Voice, Tally> = BTreeMap::new();
        for claim in &group {
            voices.entry(claim.voice.clone()).or_default().count(claim.place);
        }
        for claim in &mut group {
            let message = match &central {
                Some(first) if claim.voice != Voice::Central => format!(
                    "the {what} `{name}` is declared at {}:{} already, in a file that is no owner's, and belongs there; take another name or take it out",
                    first.file, first.line
                ),
                _ => match voices.get(&claim.voice).and_then(|tally| tally.beside(claim.place)) {
                    Some((other, more)) => format!(
                        "the {what} `{name}` is declared twice, here and at {}:{}{more}; keep one of them",
                        other.file, other.line
                    ),
                    None => continue,
                },
            };
            let problem = Problem::new(Severity::Error, claim.place.clone(), code::DECLARED_TWICE, message);
            problems.push(problem.clone());
            claim.errors.push(problem);
        }
        let several = group.iter().any(|claim| Some(&claim.voice) != group.first().map(|first| &first.voice));
        if central.is_none() && several {
            disputed.push(group);
        }
    }
    disputed
}

/// The first two places at which files of one voice claim something, and how many there are.
#[derive(Default)]
struct Tally {
    first: Option<Place>,
    second: Option<Place>,
    count: usize,
}

impl Tally {
    fn count(&mut self, place: &Place) {
        self.count += 1;
        match (&self.first, &self.second) {
            (None, _) => self.first = Some(place.clone()),
            (Some(first), None) if first != place => self.second = Some(place.clone()),
            _ => {}
        }
    }

    /// Another place than this one, and how many more there are, in words.
    fn beside(&self, place: &Place) -> Option<(&Place, String)> {
        if self.count < 2 {
            return None;
        }
        let other =
            self.first.as_ref().filter(|first| *first != place).or(self.second.as_ref()).or(self.first.as_ref());
        let more = if self.count > 2 { format!(" and {} more", self.count - 2) } else { String::new() };
        Some((other?, more))
    }
}
