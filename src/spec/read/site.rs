//! The larger fields of a site: servers, limits, gate, networks.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use smol_str::SmolStr;

use super::{Findings, fields, scalar};
use crate::{
    catalogue::Scalar,
    spec::{
        code,
        site::{SiteGate, SiteLimits},
        yaml::Node,
    },
};

/// Most servers of one site.
const SERVER_LIMIT: usize = 20;
/// Slowest and fastest `contactsPerSecond`: one in a thousand seconds, and more than a process ever sends.
const CONTACTS: [f64; 2] = [0.001, 1000.0];
/// Most sessions that a site may ask for.
const SESSIONS: u32 = 100_000;
/// Most phones that a gate counts to.
const GATE_PHONES: u32 = 1_000_000;

/// Reads `servers`.
pub(in crate::spec) fn servers(findings: &mut Findings, node: &Node) -> Vec<SmolStr> {
    let texts = scalar::strings(findings, node, "`servers`");
    if texts.len() > SERVER_LIMIT {
        let message = format!("`servers` has {} entries and may have {SERVER_LIMIT}", texts.len());
        findings.error(node.mark, code::LIMIT, message);
    }
    let mut servers = Vec::new();
    for (text, mark) in texts {
        if let Some(server) = server(text) {
            servers.push(server);
            continue;
        }
        let message = format!(
            "`{text}` is no server; write its host or address as the phones have it in `dls-addr`, without `https://` and port"
        );
        findings.error(mark, code::SERVER, message);
    }
    servers
}

/// A host in lower case, or an address in its usual form.
fn server(text: &str) -> Option<SmolStr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(SmolStr::new(address.to_string()));
    }
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-');
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let host = text.strip_suffix('.').unwrap_or(text);
    (host.len() <= 253 && !is_number && host.split('.').all(label)).then(|| SmolStr::new(host.to_ascii_lowercase()))
}

/// Reads `limits`.
pub(in crate::spec) fn limits(findings: &mut Findings, node: &Node) -> SiteLimits {
    let mut limits = SiteLimits::default();
    for entry in fields::known(findings, node, "`limits`", &["contactsPerSecond", "sessions"]).unwrap_or_default() {
        let value = &entry.value;
        match entry.key.as_str() {
            "contactsPerSecond" => limits.contact_spacing = contact_spacing(findings, value),
            "sessions" => limits.sessions = sessions(findings, value),
            _ => {}
        }
    }
    limits
}

/// Reads `gate`.
pub(in crate::spec) fn gate(findings: &mut Findings, node: &Node) -> SiteGate {
    let mut gate = SiteGate::default();
    for entry in fields::known(findings, node, "`gate`", &["phones", "percent", "risky"]).unwrap_or_default() {
        let value = &entry.value;
        match entry.key.as_str() {
            "phones" => gate.phones = threshold(findings, value, "`gate.phones`", GATE_PHONES),
            "percent" => gate.percent = threshold(findings, value, "`gate.percent`", 100),
            "risky" => gate.risky = threshold(findings, value, "`gate.risky`", GATE_PHONES),
            _ => {}
        }
    }
    gate
}

fn threshold(findings: &mut Findings, node: &Node, what: &str, most: u32) -> Option<u32> {
    let number = match scalar::scalar(findings, node, what)? {
        Scalar::Integer(number) => u32::try_from(number).ok().filter(|number| *number <= most),
        _ => None,
    };
    if number.is_none() {
        let message = format!("{what} must be a number from 1 to {most}, or 0, which turns it off");
        findings.error(node.mark, code::LIMIT, message);
    }
    number
}

fn contact_spacing(findings: &mut Findings, node: &Node) -> Option<Duration> {
    const WHAT: &str = "`limits.contactsPerSecond`";
    let [slowest, fastest] = CONTACTS;
    let is_number = matches!(scalar::scalar(findings, node, WHAT)?, Scalar::Integer(_) | Scalar::Number(_));
    let number = node.text().filter(|_| is_number).and_then(|text| text.parse::<f64>().ok());
    let spacing = number.filter(|number| (slowest..=fastest).contains(number)).map(|number| 1.0 / number);
    if spacing.is_none() {
        let message = format!("{WHAT} must be a number from {slowest} to {fastest}; 0.1 is one contact in ten seconds");
        findings.error(node.mark, code::LIMIT, message);
    }
    spacing.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

fn sessions(findings: &mut Findings, node: &Node) -> Option<u32> {
    const WHAT: &str = "`limits.sessions`";
    let number = match scalar::scalar(findings, node, WHAT)? {
        Scalar::Integer(number) => u32::try_from(number).ok().filter(|number| (1..=SESSIONS).contains(number)),
        _ => None,
    };
    if number.is_none() {
        findings.error(node.mark, code::LIMIT, format!("{WHAT} must be a number from 1 to {SESSIONS}"));
    }
    number
}

/// Reads a list of networks.
pub(in crate::spec) fn networks(findings: &mut Findings, node: &Node, what: &str) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (text, mark) in scalar::strings(findings, node, what) {
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
