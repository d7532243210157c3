//! The generic tree of one document.

/// Where something stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spec) struct Mark {
    /// Line, from 1.
    pub(in crate::spec) line: u32,
    /// Column in characters, from 1.
    pub(in crate::spec) column: u32,
    /// First byte.
    pub(in crate::spec) start: u32,
    /// The byte behind the last one.
    pub(in crate::spec) end: u32,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spec) enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// As a block after `|` or `>`.
    Block,
    /// Nothing but a comment follows the key.
    Comment,
}

/// One value with its place.
#[derive(Debug)]
pub(in crate::spec) struct Node {
    /// Where.
    pub(in crate::spec) mark: Mark,
    /// What.
    pub(in crate::spec) value: Value,
}

/// A key with its value.
#[derive(Debug)]
pub(in crate::spec) struct Entry {
    /// The key, always a scalar.
    pub(in crate::spec) key: String,
    /// How the key was written.
    pub(in crate::spec) style: Style,
    /// Where the key stands.
    pub(in crate::spec) mark: Mark,
    /// The value.
    pub(in crate::spec) value: Node,
}

/// What a node is.
#[derive(Debug)]
pub(in crate::spec) enum Value {
    /// A scalar: its text after unescaping, and how it was written.
    Scalar(String, Style),
    /// A map; each key once.
    Map(Vec<Entry>),
    /// A list.
    List(Vec<Node>),
    /// Something the parser's notes have already complained about: an alias, or a scalar with an anchor or a tag.
    Faulty,
}

impl Node {
    /// Whether nothing stands here: an empty value or an unquoted null.
    pub(in crate::spec) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar(text, Style::Plain | Style::Comment) => super::plain::is_null(text),
            _ => false,
        }
    }

    /// The entries, if this is a map.
    pub(in crate::spec) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key, if this is a map.
    pub(in crate::spec) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The text, if this is a scalar.
    pub(in crate::spec) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text, _) => Some(text),
            _ => None,
        }
    }
}
