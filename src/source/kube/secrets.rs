//! The content of labelled Secrets, kept in memory while they are there.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::wpi::Secret;

/// The label that a Secret has to carry to be read.
pub const LABEL: &str = "phoneops.dev/phone-secret";

/// Content by key.
type Content = HashMap<String, Secret>;

/// Secrets by namespace and name, as in `voice.sip-reception`: no name of a namespace has a dot.
#[derive(Default)]
pub struct ClusterSecrets(Mutex<HashMap<String, Content>>);

impl fmt::Debug for ClusterSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecrets")
    }
}

impl ClusterSecrets {
    /// The content of one key.
    ///
    /// # Errors
    /// What is missing and what to do.
    pub fn content(&self, name: &str, key: &str) -> Result<Secret, String> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (namespace, own) = name.split_once('.').unwrap_or(("", name));
        let content = secrets.get(name).ok_or_else(|| {
            format!(
                "there is no Secret {own} with the label {LABEL}: \"true\" in namespace {namespace}; create it, or label it"
            )
        })?;
        content.get(key).cloned().ok_or_else(|| format!("the Secret {own} of namespace {namespace} has no key {key}"))
    }

    pub(super) fn put(&self, namespace: &str, name: &str, content: Content) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{namespace}.{name}"), content);
    }

    pub(super) fn remove(&self, namespace: &str, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&format!("{namespace}.{name}"));
    }

    pub(super) fn keep(&self, namespace: &str, names: &HashSet<String>) {
        let is_left = |known: &String| {
            known.split_once('.').is_none_or(|(space, name)| space != namespace || names.contains(name))
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known, _| is_left(known));
    }
}
