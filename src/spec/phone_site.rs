//! `kind: PhoneSite`: a place with its networks and the way its phones are reached.

use std::sync::Arc;

use ipnet::IpNet;

use super::{
    code,
    problem::{Place, Problem},
    read::{Findings, fields, metadata, scalar},
    site::{Reach, Site, SiteName},
    yaml::Node,
};

/// A site as its document declares it.
#[derive(Debug)]
pub(super) struct PhoneSite {
    /// The site; `None` if its name could not be read.
    pub(super) site: Option<Site>,
    /// The file it stands in.
    pub(super) file: Arc<str>,
    /// Where the name stands.
    pub(super) name_place: Place,
    /// Its errors.
    pub(super) errors: Vec<Problem>,
}

/// Reads the document.
pub(super) fn read(findings: &mut Findings, document: &Node, file: &Arc<str>) -> PhoneSite {
    fields::known(findings, document, "the document", &["apiVersion", "kind", "metadata", "spec", "status"]);
    let metadata = metadata::read(findings, document);
    let (mut networks, mut reach) = (Vec::new(), Reach::default());
    match document.get("spec") {
        None => findings.error(document.mark, code::NO_SPEC, "the PhoneSite has no `spec`"),
        Some(spec) => {
            if fields::known(findings, spec, "`spec` of a PhoneSite", &["networks", "reach"]).is_some() {
                networks = spec.get("networks").map(|node| read_networks(findings, node)).unwrap_or_default();
                let words = [("ContactMe", Reach::ContactMe), ("Poll", Reach::Poll)];
                let word = spec.get("reach").and_then(|node| scalar::word(findings, node, "`reach`", &words));
                reach = word.unwrap_or_default();
            }
        }
    }
    let site = metadata.name.map(|name| Site { name: SiteName::new(&name), networks, reach });
    PhoneSite { site, file: file.clone(), name_place: findings.place(metadata.mark), errors: Vec::new() }
}

fn read_networks(findings: &mut Findings, node: &Node) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (text, mark) in scalar::strings(findings, node, "`networks`") {
        match text.parse::<IpNet>() {
            Ok(network) if network.trunc() == network => networks.push(network),
            Ok(network) => {
                let message = format!("`{text}` is an address in a network, not a network; write {}", network.trunc());
                findings.error(mark, code::NETWORK, message);
            }
            Err(_) => {
                findings.error(
                    mark,
                    code::NETWORK,
                    format!("`{text}` is no network; write it as 192.0.2.0/24 or 2001:db8::/48"),
                );
            }
        }
    }
    networks
}
