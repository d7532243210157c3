//! Events of resources in a Kubernetes cluster: what changed between two statuses of a phone, in a word and a sentence.
//! Names of items, no values, and never that a phone is in a call (promise 10).

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::Value;

use crate::{fleet::words::State, source::kube::Resource, spec::API_VERSION};

/// Longest sentence, in characters; the API takes 1 kB.
const NOTE: usize = 250;

/// One thing that happened to a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct News {
    /// Whether somebody should look at it.
    pub(super) warns: bool,
    /// The word.
    pub(super) reason: &'static str,
    /// The sentence.
    pub(super) note: String,
}

/// Tells a cluster of what happened.
pub(super) struct Teller(Recorder);

impl Teller {
    pub(super) fn new(client: Client) -> Self {
        let instance = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
        Self(Recorder::new(client, Reporter { controller: "phoneops".into(), instance }))
    }

    /// Tells of what changed for a resource.
    pub(super) async fn tell(&self, resource: &Resource, now: &Value) -> Result<(), kube::Error> {
        let about = ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(resource.kind.to_owned()),
            name: Some(resource.name.clone()),
            namespace: Some(resource.namespace.clone()),
            uid: Some(resource.uid.clone()),
            ..ObjectReference::default()
        };
        for News { warns, reason, note } in between(resource.status(), now) {
            let event = Event {
                type_: if warns { EventType::Warning } else { EventType::Normal },
                reason: reason.to_owned(),
                note: Some(note.chars().take(NOTE).collect()),
                action: "Reconcile".to_owned(),
                secondary: None,
            };
            self.0.publish(&event, &about).await?;
        }
        Ok(())
    }
}

/// What changed between two statuses of a phone.
pub(super) fn between(before: &Value, now: &Value) -> Vec<News> {
    let text = |status: &Value, field: &str| status.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let count = |status: &Value, field: &str| {
        status.get(field).and_then(|found| found.get("count")).and_then(Value::as_u64).unwrap_or_default()
    };
    let is = |status: &Value, state: State| text(status, "state") == state.as_str();
    let comes = |state: State| is(now, state) && !is(before, state);
    let known = before.get("state").is_some();
    let mut news = Vec::new();
    let mut tell = |warns: bool, reason: &'static str, note: String| news.push(News { warns, reason, note });
    if comes(State::Invalid) {
        tell(true, "Invalid", text(now, "message"));
    }
    if comes(State::Held) {
        tell(false, "Held", "it waits at the gate until somebody approves the change".to_owned());
    }
    let same_wish = known && text(before, "revision") == text(now, "revision");
    let (drift_before, drift) = (count(before, "drift"), count(now, "drift"));
    if drift > 0 && (comes(State::Drifted) || (drift_before == 0 && same_wish)) {
        tell(true, "DriftDetected", format!("differs: {}", names(now, "drift")));
    }
    if drift_before > 0 && drift == 0 && same_wish {
        tell(false, "DriftCorrected", format!("as it is wanted again: {}", names(before, "drift")));
    }
    if is(now, State::InSync) && known && !same_wish {
        tell(false, "Applied", format!("has all of revision {}", text(now, "revision")));
    }
    if count(now, "refused") > count(before, "refused") {
        tell(true, "ItemRefused", format!("the phone refused: {}", names(now, "refused")));
    }
    match (is_silent(before), is_silent(now)) {
        (false, true) => tell(true, "PhoneSilent", "it does not call although it was asked to".to_owned()),
        (true, false) => tell(false, "PhoneBack", "it was heard of again".to_owned()),
        _ => {}
    }
    news
}

fn is_silent(status: &Value) -> bool {
    let reason = status.get("pending").and_then(|pending| pending.get("reason")).and_then(Value::as_str);
    matches!(reason, Some("Unreachable" | "NoAnswer"))
}

fn names(status: &Value, field: &str) -> String {
    let list = status.get(field).and_then(|found| found.get("items")).and_then(Value::as_array);
    let names: Vec<&str> = list.into_iter().flatten().filter_map(Value::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(before: &Value, now: &Value) -> Vec<&'static str> {
        between(before, now).into_iter().map(|news| news.reason).collect()
    }

    #[test]
    fn each_change_of_state_is_told_once_and_nothing_else_is() {
        let in_sync = json!({"state": "InSync", "revision": "r1", "drift": {"count": 0}});
        let drifted = json!({"state": "Drifted", "revision": "r1", "drift": {"count": 1, "items": ["sntp-addr"]}});
        assert_eq!(words(&Value::Null, &in_sync), [""; 0], "nothing is news at the first look");
        assert_eq!(words(&in_sync, &in_sync), [""; 0]);
        assert_eq!(words(&in_sync, &drifted), ["DriftDetected"]);
        assert_eq!(between(&in_sync, &drifted)[0].note, "differs: sntp-addr");
        assert_eq!(words(&drifted, &in_sync), ["DriftCorrected"]);
        let newer = json!({"state": "InSync", "revision": "r2", "drift": {"count": 0}});
        assert_eq!(words(&in_sync, &newer), ["Applied"]);
        let refused = json!({"state": "Degraded", "revision": "r2", "refused": {"count": 1, "items": ["e164"]}});
        assert_eq!(words(&newer, &refused), ["ItemRefused"]);
        let invalid = json!({"state": "Invalid", "message": "no such profile", "revision": "r1"});
        assert_eq!(words(&in_sync, &invalid), ["Invalid"]);
        assert_eq!(words(&Value::Null, &invalid), ["Invalid"]);
        assert_eq!(words(&in_sync, &json!({"state": "Held", "revision": "r1"})), ["Held"]);
    }

    #[test]
    fn a_silent_phone_is_told_and_a_call_is_not() {
        let pending = |reason: &str| json!({"state": "Pending", "revision": "r1", "pending": {"reason": reason}});
        assert_eq!(words(&pending("Queued"), &pending("NoAnswer")), ["PhoneSilent"]);
        assert_eq!(words(&pending("NoAnswer"), &pending("Unreachable")), [""; 0]);
        assert_eq!(words(&pending("Unreachable"), &pending("Called")), ["PhoneBack"]);
        assert_eq!(words(&pending("Queued"), &pending("InCall")), [""; 0]);
        assert_eq!(words(&pending("InCall"), &pending("Queued")), [""; 0]);
    }
}
