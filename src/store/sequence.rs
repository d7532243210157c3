//! The number of the last commit, noted beside the file: an older copy of the file that is put back is behind it.
//!
//! The number stands in the database too and grows with each commit that is answered. It is noted here after the
//! commit, so whatever kills the process the note is never ahead of a commit that was kept. A note that is missing or
//! cannot be read, beside a file that has a number, is no proof of anything, and counts as one that is ahead.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{folder::suffixed, note::put};

/// The note beside one database.
#[derive(Debug)]
pub(super) struct Sequence {
    file: PathBuf,
    /// Whether the last note failed, which is told once.
    failed: bool,
}

/// What is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// No note was ever made, or it is gone.
    Nothing,
    /// This number.
    Number(u64),
    /// It cannot be read.
    Unreadable,
}

impl Noted {
    /// The number, where there is one.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Nothing | Self::Unreadable => 0,
        }
    }

    /// Whether a database with this number is the one that was written last. One without a number was never written to
    /// since numbers are noted: it is new, or of an earlier phoneops.
    pub(super) fn is_met_by(self, own: Option<u64>) -> bool {
        match (self, own) {
            (Self::Number(noted), Some(own)) => own >= noted,
            (Self::Number(noted), None) => noted == 0,
            (Self::Nothing, own) => own.is_none(),
            (Self::Unreadable, _) => false,
        }
    }
}

impl Sequence {
    /// The note that stands beside this database.
    pub(super) fn beside(database: &Path) -> Self {
        Self { file: suffixed(database, ".sequence"), failed: false }
    }

    /// What is noted.
    pub(super) fn read(&self) -> Noted {
        match fs::read_to_string(&self.file) {
            Ok(text) => text.trim().parse().map_or(Noted::Unreadable, Noted::Number),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Noted::Nothing,
            Err(_) => Noted::Unreadable,
        }
    }

    /// Notes a number: whole or not at all, also when the power fails.
    pub(super) fn note(&self, number: u64) -> io::Result<()> {
        put(&self.file, &number.to_string())
    }

    /// Notes the number of a commit. One that cannot be noted is told and does not undo the commit.
    pub(super) fn follow(&mut self, number: u64) {
        let result = self.note(number);
        if let Err(error) = &result
            && !self.failed
        {
            tracing::warn!(file = %self.file.display(), %error, "the number of the last commit cannot be noted: an older copy of the store would not be known as one");
        }
        self.failed = result.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_behind_the_note_or_without_its_note_is_doubted() {
        for (noted, own, good) in [
            (Noted::Nothing, None, true),
            (Noted::Nothing, Some(4), false),
            (Noted::Number(0), None, true),
            (Noted::Number(4), None, false),
            (Noted::Number(4), Some(3), false),
            (Noted::Number(4), Some(4), true),
            (Noted::Number(4), Some(5), true),
            (Noted::Unreadable, None, false),
            (Noted::Unreadable, Some(9), false),
        ] {
            assert_eq!(noted.is_met_by(own), good, "{noted:?} {own:?}");
        }
    }

    #[test]
    fn a_number_is_read_back_and_a_spoilt_note_is_no_number() {
        let temp = tempfile::tempdir().unwrap();
        let sequence = Sequence::beside(&temp.path().join("phoneops.db"));
        assert_eq!(sequence.read(), Noted::Nothing);
        sequence.note(7).unwrap();
        sequence.note(12).unwrap();
        assert_eq!(sequence.read(), Noted::Number(12));
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
        for spoilt in ["", "12 13", "-1"] {
            fs::write(temp.path().join("phoneops.db.sequence"), spoilt).unwrap();
            assert_eq!(sequence.read(), Noted::Unreadable, "{spoilt:?}");
        }
    }
}
