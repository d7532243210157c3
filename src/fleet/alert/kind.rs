//! What each kind of alert means, what to do, how pressing it is, and how long its cause has to last.

use std::time::Duration;

use super::super::words::AlertKind;

/// How pressing an alert is: the label `severity`.
pub mod severity {
    /// Somebody should look now.
    pub const CRITICAL: &str = "critical";
    /// Somebody should look today.
    pub const WARNING: &str = "warning";
}

/// How long the store has to be away before it is told, at most.
const STORE_PATIENCE: Duration = Duration::from_mins(2);

impl AlertKind {
    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Safety => "An item that decides over emergency calls is not as it is wanted.",
            Self::LockoutStopped => {
                "A phone was not heard of since it got items that can cut it off; its site gets no more of them."
            }
            Self::StoreAway => {
                "The store cannot be written: phones are answered and read, and nothing is written to them."
            }
            Self::Restored => "The store is an older one that was put back: nothing is written to phones.",
            Self::OtherServer => {
                "Somebody else changes the same on many phones of a site: drift is not put right there any more."
            }
            Self::TugOfWar => "Somebody keeps changing an item back: it is not put right any more.",
            Self::Held => "A commit would change many phones or risky items, and waits at the gate for a person.",
            Self::Invalid => "Documents have errors: their phones keep what was in force.",
            Self::Refused => "Phones refused an item: it is not sent again until its value or the firmware changes.",
            Self::NotAllowed => "An item differs, and the policy of the phones does not let it be written.",
            Self::Drift => "An item differs from what is wanted, and mode Report writes nothing.",
            Self::Silent => "Phones were asked to call, or were to be read, and have not been heard of for long.",
            Self::NotBack => "Phones have not come back since many of their site started.",
            Self::Handshake => "Phones that are known fail in their TLS handshakes, so they cannot call.",
            Self::WrongSite => {
                "Calls in the name of phones come from outside the networks of their site, and are not answered."
            }
            Self::Proxy => "Phones of several sites call from one address: no password is sent there.",
            Self::SourceAway => "The documents cannot be read: what is in force stays, and no commit arrives.",
        }
    }

    /// What to do, in a sentence.
    pub fn action(self) -> &'static str {
        match self {
            Self::Safety => "Run `phoneops assert` and put it right at once.",
            Self::LockoutStopped => {
                "Look after that phone; then have it call, correct the value, or run `phoneops retry` with its name."
            }
            Self::StoreAway => "Free the disk or the lock; it goes on by itself.",
            Self::Restored => "Look at the phones, then run `phoneops resume`.",
            Self::OtherServer => {
                "Find the other server or person, then commit the item or run `phoneops retry` for a phone of the site."
            }
            Self::TugOfWar => {
                "Find out who changes it (`phoneops history`), then change the wanted value, or run `phoneops retry`."
            }
            Self::Held => "Run `phoneops gate`, then `phoneops approve` or `phoneops reject`.",
            Self::Invalid => "Run `phoneops validate` and correct the lines that it names.",
            Self::Refused => {
                "`phoneops status NAME` has the phone's own words; correct the value, or take the item out for that model."
            }
            Self::NotAllowed => "Allow it (`lockoutItems`, `userItems`), or take the item out.",
            Self::Drift => "Run `phoneops drift`; then arm the phones, or correct the documents.",
            Self::Silent => "Check power, network and firewall, and the update service that is set on the phones.",
            Self::NotBack => "Run `phoneops back` for the list, and look for power and switches.",
            Self::Handshake => "`/api/v1/undeclared` has the cause and the setting that helps.",
            Self::WrongSite => "Add the network to the site, or look for who it is.",
            Self::Proxy => "Have the proxy speak PROXY protocol and name it in --trusted-proxies.",
            Self::SourceAway => "`/readyz` and the log say why.",
        }
    }

    /// How pressing it is.
    pub fn severity(self) -> &'static str {
        match self {
            Self::Safety | Self::LockoutStopped | Self::StoreAway | Self::Restored | Self::OtherServer => {
                severity::CRITICAL
            }
            _ => severity::WARNING,
        }
    }

    /// How long the cause has to last before it is told, where people want that time. What lasts long by itself, or
    /// waits for a person, is told at once.
    pub fn patience(self, wanted: Duration) -> Duration {
        match self {
            Self::LockoutStopped
            | Self::Restored
            | Self::OtherServer
            | Self::TugOfWar
            | Self::Held
            | Self::Silent
            | Self::NotBack => Duration::ZERO,
            Self::StoreAway => wanted.min(STORE_PATIENCE),
            _ => wanted,
        }
    }

    /// Whether its cause is known again as soon as the documents are read after a start. Of the others nothing is kept,
    /// so that nobody can say yet that they are over.
    pub(super) fn is_remembered(self) -> bool {
        !matches!(
            self,
            Self::Silent | Self::NotBack | Self::Handshake | Self::WrongSite | Self::Proxy | Self::SourceAway
        )
    }
}
