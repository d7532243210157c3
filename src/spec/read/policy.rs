//! `spec.policy`: what a layer says of policy; what it does not say is left to the layers below it.

use std::{sync::Arc, time::Duration};

use super::{
    Findings, Lexicon, duration, fields,
    ignore::{self, Ending, PauseWord},
    scalar,
    window::{self, WindowList},
};
use crate::{
    catalogue::Scalar,
    spec::{
        code,
        export::written_duration,
        ignore::{Ignore, over},
        policy::{LockoutItems, Mode, OnRemove, Policy, Restart, UserItems},
        written::Yaml,
        yaml::Node,
    },
};

/// The fields of a policy that one layer sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::spec) struct PolicyLayer {
    mode: Option<Mode>,
    interval: Option<Duration>,
    lockout_items: Option<LockoutItems>,
    user_items: Option<UserItems>,
    on_remove: Option<OnRemove>,
    sole_server: Option<bool>,
    self_heal_limit: Option<u8>,
    restart: Option<Restart>,
    ignore: Option<Arc<[Ignore]>>,
    /// Those of this layer take the place of all lower ones.
    pub(in crate::spec) windows: Option<WindowList>,
    pause: Option<PauseWord>,
    /// Rules and pauses that have an end.
    pub(in crate::spec) endings: Vec<Ending>,
}

impl PolicyLayer {
    /// Puts what this layer says over what the lower ones said.
    pub(in crate::spec) fn apply(&self, policy: &mut Policy) {
        fn set<T: Copy>(value: Option<T>, into: &mut T) {
            if let Some(value) = value {
                *into = value;
            }
        }
        set(self.mode, &mut policy.mode);
        set(self.interval, &mut policy.interval);
        set(self.lockout_items, &mut policy.lockout_items);
        set(self.user_items, &mut policy.user_items);
        set(self.on_remove, &mut policy.on_remove);
        set(self.sole_server, &mut policy.sole_server);
        set(self.self_heal_limit, &mut policy.self_heal_limit);
        set(self.restart, &mut policy.restart);
        if let Some(rules) = &self.ignore {
            policy.ignore = over(&policy.ignore, rules);
        }
        if let Some(windows) = &self.windows {
            policy.windows = windows.ready.clone();
        }
        match &self.pause {
            None => {}
            Some(PauseWord::Lift) => policy.pause = None,
            Some(PauseWord::Pause(pause)) => policy.pause = Some(pause.clone()),
        }
    }

    /// Whether it says nothing.
    pub(in crate::spec) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The fields as a document says them.
    pub(in crate::spec) fn written(&self) -> Yaml {
        fn word(word: impl std::fmt::Debug) -> Yaml {
            Yaml::text(format!("{word:?}"))
        }
        let windows = || self.windows.as_ref().map(WindowList::written);
        let ignore = || self.ignore.as_ref().map(|rules| Yaml::List(rules.iter().map(ignore::written).collect()));
        let fields = [
            ("mode", self.mode.map(word)),
            ("interval", self.interval.map(written_duration)),
            ("lockoutItems", self.lockout_items.map(word)),
            ("userItems", self.user_items.map(word)),
            ("onRemove", self.on_remove.map(word)),
            ("soleServer", self.sole_server.map(Yaml::Truth)),
            ("selfHealLimit", self.self_heal_limit.map(|limit| Yaml::Number(limit.into()))),
            ("restart", self.restart.map(word)),
            ("ignore", ignore()),
            ("windows", windows()),
            ("pause", self.pause.as_ref().map(PauseWord::written)),
        ];
        Yaml::Map(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}

/// The fields of a policy.
pub(in crate::spec) const FIELDS: [&str; 11] = [
    "mode",
    "interval",
    "lockoutItems",
    "userItems",
    "onRemove",
    "soleServer",
    "selfHealLimit",
    "restart",
    "ignore",
    "windows",
    "pause",
];

/// Reads `spec.policy`.
pub(in crate::spec) fn read(findings: &mut Findings, lexicon: &Lexicon<'_>, node: &Node) -> PolicyLayer {
    let mut policy = PolicyLayer::default();
    for entry in fields::known(findings, node, "`policy`", &FIELDS).unwrap_or_default() {
        let value = &entry.value;
        match entry.key.as_str() {
            "mode" => {
                let words = [("Report", Mode::Report), ("Enforce", Mode::Enforce), ("Off", Mode::Off)];
                policy.mode = scalar::word(findings, value, "`policy.mode`", &words);
            }
            "interval" => policy.interval = duration::interval(findings, value),
            "lockoutItems" => {
                let words = [("Deny", LockoutItems::Deny), ("Allow", LockoutItems::Allow)];
                policy.lockout_items = scalar::word(findings, value, "`policy.lockoutItems`", &words);
            }
            "userItems" => {
                let words = [("Leave", UserItems::Leave), ("Manage", UserItems::Manage)];
                policy.user_items = scalar::word(findings, value, "`policy.userItems`", &words);
            }
            "onRemove" => {
                let words =
                    [("Previous", OnRemove::Previous), ("Leave", OnRemove::Leave), ("Default", OnRemove::Default)];
                policy.on_remove = scalar::word(findings, value, "`policy.onRemove`", &words);
            }
            "soleServer" => policy.sole_server = scalar::boolean(findings, value, "`policy.soleServer`"),
            "selfHealLimit" => policy.self_heal_limit = self_heal_limit(findings, value),
            "restart" => {
                let words = [("Deny", Restart::Deny), ("Allow", Restart::Allow)];
                policy.restart = scalar::word(findings, value, "`policy.restart`", &words);
            }
            "ignore" => policy.ignore = ignore::read(findings, lexicon, value, &mut policy.endings),
            "windows" => policy.windows = window::read(findings, value, "`policy.windows`"),
            "pause" => policy.pause = ignore::pause(findings, value, &mut policy.endings),
            _ => {}
        }
    }
    policy
}

fn self_heal_limit(findings: &mut Findings, node: &Node) -> Option<u8> {
    const MOST: u8 = 100;
    let limit = match scalar::scalar(findings, node, "`policy.selfHealLimit`")? {
        Scalar::Integer(number) => u8::try_from(number).ok().filter(|limit| *limit <= MOST),
        _ => None,
    };
    if limit.is_none() {
        let message = format!("`policy.selfHealLimit` must be a number from 0 to {MOST}: times a day");
        findings.error(node.mark, code::RANGE, message);
    }
    limit
}
