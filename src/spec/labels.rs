//! Labels of documents. They select and never decide.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Labels, sorted by key, each key once; in one block, as each phone has its own few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "BTreeMap<SmolStr, SmolStr>", into = "BTreeMap<SmolStr, SmolStr>")]
#[schemars(with = "BTreeMap<String, String>")]
pub struct Labels(Box<[(SmolStr, SmolStr)]>);

impl Labels {
    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Reads a selector, `key=value,key=value`; `None` when it is none.
    pub fn selector(text: &str) -> Option<Self> {
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            let (key, value) = (key.trim(), value.trim());
            (!key.is_empty()).then(|| (SmolStr::new(key), SmolStr::new(value)))
        };
        text.split(',').map(pair).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of these are among them.
    pub fn have(&self, wanted: &Self) -> bool {
        wanted.iter().all(|label| self.iter().any(|own| own == label))
    }

    /// As a map, for what people are shown.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.iter().enumerate() {
            write!(f, "{}{key}={value}", if number > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl<K: Into<SmolStr>, V: Into<SmolStr>> FromIterator<(K, V)> for Labels {
    /// Of two labels with one key the later wins.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(labels: I) -> Self {
        labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect::<BTreeMap<_, _>>().into()
    }
}

impl From<BTreeMap<SmolStr, SmolStr>> for Labels {
    fn from(labels: BTreeMap<SmolStr, SmolStr>) -> Self {
        Self(labels.into_iter().collect())
    }
}

impl<K: Into<SmolStr>, V: Into<SmolStr>, const N: usize> From<[(K, V); N]> for Labels {
    fn from(labels: [(K, V); N]) -> Self {
        labels.into_iter().collect()
    }
}

impl From<Labels> for BTreeMap<SmolStr, SmolStr> {
    fn from(labels: Labels) -> Self {
        labels.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_pairs_and_all_of_them_count() {
        let wanted = Labels::selector("ward=3, floor=1").unwrap();
        assert_eq!(wanted, Labels::from([("ward", "3"), ("floor", "1")]));
        assert_eq!(wanted.to_string(), "floor=1,ward=3");
        assert!(Labels::from([("ward", "3"), ("floor", "1"), ("room", "7")]).have(&wanted));
        assert!(!Labels::from([("ward", "3"), ("floor", "2")]).have(&wanted));
        assert!(Labels::default().have(&Labels::default()));
        for wrong in ["", "ward", "=3", "ward=3,,floor=1"] {
            assert_eq!(Labels::selector(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn labels_are_a_map_in_json_and_back() {
        let labels = Labels::from([("ward", "3"), ("floor", "1"), ("ward", "4")]);
        let json = serde_json::to_string(&labels).unwrap();
        assert_eq!(json, r#"{"floor":"1","ward":"4"}"#);
        assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
        assert_eq!(labels.to_map().len(), 2);
    }
}
