//! What the specs of phones and profiles have in common: lower layers, site, policy and values.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{Findings, Lexicon, items, items::ItemReader, metadata, policy};
use crate::spec::{
    code,
    layer::{Layer, Unmanaged},
    problem::Place,
    site::SiteName,
    yaml::{Mark, Node, Value},
};

/// Fields of both specs.
pub(in crate::spec) const FIELDS: [&str; 7] = ["profiles", "site", "policy", "items", "byIndex", "seed", "unmanaged"];

/// A profile that a document names.
#[derive(Debug, Clone)]
pub(in crate::spec) struct Reference {
    /// Its name.
    pub(in crate::spec) name: Arc<str>,
    /// Where it is named.
    pub(in crate::spec) place: Place,
}

/// Reads the common fields of `spec`. `title` names the layer in origins.
pub(in crate::spec) fn read(
    findings: &mut Findings,
    lexicon: &Lexicon<'_>,
    spec: &Node,
    title: &Arc<str>,
    file: &Arc<str>,
) -> (Vec<Reference>, Layer) {
    let mut layer = Layer { file: file.clone(), ..Layer::default() };
    let profiles = spec.get("profiles").map(|node| profiles(findings, node)).unwrap_or_default();
    if let Some(node) = spec.get("site") {
        layer.site_place = Some(findings.place(node.mark));
        layer.site = metadata::resource_name(findings, node, "`site`").map(SiteName::new);
    }
    if let Some(node) = spec.get("policy") {
        layer.policy = policy::read(findings, lexicon, node);
        let named = node.entries().iter().map(|entry| (SmolStr::new(&entry.key), findings.place(entry.mark)));
        layer.policy_fields = named.collect();
    }
    let mut reader = ItemReader::new(lexicon, title.clone());
    if let Some(node) = spec.get("items") {
        reader.by_name(findings, node, "`items`");
    }
    if let Some(node) = spec.get("byIndex") {
        reader.by_index(findings, node);
    }
    layer.items = reader.finish(findings);
    if let Some(node) = spec.get("seed") {
        let mut reader = ItemReader::new(lexicon, title.clone());
        reader.by_name(findings, node, "`seed`");
        layer.seeds = reader.finish(findings);
    }
    let unmanaged =
        spec.get("unmanaged").map(|node| items::listed(findings, lexicon, node, "`unmanaged`")).unwrap_or_default();
    for (out, mark) in &unmanaged {
        contradiction(findings, &layer, out, *mark);
    }
    let unknown = unmanaged.iter().filter(|(out, _)| lexicon.get(out.name()).is_none() && !lexicon.is_slip(out.name()));
    layer.unmanaged_unknown = unknown.map(|(out, mark)| (out.clone(), findings.place(*mark))).collect();
    layer.unmanaged = unmanaged.into_iter().map(|(out, mark)| (out, findings.place(mark))).collect();
    (profiles, layer)
}

fn contradiction(findings: &mut Findings, layer: &Layer, out: &Unmanaged, mark: Mark) {
    if let Some(item) = layer.items.iter().chain(&layer.seeds).find(|item| out.covers(item.id())) {
        let message =
            format!("`{}` has a value in this document and is in `unmanaged` too; keep one of them", item.id());
        findings.error(mark, code::CONTRADICTION, message);
    }
}

fn profiles(findings: &mut Findings, node: &Node) -> Vec<Reference> {
    let mut references: Vec<Reference> = Vec::new();
    let Value::List(nodes) = &node.value else {
        super::fields::list(findings, node, "`profiles`");
        return references;
    };
    for node in nodes {
        let Some(name) = metadata::resource_name(findings, node, "an entry of `profiles`") else { continue };
        if references.iter().any(|known| &*known.name == name) {
            findings.error(
                node.mark,
                code::PROFILE_TWICE,
                format!("`profiles` names `{name}` twice; keep one of them"),
            );
        } else {
            references.push(Reference { name: Arc::from(name), place: findings.place(node.mark) });
        }
    }
    references
}
