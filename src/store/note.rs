//! Small notes beside the database: a line each, whole or not at all, also when the power fails.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::folder::suffixed;

/// Puts this line into the file in place of what it held.
pub(super) fn put(file: &Path, line: &str) -> io::Result<()> {
    let draft = suffixed(file, ".new");
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(out, "{line}")?;
    out.sync_data()?;
    fs::rename(&draft, file)
}
