//! The status of resources in a Kubernetes cluster, by server-side apply under a name of its own, and only when it is
//! another one than stands there. No values of items; of a phone in a call no times (promise 10).

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{
    KubeAccess, kube_acts,
    kube_events::Teller,
    kube_share::{Share, Sum, behind_message, stays},
    kube_unread::Unread,
};
use crate::{
    fleet::{
        gate::view::HeldView,
        tally::LayerTally,
        view::PhoneView,
        words::{PendingReason, State},
    },
    source::{
        KubeSettings,
        kube::{
            Resource,
            objects::{ACTS, KINDS},
        },
    },
    spec::{API_VERSION, SiteName, crd},
};

/// The name under which fields of the status are ours.
pub const MANAGER: &str = "phoneops-status";
/// How often all is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most statuses that are written at once.
const AT_ONCE: usize = 8;
/// Most names of items in one list.
const NAMED: usize = 10;
/// Longest message, in characters.
const MESSAGE: usize = 1_000;

/// Looks at all resources again and again until it is told to stop, and writes what is another status now.
pub async fn run(access: Arc<dyn KubeAccess>, settings: KubeSettings, mut stopped: watch::Receiver<bool>) {
    let mut writer = Writer {
        access,
        settings,
        ways: None,
        written: HashMap::new(),
        seen: HashMap::new(),
        away: false,
        unread: Unread::new(Instant::now()),
    };
    while !*stopped.borrow_and_update() {
        tokio::select! {
            changed = stopped.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_EVERY) => writer.look().await,
        }
    }
}

/// The ways to the cluster.
struct Ways {
    apis: HashMap<(&'static str, String), Api<DynamicObject>>,
    teller: Teller,
    namespaces: Vec<String>,
}

struct Writer {
    access: Arc<dyn KubeAccess>,
    settings: KubeSettings,
    ways: Option<Arc<Ways>>,
    /// What was written over which version, by path: until that is seen here, the old one is looked at.
    written: HashMap<String, (String, Value)>,
    /// The annotation by which each phone was last read.
    seen: HashMap<String, String>,
    away: bool,
    unread: Unread,
}

impl Writer {
    async fn look(&mut self) {
        let cluster = &self.settings.cluster;
        if !cluster.was_listed() {
            return;
        }
        let resources = cluster.resources();
        if let Ok(ways) = self.ways().await {
            for namespace in &ways.namespaces {
                kube_acts::release(&*self.access, namespace, &resources);
            }
        }
        let tallies = self.access.tallies();
        self.unread.look(&tallies, Instant::now());
        let held = self.access.gate().held;
        let share = self.access.share();
        let mut changed = Vec::new();
        for resource in resources {
            let path = resource.path();
            let unseen = self.written.get(&path).filter(|(version, _)| *version == resource.version);
            let unseen = unseen.map(|(_, status)| status.clone());
            if unseen.is_none() {
                self.written.remove(&path);
            }
            if share.as_ref().is_some_and(|share| !self.is_ours(share, &resource, &path)) {
                continue;
            }
            let is_document = KINDS.iter().any(|(kind, _)| *kind == resource.kind);
            if is_document && self.head(&resource, &path).is_none() {
                // nothing of it was taken over yet, and it would be told twice
                continue;
            }
            let stands = unseen.as_ref().unwrap_or_else(|| resource.status());
            let tally = match resource.kind {
                "PhoneProfile" => tallies.by_file.get(path.as_str()),
                "PhoneSite" => tallies.by_site.get(&SiteName::new(&resource.name)),
                _ => None,
            };
            let tally = tally.copied().unwrap_or_default();
            let status = match resource.kind {
                "PhoneConfig" => self.of_config(&resource, &path, held.as_ref()),
                "PhoneBrake" => kube_acts::brake(&*self.access, &resource, Timestamp::now()),
                "PhoneApproval" => kube_acts::approve(&*self.access, &resource),
                _ => {
                    let problems = self.access.problems_of(&path);
                    match &share {
                        Some(share) => {
                            let kept = self.unread.keeps_layer(&tally, stands, stands);
                            of_shared(share, tally, kept, self.taken(&path), &problems, stands)
                        }
                        None => of_layer(tally, self.head(&resource, &path), &problems, resource.status()),
                    }
                }
            };
            let keeps_layer = share.is_none() && self.unread.keeps_layer(&tally, &status, stands);
            if keeps_layer || self.unread.keeps_phone(&status, stands) {
                continue;
            }
            if share.is_some() && !is_document && stays(&status, stands) {
                continue;
            }
            if status != *stands && !is_only_a_session(&status, resource.status()) {
                changed.push((resource, status));
            }
        }
        self.write(changed).await;
    }

    /// Whether the status of a resource is to be written here, where several releases share the documents.
    fn is_ours(&self, share: &Share, resource: &Resource, path: &str) -> bool {
        match resource.kind {
            "PhoneConfig" => self.access.serves(&resource.name, path),
            "PhoneSite" => share.has_site(resource),
            _ => true,
        }
    }

    /// The generation of the newest snapshot that was taken over.
    fn taken(&self, path: &str) -> Option<i64> {
        self.access.revision().and_then(|revision| self.settings.cluster.generation(&revision, path))
    }

    /// The same, or the one that was told before.
    fn head(&self, resource: &Resource, path: &str) -> Option<i64> {
        self.taken(path).or_else(|| resource.status().get("observedGeneration").and_then(Value::as_i64))
    }

    fn of_config(&mut self, resource: &Resource, path: &str, held: Option<&HeldView>) -> Value {
        let view = self.access.declared(&resource.name);
        if let Some(wish) = resource.reconcile_at.as_ref().filter(|_| view.is_some()) {
            let told = resource.status().get("reconcileAt").and_then(Value::as_str) == Some(wish);
            if !told && self.seen.get(&resource.name) != Some(wish) {
                self.access.read_now(&resource.name);
                self.seen.insert(resource.name.clone(), wish.clone());
            }
        }
        let problems = self.access.problems_of(path);
        let mut status = of_config(view.as_ref(), self.head(resource, path), &problems, resource);
        let waits = view.is_some_and(|view| view.state == State::Held);
        if let (Some(status), Some(held), true) = (status.as_object_mut(), held, waits) {
            status.insert("held".to_owned(), json!({ "revision": held.revision, "digest": held.digest }));
        }
        status
    }

    async fn ways(&mut self) -> Result<Arc<Ways>, String> {
        if self.ways.is_none() {
            let (config, namespaces) = self.settings.reach().await?;
            let client = Client::try_from(config).map_err(|error| error.to_string())?;
            let api = |(kind, plural): (&'static str, &str), namespace: &String| {
                let kinds = GroupVersionKind::gvk(crd::GROUP, crd::VERSION, kind);
                let resource = ApiResource::from_gvk_with_plural(&kinds, plural);
                ((kind, namespace.clone()), Api::namespaced_with(client.clone(), namespace, &resource))
            };
            let kinds = || KINDS.into_iter().chain(ACTS);
            let apis = namespaces.iter().flat_map(|namespace| kinds().map(move |kind| api(kind, namespace))).collect();
            self.ways = Some(Arc::new(Ways { apis, teller: Teller::new(client.clone()), namespaces }));
        }
        self.ways.clone().ok_or_else(|| "there is no way to the cluster".to_owned())
    }

    /// Writes what is another status now, some at once: the server is not flooded, and one that is slow holds up few.
    async fn write(&mut self, changed: Vec<(Resource, Value)>) {
        if changed.is_empty() {
            return;
        }
        let result = match self.ways().await {
            Ok(ways) => {
                let write = |(resource, status): (Resource, Value)| {
                    let ways = Arc::clone(&ways);
                    let access = Arc::clone(&self.access);
                    async move {
                        let result = ways.write(&resource, &status).await;
                        access.kube_write(if result.is_ok() { "ok" } else { "failed" });
                        (resource.path(), resource.version, status, result)
                    }
                };
                let writes: Vec<_> = changed.into_iter().map(write).collect();
                let mut results = stream::iter(writes).buffer_unordered(AT_ONCE);
                let mut all = Ok(());
                while let Some((path, version, status, result)) = results.next().await {
                    if result.is_ok() {
                        self.written.insert(path, (version, status));
                    }
                    all = all.and(result);
                }
                all
            }
            Err(problem) => Err(problem),
        };
        match result {
            Ok(()) => self.away = false,
            Err(problem) if !self.away => {
                self.away = true;
                tracing::warn!(problem, "statuses cannot be written; they are tried again");
            }
            Err(_) => {}
        }
    }
}

impl Ways {
    async fn write(&self, resource: &Resource, status: &Value) -> Result<(), String> {
        let Some(api) = self.apis.get(&(resource.kind, resource.namespace.clone())) else { return Ok(()) };
        let is_shared = status.get("shards").is_some() || resource.status().get("shards").is_some();
        let mut metadata = json!({ "name": resource.name });
        if let (Some(metadata), true) = (metadata.as_object_mut(), is_shared) {
            // over nothing that another release wrote meanwhile
            metadata.insert("resourceVersion".to_owned(), json!(resource.version));
        }
        let patch = json!({
            "apiVersion": API_VERSION, "kind": resource.kind, "metadata": metadata, "status": status,
        });
        let params = PatchParams::apply(MANAGER).force();
        match api.patch_status(&resource.name, &params, &Patch::Apply(&patch)).await {
            Ok(_) => {}
            // it was deleted meanwhile
            Err(kube::Error::Api(error)) if error.code == 404 => return Ok(()),
            // another release was quicker: the next look tells
            Err(kube::Error::Api(error)) if error.code == 409 && is_shared => return Ok(()),
            Err(error) => return Err(format!("{} {}: {error}", resource.kind, resource.name)),
        }
        if resource.kind == "PhoneConfig"
            && let Err(error) = self.teller.tell(resource, status).await
        {
            // the status has it; an event that is lost is not told again
            tracing::debug!(name = resource.name, %error, "an event was not told");
        }
        Ok(())
    }
}

/// Whether the phone of a settled status has just a session, of which nothing is known yet: a read changes nothing in
/// the cluster (promise 6).
fn is_only_a_session(now: &Value, before: &Value) -> bool {
    let settled = [State::InSync, State::Drifted, State::Degraded, State::Suspended];
    let was_settled = settled.iter().any(|state| before.get("state").and_then(Value::as_str) == Some(state.as_str()));
    let same = |field: &str| now.get(field) == before.get(field);
    now.get("state").and_then(Value::as_str) == Some(State::Reconciling.as_str())
        && was_settled
        && same("observedGeneration")
        && same("reconcileAt")
}

/// One condition as it is now.
struct Condition {
    kind: &'static str,
    status: bool,
    reason: String,
}

/// The list, with the times of those that stand as they stood.
fn conditions(now: Vec<Condition>, message: &str, observed: Option<i64>, before: &Value) -> Value {
    let known = |kind: &str| {
        let list = before.get("conditions").and_then(Value::as_array)?;
        list.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
    };
    let one = |Condition { kind, status, reason }: Condition| {
        let status = if status { "True" } else { "False" };
        let same = known(kind).filter(|known| known.get("status").and_then(Value::as_str) == Some(status));
        let since = same.and_then(|known| known.get("lastTransitionTime").cloned());
        // an empty text is taken for null by old API servers
        let message = if message.is_empty() { reason.as_str() } else { message };
        let mut condition = json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": since.unwrap_or_else(|| json!(format!("{:.0}", Timestamp::now()))),
        });
        if let (Some(condition), Some(observed)) = (condition.as_object_mut(), observed) {
            condition.insert("observedGeneration".to_owned(), json!(observed));
        }
        condition
    };
    Value::Array(now.into_iter().map(one).collect())
}

fn condition(kind: &'static str, status: bool, reason: &str) -> Condition {
    Condition { kind, status, reason: reason.to_owned() }
}

/// The conditions of a phone (kstatus: all but Ready are there only while they are true).
fn of_state(state: State, pending: Option<PendingReason>) -> Vec<Condition> {
    let word = pending.map_or_else(|| state.as_str(), PendingReason::as_str);
    let soon = matches!(pending, Some(PendingReason::Queued | PendingReason::Called | PendingReason::InCall));
    match state {
        State::InSync | State::Suspended => vec![condition("Ready", true, word)],
        State::Drifted => vec![condition("Ready", true, word), condition("Drifted", true, word)],
        State::Reconciling => vec![condition("Ready", false, word), condition("Reconciling", true, word)],
        State::Pending if soon => vec![
            condition("Ready", false, word),
            condition("Reconciling", true, word),
            condition("Pending", true, word),
        ],
        State::Degraded | State::Invalid => vec![condition("Ready", false, word), condition("Stalled", true, word)],
        State::Pending | State::Held | State::Unknown | State::Undeclared | State::Abandoned => {
            vec![condition("Ready", false, word), condition("Pending", true, word)]
        }
    }
}

fn of_config(view: Option<&PhoneView>, observed: Option<i64>, problems: &[String], resource: &Resource) -> Value {
    let mut status = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            status.insert(name.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    put("observedGeneration", observed.map(|observed| json!(observed)));
    let state = match view {
        Some(_) if !problems.is_empty() => State::Invalid,
        Some(view) => view.state,
        None if problems.is_empty() => State::Unknown,
        None => State::Invalid,
    };
    let pending = view.filter(|_| state == State::Pending).and_then(|view| view.pending.as_ref());
    let message = message(view, problems);
    let list = of_state(state, pending.map(|pending| pending.reason));
    put("conditions", Some(conditions(list, &message, observed, resource.status())));
    put("state", Some(json!(state.as_str())));
    put("message", Some(json!(message)).filter(|_| !message.is_empty()));
    put("reconcileAt", resource.reconcile_at.as_ref().map(|wish| json!(wish)));
    if let Some(view) = view {
        put("model", text(&view.model));
        put("firmware", text(&view.firmware));
        put("e164", text(&view.e164));
        put("address", text(&view.address));
        put("site", text(&view.site));
        put("revision", text(&resource.revision.clone().or_else(|| view.revision.clone())));
        put("proven", Some(json!(view.proven)));
        put("managed", Some(json!(view.managed)));
        let drift = view.drift.iter().map(|drift| indexed(&drift.item, drift.index));
        put("drift", Some(named(view.drift_count, drift)));
        let refused = view.refused.iter().map(|refused| indexed(&refused.item, refused.index));
        put("refused", Some(named(view.refused.len(), refused)));
    }
    if let Some(pending) = pending {
        let mut told = json!({ "reason": pending.reason.as_str() });
        if let (Some(told), true) = (told.as_object_mut(), pending.reason != PendingReason::InCall) {
            let times = [("since", pending.since), ("next", pending.next)];
            told.extend(
                times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), json!(format!("{:.0}", time?))))),
            );
        }
        put("pending", Some(told));
    }
    Value::Object(status)
}

fn message(view: Option<&PhoneView>, problems: &[String]) -> String {
    let first = problems.first().or_else(|| view.and_then(|view| view.problems.first().or(view.notes.first())));
    first.map(|text| text.chars().filter(|c| !c.is_control()).take(MESSAGE).collect()).unwrap_or_default()
}

fn indexed(item: &str, index: Option<u32>) -> String {
    index.map_or_else(|| item.to_owned(), |index| format!("{item}[{index}]"))
}

/// How many, and the first ten; no empty list.
fn named(count: usize, names: impl Iterator<Item = String>) -> Value {
    let names: Vec<String> = names.take(NAMED).collect();
    if names.is_empty() { json!({ "count": count }) } else { json!({ "count": count, "items": names }) }
}

/// The same where several releases share it: of the phones of all of them.
/// `kept` = of its own what was told before stands, for its phones are not read yet.
fn of_shared(
    share: &Share,
    tally: LayerTally,
    kept: bool,
    taken: Option<i64>,
    problems: &[String],
    stands: &Value,
) -> Value {
    let sum = Sum::of(&share.shard, tally, kept, taken, stands);
    let mut status = of_layer(sum.tally, sum.observed, problems, stands);
    let Some(fields) = status.as_object_mut() else { return status };
    sum.put(fields);
    if let Some(behind) = sum.behind.as_ref().filter(|_| problems.is_empty()) {
        let list = vec![condition("Ready", false, "Pending"), condition("Reconciling", true, "Pending")];
        let list = conditions(list, &behind_message(behind), sum.observed, stands);
        fields.insert("conditions".to_owned(), list);
    }
    status
}

/// Ready when all phones are settled that can be: one that is switched off holds up nobody's roll-out.
fn of_layer(tally: LayerTally, observed: Option<i64>, problems: &[String], before: &Value) -> Value {
    let LayerTally { phones, in_sync, suspended, pending, awaited, drifted, .. } = tally;
    let (list, message) = if let Some(problem) = problems.first() {
        let message: String = problem.chars().filter(|c| !c.is_control()).take(MESSAGE).collect();
        (vec![condition("Ready", false, "Invalid"), condition("Stalled", true, "Invalid")], message)
    } else if awaited > 0 {
        let message = format!("{awaited} of {phones} phones wait");
        (vec![condition("Ready", false, "Pending"), condition("Reconciling", true, "Pending")], message)
    } else if pending > 0 && pending + suspended == phones {
        let message = format!("none of {pending} phones was reached");
        (vec![condition("Ready", false, "Pending"), condition("Pending", true, "Pending")], message)
    } else if pending > 0 {
        let message =
            format!("{in_sync} of {phones} phones are in sync; {pending} cannot be reached or are left alone");
        (vec![condition("Ready", true, "Settled")], message)
    } else {
        (vec![condition("Ready", true, "Settled")], format!("{in_sync} of {phones} phones are in sync"))
    };
    let mut status = json!({
        "conditions": conditions(list, &message, observed, before),
        "phones": phones, "inSync": in_sync, "pending": pending, "drifted": drifted,
    });
    if let (Some(status), Some(observed)) = (status.as_object_mut(), observed) {
        status.insert("observedGeneration".to_owned(), json!(observed));
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(state: State, pending: Option<PendingReason>) -> Vec<String> {
        let one = |condition: Condition| format!("{}={} {}", condition.kind, condition.status, condition.reason);
        of_state(state, pending).into_iter().map(one).collect()
    }

    #[test]
    fn each_state_has_its_conditions() {
        assert_eq!(told(State::InSync, None), ["Ready=true InSync"]);
        assert_eq!(told(State::Suspended, None), ["Ready=true Suspended"]);
        assert_eq!(told(State::Drifted, None), ["Ready=true Drifted", "Drifted=true Drifted"]);
        assert_eq!(told(State::Invalid, None), ["Ready=false Invalid", "Stalled=true Invalid"]);
        assert_eq!(told(State::Held, None), ["Ready=false Held", "Pending=true Held"]);
        assert_eq!(
            told(State::Pending, Some(PendingReason::Queued)),
            ["Ready=false Queued", "Reconciling=true Queued", "Pending=true Queued"]
        );
        assert_eq!(told(State::Pending, Some(PendingReason::Paused)), ["Ready=false Paused", "Pending=true Paused"]);
    }

    #[test]
    fn a_profile_is_ready_when_its_phones_are_that_can_be_reached() {
        let told = |phones, pending, awaited| {
            let suspended = usize::from(phones > 0);
            let tally =
                LayerTally { phones, in_sync: phones - pending, suspended, pending, awaited, ..LayerTally::default() };
            let status = of_layer(tally, Some(1), &[], &Value::Null);
            let list = status["conditions"].as_array().unwrap().clone();
            let is_true = |kind: &str| list.iter().any(|one| one["type"] == kind && one["status"] == "True");
            (is_true("Ready"), is_true("Reconciling"), list[0]["message"].as_str().unwrap().to_owned())
        };
        assert_eq!(told(4, 0, 0), (true, false, "4 of 4 phones are in sync".to_owned()));
        assert_eq!(told(4, 2, 1), (false, true, "1 of 4 phones wait".to_owned()));
        let away = "2 of 4 phones are in sync; 2 cannot be reached or are left alone";
        assert_eq!(told(4, 2, 0), (true, false, away.to_owned()));
        assert_eq!(told(4, 3, 0), (false, false, "none of 3 phones was reached".to_owned()));
        assert_eq!(told(0, 0, 0), (true, false, "0 of 0 phones are in sync".to_owned()));
    }

    #[test]
    fn the_time_of_a_condition_stays_while_it_stands() {
        let first = conditions(of_state(State::Drifted, None), "", Some(1), &Value::Null);
        let mut before = json!({ "conditions": first });
        before["conditions"][0]["lastTransitionTime"] = json!("2026-03-01T08:00:00Z");
        let second = conditions(of_state(State::InSync, None), "better", Some(2), &before);
        assert_eq!(second[0]["lastTransitionTime"], "2026-03-01T08:00:00Z", "Ready was true, and is");
        assert_eq!((&second[0]["reason"], &second[0]["observedGeneration"]), (&json!("InSync"), &json!(2)));
        let third = conditions(of_state(State::Held, None), "", Some(2), &before);
        assert_ne!(third[0]["lastTransitionTime"], "2026-03-01T08:00:00Z");
    }
}
