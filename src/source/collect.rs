//! Which files of a tree count, and the bounds on one revision. One rule for git and folders.

use std::sync::Arc;

use crate::spec::{FileContent, SourceFile};

/// Most files of one revision.
pub const MAX_FILES: usize = 20_000;
/// Most bytes of all files of one revision together.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Most bytes of one file; a larger one is reported, not read.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Most entries looked at, whatever they are.
pub const MAX_ENTRIES: usize = 500_000;
/// Most folders inside one another.
pub const MAX_DEPTH: usize = 64;

/// The catalogue's overlay, at the root only.
pub const OVERLAY: &str = "catalogue.csv";

/// Whether a file of that name is read: `*.yaml`, `*.yml`, and the overlay where `at_root`.
pub fn is_wanted(name: &str, at_root: bool) -> bool {
    let yaml = name.rsplit_once('.').is_some_and(|(_, ending)| ending == "yaml" || ending == "yml");
    yaml || (at_root && name == OVERLAY)
}

/// Whether a name is left out, with all that is below it: tools keep their own YAML in such files and folders.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

/// The path of an entry of a folder; the root is an empty text.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Gathers the files of one revision within the bounds; an error names the bound that was hit.
#[derive(Debug, Default)]
pub(super) struct Collector {
    files: Vec<SourceFile>,
    bytes: u64,
    entries: usize,
}

impl Collector {
    /// Counts an entry that is looked at, `depth` folders below the root.
    pub(super) fn visit(&mut self, depth: usize) -> Result<(), String> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} entries"));
        }
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} folders inside one another"));
        }
        Ok(())
    }

    /// Takes a file over.
    pub(super) fn add(&mut self, path: &str, content: FileContent) -> Result<(), String> {
        if self.files.len() >= MAX_FILES {
            return Err(format!("more than {MAX_FILES} files of YAML"));
        }
        if let FileContent::Bytes(bytes) = &content {
            self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        }
        if self.bytes > MAX_BYTES {
            return Err(format!("more than {} MiB of YAML", MAX_BYTES / 1024 / 1024));
        }
        self.files.push(SourceFile { path: Arc::from(path), content });
        Ok(())
    }

    /// The files, sorted by path.
    pub(super) fn finish(mut self) -> Vec<SourceFile> {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yaml_and_the_overlay_at_the_root_are_read() {
        for (name, at_root, wanted) in [
            ("phones.yaml", false, true),
            ("phones.yml", true, true),
            ("catalogue.csv", true, true),
            ("catalogue.csv", false, false),
            ("README.md", true, false),
            ("yaml", true, false),
            ("phones.yaml~", true, false),
            ("phones.YAML", true, false),
        ] {
            assert_eq!(is_wanted(name, at_root), wanted, "{name}");
        }
    }

    #[test]
    fn each_bound_ends_the_collection_with_its_own_words() {
        let mut files = Collector::default();
        let empty: Arc<[u8]> = Arc::from([]);
        for number in 0..MAX_FILES {
            files.add(&number.to_string(), FileContent::Bytes(Arc::clone(&empty))).unwrap();
        }
        assert_eq!(files.add("one", FileContent::Bytes(empty)).unwrap_err(), "more than 20000 files of YAML");

        let mut bytes = Collector::default();
        let mebibyte: Arc<[u8]> = Arc::from(vec![b' '; 1024 * 1024]);
        for number in 0..64 {
            bytes.add(&number.to_string(), FileContent::Bytes(Arc::clone(&mebibyte))).unwrap();
        }
        assert_eq!(bytes.add("one", FileContent::Bytes(mebibyte)).unwrap_err(), "more than 64 MiB of YAML");

        let mut entries = Collector::default();
        assert_eq!(entries.visit(65).unwrap_err(), "more than 64 folders inside one another");
        assert!((0..MAX_ENTRIES).any(|_| entries.visit(1).is_err()));
    }
}
