//! All phones of one revision.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    chain::Chain,
    code,
    desired::{Desired, DesiredItem, DesiredValue},
    digest::digest,
    layer::{LayerItem, Merged},
    phone_config::PhoneConfig,
    policy::{Policy, UserItems},
    problem::{Place, Problem, Severity},
    read::{ignore::Ending, window},
    revision::Revision,
    secret_ref::SecretRef,
    site::{Site, SiteName},
    zone::Zone,
};
use crate::{
    catalogue::Catalogue,
    wpi::{DeviceId, Secret},
};

/// Most problems that are kept with one phone.
pub const PHONE_PROBLEM_LIMIT: usize = 10;
/// How many broken files a problem names.
const BROKEN_NAMED: usize = 3;

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
    pub(super) phones: BTreeMap<DeviceId, Phone>,
    pub(super) sites: BTreeMap<SiteName, SiteEntry>,
    pub(super) broken_files: BTreeSet<Arc<str>>,
    pub(super) unparsed: BTreeSet<Arc<str>>,
    pub(super) problems: Vec<Problem>,
    pub(super) endings: Vec<Ending>,
    pub(super) counts: Counts,
    pub(super) masks: BTreeMap<Arc<str>, Vec<(u32, u32)>>,
    pub(super) secrets: Secrets,
    pub(super) catalogue_broken: bool,
}

/// One declared device.
pub(super) struct Phone {
    pub(super) config: PhoneConfig,
    pub(super) chain: Arc<Chain>,
    /// Errors that have nothing to do with the model; if there are any, the phone is Invalid.
    pub(super) errors: Arc<[Problem]>,
}

/// One declared site.
pub(super) struct SiteEntry {
    pub(super) site: Site,
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

    /// What one phone is to have. `model` is what the phone reports (`device-type`), if it was heard of; a model that
    /// its document declares goes before it.
    pub fn resolve(&self, device: &DeviceId, model: Option<&str>) -> Resolution {
        let Some(phone) = self.phones.get(device) else { return Resolution::Undeclared };
        let invalid = |problems| Resolution::Invalid { name: phone.config.name.clone(), problems };
        if !phone.errors.is_empty() {
            return invalid(phone.errors.clone());
        }
        let merged = phone.merged(model);
        let mut problems = self.site_errors(&merged);
        problems.extend(user_errors(&merged));
        problems.extend(self.clock_errors(&merged));
        let desired = self.desired(device, phone, &merged);
        problems.extend(secret_errors(&self.secrets, &desired));
        if problems.is_empty() {
            return Resolution::Ready(Arc::new(desired));
        }
        problems.truncate(PHONE_PROBLEM_LIMIT);
        invalid(problems.into())
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

    /// Whether any document declares a site.
    pub fn has_sites(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Files that could not be read as a whole, or with a document that may declare a phone or a site which cannot be
    /// told: phones last seen in them are Invalid, not gone.
    pub fn broken_files(&self) -> &BTreeSet<Arc<str>> {
        &self.broken_files
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
        let policy = self.policy(merged, &site);
        let items: Arc<[DesiredItem]> = merged.items.iter().map(LayerItem::desired).collect();
        let seeds: Box<[DesiredItem]> = merged.seeds.iter().map(LayerItem::desired).collect();
        let site_file = self.sites.get(&site).map(|entry| entry.file.clone());
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

    /// The policy, its windows on the clock of the site where they have none of their own.
    fn policy(&self, merged: &Merged, site: &SiteName) -> Arc<Policy> {
        if merged.zoneless.is_empty() {
            return merged.policy.clone();
        }
        let windows = window::on_clock(&merged.zoneless, self.clock(site));
        Arc::new(Policy { windows, ..(*merged.policy).clone() })
    }

    fn clock(&self, site: &SiteName) -> Option<&Zone> {
        self.sites.get(site).and_then(|entry| entry.site.time_zone.as_ref())
    }

    /// Windows without a clock. Those of a site with errors are not looked at: it may have lost its clock with them.
    pub(super) fn clock_errors(&self, merged: &Merged) -> Vec<Problem> {
        let site = merged.site.clone().unwrap_or_default();
        let is_good = self.sites.get(&site).is_none_or(|entry| entry.errors.is_empty());
        if merged.zoneless.is_empty() || self.clock(&site).is_some() || !is_good {
            return Vec::new();
        }
        window::clockless(&merged.zoneless, site.as_str()).collect()
    }

    fn site_errors(&self, merged: &Merged) -> Vec<Problem> {
        let fallback = SiteName::default();
        let site = merged.site.as_ref().unwrap_or(&fallback);
        match self.sites.get(site) {
            Some(entry) => entry.errors.clone(),
            None if *site == fallback => Vec::new(),
            None => self.lost_site(site, merged.site_place.as_ref()).into_iter().collect(),
        }
    }

    /// A site that may be declared in a file that cannot be read: its networks must not look as if they were open.
    fn lost_site(&self, site: &SiteName, place: Option<&Place>) -> Option<Problem> {
        let broken: Vec<&str> = self.broken_files.iter().take(BROKEN_NAMED).map(AsRef::as_ref).collect();
        if broken.is_empty() {
            return None;
        }
        let more = self.broken_files.len() - broken.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!(
            "no PhoneSite `{site}` is declared; it may stand in a file with errors: {}{more}",
            broken.join(", ")
        );
        Some(Problem::new(Severity::Error, place.cloned().unwrap_or_else(nowhere), code::UNKNOWN_SITE, message))
    }
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

/// Items of owner user that policy does not manage.
pub(super) fn user_errors(merged: &Merged) -> impl Iterator<Item = Problem> {
    let manage = merged.policy.user_items == UserItems::Manage;
    merged.items.iter().filter(move |item| item.class.user && !manage).filter_map(|item| {
        let place = item.value.origin.as_ref()?.place.clone();
        let message = format!(
            "`{}` is set by the phone's user: put it in `seed`, or set `policy.userItems: Manage` to keep it as it is here",
            item.id()
        );
        Some(Problem::new(Severity::Error, place, code::USER_ITEM, message))
    })
}

/// What was read of secrets, by reference with its key filled in.
pub(super) type Secrets = HashMap<SecretRef, Result<Secret, String>>;

/// The references of one phone whose secret cannot be had.
pub(super) fn secret_errors(secrets: &Secrets, desired: &Desired) -> Vec<Problem> {
    references(desired)
        .filter_map(|(reference, place)| {
            let outcome = reference.filled(desired).and_then(|filled| match secrets.get(&filled) {
                Some(Ok(_)) => Ok(()),
                Some(Err(reason)) => Err(reason.clone()),
                None => Err(format!("{filled} was not read with this revision")),
            });
            outcome.err().map(|reason| secret_problem(reference, place, &reason))
        })
        .collect()
}

/// The references to secrets of one phone, each with its place.
pub(super) fn references(desired: &Desired) -> impl Iterator<Item = (&SecretRef, Option<&Place>)> {
    desired.items.iter().chain(&desired.seeds).filter_map(|item| match &item.value.value {
        DesiredValue::Secret(reference) => Some((reference, item.value.origin.as_ref().map(|origin| &origin.place))),
        DesiredValue::Text(_) => None,
    })
}

fn secret_problem(reference: &SecretRef, place: Option<&Place>, reason: &str) -> Problem {
    Problem::new(
        Severity::Error,
        place.cloned().unwrap_or_else(nowhere),
        code::MISSING_SECRET,
        format!("the secret {reference} cannot be had: {reason}"),
    )
}

fn nowhere() -> Place {
    Place { file: Arc::from(""), line: 0, column: 0, span: (0, 0) }
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
