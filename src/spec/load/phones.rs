//! Documents become phones: names and devices that occur twice, the profiles below each phone, secrets, and what only
//! layering shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{PROBLEM_LIMIT, files::Read};
use crate::{
    catalogue::Catalogue,
    spec::{
        chain::Chains,
        code,
        layer::{Layer, LayerItem, Merged, Unmanaged},
        phone_profile::PhoneProfile,
        policy::LockoutItems,
        problem::{Place, Problem, Severity},
        site::SiteName,
        snapshot::SecretReader,
        suggest::did_you_mean,
        wanted::{PHONE_PROBLEM_LIMIT, Phone, Secrets, SiteEntry, Wanted, references, secret_errors, user_errors},
    },
    wpi::ItemId,
};

/// Puts sites and phones into `wanted`.
pub(super) fn declare(wanted: &mut Wanted, read: Read, problems: &mut Vec<Problem>) {
    let Read { mut phones, mut profiles, mut sites, .. } = read;
    each_once(
        problems,
        "PhoneProfile",
        profiles
            .iter_mut()
            .filter_map(|profile| Some((profile.name.clone()?, &profile.name_place, &mut profile.errors))),
    );
    each_once(
        problems,
        "PhoneSite",
        sites
            .iter_mut()
            .filter_map(|site| Some((site.site.as_ref()?.name.as_str().into(), &site.name_place, &mut site.errors))),
    );
    each_once(
        problems,
        "PhoneConfig",
        phones.iter_mut().filter_map(|phone| Some((phone.name.clone()?, &phone.name_place, &mut phone.errors))),
    );
    each_once(
        problems,
        "phone",
        phones
            .iter_mut()
            .filter_map(|phone| Some((phone.device.as_ref()?.as_str().into(), &phone.device_place, &mut phone.errors))),
    );

    for entry in sites {
        let Some(site) = entry.site else { continue };
        let slot = wanted.sites.entry(site.name.clone());
        let new = SiteEntry { site, file: entry.file, errors: entry.errors };
        slot.and_modify(|old: &mut SiteEntry| old.errors.extend(new.errors.iter().cloned())).or_insert(new);
    }

    let named = profiles.iter().map(|profile| &profile.layer).chain(phones.iter().map(|phone| &phone.layer));
    let layers: Vec<&Layer> = named.collect();
    wanted.endings = layers.iter().flat_map(|layer| layer.policy.endings.iter().cloned()).collect();
    wanted.endings.sort_by(|a, b| a.problem.place.cmp(&b.problem.place));
    wanted.endings.truncate(PROBLEM_LIMIT);
    problems.extend(layers.iter().filter_map(|layer| unknown_site(wanted, layer)));
    problems.extend(unknown_unmanaged(&wanted.catalogue, &layers));

    let profiles = by_name(profiles);
    let mut chains = Chains::new(&profiles, &wanted.broken_files);
    for profile in profiles.values() {
        problems.extend(chains.below(&profile.profiles).problems.iter().cloned());
    }
    for config in phones {
        let chain = chains.below(&config.profiles);
        problems.extend(chain.problems.iter().cloned());
        let Some(device) = config.device.clone() else { continue };
        let errors: Vec<Problem> =
            config.errors.iter().chain(chain.errors()).take(PHONE_PROBLEM_LIMIT).cloned().collect();
        let phone = Phone { config, chain, errors: errors.into() };
        wanted.phones.entry(device).and_modify(|first| first.also(&phone)).or_insert(phone);
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

fn by_name(profiles: Vec<PhoneProfile>) -> BTreeMap<Arc<str>, Arc<PhoneProfile>> {
    let mut by_name: BTreeMap<Arc<str>, PhoneProfile> = BTreeMap::new();
    for profile in profiles {
        let Some(name) = profile.name.clone() else { continue };
        match by_name.get_mut(&name) {
            Some(first) => first.errors.extend(profile.errors),
            None => {
                by_name.insert(name, profile);
            }
        }
    }
    by_name.into_iter().map(|(name, profile)| (name, Arc::new(profile))).collect()
}

/// Two documents with one name, or one device, are both wrong.
fn each_once<'d>(
    problems: &mut Vec<Problem>,
    what: &str,
    documents: impl Iterator<Item = (Arc<str>, &'d Place, &'d mut Vec<Problem>)>,
) {
    let mut groups: BTreeMap<Arc<str>, Vec<(&Place, &mut Vec<Problem>)>> = BTreeMap::new();
    for (name, place, errors) in documents {
        groups.entry(name).or_default().push((place, errors));
    }
    for (name, mut group) in groups.into_iter().filter(|(_, group)| group.len() > 1) {
        let places: Vec<Place> = group.iter().map(|(place, _)| (*place).clone()).collect();
        for (place, errors) in &mut group {
            let other = places.iter().find(|other| other != place).unwrap_or(place);
            let others = if places.len() > 2 { format!(" and {} more", places.len() - 2) } else { String::new() };
            let message = format!(
                "the {what} `{name}` is declared twice, here and at {}:{}{others}; keep one of them",
                other.file, other.line
            );
            let problem = Problem::new(Severity::Error, (*place).clone(), code::DECLARED_TWICE, message);
            problems.push(problem.clone());
            errors.push(problem);
        }
    }
}

/// Reads the secrets of every phone, then lays its layers over each other once for each model that may come, to
/// report what no document shows by itself.
pub(super) fn look_at_all(wanted: &mut Wanted, secrets: &dyn SecretReader, problems: &mut Vec<Problem>) {
    let mut read = Secrets::new();
    for (device, phone) in wanted.phones.iter().filter(|(_, phone)| phone.errors.is_empty()) {
        for model in phone.models() {
            let merged = phone.merged(model.as_deref());
            problems.extend(user_errors(&merged));
            problems.extend(wanted.clock_errors(&merged));
            problems.extend(not_allowed(&merged));
            if !merged.items.iter().chain(&merged.seeds).any(|item| item.value.value.as_text().is_none()) {
                continue;
            }
            let desired = wanted.desired(device, phone, &merged);
            for filled in references(&desired).filter_map(|(reference, _)| reference.filled(&desired).ok()) {
                read.entry(filled).or_insert_with_key(|filled| secrets.read(filled, &desired));
            }
            problems.extend(secret_errors(&read, &desired));
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
