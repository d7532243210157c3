//! To whom secrets are sent: to phones that call from the networks of their site, and where a site has none, to phones
//! on loopback and private addresses only (R-1101: who knows a MAC can ask for its passwords).
//!
//! A call from outside the networks of its site is no call of that phone at all
//! ([`NoWrite::WrongSite`](super::may_write::NoWrite::WrongSite)). Where no networks say who is near, everything else is written to any address, and
//! a group with a secret waits as a whole.

use std::net::IpAddr;

use super::{Fleet, phone::Phone};
use crate::{
    catalogue::Catalogue,
    spec::Site,
    wpi::{Item, ItemText},
};

/// Whether a phone may be sent secrets where it calls from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custody {
    /// It may.
    Near,
    /// It is outside the networks of its site, or far from everything where the site has none.
    Far,
    /// It calls from an address that is taken for a proxy's.
    Proxied,
}

fn may_have_secrets(site: &Site, peer: IpAddr) -> bool {
    if site.networks.is_empty() { is_near(peer) } else { site.contains(peer) }
}

/// Whether an address is one of this machine or of a private network: RFC 1918, RFC 4193, link-local.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// Whether a message with these items holds a secret.
pub(super) fn holds_secret(items: &[Item], catalogue: &Catalogue) -> bool {
    let is_secret =
        |item: &Item| matches!(item.text, ItemText::Secret(_)) || catalogue.is_secret(item.id.name.as_str());
    items.iter().any(is_secret)
}

impl Fleet {
    /// Says of a phone that its secrets wait, and what would help.
    pub(super) fn custody_note(&self, phone: &Phone, site: &Site) -> Option<String> {
        let peer = phone.facts.address?;
        let why = match self.custody(site, peer) {
            Custody::Near => return None,
            Custody::Far => {
                format!("is no private address, and site {} has no `networks` that say it belongs there", site.name)
            }
            Custody::Proxied => "is taken for a proxy's address, for phones of several sites call from it".to_owned(),
        };
        let waits = phone.due.iter().any(|id| self.catalogue.is_secret(id.name.as_str()));
        waits.then(|| format!("its passwords wait: it calls from {peer}, which {why}"))
    }

    /// Whether a phone of this site may be sent secrets at that address.
    pub(super) fn custody(&self, site: &Site, peer: IpAddr) -> Custody {
        if self.crowds.is_proxy(peer) {
            Custody::Proxied
        } else if may_have_secrets(site, peer) {
            Custody::Near
        } else {
            Custody::Far
        }
    }

    /// Says that no site tells where phones call from.
    pub(super) fn open_sites_note(&self) -> Option<String> {
        let open = self.wanted.as_ref().is_some_and(|wanted| !wanted.has_sites() && !wanted.devices().is_empty());
        let note = "No PhoneSite is declared: passwords go to phones on private addresses only. Declare the `networks` of \
                    your sites.";
        open.then(|| note.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SiteName;

    #[test]
    fn without_networks_only_near_addresses_get_secrets_and_with_them_only_those_inside() {
        let open = Site::named(SiteName::default());
        for near in ["127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.3.4", "::1", "fd00::1", "fe80::1"] {
            assert!(may_have_secrets(&open, near.parse().unwrap()), "{near}");
        }
        for far in ["198.51.100.7", "100.64.0.1", "172.32.0.1", "2001:db8::1", "::ffff:198.51.100.7"] {
            assert!(!may_have_secrets(&open, far.parse().unwrap()), "{far}");
        }
        let closed = Site { networks: ["198.51.100.0/24".parse().unwrap()].into(), ..open };
        assert!(may_have_secrets(&closed, "198.51.100.7".parse().unwrap()));
        assert!(!may_have_secrets(&closed, "10.1.2.3".parse().unwrap()));
    }
}
