//! `spec.final` and `spec.require` of a profile.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{Findings, Lexicon, fields, items, scalar};
use crate::{
    catalogue::Scalar,
    spec::{
        code,
        insist::{Final, Fits, Insist, Pattern, Require},
        layer::Unmanaged,
        yaml::{Entry, Node, Style, Value},
    },
    wpi::ItemId,
};

/// Most entries of `final`.
const FINAL_LIMIT: usize = 500;
/// Most entries of `require`.
const REQUIRE_LIMIT: usize = 100;
/// Most values of one `oneOf`.
const VALUE_LIMIT: usize = 200;

/// Reads both fields of `spec`.
pub(in crate::spec) fn read(findings: &mut Findings, lexicon: &Lexicon<'_>, spec: &Node) -> Option<Arc<Insist>> {
    let mut insist = Insist::default();
    if let Some(node) = spec.get("final") {
        for (what, mark) in items::listed(findings, lexicon, node, "`final`") {
            warn_of_nothing(findings, lexicon, mark, &what);
            insist.finals.push(Final { what, place: findings.place(mark) });
        }
        too_many(findings, node, "`final`", insist.finals.len(), FINAL_LIMIT);
    }
    if let Some(node) = spec.get("require") {
        let entries = fields::map(findings, node, "`require`").unwrap_or_default();
        if !too_many(findings, node, "`require`", entries.len(), REQUIRE_LIMIT) {
            insist.requires = entries.iter().filter_map(|entry| require(findings, lexicon, entry)).collect();
        }
    }
    (!insist.finals.is_empty() || !insist.requires.is_empty()).then(|| Arc::new(insist))
}

fn too_many(findings: &mut Findings, node: &Node, what: &str, count: usize, most: usize) -> bool {
    let over = count > most;
    if over {
        findings.error(node.mark, code::LIMIT, format!("{what} has {count} entries and may have {most}"));
    }
    over
}

/// Warns where no phone can have the item: who wrote it relies on it.
fn warn_of_nothing(findings: &mut Findings, lexicon: &Lexicon<'_>, mark: crate::spec::yaml::Mark, what: &Unmanaged) {
    let Some(known) = lexicon.get(what.name()) else { return };
    if let Unmanaged::Id(id) = what
        && !known.index_allowed(id.index)
    {
        findings.warn(mark, code::INDEX, format!("there is no `{id}`, so nothing is insisted on here"));
    }
}

fn require(findings: &mut Findings, lexicon: &Lexicon<'_>, entry: &Entry) -> Option<Require> {
    let what = items::named(findings, lexicon, entry.mark, &entry.key)?;
    warn_of_nothing(findings, lexicon, entry.mark, &what);
    let named = format!("`{what}` in `require`");
    if lexicon.is_secret(what.name()) {
        let message =
            format!("{named} is a secret: phones have references to secrets, whose values are never compared");
        findings.error(entry.mark, code::REQUIREMENT, message);
        return None;
    }
    fields::known(findings, &entry.value, &named, &["oneOf", "matches"])?;
    let fits = match (entry.value.get("oneOf"), entry.value.get("matches")) {
        (Some(node), None) => one_of(findings, lexicon, &what, node, &named),
        (None, Some(node)) => matches(findings, node, &named),
        _ => {
            let message = format!("{named} needs either `oneOf: [values]` or `matches: \"pattern\"`");
            findings.error(entry.value.mark, code::REQUIREMENT, message);
            None
        }
    }?;
    Some(Require { what, fits, place: findings.place(entry.mark) })
}

fn one_of(findings: &mut Findings, lexicon: &Lexicon<'_>, what: &Unmanaged, node: &Node, named: &str) -> Option<Fits> {
    let nodes = fields::list(findings, node, &format!("`oneOf` of {named}"))?;
    if nodes.is_empty() {
        findings.error(
            node.mark,
            code::REQUIREMENT,
            format!("`oneOf` of {named} has no value, so that none would fit"),
        );
        return None;
    }
    if too_many(findings, node, &format!("`oneOf` of {named}"), nodes.len(), VALUE_LIMIT) {
        return None;
    }
    let id = match what {
        Unmanaged::Id(id) => id.clone(),
        Unmanaged::Name(name) => ItemId::new(name.clone(), None),
    };
    let values: Vec<Option<SmolStr>> = nodes
        .iter()
        .map(|node| {
            let scalar = match &node.value {
                Value::Scalar(text, Style::Quoted) => Scalar::Text(text),
                _ => scalar::scalar(findings, node, &format!("a value of {named}"))?,
            };
            let (text, found) = lexicon.check(&id, scalar);
            findings.take(node.mark, found);
            text.map(SmolStr::new)
        })
        .collect();
    values.into_iter().collect::<Option<_>>().map(Fits::OneOf)
}

fn matches(findings: &mut Findings, node: &Node, named: &str) -> Option<Fits> {
    let text = scalar::string(findings, node, &format!("`matches` of {named}"))?;
    match Pattern::new(text) {
        Ok(pattern) => Some(Fits::Matches(pattern)),
        Err(problem) => {
            findings.error(node.mark, code::REQUIREMENT, format!("`matches` of {named} {problem}"));
            None
        }
    }
}
