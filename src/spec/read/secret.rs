//! References in place of secrets, and the places where plain ones stand by mistake.

use smol_str::SmolStr;

use super::{Findings, fields, names, scalar};
use crate::{
    catalogue::Catalogue,
    spec::{
        code,
        secret_ref::{ENV_PREFIX, SecretRef, placeholders},
        yaml::{Entry, Node, Value},
    },
    wpi::item::sounds_secret,
};

const FIELDS: [&str; 5] = ["file", "env", "from", "key", "secret"];

/// How a secret is written, for messages.
pub(in crate::spec) const FORMS: &str =
    "{file: NAME}, {env: PHONEOPS_SECRET_NAME}, {from: NAME, key: KEY} or {secret: {name: NAME, key: KEY}}";

/// Whether a map is meant as a reference, not as values by index.
pub(in crate::spec) fn is_reference(node: &Node) -> bool {
    node.entries().iter().any(|entry| FIELDS.contains(&entry.key.as_str()))
}

/// Reads a reference. `what` names the item.
pub(in crate::spec) fn read(findings: &mut Findings, node: &Node, what: &str) -> Option<SecretRef> {
    let entries = fields::known(findings, node, &format!("the reference of {what}"), &FIELDS)?;
    let mut keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    keys.retain(|key| FIELDS.contains(key));
    keys.sort_unstable();
    match keys.as_slice() {
        ["file"] => file(findings, node.get("file")?, what).map(SecretRef::File),
        ["env"] => env(findings, node.get("env")?, what).map(SecretRef::Env),
        ["from", "key"] => {
            let from = file(findings, node.get("from")?, what);
            let key = key(findings, node.get("key")?, what);
            Some(SecretRef::Keyed { from: from?, key: key? })
        }
        ["secret"] => kubernetes(findings, node.get("secret")?, what),
        _ => {
            findings.error(
                node.mark,
                code::SECRET_REFERENCE,
                format!("the reference of {what} must have one of these forms: {FORMS}"),
            );
            None
        }
    }
}

fn file(findings: &mut Findings, node: &Node, what: &str) -> Option<SmolStr> {
    let name = scalar::string(findings, node, &format!("the file name of {what}"))?;
    let good = |part: &str| !part.is_empty() && part != "." && part != "..";
    if name.len() <= 255 && name.split('/').all(good) && !name.contains(['\\', ':']) {
        return Some(SmolStr::new(name));
    }
    findings.error(
        node.mark,
        code::SECRET_FILE,
        format!("the file of {what} must lie below --secrets-dir: a relative name without `..`, `.`, `:` or backslash"),
    );
    None
}

fn env(findings: &mut Findings, node: &Node, what: &str) -> Option<SmolStr> {
    let name = scalar::string(findings, node, &format!("the environment variable of {what}"))?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let rest = name.strip_prefix(ENV_PREFIX).unwrap_or("");
    if !rest.is_empty() && rest.bytes().all(good) && name.len() <= 255 {
        return Some(SmolStr::new(name));
    }
    findings.error(
        node.mark,
        code::SECRET_ENV,
        format!("the environment variable of {what} must be named {ENV_PREFIX}… with letters, digits and `_`; no other variable is read"),
    );
    None
}

fn key(findings: &mut Findings, node: &Node, what: &str) -> Option<SmolStr> {
    let key = scalar::string(findings, node, &format!("the key of {what}"))?;
    if key.is_empty() || key.len() > 255 {
        findings.error(node.mark, code::SECRET_KEY, format!("the key of {what} must have 1 to 255 characters"));
        return None;
    }
    if placeholders(key).is_none() {
        findings.error(
            node.mark,
            code::SECRET_KEY,
            format!("the braces in the key of {what} must hold the name of an item, such as {{e164}}"),
        );
        return None;
    }
    Some(SmolStr::new(key))
}

fn kubernetes(findings: &mut Findings, node: &Node, what: &str) -> Option<SecretRef> {
    let what = format!("the secret of {what}");
    fields::known(findings, node, &what, &["name", "key"])?;
    let (Some(name), Some(key)) = (node.get("name"), node.get("key")) else {
        findings.error(node.mark, code::SECRET_REFERENCE, format!("{what} must have a `name` and a `key`"));
        return None;
    };
    let name = super::metadata::resource_name(findings, name, &format!("the name in {what}"));
    let key_text = scalar::string(findings, key, &format!("the key in {what}"))?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_key = !key_text.is_empty()
        && key_text.len() <= 253
        && key_text.bytes().all(good)
        && key_text != "."
        && !key_text.starts_with("..");
    if !is_key {
        findings.error(
            key.mark,
            code::SECRET_KEY,
            format!("the key in {what} does not follow the rules: {}", names::LABEL_RULE),
        );
        return None;
    }
    Some(SecretRef::Secret { name: SmolStr::new(name?), key: SmolStr::new(key_text) })
}

/// The byte spans of everything that stands where a secret is expected and is not a reference: never to be shown.
pub(in crate::spec) fn plain_spans(catalogue: &Catalogue, text: &str, document: &Node) -> Vec<(u32, u32)> {
    let mut spans = Vec::new();
    let mut open: Vec<(&Node, Look)> = vec![(document, Look::Around)];
    while let Some((node, look)) = open.pop() {
        for entry in node.entries() {
            let look = look.below(catalogue, entry);
            match entry.value.value {
                Value::Map(_) => open.push((&entry.value, look)),
                Value::List(_) if look == Look::Around => open.push((&entry.value, look)),
                _ if look == Look::Hide => spans.push((behind_colon(text, entry.mark.end), entry.value.mark.end)),
                _ => {}
            }
        }
        if let Value::List(nodes) = &node.value {
            open.extend(nodes.iter().map(|node| (node, look)));
        }
    }
    spans.sort_unstable();
    spans
}

/// What the values of a map are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// No secrets, unless their names say so.
    Around,
    /// Secrets, unless they are references.
    Hide,
    /// Fields of a reference.
    Reference,
    /// Name and key of a Kubernetes Secret.
    Kubernetes,
}

impl Look {
    fn below(self, catalogue: &Catalogue, entry: &Entry) -> Self {
        let key = entry.key.as_str();
        let is_secret = self == Self::Hide || sounds_secret(key) || catalogue.is_secret(key);
        match self {
            Self::Around | Self::Hide if is_secret && is_reference(&entry.value) => Self::Reference,
            Self::Around | Self::Hide if is_secret => Self::Hide,
            Self::Reference if key == "secret" && !entry.value.entries().is_empty() => Self::Kubernetes,
            Self::Reference if key != "secret" && FIELDS.contains(&key) => Self::Around,
            Self::Kubernetes if matches!(key, "name" | "key") => Self::Around,
            Self::Around => Self::Around,
            Self::Hide | Self::Reference | Self::Kubernetes => Self::Hide,
        }
    }
}

/// The start of a value, with the anchor or tag before it: a password may look like one.
fn behind_colon(text: &str, key_end: u32) -> u32 {
    let rest = text.get(key_end as usize..).unwrap_or("");
    let value = rest.trim_start_matches(['"', '\'']).trim_start().trim_start_matches(':').trim_start();
    key_end + u32::try_from(rest.len() - value.len()).unwrap_or(0)
}
