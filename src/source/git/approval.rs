//! What a commit says of how many phones it may change: the trailer `Phoneops-Approved: N phones` of its message, or the
//! same line in its git note (`git notes add`), which may come after the commit.

use git2::{Commit, Oid, Repository};

const KEY: &str = "Phoneops-Approved";

/// How many phones the commit says that it may change. A note counts before the message; `notes` is the reference under
/// which the remote's notes are mirrored.
pub(super) fn of(repository: &Repository, commit: &Commit<'_>, notes: &str) -> Option<usize> {
    noted(repository, commit.id(), notes).or_else(|| in_message(&String::from_utf8_lossy(commit.message_bytes())))
}

/// What the note of a commit says.
pub(super) fn noted(repository: &Repository, commit: Oid, notes: &str) -> Option<usize> {
    let note = repository.find_note(Some(notes), commit).ok()?;
    let text = String::from_utf8_lossy(note.message_bytes()).into_owned();
    text.lines().filter_map(line).next_back()
}

fn in_message(message: &str) -> Option<usize> {
    let trailers = git2::message_trailers_strs(message).ok()?;
    let ours = trailers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(KEY));
    ours.filter_map(|(_, value)| number(value)).next_back()
}

fn line(line: &str) -> Option<usize> {
    let (key, value) = line.split_once(':')?;
    key.trim().eq_ignore_ascii_case(KEY).then(|| number(value)).flatten()
}

/// Reads `N phones`.
fn number(value: &str) -> Option<usize> {
    let (number, unit) = value.trim().split_once(' ')?;
    let number = number.parse().ok()?;
    matches!((number, unit.trim()), (1, "phone") | (_, "phones")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_is_read_and_what_only_looks_like_one_is_not() {
        let of = in_message;
        assert_eq!(of("Ring louder\n\nAsked for by ward 3.\n\nPhoneops-Approved: 400 phones\n"), Some(400));
        assert_eq!(of("Ring louder\n\nphoneops-approved: 1 phone\nSigned-off-by: Ada\n"), Some(1));
        for other in [
            "Phoneops-Approved: 400 phones",
            "x\n\nPhoneops-Approved: 400\n",
            "x\n\nPhoneops-Approved: many phones\n",
            "x\n\nPhoneops-Approved: 400 phones\n\nand more words\n",
            "x\n\nPhoneops-Approved: -1 phones\n",
        ] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
