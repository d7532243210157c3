//! Keyed fingerprints of what never compares (R-1212): HMAC-SHA-256 over device, item and content, cut to 16 bytes.
//!
//! A phone does not tell its passwords back, so what is known of them is what was last written to it and accepted.
//! Without the key a fingerprint says nothing of its content, not even whether two phones have the same. The id of the
//! key stands beside each set of them: under a lost or another key they are void, and nothing looks changed because of
//! it (promise 8).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::wpi::{DeviceId, ItemId, ItemText, Secret, secret::MASK};

/// Says what is hashed and how; a change of either makes other keys of all keys.
const FORM: &[u8] = b"phoneops-fingerprint-1";

/// The key of all fingerprints.
#[derive(Clone)]
pub struct FingerprintKey {
    keyed: Hmac<Sha256>,
    id: KeyId,
}

/// Which key a fingerprint was made with; says nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyId(#[serde(with = "hex")] [u8; 8]);

/// What is kept of one content: 16 bytes.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Fingerprint(#[serde(with = "hex")] [u8; 16]);

impl FingerprintKey {
    /// A key of these random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let mut block = [0; 64];
        block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let keyed = Hmac::<Sha256>::new(&block.into());
        let mut hash = keyed.clone();
        hash.update(FORM);
        Self { id: KeyId(cut(hash)), keyed }
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The fingerprint of this content of this item of this device.
    pub fn fingerprint(&self, device: &DeviceId, id: &ItemId, content: &ItemText) -> Fingerprint {
        let mut hash = self.keyed.clone();
        for part in [device.as_str(), id.name.as_str()] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(&id.index.map_or(u64::MAX, |index| u64::from(index.0)).to_le_bytes());
        match content {
            ItemText::Plain(text) => hash.update(text.as_bytes()),
            ItemText::Secret(secret) => secret.feed(&mut hash),
        }
        Fingerprint(cut(hash))
    }
}

impl FingerprintKey {
    /// What tells contents of secrets apart, as hex, and says nothing without the key.
    pub fn of_secret(&self, secret: &Secret) -> String {
        let mut hash = self.keyed.clone();
        secret.feed(&mut hash);
        to_hex(&cut::<16>(hash))
    }
}

fn cut<const LENGTH: usize>(hash: Hmac<Sha256>) -> [u8; LENGTH] {
    let mut cut = [0; LENGTH];
    cut.iter_mut().zip(hash.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    cut
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Fingerprint {}

/// What is known of a content and a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Known {
    /// It was written, and the phone accepted it.
    Confirmed,
    /// It was wanted when phoneops first saw the item, and is trusted to be there.
    Assumed,
    /// The phone refused it.
    Refused,
}

/// The fingerprints of one phone, all of one key. Takes no room while there are none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fingerprints(Option<Box<Set>>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Set {
    key: KeyId,
    items: Vec<(ItemId, Known, Fingerprint)>,
    /// What left and was not answered: the content, and how often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unanswered: Vec<(ItemId, Fingerprint, u8)>,
}

impl Set {
    fn new(key: KeyId) -> Self {
        Self { key, items: Vec::with_capacity(1), unanswered: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.unanswered.is_empty()
    }
}

impl Fingerprints {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The fingerprint of an item, and how it is known.
    pub fn get(&self, id: &ItemId) -> Option<(Known, Fingerprint)> {
        let found = self.0.as_ref()?.items.iter().find(|(known, ..)| known == id)?;
        Some((found.1, found.2))
    }

    /// Keeps this one in place of any other of the item. Those of another key than `key` are void and go.
    pub fn set(&mut self, key: KeyId, id: &ItemId, known: Known, fingerprint: Fingerprint) {
        self.void_unless(Some(key));
        self.remove(id);
        let set = self.0.get_or_insert_with(|| Box::new(Set::new(key)));
        set.items.push((id.clone(), known, fingerprint));
    }

    /// Forgets that of an item.
    pub fn remove(&mut self, id: &ItemId) {
        if let Some(set) = &mut self.0 {
            set.items.retain(|(known, ..)| known != id);
        }
        self.0.take_if(|set| set.is_empty());
    }

    /// This content is about to leave. Until [`Self::answered`] nobody knows whether it arrived.
    pub fn leaves(&mut self, key: KeyId, id: &ItemId, fingerprint: Fingerprint) {
        self.void_unless(Some(key));
        let times = self.unanswered(id, fingerprint).saturating_add(1);
        self.answered(id);
        let set = self.0.get_or_insert_with(|| Box::new(Set::new(key)));
        set.unanswered.push((id.clone(), fingerprint, times));
    }

    /// What left last is known to have arrived, or not to have.
    pub fn answered(&mut self, id: &ItemId) {
        if let Some(set) = &mut self.0 {
            set.unanswered.retain(|(sent, ..)| sent != id);
        }
        self.0.take_if(|set| set.is_empty());
    }

    /// How often this content left in a row without an answer.
    pub fn unanswered(&self, id: &ItemId, fingerprint: Fingerprint) -> u8 {
        let sent = self.0.iter().flat_map(|set| &set.unanswered).find(|(sent, ..)| sent == id);
        sent.filter(|(_, known, _)| *known == fingerprint).map_or(0, |(.., times)| *times)
    }

    /// Forgets those of items that `keep` does not name.
    pub fn retain(&mut self, keep: impl Fn(&ItemId) -> bool) {
        if let Some(set) = &mut self.0 {
            set.items.retain(|(id, ..)| keep(id));
            set.unanswered.retain(|(id, ..)| keep(id));
        }
        self.0.take_if(|set| set.is_empty());
    }

    /// Forgets those of contents that were never written.
    pub fn forget_assumed(&mut self) {
        if let Some(set) = &mut self.0 {
            set.items.retain(|(_, known, _)| *known != Known::Assumed);
        }
        self.0.take_if(|set| set.is_empty());
    }

    /// Forgets all that were made with another key. Whether there were any.
    pub fn void_unless(&mut self, key: Option<KeyId>) -> bool {
        self.0.take_if(|set| Some(set.key) != key).is_some()
    }
}

/// Bytes as hex digits.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads so many bytes of hex digits.
pub fn unhex<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * LENGTH || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Bytes as hex digits, for serde.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::to_hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[u8; N], D::Error> {
        let text = smol_str::SmolStr::deserialize(from)?;
        super::unhex(&text).ok_or_else(|| D::Error::custom(format!("{} hex digits are needed", 2 * N)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wpi::{Index, ItemName, Secret};

    fn id(name: &str, index: Option<u32>) -> ItemId {
        ItemId::new(ItemName::new(name).unwrap(), index.map(Index))
    }

    fn of(key: u8, device: &str, item: &ItemId, content: &str) -> Fingerprint {
        let device = DeviceId::new(device).unwrap();
        FingerprintKey::new(&[key; 32]).fingerprint(&device, item, &ItemText::Secret(Secret::new(content)))
    }

    #[test]
    fn key_device_item_index_and_content_each_make_another_fingerprint() {
        let (a, b) = ("00:1A:E8:00:00:01", "00:1A:E8:00:00:02");
        let item = id("sip-pwd", None);
        let one = of(1, a, &item, "x");
        assert_eq!(one, of(1, a, &item, "x"));
        for other in [
            of(2, a, &item, "x"),
            of(1, b, &item, "x"),
            of(1, a, &id("ldap-pwd", None), "x"),
            of(1, a, &id("sip-pwd", Some(0)), "x"),
            of(1, a, &item, "y"),
            of(1, a, &item, ""),
        ] {
            assert_ne!(one, other);
        }
        assert_ne!(FingerprintKey::new(&[1; 32]).id(), FingerprintKey::new(&[2; 32]).id());
    }

    #[test]
    fn a_secret_and_a_plain_text_of_one_content_are_the_same_content() {
        let (device, item) = (DeviceId::new("00:1A:E8:00:00:01").unwrap(), id("XML-app-name", Some(1)));
        let key = FingerprintKey::new(&[1; 32]);
        let plain = key.fingerprint(&device, &item, &ItemText::plain("calls"));
        assert_eq!(plain, key.fingerprint(&device, &item, &ItemText::Secret(Secret::new("calls"))));
    }

    #[test]
    fn neither_key_nor_fingerprint_shows() {
        let key = FingerprintKey::new(&[0xAB; 32]);
        assert_eq!(format!("{key:?}"), "***");
        let mut kept = Fingerprints::default();
        kept.set(
            key.id(),
            &id("sip-pwd", None),
            Known::Confirmed,
            of(0xAB, "00:1A:E8:00:00:01", &id("sip-pwd", None), "x"),
        );
        assert!(format!("{kept:?}").contains("***"), "{kept:?}");
    }

    #[test]
    fn what_is_kept_is_read_back_and_void_under_another_key() {
        let (one, other) = (FingerprintKey::new(&[1; 32]), FingerprintKey::new(&[2; 32]));
        let (a, b) = (id("ldap-pwd", None), id("sip-pwd", None));
        let print = of(1, "00:1A:E8:00:00:01", &a, "x");
        let mut kept = Fingerprints::default();
        kept.set(one.id(), &a, Known::Assumed, print);
        kept.set(one.id(), &b, Known::Confirmed, print);
        kept.set(one.id(), &a, Known::Confirmed, print);
        let json = serde_json::to_string(&kept).unwrap();
        let mut read: Fingerprints = serde_json::from_str(&json).unwrap();
        assert_eq!(read, kept);
        assert_eq!(read.get(&a), Some((Known::Confirmed, print)));
        assert!(!read.void_unless(Some(one.id())));
        read.set(other.id(), &b, Known::Confirmed, print);
        assert_eq!(read.get(&a), None, "of another key");
        assert!(kept.void_unless(None) && kept.is_empty());
        assert_eq!(serde_json::to_string(&kept).unwrap(), "null");
    }
}
