//! The content of secrets, read when the loader asks. Documents hold references only.
//!
//! - `{file: NAME}`: a file below the folder of secrets, whole
//! - `{from: NAME, key: …}`: one entry of a file with many, see [`keyed`]
//! - `{secret: {name, key}}`: the file `NAME/KEY` below that folder, which is how a cluster mounts a Secret
//! - `{env: PHONEOPS_SECRET_…}`: an environment variable
//!
//! There is no way out of the folder: absolute names and `..` are refused, links are followed and must end inside it
//! (so the `..data` link of a mounted Secret works). Every error names the reference and what to do, never content.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use self::keyed::KeyedFiles;
use crate::{
    spec::{Desired, SecretReader, SecretRef, secret_ref::ENV_PREFIX},
    wpi::Secret,
};

mod keyed;

/// Longest secret, in bytes.
pub const SECRET_LIMIT: usize = 64 * 1024;

/// Reads secrets below a folder, and from the environment.
pub struct SecretsDir {
    dir: Option<PathBuf>,
    environment: fn(&str) -> Option<OsString>,
    keyed: KeyedFiles,
    warned: AtomicBool,
}

impl SecretsDir {
    /// Secrets below `dir` (`--secrets-dir`); without one only `{env: …}` can be read.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self {
            dir,
            environment: |name| std::env::var_os(name),
            keyed: KeyedFiles::default(),
            warned: AtomicBool::new(false),
        }
    }

    /// The real path of a file below the folder.
    fn resolve(&self, name: &str) -> Result<PathBuf, String> {
        let dir = self.dir.as_ref().ok_or("there is no folder of secrets; start phoneops with --secrets-dir")?;
        let mut parts = Path::new(name).components().peekable();
        if parts.peek().is_none() || !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Err(
                "the name must be that of a file inside --secrets-dir, without `..` and a leading `/`".to_owned()
            );
        }
        let root =
            fs::canonicalize(dir).map_err(|error| format!("cannot open --secrets-dir {}: {error}", dir.display()))?;
        let path = root.join(name);
        let real = fs::canonicalize(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no file {}; create it", path.display()),
            _ => format!("cannot open {}: {error}", path.display()),
        })?;
        if !real.starts_with(&root) {
            return Err(format!("{} leads out of --secrets-dir; put the file itself there", path.display()));
        }
        Ok(real)
    }

    /// Opens a file for reading; the folder, a socket or a pipe is refused, for it might never end.
    fn open(&self, path: &Path) -> Result<(File, fs::Metadata), String> {
        let refused = |error: io::Error| format!("cannot read {}: {error}; check the rights on it", path.display());
        if !fs::metadata(path).map_err(refused)?.is_file() {
            return Err(format!("{} is not a regular file", path.display()));
        }
        let file = File::open(path).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        if metadata.permissions().mode() & 0o004 != 0 && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(file = %path.display(), "secrets: everybody on this machine may read this file; chmod 0640 it and others like it");
        }
        Ok((file, metadata))
    }

    fn whole_file(&self, name: &str) -> Result<Secret, String> {
        let path = self.resolve(name)?;
        let (file, _) = self.open(&path)?;
        let bytes = read_at_most(file, SECRET_LIMIT, &path)?;
        one_secret(bytes, &path.display().to_string())
    }

    fn keyed_file(&self, from: &str, key: &str) -> Result<Secret, String> {
        let path = self.resolve(from)?;
        let (file, metadata) = self.open(&path)?;
        self.keyed.get(&path, file, &metadata, key)
    }

    fn mounted(&self, name: &str, key: &str) -> Result<Secret, String> {
        let plain = |part: &str| !part.is_empty() && !part.contains('/') && part != "." && part != "..";
        if !plain(name) || !plain(key) {
            return Err("name and key must be single words".to_owned());
        }
        self.whole_file(&format!("{name}/{key}"))
    }

    fn variable(&self, name: &str) -> Result<Secret, String> {
        if !name.starts_with(ENV_PREFIX) {
            return Err(format!("the name of the variable must begin with {ENV_PREFIX}"));
        }
        let value = (self.environment)(name).ok_or("this variable is not set; set it where phoneops is started")?;
        let what = format!("the variable {name}");
        if value.len() > SECRET_LIMIT {
            return Err(format!("{what} has more than {SECRET_LIMIT} bytes"));
        }
        one_secret(value.into_encoded_bytes(), &what)
    }
}

impl fmt::Debug for SecretsDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsDir").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl SecretReader for SecretsDir {
    fn read(&self, reference: &SecretRef, desired: &Desired) -> Result<Secret, String> {
        let filled = reference.filled(desired)?;
        let content = match &filled {
            SecretRef::File(name) => self.whole_file(name),
            SecretRef::Env(name) => self.variable(name),
            SecretRef::Keyed { from, key } => self.keyed_file(from, key),
            SecretRef::Secret { name, key } => self.mounted(name, key),
        };
        content.map_err(|problem| format!("secret {reference}: {problem}"))
    }
}

fn read_at_most(file: File, limit: usize, path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if bytes.len() > limit {
        return Err(format!("{} has more than {limit} bytes", path.display()));
    }
    Ok(bytes)
}

/// Text without one line break at its end.
fn one_secret(bytes: Vec<u8>, what: &str) -> Result<Secret, String> {
    let text =
        String::from_utf8(bytes).map_err(|_| format!("{what} is not UTF-8 text; write binary values as base64"))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests;
