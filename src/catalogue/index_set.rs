//! Which indexes an item takes (column `index`): none, any, or ranges such as `1..9;301..312;4002`.

use std::{fmt, str::FromStr};

use crate::wpi::Index;

/// Most ranges one item may have.
pub const RANGE_LIMIT: usize = 64;

/// The indexes of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexSet {
    /// It is written without an index.
    None,
    /// It is indexed, the range is not known (`*`).
    Any,
    /// First and last index of each range.
    Ranges(Box<[(u32, u32)]>),
}

impl IndexSet {
    /// Whether this index, or none, fits. Index 0 and no index differ.
    pub fn allows(&self, index: Option<Index>) -> bool {
        match (self, index) {
            (Self::None, None) | (Self::Any, Some(_)) => true,
            (Self::Ranges(ranges), Some(Index(index))) => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&index))
            }
            (Self::None, Some(_)) | (Self::Any | Self::Ranges(_), None) => false,
        }
    }
}

impl FromStr for IndexSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => return Ok(Self::None),
            "*" => return Ok(Self::Any),
            _ => {}
        }
        let ranges: Vec<_> = text.split(';').take(RANGE_LIMIT + 1).map(range).collect::<Result<_, _>>()?;
        if ranges.len() > RANGE_LIMIT {
            return Err(format!("more than {RANGE_LIMIT} ranges"));
        }
        Ok(Self::Ranges(ranges.into()))
    }
}

fn range(text: &str) -> Result<(u32, u32), String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("{text:?} is not an index; write ranges like 1..9;301..312, one number, * or nothing")),
    }
}

impl fmt::Display for IndexSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Any => f.write_str("any"),
            Self::Ranges(ranges) => ranges.iter().enumerate().try_for_each(|(position, (first, last))| {
                let comma = if position == 0 { "" } else { ", " };
                if first == last { write!(f, "{comma}{first}") } else { write!(f, "{comma}{first}..{last}") }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_single_numbers_any_and_none_are_read() {
        let set: IndexSet = "1..9;301..312;4002".parse().unwrap();
        assert!(set.allows(Some(Index(9))) && set.allows(Some(Index(301))) && set.allows(Some(Index(4002))));
        assert!(!set.allows(Some(Index(10))) && !set.allows(Some(Index(0))) && !set.allows(None));
        assert_eq!(set.to_string(), "1..9, 301..312, 4002");
        let any: IndexSet = "*".parse().unwrap();
        assert!(any.allows(Some(Index(0))) && !any.allows(None));
    }

    #[test]
    fn index_zero_is_not_the_same_as_none() {
        let none: IndexSet = "".parse().unwrap();
        assert!(none.allows(None) && !none.allows(Some(Index(0))));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["9..1", "a", "1..", "1;;2", "-1", "1..2..3"] {
            assert!(text.parse::<IndexSet>().is_err(), "{text}");
        }
        assert!(vec!["1"; RANGE_LIMIT + 1].join(";").parse::<IndexSet>().is_err());
    }
}
