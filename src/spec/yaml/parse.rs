//! The parser's events become trees. Nothing is expanded, depth and size are bounded.

use std::{borrow::Cow, collections::HashMap};

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use super::{
    broken,
    tree::{Entry, Mark, Node, Style, Value},
};
use crate::spec::code;

/// Most documents of one file.
pub(in crate::spec) const DOCUMENT_LIMIT: usize = 10_000;
/// Most nodes of one file, keys included.
pub(in crate::spec) const NODE_LIMIT: usize = 100_000;
/// Deepest nesting of maps and lists.
pub(in crate::spec) const DEPTH_LIMIT: usize = 32;

/// One document of a file.
#[derive(Debug)]
pub(in crate::spec) struct Document {
    /// Its root.
    pub(in crate::spec) root: Node,
    /// What is wrong with its YAML as such; only of interest when the document is one of ours.
    pub(in crate::spec) notes: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::spec) struct Fault {
    /// Where.
    pub(in crate::spec) mark: Mark,
    /// The kind of problem.
    pub(in crate::spec) code: &'static str,
    /// What is wrong and what to do.
    pub(in crate::spec) message: String,
}

/// Most places of one file that are not YAML and are told; reading goes on behind each.
const FAULT_LIMIT: usize = 10;

/// What a file holds.
#[derive(Debug, Default)]
pub(in crate::spec) struct Parsed {
    /// The documents that could be read to their end.
    pub(in crate::spec) documents: Vec<Document>,
    /// The places that are not YAML, or the bound that was hit; none = this is the whole file.
    pub(in crate::spec) faults: Vec<Fault>,
}

/// Reads all documents of a file. Behind a place that is not YAML it goes on at the next line that starts a document.
pub(in crate::spec) fn parse(text: &str) -> Parsed {
    let mut builder = Builder::new(text);
    let mut faults = Vec::new();
    let mut rest = Cow::Borrowed(text);
    let mut from = 0;
    while let Err(fault) = read(&rest, &mut builder) {
        let is_bound = fault.code == code::TOO_MANY_NODES;
        let read_to = builder.documents.last().map_or(0, |document| document.root.mark.end);
        let next = next_document(text, from.max(fault.mark.start.max(read_to) as usize));
        faults.push(fault);
        let Some(next) = next.filter(|_| !is_bound && faults.len() < FAULT_LIMIT) else { break };
        from = next + 1;
        rest = Cow::Owned(blank_until(text, next));
        builder.stack.clear();
        builder.notes.clear();
    }
    Parsed { documents: builder.documents, faults }
}

fn read(text: &str, builder: &mut Builder<'_>) -> Result<(), Fault> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.block_nesting_limit = DEPTH_LIMIT;
    options.flow_nesting_limit = DEPTH_LIMIT;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| broken::fault(text, &error))?;
        builder.take(event, &span)?;
    }
    Ok(())
}

/// Where the next line that starts a document begins, from that offset on.
fn next_document(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += text.get(at..)?.find("---")?;
        let starts_a_line = at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n');
        if starts_a_line && text.as_bytes().get(at + 3).is_none_or(u8::is_ascii_whitespace) {
            return Some(at);
        }
        at += 3;
    }
}

/// The text with everything before that offset made white space, so that places stay what they are.
fn blank_until(text: &str, offset: usize) -> String {
    let (before, rest) = text.split_at_checked(offset).unwrap_or((text, ""));
    let blank = before.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    blank.chain(rest.chars()).collect()
}

enum Open {
    Map { mark: Mark, entries: Vec<Entry>, seen: HashMap<String, (Style, u32)>, key: Key },
    List { mark: Mark, nodes: Vec<Node> },
}

/// What a map waits for.
enum Key {
    /// A key.
    Awaited,
    /// The value of this key.
    Taken(String, Style, Mark),
    /// The value of a key that cannot be used.
    Unusable,
}

struct Builder<'t> {
    text: &'t str,
    stack: Vec<Open>,
    notes: Vec<Fault>,
    documents: Vec<Document>,
    nodes: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, stack: Vec::new(), notes: Vec::new(), documents: Vec::new(), nodes: 0 }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fault> {
        let mark = mark(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(mark)?;
                let node = self.scalar(text.into_owned(), style, anchor != 0, tag.is_some(), mark);
                self.put(node);
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.count(mark)?;
                // not quoted: it may be a password
                self.note(mark, code::ALIAS, "an unquoted value that starts with `*` is a YAML alias, which is not followed here; put quotes round it if it is text, or share values through a PhoneProfile");
                self.put(Node { mark, value: Value::Faulty });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.open(mark, anchor != 0, tag.is_some())?;
                self.stack.push(Open::Map { mark, entries: Vec::new(), seen: HashMap::new(), key: Key::Awaited });
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(mark, anchor != 0, tag.is_some())?;
                self.stack.push(Open::List { mark, nodes: Vec::new() });
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(mark),
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, mark: Mark) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > NODE_LIMIT {
            let message = format!("the file has more than {NODE_LIMIT} keys and values; cut it into several files");
            return Err(Fault { mark, code: code::TOO_MANY_NODES, message });
        }
        Ok(())
    }

    fn open(&mut self, mark: Mark, anchor: bool, tag: bool) -> Result<(), Fault> {
        self.count(mark)?;
        if self.stack.len() >= DEPTH_LIMIT {
            let message = format!("maps and lists are nested more than {DEPTH_LIMIT} levels deep");
            return Err(Fault { mark, code: code::TOO_DEEP, message });
        }
        if anchor {
            self.note(mark, code::ANCHOR, "a YAML anchor (`&name`) is of no use here, because aliases are not followed; share values through a PhoneProfile");
        }
        if tag {
            self.note(mark, code::TAG, "YAML tags (`!name`) are not understood here; take it out");
        }
        Ok(())
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, anchor: bool, tag: bool, mark: Mark) -> Node {
        if anchor {
            self.note(mark, code::ANCHOR, "an unquoted value that starts with `&` is a YAML anchor, so that its first word is lost; put quotes round the whole value");
        }
        if tag {
            self.note(mark, code::TAG, "an unquoted value that starts with `!` is a YAML tag, so that its first word is lost; put quotes round the whole value");
        }
        if anchor || tag {
            return Node { mark, value: Value::Faulty };
        }
        let (text, style, mark) = match style {
            // the parser's word for a value that is not there
            ScalarStyle::Plain if mark.start == mark.end => match comment_behind(self.text, mark) {
                Some(comment) => (String::new(), Style::Comment, comment),
                None => (String::new(), Style::Plain, mark),
            },
            ScalarStyle::Plain => (text, Style::Plain, mark),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => (text, Style::Quoted, mark),
            ScalarStyle::Literal | ScalarStyle::Folded => (text, Style::Block, with_header(self.text, mark)),
        };
        Node { mark, value: Value::Scalar(text, style) }
    }

    fn close(&mut self, end: Mark) {
        let node = match self.stack.pop() {
            Some(Open::Map { mark, entries, .. }) => Node { mark: until(mark, end), value: Value::Map(entries) },
            Some(Open::List { mark, nodes }) => Node { mark: until(mark, end), value: Value::List(nodes) },
            None => return,
        };
        self.put(node);
    }

    fn put(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => {
                let notes = std::mem::take(&mut self.notes);
                self.documents.push(Document { root: node, notes });
            }
            Some(Open::List { nodes, .. }) => nodes.push(node),
            Some(Open::Map { entries, seen, key, .. }) => match std::mem::replace(key, Key::Awaited) {
                Key::Awaited => {
                    let (next, fault) = take_key(node, seen);
                    *key = next;
                    self.notes.extend(fault);
                }
                Key::Taken(key, style, mark) => entries.push(Entry { key, style, mark, value: node }),
                Key::Unusable => {}
            },
        }
    }

    fn note(&mut self, mark: Mark, code: &'static str, message: impl Into<String>) {
        self.notes.push(Fault { mark, code, message: message.into() });
    }
}

fn take_key(node: Node, seen: &mut HashMap<String, (Style, u32)>) -> (Key, Option<Fault>) {
    let mark = node.mark;
    let fault = |code, message| (Key::Unusable, Some(Fault { mark, code, message }));
    let (text, style) = match node.value {
        Value::Scalar(text, style) => (text, style),
        Value::Faulty => return (Key::Unusable, None),
        Value::Map(_) | Value::List(_) => {
            return fault(code::KEY, "a map or a list cannot be a key here; a key is a word or a number".to_owned());
        }
    };
    if text == "<<" && style == Style::Plain {
        return fault(
            code::MERGE_KEY,
            "merge keys (`<<`) are not followed, and Kubernetes takes none; share values through a PhoneProfile"
                .to_owned(),
        );
    }
    match seen.get(&text) {
        None => {
            seen.insert(text.clone(), (style, mark.line));
            (Key::Taken(text, style, mark), None)
        }
        Some((first, line)) if *first != style => fault(
            code::DUPLICATE_KEY,
            format!(
                "`{text}` stands here with and without quotes, which is the same key twice (first on line {line}); keep one of them"
            ),
        ),
        Some((_, line)) => {
            fault(code::DUPLICATE_KEY, format!("`{text}` stands here twice (first on line {line}); keep one of them"))
        }
    }
}

/// The comment that the rest of the line behind an empty value consists of.
fn comment_behind(text: &str, mark: Mark) -> Option<Mark> {
    let line = text.get(mark.start as usize..)?.lines().next()?;
    let comment = line.trim_start_matches([':', ' ', '\t']);
    let before = small(line.len() - comment.len());
    let end = mark.start + small(line.len());
    comment.starts_with('#').then(|| Mark { column: mark.column + before, start: mark.start + before, end, ..mark })
}

/// A block with the `|` or `>` that starts it.
fn with_header(text: &str, mark: Mark) -> Mark {
    let before = text.get(..mark.start as usize).unwrap_or("");
    let Some(sign) = before.rfind(['|', '>']) else { return mark };
    let line_start = before.get(..sign).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
    let count = |range: &str, what: char| small(range.matches(what).count());
    let lines = before.get(sign..).map_or(0, |rest| count(rest, '\n'));
    let column = before.get(line_start..sign).map_or(0, |head| small(head.chars().count())) + 1;
    Mark { line: mark.line.saturating_sub(lines).max(1), column, start: small(sign), end: mark.end }
}

fn until(start: Mark, end: Mark) -> Mark {
    Mark { end: end.end.max(start.end), ..start }
}

fn mark(span: &Span) -> Mark {
    let start = span.start.byte_offset().unwrap_or(0);
    let end = span.end.byte_offset().unwrap_or(start);
    Mark {
        line: small(span.start.line()),
        column: small(span.start.col() + 1),
        start: small(start),
        end: small(end.max(start)),
    }
}

pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
