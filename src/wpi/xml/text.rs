//! From bytes to characters: encoding, references, white space.

use std::borrow::Cow;

use super::{DecodeError, Limits, error::Fault};

/// White space as XML knows it.
pub(in crate::wpi) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Whether XML 1.0 forbids the character in every form.
pub(in crate::wpi) const fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}')
}

/// The text without white space around it.
pub(in crate::wpi) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if *first > b' ' && *last > b' ' => text,
        _ => text.trim_matches(is_space),
    }
}

/// The same for a text that may have been put together.
pub(in crate::wpi) fn trim_cow(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
        Cow::Owned(text) => match trim(&text) {
            inner if inner.len() == text.len() => Cow::Owned(text),
            inner => Cow::Owned(inner.to_owned()),
        },
    }
}

/// Checks size and encoding of a body, takes off the byte order mark and white space around it, and puts U+FFFD in the
/// place of control characters: phones send what their users typed, and one bad label must not silence a phone.
pub(in crate::wpi) fn readable<'a>(body: &'a [u8], limits: &Limits) -> Result<Cow<'a, str>, DecodeError> {
    if body.len() > limits.body {
        return Err(DecodeError::TooLarge { bytes: body.len(), limit: limits.body });
    }
    if body.starts_with(b"<\0") || body.starts_with(b"\0<") {
        return Err(DecodeError::NotUtf8 { at: 0 });
    }
    let text = std::str::from_utf8(body).map_err(|error| DecodeError::NotUtf8 { at: error.valid_up_to() })?;
    let text = trim(text.strip_prefix('\u{FEFF}').unwrap_or(text));
    let clean = text.as_bytes().chunks(64).all(is_clean);
    if clean {
        return Ok(Cow::Borrowed(text));
    }
    Ok(Cow::Owned(text.chars().map(|c| if is_forbidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()))
}

/// Whether a block surely holds nothing that XML forbids. It looks at all of the block whatever it finds: that is what
/// the compiler turns into vector code. U+FFFE and U+FFFF start with 0xEF, as some harmless characters do.
fn is_clean(block: &[u8]) -> bool {
    let suspect = |b: u8| b == 0xEF || b < 0x20 && b != b'\t' && b != b'\n' && b != b'\r';
    block.iter().fold(0_u8, |found, &b| found | u8::from(suspect(b))) == 0
}

/// The character that the text between `&` and `;` stands for.
pub(in crate::wpi) fn resolve(reference: &str) -> Result<char, Fault> {
    const BAD: Fault = Fault::Malformed("a character reference that is none");
    let code = match reference {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => reference.strip_prefix('#').ok_or(Fault::Entity)?,
    };
    let (digits, radix) = code.strip_prefix('x').map_or((code, 10), |hex| (hex, 16));
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(BAD);
    }
    let c = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).ok_or(BAD)?;
    Ok(if is_forbidden(c) { char::REPLACEMENT_CHARACTER } else { c })
}

/// The text up to so many characters.
pub(in crate::wpi) fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The text of an attribute, references resolved, otherwise byte for byte.
pub(in crate::wpi) fn attribute(raw: &str) -> Result<String, Fault> {
    if raw.contains('<') {
        return Err(Fault::Malformed("an attribute that holds `<`"));
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        let (reference, after) = after.split_once(';').ok_or(Fault::Malformed("a reference without its end"))?;
        text.push_str(before);
        text.push(resolve(reference)?);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_five_entities_and_characters_are_references() {
        assert_eq!(attribute("a&amp;b&lt;&gt;&apos;&quot;&#65;&#x42;").unwrap(), "a&b<>'\"AB");
        assert_eq!(attribute("&auml;"), Err(Fault::Entity));
        assert_eq!(attribute("&AMP;"), Err(Fault::Entity));
        assert!(matches!(attribute("&#xD800;"), Err(Fault::Malformed(_))));
        assert!(matches!(attribute("&#+5;"), Err(Fault::Malformed(_))));
        assert!(matches!(attribute("&#99999999999;"), Err(Fault::Malformed(_))));
        assert!(matches!(attribute("a&b"), Err(Fault::Malformed(_))));
        assert!(matches!(attribute("a<b"), Err(Fault::Malformed(_))));
    }

    #[test]
    fn a_control_character_never_gets_further() {
        assert_eq!(attribute("&#27;[2J").unwrap(), "\u{FFFD}[2J");
        assert_eq!(readable(b"<a>\x1b\t</a>", &Limits::default()).unwrap(), "<a>\u{FFFD}\t</a>");
        let noncharacters = "<a>\u{FFFE}\u{FFFF}\u{FF01}</a>".as_bytes();
        assert_eq!(readable(noncharacters, &Limits::default()).unwrap(), "<a>\u{FFFD}\u{FFFD}\u{FF01}</a>");
    }

    #[test]
    fn only_white_space_of_xml_is_trimmed() {
        assert_eq!(trim(" \r\n\ta b\u{A0} "), "a b\u{A0}");
        assert_eq!(trim_cow(Cow::Owned(" a ".to_owned())), "a");
        assert_eq!(trim_cow(Cow::Owned("a".to_owned())), "a");
    }

    #[test]
    fn a_byte_order_mark_is_no_text_and_utf_16_is_named() {
        assert_eq!(readable(b"\xEF\xBB\xBF<a/>\r\n", &Limits::default()).unwrap(), "<a/>");
        assert_eq!(readable(b"\xFF\xFE<\0a\0", &Limits::default()), Err(DecodeError::NotUtf8 { at: 0 }));
        assert_eq!(readable(b"<\0a\0/\0>\0", &Limits::default()), Err(DecodeError::NotUtf8 { at: 0 }));
        assert_eq!(readable(b"<a>\xE4</a>", &Limits::default()), Err(DecodeError::NotUtf8 { at: 3 }));
    }
}
