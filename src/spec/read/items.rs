//! `spec.items`, `spec.byIndex`, `spec.seed` and `spec.unmanaged`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use smol_str::SmolStr;

use super::{Findings, Lexicon, fields, scalar, secret};
use crate::{
    catalogue::{Effect, GroupKey, NULL, Owner, Scalar},
    spec::{
        code,
        desired::{DesiredValue, LayerValue, Origin},
        layer::{Class, LayerItem, Unmanaged},
        secret_ref::item_id,
        yaml::{Mark, Node, Style, Value, plain},
    },
    wpi::{Index, ItemId, ItemName},
};

/// Reads the values of one layer.
pub(in crate::spec) struct ItemReader<'c, 'l> {
    catalogue: &'c Lexicon<'l>,
    layer: Arc<str>,
    /// The values found so far and where their names or indexes stand; `None` = there, but wrong.
    found: BTreeMap<ItemId, (Mark, Option<DesiredValue>, Mark)>,
}

impl<'c, 'l> ItemReader<'c, 'l> {
    /// A reader for the values of one layer, which is named in origins (`profile/NAME`).
    pub(in crate::spec) fn new(catalogue: &'c Lexicon<'l>, layer: Arc<str>) -> Self {
        Self { catalogue, layer, found: BTreeMap::new() }
    }

    /// Reads `items` or `seed`: item → value, or item → index → value.
    pub(in crate::spec) fn by_name(&mut self, findings: &mut Findings, node: &Node, what: &str) {
        for entry in fields::map(findings, node, what).unwrap_or_default() {
            let Some(name) = name(findings, &entry.key, entry.mark, entry.style) else { continue };
            let indexed = matches!(entry.value.value, Value::Map(_)) && !secret::is_reference(&entry.value);
            if !indexed {
                self.take(findings, ItemId::new(name, None), entry.mark, &entry.value);
                continue;
            }
            if entry.value.entries().is_empty() {
                findings.error(
                    entry.value.mark,
                    code::TYPE,
                    format!("`{name}` holds no index; fill it or leave it out"),
                );
            }
            for inner in entry.value.entries() {
                if let Some(index) = index(findings, &inner.key, inner.style, inner.mark) {
                    self.take(findings, ItemId::new(name.clone(), Some(index)), inner.mark, &inner.value);
                }
            }
        }
    }

    /// Reads `byIndex`: index → item → value.
    pub(in crate::spec) fn by_index(&mut self, findings: &mut Findings, node: &Node) {
        for entry in fields::map(findings, node, "`byIndex`").unwrap_or_default() {
            let Some(index) = index(findings, &entry.key, entry.style, entry.mark) else { continue };
            let what = format!("`byIndex` {index}");
            for inner in fields::map(findings, &entry.value, &what).unwrap_or_default() {
                if let Some(name) = name(findings, &inner.key, inner.mark, inner.style) {
                    self.take(findings, ItemId::new(name, Some(index)), inner.mark, &inner.value);
                }
            }
        }
    }

    fn take(&mut self, findings: &mut Findings, id: ItemId, key: Mark, node: &Node) {
        if let Some((first, ..)) = self.found.get(&id) {
            let line = first.line;
            findings.error(
                key,
                code::DUPLICATE_ITEM,
                format!("`{id}` has a value already on line {line} of this document; keep one of them"),
            );
            return;
        }
        let value = self.value(findings, &id, node);
        self.found.insert(id, (key, value, node.mark));
    }

    fn value(&self, findings: &mut Findings, id: &ItemId, node: &Node) -> Option<DesiredValue> {
        let what = format!("`{id}`");
        let is_secret = self.catalogue.is_secret(id.name.as_str());
        if secret::is_reference(node) {
            if !is_secret {
                findings.error(
                    node.mark,
                    code::NOT_A_SECRET,
                    format!("{what} is no secret, and only secrets are written as references; write its value"),
                );
                return None;
            }
            return secret::read(findings, node, &what).map(DesiredValue::Secret);
        }
        if is_secret {
            findings.error(
                node.mark,
                code::SECRET,
                format!("{what} is a secret and must not stand in a document; refer to it: {}", secret::FORMS),
            );
            return None;
        }
        let scalar = match &node.value {
            // what a text may hold depends on the item, so the catalogue is asked
            Value::Scalar(text, Style::Block) if text.trim().is_empty() => {
                findings.error(node.mark, code::BLOCK, format!("{what} {}", scalar::BLOCK));
                return None;
            }
            Value::Scalar(text, Style::Quoted | Style::Block) => Scalar::Text(text),
            _ => scalar::scalar(findings, node, &what)?,
        };
        let (text, found) = self.catalogue.check(id, scalar);
        let is_one_line = found.iter().any(|finding| finding.code == code::CONTROL);
        if is_one_line && matches!(node.value, Value::Scalar(_, Style::Block)) {
            findings.error(node.mark, code::BLOCK, format!("{what} {}", scalar::BLOCK));
            return None;
        }
        findings.take(node.mark, found);
        let text = text?;
        if self.catalogue.effect(id.name.as_str()) == Effect::Safety && matches!(&*text, "" | NULL) {
            let message = format!(
                "{what} decides over emergency calls and is never written empty; give it a value, or leave it out"
            );
            findings.error(node.mark, code::SAFETY_ITEM, message);
            return None;
        }
        Some(DesiredValue::Text(SmolStr::new(text)))
    }

    /// The values, sorted by id, after each item has been looked at as such (index, access, owner).
    pub(in crate::spec) fn finish(self, findings: &mut Findings) -> Vec<LayerItem> {
        let with_settings = self.groups_with_settings();
        let mut items = Vec::with_capacity(self.found.len());
        for (id, (key, value, place)) in self.found {
            let name = id.name.as_str();
            let rides_along = with_settings.contains(&self.catalogue.group(&id));
            let found = self.catalogue.check_item(&id).into_iter();
            findings.take(key, found.filter(|finding| !(rides_along && finding.code == code::ACTION)));
            let class = Class::of(self.catalogue, name);
            if class.unknown && !self.catalogue.misspelt(findings, key, name) {
                findings.warn(key, code::UNKNOWN_ITEM, unknown(self.catalogue, name));
            }
            let Some(value) = value else { continue };
            let origin = Some(Origin { place: findings.place(place), layer: self.layer.clone() });
            items.push(LayerItem { value: Arc::new(LayerValue { id, value, origin }), class });
        }
        items
    }

    /// The groups of which this layer sets more than actions. An action of such a group goes with it, as the restart
    /// of an XML application goes with its settings (R-1210, R-1222); on its own it is no setting.
    fn groups_with_settings(&self) -> BTreeSet<GroupKey> {
        let settings = self.found.keys().filter(|id| self.catalogue.owner(id.name.as_str()) != Owner::Action);
        settings.map(|id| self.catalogue.group(id)).filter(|group| matches!(group, GroupKey::Group(..))).collect()
    }
}

fn name(findings: &mut Findings, key: &str, mark: Mark, style: Style) -> Option<ItemName> {
    if style == Style::Plain && matches!(plain::read(key), plain::Plain::Trap(_) | plain::Plain::Null) {
        findings.error(mark, code::ITEM_NAME, format!("`{key}` without quotes cannot name an item"));
        return None;
    }
    if key.contains(['[', ']']) {
        let message = format!("`{key}`: an index is not part of the name; write `name: {{3: value}}` or use `byIndex`");
        findings.error(mark, code::ITEM_NAME, message);
        return None;
    }
    ItemName::new(key)
        .map_err(|error| findings.error(mark, code::ITEM_NAME, format!("not the name of an item: {error}")))
        .ok()
}

fn unknown(lexicon: &Lexicon<'_>, name: &str) -> String {
    let hint = lexicon.hint(name);
    format!(
        "the catalogue does not know `{name}`{hint} An unknown item is written only with `policy.lockoutItems: Allow`; a row in catalogue.csv makes it known",
        hint = if hint.is_empty() { ".".to_owned() } else { hint },
    )
}

fn index(findings: &mut Findings, key: &str, style: Style, mark: Mark) -> Option<Index> {
    if style == Style::Plain
        && let plain::Plain::Trap(trap) = plain::read(key)
    {
        findings.error(
            mark,
            trap.code(),
            format!("an index is a number from 0 without sign or leading zeros, not `{key}`"),
        );
        return None;
    }
    let canonical = key == "0" || (!key.starts_with('0') && key.bytes().all(|byte| byte.is_ascii_digit()));
    let number = key.parse().ok().filter(|_| canonical);
    if number.is_none() {
        let hint = if canonical { "" } else { "; a reference to a secret has other keys" };
        findings.error(
            mark,
            code::INDEX,
            format!("`{key}` is no index; an index is a number from 0 without sign or leading zeros{hint}"),
        );
    }
    number.map(Index)
}

/// One item with all its indexes or with one: `name` or `name[3]`.
pub(in crate::spec) fn named(
    findings: &mut Findings,
    lexicon: &Lexicon<'_>,
    mark: Mark,
    text: &str,
) -> Option<Unmanaged> {
    let Some(id) = item_id(text) else {
        findings.error(mark, code::ITEM_NAME, format!("`{text}` names no item; write `name` or `name[3]`"));
        return None;
    };
    lexicon.misspelt(findings, mark, id.name.as_str());
    Some(if id.index.is_some() { Unmanaged::Id(id) } else { Unmanaged::Name(id.name) })
}

/// Reads a list of names, or names with an index (`name[3]`), such as `unmanaged`.
pub(in crate::spec) fn listed(
    findings: &mut Findings,
    lexicon: &Lexicon<'_>,
    node: &Node,
    what: &str,
) -> Vec<(Unmanaged, Mark)> {
    let mut out: Vec<(Unmanaged, Mark)> = Vec::new();
    for (text, mark) in scalar::strings(findings, node, what) {
        let Some(entry) = named(findings, lexicon, mark, text) else { continue };
        if out.iter().any(|(known, _)| *known == entry) {
            findings.error(mark, code::DUPLICATE_ITEM, format!("`{text}` stands in {what} twice; keep one of them"));
        } else {
            out.push((entry, mark));
        }
    }
    out
}
