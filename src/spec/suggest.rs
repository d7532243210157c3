//! "Did you mean": the known word that is closest to an unknown one.

/// Bytes of the longest letter, and some for letters whose lower case is longer.
const LONGEST_LETTER: usize = 8;

/// The closest of `known` to `word`, if it is close enough to be a slip of the finger.
pub(super) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter_map(|known| distance(&lower, &known.to_lowercase(), limit).map(|distance| (distance, known)))
        .min()
        .map(|(_, known)| known)
}

/// The suggestion as the end of a sentence, or nothing.
pub(super) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    closest(word, known).map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}

/// The known word that is one slip away: one letter put in, taken out, changed or swapped, or other capitals.
pub(super) fn slip<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const SHORTEST: usize = 3;
    if word.chars().count() < SHORTEST {
        return None;
    }
    let lower = word.to_lowercase();
    let is_near = |known: &&str| {
        known.len().abs_diff(word.len()) <= LONGEST_LETTER && distance(&lower, &known.to_lowercase(), 1).is_some()
    };
    known.into_iter().find(is_near)
}

/// How many letters have to be put in, taken out, changed or swapped with their neighbour; `None` above the limit.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, letter) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, column) + usize::from(letter != other);
            let mut cost = changed.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let swapped = row > 0 && column > 0 && a.get(row - 1) == Some(other) && b.get(column - 1) == Some(letter);
            if swapped {
                cost = cost.min(at(&before_last, column - 1) + 1);
            }
            current.push(cost);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(closest("polcy", ["policy", "profiles"]), Some("policy"));
        assert_eq!(closest("Items", ["items", "seed"]), Some("items"));
        assert_eq!(closest("sntp-adrr", ["sntp-addr", "sip-name"]), Some("sntp-addr"));
        assert_eq!(closest("untill", ["site"]), None);
        assert_eq!(closest("x", ["y"]), None);
    }

    #[test]
    fn one_slip_is_one_letter_or_two_that_changed_places() {
        for slip_of_it in ["sntp-adr", "sntp-adddr", "sntp-bddr", "sntp-adrd", "SNTP-Addr"] {
            assert_eq!(slip(slip_of_it, ["realm", "sntp-addr"]), Some("sntp-addr"), "{slip_of_it}");
        }
        for other in ["sntp-ad", "sntp-address", "stnp-adr", "ab"] {
            assert_eq!(slip(other, ["realm", "sntp-addr", "abc"]), None, "{other}");
        }
    }
}
