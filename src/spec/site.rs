//! Sites: named places with networks and a way to reach their phones.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{labels::Labels, numbers::NumberRange, owner::SiteOwner, window::Window, zone::Zone};

/// The name of a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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

/// How much of phoneops a site may have at once; what it does not say is left to the settings of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SiteLimits {
    /// The least time between two contact-me requests, from `contactsPerSecond`.
    pub contact_spacing: Option<Duration>,
    /// The most sessions under way.
    pub sessions: Option<u32>,
}

/// From when on a revision waits for a person before it reaches the phones of a site; 0 = off, and what it does not
/// say is left to the settings of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SiteGate {
    /// How many phones a revision may change at once.
    pub phones: Option<u32>,
    /// How many of a hundred declared phones a revision may change at once.
    pub percent: Option<u32>,
    /// On how many phones a revision may change items of effect service, safety or lockout.
    pub risky: Option<u32>,
}

/// A site as its document declares it. A clone shares its lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// Its name.
    pub name: SiteName,
    /// Its labels, by which a service may serve some sites only.
    pub labels: Arc<Labels>,
    /// Its networks; empty = not said.
    pub networks: Arc<[IpNet]>,
    /// How its phones are reached.
    pub reach: Reach,
    /// The update servers that are ours, as hosts in lower case or addresses; empty = not said.
    pub servers: Arc<[SmolStr]>,
    /// Whose clock its windows go by, unless they say so themselves.
    pub time_zone: Option<Zone>,
    /// Its limits.
    pub limits: SiteLimits,
    /// What of a revision waits for a person.
    pub gate: SiteGate,
    /// The windows of its phones whose policy says nothing of windows; empty = any time.
    pub windows: Arc<[Window]>,
    /// The call numbers its phones may have; empty = not said.
    pub numbers: Arc<[NumberRange]>,
    /// Whose it is, if files of the source are theirs.
    pub owner: Option<Arc<SiteOwner>>,
}

impl Site {
    /// A site of which nothing but the name is known.
    pub fn named(name: SiteName) -> Self {
        Self { name, ..Self::default() }
    }

    /// Whether an address belongs here; a site without networks takes any.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address))
    }
}
