//! All phones of one revision.
//!
//! - [`checks`]: what is wrong with a phone once its layers lie over each other
//! - [`secrets`]: the secrets it refers to

mod checks;
mod secrets;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    chain::{Chain, Profiles},
    desired::{Desired, DesiredItem},
    digest::digest,
    layer::{LayerItem, Merged},
    owner::{Owners, Voice},
    phone_config::PhoneConfig,
    phone_profile::PhoneProfile,
    policy::Policy,
    problem::{Place, Problem},
    read::{ignore::Ending, window},
    revision::Revision,
    secret_ref::SecretRef,
    site::{Site, SiteName},
};
use crate::{
    catalogue::Catalogue,
    wpi::{DeviceId, Secret},
};

pub(super) use self::secrets::{Secrets, Share, references, secret_errors, secret_problem};

/// Most problems that are kept with one phone.
pub const PHONE_PROBLEM_LIMIT: usize = 10;

/// What the newest documents say of one phone.
#[derive(Debug, Clone)]
pub enum Resolution {
    /// It is to have this.
    Ready(Arc<Desired>),
    /// Its documents have errors; what is in force stays.
    Invalid {
        /// The name of its document, where it could be read.
        name: Option<Arc<str>>,
        /// The errors, first ones first; at most ten.
        problems: Arc<[Problem]>,
    },
    /// Nobody wants it.
    Undeclared,
}

/// How much was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Documents of ours, broken ones included.
    pub documents: usize,
    /// Declared devices.
    pub phones: usize,
    /// Documents of other API groups.
    pub skipped: usize,
    /// Files looked at.
    pub files: usize,
}

/// All phones of one revision, ready to be resolved one by one. Values are shared: a phone costs only its own ones.
pub struct Wanted {
    pub(super) revision: Revision,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) owners: Owners,
    pub(super) phones: BTreeMap<DeviceId, Phone>,
    pub(super) profiles: Profiles,
    pub(super) sites: BTreeMap<SiteName, SiteEntry>,
    pub(super) broken_files: BTreeSet<Arc<str>>,
    /// The same by voice, in order.
    pub(super) broken_of: BTreeMap<Voice, Vec<Arc<str>>>,
    pub(super) unparsed: BTreeSet<Arc<str>>,
    pub(super) problems: Vec<Problem>,
    pub(super) endings: Vec<Ending>,
    pub(super) counts: Counts,
    pub(super) masks: BTreeMap<Arc<str>, Vec<(u32, u32)>>,
    pub(super) secrets: Secrets,
    pub(super) catalogue_broken: bool,
    pub(super) approved_phones: Option<usize>,
    /// Phones that another service serves.
    pub(super) elsewhere: BTreeSet<DeviceId>,
    /// The files of phones that this one serves, where there are several.
    pub(super) own_files: Option<BTreeSet<Arc<str>>>,
}

/// One declared device.
pub(super) struct Phone {
    pub(super) config: PhoneConfig,
    pub(super) chain: Arc<Chain>,
    /// For whom its file speaks; for nobody when owners dispute over the device.
    pub(super) voice: Voice,
    /// Errors that have nothing to do with the model; if there are any, the phone is Invalid.
    pub(super) errors: Arc<[Problem]>,
}

/// A declared profile.
#[derive(Debug, Clone, Copy)]
pub struct Profile<'w, B> {
    /// Its name.
    pub name: &'w Arc<str>,
    /// The site whose owner alone may build on it; `None` = all may.
    pub owner: Option<&'w SiteName>,
    /// Where its document stands.
    pub place: &'w Place,
    /// The names of the profiles it builds on, lowest first.
    pub builds_on: B,
    /// Its errors.
    pub problems: &'w [Problem],
}

impl PhoneProfile {
    /// As others see it, if anybody may build on it.
    fn view(&self) -> Option<Profile<'_, impl Iterator<Item = &str>>> {
        let owner = match &self.voice {
            Voice::Central => None,
            Voice::Owner(site) => Some(site),
            Voice::Nobody => return None,
        };
        let builds_on = self.profiles.iter().map(|reference| &*reference.name);
        Some(Profile { name: self.name.as_ref()?, owner, place: &self.name_place, builds_on, problems: &self.errors })
    }
}

/// One declared site.
pub(super) struct SiteEntry {
    pub(super) site: Site,
    pub(super) voice: Voice,
    pub(super) file: Arc<str>,
    pub(super) errors: Vec<Problem>,
}

impl Wanted {
    /// The revision.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The catalogue with the source's overlay.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// All declared devices, in order, broken ones included.
    pub fn devices(&self) -> Vec<DeviceId> {
        self.phones.keys().cloned().collect()
    }

    /// Whether a document declares this device, with errors or without.
    pub fn declares(&self, device: &DeviceId) -> bool {
        self.phones.contains_key(device)
    }

    /// All declared profiles, also those that no phone builds on.
    pub fn profiles(&self) -> impl Iterator<Item = Profile<'_, impl Iterator<Item = &str>>> {
        self.profiles.iter().filter_map(|profile| profile.view())
    }

    /// The profiles below a phone, lowest first.
    pub fn profiles_below(&self, device: &DeviceId) -> impl Iterator<Item = Profile<'_, impl Iterator<Item = &str>>> {
        let chain = self.phones.get(device).map(|phone| &phone.chain);
        chain.into_iter().flat_map(|chain| chain.profiles()).filter_map(PhoneProfile::view)
    }

    /// Whether a document declares this device, and another service serves it.
    pub fn is_elsewhere(&self, device: &DeviceId) -> bool {
        self.elsewhere.contains(device)
    }

    /// Whether there is a device that another service serves.
    pub fn has_elsewhere(&self) -> bool {
        !self.elsewhere.is_empty()
    }

    /// Whether several services share the documents.
    pub fn is_shared(&self) -> bool {
        self.own_files.is_some()
    }

    /// Whether this service has to say how the phone of a document is.
    pub fn is_own_file(&self, file: &str) -> bool {
        self.own_files.as_ref().is_none_or(|own| own.contains(file))
    }

    /// What one phone is to have. `model` is what the phone reports (`device-type`), if it was heard of; a model that
    /// its document declares goes before it.
    pub fn resolve(&self, device: &DeviceId, model: Option<&str>) -> Resolution {
        let Some(phone) = self.phones.get(device) else { return Resolution::Undeclared };
        let invalid = |problems| Resolution::Invalid { name: phone.config.name.clone(), problems };
        if !phone.errors.is_empty() {
            return invalid(phone.errors.clone());
        }
        let merged = phone.merged(model);
        let mut problems = self.site_errors(phone, &merged);
        problems.extend(self.errors(phone, &merged));
        let desired = self.desired(device, phone, &merged);
        problems.extend(secret_errors(&self.secrets, &desired));
        if problems.is_empty() {
            return Resolution::Ready(Arc::new(desired));
        }
        problems.truncate(PHONE_PROBLEM_LIMIT);
        invalid(problems.into())
    }

    /// All that a phone of unknown model may have to have, by model.
    pub fn possible(&self, device: &DeviceId) -> Vec<Arc<Desired>> {
        let models = self.phones.get(device).map(Phone::models).unwrap_or_default();
        let ready = |model: Option<SmolStr>| match self.resolve(device, model.as_deref()) {
            Resolution::Ready(desired) => Some(desired),
            Resolution::Invalid { .. } | Resolution::Undeclared => None,
        };
        models.into_iter().filter_map(ready).collect()
    }

    /// All secrets that were read with this revision, in no order; those that could not be are none.
    pub fn secrets_read(&self) -> impl Iterator<Item = (&SecretRef, Option<&Secret>)> {
        self.secrets.iter().map(|(reference, secret)| (reference, secret.as_ref().ok()))
    }

    /// How many phones the commit itself says that it may change.
    pub fn approved_phones(&self) -> Option<usize> {
        self.approved_phones
    }

    /// The site of that name; one without networks when no document declares it.
    pub fn site(&self, name: &SiteName) -> Site {
        self.sites.get(name).map_or_else(|| Site::named(name.clone()), |entry| entry.site.clone())
    }

    /// The site of that name; `None` when no document declares it, or one that has errors: then its networks and its
    /// reach cannot be told.
    pub fn declared_site(&self, name: &SiteName) -> Option<Site> {
        self.sites.get(name).filter(|entry| entry.errors.is_empty()).map(|entry| entry.site.clone())
    }

    /// The names of all sites that a document declares, with errors or without.
    pub fn site_names(&self) -> impl Iterator<Item = SiteName> {
        self.sites.keys().cloned()
    }

    /// The models that documents name.
    pub fn models(&self) -> BTreeSet<SmolStr> {
        let layers = self.phones.values().flat_map(|phone| phone.chain.models().map(SmolStr::new));
        layers.chain(self.phones.values().filter_map(|phone| phone.config.model.clone())).collect()
    }

    /// Whether any document declares a site.
    pub fn has_sites(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Files that could not be read as a whole, or with a document that may declare a phone or a site which cannot be
    /// told: phones last seen in them are Invalid, not gone.
    pub fn broken_files(&self) -> &BTreeSet<Arc<str>> {
        &self.broken_files
    }

    /// The site whose owner declares this device in files of its own.
    pub fn speaker(&self, device: &DeviceId) -> Option<&SiteName> {
        match &self.phones.get(device)?.voice {
            Voice::Owner(site) => Some(site),
            Voice::Central | Voice::Nobody => None,
        }
    }

    /// Whether all files were read that may declare something for the owner of that site, or for none: what stands in
    /// files of other owners says nothing to them.
    pub fn is_whole_for(&self, owner: Option<&SiteName>) -> bool {
        let voice = owner.map_or(Voice::Central, |owner| Voice::Owner(owner.clone()));
        self.broken_words(&voice).is_none()
    }

    /// Whether a file with errors may declare the site of that name.
    pub fn may_hide_site(&self, name: &SiteName) -> bool {
        !self.is_whole_for(self.owners.of_site(name))
    }

    /// Whether `catalogue.csv` has errors, so that the built-in catalogue stands in for it.
    pub fn catalogue_broken(&self) -> bool {
        self.catalogue_broken
    }

    /// The content of a secret; read when the revision was loaded.
    pub fn secret(&self, reference: &SecretRef, desired: &Desired) -> Option<Secret> {
        let filled = reference.filled(desired).ok()?;
        self.secrets.get(&filled)?.as_ref().ok().cloned()
    }

    /// The references of this revision, keys filled in, whose content or problem is another than when it was loaded,
    /// with what it is now. `read` gets one reference after the other.
    pub fn changed_secrets(
        &self,
        mut read: impl FnMut(&SecretRef) -> Result<Secret, String>,
    ) -> BTreeMap<SecretRef, Result<Secret, String>> {
        let now = self.secrets.iter().map(|(reference, before)| (reference, before, read(reference)));
        now.filter(|(_, before, now)| *before != now).map(|(reference, _, now)| (reference.clone(), now)).collect()
    }

    /// Warnings of rules and pauses whose end has come by now, by place. They are not among [`Self::problems`], for
    /// time goes on and a revision stays.
    pub fn expired(&self, now: Timestamp) -> impl Iterator<Item = &Problem> {
        self.endings.iter().filter(move |ending| ending.until <= now).map(|ending| &ending.problem)
    }

    /// All errors and warnings, by place.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How much was read.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The byte spans of a file in which a secret stands in clear, by mistake; whoever shows the file masks them.
    /// `None` = the file is not YAML, so that nobody can tell.
    pub fn masks(&self, file: &str) -> Option<&[(u32, u32)]> {
        (!self.unparsed.contains(file)).then(|| self.masks.get(file).map_or(&[][..], Vec::as_slice))
    }

    pub(super) fn desired(&self, device: &DeviceId, phone: &Phone, merged: &Merged) -> Desired {
        let site = merged.site.clone().unwrap_or_default();
        let entry = self.site_seen_by(&phone.voice, &site);
        let policy = policy(merged, entry);
        let items: Arc<[DesiredItem]> = merged.items.iter().map(LayerItem::desired).collect();
        let seeds: Box<[DesiredItem]> = merged.seeds.iter().map(LayerItem::desired).collect();
        let site_file = entry.map(|entry| entry.file.clone());
        let mut files = merged.files.clone();
        files.extend(site_file.filter(|file| !merged.files.contains(file)));
        Desired {
            device: device.clone(),
            name: phone.config.name.clone().unwrap_or_default(),
            labels: phone.config.labels.clone(),
            model: phone.config.model.clone(),
            digest: digest(device, &site, &policy, &items, &seeds),
            site,
            policy,
            items,
            seeds,
            undecided: merged.undecided,
            files: files.into(),
        }
    }

    /// What a file means by the name of a site: one that is no owner's, or one of its own owner.
    pub(super) fn site_seen_by(&self, voice: &Voice, site: &SiteName) -> Option<&SiteEntry> {
        self.sites.get(site).filter(|entry| entry.voice == Voice::Central || entry.voice == *voice)
    }
}

/// The policy, its windows on the clock of the site where they have none of their own, and those of the site where no
/// layer says anything of windows.
fn policy(merged: &Merged, site: Option<&SiteEntry>) -> Arc<Policy> {
    let windows = match site.map(|entry| &entry.site.windows) {
        Some(windows) if !merged.windows_said && !windows.is_empty() => windows.clone(),
        _ if !merged.zoneless.is_empty() => {
            window::on_clock(&merged.zoneless, site.and_then(|entry| entry.site.time_zone.as_ref()))
        }
        _ => return merged.policy.clone(),
    };
    Arc::new(Policy { windows, ..(*merged.policy).clone() })
}

impl Phone {
    /// All layers of this phone, for the model it declares or reports.
    pub(super) fn merged(&self, reported: Option<&str>) -> Merged {
        let model = self.config.model.as_deref().or(reported);
        let mut merged = self.chain.merged(model);
        merged.put(&self.config.layer, model);
        merged.drop_managed_seeds();
        merged
    }

    /// Every model for which this phone may have to be resolved: its own, or unknown and each that a layer names.
    pub(super) fn models(&self) -> Vec<Option<SmolStr>> {
        if self.config.model.is_some() {
            return vec![None];
        }
        let named: BTreeSet<&str> = self.chain.models().collect();
        std::iter::once(None).chain(named.into_iter().map(|model| Some(SmolStr::new(model)))).collect()
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("revision", &self.revision)
            .field("counts", &self.counts)
            .field("problems", &self.problems.len())
            .finish_non_exhaustive()
    }
}
