//! Ranges of call numbers, as sites and owners have them. Numbers are compared by their digits.

use std::fmt;

use smol_str::SmolStr;

/// Longest number: far more than any network carries.
const DIGITS: usize = 40;

/// A block of call numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRange {
    first: SmolStr,
    /// The last number of the block; `None` = all that begin with the first.
    last: Option<SmolStr>,
}

/// How ranges are written, for messages.
const FORMS: &str = "write it as \"4930123000-4930123999\" (as many digits on both sides, the smaller first), \"49301239*\" (all that begin so) or \"4930123456\", in digits without `+`";

impl NumberRange {
    /// Reads `first-last`, `begin*` or one number.
    ///
    /// # Errors
    /// How a range is written.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let number = |text: &str| {
            let good = (1..=DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            good.then(|| SmolStr::new(text))
        };
        let range = if let Some(begin) = text.strip_suffix('*') {
            number(begin).map(|first| Self { first, last: None })
        } else {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let both = number(first).zip(number(last));
            both.filter(|(first, last)| first.len() == last.len() && first <= last)
                .map(|(first, last)| Self { first, last: Some(last) })
        };
        range.ok_or(FORMS)
    }

    /// Whether a number, given by its digits, lies in it.
    pub fn contains(&self, digits: &str) -> bool {
        match &self.last {
            None => digits.starts_with(self.first.as_str()),
            // as long as each other, so the order of texts is that of numbers
            Some(last) => digits.len() == last.len() && (self.first.as_str()..=last.as_str()).contains(&digits),
        }
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last {
            None => write!(f, "{}*", self.first),
            Some(last) if *last == self.first => f.write_str(last),
            Some(last) => write!(f, "{}-{last}", self.first),
        }
    }
}

/// The digits of a call number; `None` where there is no number (R-1203 has `NULL` for that).
pub(super) fn digits(text: &str) -> Option<SmolStr> {
    let digits: SmolStr = text.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// The ranges as the end of a sentence, few of them.
pub(super) fn listed(ranges: &[NumberRange]) -> String {
    const NAMED: usize = 5;
    let mut names: Vec<String> = ranges.iter().take(NAMED).map(ToString::to_string).collect();
    if ranges.len() > NAMED {
        names.push(format!("{} more", ranges.len() - NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_block_a_beginning_or_one_number() {
        let range = |text| NumberRange::new(text).unwrap();
        let block = range("4930123000-4930123999");
        assert!(block.contains("4930123000") && block.contains("4930123999") && block.contains("4930123456"));
        assert!(!block.contains("4930124000") && !block.contains("49301235") && !block.contains("49301234560"));
        let begin = range("49301239*");
        assert!(begin.contains("49301239") && begin.contains("4930123999") && !begin.contains("4930123899"));
        assert!(range("110").contains("110") && !range("110").contains("1100"));
        for text in ["4930123000-4930123999", "49301239*", "110"] {
            assert_eq!(range(text).to_string(), text);
        }
        for bad in ["", "*", "+49*", "49-", "-49", "4930-493", "50-49", "49 30", "49a", "4*9", &"1".repeat(41)] {
            assert!(NumberRange::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_compared_by_their_digits() {
        assert_eq!(digits("+49 (30) 123-4").as_deref(), Some("49301234"));
        assert_eq!(digits("NULL"), None);
        assert_eq!(digits(""), None);
    }
}
