//! How records get into the cluster.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, ListParams, PostParams},
};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::{
    AT_ONCE, ClusterStore, Known, PATIENCE, RECORD_LIMIT,
    object::{Kind, SHARD, Unreadable, is_lasting, lasting, lasting_service, name_of, object, read, spec},
};
use crate::{
    fleet::{record::PhoneRecord, service_record::ServiceRecord},
    store::{Saved, StoreAway},
    wpi::DeviceId,
};

/// How often it is looked whether another shard let phones go that are to be served here.
const LOOK_FOR_FREE: Duration = Duration::from_secs(5);
/// Names of such records that are read in one answer.
const LET_GO: u32 = 1_000;
/// How often a resource that another one changes is tried.
const CONFLICTS: usize = 5;

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

/// How one resource fared.
enum Put {
    Done(Known),
    /// It is that of another shard.
    Foreign(String),
    /// It is nobody's: another shard let it go.
    Free(Box<DynamicObject>),
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

    async fn let_go(&self, device: &DeviceId, spec: &Value) -> Result<(), StoreAway> {
        let name = name_of(device);
        let mut version = self.known(device).and_then(|known| known.version);
        for _ in 0..CONFLICTS {
            self.check_lease()?;
            let body = object(Kind::Record, &name, spec, None, version.as_deref());
            let body: DynamicObject =
                serde_json::from_value(body).map_err(|error| StoreAway(error.to_string().into()))?;
            self.0.counters.writes.fetch_add(1, Ordering::Relaxed);
            let sent = timeout(PATIENCE, self.0.records.replace(&name, &PostParams::default(), &body)).await;
            match sent {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(kube::Error::Api(error))) if matches!(error.code, 404 | 409) => {}
                Ok(Err(error)) => return Err(StoreAway(error.to_string().into())),
                Err(_) => return Err(StoreAway("the API server does not answer".into())),
            }
            self.0.counters.conflicts.fetch_add(1, Ordering::Relaxed);
            version = match self.standing(&self.0.records, &name).await? {
                Some(found) if owner(&found).as_deref() == Some(&*self.0.settings.shard) => {
                    found.metadata.resource_version
                }
                // it is gone, free or another one's already
                _ => return Ok(()),
            };
        }
        Err(StoreAway(format!("{name} is changed by another one again and again").into()))
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
    async fn put_service(&self, content: Option<Value>) -> Result<(), StoreAway> {
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

    async fn put(
        &self,
        kind: Kind,
        name: &str,
        spec: &Value,
        mut version: Option<String>,
        content: u64,
    ) -> Result<Put, StoreAway> {
        let shard = matches!(kind, Kind::Record).then_some(self.0.settings.shard.as_str());
        let api = if shard.is_some() { &self.0.records } else { &self.0.ops };
        // another one may change it between two looks; nobody does so for ever
        for _ in 0..CONFLICTS {
            self.check_lease()?;
            let body = object(kind, name, spec, shard, version.as_deref());
            let body: DynamicObject =
                serde_json::from_value(body).map_err(|error| StoreAway(error.to_string().into()))?;
            self.0.counters.writes.fetch_add(1, Ordering::Relaxed);
            let sent = async {
                match &version {
                    Some(_) => api.replace(name, &PostParams::default(), &body).await,
                    None => api.create(&PostParams::default(), &body).await,
                }
            };
            let error = match timeout(PATIENCE, sent).await {
                Ok(Ok(written)) => {
                    return Ok(Put::Done(Known { version: written.metadata.resource_version, content, ours: true }));
                }
                Ok(Err(kube::Error::Api(error))) if matches!(error.code, 404 | 409) => error,
                Ok(Err(error)) => return Err(StoreAway(error.to_string().into())),
                Err(_) => return Err(StoreAway("the API server does not answer".into())),
            };
            if error.code == 404 && version.is_none() {
                // not the object is missing but its namespace or its definition
                return Err(StoreAway(error.message.into()));
            }
            self.0.counters.conflicts.fetch_add(1, Ordering::Relaxed);
            version = match (self.standing(api, name).await?, shard) {
                (Some(found), Some(shard)) => match owner(&found) {
                    Some(owner) if owner != shard => return Ok(Put::Foreign(owner)),
                    Some(_) => found.metadata.resource_version,
                    None => return Ok(Put::Free(Box::new(found))),
                },
                (Some(found), None) => found.metadata.resource_version,
                (None, _) => None,
            };
        }
        Err(StoreAway(format!("{name} is changed by another one again and again").into()))
    }

    /// A resource as it stands now.
    async fn standing(&self, api: &Api<DynamicObject>, name: &str) -> Result<Option<DynamicObject>, StoreAway> {
        match timeout(PATIENCE, api.get_opt(name)).await {
            Ok(found) => found.map_err(|error| StoreAway(error.to_string().into())),
            Err(_) => Err(StoreAway("the API server does not answer".into())),
        }
    }

    /// Refuses at once while the cluster is known to take nothing; [`Self::watch`] finds out when it does again.
    fn check(&self) -> Result<(), StoreAway> {
        self.check_lease()?;
        if *self.0.writable.borrow() { Ok(()) } else { Err(StoreAway("the cluster takes no records now".into())) }
    }

    fn check_lease(&self) -> Result<(), StoreAway> {
        if self.holds() { Ok(()) } else { Err(self.went_away(StoreAway("the lease is not held".into()))) }
    }

    fn went_away(&self, away: StoreAway) -> StoreAway {
        self.0.counters.failures.fetch_add(1, Ordering::Relaxed);
        if self.0.writable.send_replace(false) {
            tracing::error!(
                problem = away.reason(),
                "the cluster takes no records: phones are answered and read, no write leaves"
            );
        }
        away
    }

    /// Looks again and again whether a cluster that took no records takes them now, and notes the end of the lease.
    pub async fn watch(self) {
        let mut writable = self.0.writable.subscribe();
        let mut standing = self.0.settings.standing.clone();
        let mut foreign = self.0.foreign.subscribe();
        let mut looked = Instant::now();
        loop {
            if *writable.borrow_and_update() {
                let ends = async {
                    match &mut standing {
                        Some(standing) => over(standing).await,
                        None => std::future::pending().await,
                    }
                };
                let has_foreign = !self.0.foreign.borrow().is_empty();
                tokio::select! {
                    changed = writable.changed() => if changed.is_err() { return },
                    () = ends => drop(self.check_lease()),
                    () = sleep(LOOK_FOR_FREE.min(self.0.settings.look_again)), if has_foreign => {
                        self.look_for_let_go().await;
                        if looked.elapsed() >= self.0.settings.look_again {
                            looked = Instant::now();
                            self.look_for_free().await;
                        }
                    }
                    changed = foreign.changed() => if changed.is_err() { return },
                }
                continue;
            }
            sleep(self.0.settings.retry).await;
            if self.holds() && self.put_service(None).await.is_ok() {
                tracing::info!("the cluster takes records again");
                self.0.writable.send_replace(true);
            }
        }
    }
}

impl ClusterStore {
    /// Phones that were another shard's, and that it let go: one list for all of them.
    async fn look_for_let_go(&self) {
        let mut page = ListParams::default().labels(&format!("!{SHARD}")).limit(LET_GO);
        let mut names: HashSet<String> = HashSet::new();
        loop {
            let Ok(Ok(found)) = timeout(PATIENCE, self.0.records.list_metadata(&page)).await else { return };
            names.extend(found.items.into_iter().filter_map(|object| object.metadata.name));
            match found.metadata.continue_.filter(|more| !more.is_empty()) {
                Some(more) => page = page.continue_token(&more),
                None => break,
            }
        }
        let is_let_go = |device: &DeviceId| names.contains(&name_of(device));
        if self.0.foreign.borrow().keys().any(is_let_go) {
            self.0.foreign.send_modify(|foreign| foreign.retain(|device, _| !is_let_go(device)));
        }
    }

    /// Phones that were another shard's and are nobody's now.
    async fn look_for_free(&self) {
        let devices: Vec<DeviceId> = self.0.foreign.borrow().keys().cloned().collect();
        for device in devices {
            let standing = self.standing(&self.0.records, &name_of(&device)).await;
            let is_free = match standing {
                Ok(None) => true,
                Ok(Some(found)) => owner(&found).is_none_or(|owner| owner == self.0.settings.shard),
                Err(_) => return,
            };
            if is_free {
                self.0.foreign.send_modify(|foreign| drop(foreign.remove(&device)));
            }
        }
    }
}

/// The shard that a record is of.
fn owner(object: &DynamicObject) -> Option<String> {
    object.metadata.labels.as_ref()?.get(SHARD).filter(|owner| !owner.is_empty()).cloned()
}

/// Returns when the holder does not hold the lease for certain any more.
async fn over(standing: &mut tokio::sync::watch::Receiver<super::Standing>) {
    loop {
        let until = match *standing.borrow_and_update() {
            super::Standing::Held(until) => until,
            super::Standing::Lost => return,
        };
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { sleep(Duration::from_secs(1)).await },
            () = tokio::time::sleep_until(until) => return,
        }
    }
}
