//! What must not be forgotten of a phone (stored by `store`).

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::{drift::Drifts, fingerprint::Fingerprints, image::BeforeImages, put_back::PutBack, seeding::Seeding};
use crate::{
    spec::{DesiredItem, DesiredValue, Digest, Labels, Policy, Revision, SiteName, desired::LayerValue},
    wpi::{DeviceId, ItemId, ItemStatus},
};

/// All that is kept of one phone. Secrets are references, call states are not in it (promise 10).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and absent unless it holds")]
pub struct PhoneRecord {
    /// The device.
    pub device: DeviceId,
    /// What phoneops works towards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<Arc<InForce>>,
    /// Digests of what was in force before, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formers: Vec<Digest>,
    /// What the phone said of itself.
    #[serde(default)]
    pub facts: Facts,
    /// What it reported of its managed items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Observation>,
    /// Items it refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// A write that was sent, or was about to be, and is not known to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<InFlight>,
    /// What items were before phoneops first changed them.
    #[serde(default, skip_serializing_if = "BeforeImages::is_empty")]
    pub before_images: BeforeImages,
    /// Since when it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_since: Option<Timestamp>,
    /// What is put back over the documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub put_backs: Vec<PutBack>,
    /// Items that never compare (R-1212), changed, and whose write is not confirmed yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<ItemId>,
    /// What is known of the content of items that never compare.
    #[serde(default, skip_serializing_if = "Fingerprints::is_empty")]
    pub fingerprints: Fingerprints,
    /// How far its seeds have come.
    #[serde(default, skip_serializing_if = "Seeding::is_empty")]
    pub seeding: Seeding,
    /// Whether the phone was first declared by a revision that was seen to arrive, and has no desired state yet
    /// (promise 8).
    #[serde(default, skip_serializing_if = "is_false")]
    pub fresh: bool,
    /// Whether this comes from a store that cannot be trusted, and no documents were read since: then what was in force
    /// is not written, and nothing follows from it for items that never compare.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unsure: bool,
    /// Whether a factory reset was seen, and the phone has not said a number since.
    #[serde(default, skip_serializing_if = "is_false")]
    pub factory: bool,
    /// Whether no document declares the phone any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub abandoned: bool,
    /// Whether a person has its account taken off it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub released: bool,
    /// Whether something was written since the last read (promise 2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub unverified: bool,
    /// Whether it was sent items that can make it vanish and was not heard of since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Box<super::doubt::Doubt>>,
    /// What is to be said of restarting it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Box<super::restart::Restart>>,
    /// When something was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_write: Option<Timestamp>,
    /// When a read last proved the phone in sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_proof: Option<Timestamp>,
    /// Items that drift, without values.
    #[serde(default, skip_serializing_if = "Drifts::is_empty")]
    pub drifts: Drifts,
}

impl PhoneRecord {
    /// The record of a phone of which nothing is known.
    pub fn new(device: DeviceId) -> Self {
        Self {
            device,
            in_force: None,
            formers: Vec::new(),
            facts: Facts::default(),
            observation: None,
            refused: Vec::new(),
            in_flight: None,
            before_images: BeforeImages::default(),
            wanted_since: None,
            put_backs: Vec::new(),
            due: Vec::new(),
            fingerprints: Fingerprints::default(),
            seeding: Seeding::default(),
            fresh: false,
            unsure: false,
            factory: false,
            abandoned: false,
            released: false,
            unverified: false,
            doubt: None,
            restart: None,
            last_write: None,
            last_proof: None,
            drifts: Drifts::default(),
        }
    }

    /// Takes out what must not be acted on when this is an older copy of the phone's record: what was to be written
    /// without being compared or to be restarted, and whatever would make it so (promise 8). All else is read from the
    /// phone first: until then nothing that it was read to have is a proof.
    pub fn distrust(&mut self) {
        self.due.clear();
        self.fingerprints = Fingerprints::default();
        self.seeding = Seeding::default();
        self.fresh = false;
        self.factory = false;
        self.restart = None;
        self.unverified = self.in_force.is_some();
        self.unsure = true;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_none_yet(count: &u8) -> bool {
    *count == 0
}

/// The desired state that is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InForce {
    /// Name of its document.
    pub name: Arc<str>,
    /// Labels of its document.
    #[serde(default)]
    pub labels: Arc<Labels>,
    /// Its site.
    pub site: SiteName,
    /// Its policy.
    pub policy: Arc<Policy>,
    /// Its items.
    pub items: InForceItems,
    /// Digest over all that.
    pub digest: Digest,
    /// The first revision that gave this digest.
    pub revision: Revision,
    /// Whether a layer was left out because the model was not known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub undecided: bool,
    /// The files it stands in, its own first.
    pub files: Vec<Arc<str>>,
}

/// The items in force, sorted by id: those of the fleet itself, as a revision makes records of all phones at once. Origins
/// are not kept and not compared.
#[derive(Debug, Clone)]
pub struct InForceItems(Arc<[DesiredItem]>);

impl InForceItems {
    /// The items for a phone that is known from the store only.
    pub fn shared(&self) -> Arc<[DesiredItem]> {
        Arc::clone(&self.0)
    }

    fn iter(&self) -> impl Iterator<Item = (&ItemId, &DesiredValue)> {
        self.0.iter().map(|item| (&item.id, &item.value.value))
    }
}

impl From<&Arc<[DesiredItem]>> for InForceItems {
    /// Takes over items that are sorted by id.
    fn from(items: &Arc<[DesiredItem]>) -> Self {
        Self(Arc::clone(items))
    }
}

impl FromIterator<(ItemId, DesiredValue)> for InForceItems {
    fn from_iter<I: IntoIterator<Item = (ItemId, DesiredValue)>>(items: I) -> Self {
        let item = |(id, value)| DesiredItem { value: Arc::new(LayerValue { id, value, origin: None }) };
        let mut items: Vec<DesiredItem> = items.into_iter().map(item).collect();
        items.sort_by(|a, b| a.id.cmp(&b.id));
        Self(items.into())
    }
}

impl PartialEq for InForceItems {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Serialize for InForceItems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for InForceItems {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<(ItemId, DesiredValue)>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// What a phone said of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// `device-type`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<SmolStr>,
    /// `software-version`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<SmolStr>,
    /// `part-number`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_number: Option<SmolStr>,
    /// `e164`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e164: Option<SmolStr>,
    /// `contact-me-uri`, unchecked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_me_uri: Option<SmolStr>,
    /// `dls-contact-interval` in seconds, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_gap: Option<u32>,
    /// `dls-addr`, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<SmolStr>,
    /// Whether a mobile user is logged on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mobile_user: bool,
    /// The address it last called from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// When it last called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

/// What a phone reported of items, sorted by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// The items; those the phone did not know have the phone's word in place of a text.
    pub items: Vec<Observed>,
}

/// One observed item. Values of secrets are never kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Name and index.
    pub id: ItemId,
    /// The text, or the phone's word on why there is none.
    pub value: ObservedValue,
}

/// A text, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ObservedValue {
    /// The text.
    Text(SmolStr),
    /// The phone's word.
    Status(ItemStatus),
}

/// An item the phone refused, and what it refused. Not written again until value or firmware changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Name and index.
    pub id: ItemId,
    /// The phone's own word.
    pub status: ItemStatus,
    /// What was refused.
    pub value: DesiredValue,
    /// The firmware that refused it.
    #[serde(default)]
    pub firmware: Option<SmolStr>,
    /// When.
    pub at: Timestamp,
    /// How often it was tried again by itself.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub tries: u8,
    /// Whether it is to be tried again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lifted: bool,
    /// Whether the other form of clearing it is what was refused, or is to be tried.
    #[serde(default, skip_serializing_if = "is_false")]
    pub other_form: bool,
}

/// A write that is recorded before it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InFlight {
    /// When.
    pub at: Timestamp,
    /// The revision it is for.
    pub revision: Revision,
    /// The items, without values.
    pub items: Vec<ItemId>,
}

/// How an item stood when phoneops was about to change it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BeforeImage {
    /// Name and index.
    pub id: ItemId,
    /// The value; `None` = empty or absent.
    pub old: Option<SmolStr>,
    /// What was written; `None` of a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<SmolStr>,
    /// The revision whose write changed it.
    pub revision: Revision,
    /// When.
    pub at: Timestamp,
    /// Whether nobody can read what it was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub secret: bool,
    /// Whether the item has its first value again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub returned: bool,
}
