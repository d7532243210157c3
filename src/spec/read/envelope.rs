//! Which documents are ours: `apiVersion` and `kind`.

use super::{Findings, scalar};
use crate::spec::{
    code,
    suggest::{closest, did_you_mean},
    yaml::{Node, Value},
};

/// The API group and version of our documents.
pub const API_VERSION: &str = "phoneops.dev/v1alpha1";
const GROUP: &str = "phoneops.dev";

/// The kinds of documents that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spec) enum Kind {
    /// `PhoneConfig`: one phone.
    Config,
    /// `PhoneProfile`: a layer that phones share.
    Profile,
    /// `PhoneSite`: a place.
    Site,
}

impl Kind {
    const WORDS: [(&'static str, Self); 3] =
        [("PhoneConfig", Self::Config), ("PhoneProfile", Self::Profile), ("PhoneSite", Self::Site)];

    fn read(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, kind)| kind)
    }
}

/// Whose a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spec) enum Owner {
    /// Ours.
    Ours(Kind),
    /// Ours or meant to be, but what it declares cannot be told; the findings say why.
    Unclear,
    /// Of another API group, or no resource at all.
    Other,
    /// Nothing between two `---`.
    Empty,
}

/// Tells whose a document is.
pub(in crate::spec) fn owner(findings: &mut Findings, document: &Node) -> Owner {
    if document.is_null() {
        return Owner::Empty;
    }
    if !matches!(document.value, Value::Map(_)) {
        findings.warn(
            document.mark,
            code::NO_RESOURCE,
            "the document is no resource (no map with apiVersion and kind) and is skipped",
        );
        return Owner::Other;
    }
    let kind = document.get("kind");
    let known = kind.and_then(Node::text).and_then(Kind::read);
    match document.get("apiVersion") {
        None if kind.is_none() && document.get("spec").is_none() => {
            findings.warn(
                document.mark,
                code::NO_RESOURCE,
                "the document has neither apiVersion nor kind and is skipped",
            );
            Owner::Other
        }
        None => {
            findings.error(
                document.mark,
                code::NO_API_VERSION,
                format!("the document has no `apiVersion`; write `apiVersion: {API_VERSION}`"),
            );
            Owner::Unclear
        }
        Some(version) => match version.text() {
            Some(API_VERSION) => ours(findings, document, kind, known),
            Some(text) => foreign(findings, version, text, known),
            None => {
                findings.error(
                    version.mark,
                    code::API_VERSION,
                    format!("`apiVersion` must be a text such as {API_VERSION}"),
                );
                Owner::Unclear
            }
        },
    }
}

fn ours(findings: &mut Findings, document: &Node, kind: Option<&Node>, known: Option<Kind>) -> Owner {
    let names = || Kind::WORDS.iter().map(|(word, _)| *word);
    if let Some(kind) = known {
        return Owner::Ours(kind);
    }
    match kind {
        None => {
            let known: Vec<&str> = names().collect();
            findings.error(
                document.mark,
                code::NO_KIND,
                format!("the document has no `kind`; it is one of {}", known.join(", ")),
            );
        }
        Some(kind) => {
            if let Some(word) = scalar::string(findings, kind, "`kind`") {
                let known: Vec<&str> = names().collect();
                let hint = did_you_mean(word, names());
                findings.error(
                    kind.mark,
                    code::UNKNOWN_KIND,
                    format!("{API_VERSION} has no kind `{word}`; it has {}{hint}", known.join(", ")),
                );
            }
        }
    }
    Owner::Unclear
}

fn foreign(findings: &mut Findings, version: &Node, text: &str, known: Option<Kind>) -> Owner {
    let group = text.split_once('/').map_or("", |(group, _)| group);
    let is_ours = group == GROUP || text == GROUP;
    let is_close = known.is_some() && (group.is_empty() || closest(group, [GROUP]).is_some());
    if is_ours || is_close {
        let message = format!("`apiVersion` must be {API_VERSION}, not `{text}`");
        findings.error(version.mark, code::API_VERSION, message);
        return Owner::Unclear;
    }
    Owner::Other
}
