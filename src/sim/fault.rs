//! The fault menu: what a simulated phone can be told to do wrong (R-1510).

use std::{fmt, str::FromStr};

use smol_str::SmolStr;

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
    /// A server's write is reported as a local change.
    LocalChangesAfterWrite,
}

/// A row of the menu: name, form of the value where there is one, what it does. Faults marked "once" clear themselves.
pub const MENU: &[(&str, &str, &str)] = &[
    ("nonce-lower-case", "", "nonces in lower case"),
    ("nonce-23-digits", "", "nonces of 23 lower-case digits"),
    ("nonce-missing", "", "no nonce at all"),
    ("nonce-same", "", "the same nonce for all messages of all phones"),
    ("nonce-per-flow", "", "one nonce for all messages of a flow"),
    ("cookie-none", "", "never returns a cookie"),
    ("cookie-stale", "", "returns the cookie of an earlier flow"),
    ("cookie-foreign", "", "returns the cookie of another server"),
    ("cookie-attribute-case", "", "returns the cookie with its attributes in another case"),
    ("initial-in-mid-flow", "", "once: a new initial message in place of a reply"),
    ("reply-repeated", "", "once: sends a reply twice"),
    ("wrong-action", "", "replies to another action than the one received"),
    ("busy-times", "N", "answers the next N actions as busy"),
    ("reads-busy", "", "in a call, reads are busy too"),
    ("action-failed", "", "answers every action as failed"),
    ("item-status", "NAME=WORD", "gives that item the status WORD whenever it is written or read"),
    ("unknown-item", "", "reports an item that nobody knows"),
    ("duplicate-item", "", "reports an item twice"),
    ("index-zero-and-none", "", "reports an item with index 0 and without index"),
    ("many-items", "N", "reports N items more, all in one message"),
    ("fragment-forever", "", "every part of a reply says that another one follows"),
    ("no-fragment-attribute", "", "replies do not say which part they are"),
    ("fragment-cut", "", "falls silent between two parts of a reply"),
    ("reason-white-space", "", "white space round the reason"),
    ("one-long-line", "", "the whole message on one line"),
    ("not-well-formed", "", "messages that end too early"),
    ("dtd", "", "messages with a document type declaration"),
    ("huge-body", "", "messages of 2 MB"),
    ("contact-swallowed", "", "answers a contact-me and does not call"),
    ("contact-refused", "", "drops the connection of a contact-me"),
    ("contact-not-204", "", "answers a contact-me with 200"),
    ("redirect-ignored", "", "does not follow the address of a contact-me"),
    ("slow-reply", "SECONDS", "waits before every reply"),
    ("no-reply", "", "never replies to an action"),
    ("power-cut", "", "once: loses power when an action arrives, before it does anything"),
    ("status-missing", "", "does not report the end of a file transfer"),
    ("status-word", "WORD", "reports a file transfer with that word"),
    ("old-firmware", "", "comes back from a firmware update with the old version"),
    ("no-mac", "", "leaves out its mac-addr"),
    ("foreign-mac", "MAC", "reports another phone's mac-addr"),
    ("odd-id", "", "reports an id that is not a MAC"),
    ("odd-version", "", "reports a software version that nobody can parse"),
    ("tls-1.0", "", "speaks TLS 1.0 only"),
    ("local-changes-after-write", "", "reports what the server wrote as a local change"),
];

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
            Self::LocalChangesAfterWrite => "local-changes-after-write",
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
            "local-changes-after-write" => Self::LocalChangesAfterWrite,
            _ => return None,
        })
    }

    fn with_value(name: &str, value: &str) -> Option<Self> {
        let word = || (!value.is_empty()).then(|| SmolStr::new(value));
        Some(match name {
            "busy-times" => Self::BusyTimes(value.parse().ok()?),
            "many-items" => Self::ManyItems(value.parse().ok()?),
            "slow-reply" => Self::SlowReply(value.parse().ok()?),
            "status-word" => Self::StatusWord(word()?),
            "foreign-mac" => Self::ForeignMac(word()?),
            "item-status" => {
                let (item, status) = value.split_once('=')?;
                if item.is_empty() || status.is_empty() {
                    return None;
                }
                Self::ItemStatus(SmolStr::new(item), SmolStr::new(status))
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
            Self::StatusWord(word) | Self::ForeignMac(word) => write!(f, "{name}:{word}"),
            Self::ItemStatus(item, word) => write!(f, "{name}:{item}={word}"),
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

/// The faults of one phone; at most one of each name, but any number of `item-status`.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        let mut set = Self::default();
        for fault in faults {
            set.set(fault);
        }
        set
    }

    /// Adds a fault in place of an older one of the same name (for `item-status`: of the same item).
    pub(super) fn set(&mut self, fault: Fault) {
        self.0.retain(|old| match (old, &fault) {
            (Fault::ItemStatus(old, _), Fault::ItemStatus(new, _)) => old != new,
            _ => old.name() != fault.name(),
        });
        self.0.push(fault);
    }

    /// Takes out every fault of that name; whether there was one.
    pub(super) fn clear(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|fault| fault.name() != name);
        self.0.len() < before
    }

    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.0.contains(fault)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// The value that `pick` finds in one of the faults.
    pub(super) fn find<T>(&self, pick: impl FnMut(&Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(pick)
    }

    /// The status that an item is to get.
    pub(super) fn item_status(&self, name: &str) -> Option<&SmolStr> {
        self.0.iter().find_map(|fault| match fault {
            Fault::ItemStatus(item, word) if item == name => Some(word),
            _ => None,
        })
    }

    /// Counts down `busy-times`; whether this action is to be refused.
    pub(super) fn take_busy(&mut self) -> bool {
        let Some(left) = self.find(|fault| if let Fault::BusyTimes(left) = fault { Some(*left) } else { None }) else {
            return false;
        };
        if left > 1 {
            self.set(Fault::BusyTimes(left - 1));
        } else {
            self.clear("busy-times");
        }
        left > 0
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
                "NAME=WORD" => format!("{name}:sntp-addr=not implemented"),
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

    #[test]
    fn busy_times_counts_down_and_clears_itself() {
        let mut faults = Faults::new(vec![Fault::BusyTimes(2)]);
        assert_eq!([faults.take_busy(), faults.take_busy(), faults.take_busy()], [true, true, false]);
        assert_eq!(faults.iter().count(), 0);
    }
}
