//! What a wrong value of an item of effect lockout does, and which items take effect with a restart (R-1214, R-1215).
//! Both lists are data and stand here only.
//!
//! A phone that can be [lost](Lockout::Vanishes) is never seen again by anybody but the person who walks to it: such
//! items climb the ladder of their site. What cannot be told counts as that kind: items that nobody knows, and items
//! of effect lockout that an overlay adds.

use super::{Catalogue, Effect};

/// What a wrong value of an item of effect lockout does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lockout {
    /// It closes a door of the phone to people, and the phone still calls: its reply and a read prove the write.
    LocksOut,
    /// The phone may never be heard of again.
    Vanishes,
}

/// Items of effect lockout that leave the phone's way to its service alone, and what they close instead.
const ONLY_LOCK_OUT: &[(&str, &str)] = &[
    ("admin-pwd", "the administrator's menu and web page"),
    ("admin-pwd-status", "the administrator's menu and web page"),
    ("admin-pwd-unicode", "the administrator's menu and web page"),
    ("enable-WBM", "the web page"),
    ("locked-config-menus", "menus of the phone"),
    ("ssh-enable", "the secure shell"),
    ("ssh-password", "the secure shell"),
    ("user-pwd-status", "the user's menu and web page"),
];

/// Items that take effect with a restart: not known publicly, so assumed by R-1215 for network, VLAN, LLDP, SIP
/// transport and TLS. Groups of the catalogue that restart whole are in [`RESTARTING_GROUPS`].
const RESTARTING: &[(&str, &str)] = &[
    ("hostname", "network"),
    ("ipv6-dhcp-enabled", "network"),
    ("lldp-enabled", "LLDP"),
    ("non-rfc5746-tls-renegotiation", "TLS"),
    ("port1", "network"),
    ("port2", "network"),
    ("port2-mode", "network"),
    ("sip-tls-authentication-policy", "TLS"),
    ("sip-transport", "SIP transport"),
    ("sip-transport-user", "SIP transport"),
    ("wbm-server-certificate", "TLS"),
];

/// Groups all of whose items take effect with a restart.
const RESTARTING_GROUPS: &[&str] = &["network", "vlan"];

impl Catalogue {
    /// What a wrong value of this item does; `None` for items of another effect.
    pub fn lockout(&self, name: &str) -> Option<Lockout> {
        if self.effect(name) != Effect::Lockout {
            return None;
        }
        let only = ONLY_LOCK_OUT.iter().any(|(known, _)| *known == name);
        Some(if only { Lockout::LocksOut } else { Lockout::Vanishes })
    }

    /// Whether a wrong value of this item can make the phone vanish.
    pub fn can_vanish(&self, name: &str) -> bool {
        self.lockout(name) == Some(Lockout::Vanishes)
    }

    /// Whether this item takes effect with a restart of the phone.
    pub fn needs_restart(&self, name: &str) -> bool {
        let group = self.get(name).and_then(|item| item.group.as_deref());
        RESTARTING.iter().any(|(known, _)| *known == name) || group.is_some_and(|it| RESTARTING_GROUPS.contains(&it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_the_phone_can_make_it_vanish_and_so_can_what_nobody_knows() {
        let catalogue = Catalogue::builtin();
        for name in [
            "dhcp",
            "ipaddress",
            "ip-protocol-mode",
            "hostname",
            "port1",
            "vlan-id",
            "vlan-method",
            "lldp-enabled",
            "dls-addr",
            "dls-contact-interval",
            "dls-server-ca",
            "dcmp-url",
            "secure-mode-data",
            "some-new-item",
        ] {
            assert_eq!(catalogue.lockout(name), Some(Lockout::Vanishes), "R-1214: {name}");
        }
        for name in ["admin-pwd", "enable-WBM", "ssh-enable", "locked-config-menus"] {
            assert_eq!(catalogue.lockout(name), Some(Lockout::LocksOut), "R-1214: {name}");
        }
        assert_eq!(catalogue.lockout("sntp-addr"), None);
    }

    #[test]
    fn an_overlay_takes_an_unknown_item_out_and_one_it_calls_lockout_can_vanish() {
        let overlay = "name,type,effect\nsome-new-item,string,\nanother,string,lockout\n";
        let catalogue = Catalogue::builtin().with_overlay(overlay).unwrap();
        assert_eq!(catalogue.lockout("some-new-item"), None);
        assert_eq!(catalogue.lockout("another"), Some(Lockout::Vanishes));
    }

    #[test]
    fn every_name_of_the_lists_is_a_known_item() {
        let catalogue = Catalogue::builtin();
        for (name, _) in ONLY_LOCK_OUT {
            assert_eq!(catalogue.effect(name), Effect::Lockout, "{name}");
        }
        for (name, _) in RESTARTING {
            assert!(catalogue.get(name).is_some(), "{name}");
        }
        for group in RESTARTING_GROUPS {
            assert!(catalogue.iter().any(|item| item.group.as_deref() == Some(group)), "{group}");
        }
        assert!(catalogue.needs_restart("vlan-id") && catalogue.needs_restart("ipaddress"), "R-1215");
        assert!(!catalogue.needs_restart("sntp-addr") && !catalogue.needs_restart("some-new-item"));
    }
}
