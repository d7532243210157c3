//! YAML as phoneops writes it for people to keep: block style, every text in quotes, so that no reader takes `yes`,
//! `1_000` or `0001E3112233` for something else.

use std::fmt::Write as _;

/// Words that some readers take for a boolean or for nothing when they stand as a key without quotes.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// One node of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Yaml {
    /// A text; always in quotes.
    Text(String),
    /// `true` or `false`.
    Truth(bool),
    /// A whole number.
    Number(i64),
    /// A list.
    List(Vec<Yaml>),
    /// A map; its keys are as they are to stand there: those of [`key`], or numbers.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A map whose keys are fields of ours.
    pub(super) fn map<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Whether it is a list or a map that holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Text(_) | Self::Truth(_) | Self::Number(_) => false,
        }
    }

    /// The document that holds it, without a marker.
    pub(super) fn document(&self) -> String {
        let mut out = String::new();
        self.block(&mut out, 0);
        out
    }

    fn scalar(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(quoted(text)),
            Self::Truth(truth) => Some(truth.to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::List(list) => list.is_empty().then(|| "[]".to_owned()),
            Self::Map(map) => map.is_empty().then(|| "{}".to_owned()),
        }
    }

    fn block(&self, out: &mut String, indent: usize) {
        if let Some(scalar) = self.scalar() {
            let _ = writeln!(out, "{:indent$}{scalar}", "");
            return;
        }
        match self {
            Self::Map(map) => {
                for (key, value) in map {
                    if let Some(scalar) = value.scalar() {
                        let _ = writeln!(out, "{:indent$}{key}: {scalar}", "");
                    } else {
                        let _ = writeln!(out, "{:indent$}{key}:", "");
                        value.block(out, indent + 2);
                    }
                }
            }
            Self::List(list) => {
                for entry in list {
                    let mut inner = String::new();
                    entry.block(&mut inner, indent + 2);
                    let _ = write!(out, "{:indent$}- {}", "", inner.trim_start_matches(' '));
                }
            }
            Self::Text(_) | Self::Truth(_) | Self::Number(_) => {}
        }
    }
}

/// A text in double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name as a key: in quotes where another reader might take it for something else.
pub(super) fn key(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_word = WORDS.iter().any(|word| name.eq_ignore_ascii_case(word));
    if begins && !is_word && name.chars().all(is_plain) { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> impl Strategy<Value = String> {
        let traps = [
            "yes",
            "1_000",
            "0001E3112233",
            "",
            "null",
            "~",
            "0x10",
            "1e3",
            "a: b",
            "# no",
            "- x",
            "\u{85}",
            "'",
            "\\",
        ];
        prop_oneof![prop::sample::select(traps.map(str::to_owned).to_vec()), any::<String>()]
    }

    fn plain(yaml: &serde_json::Value) -> Yaml {
        match yaml {
            serde_json::Value::String(text) => Yaml::text(text),
            serde_json::Value::Array(list) => Yaml::List(list.iter().map(plain).collect()),
            serde_json::Value::Object(map) => {
                Yaml::Map(map.iter().map(|(name, value)| (key(name), plain(value))).collect())
            }
            other => panic!("{other}"),
        }
    }

    fn trees() -> impl Strategy<Value = serde_json::Value> {
        texts().prop_map(serde_json::Value::String).prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
                prop::collection::btree_map(texts(), inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back_as_the_same(tree in trees()) {
            let written = plain(&tree).document();
            let read: serde_json::Value = serde_yaml::from_str(&written).unwrap();
            prop_assert_eq!(read, tree, "{}", written);
        }
    }

    #[test]
    fn every_text_is_quoted_and_no_number_is() {
        let list = Yaml::List(vec![Yaml::map([("mode", Yaml::text("Off"))]), Yaml::text("0001E3112233")]);
        let document = Yaml::map([("a", Yaml::Number(7)), ("b", Yaml::Truth(true)), ("list", list)]).document();
        assert_eq!(document, "a: 7\nb: true\nlist:\n  - mode: \"Off\"\n  - \"0001E3112233\"\n");
        assert_eq!([key("on"), key("7"), key("app/name")], ["\"on\"", "\"7\"", "app/name"]);
    }
}
