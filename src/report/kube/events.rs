//! Events of resources in a Kubernetes cluster: what changed between two statuses of a phone, in a word and a sentence.
//! Names of items, no values, and never that a phone is in a call (promise 10).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{fleet::words::State, report::KubeAccess, source::kube::Resource, spec::API_VERSION};

/// Longest sentence, in characters; the API takes 1 kB.
const NOTE: usize = 250;
/// How long the same news counts as told already; servers forget an event an hour after its last change.
const SAME: SignedDuration = SignedDuration::from_mins(30);
/// Most news that are remembered; with more all of them are forgotten, and told as new ones.
const REMEMBERED: usize = 5_000;
/// Most characters of a resource's name in that of its event.
const NAME: usize = 200;
/// Who tells.
const CONTROLLER: &str = "phoneops";

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

/// The same word and sentence about the same resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Said {
    uid: String,
    reason: &'static str,
    note: String,
}

/// The event that says it.
#[derive(Debug, Clone)]
struct Told {
    name: String,
    count: i32,
    last: Timestamp,
}

/// Tells a cluster of what happened. What is told again within half an hour is the same event with a count; another
/// sentence is another event.
pub(super) struct Teller {
    client: Client,
    fleet: Arc<dyn KubeAccess>,
    instance: String,
    told: Mutex<HashMap<Said, Told>>,
}

impl Teller {
    pub(super) fn new(client: Client, fleet: Arc<dyn KubeAccess>) -> Self {
        let instance = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
        Self { client, fleet, instance: instance.unwrap_or_else(|| CONTROLLER.to_owned()), told: Mutex::default() }
    }

    /// Tells of what changed for a resource.
    pub(super) async fn tell(&self, resource: &Resource, now: &Value) -> Result<(), kube::Error> {
        for news in between(resource.status(), now) {
            self.publish(resource, news, Timestamp::now()).await?;
        }
        Ok(())
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<Said, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn publish(&self, resource: &Resource, news: News, now: Timestamp) -> Result<(), kube::Error> {
        let note: String = news.note.chars().take(NOTE).collect();
        let said = Said { uid: resource.uid.clone(), reason: news.reason, note: note.clone() };
        let (before, full) = recent(&mut self.remembered(), &said, now);
        if full {
            self.fleet.bound_hit("kubernetes-events");
        }
        let events: Api<Event> = Api::namespaced(self.client.clone(), &resource.namespace);
        if let Some(Told { name, count, .. }) = before {
            let count = count.saturating_add(1);
            let series = EventSeries { count, last_observed_time: MicroTime(now) };
            let patch = Patch::Merge(json!({ "series": series }));
            match events.patch(&name, &PatchParams::default(), &patch).await {
                Ok(_) => {
                    self.remembered().insert(said, Told { name, count, last: now });
                    return Ok(());
                }
                // somebody deleted it
                Err(kube::Error::Api(error)) if error.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        let event = self.event(resource, &news, note, now);
        let name = event.metadata.name.clone().unwrap_or_default();
        events.create(&PostParams::default(), &event).await?;
        self.remembered().insert(said, Told { name, count: 1, last: now });
        Ok(())
    }

    fn event(&self, resource: &Resource, news: &News, note: String, now: Timestamp) -> Event {
        let about: String = resource.name.chars().take(NAME).collect();
        let name = format!("{}.{:x}", about.trim_end_matches(['.', '-']), now.as_nanosecond());
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(resource.namespace.clone()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            type_: Some(if news.warns { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(news.reason.to_owned()),
            note: Some(note),
            action: Some("Reconcile".to_owned()),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            regarding: Some(ObjectReference {
                api_version: Some(API_VERSION.to_owned()),
                kind: Some(resource.kind.to_owned()),
                name: Some(resource.name.clone()),
                namespace: Some(resource.namespace.clone()),
                uid: Some(resource.uid.clone()),
                ..ObjectReference::default()
            }),
            ..Event::default()
        }
    }
}

/// The event that said the same not long ago, what is older is forgotten; and whether all was, as there was too much.
fn recent(told: &mut HashMap<Said, Told>, said: &Said, now: Timestamp) -> (Option<Told>, bool) {
    told.retain(|_, told| now.duration_since(told.last) < SAME);
    let full = told.len() >= REMEMBERED;
    if full {
        told.clear();
    }
    (told.get(said).cloned(), full)
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
    // it had all of this revision before, or was left with what differs of it
    let same_revision = text(before, "revision") == text(now, "revision");
    let stood = same_revision && (is(before, State::InSync) || is(before, State::Drifted));
    let had_it = stood || (known && text(before, "lastAppliedRevision") == text(now, "revision"));
    let (drift_before, drift) = (count(before, "drift"), count(now, "drift"));
    if drift > 0 && (comes(State::Drifted) || (drift_before == 0 && had_it)) {
        tell(true, "DriftDetected", format!("differs: {}", names(now, "drift")));
    }
    if drift_before > 0 && drift == 0 && had_it {
        tell(false, "DriftCorrected", format!("as it is wanted again: {}", names(before, "drift")));
    }
    if is(now, State::InSync) && known && !had_it {
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
    fn a_change_that_takes_its_time_is_applied_and_no_drift_that_was_corrected() {
        let status = |state: &str, revision: &str, applied: &str, drift: usize| {
            let drift = json!({"count": drift, "items": vec!["sntp-addr"; drift]});
            json!({"state": state, "revision": revision, "lastAppliedRevision": applied, "drift": drift})
        };
        let (first, wanted) = (status("InSync", "r1", "r1", 0), status("Pending", "r2", "r1", 1));
        let (done, again) = (status("InSync", "r2", "r2", 0), status("Pending", "r2", "r2", 1));
        assert_eq!(words(&first, &wanted), [""; 0], "what is wanted anew is no drift");
        assert_eq!(words(&wanted, &done), ["Applied"]);
        assert_eq!(between(&wanted, &done)[0].note, "has all of revision r2");
        assert_eq!(words(&done, &again), ["DriftDetected"]);
        assert_eq!(words(&again, &done), ["DriftCorrected"]);
        // a phone that was never left as the first revision wanted it
        let never = json!({"state": "Drifted", "revision": "r1", "drift": {"count": 1, "items": ["sntp-addr"]}});
        assert_eq!(words(&never, &wanted), [""; 0]);
        assert_eq!(words(&never, &done), ["Applied"]);
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

    #[test]
    fn the_same_news_are_remembered_for_a_while_and_never_too_many_of_them() {
        let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let said = |number: usize| Said { uid: format!("u{number}"), reason: "DriftDetected", note: String::new() };
        let event = |last| Told { name: "phone-0.1".to_owned(), count: 1, last };
        let mut told = HashMap::from([(said(0), event(start))]);
        assert_eq!(recent(&mut told, &said(0), start + SAME / 2).0.unwrap().name, "phone-0.1");
        let other = Said { note: "differs: e164".to_owned(), ..said(0) };
        assert!(recent(&mut told, &other, start).0.is_none(), "another sentence");
        assert!(recent(&mut told, &said(0), start + SAME).0.is_none() && told.is_empty());
        told.extend((0..REMEMBERED).map(|number| (said(number), event(start))));
        assert!(matches!(recent(&mut told, &said(0), start), (None, true)) && told.is_empty());
    }
}
