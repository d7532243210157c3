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
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    acts, content,
    events::Teller,
    share::{Share, stays},
    unread::Unread,
};
use crate::{
    fleet::{gate::view::HeldView, words::State},
    report::KubeAccess,
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
                acts::release(&*self.access, namespace, &resources);
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
                "PhoneBrake" => acts::brake(&*self.access, &resource, Timestamp::now()),
                "PhoneApproval" => acts::approve(&*self.access, &resource),
                _ => {
                    let problems = self.access.problems_of(&path);
                    match &share {
                        Some(share) => {
                            let kept = self.unread.keeps_layer(&tally, stands, stands);
                            content::of_shared(share, tally, kept, self.taken(&path), &problems, stands)
                        }
                        None => content::of_layer(tally, self.head(&resource, &path), &problems, resource.status()),
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
        let mut status = content::of_config(view.as_ref(), self.head(resource, path), &problems, resource);
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
            self.ways = Some(Arc::new(Ways {
                apis,
                teller: Teller::new(client.clone(), Arc::clone(&self.access)),
                namespaces,
            }));
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
