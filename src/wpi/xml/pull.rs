//! Elements, attributes and texts of a body, one after the other, with a bound on each.

use std::{borrow::Cow, io::BufRead};

use quick_xml::{
    Error, Reader,
    errors::IllFormedError,
    events::{BytesStart, Event},
};

use super::{
    DecodeError, Limits,
    error::Fault,
    text::{attribute, is_space, resolve, trim, trim_cow},
};
use crate::wpi::phone_message::Nonce;

/// A pull reader over one text. Whoever is given an element by [`Pull::root`] or [`Pull::child`] looks at its
/// attributes by [`Pull::attributes`] and then reads it to its end: by [`Pull::child`] until there is none,
/// [`Pull::text`], or [`Pull::skip`], which does both.
pub(in crate::wpi) struct Pull<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    limits: &'a Limits,
    depth: usize,
    /// The element just given was `<x/>`: its end comes next.
    ends: bool,
    begun: bool,
}

enum Step<'a> {
    Open(BytesStart<'a>),
    Close,
    Text(Cow<'a, str>),
    Character(char),
    End,
}

impl<'a> Pull<'a> {
    pub(in crate::wpi) fn new(text: &'a str, limits: &'a Limits) -> Self {
        Self { text, reader: Reader::from_str(text), limits, depth: 0, ends: false, begun: false }
    }

    /// The bounds that hold for this text.
    pub(in crate::wpi) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// The root element.
    pub(in crate::wpi) fn root(&mut self) -> Result<BytesStart<'a>, Fault> {
        loop {
            match self.step()? {
                Step::Open(start) => return Ok(start),
                Step::Text(text) if text.chars().all(is_space) => {}
                Step::End => return Err(Fault::Empty),
                Step::Text(_) | Step::Character(_) | Step::Close => {
                    return Err(Fault::Malformed("text before the root element"));
                }
            }
        }
    }

    /// The next element inside the present one; `None` at its end. Text in between means nothing.
    pub(in crate::wpi) fn child(&mut self) -> Result<Option<BytesStart<'a>>, Fault> {
        loop {
            match self.step()? {
                Step::Open(start) => return Ok(Some(start)),
                Step::Close => return Ok(None),
                Step::Text(_) | Step::Character(_) => {}
                Step::End => return Err(UNCLOSED),
            }
        }
    }

    /// The text of the present element, put together and trimmed, up to its end. Elements inside mean nothing.
    pub(in crate::wpi) fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.step()? {
                Step::Text(part) if text.is_empty() => text = part,
                Step::Text(part) => text.to_mut().push_str(&part),
                Step::Character(c) => text.to_mut().push(c),
                Step::Open(start) => self.skip(&start)?,
                Step::Close => return Ok(trim_cow(text)),
                Step::End => return Err(UNCLOSED),
            }
        }
    }

    /// The next child as a whole, where it is an item as phones write nearly all of them: `<Item name="x">text</Item>`,
    /// or with an index behind the name, without references and line breaks of old systems. `None` leaves everything as
    /// it was. Only between two children: right behind the start of their parent or the end of one.
    pub(in crate::wpi) fn plain_item(&mut self) -> Option<PlainItem<'a>> {
        if self.ends || self.depth >= self.limits.depth || self.limits.attributes < 2 {
            return None;
        }
        let unread = self.reader.get_ref().len();
        let rest = self.text.get(self.text.len().checked_sub(unread)?..)?;
        let (item, behind) = PlainItem::read(rest.trim_start_matches(is_space))?;
        self.reader.stream().consume(unread.checked_sub(behind.len())?);
        Some(item)
    }

    /// Reads `start` to its end; all bounds hold inside too.
    pub(in crate::wpi) fn skip(&mut self, start: &BytesStart<'a>) -> Result<(), Fault> {
        let outside = self.depth.saturating_sub(1);
        self.attributes(start, |_, _| {})?;
        loop {
            match self.step()? {
                Step::Open(start) => self.attributes(&start, |_, _| {})?,
                Step::Close if self.depth == outside => return Ok(()),
                Step::Close | Step::Text(_) | Step::Character(_) => {}
                Step::End => return Err(UNCLOSED),
            }
        }
    }

    /// Makes sure that nothing follows the root.
    pub(in crate::wpi) fn finish(&mut self) -> Result<(), Fault> {
        loop {
            match self.step()? {
                Step::End => return Ok(()),
                Step::Text(text) if text.chars().all(is_space) => {}
                Step::Open(_) | Step::Close | Step::Text(_) | Step::Character(_) => return Err(Fault::TrailingContent),
            }
        }
    }

    /// Gives each attribute of `start` by its full name and its text, references resolved.
    pub(in crate::wpi) fn attributes(
        &self,
        start: &BytesStart<'_>,
        mut each: impl FnMut(&str, &str),
    ) -> Result<(), Fault> {
        let (mut few, mut more) = ([""; 3], Vec::new());
        let mut rest = start.attributes_raw().trim_start_matches(is_space);
        let mut count = 0;
        while !rest.is_empty() {
            let (found, behind) = next_attribute(rest).ok_or(Fault::Malformed("an attribute that is none"))?;
            let name = found.name;
            if count >= self.limits.attributes {
                return Err(Fault::TooManyAttributes);
            }
            if few.iter().take(count).chain(&more).any(|other| *other == name) {
                return Err(Fault::Malformed("an attribute that occurs twice"));
            }
            match few.get_mut(count) {
                Some(free) => *free = name,
                None => more.push(name),
            }
            if found.plain {
                each(name, found.raw);
            } else {
                each(name, &attribute(found.raw)?);
            }
            count += 1;
            rest = behind;
        }
        Ok(())
    }

    #[inline]
    fn step(&mut self) -> Result<Step<'a>, Fault> {
        if std::mem::take(&mut self.ends) {
            self.depth = self.depth.saturating_sub(1);
            return Ok(Step::Close);
        }
        loop {
            let first = !std::mem::replace(&mut self.begun, true);
            match self.reader.read_event() {
                Ok(Event::Start(start)) => {
                    self.enter()?;
                    return Ok(Step::Open(start));
                }
                Ok(Event::Text(text)) => return Ok(Step::Text(text.xml10_content())),
                Ok(Event::End(_)) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Step::Close);
                }
                Ok(Event::Empty(start)) => {
                    self.enter()?;
                    self.ends = true;
                    return Ok(Step::Open(start));
                }
                Ok(Event::CData(text)) => return Ok(Step::Text(text.xml10_content())),
                Ok(Event::GeneralRef(reference)) => return resolve(&reference).map(Step::Character),
                Ok(Event::DocType(_)) => return Err(Fault::Dtd),
                Ok(Event::Decl(_)) if !first => return Err(Fault::Malformed("an XML declaration in the middle")),
                Ok(Event::Decl(_) | Event::Comment(_) | Event::PI(_)) => {}
                Ok(Event::Eof) if self.depth > 0 => return Err(UNCLOSED),
                Ok(Event::Eof) => return Ok(Step::End),
                Err(error) => return Err(kind(&error)),
            }
        }
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > self.limits.depth { Err(Fault::TooDeep) } else { Ok(()) }
    }

    /// What people read of a fault: own words and a place, as the parser's words may repeat a piece of a secret.
    pub(in crate::wpi) fn explain(&self, fault: Fault) -> DecodeError {
        let before = self.reader.buffer_position();
        match fault {
            Fault::Entity => DecodeError::Entity { before },
            Fault::Malformed(what) => DecodeError::NotWellFormed(format!("{what}, before byte {before}")),
            Fault::Dtd => DecodeError::Dtd,
            Fault::TooDeep => DecodeError::TooDeep { limit: self.limits.depth },
            Fault::TooManyAttributes => DecodeError::TooManyAttributes { limit: self.limits.attributes },
            Fault::TooManyItems => DecodeError::TooManyItems { limit: self.limits.items },
            Fault::NonceTooLong(bytes) => DecodeError::NonceTooLong { bytes, limit: Nonce::LIMIT },
            Fault::Empty => DecodeError::Empty,
            Fault::TrailingContent => DecodeError::TrailingContent { before },
            Fault::NotExact(what) => DecodeError::NotExact(what),
        }
    }
}

/// An item whose texts stand as they are.
#[derive(Debug, Clone, Copy)]
pub(in crate::wpi) struct PlainItem<'a> {
    pub(in crate::wpi) name: &'a str,
    pub(in crate::wpi) index: &'a str,
    pub(in crate::wpi) text: &'a str,
}

impl<'a> PlainItem<'a> {
    /// The item at the start of `text`, and what follows it.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let (name, rest) = plain_value(text.strip_prefix("<Item name=\"")?)?;
        let (index, rest) = match rest.strip_prefix(" index=\"") {
            Some(rest) => plain_value(rest)?,
            None => ("", rest),
        };
        let rest = rest.strip_prefix('>')?;
        let end = rest.bytes().position(|b| matches!(b, b'<' | b'&' | b'\r'))?;
        let (text, rest) = rest.split_at_checked(end)?;
        Some((Self { name, index, text: trim(text) }, rest.strip_prefix("</Item>")?))
    }
}

/// The text up to the quote that ends it, without anything that would have to be looked at, and what follows the quote.
fn plain_value(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|b| b <= b' ' || matches!(b, b'"' | b'&' | b'<'))?;
    let (value, rest) = text.split_at_checked(end)?;
    Some((value, rest.strip_prefix('"')?))
}

const UNCLOSED: Fault = Fault::Malformed("an element without its end");

#[cold]
fn kind(error: &Error) -> Fault {
    Fault::Malformed(match error {
        Error::Syntax(_) => "markup without its end",
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_)) => {
            "an end that fits no element"
        }
        Error::IllFormed(IllFormedError::UnclosedReference) => "a reference without its end",
        Error::IllFormed(_) => "a construct that XML does not allow",
        Error::InvalidAttr(_) => "an attribute that is none",
        Error::Io(_) | Error::Encoding(_) | Error::Escape(_) | Error::Namespace(_) => "not readable",
    })
}

struct Attribute<'t> {
    name: &'t str,
    raw: &'t str,
    /// Nothing in it has to be resolved.
    plain: bool,
}

/// The attribute at the start of `text`, and what follows it without white space. The iterator of the parser takes an
/// allocation for each element and much more time.
fn next_attribute(text: &str) -> Option<(Attribute<'_>, &str)> {
    let end = text.bytes().position(|b| b <= b' ' || matches!(b, b'=' | b'"' | b'\''))?;
    let (name, rest) = text.split_at_checked(end)?;
    let value = rest.trim_start_matches(is_space).strip_prefix('=')?.trim_start_matches(is_space);
    let quote = value.bytes().next().filter(|quote| matches!(quote, b'"' | b'\''))?;
    let value = value.get(1..)?;
    let mut plain = true;
    let end = value.bytes().position(|b| {
        plain &= b != b'&' && b != b'<';
        b == quote
    })?;
    let (raw, behind) = (value.get(..end)?, value.get(end + 1..)?);
    let next = behind.trim_start_matches(is_space);
    let apart = next.is_empty() || next.len() < behind.len();
    (apart && !name.is_empty()).then_some((Attribute { name, raw, plain }, next))
}

/// The local part of a name.
pub(in crate::wpi) fn local(name: &str) -> &str {
    name.bytes().position(|b| b == b':').and_then(|colon| name.get(colon + 1..)).unwrap_or(name)
}
