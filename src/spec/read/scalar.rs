//! Strings, booleans and words. Every trap of unquoted YAML is caught here, whatever field it stands in.

use super::Findings;
use crate::{
    catalogue::Scalar,
    spec::{
        code,
        suggest::did_you_mean,
        yaml::{
            Mark, Node, Style, Value,
            plain::{self, Plain, Trap},
        },
    },
};

/// What is said of a block where one line is wanted.
pub(in crate::spec) const BLOCK: &str =
    "is a block of lines, because an unquoted `|` or `>` starts one; write the value on one line in quotes";

/// The scalar of a node; anything that is none, and every trap, is a problem. `what` names the field.
pub(in crate::spec) fn scalar<'n>(findings: &mut Findings, node: &'n Node, what: &str) -> Option<Scalar<'n>> {
    let mark = node.mark;
    match &node.value {
        Value::Faulty => None,
        Value::Map(_) | Value::List(_) => {
            findings.error(mark, code::TYPE, format!("{what} must be a single value, not a map or a list"));
            None
        }
        Value::Scalar(_, Style::Comment) => {
            findings.error(mark, code::NULL, format!("{what} is empty, because an unquoted `#` starts a comment; put quotes round a value that starts with `#`"));
            None
        }
        Value::Scalar(_, Style::Block) => {
            findings.error(mark, code::BLOCK, format!("{what} {BLOCK}"));
            None
        }
        Value::Scalar(text, Style::Quoted) => clean(findings, mark, text, what).then_some(Scalar::Text(text)),
        Value::Scalar(text, Style::Plain) => match plain::read(text) {
            Plain::Null => {
                findings.error(mark, code::NULL, null_message(text, what));
                None
            }
            Plain::Bool(value) => Some(Scalar::Bool(value)),
            Plain::Integer(value) => Some(Scalar::Integer(value)),
            Plain::Number => Some(Scalar::Number(text)),
            Plain::Text(text) => clean(findings, mark, text, what).then_some(Scalar::Text(text)),
            Plain::Trap(trap) => {
                findings.error(mark, trap.code(), format!("{what}: {}", trap.message(text)));
                None
            }
        },
    }
}

fn null_message(text: &str, what: &str) -> String {
    if text.is_empty() {
        return format!("{what} has no value; write \"\" for an empty text, or leave it out");
    }
    format!(
        "{what} is null, because `{text}` without quotes means no value; write \"\" for an empty text, or leave it out"
    )
}

/// Whether a text has neither outer white space nor control characters.
fn clean(findings: &mut Findings, mark: Mark, text: &str, what: &str) -> bool {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let code = u32::from(control);
        findings.error(
            mark,
            code::CONTROL,
            format!("{what} holds a control character (U+{code:04X}), which no phone shows; take it out"),
        );
        return false;
    }
    if text.trim() != text {
        findings.error(
            mark,
            code::SPACE,
            format!("{what} starts or ends with white space, which gets lost on the wire; take it out"),
        );
        return false;
    }
    true
}

/// A YAML string; a number or boolean is a problem, because quotes are missing.
pub(in crate::spec) fn string<'n>(findings: &mut Findings, node: &'n Node, what: &str) -> Option<&'n str> {
    if let Scalar::Text(text) = scalar(findings, node, what)? {
        return Some(text);
    }
    let raw = node.text().unwrap_or("");
    findings.error(node.mark, code::TYPE, format!("{what} must be a text; write \"{raw}\""));
    None
}

/// `true` or `false`.
pub(in crate::spec) fn boolean(findings: &mut Findings, node: &Node, what: &str) -> Option<bool> {
    if let Scalar::Bool(value) = scalar(findings, node, what)? {
        return Some(value);
    }
    findings.error(node.mark, code::TYPE, format!("{what} must be true or false, without quotes"));
    None
}

/// One of some words.
pub(in crate::spec) fn word<T: Copy>(
    findings: &mut Findings,
    node: &Node,
    what: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    if let (Some(raw), Value::Scalar(_, Style::Plain)) = (node.text(), &node.value) {
        let read = plain::read(raw);
        if let Plain::Trap(trap @ Trap::YesNo(_)) = &read
            && let Some(word) = known.iter().find(|word| word.eq_ignore_ascii_case(raw))
        {
            findings.error(
                node.mark,
                trap.code(),
                format!("{what}: `{raw}` without quotes is a boolean for some tools; write \"{word}\""),
            );
            return None;
        }
        // quotes would not help: none of the words is a boolean
        if matches!(read, Plain::Bool(_) | Plain::Trap(Trap::YesNo(_))) {
            findings.error(node.mark, code::VALUE, format!("{what} must be one of {}, not `{raw}`", known.join(", ")));
            return None;
        }
    }
    let text = string(findings, node, what)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let hint = did_you_mean(text, known.iter().copied());
    findings.error(node.mark, code::VALUE, format!("{what} must be one of {}{hint}", known.join(", ")));
    None
}

/// A list of strings with the place of each.
pub(in crate::spec) fn strings<'n>(findings: &mut Findings, node: &'n Node, what: &str) -> Vec<(&'n str, Mark)> {
    let Some(nodes) = super::fields::list(findings, node, what) else { return Vec::new() };
    let each = format!("an entry of {what}");
    nodes.iter().filter_map(|node| string(findings, node, &each).map(|text| (text, node.mark))).collect()
}
