//! The fault menu: what a simulated phone can be told to do wrong (R-1510).

use std::{fmt, net::IpAddr, str::FromStr};

use smol_str::SmolStr;

use super::menu::MENU;

/// One way to misbehave. `Display` and `FromStr` use the names of [`MENU`]; a value follows a colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// F-1
    NonceLowerCase,
    /// F-2
    Nonce23Digits,
    /// F-3
    NonceMissing,
    /// F-4
    NonceSame,
    /// One nonce for all messages of a flow (R-1502).
    NoncePerFlow,
    /// F-5
    CookieNone,
    /// F-6
    CookieStale,
    /// F-7
    CookieForeign,
    /// F-8
    CookieAttributeCase,
    /// F-9
    InitialInMidFlow,
    /// F-10
    ReplyRepeated,
    /// F-11
    WrongAction,
    /// F-12
    BusyTimes(u32),
    /// Reads are refused as busy too while in a call (R-1505).
    ReadsBusy,
    /// F-13
    ActionFailed,
    /// F-14, F-15: this item of every write and read gets this word.
    ItemStatus(SmolStr, SmolStr),
    /// F-14, F-15: this item of every write gets this word; reads give its value.
    WriteStatus(SmolStr, SmolStr),
    /// F-16
    UnknownItem,
    /// F-17
    DuplicateItem,
    /// F-18
    IndexZeroAndNone,
    /// That many items more in every reply to `ReadAllItems`, and no reply in parts.
    ManyItems(u32),
    /// F-19
    FragmentForever,
    /// F-20
    NoFragmentAttribute,
    /// F-21
    FragmentCut,
    /// F-22
    ReasonWhiteSpace,
    /// F-23
    OneLongLine,
    /// F-24
    NotWellFormed,
    /// F-25
    Dtd,
    /// F-25
    HugeBody,
    /// F-26
    ContactSwallowed,
    /// F-27
    ContactRefused,
    /// F-28
    ContactNot204,
    /// The address that a contact-me names is not followed (R-1504).
    RedirectIgnored,
    /// F-29: seconds.
    SlowReply(u32),
    /// F-30
    NoReply,
    /// F-31
    PowerCut,
    /// F-32
    StatusMissing,
    /// F-33: the word in place of `ok`.
    StatusWord(SmolStr),
    /// F-34
    OldFirmware,
    /// F-35
    NoMac,
    /// F-36: the other phone's MAC.
    ForeignMac(SmolStr),
    /// F-37
    OddId,
    /// F-38
    OddVersion,
    /// F-39
    Tls10,
    /// F-40
    WrongClientCertificate,
    /// F-41
    SecureOnDefaultPort,
    /// A server's write is reported as a local change.
    LocalChangesAfterWrite,
    /// DHCP sets this item: a write is answered `read only`, and a factory reset leaves it (R-405, R-1508).
    FixedByDhcp(SmolStr),
    /// The model has no such item: reads and writes get this word, and `ReadAllItems` leaves it out.
    LacksItem(SmolStr, SmolStr),
    /// A write of this item restarts the phone (R-1215); after so many milliseconds, else after its usual time.
    RestartAfter(SmolStr, Option<u32>),
    /// A write of this item cuts the phone off (R-1214).
    SilentAfter(SmolStr),
    /// A write of this item restarts the phone, which comes back at this address (R-1214).
    MoveAfter(SmolStr, IpAddr),
    /// What a write makes it do comes before the reply, not after the flow.
    AppliesAtOnce,
    /// Nobody gets through to its contact-me port.
    BehindNat,
    /// Its `dcmp-url` is gone after a restart.
    DcmpUrlForgotten,
    /// It polls with two slashes.
    PollDoubleSlash,
    /// It polls with `%3A` in its MAC.
    PollPercentCoded,
}

/// Why a text names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No such name.
    #[error("no fault is called {0:?}; `phoneops sim --list-faults` lists them")]
    Unknown(String),
    /// The value is missing, superfluous or of the wrong form.
    #[error("fault {name}: write {}", form(name, value))]
    Value {
        /// The fault.
        name: &'static str,
        /// The form of its value; empty when it takes none.
        value: &'static str,
    },
}

impl FaultError {
    /// A stable word for logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown-fault",
            Self::Value { .. } => "fault-value",
        }
    }
}

fn form(name: &str, value: &str) -> String {
    if value.is_empty() { name.to_owned() } else { format!("{name}:{value}") }
}

impl Fault {
    /// The name without its value.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NonceLowerCase => "nonce-lower-case",
            Self::Nonce23Digits => "nonce-23-digits",
            Self::NonceMissing => "nonce-missing",
            Self::NonceSame => "nonce-same",
            Self::NoncePerFlow => "nonce-per-flow",
            Self::CookieNone => "cookie-none",
            Self::CookieStale => "cookie-stale",
            Self::CookieForeign => "cookie-foreign",
            Self::CookieAttributeCase => "cookie-attribute-case",
            Self::InitialInMidFlow => "initial-in-mid-flow",
            Self::ReplyRepeated => "reply-repeated",
            Self::WrongAction => "wrong-action",
            Self::BusyTimes(_) => "busy-times",
            Self::ReadsBusy => "reads-busy",
            Self::ActionFailed => "action-failed",
            Self::ItemStatus(..) => "item-status",
            Self::WriteStatus(..) => "write-status",
            Self::UnknownItem => "unknown-item",
            Self::DuplicateItem => "duplicate-item",
            Self::IndexZeroAndNone => "index-zero-and-none",
            Self::ManyItems(_) => "many-items",
            Self::FragmentForever => "fragment-forever",
            Self::NoFragmentAttribute => "no-fragment-attribute",
            Self::FragmentCut => "fragment-cut",
            Self::ReasonWhiteSpace => "reason-white-space",
            Self::OneLongLine => "one-long-line",
            Self::NotWellFormed => "not-well-formed",
            Self::Dtd => "dtd",
            Self::HugeBody => "huge-body",
            Self::ContactSwallowed => "contact-swallowed",
            Self::ContactRefused => "contact-refused",
            Self::ContactNot204 => "contact-not-204",
            Self::RedirectIgnored => "redirect-ignored",
            Self::SlowReply(_) => "slow-reply",
            Self::NoReply => "no-reply",
            Self::PowerCut => "power-cut",
            Self::StatusMissing => "status-missing",
            Self::StatusWord(_) => "status-word",
            Self::OldFirmware => "old-firmware",
            Self::NoMac => "no-mac",
            Self::ForeignMac(_) => "foreign-mac",
            Self::OddId => "odd-id",
            Self::OddVersion => "odd-version",
            Self::Tls10 => "tls-1.0",
            Self::WrongClientCertificate => "wrong-client-certificate",
            Self::SecureOnDefaultPort => "secure-on-default-port",
            Self::LocalChangesAfterWrite => "local-changes-after-write",
            Self::FixedByDhcp(_) => "fixed-by-dhcp",
            Self::LacksItem(..) => "lacks-item",
            Self::RestartAfter(..) => "restart-after",
            Self::SilentAfter(_) => "silent-after",
            Self::MoveAfter(..) => "move-after",
            Self::AppliesAtOnce => "applies-at-once",
            Self::BehindNat => "behind-nat",
            Self::DcmpUrlForgotten => "dcmp-url-forgotten",
            Self::PollDoubleSlash => "poll-double-slash",
            Self::PollPercentCoded => "poll-percent-coded",
        }
    }

    /// The item that it is about; a phone may have such faults for many items.
    pub(super) fn item(&self) -> Option<&str> {
        match self {
            Self::ItemStatus(item, _)
            | Self::WriteStatus(item, _)
            | Self::FixedByDhcp(item)
            | Self::LacksItem(item, _)
            | Self::RestartAfter(item, _)
            | Self::SilentAfter(item)
            | Self::MoveAfter(item, _) => Some(item),
            _ => None,
        }
    }

    fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "nonce-lower-case" => Self::NonceLowerCase,
            "nonce-23-digits" => Self::Nonce23Digits,
            "nonce-missing" => Self::NonceMissing,
            "nonce-same" => Self::NonceSame,
            "nonce-per-flow" => Self::NoncePerFlow,
            "cookie-none" => Self::CookieNone,
            "cookie-stale" => Self::CookieStale,
            "cookie-foreign" => Self::CookieForeign,
            "cookie-attribute-case" => Self::CookieAttributeCase,
            "initial-in-mid-flow" => Self::InitialInMidFlow,
            "reply-repeated" => Self::ReplyRepeated,
            "wrong-action" => Self::WrongAction,
            "reads-busy" => Self::ReadsBusy,
            "action-failed" => Self::ActionFailed,
            "unknown-item" => Self::UnknownItem,
            "duplicate-item" => Self::DuplicateItem,
            "index-zero-and-none" => Self::IndexZeroAndNone,
            "fragment-forever" => Self::FragmentForever,
            "no-fragment-attribute" => Self::NoFragmentAttribute,
            "fragment-cut" => Self::FragmentCut,
            "reason-white-space" => Self::ReasonWhiteSpace,
            "one-long-line" => Self::OneLongLine,
            "not-well-formed" => Self::NotWellFormed,
            "dtd" => Self::Dtd,
            "huge-body" => Self::HugeBody,
            "contact-swallowed" => Self::ContactSwallowed,
            "contact-refused" => Self::ContactRefused,
            "contact-not-204" => Self::ContactNot204,
            "redirect-ignored" => Self::RedirectIgnored,
            "no-reply" => Self::NoReply,
            "power-cut" => Self::PowerCut,
            "status-missing" => Self::StatusMissing,
            "old-firmware" => Self::OldFirmware,
            "no-mac" => Self::NoMac,
            "odd-id" => Self::OddId,
            "odd-version" => Self::OddVersion,
            "tls-1.0" => Self::Tls10,
            "wrong-client-certificate" => Self::WrongClientCertificate,
            "secure-on-default-port" => Self::SecureOnDefaultPort,
            "local-changes-after-write" => Self::LocalChangesAfterWrite,
            "applies-at-once" => Self::AppliesAtOnce,
            "behind-nat" => Self::BehindNat,
            "dcmp-url-forgotten" => Self::DcmpUrlForgotten,
            "poll-double-slash" => Self::PollDoubleSlash,
            "poll-percent-coded" => Self::PollPercentCoded,
            _ => return None,
        })
    }

    fn with_value(name: &str, value: &str) -> Option<Self> {
        let word = || (!value.is_empty()).then(|| SmolStr::new(value));
        let pair = || {
            let (item, other) = value.split_once('=')?;
            (!item.is_empty() && !other.is_empty()).then(|| (SmolStr::new(item), SmolStr::new(other)))
        };
        Some(match name {
            "busy-times" => Self::BusyTimes(value.parse().ok()?),
            "many-items" => Self::ManyItems(value.parse().ok()?),
            "slow-reply" => Self::SlowReply(value.parse().ok()?),
            "status-word" => Self::StatusWord(word()?),
            "foreign-mac" => Self::ForeignMac(word()?),
            "fixed-by-dhcp" => Self::FixedByDhcp(word()?),
            "silent-after" => Self::SilentAfter(word()?),
            "restart-after" if value.contains('=') => {
                let (item, pause) = pair()?;
                Self::RestartAfter(item, Some(pause.parse().ok()?))
            }
            "restart-after" => Self::RestartAfter(word()?, None),
            "item-status" => pair().map(|(item, status)| Self::ItemStatus(item, status))?,
            "write-status" => pair().map(|(item, status)| Self::WriteStatus(item, status))?,
            "lacks-item" => pair().map(|(item, status)| Self::LacksItem(item, status))?,
            "move-after" => {
                let (item, address) = pair()?;
                Self::MoveAfter(item, address.parse().ok()?)
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::BusyTimes(number) | Self::ManyItems(number) | Self::SlowReply(number) => write!(f, "{name}:{number}"),
            Self::StatusWord(word) | Self::ForeignMac(word) | Self::FixedByDhcp(word) | Self::SilentAfter(word) => {
                write!(f, "{name}:{word}")
            }
            Self::ItemStatus(item, word) | Self::WriteStatus(item, word) | Self::LacksItem(item, word) => {
                write!(f, "{name}:{item}={word}")
            }
            Self::RestartAfter(item, None) => write!(f, "{name}:{item}"),
            Self::RestartAfter(item, Some(pause)) => write!(f, "{name}:{item}={pause}"),
            Self::MoveAfter(item, address) => write!(f, "{name}:{item}={address}"),
            _ => f.write_str(name),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        let known = MENU.iter().find(|(known, ..)| *known == name);
        let Some((name, form, _)) = known else { return Err(FaultError::Unknown(name.to_owned())) };
        let fault = match value {
            None => Self::plain(name),
            Some(value) => Self::with_value(name, value),
        };
        fault.ok_or(FaultError::Value { name, value: form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_menu_is_read_and_written_by_its_name() {
        for (name, form, description) in MENU {
            let text = match *form {
                "" => (*name).to_owned(),
                "N" | "SECONDS" => format!("{name}:3"),
                "NAME" => format!("{name}:sntp-addr"),
                "NAME=WORD" => format!("{name}:sntp-addr=not implemented"),
                "NAME[=MS]" => format!("{name}:vlan-id=400"),
                "NAME=ADDRESS" => format!("{name}:vlan-id=127.0.0.9"),
                _ => format!("{name}:00:1A:E8:00:00:01"),
            };
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
            assert!(!description.is_empty());
        }
    }

    #[test]
    fn a_wrong_name_or_value_says_what_to_write() {
        assert!("nonsense".parse::<Fault>().unwrap_err().to_string().contains("--list-faults"));
        assert_eq!("busy-times".parse::<Fault>().unwrap_err().to_string(), "fault busy-times: write busy-times:N");
        assert_eq!("no-mac:1".parse::<Fault>().unwrap_err().to_string(), "fault no-mac: write no-mac");
    }
}
