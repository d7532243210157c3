//! The task that watches the resources and tells of their states.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    Stream, StreamExt as _,
    stream::{BoxStream, select_all},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret as ClusterSecret};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    KubeSettings,
    objects::{ACTS, KINDS, Resource},
    secrets::LABEL,
};
use crate::{
    source::{
        EVENT_QUEUE, Source, SourceEvent,
        run::{Switch, switch},
    },
    spec::{Revision, crd},
    wpi::Secret,
};

/// The `ConfigMap` that corrects and extends the catalogue, and its key.
const CATALOGUE: (&str, &str) = ("phoneops-catalogue", "catalogue.csv");
/// How often the task looks whether it is to stop.
const STOP_CHECK: Duration = Duration::from_millis(500);
/// How long a cluster that cannot be reached is waited for before it is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Most changes that are gathered before a state is told although the cluster does not rest.
const MOST_WAIT: Duration = Duration::from_secs(5);

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    Resource(&'static str),
    Catalogue,
    Secrets,
}

/// One change.
enum Seen {
    Here(Box<Value>),
    Secret(String, HashMap<String, Secret>),
    Gone(String),
    /// A list begins, and ends.
    Begin,
    End,
}

/// Starts to watch, on the runtime of the caller.
pub(in crate::source) fn start(settings: KubeSettings) -> Source {
    let (events, receiver) = mpsc::channel(EVENT_QUEUE);
    let (switch, trigger, stop) = switch();
    tokio::spawn(run(settings, switch, events));
    Source { events: receiver, trigger, _stop: stop }
}

async fn run(settings: KubeSettings, switch: Switch, events: mpsc::Sender<SourceEvent>) {
    let mut away: Option<Timestamp> = None;
    while !switch.stop.is_set() && !events.is_closed() {
        let (config, namespaces) = match settings.reach().await {
            Ok(reached) => reached,
            Err(problem) => {
                tell_away(&events, &mut away, &problem).await;
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        match Client::try_from(config) {
            Ok(client) => {
                let task = Task {
                    stream: streams(&client, &namespaces),
                    namespaces,
                    settings: &settings,
                    events: &events,
                    listed: HashMap::new(),
                    known: None,
                };
                task.run(&switch, &mut away).await;
                return;
            }
            Err(error) => tell_away(&events, &mut away, &error.to_string()).await,
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn tell_away(events: &mpsc::Sender<SourceEvent>, away: &mut Option<Timestamp>, problem: &str) {
    if away.is_none() {
        let since = Timestamp::now();
        *away = Some(since);
        let problem = format!("the Kubernetes API cannot be used: {problem}");
        let _ = events.send(SourceEvent::Away { category: "api", problem, since }).await;
    }
}

/// What it is about, with the namespace.
type About = (Which, Arc<str>);
type Change = (About, Result<Seen, String>);

fn streams(client: &Client, namespaces: &[String]) -> BoxStream<'static, Change> {
    let of_each =
        namespaces.iter().enumerate().flat_map(|(place, namespace)| streams_of(client, namespace, place == 0));
    select_all(of_each).boxed()
}

/// Those of one namespace; the first one has the `ConfigMap`.
fn streams_of(client: &Client, name: &str, is_first: bool) -> Vec<BoxStream<'static, Change>> {
    let mut all: Vec<BoxStream<'static, Change>> = Vec::new();
    let namespace: Arc<str> = name.into();
    let about = |which: Which| (which, Arc::clone(&namespace));
    for (kind, plural) in KINDS.into_iter().chain(ACTS) {
        let kinds = GroupVersionKind::gvk(crd::GROUP, crd::VERSION, kind);
        let resource = ApiResource::from_gvk_with_plural(&kinds, plural);
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), name, &resource);
        all.push(changes(about(Which::Resource(kind)), watcher(api, watcher::Config::default()), plain));
    }
    if is_first {
        let catalogue = watcher::Config::default().fields(&format!("metadata.name={}", CATALOGUE.0));
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), name);
        all.push(changes(about(Which::Catalogue), watcher(maps, catalogue), plain));
    }
    let labelled = watcher::Config::default().labels(&format!("{LABEL}=true"));
    let secrets: Api<ClusterSecret> = Api::namespaced(client.clone(), name);
    all.push(changes(about(Which::Secrets), watcher(secrets, labelled), secret));
    all
}

fn changes<K>(
    about: About,
    stream: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    read: fn(K) -> Result<Seen, String>,
) -> BoxStream<'static, Change>
where
    K: kube::Resource + Send + 'static,
{
    let told = move |event: Result<Event<K>, watcher::Error>| {
        let seen = match event {
            Ok(Event::Apply(object) | Event::InitApply(object)) => read(object),
            Ok(Event::Delete(object)) => Ok(Seen::Gone(object.meta().name.clone().unwrap_or_default())),
            Ok(Event::Init) => Ok(Seen::Begin),
            Ok(Event::InitDone) => Ok(Seen::End),
            Err(error) => Err(error.to_string()),
        };
        (about.clone(), seen)
    };
    stream.default_backoff().map(told).boxed()
}

fn plain<K: serde::Serialize>(object: K) -> Result<Seen, String> {
    serde_json::to_value(object).map(|value| Seen::Here(Box::new(value))).map_err(|error| error.to_string())
}

/// Content goes into its type at once.
#[expect(clippy::unnecessary_wraps, reason = "of one form with the readers of other objects")]
fn secret(object: ClusterSecret) -> Result<Seen, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok().map(Secret::new);
    let name = object.name_any();
    let data = object.data.unwrap_or_default().into_iter();
    Ok(Seen::Secret(name, data.filter_map(|(key, bytes)| Some((key, text(bytes.0)?))).collect()))
}

struct Task<'a> {
    stream: BoxStream<'static, Change>,
    namespaces: Vec<String>,
    settings: &'a KubeSettings,
    events: &'a mpsc::Sender<SourceEvent>,
    /// Names of a list that is being read; a kind that was listed whole once has an empty one.
    listed: HashMap<About, Listing>,
    known: Option<Revision>,
}

#[derive(Debug, Default)]
struct Listing {
    names: HashSet<String>,
    under_way: bool,
}

impl Task<'_> {
    async fn run(mut self, switch: &Switch, away: &mut Option<Timestamp>) {
        let mut due: Option<(Instant, Instant)> = None;
        let mut secrets_changed = false;
        loop {
            let wait = due.map(|(rest, most)| rest.min(most));
            let waited = async {
                match wait {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = self.stream.next() => {
                    let Some((about, seen)) = change else { return };
                    match seen {
                        Ok(seen) => {
                            if away.take().is_some() && self.events.send(SourceEvent::Back).await.is_err() {
                                return;
                            }
                            secrets_changed |= about.0 == Which::Secrets;
                            self.take(&about, seen);
                            let now = Instant::now();
                            let most = due.map_or(now + MOST_WAIT, |(_, most)| most);
                            due = Some((now + self.settings.debounce, most));
                        }
                        Err(problem) => tell_away(self.events, away, &problem).await,
                    }
                }
                () = self.settings.cluster.changed.notified() => {
                    let now = Instant::now();
                    due = Some((now + self.settings.debounce, due.map_or(now + MOST_WAIT, |(_, most)| most)));
                }
                () = waited => {
                    due = None;
                    if self.is_whole() && self.tell(std::mem::take(&mut secrets_changed)).await.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep(STOP_CHECK) => {}
            }
            if switch.stop.is_set() || self.events.is_closed() {
                return;
            }
        }
    }

    /// Whether every kind was listed whole, and none is being listed anew.
    fn is_whole(&self) -> bool {
        let is_listed = |which: Which, namespace: &str| {
            self.listed.get(&(which, namespace.into())).is_some_and(|listing| !listing.under_way)
        };
        let kinds = || KINDS.iter().chain(&ACTS).map(|(kind, _)| Which::Resource(kind)).chain([Which::Secrets]);
        let mut of_all = self.namespaces.iter().flat_map(|namespace| kinds().map(move |which| (which, namespace)));
        let catalogue = self.namespaces.first().is_some_and(|first| is_listed(Which::Catalogue, first));
        catalogue && of_all.all(|(which, namespace)| is_listed(which, namespace))
    }

    fn take(&mut self, about: &About, seen: Seen) {
        let (which, namespace) = (about.0, &*about.1);
        match seen {
            Seen::Begin => drop(self.listed.insert(about.clone(), Listing { under_way: true, ..Listing::default() })),
            Seen::End => {
                let listing = self.listed.entry(about.clone()).or_default();
                listing.under_way = false;
                let names = std::mem::take(&mut listing.names);
                match which {
                    Which::Resource(kind) => self.settings.cluster.keep(kind, namespace, &names),
                    Which::Secrets => self.settings.secrets.keep(namespace, &names),
                    Which::Catalogue if names.is_empty() => self.settings.cluster.put_catalogue(None),
                    Which::Catalogue => {}
                }
            }
            Seen::Gone(name) => match which {
                Which::Resource(kind) => self.settings.cluster.remove(kind, namespace, &name),
                Which::Secrets => self.settings.secrets.remove(namespace, &name),
                Which::Catalogue => self.settings.cluster.put_catalogue(None),
            },
            Seen::Here(object) => self.here(about, &object),
            Seen::Secret(name, content) => {
                self.note(about, &name);
                self.settings.secrets.put(namespace, &name, content);
            }
        }
    }

    fn note(&mut self, about: &About, name: &str) {
        if let Some(listing) = self.listed.get_mut(about).filter(|listing| listing.under_way) {
            listing.names.insert(name.to_owned());
        }
    }

    fn here(&mut self, about: &About, object: &Value) {
        let Some(name) = object.pointer("/metadata/name").and_then(Value::as_str) else { return };
        self.note(about, name);
        if let Which::Resource(kind) = about.0 {
            if let Some(resource) = Resource::read(kind, object) {
                self.settings.cluster.put(resource);
            }
        } else if about.0 == Which::Catalogue {
            let csv = object.get("data").and_then(|data| data.get(CATALOGUE.1)).and_then(Value::as_str);
            self.settings.cluster.put_catalogue(csv.map(str::to_owned));
        }
    }

    async fn tell(&mut self, secrets_changed: bool) -> Result<(), ()> {
        self.settings.cluster.is_whole();
        let snapshot = self.settings.cluster.snapshot();
        let event = if self.known.as_ref() != Some(&snapshot.revision) {
            tracing::info!(revision = %snapshot.revision, resources = snapshot.files.len(), "source: new revision");
            self.known = Some(snapshot.revision.clone());
            SourceEvent::Snapshot(Arc::new(snapshot))
        } else if secrets_changed {
            SourceEvent::Secrets
        } else {
            return Ok(());
        };
        self.events.send(event).await.map_err(drop)
    }
}
