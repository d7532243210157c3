//! The content of labelled Secrets, kept in memory while they are there.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::wpi::Secret;

/// The label that a Secret has to carry to be read.
pub const LABEL: &str = "phoneops.dev/phone-secret";

/// Content by key.
type Content = HashMap<String, Secret>;

/// Secrets of the namespace, by name.
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
        let content = secrets.get(name).ok_or_else(|| {
            format!(
                "there is no Secret {name} with the label {LABEL}: \"true\" in this namespace; create it, or label it"
            )
        })?;
        content.get(key).cloned().ok_or_else(|| format!("the Secret {name} has no key {key}"))
    }

    pub(super) fn put(&self, name: &str, content: Content) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), content);
    }

    pub(super) fn remove(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(super) fn keep(&self, names: &[String]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| names.contains(name));
    }
}
