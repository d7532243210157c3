//! Paths become one set of files. Files are named as people typed them, so that editors and CI find them.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::{IntoDiagnostic, WrapErr, miette};

use crate::{
    source::{
        collect::{MAX_FILE_BYTES, MAX_FILES, OVERLAY},
        dir::read_folder,
    },
    spec::{FileContent, Revision, Snapshot, SourceFile},
};

/// All files to check.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The files.
    pub(super) snapshot: Snapshot,
    /// Where the overlay of the catalogue stands, if there is one.
    overlay: Option<Arc<str>>,
}

impl Gathered {
    /// The name people know a file by.
    pub(super) fn shown<'f>(&'f self, file: &'f str) -> &'f str {
        match &self.overlay {
            Some(overlay) if file == OVERLAY => overlay,
            _ => file,
        }
    }

    /// The texts of the files that are text.
    pub(super) fn texts(&self) -> HashMap<&str, &str> {
        self.snapshot.files.iter().filter_map(text_of).collect()
    }
}

fn text_of(file: &SourceFile) -> Option<(&str, &str)> {
    match &file.content {
        FileContent::Bytes(bytes) => Some((&*file.path, std::str::from_utf8(bytes).ok()?)),
        _ => None,
    }
}

/// Reads all paths.
pub(super) fn gather(paths: &[PathBuf]) -> miette::Result<Gathered> {
    let mut files: Vec<SourceFile> = Vec::new();
    let mut overlay: Option<Arc<str>> = None;
    for path in paths {
        let metadata =
            std::fs::metadata(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))?;
        let found = if metadata.is_dir() {
            let prefix = prefix(path);
            let folder = read_folder(path).into_diagnostic()?.files;
            folder.into_iter().map(|file| (Arc::from(format!("{prefix}{}", file.path)), file)).collect()
        } else {
            vec![one_file(path)?]
        };
        for (shown, mut file) in found {
            if *file.path == *OVERLAY {
                if let Some(first) = overlay.as_ref().filter(|first| **first != shown) {
                    return Err(miette!(
                        "there are two overlays of the catalogue, {first} and {shown}; check one folder at a time"
                    ));
                }
                overlay = Some(shown);
            } else {
                file.path = shown;
            }
            files.push(file);
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    if files.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(miette!("there is no *.yaml or *.yml file in {}", names.join(", ")));
    }
    if files.len() > MAX_FILES {
        return Err(miette!("there are more than {MAX_FILES} files; check fewer folders at a time"));
    }
    let snapshot = Snapshot { revision: Revision::new("files"), commit: None, files };
    Ok(Gathered { snapshot, overlay })
}

/// A file that was named itself is read whatever its ending.
fn one_file(path: &Path) -> miette::Result<(Arc<str>, SourceFile)> {
    let failed = || format!("cannot read {}", path.display());
    let file = File::open(path).into_diagnostic().wrap_err_with(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).into_diagnostic().wrap_err_with(failed)?;
    let size = bytes.len() as u64;
    let content = if size > MAX_FILE_BYTES {
        FileContent::TooLarge(path.metadata().map_or(size, |metadata| metadata.len().max(size)))
    } else {
        FileContent::Bytes(bytes.into())
    };
    let shown: Arc<str> = Arc::from(tidy(path));
    let is_overlay = path.file_name().is_some_and(|name| name == OVERLAY);
    let path = if is_overlay { Arc::from(OVERLAY) } else { shown.clone() };
    Ok((shown, SourceFile { path, content }))
}

/// What stands before the names of a folder's files.
fn prefix(folder: &Path) -> String {
    match tidy(folder).trim_end_matches('/') {
        "" if folder.is_absolute() => "/".to_owned(),
        "" | "." => String::new(),
        name => format!("{name}/"),
    }
}

fn tidy(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}
