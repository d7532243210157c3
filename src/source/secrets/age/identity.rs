//! The private keys that open age files: lines `AGE-SECRET-KEY-1…`, as `age-keygen` writes them.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use openssl::pkey::{Id, PKey, Private};

/// Longest identity file, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;
/// Most keys.
const KEY_LIMIT: usize = 20;
const LETTERS: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const PREFIX: &[u8] = b"age-secret-key-";

/// An identity file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--age-identity {}: {problem}", .file.display())]
pub struct IdentityError {
    file: PathBuf,
    problem: String,
}

/// Private keys; they never show.
#[derive(Clone, Default)]
pub struct Identities(Vec<PKey<Private>>);

impl Identities {
    /// Reads the keys of a file, which is looked at once.
    ///
    /// # Errors
    /// The file, and the line that is no key; never what stands there.
    pub fn read(file: &Path) -> Result<Self, IdentityError> {
        let failed = |problem: String| IdentityError { file: file.to_owned(), problem };
        let refused = |error: std::io::Error| failed(error.to_string());
        let metadata = fs::metadata(file).map_err(refused)?;
        if !metadata.is_file() || metadata.len() > FILE_LIMIT {
            return Err(failed("it is not a file with the keys that age-keygen writes".to_owned()));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            tracing::warn!(file = %file.display(), "secrets: others on this machine may read this key; chmod 0600 it");
        }
        let text = fs::read_to_string(file).map_err(refused)?;
        Self::parse(&text).map_err(failed)
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = key(line).ok_or_else(|| {
                format!("line {number} is no key of the form AGE-SECRET-KEY-1…; keys of SSH and plugins are not read")
            })?;
            keys.push(key);
            if keys.len() > KEY_LIMIT {
                return Err(format!("it has more than {KEY_LIMIT} keys"));
            }
        }
        if keys.is_empty() {
            return Err("it has no key; age-keygen makes one".to_owned());
        }
        Ok(Self(keys))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &PKey<Private>> {
        self.0.iter()
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

/// Bech32 with the prefix of age's private keys.
fn key(line: &str) -> Option<PKey<Private>> {
    let is_one_case = line == line.to_ascii_uppercase() || line == line.to_ascii_lowercase();
    let line = line.to_ascii_lowercase();
    let rest = line.as_bytes().strip_prefix(PREFIX)?.strip_prefix(b"1").filter(|_| is_one_case)?;
    let digits: Vec<u8> = rest
        .iter()
        .map(|letter| LETTERS.iter().position(|known| known == letter)?.try_into().ok())
        .collect::<Option<_>>()?;
    let high = PREFIX.iter().map(|byte| byte >> 5);
    let low = PREFIX.iter().map(|byte| byte & 31);
    if checksum(high.chain([0]).chain(low).chain(digits.iter().copied())) != 1 {
        return None;
    }
    let content = digits.get(..digits.len().checked_sub(6)?)?;
    let mut bytes = Vec::with_capacity(32);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in content {
        bits = (bits << 5 | u32::from(*digit)) & 0xffff;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    let is_whole = count < 5 && bits & ((1 << count) - 1) == 0;
    PKey::private_key_from_raw_bytes(&bytes, Id::X25519).ok().filter(|_| is_whole && bytes.len() == 32)
}

fn checksum(digits: impl Iterator<Item = u8>) -> u32 {
    const STEPS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    digits.fold(1, |sum, digit| {
        let top = sum >> 25;
        let shifted = (sum & 0x01ff_ffff) << 5 ^ u32::from(digit);
        STEPS.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(shifted, |sum, (_, step)| sum ^ step)
    })
}
