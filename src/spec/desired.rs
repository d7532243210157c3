//! What one phone is to have, after layering.

use std::{fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{labels::Labels, policy::Policy, problem::Place, secret_ref::SecretRef, site::SiteName};
use crate::wpi::{DeviceId, ItemId};

/// The value of an item: its wire text, or a reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DesiredValue {
    /// Wire text (R-1201 to R-1203 applied).
    Text(SmolStr),
    /// The secret is read by the source when it is written.
    Secret(SecretRef),
}

impl DesiredValue {
    /// The text, unless it is a secret.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Secret(_) => None,
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// File, line, column.
    pub place: Place,
    /// The layer: `profile/site-berlin` or `phone/reception`.
    pub layer: Arc<str>,
}

/// One item of a layer with its origin; shared by all phones of the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerValue {
    /// Name and index.
    pub id: ItemId,
    /// The value.
    pub value: DesiredValue,
    /// Where it comes from; `None` when it comes from the store.
    pub origin: Option<Origin>,
}

/// One item a phone is to have: a pointer into its layer, through which its id is read. Phones are many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredItem {
    /// Id, value and origin.
    pub value: Arc<LayerValue>,
}

impl Deref for DesiredItem {
    type Target = LayerValue;
    fn deref(&self) -> &LayerValue {
        &self.value
    }
}

/// The fingerprint of a phone's desired values and policy, never of origin or line: 32 bytes, shown as hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr", into = "SmolStr")]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Digest> for SmolStr {
    fn from(digest: Digest) -> Self {
        Self::new(digest.to_string())
    }
}

impl TryFrom<SmolStr> for Digest {
    type Error = &'static str;
    fn try_from(text: SmolStr) -> Result<Self, Self::Error> {
        const PROBLEM: &str = "a digest has 64 hex digits";
        if text.len() != 64 {
            return Err(PROBLEM);
        }
        let mut bytes = [0; 32];
        for (position, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(2 * position..2 * position + 2).ok_or(PROBLEM)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| PROBLEM)?;
        }
        Ok(Self(bytes))
    }
}

/// What one phone is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The device.
    pub device: DeviceId,
    /// The name of its `PhoneConfig`.
    pub name: Arc<str>,
    /// Labels of its `PhoneConfig`.
    pub labels: Arc<Labels>,
    /// The model it declares, if any.
    pub model: Option<SmolStr>,
    /// Its site.
    pub site: SiteName,
    /// Its policy.
    pub policy: Arc<Policy>,
    /// Its items, sorted by id, each id once.
    pub items: Arc<[DesiredItem]>,
    /// Values for a fresh phone, sorted by id.
    pub seeds: Box<[DesiredItem]>,
    /// Digest over device, values and policy.
    pub digest: Digest,
    /// Whether a layer with `models` could not be decided because the model is not known.
    pub undecided: bool,
    /// The files that this phone's layers stand in, its own first.
    pub files: Arc<[Arc<str>]>,
}

impl Desired {
    /// The item of that id.
    pub fn get(&self, id: &ItemId) -> Option<&DesiredItem> {
        let position = self.items.binary_search_by(|item| item.id.cmp(id)).ok()?;
        self.items.get(position)
    }

    /// The seed of that id.
    pub fn seed(&self, id: &ItemId) -> Option<&DesiredItem> {
        let position = self.seeds.binary_search_by(|seed| seed.id.cmp(id)).ok()?;
        self.seeds.get(position)
    }
}
