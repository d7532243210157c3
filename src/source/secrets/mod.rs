//! The content of secrets, read when the loader asks. Documents hold references only.
//!
//! - `{file: NAME}`: a file below the folder of secrets, whole
//! - `{from: NAME, key: …}`: one entry of a file with many, see [`table`]
//! - `{secret: {name, key}}`: the file `NAME/KEY` below that folder, which is how a cluster mounts a Secret
//! - `{env: PHONEOPS_SECRET_…}`: an environment variable
//!
//! Files whose names end in `.age` are decrypted ([`age`]). What was read is kept until the file changes ([`kept`]);
//! [`watch`] tells when to look again.
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
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

pub use self::{
    age::{Identities, IdentityError},
    watch::SecretsWatch,
};
use self::{
    kept::Kept,
    table::{TABLE_LIMIT, Table},
};
use super::kube::ClusterSecrets;
use crate::{
    spec::{Desired, SecretReader, SecretRef, secret_ref::ENV_PREFIX},
    wpi::Secret,
};

mod age;
mod kept;
mod table;
mod watch;

/// Longest secret, in bytes.
pub const SECRET_LIMIT: usize = 64 * 1024;
/// Most files of one secret each that are referred to.
const FILES: usize = 50_000;
/// Most files with many secrets that are referred to.
const TABLES: usize = 32;

/// Reads secrets below a folder, and from the environment.
pub struct SecretsDir {
    dir: Option<PathBuf>,
    environment: fn(&str) -> Option<OsString>,
    identities: Identities,
    cluster: Option<Arc<ClusterSecrets>>,
    files: Mutex<Kept<Secret>>,
    tables: Mutex<Kept<Table>>,
    warned: AtomicBool,
}

impl SecretsDir {
    /// Secrets below `dir` (`--secrets-dir`); without one only `{env: …}` can be read.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self {
            dir,
            environment: |name| std::env::var_os(name),
            identities: Identities::default(),
            cluster: None,
            files: Kept::new(),
            tables: Kept::new(),
            warned: AtomicBool::new(false),
        }
    }

    /// With the keys that open files encrypted with age.
    pub fn with_identities(self, identities: Identities) -> Self {
        Self { identities, ..self }
    }

    /// With the Secrets of a cluster in the place of such as are mounted.
    pub fn with_cluster(self, cluster: Arc<ClusterSecrets>) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    /// The folder.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// Begins a new look at all secrets: files that changed since the last one are read again, each once.
    pub fn begin_look(&self) {
        Kept::begin(&self.files);
        Kept::begin(&self.tables);
    }

    /// The content of a reference whose key is filled in.
    ///
    /// # Errors
    /// What is wrong and what to do, without content.
    pub fn content(&self, filled: &SecretRef) -> Result<Secret, String> {
        match filled {
            SecretRef::File(name) => self.whole_file(name),
            SecretRef::Env(name) => self.variable(name),
            SecretRef::Keyed { from, key } => self.keyed_file(from, key),
            SecretRef::Secret { name, key } => match &self.cluster {
                Some(cluster) => cluster.content(name, key),
                None => self.mounted(name, key),
            },
        }
        .map_err(|problem| format!("secret {filled}: {problem}"))
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

    /// The facts of a file; the folder, a socket or a pipe is refused, for reading it might never end.
    fn facts(&self, path: &Path) -> Result<fs::Metadata, String> {
        let metadata = fs::metadata(path).map_err(|error| refused(path, &error))?;
        if !metadata.is_file() {
            return Err(format!("{} is not a regular file", path.display()));
        }
        if metadata.permissions().mode() & 0o004 != 0 && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(file = %path.display(), "secrets: everybody on this machine may read this file; chmod 0640 it and others like it");
        }
        Ok(metadata)
    }

    /// The bytes of a file, decrypted if its name ends in `.age`, and its name without that.
    fn bytes<'p>(&self, path: &'p Path, limit: usize) -> Result<(Vec<u8>, &'p str), String> {
        let shown = path.display();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let file = File::open(path).map_err(|error| refused(path, &error))?;
        let Some(inner) = name.strip_suffix(".age") else {
            let bytes = read_at_most(file, limit, path)?;
            if age::is_age(&bytes) {
                return Err(format!("{shown} is encrypted with age; let its name end in .age"));
            }
            return Ok((bytes, name));
        };
        let sealed = read_at_most(file, age::encrypted_limit(limit), path)?;
        let bytes = age::decrypt(&sealed, &self.identities).map_err(|problem| format!("{shown}: {problem}"))?;
        if bytes.len() > limit {
            return Err(format!("{shown} has more than {limit} bytes"));
        }
        Ok((bytes, inner))
    }

    fn whole_file(&self, name: &str) -> Result<Secret, String> {
        let path = self.resolve(name)?;
        let facts = self.facts(&path)?;
        let read = || {
            let (bytes, _) = self.bytes(&path, SECRET_LIMIT)?;
            one_secret(bytes, &path.display().to_string())
        };
        Kept::get(&self.files, &path, &facts, FILES, read).map(|secret| (*secret).clone())
    }

    fn keyed_file(&self, from: &str, key: &str) -> Result<Secret, String> {
        let path = self.resolve(from)?;
        let facts = self.facts(&path)?;
        let named = |problem: String| format!("{}: {problem}", path.display());
        let read = || {
            let (bytes, name) = self.bytes(&path, TABLE_LIMIT)?;
            let table = Table::read(name, bytes).map_err(named)?;
            if let Some(warning) = table.warning() {
                tracing::warn!(file = %path.display(), "secrets: {warning}");
            }
            Ok(table)
        };
        Kept::get(&self.tables, &path, &facts, TABLES, read)?.get(key).map_err(named)
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
        self.content(&reference.filled(desired)?)
    }
}

fn refused(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}; check the rights on it", path.display())
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
