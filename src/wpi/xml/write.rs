//! Escaping, and exactly how many bytes it takes.

use super::{NAMESPACE, text::is_forbidden};

/// Where an escaped text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wpi) enum Place {
    /// Between tags.
    Text,
    /// Between double quotes.
    Attribute,
}

/// What is written in place of `c`; `None` for the character itself. What XML 1.0 forbids is left out.
fn replacement(c: char, place: Place) -> Option<&'static str> {
    match (c, place) {
        ('&', _) => Some("&amp;"),
        ('<', _) => Some("&lt;"),
        ('>', _) => Some("&gt;"),
        ('\r', _) => Some("&#13;"),
        ('"', Place::Attribute) => Some("&quot;"),
        ('\n', Place::Attribute) => Some("&#10;"),
        ('\t', Place::Attribute) => Some("&#9;"),
        _ if is_forbidden(c) => Some(""),
        _ => None,
    }
}

/// Pieces of `text` as they go out.
fn pieces(text: &str, place: Place) -> impl Iterator<Item = &str> {
    text.split_inclusive(move |c| replacement(c, place).is_some()).flat_map(move |piece| {
        match piece.char_indices().next_back() {
            Some((at, last)) => match replacement(last, place) {
                Some(instead) => [piece.get(..at).unwrap_or_default(), instead],
                None => [piece, ""],
            },
            None => ["", ""],
        }
    })
}

/// Whether nothing in `text` is replaced anywhere, as in nearly every text. U+FFFE and U+FFFF start with 0xEF, as some
/// harmless characters do.
#[inline]
fn is_plain(text: &str) -> bool {
    let suspect = |b: u8| b < 0x20 || matches!(b, b'&' | b'<' | b'>' | b'"' | 0xEF);
    !text.bytes().fold(false, |found, b| found | suspect(b))
}

/// Appends `text`, escaped.
#[inline]
pub(in crate::wpi) fn push_escaped(out: &mut String, text: &str, place: Place) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        out.extend(pieces(text, place));
    }
}

/// Bytes that [`push_escaped`] appends.
#[inline]
pub(in crate::wpi) fn escaped_len(text: &str, place: Place) -> usize {
    if is_plain(text) { text.len() } else { pieces(text, place).map(str::len).sum() }
}

/// Appends ` name="text"`, escaped.
pub(in crate::wpi) fn push_attribute(out: &mut String, name: &str, text: &str) {
    out.extend([" ", name, "=\""]);
    push_escaped(out, text, Place::Attribute);
    out.push('"');
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Appends the XML declaration and the start of the root, with the attributes that both messages carry.
pub(in crate::wpi) fn push_root(out: &mut String, root: &str) {
    out.extend([DECLARATION, "<", root]);
    push_attribute(out, "xmlns", NAMESPACE);
    push_attribute(out, "xmlns:xsi", INSTANCE);
    push_attribute(out, "xsi:schemaLocation", NAMESPACE);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str, place: Place) -> String {
        let mut out = String::new();
        push_escaped(&mut out, text, place);
        assert_eq!(out.len(), escaped_len(text, place));
        out
    }

    #[test]
    fn a_text_is_escaped_where_it_stands() {
        assert_eq!(escaped("a<b>&\"'\r\n\tä", Place::Text), "a&lt;b&gt;&amp;\"'&#13;\n\tä");
        assert_eq!(escaped("a<b>&\"'\r\n\tä", Place::Attribute), "a&lt;b&gt;&amp;&quot;'&#13;&#10;&#9;ä");
        assert_eq!(escaped("]]>", Place::Text), "]]&gt;");
        assert_eq!(escaped("", Place::Text), "");
    }

    #[test]
    fn what_xml_forbids_is_never_written() {
        assert_eq!(escaped("a\0b\u{1b}c\u{FFFF}d\u{FFFD}", Place::Text), "abcd\u{FFFD}");
    }
}
