//! References in place of secrets; a document never holds the secret itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::desired::Desired;
use crate::wpi::{Index, ItemId, ItemName};

/// What the names of environment variables that may be read start with.
pub const ENV_PREFIX: &str = "PHONEOPS_SECRET_";

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

impl SecretRef {
    /// The name of the file, variable or Secret it is in.
    pub fn source(&self) -> &str {
        match self {
            Self::File(name) | Self::Env(name) | Self::Keyed { from: name, .. } | Self::Secret { name, .. } => name,
        }
    }

    /// This reference with each `{item}` of its key replaced by what the phone is to have of that item. The others
    /// stay as they are.
    ///
    /// # Errors
    /// Names the item that the phone is not to have, or that is a secret itself.
    pub fn filled(&self, desired: &Desired) -> Result<Self, String> {
        let Self::Keyed { from, key } = self else { return Ok(self.clone()) };
        let parts = placeholders(key).ok_or_else(|| format!("the braces in the key of {self} hold no item name"))?;
        let mut text = String::with_capacity(key.len());
        for part in parts {
            match part {
                KeyPart::Text(part) => text.push_str(part),
                KeyPart::Item(id) => {
                    let value = desired.get(&id).and_then(|item| item.value.value.as_text());
                    text.push_str(value.ok_or_else(|| {
                        format!("the key of {self} names the item {id}, which this phone is not to have as a text")
                    })?);
                }
            }
        }
        Ok(Self::Keyed { from: from.clone(), key: SmolStr::new(text) })
    }
}

/// A piece of the key of a keyed file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyPart<'k> {
    /// Stands for itself.
    Text(&'k str),
    /// Stands for the wanted text of this item.
    Item(ItemId),
}

/// Cuts a key at its `{item}`s and `{item[3]}`s; `None` if a brace is left over or holds no item name.
pub(super) fn placeholders(key: &str) -> Option<Vec<KeyPart<'_>>> {
    let mut parts = Vec::new();
    let mut rest = key;
    while let Some((before, behind)) = rest.split_once('{') {
        let (inner, after) = behind.split_once('}')?;
        if before.contains('}') {
            return None;
        }
        if !before.is_empty() {
            parts.push(KeyPart::Text(before));
        }
        parts.push(KeyPart::Item(item_id(inner)?));
        rest = after;
    }
    if rest.contains('}') {
        return None;
    }
    if !rest.is_empty() {
        parts.push(KeyPart::Text(rest));
    }
    Some(parts)
}

/// Reads `name` or `name[3]`.
pub(super) fn item_id(text: &str) -> Option<ItemId> {
    let (name, index) = match text.strip_suffix(']') {
        Some(text) => {
            let (name, digits) = text.split_once('[')?;
            let canonical = digits == "0" || !digits.starts_with(['0', '+']);
            (name, Some(Index(digits.parse().ok().filter(|_| canonical)?)))
        }
        None => (text, None),
    };
    let is_name = !name.contains(['[', ']', '{', '}']);
    ItemName::new(name).ok().filter(|_| is_name).map(|name| ItemId::new(name, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_keyed_file_names_items_in_braces() {
        let id = |name: &str, index| ItemId::new(ItemName::new(name).unwrap(), index);
        assert_eq!(
            placeholders("a-{e164}-{line-sip-uri[4]}"),
            Some(vec![
                KeyPart::Text("a-"),
                KeyPart::Item(id("e164", None)),
                KeyPart::Text("-"),
                KeyPart::Item(id("line-sip-uri", Some(Index(4)))),
            ])
        );
        assert_eq!(placeholders("plain"), Some(vec![KeyPart::Text("plain")]));
        for bad in ["{", "}", "{}", "{a", "a}", "{a b}", "{a[x]}", "{a[01]}", "a}{b}"] {
            assert_eq!(placeholders(bad), None, "{bad}");
        }
    }
}
