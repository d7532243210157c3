//! Acts of people as resources of a cluster, so that its RBAC says who may do them: a `PhoneBrake` stops writes while it
//! is there, a `PhoneApproval` lets go what waits at the gate. Who made the resource stands in the audit log of the cluster; ours names the resource.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    fleet::{
        audit::By,
        brake::{Brake, Scope},
    },
    report::FleetAccess,
    source::kube::Resource,
    spec::SiteName,
};

/// A length is bounded from below.
const LEAST: SignedDuration = SignedDuration::from_mins(1);
/// Two times so near are the same.
const NEAR: SignedDuration = SignedDuration::from_secs(5);

/// Who an act is by.
fn actor(resource: &Resource) -> String {
    format!("{} {}/{}", resource.kind, resource.namespace, resource.name)
}

fn text<'r>(resource: &'r Resource, field: &str) -> Option<&'r str> {
    resource.spec().get(field).and_then(Value::as_str)
}

fn status(resource: &Resource, state: &str, phones: Option<usize>, message: &str) -> Value {
    let mut status = json!({ "observedGeneration": resource.generation, "state": state, "message": message });
    if let (Some(status), Some(phones)) = (status.as_object_mut(), phones) {
        status.insert("phones".to_owned(), json!(phones));
    }
    status
}

/// Sets a brake if it is to be on and is not. Its status.
pub(super) fn brake(access: &dyn FleetAccess, resource: &Resource, now: Timestamp) -> Value {
    let by = match by(resource) {
        Ok(by) => by,
        Err(refused) => return refused,
    };
    let Some(scope) = scope(resource) else {
        return status(resource, "Refused", None, "spec.selector is all: true, a site, or matchLabels");
    };
    let Some(until) = text(resource, "until").and_then(|until| until.parse::<Timestamp>().ok()) else {
        return status(resource, "Refused", None, "spec.until is a time such as 2026-03-01T08:00:00Z");
    };
    if until <= now {
        return status(resource, "Over", None, "its time is over; it may be deleted");
    }
    let ours = actor(resource);
    for other in access.brakes().iter().filter(|brake| brake.by == ours && brake.scope != scope) {
        // the resource names other phones now
        access.release_brakes(Some(&other.scope), &by);
    }
    // one of its own is as it says, one of somebody else at least as long
    let lasts = |brake: &Brake| {
        let longer = brake.until.duration_since(until);
        longer >= -NEAR && (brake.by != ours || longer <= NEAR)
    };
    if access.brakes().iter().any(|brake| brake.scope == scope && lasts(brake)) {
        let known =
            resource.status().get("phones").and_then(Value::as_u64).and_then(|known| usize::try_from(known).ok());
        return status(resource, "On", known, "nothing is written to its phones");
    }
    match access.brake(scope, until.duration_since(now).max(LEAST), &by) {
        Ok(braked) => status(resource, "On", Some(braked.phones), "nothing is written to its phones"),
        Err(error) => status(resource, "Refused", None, &error.to_string()),
    }
}

/// Releases brakes of resources that are not there any more.
pub(super) fn release(access: &dyn FleetAccess, namespace: &str, resources: &[Resource]) {
    let of_us = format!("PhoneBrake {namespace}/");
    let is_left = |brake: &Brake| {
        brake.by.starts_with(&of_us)
            && !resources.iter().any(|resource| resource.kind == "PhoneBrake" && actor(resource) == brake.by)
    };
    for brake in access.brakes().into_iter().filter(is_left) {
        if let Ok(by) = By::new(&brake.by, "its resource was deleted") {
            access.release_brakes(Some(&brake.scope), &by);
        }
    }
}

/// Approves what waits at the gate, if it is what is meant. Its status.
pub(super) fn approve(access: &dyn FleetAccess, resource: &Resource) -> Value {
    let by = match by(resource) {
        Ok(by) => by,
        Err(refused) => return refused,
    };
    let was = resource.status();
    let done = was.get("state").and_then(Value::as_str) == Some("Approved")
        && was.get("observedGeneration").and_then(Value::as_i64) == Some(resource.generation);
    if done {
        return was.clone();
    }
    if !access.can_keep() {
        return status(resource, "Waits", None, "the store cannot be written, so that this could not be kept");
    }
    let digest = text(resource, "digest").unwrap_or_default();
    let site = text(resource, "site").map(SiteName::new);
    match access.gate().held {
        Some(held) if held.digest == digest => match access.approve(&held.revision, Some(digest), site.as_ref(), &by) {
            Ok(approved) => {
                status(resource, "Approved", Some(approved.phones), &format!("{} goes on", approved.revision))
            }
            Err(error) => status(resource, "Refused", None, &error.to_string()),
        },
        _ => status(resource, "Waits", None, "nothing with this digest waits at the gate"),
    }
}

fn by(resource: &Resource) -> Result<By, Value> {
    let reason = text(resource, "reason").unwrap_or_default();
    By::new(&actor(resource), reason).map_err(|error| status(resource, "Refused", None, &error.to_string()))
}

fn scope(resource: &Resource) -> Option<Scope> {
    let selector = resource.spec().get("selector")?;
    if selector.get("all").and_then(Value::as_bool) == Some(true) {
        return Some(Scope::All);
    }
    if let Some(site) = selector.get("site").and_then(Value::as_str) {
        return Some(Scope::Site(SiteName::new(site)));
    }
    let labels = selector.get("matchLabels")?.as_object()?;
    let pairs: Option<BTreeMap<String, String>> =
        labels.iter().map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    pairs.filter(|pairs| !pairs.is_empty()).map(|pairs| Scope::Selector(pairs.into_iter().collect()))
}
