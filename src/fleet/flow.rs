//! Flows: which message belongs to which session.

use std::{collections::HashMap, net::SocketAddr};

use jiff::Timestamp;
use rand::{RngExt, rngs::StdRng};

use super::session::Session;
use crate::{
    spec::SiteName,
    wpi::{DeviceId, PhoneMessage},
};

/// The number of a flow, unique while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// 128 random bits that name a flow to its phone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cookie(u128);

impl Cookie {
    fn fresh(rng: &mut StdRng) -> Self {
        Self(rng.random())
    }

    /// The whole `Set-Cookie` value.
    pub fn set_cookie(self) -> String {
        format!("JSESSIONID={:032X}; Path=/DeploymentService; Secure", self.0)
    }

    /// All flow names in `Cookie` header values; foreign names, attributes and malformed values are passed over.
    fn parse(header: &str) -> impl Iterator<Item = Self> {
        header
            .split([';', ','])
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("JSESSIONID"))
            .map(|(_, value)| value.trim())
            .filter(|value| value.len() == 32)
            .filter_map(|value| u128::from_str_radix(value, 16).ok().map(Self))
    }
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(crate::wpi::secret::MASK)
    }
}

/// Where a message came from.
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    /// The values of the `Cookie` headers.
    pub cookie: Option<&'a str>,
    /// The phone's address.
    pub peer: SocketAddr,
    /// The TLS connection.
    pub connection: u64,
}

/// An open flow.
#[derive(Debug)]
pub struct Flow {
    /// Its name to the phone.
    pub cookie: Cookie,
    /// The phone.
    pub device: DeviceId,
    /// Its site when it called.
    pub site: SiteName,
    /// Where its last message came from.
    pub peer: SocketAddr,
    /// The TLS connection of its last message.
    pub connection: u64,
    /// When its last message came.
    pub last: Timestamp,
    /// How far it has come.
    pub session: Session,
}

/// All open flows.
#[derive(Debug, Default)]
pub struct Flows {
    open: HashMap<FlowId, Flow>,
    by_cookie: HashMap<Cookie, FlowId>,
    by_site: HashMap<SiteName, usize>,
    counter: u64,
}

impl Flows {
    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// How many are open with phones of a site.
    pub fn of_site(&self, site: &SiteName) -> usize {
        self.by_site.get(site).copied().unwrap_or_default()
    }

    /// A fresh cookie.
    pub fn cookie(rng: &mut StdRng) -> Cookie {
        Cookie::fresh(rng)
    }

    /// Opens a flow.
    pub fn open(&mut self, flow: Flow) -> FlowId {
        self.counter += 1;
        let id = FlowId(self.counter);
        self.by_cookie.insert(flow.cookie, id);
        *self.by_site.entry(flow.site.clone()).or_default() += 1;
        self.open.insert(id, flow);
        id
    }

    /// Ends a flow.
    pub fn close(&mut self, id: FlowId) -> Option<Flow> {
        let flow = self.open.remove(&id)?;
        self.by_cookie.remove(&flow.cookie);
        let left = self.of_site(&flow.site).saturating_sub(1);
        if left == 0 {
            self.by_site.remove(&flow.site);
        } else {
            self.by_site.insert(flow.site.clone(), left);
        }
        Some(flow)
    }

    /// An open flow.
    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut Flow> {
        self.open.get_mut(&id)
    }

    /// An open flow.
    pub fn get(&self, id: FlowId) -> Option<&Flow> {
        self.open.get(&id)
    }

    /// The flow that one of these cookies names.
    pub fn of_cookie(&self, header: &str) -> Option<FlowId> {
        Cookie::parse(header).find_map(|cookie| self.by_cookie.get(&cookie).copied())
    }

    /// The flow of a `reply-to` or `clean-up`, in the order of R-210: cookie, `mac-addr` (`named`, with the phone's open
    /// flow), connection, peer address if exactly one flow has it. A message that names a phone never finds the flow of
    /// another one by connection or address.
    pub fn find(&self, from: &From<'_>, named: Option<&DeviceId>, of_device: Option<FlowId>) -> Option<FlowId> {
        if let Some(id) = from.cookie.and_then(|header| self.of_cookie(header)) {
            return Some(id);
        }
        if of_device.is_some() {
            return of_device;
        }
        if named.is_some() {
            return None;
        }
        let same_connection = self.open.iter().find(|(_, flow)| flow.connection == from.connection);
        if let Some((id, _)) = same_connection {
            return Some(*id);
        }
        let mut same_peer = self.open.iter().filter(|(_, flow)| flow.peer.ip() == from.peer.ip());
        match (same_peer.next(), same_peer.next()) {
            (Some((id, _)), None) => Some(*id),
            _ => None,
        }
    }
}

/// The device that a message names, if it names one.
pub fn device_of(message: &PhoneMessage) -> Option<DeviceId> {
    DeviceId::new(message.value("mac-addr")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_attributes_and_foreign_names() {
        let hex = "30DE0C11D2E3F4051627384950A1B2C3";
        let cookie = Cookie(u128::from_str_radix(hex, 16).unwrap());
        for header in [
            format!("JSESSIONID={hex}; path=/DeploymentService/; secure"),
            format!("PHPSESSID=abc; JSESSIONID={hex}"),
            format!("jsessionid={hex}; EXPIRES=never"),
            format!("Path=/; JSESSIONID = {hex} ;Secure"),
        ] {
            assert_eq!(Cookie::parse(&header).collect::<Vec<_>>(), [cookie], "{header}");
        }
        assert_eq!(Cookie::parse("PHPSESSID=abc; JSESSIONID=short").count(), 0);
    }

    #[test]
    fn a_cookie_never_shows_in_a_debug_line() {
        assert_eq!(format!("{:?}", Cookie(7)), "***");
    }
}
