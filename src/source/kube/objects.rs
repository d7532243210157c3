//! What was seen of the resources: their documents for the loader, and what their status needs.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    source::content::ContentDigest,
    spec::{API_VERSION, FileContent, Revision, Snapshot, SourceFile},
    wpi::DeviceId,
};

/// The kinds that people write, and the plural by which the API knows them.
pub const KINDS: [(&str, &str); 3] =
    [("PhoneConfig", "phoneconfigs"), ("PhoneProfile", "phoneprofiles"), ("PhoneSite", "phonesites")];

/// The kinds by which people act.
pub const ACTS: [(&str, &str); 2] = [("PhoneBrake", "phonebrakes"), ("PhoneApproval", "phoneapprovals")];

/// The annotation that stands for a revision.
pub const REVISION: &str = "phoneops.dev/revision";
/// The annotation that has a phone read now.
pub const RECONCILE_AT: &str = "phoneops.dev/reconcile-at";

/// One resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its identity.
    pub uid: String,
    /// Another one after each change of it.
    pub version: String,
    /// Counts changes of its spec.
    pub generation: i64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The annotation that stands for its revision.
    pub revision: Option<String>,
    /// The annotation that has its phone read now.
    pub reconcile_at: Option<String>,
    status: Value,
    labels: Value,
    spec: Value,
}

impl Resource {
    /// Reads what the API gives.
    pub(crate) fn read(kind: &'static str, object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        let annotation = |name: &str| {
            metadata.get("annotations").and_then(|all| all.get(name)).and_then(Value::as_str).map(str::to_owned)
        };
        Some(Self {
            kind,
            name: text("name")?.to_owned(),
            namespace: text("namespace").unwrap_or_default().to_owned(),
            uid: text("uid").unwrap_or_default().to_owned(),
            version: text("resourceVersion").unwrap_or_default().to_owned(),
            generation: metadata.get("generation").and_then(Value::as_i64).unwrap_or_default(),
            created: text("creationTimestamp").and_then(|time| time.parse().ok()),
            revision: annotation(REVISION),
            reconcile_at: annotation(RECONCILE_AT),
            status: object.get("status").cloned().unwrap_or(Value::Null),
            labels: metadata.get("labels").cloned().unwrap_or(Value::Null),
            spec: object.get("spec").cloned().unwrap_or(Value::Null),
        })
    }

    /// Its status, as it stands in the cluster.
    pub fn status(&self) -> &Value {
        &self.status
    }

    /// Its labels; null without any.
    pub fn labels(&self) -> &Value {
        &self.labels
    }

    /// Its spec.
    pub fn spec(&self) -> &Value {
        &self.spec
    }

    /// The path of its document.
    pub fn path(&self) -> String {
        format!("{}/{}/{}.yaml", self.namespace, self.kind.to_lowercase(), self.name)
    }

    /// The document: JSON is YAML, with every text quoted.
    fn document(&self) -> String {
        let mut metadata = json!({ "name": self.name });
        if let (Some(metadata), false) = (metadata.as_object_mut(), self.labels.is_null()) {
            metadata.insert("labels".to_owned(), self.labels.clone());
        }
        let mut spec = self.spec.clone();
        place_secrets(&mut spec, &self.namespace);
        let document = json!({ "apiVersion": API_VERSION, "kind": self.kind, "metadata": metadata, "spec": spec });
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }

    fn device(&self) -> Option<DeviceId> {
        let phone = self.spec.get("phone")?;
        let id = phone.get("mac").or_else(|| phone.get("deviceId"))?.as_str()?;
        DeviceId::new(id).ok()
    }
}

/// Kind, namespace and name.
type Key = (&'static str, String, String);

#[derive(Debug, Default)]
struct Seen {
    resources: BTreeMap<Key, Resource>,
    catalogue: Option<String>,
    /// Whether every kind was listed whole once.
    whole: bool,
    /// Phones that another shard serves, with its name.
    elsewhere: HashMap<DeviceId, String>,
    /// Whether several share the documents, so that it is nobody's mistake.
    is_shared: bool,
    /// The generations of the resources of the newest snapshot.
    told: Option<(Revision, HashMap<String, i64>)>,
}

/// All that was seen.
#[derive(Debug, Default)]
pub struct Cluster {
    seen: Mutex<Seen>,
    /// Something else than a resource changed.
    pub(super) changed: Notify,
}

impl Cluster {
    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put(&self, resource: Resource) {
        let key = (resource.kind, resource.namespace.clone(), resource.name.clone());
        self.with(|seen| drop(seen.resources.insert(key, resource)));
    }

    pub(super) fn remove(&self, kind: &'static str, namespace: &str, name: &str) {
        self.with(|seen| drop(seen.resources.remove(&(kind, namespace.to_owned(), name.to_owned()))));
    }

    /// A kind was listed anew: what is not in the list is gone.
    pub(super) fn keep(&self, kind: &'static str, namespace: &str, names: &HashSet<String>) {
        let is_other = |known: &Key| known.0 != kind || known.1 != namespace;
        self.with(|seen| seen.resources.retain(|key, _| is_other(key) || names.contains(&key.2)));
    }

    pub(super) fn put_catalogue(&self, csv: Option<String>) {
        self.with(|seen| seen.catalogue = csv);
    }

    /// These phones are served by other shards: their documents here are refused, unless the documents are shared.
    pub fn set_elsewhere(&self, elsewhere: HashMap<DeviceId, String>, is_shared: bool) {
        let changed = self.with(|seen| {
            seen.is_shared = is_shared;
            let changed = seen.elsewhere != elsewhere;
            seen.elsewhere = elsewhere;
            changed
        });
        if changed {
            self.changed.notify_one();
        }
    }

    pub(super) fn is_whole(&self) {
        self.with(|seen| seen.whole = true);
    }

    /// Whether every kind was listed whole once, so that what is not here is not there.
    pub fn was_listed(&self) -> bool {
        self.with(|seen| seen.whole)
    }

    /// All resources as they stand now.
    pub fn resources(&self) -> Vec<Resource> {
        self.with(|seen| seen.resources.values().cloned().collect())
    }

    /// The generation of a resource in the newest snapshot, if that is this revision.
    pub fn generation(&self, revision: &Revision, path: &str) -> Option<i64> {
        self.with(|seen| seen.told.as_ref().filter(|(told, _)| told == revision)?.1.get(path).copied())
    }

    /// The state of everything, as files.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.with(|seen| {
            let mut files: Vec<SourceFile> = Vec::with_capacity(seen.resources.len() + 1);
            let mut generations = HashMap::with_capacity(seen.resources.len());
            let losers = losers(seen.resources.values());
            let mut digest = ContentDigest::default();
            let is_document = |kind: &str| KINDS.iter().any(|(known, _)| *known == kind);
            for resource in seen.resources.values().filter(|resource| is_document(resource.kind)) {
                let path = resource.path();
                let document = resource.document();
                generations.insert(path.clone(), resource.generation);
                digest.feed(path.as_bytes());
                digest.feed(document.as_bytes());
                let elsewhere = resource.device().and_then(|device| seen.elsewhere.get(&device));
                let content = match (losers.get(path.as_str()), elsewhere) {
                    (Some(winner), _) => FileContent::Unreadable(format!(
                        "its phone is that of PhoneConfig {winner}, which is older; delete one of them"
                    )),
                    (None, Some(shard)) if seen.is_shared => {
                        digest.feed(shard.as_bytes());
                        FileContent::Bytes(document.into_bytes().into())
                    }
                    (None, Some(shard)) => {
                        digest.feed(shard.as_bytes());
                        FileContent::Unreadable(format!(
                            "its phone is served by the phoneops of shard {shard}; take it out of the documents there, and \
                             have it dismissed there (`phoneops dismiss`)"
                        ))
                    }
                    (None, None) => FileContent::Bytes(document.into_bytes().into()),
                };
                files.push(SourceFile { path: path.into(), content });
            }
            if let Some(csv) = &seen.catalogue {
                digest.feed(csv.as_bytes());
                let content = FileContent::Bytes(csv.as_bytes().into());
                files.push(SourceFile { path: "catalogue.csv".into(), content });
            }
            files.sort_by(|a, b| a.path.cmp(&b.path));
            let revision = digest.revision("kube-");
            seen.told = Some((revision.clone(), generations));
            Snapshot { revision, commit: None, files }
        })
    }
}

/// Puts the namespace before the names of Secrets, as in `voice.sip-reception`: a document means those of its own.
fn place_secrets(value: &mut Value, namespace: &str) {
    match value {
        Value::Object(fields) => {
            let name = fields.get_mut("secret").and_then(|secret| secret.get_mut("name"));
            if let Some(Value::String(name)) = name {
                *name = format!("{namespace}.{name}");
            }
            fields.values_mut().for_each(|value| place_secrets(value, namespace));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| place_secrets(value, namespace)),
        _ => {}
    }
}

/// Of two `PhoneConfig`s of one phone the path of the younger, with the name of the older, which stays in force.
fn losers<'r>(resources: impl Iterator<Item = &'r Resource>) -> HashMap<String, &'r str> {
    let mut by_device: HashMap<DeviceId, Vec<&Resource>> = HashMap::new();
    for resource in resources.filter(|resource| resource.kind == "PhoneConfig") {
        if let Some(device) = resource.device() {
            by_device.entry(device).or_default().push(resource);
        }
    }
    let mut losers = HashMap::new();
    for mut rivals in by_device.into_values().filter(|rivals| rivals.len() > 1) {
        rivals.sort_by(|a, b| (a.created, &a.uid).cmp(&(b.created, &b.uid)));
        let Some((winner, others)) = rivals.split_first() else { continue };
        losers.extend(others.iter().map(|other| (other.path(), winner.name.as_str())));
    }
    losers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, mac: &str, created: &str) -> Resource {
        let object = json!({
            "metadata": {"name": name, "namespace": "voice", "uid": name, "generation": 3, "creationTimestamp": created,
                "labels": {"ward": "3"}, "annotations": {"phoneops.dev/reconcile-at": "now"}},
            "spec": {"phone": {"mac": mac}, "items": {"e164": "0493012"}},
        });
        Resource::read("PhoneConfig", &object).unwrap()
    }

    #[test]
    fn a_resource_becomes_a_document_that_the_loader_reads() {
        let cluster = Cluster::default();
        cluster.put(config("reception", "00:1A:E8:00:00:01", "2026-03-01T08:00:00Z"));
        let snapshot = cluster.snapshot();
        let wanted = crate::spec::load(&snapshot, &crate::spec::SecretsUnread);
        assert_eq!(wanted.problems().iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(wanted.devices().len(), 1);
        let path = "voice/phoneconfig/reception.yaml";
        assert_eq!(cluster.generation(&snapshot.revision, path), Some(3));
        assert_eq!(cluster.generation(&Revision::new("another"), path), None);
        assert_eq!(cluster.snapshot().revision, snapshot.revision, "a status is no revision");
    }

    #[test]
    fn of_two_for_one_phone_the_older_stays_and_the_younger_says_why_it_does_not() {
        let cluster = Cluster::default();
        cluster.put(config("a-new", "00-1a-e8-00-00-01", "2026-03-02T08:00:00Z"));
        cluster.put(config("old", "00:1A:E8:00:00:01", "2026-03-01T08:00:00Z"));
        let wanted = crate::spec::load(&cluster.snapshot(), &crate::spec::SecretsUnread);
        assert_eq!(wanted.devices().len(), 1);
        let problems: Vec<String> = wanted.problems().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("a-new.yaml") && problems[0].contains("PhoneConfig old"), "{problems:?}");
        cluster.remove("PhoneConfig", "voice", "old");
        assert!(crate::spec::load(&cluster.snapshot(), &crate::spec::SecretsUnread).problems().is_empty());
    }
}
