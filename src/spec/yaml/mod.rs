//! YAML text in, one generic tree per document out. The tree keeps what serde would lose: the place of every key and
//! value, whether a scalar was quoted, keys that occur twice, anchors, aliases, tags and merge keys.
//!
//! - [`tree`]: nodes and marks
//! - [`mod@parse`]: the parser's events become trees, within bounds
//! - [`plain`]: what an unquoted scalar means, and the traps in which YAML versions disagree
//! - [`broken`]: what is said of a text that is not YAML

pub(in crate::spec) mod broken;
pub(in crate::spec) mod parse;
pub(in crate::spec) mod plain;
pub(in crate::spec) mod tree;

pub(in crate::spec) use parse::{DOCUMENT_LIMIT, Document, Parsed, parse};
pub(in crate::spec) use tree::{Entry, Mark, Node, Style, Value};
