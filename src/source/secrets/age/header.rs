//! The header of an age file: one stanza a recipient, and a MAC over all of them.

use openssl::{
    base64,
    derive::Deriver,
    hash::MessageDigest,
    memcmp,
    pkey::{Id, PKey, Private},
    sign::Signer,
};

use super::{Identities, hkdf, open as unseal};

const INTRO: &str = "age-encryption.org/v1";
const KEY_INFO: &[u8] = b"age-encryption.org/v1/X25519";
/// Most recipients of one file.
const STANZA_LIMIT: usize = 1000;
/// Longest line; those of the format have 64 characters and a little.
const LINE_LIMIT: usize = 4096;

/// The file key, and what follows the header.
pub(super) fn open<'b>(bytes: &'b [u8], identities: &Identities) -> Result<(Vec<u8>, &'b [u8]), String> {
    let header = Header::read(bytes).ok_or("its header is not one of age version 1")?;
    if identities.is_empty() {
        return Err("it is encrypted with age, and there is no key; start phoneops with --age-identity FILE".to_owned());
    }
    let file_key = header.stanzas.iter().find_map(|stanza| identities.keys().find_map(|key| stanza.open(key)));
    let file_key = file_key
        .ok_or("none of the keys in --age-identity opens it; encrypt it to the recipient of one of them (age1…)")?;
    if !header.is_genuine(&file_key) {
        return Err("its header was changed".to_owned());
    }
    Ok((file_key, header.body))
}

struct Header<'b> {
    stanzas: Vec<Stanza>,
    /// What the MAC covers.
    covered: &'b [u8],
    mac: Vec<u8>,
    body: &'b [u8],
}

/// A recipient by X25519; those of other kinds are passed over.
struct Stanza {
    share: Vec<u8>,
    sealed: Vec<u8>,
}

impl<'b> Header<'b> {
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let mut at = 0;
        if line(bytes, &mut at)? != INTRO {
            return None;
        }
        let mut stanzas = Vec::new();
        for _ in 0..STANZA_LIMIT {
            let start = at;
            let head = line(bytes, &mut at)?;
            if let Some(mac) = head.strip_prefix("--- ") {
                let covered = bytes.get(..start + 3)?;
                return Some(Self { stanzas, covered, mac: unpadded(mac)?, body: bytes.get(at..)? });
            }
            let words = head.strip_prefix("-> ")?;
            let mut packed = String::new();
            loop {
                let part = line(bytes, &mut at)?;
                packed.push_str(part);
                if part.len() < 64 {
                    break;
                }
            }
            if let Some(("X25519", share)) = words.split_once(' ') {
                stanzas.push(Stanza { share: unpadded(share)?, sealed: unpadded(&packed)? });
            }
        }
        None
    }

    fn is_genuine(&self, file_key: &[u8]) -> bool {
        let mac = || {
            let key = PKey::hmac(&hkdf(file_key, &[], b"header")?)?;
            let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
            signer.sign_oneshot_to_vec(self.covered)
        };
        mac().is_ok_and(|mac| mac.len() == self.mac.len() && memcmp::eq(&mac, &self.mac))
    }
}

impl Stanza {
    fn open(&self, key: &PKey<Private>) -> Option<Vec<u8>> {
        let theirs = PKey::public_key_from_raw_bytes(&self.share, Id::X25519).ok()?;
        let mut deriver = Deriver::new(key).ok()?;
        deriver.set_peer(&theirs).ok()?;
        let shared = deriver.derive_to_vec().ok()?;
        let salt = [self.share.as_slice(), &key.raw_public_key().ok()?].concat();
        let wrap = hkdf(&shared, &salt, KEY_INFO).ok()?;
        unseal(&wrap, &[0; 12], &self.sealed).filter(|file_key| file_key.len() == 16)
    }
}

/// The line that starts there, without its end.
fn line<'b>(bytes: &'b [u8], at: &mut usize) -> Option<&'b str> {
    let rest = bytes.get(*at..)?;
    let length = rest.iter().take(LINE_LIMIT).position(|byte| *byte == b'\n')?;
    *at += length + 1;
    std::str::from_utf8(rest.get(..length)?).ok()
}

/// Base64 without padding.
fn unpadded(text: &str) -> Option<Vec<u8>> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if text.is_empty() || !text.bytes().all(inner) {
        return None;
    }
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    base64::decode_block(&format!("{text}{padding}")).ok()
}
