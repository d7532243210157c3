//! Elements, attributes and texts of a body, one after the other, with a bound on each.

use std::borrow::Cow;

use quick_xml::{
    Error, Reader,
    errors::IllFormedError,
    events::{BytesStart, Event},
};

use super::{
    DecodeError, Limits,
    text::{Fault, attribute, is_space, resolve, trim_cow},
};

/// A pull reader over one text. Whoever is given an element by [`Pull::root`] or [`Pull::child`] looks at its
/// attributes by [`Pull::attributes`] and then reads it to its end: by [`Pull::child`] until there is none,
/// [`Pull::text`], or [`Pull::skip`], which does both.
pub(in crate::wpi) struct Pull<'a> {
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
        Self { reader: Reader::from_str(text), limits, depth: 0, ends: false, begun: false }
    }

    /// The bounds that hold for this text.
    pub(in crate::wpi) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// The root element.
    pub(in crate::wpi) fn root(&mut self) -> Result<BytesStart<'a>, DecodeError> {
        loop {
            match self.step()? {
                Step::Open(start) => return Ok(start),
                Step::Text(text) if text.chars().all(is_space) => {}
                Step::End => return Err(DecodeError::Empty),
                Step::Text(_) | Step::Character(_) | Step::Close => {
                    return Err(self.malformed("text before the root element"));
                }
            }
        }
    }

    /// The next element inside the present one; `None` at its end. Text in between means nothing.
    pub(in crate::wpi) fn child(&mut self) -> Result<Option<BytesStart<'a>>, DecodeError> {
        loop {
            match self.step()? {
                Step::Open(start) => return Ok(Some(start)),
                Step::Close => return Ok(None),
                Step::Text(_) | Step::Character(_) => {}
                Step::End => return Err(self.malformed("an element without its end")),
            }
        }
    }

    /// The text of the present element, put together and trimmed, up to its end. Elements inside mean nothing.
    pub(in crate::wpi) fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.step()? {
                Step::Text(part) if text.is_empty() => text = part,
                Step::Text(part) => text.to_mut().push_str(&part),
                Step::Character(c) => text.to_mut().push(c),
                Step::Open(start) => self.skip(&start)?,
                Step::Close => return Ok(trim_cow(text)),
                Step::End => return Err(self.malformed("an element without its end")),
            }
        }
    }

    /// Reads `start` to its end; all bounds hold inside too.
    pub(in crate::wpi) fn skip(&mut self, start: &BytesStart<'a>) -> Result<(), DecodeError> {
        let outside = self.depth.saturating_sub(1);
        self.attributes(start, |_, _| {})?;
        loop {
            match self.step()? {
                Step::Open(start) => self.attributes(&start, |_, _| {})?,
                Step::Close if self.depth == outside => return Ok(()),
                Step::Close | Step::Text(_) | Step::Character(_) => {}
                Step::End => return Err(self.malformed("an element without its end")),
            }
        }
    }

    /// Makes sure that nothing follows the root.
    pub(in crate::wpi) fn finish(&mut self) -> Result<(), DecodeError> {
        loop {
            match self.step()? {
                Step::End => return Ok(()),
                Step::Text(text) if text.chars().all(is_space) => {}
                Step::Open(_) | Step::Close | Step::Text(_) | Step::Character(_) => {
                    return Err(DecodeError::TrailingContent { before: self.reader.buffer_position() });
                }
            }
        }
    }

    /// Gives each attribute of `start` by its full name and its text, references resolved.
    pub(in crate::wpi) fn attributes(
        &self,
        start: &BytesStart<'_>,
        mut each: impl FnMut(&str, &str),
    ) -> Result<(), DecodeError> {
        let limit = self.limits.attributes.min(Limits::MOST_ATTRIBUTES);
        let mut names = [""; Limits::MOST_ATTRIBUTES];
        // the check for duplicates that comes with the iterator allocates for each element
        for (count, found) in start.attributes().with_checks(false).enumerate() {
            let found = found.map_err(|_| self.malformed("an attribute that is none"))?;
            let name = found.key.into_inner();
            if count >= limit {
                return Err(DecodeError::TooManyAttributes { limit });
            }
            if names.iter().take(count).any(|other| *other == name) {
                return Err(self.malformed("an attribute that occurs twice"));
            }
            if let Some(free) = names.get_mut(count) {
                *free = name;
            }
            let text = attribute(&found.value).map_err(|fault| self.fault(fault))?;
            each(name, &text);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Step<'a>, DecodeError> {
        if std::mem::take(&mut self.ends) {
            self.depth = self.depth.saturating_sub(1);
            return Ok(Step::Close);
        }
        loop {
            let event = self.reader.read_event().map_err(|error| self.malformed(kind(&error)))?;
            let first = !std::mem::replace(&mut self.begun, true);
            match event {
                Event::Start(start) => {
                    self.enter()?;
                    return Ok(Step::Open(start));
                }
                Event::Empty(start) => {
                    self.enter()?;
                    self.ends = true;
                    return Ok(Step::Open(start));
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Step::Close);
                }
                Event::Text(text) => return Ok(Step::Text(text.xml10_content())),
                Event::CData(text) => return Ok(Step::Text(text.xml10_content())),
                Event::GeneralRef(reference) => {
                    return resolve(&reference).map(Step::Character).map_err(|fault| self.fault(fault));
                }
                Event::DocType(_) => return Err(DecodeError::Dtd),
                Event::Decl(_) if !first => return Err(self.malformed("an XML declaration in the middle")),
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof if self.depth > 0 => return Err(self.malformed("an element without its end")),
                Event::Eof => return Ok(Step::End),
            }
        }
    }

    fn enter(&mut self) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(DecodeError::TooDeep { limit: self.limits.depth });
        }
        Ok(())
    }

    fn fault(&self, fault: Fault) -> DecodeError {
        match fault {
            Fault::Entity => DecodeError::Entity { before: self.reader.buffer_position() },
            Fault::Malformed(what) => self.malformed(what),
        }
    }

    /// Own words and a place: the parser's words may repeat a piece of a secret.
    fn malformed(&self, what: &str) -> DecodeError {
        DecodeError::NotWellFormed(format!("{what}, before byte {}", self.reader.buffer_position()))
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Syntax(_) => "markup without its end",
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_)) => {
            "an end that fits no element"
        }
        Error::IllFormed(IllFormedError::UnclosedReference) => "a reference without its end",
        Error::IllFormed(_) => "a construct that XML does not allow",
        Error::InvalidAttr(_) => "an attribute that is none",
        Error::Io(_) | Error::Encoding(_) | Error::Escape(_) | Error::Namespace(_) => "not readable",
    }
}

/// The local part of a name.
pub(in crate::wpi) fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}
