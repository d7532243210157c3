//! What the cluster has at the start.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use kube::{
    Api,
    api::{DynamicObject, ListParams},
};
use serde_json::Value;
use tokio::sync::watch;

use super::{
    ClusterCounters, ClusterStore, ClusterStoreError, ClusterStoreSettings, Inner, Known,
    object::{Kind, SHARD, Unreadable, read},
    write::ServiceObject,
};
use crate::{
    fleet::{record::PhoneRecord, service_record::ServiceRecord},
    wpi::DeviceId,
};

/// Records that are read in one answer.
const PAGE: u32 = 500;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The records of phones of this shard, without what phones tell again.
    pub records: Vec<PhoneRecord>,
    /// What was kept of the service as a whole.
    pub service: ServiceRecord,
    /// Whether the state folder of that name was the one that served phones last, so that its cache is the newest.
    pub cache_is_newest: bool,
}

impl ClusterStore {
    /// Reads everything. `cache` is the name of the state folder, which is noted as the one in use.
    ///
    /// # Errors
    /// The server does not answer or refuses, or a newer phoneops wrote there. A single record that cannot be read is
    /// logged, and its phone taken for one of which nothing is remembered.
    pub async fn open(settings: ClusterStoreSettings, cache: &str) -> Result<(Self, Found), ClusterStoreError> {
        let api = |kind: Kind| -> Api<DynamicObject> {
            Api::namespaced_with(settings.client.clone(), &settings.namespace, &kind.resource())
        };
        let (records, ops) = (api(Kind::Record), api(Kind::Ops));
        let store = Self(Arc::new(Inner {
            records,
            ops,
            known: Mutex::default(),
            service: tokio::sync::Mutex::new(ServiceObject::new(cache)),
            foreign: watch::Sender::default(),
            writable: watch::Sender::new(true),
            counters: ClusterCounters::default(),
            hasher: std::hash::RandomState::new(),
            settings,
        }));
        let mut found = Found::default();
        let copies = store.read_records(&mut found.records).await?;
        store.read_service(&mut found).await?;
        if copies > 0 && found.service.restored.is_none() {
            found.service.restored = Some(Timestamp::now());
        }
        if found.service.restored.is_some() && copies > 0 {
            tracing::warn!(
                phones = copies,
                "records were put back from a copy: phones are read again, and passwords and seeds are taken to be on \
                 them; `phoneops retry PHONE --secrets` writes those of a phone. Nothing is written at all until \
                 `phoneops resume`"
            );
        }
        Ok((store, found))
    }

    fn failed(&self, what: &'static str) -> impl Fn(kube::Error) -> ClusterStoreError {
        let namespace = self.0.settings.namespace.clone();
        move |source| ClusterStoreError::Api { what, namespace: namespace.clone(), source: Box::new(source) }
    }

    /// Reads the records of this shard; how many of them are copies that were put back.
    async fn read_records(&self, records: &mut Vec<PhoneRecord>) -> Result<usize, ClusterStoreError> {
        let shard = &self.0.settings.shard;
        let mut page = ListParams::default().labels(&format!("{SHARD}={shard}")).limit(PAGE);
        let mut known = HashMap::new();
        let mut copies = 0;
        loop {
            let list = self.0.records.list(&page).await.map_err(self.failed("PhoneRecords"))?;
            for object in list.items {
                let name = object.metadata.name.clone().unwrap_or_default();
                let spec = object.data.get("spec");
                let device = spec.and_then(|spec| spec.get("device")).and_then(Value::as_str);
                let Some(device) = device.and_then(|device| DeviceId::new(device).ok()) else {
                    tracing::error!(record = name, "PhoneRecord names no phone; delete it");
                    continue;
                };
                match read::<PhoneRecord>(&object, Some(&device)) {
                    Ok(found) => {
                        let mut record = found.record;
                        if found.put_back {
                            record.distrust();
                            copies += 1;
                        }
                        // what was put back is written anew, as it is now
                        let content = if found.put_back { 0 } else { self.hash(&found.content) };
                        known.insert(device, Known { version: Some(found.version), content, ours: true });
                        records.push(record);
                    }
                    Err(problem @ Unreadable::Newer { .. }) => {
                        return Err(ClusterStoreError::Newer {
                            kind: "PhoneRecord",
                            name,
                            problem: problem.to_string(),
                        });
                    }
                    Err(problem) => {
                        tracing::error!(
                            record = name,
                            phone = %device,
                            %problem,
                            "a PhoneRecord is not used; its phone is read, and its passwords are taken to be on it"
                        );
                        let version = object.metadata.resource_version.clone();
                        known.insert(device, Known { version, content: 0, ours: true });
                    }
                }
            }
            match list.metadata.continue_.filter(|more| !more.is_empty()) {
                Some(more) => page = page.continue_token(&more),
                None => break,
            }
        }
        *self.0.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = known;
        Ok(copies)
    }

    async fn read_service(&self, found: &mut Found) -> Result<(), ClusterStoreError> {
        let name = &self.0.settings.shard;
        let Some(object) = self.0.ops.get_opt(name).await.map_err(self.failed("PhoneOps"))? else {
            if !found.records.is_empty() {
                found.service.restored = Some(Timestamp::now());
                tracing::warn!(
                    name,
                    "there are PhoneRecords and no PhoneOps, which has brakes and what waits at the gate: nothing is \
                     written until `phoneops resume`"
                );
            }
            return Ok(());
        };
        let mut service = self.0.service.lock().await;
        let cache = object.data.pointer("/spec/cache").and_then(Value::as_str);
        let in_use = cache == Some(service.cache());
        match read::<ServiceRecord>(&object, None) {
            Ok(read) => {
                found.service = read.record;
                found.cache_is_newest = in_use && !read.put_back;
                if read.put_back {
                    found.service.restored.get_or_insert(Timestamp::now());
                    tracing::warn!(
                        name,
                        "PhoneOps was put back from a copy: nothing is written until `phoneops resume`"
                    );
                }
                let content = if in_use && !read.put_back { self.hash(&read.content) } else { 0 };
                service.seen(Some(read.content), Known { version: Some(read.version), content, ours: true });
            }
            Err(problem @ Unreadable::Newer { .. }) => {
                let problem = problem.to_string();
                return Err(ClusterStoreError::Newer { kind: "PhoneOps", name: name.clone(), problem });
            }
            Err(problem) => {
                found.service.restored = Some(Timestamp::now());
                tracing::error!(name, %problem, "PhoneOps is not used: nothing is written until `phoneops resume`");
                service.seen(None, Known { version: object.metadata.resource_version.clone(), content: 0, ours: true });
            }
        }
        Ok(())
    }
}
