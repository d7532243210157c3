//! The key of fingerprints: made at the first start, or given.
//!
//! 32 random bytes as 64 hex digits, readable for nobody else. A key that is given is never made: one that is missing
//! is an error, so that a mount that failed does not become a new key. The own one is made anew when it is lost; then
//! the fingerprints of the old one are void, and what was written is assumed (promise 8).

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::folder::suffixed;
use crate::fleet::fingerprint::{FingerprintKey, to_hex, unhex};

/// Name of the file in the state folder.
pub const KEY_NAME: &str = "fingerprint.key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or made.
    #[error("fingerprint key {}: {source}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it.
    #[error("fingerprint key {} can be read by others (mode {mode:o}); make it private with chmod 600", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds something else.
    #[error("fingerprint key {} does not hold 64 hex digits, such as `openssl rand -hex 32` makes; put the key back, or \
        move the file away to begin with a new one (no secret is written because of it)", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
}

impl KeyError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unusable { .. } => "key-unusable",
            Self::Open { .. } => "key-open",
            Self::NoKey { .. } => "key-spoilt",
        }
    }
}

/// The key of `given`, or that of the state folder, made when it is missing. `random` fills in new bytes. To be called
/// while the folder is locked.
pub fn fingerprint_key(
    state_folder: &Path,
    given: Option<&Path>,
    random: impl FnOnce(&mut [u8; 32]) -> io::Result<()>,
) -> Result<FingerprintKey, KeyError> {
    if let Some(file) = given {
        return read(file);
    }
    let file = state_folder.join(KEY_NAME);
    match read(&file) {
        Err(KeyError::Unusable { source, .. }) if source.kind() == io::ErrorKind::NotFound => make(&file, random),
        result => result,
    }
}

fn read(file: &Path) -> Result<FingerprintKey, KeyError> {
    let unusable = |source| KeyError::Unusable { file: file.to_owned(), source };
    let open = fs::File::open(file).map_err(unusable)?;
    let mode = open.metadata().map_err(unusable)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { file: file.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    open.take(256).read_to_end(&mut bytes).map_err(unusable)?;
    let digits = std::str::from_utf8(&bytes).ok().and_then(|text| unhex(text.trim()));
    digits.map(|bytes| FingerprintKey::new(&bytes)).ok_or_else(|| KeyError::NoKey { file: file.to_owned() })
}

fn make(file: &Path, random: impl FnOnce(&mut [u8; 32]) -> io::Result<()>) -> Result<FingerprintKey, KeyError> {
    let mut bytes = [0; 32];
    let draft = suffixed(file, ".new");
    let made = random(&mut bytes).and_then(|()| {
        let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        writeln!(open, "{}", to_hex(&bytes))?;
        open.sync_all()?;
        fs::rename(&draft, file)
    });
    made.map_err(|source| KeyError::Unusable { file: file.to_owned(), source })?;
    read(file)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    fn filled(with: u8) -> impl FnOnce(&mut [u8; 32]) -> io::Result<()> {
        move |bytes| {
            bytes.fill(with);
            Ok(())
        }
    }

    #[test]
    fn a_key_is_made_once_and_private() {
        let temp = tempfile::tempdir().unwrap();
        let made = fingerprint_key(temp.path(), None, filled(7)).unwrap();
        let file = temp.path().join(KEY_NAME);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let again = fingerprint_key(temp.path(), None, filled(8)).unwrap();
        assert_eq!(again.id(), made.id());
        fs::remove_file(&file).unwrap();
        assert_ne!(fingerprint_key(temp.path(), None, filled(8)).unwrap().id(), made.id());
    }

    #[test]
    fn a_given_key_is_never_made_and_must_be_private() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("given");
        let given = || fingerprint_key(temp.path(), Some(&file), filled(1));
        assert_eq!(given().unwrap_err().category(), "key-unusable");
        fs::write(&file, "ab".repeat(32)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        let error = given().unwrap_err();
        assert_eq!(error.category(), "key-open");
        assert!(error.to_string().contains("mode 640"), "{error}");
        fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
        assert_eq!(given().unwrap().id(), FingerprintKey::new(&[0xAB; 32]).id());
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "no other key was made");
    }

    #[test]
    fn a_spoilt_key_is_an_error_that_shows_nothing_of_it() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join(KEY_NAME);
        for spoilt in ["", "abcd", &"xy".repeat(32), &"ab".repeat(33)] {
            fs::write(&file, spoilt).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            let error = fingerprint_key(temp.path(), None, filled(1)).unwrap_err();
            assert_eq!(error.category(), "key-spoilt");
            assert!(spoilt.is_empty() || !error.to_string().contains(spoilt));
            assert_eq!(fs::read_to_string(&file).unwrap(), spoilt, "it is left as it is");
        }
    }
}
