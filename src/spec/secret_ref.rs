//! References in place of secrets; a document never holds the secret itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Where the content of a secret is found. Shows as the user wrote it; the content is nowhere near.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretRef {
    /// A file below `--secrets-dir`; the whole content without one trailing line break.
    File(SmolStr),
    /// An environment variable `PHONEOPS_SECRET_…`.
    Env(SmolStr),
    /// One line of a keyed file below `--secrets-dir`; `{e164}` and other items in the key are filled in.
    Keyed {
        /// The file.
        from: SmolStr,
        /// The key, as the user wrote it.
        key: SmolStr,
    },
    /// A Kubernetes Secret of the same namespace.
    Secret {
        /// Its name.
        name: SmolStr,
        /// Its key.
        key: SmolStr,
    },
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => write!(f, "{{file: {name}}}"),
            Self::Env(name) => write!(f, "{{env: {name}}}"),
            Self::Keyed { from, key } => write!(f, "{{from: {from}, key: {key:?}}}"),
            Self::Secret { name, key } => write!(f, "{{secret: {{name: {name}, key: {key}}}}}"),
        }
    }
}
