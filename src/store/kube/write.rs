//! How records get into the cluster.

use std::sync::{Arc, atomic::Ordering};

use futures_util::{StreamExt as _, stream};
use kube::api::{DeleteParams, DynamicObject};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    AT_ONCE, ClusterStore, Known, PATIENCE, RECORD_LIMIT,
    object::{Kind, Unreadable, is_lasting, lasting, lasting_service, name_of, read, spec},
    put::Put,
};
use crate::{
    fleet::{record::PhoneRecord, service_record::ServiceRecord},
    store::{Saved, StoreAway},
    wpi::DeviceId,
};

/// The one object of the service.
#[derive(Debug)]
pub(super) struct ServiceObject {
    cache: String,
    content: Value,
    known: Option<Known>,
}

impl ServiceObject {
    pub(super) fn new(cache: &str) -> Self {
        let content = lasting_service(&ServiceRecord::default()).unwrap_or_default();
        Self { cache: cache.to_owned(), content, known: None }
    }

    /// The name of the state folder in use.
    pub(super) fn cache(&self) -> &str {
        &self.cache
    }

    pub(super) fn seen(&mut self, content: Option<Value>, known: Known) {
        if let Some(content) = content {
            self.content = content;
        }
        self.known = Some(known);
    }
}

/// How one record fared.
enum Kept {
    Stored,
    Refused(DeviceId),
    Free(Box<PhoneRecord>),
}

impl ClusterStore {
    /// Writes records; those that cannot be kept for a reason of their own are told of. `Ok` means that all others are in
    /// the cluster.
    pub(in crate::store) async fn save(&self, records: &[Arc<PhoneRecord>]) -> Result<Saved, StoreAway> {
        self.check()?;
        let write = |record: &Arc<PhoneRecord>| {
            let (store, record) = (self.clone(), Arc::clone(record));
            async move { store.save_one(&record).await }
        };
        let writes: Vec<_> = records.iter().map(write).collect();
        let mut results = stream::iter(writes).buffer_unordered(AT_ONCE);
        let (mut saved, mut failed) = (Saved::default(), None);
        while let Some(result) = results.next().await {
            match result {
                Ok(Kept::Stored) => {}
                Ok(Kept::Refused(device)) => saved.refused.push(device),
                Ok(Kept::Free(record)) => saved.free.push(*record),
                Err(away) => failed = Some(away),
            }
        }
        failed.map_or(Ok(saved), |away| Err(self.went_away(away)))
    }

    async fn save_one(&self, record: &PhoneRecord) -> Result<Kept, StoreAway> {
        let device = &record.device;
        let known = self.known(device);
        if !is_lasting(record) {
            return self.remove_known(device).await.map(|()| Kept::Stored);
        }
        let Ok(content) = lasting(record) else { return Ok(Kept::Refused(self.refuse(device, "has no JSON form"))) };
        let text = content.to_string();
        let hash = self.hash_text(&text);
        if known.as_ref().is_some_and(|known| known.ours && known.content == hash) {
            self.0.counters.unchanged.fetch_add(1, Ordering::Relaxed);
            return Ok(Kept::Stored);
        }
        if text.len() > RECORD_LIMIT {
            let why = "has more than 64 KiB; its phone has too many values of its own";
            return Ok(Kept::Refused(self.refuse(device, why)));
        }
        let shard = &self.0.settings.shard;
        let spec = spec(&content, &[("device", device.as_str()), ("shard", shard)]);
        let version = known.and_then(|known| known.version);
        match self.put(Kind::Record, &name_of(device), &spec, version, hash).await? {
            Put::Done(known) => {
                self.know(device, Some(known));
                Ok(Kept::Stored)
            }
            Put::Free(object) => Ok(self.found_free(device, &object)),
            Put::Foreign(owner) => {
                self.0.counters.refused.fetch_add(1, Ordering::Relaxed);
                let record = name_of(device);
                tracing::warn!(
                    phone = %device,
                    record,
                    "the PhoneRecord is that of shard {owner}, which serves the phone: nothing is written to it here"
                );
                self.0.foreign.send_modify(|foreign| drop(foreign.insert(device.clone(), owner)));
                Ok(Kept::Refused(device.clone()))
            }
        }
    }

    /// A record that another shard let go: what it says is to be known before anything is kept over it. Whoever writes it
    /// next in the version that was seen has it.
    fn found_free(&self, device: &DeviceId, object: &DynamicObject) -> Kept {
        let version = object.metadata.resource_version.clone();
        let record = match read::<PhoneRecord>(object, Some(device)) {
            Ok(found) => {
                let mut record = found.record;
                if found.put_back {
                    record.distrust();
                }
                record
            }
            Err(problem @ Unreadable::Newer { .. }) => return Kept::Refused(self.refuse(device, &problem.to_string())),
            Err(problem) => {
                tracing::error!(
                    phone = %device,
                    %problem,
                    "the PhoneRecord that another shard let go is not used; the phone is read, and its passwords are taken to be on it"
                );
                PhoneRecord::new(device.clone())
            }
        };
        tracing::info!(phone = %device, "the phone was let go by another shard, and is served here from now on");
        self.know(device, Some(Known { version, content: 0, ours: false }));
        Kept::Free(Box::new(record))
    }

    /// Lets the record of a phone go: it is nobody's from then on, and is not written here any more. One that is not ours
    /// stays as it is.
    pub(in crate::store) async fn hand_over(&self, record: &PhoneRecord) -> Result<(), StoreAway> {
        self.check()?;
        let device = &record.device;
        if !self.known(device).is_some_and(|known| known.ours) {
            self.know(device, None);
            return Ok(());
        }
        if !is_lasting(record) {
            return self.remove_known(device).await.map_err(|away| self.went_away(away));
        }
        let content = lasting(record).map_err(|error| StoreAway(error.to_string().into()))?;
        let spec = spec(&content, &[("device", device.as_str()), ("releasedBy", &self.0.settings.shard)]);
        self.let_go(device, &spec).await.map_err(|away| self.went_away(away))?;
        tracing::info!(phone = %device, "the phone is let go, for another shard to serve it");
        self.know(device, None);
        Ok(())
    }

    fn refuse(&self, device: &DeviceId, why: &str) -> DeviceId {
        self.0.counters.refused.fetch_add(1, Ordering::Relaxed);
        tracing::error!(phone = %device, record = name_of(device), "the PhoneRecord {why}: nothing is written to the phone");
        device.clone()
    }

    /// Writes what is kept of the service.
    pub(in crate::store) async fn save_service(&self, record: &ServiceRecord) -> Result<(), StoreAway> {
        self.check()?;
        let content = lasting_service(record).map_err(|error| StoreAway(error.to_string().into()))?;
        self.put_service(Some(content)).await.map_err(|away| self.went_away(away))
    }

    /// Writes the object of the service, with that content or as it was.
    pub(super) async fn put_service(&self, content: Option<Value>) -> Result<(), StoreAway> {
        let mut service = self.0.service.lock().await;
        let probes = content.is_none();
        let content = content.unwrap_or_else(|| service.content.clone());
        let hash = self.hash(&content);
        if !probes && service.known.as_ref().is_some_and(|known| known.content == hash) {
            return Ok(());
        }
        let spec = spec(&content, &[("cache", &service.cache)]);
        let version = service.known.as_ref().and_then(|known| known.version.clone());
        let name = self.0.settings.shard.clone();
        match self.put(Kind::Ops, &name, &spec, version, hash).await? {
            Put::Done(known) => service.seen(Some(content), known),
            Put::Foreign(_) | Put::Free(_) => {}
        }
        Ok(())
    }

    /// Notes at the start that this process and its state folder are the ones in use.
    ///
    /// # Errors
    /// The cluster does not take it.
    pub async fn take_over(&self) -> Result<(), StoreAway> {
        let is_noted = self.0.service.lock().await.known.as_ref().is_some_and(|known| known.content != 0);
        if is_noted {
            return Ok(());
        }
        self.put_service(None).await.map_err(|away| self.went_away(away))
    }

    /// Forgets a phone. One that stays is an undeclared phone that is heard of again.
    pub(in crate::store) async fn remove(&self, device: &DeviceId) -> Result<(), StoreAway> {
        self.check()?;
        self.remove_known(device).await.map_err(|away| self.went_away(away))
    }

    async fn remove_known(&self, device: &DeviceId) -> Result<(), StoreAway> {
        if self.known(device).is_none() {
            return Ok(());
        }
        self.0.counters.writes.fetch_add(1, Ordering::Relaxed);
        let (name, params) = (name_of(device), DeleteParams::default());
        match timeout(PATIENCE, self.0.records.delete(&name, &params)).await {
            Ok(Ok(_)) => {}
            Ok(Err(kube::Error::Api(error))) if error.code == 404 => {}
            Ok(Err(error)) => return Err(StoreAway(error.to_string().into())),
            Err(_) => return Err(StoreAway("the API server does not answer".into())),
        }
        self.know(device, None);
        Ok(())
    }
}
