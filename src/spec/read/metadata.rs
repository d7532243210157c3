//! `metadata`: the name and the labels.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Findings, fields,
    names::{LABEL_RULE, NAME_RULE, is_label_key, is_label_value, is_name},
    scalar,
};
use crate::spec::{
    code,
    labels::Labels,
    yaml::{Mark, Node},
};

/// What is taken from `metadata`.
#[derive(Debug)]
pub(in crate::spec) struct Metadata {
    /// The name, where it could be read.
    pub(in crate::spec) name: Option<Arc<str>>,
    /// Where the name stands, else the document.
    pub(in crate::spec) mark: Mark,
    /// The labels.
    pub(in crate::spec) labels: Arc<Labels>,
}

/// Fields that Kubernetes or its tools set; they say nothing to us.
const FIELDS: [&str; 12] = [
    "name",
    "labels",
    "namespace",
    "annotations",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "ownerReferences",
    "finalizers",
    "selfLink",
];

/// Reads `metadata` of a document.
pub(in crate::spec) fn read(findings: &mut Findings, document: &Node) -> Metadata {
    let mut metadata = Metadata { name: None, mark: document.mark, labels: Arc::default() };
    let Some(node) = document.get("metadata") else {
        findings.error(document.mark, code::NO_NAME, "the document has no `metadata.name`; every document needs one");
        return metadata;
    };
    let Some(entries) = fields::known(findings, node, "`metadata`", &FIELDS) else { return metadata };
    match node.get("name") {
        None => findings.error(node.mark, code::NO_NAME, "`metadata` has no `name`; every document needs one"),
        Some(name) => {
            metadata.mark = name.mark;
            metadata.name = resource_name(findings, name, "`metadata.name`").map(Arc::from);
        }
    }
    if entries.iter().any(|entry| entry.key == "labels") {
        metadata.labels = Arc::new(node.get("labels").map(|node| labels(findings, node)).unwrap_or_default());
    }
    metadata
}

/// A string that follows the rules for names.
pub(in crate::spec) fn resource_name<'n>(findings: &mut Findings, node: &'n Node, what: &str) -> Option<&'n str> {
    let name = scalar::string(findings, node, what)?;
    if is_name(name) {
        return Some(name);
    }
    findings.error(node.mark, code::NAME, format!("{what} does not follow the rules for names: {NAME_RULE}"));
    None
}

fn labels(findings: &mut Findings, node: &Node) -> Labels {
    let Some(entries) = fields::map(findings, node, "`metadata.labels`") else { return Labels::default() };
    let mut labels = BTreeMap::new();
    for entry in entries {
        let key = &entry.key;
        if !is_label_key(key) {
            findings.error(
                entry.mark,
                code::LABEL,
                format!("the label `{key}` does not follow the rules: {LABEL_RULE}"),
            );
            continue;
        }
        let Some(value) = scalar::string(findings, &entry.value, &format!("the label `{key}`")) else { continue };
        if is_label_value(value) {
            labels.insert(key.as_str(), value);
        } else {
            let message = format!("the value of the label `{key}` does not follow the rules: {LABEL_RULE}");
            findings.error(entry.value.mark, code::LABEL, message);
        }
    }
    labels.into_iter().collect()
}
