//! `policy.ignore` and `policy.pause`: what is left alone, why, and until when.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Findings, Lexicon, duration, fields, scalar};
use crate::{
    catalogue::{Effect, Scalar},
    spec::{
        code,
        ignore::Ignore,
        pause::Pause,
        problem::{Problem, Severity},
        written::Yaml,
        yaml::{Mark, Node, plain},
    },
    wpi::{Index, ItemId, ItemName},
};

/// Most rules of one list.
const RULE_LIMIT: usize = 100;
/// Longest reason or name, in characters: both are shown with every phone they concern.
const WORDS_LIMIT: usize = 200;

/// Something with an end, and what is said when the end has come.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::spec) struct Ending {
    /// The end.
    pub(in crate::spec) until: Timestamp,
    /// The warning.
    pub(in crate::spec) problem: Problem,
}

/// Reads `policy.ignore`. The rules are sorted by id, each id once; those with an end are added to `endings`.
pub(in crate::spec) fn read(
    findings: &mut Findings,
    lexicon: &Lexicon<'_>,
    node: &Node,
    endings: &mut Vec<Ending>,
) -> Option<Arc<[Ignore]>> {
    let nodes = fields::list(findings, node, "`policy.ignore`")?;
    if nodes.len() > RULE_LIMIT {
        let message = format!("`policy.ignore` has {} entries and may have {RULE_LIMIT}", nodes.len());
        findings.error(node.mark, code::LIMIT, message);
        return None;
    }
    let mut rules: Vec<Ignore> = Vec::new();
    for node in nodes {
        let Some(rule) = rule(findings, lexicon, node, endings) else { continue };
        match rules.binary_search_by(|known| known.id.cmp(&rule.id)) {
            Ok(_) => {
                let message = format!("`policy.ignore` names `{}` twice; keep one of them", rule.id);
                findings.error(node.mark, code::DUPLICATE_ITEM, message);
            }
            Err(position) => rules.insert(position, rule),
        }
    }
    Some(rules.into())
}

fn rule(findings: &mut Findings, lexicon: &Lexicon<'_>, node: &Node, endings: &mut Vec<Ending>) -> Option<Ignore> {
    const WHAT: &str = "an ignore rule";
    fields::known(findings, node, WHAT, &["item", "index", "reason", "until"])?;
    let id = id(findings, lexicon, node, WHAT);
    let reason = words(findings, node, WHAT, "reason");
    let until = until(findings, node);
    let rule = Ignore { id: id?, reason: reason?, until: until? };
    if let Some(until) = rule.until {
        let message = format!(
            "the rule that ignores `{}` ended at {until} and no longer holds; take it out, or give it a later end",
            rule.id
        );
        let problem = Problem::new(Severity::Warning, findings.place(node.mark), code::EXPIRED, message);
        endings.push(Ending { until, problem });
    }
    Some(rule)
}

fn id(findings: &mut Findings, lexicon: &Lexicon<'_>, node: &Node, what: &str) -> Option<ItemId> {
    let item = fields::needed(findings, node, what, "item");
    let index = node.get("index").map(|node| index(findings, node));
    let item = item?;
    let text = scalar::string(findings, item, "`item`")?;
    let name = ItemName::new(text).ok().filter(|name| !name.as_str().contains(['[', ']']));
    let Some(name) = name else {
        let message =
            format!("`{text}` names no item; an index goes into a field of its own: {{item: NAME, index: 3}}");
        findings.error(item.mark, code::ITEM_NAME, message);
        return None;
    };
    if lexicon.effect(name.as_str()) == Effect::Safety {
        let message = format!(
            "`{name}` decides over emergency calls; its differences are never ignored, correct its value instead"
        );
        findings.error(item.mark, code::SAFETY_ITEM, message);
        return None;
    }
    let index = match index {
        Some(index) => Some(index?),
        None => None,
    };
    warn_of_nothing(findings, lexicon, item.mark, name.as_str(), index);
    Some(ItemId::new(name, index))
}

/// Warns where the rule can hit nothing: who wrote it relies on it.
fn warn_of_nothing(findings: &mut Findings, lexicon: &Lexicon<'_>, mark: Mark, name: &str, index: Option<Index>) {
    let Some(known) = lexicon.get(name) else {
        let hint = lexicon.hint(name);
        if !lexicon.misspelt(findings, mark, name) && !hint.is_empty() {
            let message = format!("the catalogue does not know `{name}`, so this rule may ignore nothing{hint}");
            findings.warn(mark, code::UNKNOWN_ITEM, message);
        }
        return;
    };
    if !known.index_allowed(index) {
        let message = match index {
            None => format!("`{name}` has an index, and a rule without one ignores none of them; add `index`"),
            Some(index) if known.indexed() => format!("`{name}` has no index {index}, so this rule ignores nothing"),
            Some(_) => format!("`{name}` has no index, so this rule ignores nothing; take `index` out"),
        };
        findings.warn(mark, code::INDEX, message);
    } else if !lexicon.compares(name) {
        let message = format!(
            "`{name}` is never compared, so this rule ignores nothing; to have it left alone, take it out by `unmanaged`"
        );
        findings.warn(mark, code::IGNORES_NOTHING, message);
    }
}

fn index(findings: &mut Findings, node: &Node) -> Option<Index> {
    let number = match scalar::scalar(findings, node, "`index`")? {
        Scalar::Integer(number) => u32::try_from(number).ok(),
        _ => None,
    };
    if number.is_none() {
        findings.error(node.mark, code::INDEX, "`index` must be a number from 0");
    }
    number.map(Index)
}

/// What a layer says of the pause.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::spec) enum PauseWord {
    /// `pause: false` lifts the pause of a lower layer.
    Lift,
    /// A pause.
    Pause(Pause),
}

/// A rule as a document says it.
pub(in crate::spec) fn written(rule: &Ignore) -> Yaml {
    let mut fields = vec![("item".to_owned(), Yaml::text(rule.id.name.as_str()))];
    fields.extend(rule.id.index.map(|index| ("index".to_owned(), Yaml::Number(index.0.into()))));
    fields.push(("reason".to_owned(), Yaml::text(&*rule.reason)));
    fields.extend(rule.until.map(|until| ("until".to_owned(), Yaml::text(until.to_string()))));
    Yaml::Map(fields)
}

impl PauseWord {
    /// What it says, as a document says it.
    pub(in crate::spec) fn written(&self) -> Yaml {
        let Self::Pause(pause) = self else { return Yaml::Truth(false) };
        let mut fields =
            vec![("reason".to_owned(), Yaml::text(&*pause.reason)), ("by".to_owned(), Yaml::text(&*pause.by))];
        fields.extend(pause.until.map(|until| ("until".to_owned(), Yaml::text(until.to_string()))));
        Yaml::Map(fields)
    }
}

/// Reads `policy.pause`; one with an end is added to `endings`.
pub(in crate::spec) fn pause(findings: &mut Findings, node: &Node, endings: &mut Vec<Ending>) -> Option<PauseWord> {
    const WHAT: &str = "`policy.pause`";
    if node.text().map(plain::read) == Some(plain::Plain::Bool(false)) {
        return scalar::boolean(findings, node, WHAT).map(|_| PauseWord::Lift);
    }
    if node.text().is_some() && !node.is_null() {
        let message = "`policy.pause` must be {reason: …, by: …}, with an `until` if you like, or `false`, which lifts the pause of a lower layer";
        findings.error(node.mark, code::TYPE, message);
        return None;
    }
    fields::known(findings, node, WHAT, &["until", "reason", "by"])?;
    let reason = words(findings, node, WHAT, "reason");
    let by = words(findings, node, WHAT, "by");
    let until = until(findings, node);
    let pause = Pause { until: until?, reason: reason?, by: by? };
    if let Some(until) = pause.until {
        let message = format!("the pause ended at {until} and no longer holds; take it out, or give it a later end");
        let problem = Problem::new(Severity::Warning, findings.place(node.mark), code::EXPIRED, message);
        endings.push(Ending { until, problem });
    }
    Some(PauseWord::Pause(pause))
}

/// The end, if there is a good one; `None` if there is a wrong one.
#[allow(clippy::option_option, reason = "no end and a wrong end are different")]
fn until(findings: &mut Findings, node: &Node) -> Option<Option<Timestamp>> {
    match node.get("until") {
        None => Some(None),
        Some(node) => duration::until(findings, node, "`until`").map(Some),
    }
}

/// A field for people, which must say something.
fn words(findings: &mut Findings, node: &Node, what: &str, field: &str) -> Option<Arc<str>> {
    let node = fields::needed(findings, node, what, field)?;
    let text = scalar::string(findings, node, &format!("`{field}`"))?;
    if text.is_empty() {
        findings.error(node.mark, code::EMPTY, format!("`{field}` is empty; say it in a few words"));
        return None;
    }
    if text.chars().count() > WORDS_LIMIT {
        findings.error(node.mark, code::LENGTH, format!("`{field}` may have {WORDS_LIMIT} characters"));
        return None;
    }
    Some(Arc::from(text))
}
