//! Documents become phones: names and devices that occur twice, the profiles below each phone, secrets, and what only
//! layering shows.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use super::{
    PROBLEM_LIMIT, claims,
    files::Read,
    lines::Lines,
    rules::{self, Documents},
};
use crate::{
    catalogue::Catalogue,
    spec::{
        chain::{Chains, Profiles},
        code,
        known::Known,
        layer::{Layer, LayerItem, Merged, Unmanaged},
        owner::{Owners, Voice},
        phone_site::PhoneSite,
        policy::LockoutItems,
        problem::{Place, Problem, Severity},
        site::{Site, SiteLimits, SiteName},
        snapshot::SecretReader,
        suggest::did_you_mean,
        wanted::{
            PHONE_PROBLEM_LIMIT, Phone, Secrets, Share, SiteEntry, Wanted, references, secret_errors, secret_problem,
        },
    },
    wpi::{DeviceId, ItemId},
};

/// Puts sites and phones into `wanted`. `files` are all files of the source. Gives the documents that do not decide
/// about their device, because others claim it, and those whose device could not be read.
pub(super) fn declare(
    wanted: &mut Wanted,
    read: Read,
    known: &Known,
    files: &BTreeSet<Arc<str>>,
    problems: &mut Vec<Problem>,
) -> (Vec<(DeviceId, Phone)>, Vec<Phone>) {
    let Read { mut phones, mut profiles, mut sites, .. } = read;
    wanted.owners = Owners::of(&mut sites, files, problems);
    for file in &wanted.broken_files {
        wanted.broken_of.entry(wanted.owners.voice(file)).or_default().push(file.clone());
    }
    let documents = Documents { phones: &mut phones, profiles: &mut profiles, sites: &mut sites };
    rules::apply(&wanted.owners, documents, problems);
    claims::profiles(problems, &mut profiles);
    claims::sites(problems, &mut sites);
    claims::names(problems, &mut phones);
    let speakers = claims::devices(problems, &mut phones, &wanted.owners, known);

    place(wanted, sites);
    let named = profiles.iter().map(|profile| &profile.layer).chain(phones.iter().map(|phone| &phone.layer));
    let layers: Vec<&Layer> = named.collect();
    wanted.endings = layers.iter().flat_map(|layer| layer.policy.endings.iter().cloned()).collect();
    wanted.endings.sort_by(|a, b| a.problem.place.cmp(&b.problem.place));
    wanted.endings.truncate(PROBLEM_LIMIT);
    problems.extend(layers.iter().filter_map(|layer| unknown_site(wanted, layer)));
    problems.extend(unknown_unmanaged(&wanted.catalogue, &layers));

    let profiles = Profiles::new(profiles);
    let broken = |voice: &Voice| match wanted.broken_words(voice) {
        Some(files) => format!("; it may stand in a file with errors: {files}"),
        None => String::new(),
    };
    let mut chains = Chains::new(&profiles, &broken);
    for profile in profiles.iter() {
        problems.extend(chains.below(&profile.voice, &profile.profiles).problems.iter().cloned());
    }
    let (mut declared, mut others): (BTreeMap<DeviceId, Phone>, Vec<_>) = Default::default();
    let mut homeless = Vec::new();
    for config in phones {
        let chain = chains.below(&config.voice, &config.profiles);
        problems.extend(chain.problems.iter().cloned());
        let errors: Vec<Problem> =
            config.errors.iter().chain(chain.errors()).take(PHONE_PROBLEM_LIMIT).cloned().collect();
        let Some(device) = config.device.clone() else {
            let voice = config.voice.clone();
            homeless.push(Phone { config, chain, voice, errors: errors.into() });
            continue;
        };
        let speaker = speakers.get(&device).unwrap_or(&config.voice).clone();
        let has_a_say = speaker == config.voice || speaker == Voice::Nobody;
        let phone = Phone { config, chain, voice: speaker, errors: errors.into() };
        match declared.entry(device) {
            Entry::Vacant(free) if has_a_say => {
                free.insert(phone);
            }
            Entry::Vacant(free) => others.push((free.into_key(), phone)),
            Entry::Occupied(mut first) => {
                if has_a_say {
                    first.get_mut().also(&phone);
                }
                others.push((first.key().clone(), phone));
            }
        }
    }
    wanted.phones = declared;
    wanted.profiles = profiles;
    (others, homeless)
}

/// Puts the sites in: first those that are no owner's, then those of owners that lie below theirs and have no name of
/// another. These have from the site above what they do not say themselves.
fn place(wanted: &mut Wanted, mut sites: Vec<PhoneSite>) {
    sites.sort_by_key(|document| document.voice != Voice::Central);
    for document in sites {
        let PhoneSite { voice, site, said, file, errors, .. } = document;
        let Some(mut site) = site else { continue };
        let mut new = SiteEntry { site: Site::default(), voice, file, errors };
        match (&new.voice, wanted.sites.get(&site.name)) {
            (Voice::Nobody, _) => continue,
            (own, Some(known)) if known.voice != *own => continue,
            (Voice::Owner(owner), _) if wanted.owners.of_site(&site.name) != Some(owner) => continue,
            (Voice::Owner(owner), _) => {
                if let Some(above) = wanted.sites.get(owner) {
                    inherit(&mut site, &above.site, &said);
                    new.errors.extend(above.errors.iter().cloned());
                }
            }
            (Voice::Central, _) => {}
        }
        let slot = wanted.sites.entry(site.name.clone());
        new.site = site;
        slot.and_modify(|old: &mut SiteEntry| old.errors.extend(new.errors.iter().cloned())).or_insert(new);
    }
}

fn inherit(site: &mut Site, above: &Site, said: &[(&'static str, Place)]) {
    let says = |field: &str| said.iter().any(|(name, _)| *name == field);
    site.gate = above.gate;
    let SiteLimits { contact_spacing, sessions } = above.limits;
    // never more than the site above
    site.limits.contact_spacing = site.limits.contact_spacing.max(contact_spacing);
    site.limits.sessions = [site.limits.sessions, sessions].into_iter().flatten().min();
    if !says("windows") {
        site.windows = above.windows.clone();
    }
    if !says("timeZone") {
        site.time_zone.clone_from(&above.time_zone);
    }
    if !says("numbers") {
        site.numbers = above.numbers.clone();
    }
}

impl Phone {
    /// A second document declares the same device: its errors count too.
    fn also(&mut self, second: &Self) {
        let both = self.errors.iter().chain(second.errors.iter());
        self.errors = both.take(PHONE_PROBLEM_LIMIT).cloned().collect();
    }
}

/// A site that no document declares is as good as any, unless others are declared: then it is a slip of the finger.
fn unknown_site(wanted: &Wanted, layer: &Layer) -> Option<Problem> {
    let (site, place) = layer.site.as_ref().zip(layer.site_place.clone())?;
    if !wanted.has_sites() || wanted.sites.contains_key(site) || *site == SiteName::default() {
        return None;
    }
    let hint = did_you_mean(site.as_str(), wanted.sites.keys().map(SiteName::as_str));
    let message = format!("no PhoneSite `{site}` is declared, so that its networks are not known{hint}");
    Some(Problem::new(Severity::Warning, place, code::UNKNOWN_SITE, message))
}

/// Entries of `unmanaged` that no catalogue knows and no document sets: they do nothing, so another item is meant.
fn unknown_unmanaged(catalogue: &Catalogue, layers: &[&Layer]) -> Vec<Problem> {
    let items = layers.iter().flat_map(|layer| layer.items.iter().chain(&layer.seeds));
    let set: BTreeSet<&ItemId> = items.filter(|item| item.class.unknown).map(LayerItem::id).collect();
    let names: BTreeSet<&str> = set.iter().map(|id| id.name.as_str()).collect();
    let is_set = |out: &Unmanaged| match out {
        Unmanaged::Name(name) => names.contains(name.as_str()),
        Unmanaged::Id(id) => set.contains(id),
    };
    let unknown = layers.iter().flat_map(|layer| &layer.unmanaged_unknown);
    let useless = unknown.filter(|(out, _)| !is_set(out)).map(|(out, place)| {
        let name = out.name();
        let hint = did_you_mean(name, catalogue.iter().map(|item| item.name.as_str()));
        let message =
            format!("`unmanaged` names `{name}`, which the catalogue does not know and no document sets{hint}");
        Problem::new(Severity::Warning, place.clone(), code::UNKNOWN_ITEM, message)
    });
    useless.collect()
}

/// Reads the secrets of every phone, then lays its layers over each other once for each model that may come, to
/// report what no document shows by itself. `others` are the documents that do not decide about their device: their
/// call numbers count all the same, so that nobody's phones hang on who else claims a device.
pub(super) fn look_at_all(
    wanted: &mut Wanted,
    others: &[(DeviceId, Phone)],
    secrets: &dyn SecretReader,
    problems: &mut Vec<Problem>,
) {
    let mut read = Secrets::new();
    let mut shares: BTreeMap<&Voice, Share> = BTreeMap::new();
    let mut refused: Vec<((DeviceId, Voice), Vec<Problem>)> = Vec::new();
    let mut lines = Lines::default();
    // what no owner refers to is read first
    let mut order: Vec<(&DeviceId, &Phone)> = wanted.phones.iter().collect();
    order.sort_by_key(|(_, phone)| phone.voice != Voice::Central);
    for (device, phone) in order {
        for model in phone.models() {
            let merged = phone.merged(model.as_deref());
            lines.note(device, phone, &merged, |number| wanted.may_have(&phone.config.voice, number));
            if !phone.errors.is_empty() {
                problems.extend(wanted.errors_beside(phone, &merged));
                continue;
            }
            problems.extend(wanted.errors(phone, &merged));
            problems.extend(not_allowed(&merged));
            if !merged.items.iter().chain(&merged.seeds).any(|item| item.value.value.as_text().is_none()) {
                continue;
            }
            let desired = wanted.desired(device, phone, &merged);
            let mut over = Vec::new();
            for (reference, place) in references(&desired) {
                let Ok(filled) = reference.filled(&desired) else { continue };
                if phone.voice != Voice::Central
                    && let Err(reason) = shares.entry(&phone.voice).or_default().take(&filled)
                {
                    over.push(secret_problem(reference, place, reason));
                    continue;
                }
                read.entry(filled).or_insert_with_key(|filled| secrets.read(filled, &desired));
            }
            if !over.is_empty() {
                problems.extend(over.iter().cloned());
                refused.push(((device.clone(), phone.config.voice.clone()), over));
                continue;
            }
            problems.extend(secret_errors(&read, &desired));
        }
    }
    for (device, phone) in others {
        for model in phone.models() {
            let merged = phone.merged(model.as_deref());
            lines.note(device, phone, &merged, |number| wanted.may_have(&phone.config.voice, number));
        }
    }
    let clashes = lines.clashes(problems);
    for ((device, voice), found) in clashes.into_iter().chain(refused) {
        if let Some(phone) = wanted.phones.get_mut(&device).filter(|phone| phone.config.voice == voice) {
            phone.errors = phone.errors.iter().cloned().chain(found).take(PHONE_PROBLEM_LIMIT).collect();
        }
    }
    wanted.secrets = read;
}

/// Items of effect lockout that policy does not let through: no error, but nobody should wait for them.
fn not_allowed(merged: &Merged) -> impl Iterator<Item = Problem> {
    let allowed = merged.policy.lockout_items == LockoutItems::Allow;
    let denied = merged.items.iter().filter(move |item| !allowed && item.class.lockout && !item.class.unknown);
    denied.filter_map(|item| {
        let place = item.value.origin.as_ref()?.place.clone();
        let message = format!(
            "`{}` can cut a phone off from phoneops and is not written (NotAllowed) without `policy.lockoutItems: Allow`",
            item.id()
        );
        Some(Problem::new(Severity::Warning, place, code::LOCKOUT_ITEM, message))
    })
}
