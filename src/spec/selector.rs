//! Selectors of labels, in the syntax of Kubernetes: `region=north`, `region!=north`, `region in (north, east)`,
//! `region notin (north)`, `region`, `!region`, and several of these with commas between them, which all have to hold.

use std::{fmt, str::FromStr, sync::Arc};

use smol_str::SmolStr;

use super::{
    labels::Labels,
    read::names::{LABEL_RULE, is_label_key, is_label_value},
};

/// What labels have to be. A clone shares its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    rules: Arc<[Rule]>,
    text: Arc<str>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    key: SmolStr,
    test: Test,
}

#[derive(Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<SmolStr>),
    NotIn(Vec<SmolStr>),
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// It says nothing.
    #[error("it says nothing; leave it out to select everything")]
    Empty,
    /// One of its rules cannot be read.
    #[error("`{0}` is none of key=value, key!=value, key in (a,b), key notin (a,b), key, !key")]
    Form(String),
    /// A key or a value breaks the rules of labels.
    #[error("`{0}` cannot be the key or value of a label: {LABEL_RULE}")]
    Label(String),
}

impl Selector {
    /// Whether these labels are selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = |key: &str| labels.iter().find(|(known, _)| *known == key).map(|(_, value)| value);
        self.rules.iter().all(|rule| match (&rule.test, value(&rule.key)) {
            (Test::Exists, found) => found.is_some(),
            (Test::Absent, found) => found.is_none(),
            (Test::In(values), found) => found.is_some_and(|found| values.iter().any(|value| value == found)),
            // as in Kubernetes: what has no such label has another value
            (Test::NotIn(values), found) => found.is_none_or(|found| values.iter().all(|value| value != found)),
        })
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.trim().is_empty() {
            return Err(SelectorError::Empty);
        }
        let rules: Vec<Rule> = parts(text).into_iter().map(rule).collect::<Result<_, _>>()?;
        Ok(Self { rules: rules.into(), text: text.trim().into() })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Cut at commas that are in no brackets.
fn parts(text: &str) -> Vec<&str> {
    let mut inside = false;
    let cuts = text.split(move |c: char| {
        inside = (inside || c == '(') && c != ')';
        c == ',' && !inside
    });
    cuts.collect()
}

fn rule(part: &str) -> Result<Rule, SelectorError> {
    let wrong = || SelectorError::Form(part.trim().to_owned());
    let whole = part.trim();
    let (whole, absent) = whole.strip_prefix('!').map_or((whole, false), |rest| (rest.trim_start(), true));
    let end = whole.find(|c: char| !(c.is_alphanumeric() || "-_./".contains(c))).unwrap_or(whole.len());
    let (key, rest) = whole.split_at(end);
    let rest = rest.trim();
    if key.is_empty() {
        return Err(wrong());
    }
    let test = match (absent, rest) {
        (true, "") => Test::Absent,
        (true, _) => return Err(wrong()),
        (false, "") => Test::Exists,
        (false, rest) => {
            if let Some(value) = rest.strip_prefix("!=") {
                Test::NotIn(vec![label(value)?])
            } else if let Some(value) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
                Test::In(vec![label(value)?])
            } else if let Some(list) = rest.strip_prefix("notin") {
                Test::NotIn(values(list).ok_or_else(wrong)??)
            } else if let Some(list) = rest.strip_prefix("in") {
                Test::In(values(list).ok_or_else(wrong)??)
            } else {
                return Err(wrong());
            }
        }
    };
    if !is_label_key(key) {
        return Err(SelectorError::Label(key.to_owned()));
    }
    Ok(Rule { key: key.into(), test })
}

fn values(list: &str) -> Option<Result<Vec<SmolStr>, SelectorError>> {
    let inner = list.trim().strip_prefix('(')?.strip_suffix(')')?;
    (!inner.trim().is_empty()).then(|| inner.split(',').map(label).collect())
}

fn label(value: &str) -> Result<SmolStr, SelectorError> {
    let value = value.trim();
    if is_label_value(value) { Ok(value.into()) } else { Err(SelectorError::Label(value.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let selector: Selector = selector.parse().unwrap_or_else(|error| panic!("{selector}: {error}"));
        selector.matches(&labels.iter().copied().collect())
    }

    #[test]
    fn each_form_selects_what_kubernetes_selects_by_it() {
        let north = [("region", "north"), ("floor", "")];
        for (selector, of_north, of_none) in [
            ("region=north", true, false),
            ("region == north", true, false),
            ("region=south", false, false),
            ("region!=north", false, true),
            ("region != south", true, true),
            ("region in (north,south)", true, false),
            ("region in(south)", false, false),
            ("region notin ( north , south )", false, true),
            ("region", true, false),
            ("!region", false, true),
            ("! region", false, true),
            ("floor=", true, false),
            ("in", false, false),
            ("region in (south, north),floor,!example.org/odd", true, false),
            ("region=north,floor!=", false, false),
        ] {
            assert_eq!((selects(selector, &north), selects(selector, &[])), (of_north, of_none), "{selector}");
        }
    }

    #[test]
    fn of_two_complements_exactly_one_selects() {
        for (one, other) in [("a=b", "a!=b"), ("a", "!a"), ("a in (b,c)", "a notin (b,c)")] {
            for labels in [&[][..], &[("a", "b")], &[("a", "c")], &[("a", "d")], &[("x", "b")]] {
                assert!(selects(one, labels) != selects(other, labels), "{one} and {other} on {labels:?}");
            }
        }
    }

    #[test]
    fn what_is_no_selector_says_what_one_is() {
        for broken in [
            "", "  ", "a=b,", ",a", "a b", "a in", "a in ()", "a in (b", "a in b", "!a=b", "a>1", "=b", "a=b c",
            "a=b=c", "!",
        ] {
            let error = broken.parse::<Selector>().expect_err(broken);
            assert!(!error.to_string().is_empty());
        }
        let error = "region=-x".parse::<Selector>().unwrap_err();
        assert!(error.to_string().contains("`-x`") && error.to_string().contains("63 characters"), "{error}");
    }

    #[test]
    fn no_text_makes_it_panic() {
        proptest::proptest!(|(text in ".{0,40}")| { let _ = text.parse::<Selector>(); });
        proptest::proptest!(|(text in "[ab!=,() intno]{0,20}")| { let _ = text.parse::<Selector>(); });
    }
}
