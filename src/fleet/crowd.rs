//! Addresses that many phones call from. Phones of one site behind one address are a branch office; phones of several
//! sites there are behind a proxy, and then an address says nothing of where a phone is.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::Fleet;
use crate::{spec::SiteName, wpi::DeviceId};

/// So many phones of different sites may call from one address before it counts as a proxy's.
pub(super) const MOST: usize = 20;

/// Most addresses that are named.
const NAMED: usize = 10;

/// Which phones were last heard of at which address.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    at: HashMap<IpAddr, Vec<DeviceId>>,
    proxies: BTreeMap<IpAddr, Proxy>,
}

/// What calls from the address of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proxy {
    /// Phones.
    pub(super) phones: usize,
    /// Sites of those.
    pub(super) sites: usize,
}

impl Crowds {
    /// Whether an address counts as a proxy's.
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.contains_key(&address)
    }

    /// All addresses that do.
    pub(super) fn proxies(&self) -> impl Iterator<Item = (&IpAddr, &Proxy)> {
        self.proxies.iter()
    }

    /// The phones at an address.
    pub(super) fn at(&self, address: IpAddr) -> &[DeviceId] {
        self.at.get(&address).map_or(&[], Vec::as_slice)
    }

    fn join(&mut self, device: &DeviceId, address: IpAddr) -> usize {
        let crowd = self.at.entry(address).or_default();
        if !crowd.contains(device) {
            crowd.push(device.clone());
        }
        crowd.len()
    }

    fn leave(&mut self, device: &DeviceId, address: IpAddr) {
        let Some(crowd) = self.at.get_mut(&address) else { return };
        crowd.retain(|known| known != device);
        if crowd.is_empty() {
            self.at.remove(&address);
        }
    }
}

impl Fleet {
    /// A phone was heard of at an address, and before that at another one.
    pub(super) fn moved(&mut self, device: &DeviceId, before: Option<IpAddr>, address: IpAddr) {
        if before == Some(address) && self.crowds.at(address).contains(device) {
            return;
        }
        if let Some(before) = before.filter(|before| *before != address) {
            self.left(device, before);
        }
        if self.crowds.join(device, address) > MOST {
            self.look_at_crowd(address);
        }
    }

    /// A phone is not at an address any more.
    pub(super) fn left(&mut self, device: &DeviceId, address: IpAddr) {
        self.crowds.leave(device, address);
        if self.crowds.is_proxy(address) {
            self.look_at_crowd(address);
        }
    }

    /// Looks at all crowds anew: phones may have other sites now.
    pub(super) fn look_at_crowds(&mut self) {
        let large = self.crowds.at.iter().filter(|(_, crowd)| crowd.len() > MOST).map(|(address, _)| *address);
        let large: Vec<IpAddr> = large.collect();
        for address in large {
            self.look_at_crowd(address);
        }
    }

    fn look_at_crowd(&mut self, address: IpAddr) {
        let site = |device: &DeviceId| {
            let phone = self.phones.get(device).filter(|phone| phone.declared())?;
            phone.goal.as_ref().map(|goal| &goal.desired.site)
        };
        let mut sites: BTreeMap<&SiteName, usize> = BTreeMap::new();
        self.crowds.at(address).iter().filter_map(site).for_each(|site| *sites.entry(site).or_default() += 1);
        let proxy = Proxy { phones: sites.values().sum(), sites: sites.len() };
        if proxy.phones <= MOST || proxy.sites < 2 {
            self.crowds.proxies.remove(&address);
        } else if self.crowds.proxies.insert(address, proxy).is_none() {
            let Proxy { phones, sites } = proxy;
            tracing::warn!(%address, phones, sites, "phones of several sites call from one address: it is taken for a proxy's, and no password is sent there");
        }
    }

    /// Says of each such address what it is taken for, and what would help.
    pub(super) fn proxy_notes(&self) -> Vec<String> {
        let note = |(address, Proxy { phones, sites }): (&IpAddr, &Proxy)| {
            format!(
                "PROXY: {phones} phones of {sites} sites call from {address}, which is taken for a proxy's address. No \
                 password is sent there. Have the proxy speak PROXY protocol and name it in --trusted-proxies."
            )
        };
        self.crowds.proxies().take(NAMED).map(note).collect()
    }
}
