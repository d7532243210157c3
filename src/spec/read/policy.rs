//! `spec.policy`: what a layer says of policy; what it does not say is left to the layers below it.

use std::time::Duration;

use super::{Findings, fields, scalar};
use crate::spec::{
    code,
    policy::{LockoutItems, Mode, OnRemove, Policy, Restart, UserItems},
    yaml::Node,
};

/// The fields of a policy that one layer sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::spec) struct PolicyLayer {
    mode: Option<Mode>,
    interval: Option<Duration>,
    lockout_items: Option<LockoutItems>,
    restart: Option<Restart>,
    user_items: Option<UserItems>,
    on_remove: Option<OnRemove>,
    sole_server: Option<bool>,
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
        set(self.restart, &mut policy.restart);
        set(self.user_items, &mut policy.user_items);
        set(self.on_remove, &mut policy.on_remove);
        set(self.sole_server, &mut policy.sole_server);
    }

    /// Whether it says nothing.
    pub(in crate::spec) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

const FIELDS: [&str; 7] = ["mode", "interval", "lockoutItems", "restart", "userItems", "onRemove", "soleServer"];

/// Reads `spec.policy`.
pub(in crate::spec) fn read(findings: &mut Findings, node: &Node) -> PolicyLayer {
    let mut policy = PolicyLayer::default();
    for entry in fields::known(findings, node, "`policy`", &FIELDS).unwrap_or_default() {
        let value = &entry.value;
        match entry.key.as_str() {
            "mode" => {
                let words = [("Report", Mode::Report), ("Enforce", Mode::Enforce), ("Off", Mode::Off)];
                policy.mode = scalar::word(findings, value, "`policy.mode`", &words);
            }
            "interval" => policy.interval = interval(findings, value),
            "lockoutItems" => {
                let words = [("Deny", LockoutItems::Deny), ("Allow", LockoutItems::Allow)];
                policy.lockout_items = scalar::word(findings, value, "`policy.lockoutItems`", &words);
            }
            "restart" => {
                let words = [("Deny", Restart::Deny), ("Allow", Restart::Allow)];
                policy.restart = scalar::word(findings, value, "`policy.restart`", &words);
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
            _ => {}
        }
    }
    policy
}

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

fn interval(findings: &mut Findings, node: &Node) -> Option<Duration> {
    const WHAT: &str = "`policy.interval`";
    let text = scalar::scalar(findings, node, WHAT).and(node.text())?;
    let Some(duration) = duration(text) else {
        let message = format!("{WHAT} must be a duration with units, such as 24h, 30m or 1h30m (s, m, h and d)");
        findings.error(node.mark, code::DURATION, message);
        return None;
    };
    if (Duration::from_secs(MINUTE)..=Duration::from_secs(30 * DAY)).contains(&duration) {
        return Some(duration);
    }
    findings.error(node.mark, code::DURATION, format!("{WHAT} must be at least 1m and at most 30d"));
    None
}

/// Reads `1h30m` and its like: numbers with units, each unit once, the larger ones first.
fn duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text;
    for (unit, size) in [('d', DAY), ('h', 60 * MINUTE), ('m', MINUTE), ('s', 1)] {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at_checked(digits)?;
        if let Some(behind) = behind.strip_prefix(unit) {
            seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(size)?)?;
            rest = behind;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, seconds) in [("24h", 86_400), ("30m", 1_800), ("1h30m", 5_400), ("90s", 90), ("30d", 2_592_000)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "60", "h", "1x", "30m1h", "1.5h", "-1h", "99999999999999999999h", "1 h"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
