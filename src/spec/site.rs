//! Sites: named places with networks and a way to reach their phones.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The name of a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SiteName(SmolStr);

impl SiteName {
    /// Takes over a name that was checked by the loader.
    pub fn new(name: &str) -> Self {
        Self(SmolStr::new(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SiteName {
    /// The site of phones that name none.
    fn default() -> Self {
        Self(SmolStr::new_static("default"))
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How phones of a site are asked to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Reach {
    /// By contact-me.
    #[default]
    ContactMe,
    /// They poll (NAT): never a contact-me.
    Poll,
}

/// A site as its document declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub name: SiteName,
    /// Its networks; empty = not said.
    pub networks: Vec<IpNet>,
    /// How its phones are reached.
    pub reach: Reach,
}

impl Site {
    /// Whether an address belongs here; a site without networks takes any.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address))
    }
}
