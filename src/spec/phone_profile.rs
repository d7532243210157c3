//! `kind: PhoneProfile`: a layer that phones share.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{
    code,
    layer::Layer,
    owner::Voice,
    problem::{Place, Problem},
    read::{
        Findings, Lexicon, fields, insist,
        layer::{self, Reference},
        metadata, scalar,
    },
    yaml::Node,
};

/// A layer as its document declares it.
#[derive(Debug)]
pub(super) struct PhoneProfile {
    /// For whom its file speaks.
    pub(super) voice: Voice,
    /// Its name, where it could be read.
    pub(super) name: Option<Arc<str>>,
    /// Where the name stands.
    pub(super) name_place: Place,
    /// The profiles it builds on, lowest first.
    pub(super) profiles: Vec<Reference>,
    /// Its own layer.
    pub(super) layer: Layer,
    /// Its errors.
    pub(super) errors: Vec<Problem>,
}

/// Reads the document.
pub(super) fn read(findings: &mut Findings, lexicon: &Lexicon<'_>, document: &Node, file: &Arc<str>) -> PhoneProfile {
    fields::known(findings, document, "the document", &["apiVersion", "kind", "metadata", "spec", "status"]);
    let metadata = metadata::read(findings, document);
    let title: Arc<str> = Arc::from(format!("profile/{}", metadata.name.as_deref().unwrap_or("?")));
    let mut profile = PhoneProfile {
        voice: Voice::Central,
        name: metadata.name,
        name_place: findings.place(metadata.mark),
        profiles: Vec::new(),
        layer: Layer { file: file.clone(), ..Layer::default() },
        errors: Vec::new(),
    };
    let Some(spec) = document.get("spec") else {
        findings.error(document.mark, code::NO_SPEC, "the PhoneProfile has no `spec`");
        return profile;
    };
    let mut known = vec!["models"];
    known.extend(layer::FIELDS);
    known.extend(["final", "require"]);
    if fields::known(findings, spec, "`spec` of a PhoneProfile", &known).is_none() {
        return profile;
    }
    (profile.profiles, profile.layer) = layer::read(findings, lexicon, spec, &title, file);
    profile.layer.insist = insist::read(findings, lexicon, spec);
    if let Some(node) = spec.get("models") {
        let models = scalar::strings(findings, node, "`models`");
        profile.layer.models = models.iter().map(|(model, _)| SmolStr::new(model.to_lowercase())).collect();
        if profile.layer.models.is_empty() {
            findings.error(node.mark, code::TYPE, "`models` names no model; fill it or leave it out");
        }
    }
    profile
}
