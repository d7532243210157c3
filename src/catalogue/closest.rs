//! The name a person may have meant: the known one with the fewest typing errors.

/// Most typing errors that are forgiven; one in names shorter than [`SHORT`].
const FORGIVEN: usize = 2;
const SHORT: usize = 6;

/// The known name closest to `name`, which is not among them: one that differs in case only, else one with at most
/// two letters inserted, left out or changed. The first of equally close ones.
pub(super) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if let Some(found) = known.clone().find(|other| other.eq_ignore_ascii_case(name)) {
        return Some(found);
    }
    let forgiven = if name.len() < SHORT { 1 } else { FORGIVEN };
    known
        .filter(|other| other.len().abs_diff(name.len()) <= forgiven)
        .map(|other| (distance(name.as_bytes(), other.as_bytes()), other))
        .filter(|(errors, _)| *errors <= forgiven)
        .min_by_key(|(errors, _)| *errors)
        .map(|(_, other)| other)
}

/// Levenshtein's distance in bytes, one row at a time.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, from) in a.iter().enumerate() {
        let mut left = line + 1;
        let mut diagonal = line;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (to, above) in b.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(from != to)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["dhcp", "enable-WBM", "sntp-addr", "sntp-addr-backup"];

    fn meant(name: &str) -> Option<&'static str> {
        closest(name, KNOWN.into_iter())
    }

    #[test]
    fn a_slip_of_the_keyboard_is_forgiven() {
        assert_eq!(meant("sntp-adr"), Some("sntp-addr"));
        assert_eq!(meant("stnp-addr"), Some("sntp-addr"));
        assert_eq!(meant("enable-wbm"), Some("enable-WBM"));
        assert_eq!(meant("dhp"), Some("dhcp"));
    }

    #[test]
    fn another_word_is_not() {
        assert_eq!(meant("dncs"), None);
        assert_eq!(meant("ringer-volume"), None);
        assert_eq!(meant(""), None);
    }

    #[test]
    fn distances_count_insertions_omissions_and_changes() {
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"abc", b"abc"), 0);
    }
}
