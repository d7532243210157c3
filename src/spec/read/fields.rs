//! Maps with known fields.

use super::Findings;
use crate::spec::{
    code,
    suggest::did_you_mean,
    yaml::{Entry, Node, Value},
};

/// The entries of a map; anything else is a problem.
pub(in crate::spec) fn map<'n>(findings: &mut Findings, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Map(entries) => return Some(entries),
        Value::Faulty => {}
        _ if node.is_null() => {
            findings.error(node.mark, code::NULL, format!("{what} is empty; fill it or leave it out"));
        }
        _ => findings.error(node.mark, code::TYPE, format!("{what} must be a map (`name: value`)")),
    }
    None
}

/// The entries of a list; anything else is a problem.
pub(in crate::spec) fn list<'n>(findings: &mut Findings, node: &'n Node, what: &str) -> Option<&'n [Node]> {
    match &node.value {
        Value::List(nodes) => return Some(nodes),
        Value::Faulty => {}
        _ if node.is_null() => {
            findings.error(node.mark, code::NULL, format!("{what} is empty; fill it or leave it out"));
        }
        _ => findings.error(node.mark, code::TYPE, format!("{what} must be a list (`[one, two]`)")),
    }
    None
}

/// A map all of whose fields are known; unknown ones are problems, with the closest known one.
pub(in crate::spec) fn known<'n>(
    findings: &mut Findings,
    node: &'n Node,
    what: &str,
    fields: &[&str],
) -> Option<&'n [Entry]> {
    let entries = map(findings, node, what)?;
    for entry in entries.iter().filter(|entry| !fields.contains(&entry.key.as_str())) {
        let hint = did_you_mean(&entry.key, fields.iter().copied());
        let message = if hint.is_empty() {
            format!("{what} has no field `{}`; it takes {}", entry.key, fields.join(", "))
        } else {
            format!("{what} has no field `{}`{hint}", entry.key)
        };
        findings.error(entry.mark, code::UNKNOWN_FIELD, message);
    }
    Some(entries)
}

/// The value of a field that must be there.
pub(in crate::spec) fn needed<'n>(
    findings: &mut Findings,
    node: &'n Node,
    what: &str,
    field: &str,
) -> Option<&'n Node> {
    let value = node.get(field);
    if value.is_none() {
        findings.error(node.mark, code::MISSING_FIELD, format!("{what} has no `{field}`; add it"));
    }
    value
}
