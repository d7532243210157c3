//! `kind: PhoneConfig`: one phone.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{
    code,
    labels::Labels,
    layer::Layer,
    owner::Voice,
    problem::{Place, Problem},
    read::{
        Findings, Lexicon, fields,
        layer::{self, Reference},
        metadata, scalar,
    },
    yaml::Node,
};
use crate::wpi::DeviceId;

/// One phone as its document declares it.
#[derive(Debug)]
pub(super) struct PhoneConfig {
    /// For whom its file speaks.
    pub(super) voice: Voice,
    /// Its name, where it could be read.
    pub(super) name: Option<Arc<str>>,
    /// Where the name stands.
    pub(super) name_place: Place,
    /// Its labels.
    pub(super) labels: Arc<Labels>,
    /// The device, where it could be read.
    pub(super) device: Option<DeviceId>,
    /// Where the device stands.
    pub(super) device_place: Place,
    /// The model it declares.
    pub(super) model: Option<SmolStr>,
    /// The profiles it builds on, lowest first.
    pub(super) profiles: Vec<Reference>,
    /// Its own layer.
    pub(super) layer: Layer,
    /// Whether its call number and primary line may be those of other phones, if they say so too.
    pub(super) shared: bool,
    /// Its errors.
    pub(super) errors: Vec<Problem>,
}

/// Reads the document.
pub(super) fn read(findings: &mut Findings, lexicon: &Lexicon<'_>, document: &Node, file: &Arc<str>) -> PhoneConfig {
    fields::known(findings, document, "the document", &["apiVersion", "kind", "metadata", "spec", "status"]);
    let metadata = metadata::read(findings, document);
    let title: Arc<str> = Arc::from(format!("phone/{}", metadata.name.as_deref().unwrap_or("?")));
    let mut phone = PhoneConfig {
        voice: Voice::Central,
        name: metadata.name,
        name_place: findings.place(metadata.mark),
        labels: metadata.labels,
        device: None,
        device_place: findings.place(document.mark),
        model: None,
        profiles: Vec::new(),
        layer: Layer { file: file.clone(), ..Layer::default() },
        shared: false,
        errors: Vec::new(),
    };
    let Some(spec) = document.get("spec") else {
        findings.error(
            document.mark,
            code::NO_SPEC,
            "the PhoneConfig has no `spec`; it needs at least `spec.phone.mac`",
        );
        return phone;
    };
    let mut known = vec!["phone"];
    known.extend(layer::FIELDS);
    known.push("shared");
    if fields::known(findings, spec, "`spec` of a PhoneConfig", &known).is_none() {
        return phone;
    }
    match spec.get("phone") {
        None => {
            findings.error(spec.mark, code::NO_PHONE, "`spec` has no `phone`; write `phone: {mac: \"00:1A:E8:…\"}`");
        }
        Some(node) => identity(findings, node, &mut phone),
    }
    if let Some(node) = spec.get("shared") {
        phone.shared = scalar::boolean(findings, node, "`shared`").unwrap_or_default();
    }
    (phone.profiles, phone.layer) = layer::read(findings, lexicon, spec, &title, file);
    phone
}

fn identity(findings: &mut Findings, node: &Node, phone: &mut PhoneConfig) {
    phone.device_place = findings.place(node.mark);
    if fields::known(findings, node, "`phone`", &["mac", "deviceId", "model"]).is_none() {
        return;
    }
    if let Some(model) = node.get("model") {
        phone.model = scalar::string(findings, model, "`model`").map(SmolStr::new);
    }
    let device = match (node.get("mac"), node.get("deviceId")) {
        (Some(mac), None) => {
            phone.device_place = findings.place(mac.mark);
            scalar::string(findings, mac, "`mac`").map(DeviceId::from_mac).map(|id| (mac.mark, id))
        }
        (None, Some(id)) => {
            phone.device_place = findings.place(id.mark);
            scalar::string(findings, id, "`deviceId`").map(DeviceId::new).map(|read| (id.mark, read))
        }
        (Some(_), Some(second)) => {
            findings.error(second.mark, code::NO_PHONE, "`phone` has both `mac` and `deviceId`; keep one of them");
            None
        }
        (None, None) => {
            findings.error(node.mark, code::NO_PHONE, "`phone` has neither `mac` nor `deviceId`; it needs one of them");
            None
        }
    };
    match device {
        Some((_, Ok(id))) => phone.device = Some(id),
        Some((mark, Err(error))) => findings.error(mark, code::DEVICE, format!("`phone`: {error}")),
        None => {}
    }
}
