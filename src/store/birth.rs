//! The first file of a store: whether there is really none yet, and then made whole or not at all.
//!
//! The file is made under another name and renamed when it is complete. So an empty one at its place was never left by
//! a start that died: it is what a full disk or a half restored backup leaves, and counts as damaged.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{error::StoreError, folder::suffixed};

/// Whether a store has to be made.
pub(super) fn is_missing(file: &Path) -> Result<bool, StoreError> {
    let length = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Unusable { file: path.to_owned(), detail: error.to_string() }),
    };
    let corrupt = |detail: &str| StoreError::Corrupt { file: file.to_owned(), detail: detail.to_owned() };
    let writes_beside = length(&suffixed(file, "-wal"))?.is_some_and(|bytes| bytes > 0);
    match length(file)? {
        None if writes_beside => Err(corrupt("it is gone, but writes to it stand in its -wal file")),
        None => Ok(true),
        Some(0) if writes_beside => Err(corrupt("it is empty, but writes to it stand in its -wal file")),
        Some(0) => Err(corrupt("it is empty")),
        Some(_) => Ok(false),
    }
}

/// Has a draft filled and gives it its name.
pub(super) fn make(file: &Path, make_draft: impl FnOnce(&Path) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let unusable = |error: io::Error| StoreError::Unusable { file: file.to_owned(), detail: error.to_string() };
    let draft = suffixed(file, ".new");
    remove(&draft).map_err(unusable)?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(unusable);
    let filled = made.and_then(|_| make_draft(&draft)).and_then(|()| {
        fs::rename(&draft, file).map_err(unusable)?;
        let folder = file.parent().map(File::open).transpose().map_err(unusable)?;
        folder.map_or(Ok(()), |folder| folder.sync_all()).map_err(unusable)
    });
    if filled.is_err() {
        // the error that counts is the one before
        let _ = remove(&draft);
    }
    filled
}

fn remove(draft: &Path) -> io::Result<()> {
    for side in ["", "-journal"] {
        match fs::remove_file(suffixed(draft, side)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_never_was_is_missing() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("phoneops.db");
        let wal = suffixed(&file, "-wal");
        assert!(is_missing(&file).unwrap());
        fs::write(&wal, "").unwrap();
        assert!(is_missing(&file).unwrap(), "an empty side file holds nothing");
        fs::write(&wal, "writes").unwrap();
        assert!(is_missing(&file).unwrap_err().to_string().contains("it is gone"));
        fs::write(&file, "").unwrap();
        assert!(is_missing(&file).unwrap_err().to_string().contains("it is empty, but"));
        fs::remove_file(&wal).unwrap();
        assert_eq!(is_missing(&file).unwrap_err().category(), "corrupt");
        fs::write(&file, "content").unwrap();
        assert!(!is_missing(&file).unwrap());
    }

    #[test]
    fn a_store_that_could_not_be_made_leaves_nothing_and_a_draft_of_before_is_in_nobodys_way() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("phoneops.db");
        fs::write(suffixed(&file, ".new"), "cut off").unwrap();
        let fail = |draft: &Path| Err(StoreError::Unusable { file: draft.to_owned(), detail: "disk full".into() });
        make(&file, fail).unwrap_err();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
        make(&file, |draft| {
            fs::write(draft, "whole").unwrap();
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "whole");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }
}
