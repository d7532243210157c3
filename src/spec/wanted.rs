//! All phones of one revision.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    desired::Desired,
    problem::Problem,
    revision::Revision,
    secret_ref::SecretRef,
    site::{Site, SiteName},
};
use crate::{
    catalogue::Catalogue,
    wpi::{DeviceId, Secret},
};

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

/// All phones of one revision, ready to be resolved one by one.
pub trait Wanted: Send + Sync + std::fmt::Debug {
    /// The revision.
    fn revision(&self) -> &Revision;
    /// The catalogue with the source's overlay.
    fn catalogue(&self) -> &Arc<Catalogue>;
    /// All declared devices, in order, broken ones included.
    fn devices(&self) -> Vec<DeviceId>;
    /// What one phone is to have. `model` is what the phone reports (`device-type`), if it was heard of.
    fn resolve(&self, device: &DeviceId, model: Option<&str>) -> Resolution;
    /// The site of that name; one without networks when no document declares it.
    fn site(&self, name: &SiteName) -> Site;
    /// Whether any document declares a site.
    fn has_sites(&self) -> bool;
    /// Files that could not be read at all: phones last seen in them are Invalid, not gone.
    fn broken_files(&self) -> &BTreeSet<Arc<str>>;
    /// The content of a secret; read when the revision was loaded.
    fn secret(&self, reference: &SecretRef, desired: &Desired) -> Option<Secret>;
    /// All errors and warnings.
    fn problems(&self) -> &[Problem];
}
