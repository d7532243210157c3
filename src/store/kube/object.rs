//! Records as resources, and back.

use jiff::{SignedDuration, Timestamp};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    fleet::{record::PhoneRecord, service_record::ServiceRecord},
    spec::{API_VERSION, crd},
    wpi::DeviceId,
};

/// The form of records that this code writes.
pub(super) const SCHEMA: u64 = 1;
/// The label by which a process finds the records of the phones that it serves.
pub const SHARD: &str = "phoneops.dev/shard";
/// Most bytes of one record.
pub const RECORD_LIMIT: usize = 64 << 10;
/// A resource that was made so long after its content was written is a copy that was put back.
const PUT_BACK: SignedDuration = SignedDuration::from_mins(2);

/// A kind that phoneops keeps for itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Record,
    Ops,
}

impl Kind {
    pub(super) fn resource(self) -> ApiResource {
        let (kind, plural) = match self {
            Self::Record => ("PhoneRecord", "phonerecords"),
            Self::Ops => ("PhoneOps", "phoneopses"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(crd::GROUP, crd::VERSION, kind), plural)
    }
}

/// The name of the record of a phone: its MAC, or of another id a form of it that Kubernetes takes.
pub fn name_of(device: &DeviceId) -> String {
    use std::fmt::Write as _;
    if device.is_mac() {
        return device.as_str().chars().filter(|c| *c != ':').map(|c| c.to_ascii_lowercase()).collect();
    }
    device.as_str().bytes().fold("id-".to_owned(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// What a record has to say in a cluster: all but what the phone tells again, and times that only tick (promise 6).
pub(super) fn lasting(record: &PhoneRecord) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(record)?;
    if let Some(fields) = value.as_object_mut() {
        for name in ["device", "observation", "lastProof"] {
            fields.remove(name);
        }
        if let Some(facts) = fields.get_mut("facts").and_then(Value::as_object_mut) {
            facts.remove("lastSeen");
        }
    }
    Ok(value)
}

/// Whether a cluster has to remember the phone. One that nobody declared is written nothing, and known again by its
/// next call.
pub(super) fn is_lasting(record: &PhoneRecord) -> bool {
    record.in_force.is_some() || record.wanted_since.is_some() || record.abandoned || !record.before_images.is_empty()
}

/// The same of the service as a whole; when it was last there is told by the lease.
pub(super) fn lasting_service(record: &ServiceRecord) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(record)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("lastAlive");
    }
    Ok(value)
}

/// A resource to be written.
pub(super) fn object(kind: Kind, name: &str, spec: &Value, shard: Option<&str>, version: Option<&str>) -> Value {
    let resource = kind.resource();
    let mut metadata = json!({ "name": name });
    if let Some(metadata) = metadata.as_object_mut() {
        if let Some(shard) = shard {
            metadata.insert("labels".to_owned(), json!({ SHARD: shard }));
        }
        if let Some(version) = version {
            metadata.insert("resourceVersion".to_owned(), json!(version));
        }
    }
    json!({ "apiVersion": API_VERSION, "kind": resource.kind, "metadata": metadata, "spec": spec })
}

/// Why a resource is not what it should be. Shows nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// A newer phoneops wrote it.
    #[error("has form {found}, and this phoneops knows up to {SCHEMA}; run the newer phoneops")]
    Newer { found: u64 },
    /// Somebody changed it.
    #[error("cannot be read ({0})")]
    Broken(String),
}

/// What is in a resource.
#[derive(Debug)]
pub(super) struct Found<T> {
    pub(super) record: T,
    /// Its content, as [`lasting`] gives it.
    pub(super) content: Value,
    pub(super) version: String,
    /// Whether it is a copy that was put back.
    pub(super) put_back: bool,
}

/// Reads a resource.
pub(super) fn read<T: DeserializeOwned>(
    object: &DynamicObject,
    add: Option<&DeviceId>,
) -> Result<Found<T>, Unreadable> {
    let spec = object.data.get("spec").ok_or_else(|| Unreadable::Broken("it has no spec".to_owned()))?;
    let schema = spec.get("schema").and_then(Value::as_u64).unwrap_or_default();
    if schema > SCHEMA {
        return Err(Unreadable::Newer { found: schema });
    }
    let content = spec.get("record").cloned().unwrap_or_default();
    let mut whole = content.clone();
    if let (Some(device), Some(fields)) = (add, whole.as_object_mut()) {
        fields.insert("device".to_owned(), json!(device.as_str()));
    }
    let record = serde_json::from_value(whole)
        .map_err(|error| Unreadable::Broken(format!("{:?} error", error.classify()).to_lowercase()))?;
    let written: Option<Timestamp> = spec.get("written").and_then(Value::as_str).and_then(|time| time.parse().ok());
    let made = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let put_back = match (written, made) {
        (Some(written), Some(made)) => made.duration_since(written) > PUT_BACK,
        _ => true,
    };
    let version = object.metadata.resource_version.clone().unwrap_or_default();
    Ok(Found { record, content, version, put_back })
}

/// The content of a resource, with what goes around it.
pub(super) fn spec(content: &impl Serialize, more: &[(&str, &str)]) -> Value {
    let mut spec = json!({ "schema": SCHEMA, "written": format!("{:.0}", Timestamp::now()), "record": content });
    if let Some(spec) = spec.as_object_mut() {
        spec.extend(more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> DeviceId {
        DeviceId::new("00:1A:E8:11:22:33").unwrap()
    }

    fn stored(made: &str, schema: u64) -> DynamicObject {
        let mut record = PhoneRecord::new(device());
        record.fresh = true;
        let mut spec = spec(&lasting(&record).unwrap(), &[("device", device().as_str())]);
        spec["written"] = json!("2026-03-01T08:00:00Z");
        spec["schema"] = json!(schema);
        let mut object = object(Kind::Record, &name_of(&device()), &spec, Some("phoneops"), Some("7"));
        object["metadata"]["creationTimestamp"] = json!(made);
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn each_device_has_a_name_that_kubernetes_takes() {
        assert_eq!(name_of(&device()), "001ae8112233");
        assert_eq!(name_of(&DeviceId::new("Soft_1").unwrap()), "id-534f46545f31");
        let longest = DeviceId::new(&"x".repeat(64)).unwrap();
        assert!(name_of(&longest).len() < 253);
    }

    #[test]
    fn what_only_ticks_is_no_other_record() {
        let mut record = PhoneRecord::new(device());
        let before = lasting(&record).unwrap();
        record.last_proof = Some(Timestamp::now());
        record.facts.last_seen = Some(Timestamp::now());
        record.observation = Some(crate::fleet::record::Observation { at: Timestamp::now(), items: Vec::new() });
        assert_eq!(lasting(&record).unwrap(), before);
        record.unverified = true;
        assert_ne!(lasting(&record).unwrap(), before);
        assert!(!is_lasting(&record), "nobody declared it");
    }

    #[test]
    fn a_day_of_sweeps_changes_no_byte_of_the_records_of_a_thousand_phones() {
        let mut rest = crate::fleet::tests::at_rest::AtRest::new();
        let mut standing: std::collections::HashMap<DeviceId, String> = std::collections::HashMap::new();
        let before = rest.last_proofs();
        rest.pass(&mut |view, record| {
            let now = lasting(record).unwrap().to_string();
            let stands = standing.entry(record.device.clone()).or_insert_with(|| now.clone());
            assert_eq!(now, *stands, "the record of {:?} would be written (promise 6)", view.name);
        });
        rest.was_swept();
        assert_eq!(standing.len(), 1_000);
        let after = rest.last_proofs();
        assert!(before.iter().zip(&after).all(|(before, after)| before < after), "each has a newer proof");
    }

    #[test]
    fn a_record_reads_back_and_one_made_later_than_it_was_written_is_a_copy() {
        let found = read::<PhoneRecord>(&stored("2026-03-01T08:00:01Z", SCHEMA), Some(&device())).unwrap();
        assert!(found.record.fresh && !found.put_back);
        assert_eq!((found.version.as_str(), &found.record.device), ("7", &device()));
        assert!(read::<PhoneRecord>(&stored("2026-03-02T08:00:00Z", SCHEMA), Some(&device())).unwrap().put_back);
        let newer = read::<PhoneRecord>(&stored("2026-03-01T08:00:01Z", SCHEMA + 1), Some(&device()));
        assert_eq!(newer.unwrap_err(), Unreadable::Newer { found: SCHEMA + 1 });
    }

    #[test]
    fn what_cannot_be_read_is_told_without_its_content() {
        let mut object = stored("2026-03-01T08:00:01Z", SCHEMA);
        object.data["spec"]["record"] = json!({ "refused": "planted-secret" });
        let error = read::<PhoneRecord>(&object, Some(&device())).unwrap_err();
        assert_eq!(error.to_string(), "cannot be read (data error)");
    }
}
