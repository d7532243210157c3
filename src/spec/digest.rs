//! The digest of a phone's desired state: over device, site, policy, values and seeds; never over origin, line,
//! labels or file. References stand for secrets.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    desired::{DesiredItem, DesiredValue, Digest},
    ignore::Ignore,
    pause::Pause,
    policy::Policy,
    secret_ref::SecretRef,
    site::SiteName,
    window::Window,
};
use crate::wpi::DeviceId;

/// Says which fields go in and how; a change of either changes every digest.
const FORM: &str = "phoneops-desired-1";

/// The digest of one phone's desired state. `items` and `seeds` are sorted by id.
pub(super) fn digest(
    device: &DeviceId,
    site: &SiteName,
    policy: &Policy,
    items: &[DesiredItem],
    seeds: &[DesiredItem],
) -> Digest {
    let mut hash = Sha256::new();
    text(&mut hash, FORM);
    text(&mut hash, device.as_str());
    text(&mut hash, site.as_str());
    let Policy { mode, interval, lockout_items, user_items, on_remove, sole_server, .. } = policy;
    let words = format!("{mode:?} {} {lockout_items:?} {user_items:?} {on_remove:?} {sole_server}", interval.as_secs());
    text(&mut hash, &words);
    for list in [items, seeds] {
        number(&mut hash, list.len() as u64);
        for item in list {
            text(&mut hash, item.id.name.as_str());
            number(&mut hash, item.id.index.map_or(u64::MAX, |index| u64::from(index.0)));
            value(&mut hash, &item.value.value);
        }
    }
    extras(&mut hash, policy);
    Digest(hash.finalize().into())
}

/// What policies did not have from the beginning goes in behind everything else, and only where it is said: so the
/// digests of phones that have none of it stay as they were.
fn extras(hash: &mut Sha256, policy: &Policy) {
    let before = Policy::default();
    let Policy {
        mode: _,
        interval: _,
        lockout_items: _,
        user_items: _,
        on_remove: _,
        sole_server: _,
        self_heal_limit,
        restart,
        ignore,
        windows,
        pause,
    } = policy;
    if *self_heal_limit != before.self_heal_limit {
        tagged(hash, 1, &[&self_heal_limit.to_string()]);
    }
    if *restart != before.restart {
        tagged(hash, 2, &[&format!("{restart:?}")]);
    }
    let end = |until: &Option<Timestamp>| until.map(|until| until.to_string()).unwrap_or_default();
    for Ignore { id, reason, until } in ignore.iter() {
        let index = id.index.map(|index| index.0.to_string()).unwrap_or_default();
        tagged(hash, 3, &[id.name.as_str(), &index, reason, &end(until)]);
    }
    for Window { schedule, duration, time_zone } in windows.iter() {
        tagged(hash, 4, &[schedule.as_str(), &duration.as_secs().to_string(), time_zone.name()]);
    }
    if let Some(Pause { until, reason, by }) = pause {
        tagged(hash, 5, &[&end(until), reason, by]);
    }
}

fn value(hash: &mut Sha256, value: &DesiredValue) {
    match value {
        DesiredValue::Text(content) => tagged(hash, 0, &[content]),
        DesiredValue::Secret(SecretRef::File(file)) => tagged(hash, 1, &[file]),
        DesiredValue::Secret(SecretRef::Env(name)) => tagged(hash, 2, &[name]),
        DesiredValue::Secret(SecretRef::Keyed { from, key }) => tagged(hash, 3, &[from, key]),
        DesiredValue::Secret(SecretRef::Secret { name, key }) => tagged(hash, 4, &[name, key]),
    }
}

fn tagged(hash: &mut Sha256, tag: u8, parts: &[&str]) {
    hash.update([tag]);
    for part in parts {
        text(hash, part);
    }
}

fn text(hash: &mut Sha256, text: &str) {
    number(hash, text.len() as u64);
    hash.update(text.as_bytes());
}

fn number(hash: &mut Sha256, number: u64) {
    hash.update(number.to_le_bytes());
}
