//! `kind: PhoneSite`: a place with its networks, the way its phones are reached, its servers, clock, windows, limits and
//! call numbers, and who owns it.

use std::sync::Arc;

use super::{
    code,
    owner::{OwnerWord, Voice},
    problem::{Place, Problem},
    read::{Findings, fields, metadata, owner, scalar, site as parts, window},
    site::{Reach, Site, SiteName},
    yaml::Node,
};

/// A site as its document declares it.
#[derive(Debug)]
pub(super) struct PhoneSite {
    /// For whom its file speaks.
    pub(super) voice: Voice,
    /// The site; `None` if its name could not be read.
    pub(super) site: Option<Site>,
    /// Who owns it; kept apart, because it holds even if the name cannot be read.
    pub(super) owner: Option<OwnerWord>,
    /// The fields that it says, each with its place.
    pub(super) said: Vec<(&'static str, Place)>,
    /// The file it stands in.
    pub(super) file: Arc<str>,
    /// Where the name stands.
    pub(super) name_place: Place,
    /// Its errors.
    pub(super) errors: Vec<Problem>,
}

pub(super) const FIELDS: [&str; 9] =
    ["networks", "reach", "servers", "timeZone", "windows", "limits", "gate", "numbers", "owner"];

/// Reads the document.
pub(super) fn read(findings: &mut Findings, document: &Node, file: &Arc<str>) -> PhoneSite {
    fields::known(findings, document, "the document", &["apiVersion", "kind", "metadata", "spec", "status"]);
    let metadata = metadata::read(findings, document);
    let mut site = Site::default();
    let mut owner = None;
    let mut said = Vec::new();
    match document.get("spec") {
        None => findings.error(document.mark, code::NO_SPEC, "the PhoneSite has no `spec`"),
        Some(spec) => {
            for entry in fields::known(findings, spec, "`spec` of a PhoneSite", &FIELDS).unwrap_or_default() {
                let Some(name) = FIELDS.into_iter().find(|field| *field == entry.key) else { continue };
                said.push((name, findings.place(entry.mark)));
                match name {
                    "owner" => owner = owner::read(findings, &entry.value, file),
                    _ => field(findings, name, &entry.value, &mut site),
                }
            }
            // behind all others: they may go by the clock of the site
            if let Some(node) = spec.get("windows") {
                windows(findings, node, metadata.name.as_deref().unwrap_or("?"), &mut site);
            }
        }
    }
    site.owner = owner.as_ref().map(|word| word.owner.clone());
    let labels = metadata.labels;
    let site = metadata.name.map(|name| Site { name: SiteName::new(&name), labels, ..site });
    let name_place = findings.place(metadata.mark);
    PhoneSite { voice: Voice::Central, site, owner, said, file: file.clone(), name_place, errors: Vec::new() }
}

fn field(findings: &mut Findings, name: &str, node: &Node, site: &mut Site) {
    match name {
        "networks" => site.networks = parts::networks(findings, node, "`networks`").into(),
        "reach" => {
            let words = [("ContactMe", Reach::ContactMe), ("Poll", Reach::Poll)];
            site.reach = scalar::word(findings, node, "`reach`", &words).unwrap_or_default();
        }
        "servers" => site.servers = parts::servers(findings, node).into(),
        "timeZone" => site.time_zone = window::zone(findings, node),
        "limits" => site.limits = parts::limits(findings, node),
        "gate" => site.gate = parts::gate(findings, node),
        "numbers" => site.numbers = owner::numbers(findings, node, "`numbers`").into(),
        _ => {}
    }
}

fn windows(findings: &mut Findings, node: &Node, name: &str, site: &mut Site) {
    let Some(list) = window::read(findings, node, "`windows`") else { return };
    site.windows = list.ready;
    if list.zoneless.is_empty() {
        return;
    }
    site.windows = window::on_clock(&list.zoneless, site.time_zone.as_ref());
    if site.time_zone.is_none() {
        findings.problems.extend(window::clockless(&list.zoneless, name));
    }
}
