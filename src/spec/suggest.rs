//! "Did you mean": the known word that is closest to an unknown one.

use std::collections::HashMap;

/// The closest of `known` to `word`, if it is close enough to be a slip of the finger.
pub(super) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = slips(word.chars().count());
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter_map(|known| distance(&lower, &known.to_lowercase(), limit).map(|distance| (distance, known)))
        .min()
        .map(|(_, known)| known)
}

/// The known words that are closest to an unknown one, the closest first: such as are close enough to be a slip of the
/// finger, and such as begin like it.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>, most: usize) -> Vec<String> {
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    let limit = slips(length);
    let near = |known: &'k str| {
        let known_lower = known.to_lowercase();
        let begins = length >= BEGINNING && known_lower.starts_with(&lower);
        distance(&lower, &known_lower, limit).or_else(|| begins.then_some(limit + 1)).map(|distance| (distance, known))
    };
    let mut found: Vec<(usize, &str)> = known.into_iter().filter_map(near).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(most).map(|(_, known)| known.to_owned()).collect()
}

/// Fewest letters that are taken for the beginning of a word.
const BEGINNING: usize = 3;

/// How many slips a word of that many letters may have.
fn slips(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// The suggestion as the end of a sentence, or nothing.
pub(super) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    closest(word, known).map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}

/// Words by what is left when one letter is taken out, so that a slip is found without looking at each of them:
/// documents may be full of names that nobody knows.
#[derive(Debug, Default)]
pub(super) struct Slips<'k> {
    by_rest: HashMap<String, Vec<&'k str>>,
}

/// Shortest and longest word that is looked at.
const SLIP_LENGTHS: std::ops::RangeInclusive<usize> = 3..=100;

impl<'k> Slips<'k> {
    /// Of these words; of two equally close ones the first is meant.
    pub(super) fn new(known: impl IntoIterator<Item = &'k str>) -> Self {
        let mut slips = Self::default();
        for word in known.into_iter().filter(|word| SLIP_LENGTHS.contains(&word.len())) {
            for rest in rests(&word.to_lowercase()) {
                slips.by_rest.entry(rest).or_default().push(word);
            }
        }
        slips
    }

    /// The known word that is one slip away: one letter put in, taken out, changed or swapped, or other capitals.
    pub(super) fn of(&self, word: &str) -> Option<&'k str> {
        if !SLIP_LENGTHS.contains(&word.len()) {
            return None;
        }
        let lower = word.to_lowercase();
        let near = rests(&lower).filter_map(|rest| self.by_rest.get(&rest)).flatten();
        near.copied().find(|known| distance(&lower, &known.to_lowercase(), 1).is_some())
    }
}

/// The word, and the word without each of its letters.
fn rests(word: &str) -> impl Iterator<Item = String> {
    let without = word.char_indices().map(|(at, letter)| {
        let (before, rest) = word.split_at(at);
        format!("{before}{}", rest.strip_prefix(letter).unwrap_or(rest))
    });
    std::iter::once(word.to_owned()).chain(without)
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_slip_is_what_is_at_most_one_letter_away(known in "[abc]{3,6}", word in "[abc]{3,6}") {
            let near = distance(&word, &known, 1).is_some();
            prop_assert_eq!(Slips::new([known.as_str()]).of(&word).is_some(), near, "{} {}", known, word);
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(closest("polcy", ["policy", "profiles"]), Some("policy"));
        assert_eq!(closest("Items", ["items", "seed"]), Some("items"));
        assert_eq!(closest("sntp-adrr", ["sntp-addr", "sip-name"]), Some("sntp-addr"));
        assert_eq!(closest("untill", ["site"]), None);
        assert_eq!(closest("x", ["y"]), None);
    }

    #[test]
    fn the_nearest_words_come_first_and_those_that_begin_so_last() {
        let known = ["reception-2", "reception", "recaption", "ward"];
        assert_eq!(nearest("recpetion", known, 3), ["reception", "recaption"]);
        assert_eq!(nearest("rec", known, 2), ["recaption", "reception"]);
        assert_eq!(nearest("nobody", known, 3), Vec::<String>::new());
    }

    #[test]
    fn one_slip_is_one_letter_or_two_that_changed_places() {
        let slips = Slips::new(["realm", "sntp-addr", "abc"]);
        for slip in ["sntp-adr", "sntp-adddr", "sntp-bddr", "sntp-adrd", "SNTP-Addr", "ntp-addr", "sntp-addrü"] {
            assert_eq!(slips.of(slip), Some("sntp-addr"), "{slip}");
        }
        for other in ["sntp-ad", "sntp-address", "stnp-adr", "ab", "", &"a".repeat(1000)] {
            assert_eq!(slips.of(other), None, "{other}");
        }
    }
}
