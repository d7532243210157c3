//! Files encrypted with age (version 1 of its format), to X25519 recipients, binary or armoured; reading only.
//!
//! Every primitive is OpenSSL's, which is in the tree anyway. Passphrases, SSH keys and plugins are not read.
//!
//! - [`identity`]: the private keys, from `--age-identity`
//! - [`header`]: who may read the file; the file key
//!
//! The body is cut into chunks of 64 KiB, each sealed with a counter and a mark on the last one: a file that is cut
//! short, prolonged or changed anywhere does not open.

mod header;
mod identity;

use openssl::{
    base64,
    error::ErrorStack,
    md::Md,
    pkey::Id,
    pkey_ctx::PkeyCtx,
    symm::{Cipher, decrypt_aead},
};

pub use self::identity::{Identities, IdentityError};

const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
const NONCE: usize = 16;
const ARMOR_BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const ARMOR_END: &str = "-----END AGE ENCRYPTED FILE-----";

/// Bytes that age puts round a content of so many bytes, at most; for bounds on the encrypted file. Armour adds a
/// third, headers a little.
pub(super) const fn encrypted_limit(plain: usize) -> usize {
    plain + plain / 2 + 64 * 1024
}

/// Whether these bytes are an age file.
pub(super) fn is_age(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(ARMOR_BEGIN.as_bytes())
}

/// The content of an age file.
///
/// # Errors
/// In words for people, without content: no identity opens it, or it is broken.
pub(super) fn decrypt(bytes: &[u8], identities: &Identities) -> Result<Vec<u8>, String> {
    let dearmored;
    let bytes = if bytes.starts_with(ARMOR_BEGIN.as_bytes()) {
        dearmored = dearmor(bytes).ok_or("its armour is broken")?;
        &dearmored
    } else {
        bytes
    };
    let (file_key, body) = header::open(bytes, identities)?;
    payload(&file_key, body).ok_or_else(|| "it is damaged or cut short".to_owned())
}

fn dearmor(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let inner = text.strip_prefix(ARMOR_BEGIN)?.strip_suffix(ARMOR_END)?;
    let packed: String = inner.split_ascii_whitespace().collect();
    base64::decode_block(&packed).ok().filter(|_| !packed.is_empty())
}

fn payload(file_key: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = body.split_at_checked(NONCE)?;
    let key = hkdf(file_key, nonce, b"payload").ok()?;
    let count = sealed.len().div_ceil(CHUNK + TAG).max(1);
    let mut content = Vec::with_capacity(sealed.len());
    for number in 0..count {
        let from = number * (CHUNK + TAG);
        let chunk = sealed.get(from..sealed.len().min(from + CHUNK + TAG))?;
        let is_last = number + 1 == count;
        let mut nonce = [0; 12];
        let (_, counter) = nonce.split_at_mut_checked(3)?;
        counter.get_mut(..8)?.copy_from_slice(&(number as u64).to_be_bytes());
        *counter.last_mut()? = u8::from(is_last);
        let plain = open(&key, &nonce, chunk)?;
        if plain.is_empty() && number > 0 {
            return None;
        }
        content.extend(plain);
    }
    Some(content)
}

/// ChaCha20-Poly1305.
fn open(key: &[u8], nonce: &[u8; 12], sealed: &[u8]) -> Option<Vec<u8>> {
    let (content, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
    decrypt_aead(Cipher::chacha20_poly1305(), key, Some(nonce), &[], content, tag).ok()
}

/// HKDF with SHA-256, 32 bytes.
fn hkdf(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<[u8; 32], ErrorStack> {
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(Md::sha256())?;
    context.set_hkdf_key(secret)?;
    context.set_hkdf_salt(salt)?;
    context.add_hkdf_info(info)?;
    let mut key = [0; 32];
    context.derive(Some(&mut key))?;
    Ok(key)
}

#[cfg(test)]
mod tests;
