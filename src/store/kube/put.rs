//! How one resource gets into the cluster: in the version that was seen last, and never over that of another shard.

use std::sync::atomic::Ordering;

use kube::{
    Api,
    api::{DynamicObject, PostParams},
};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    ClusterStore, Known, PATIENCE,
    object::{Kind, SHARD, name_of, object},
};
use crate::{store::StoreAway, wpi::DeviceId};

/// How often a resource that another one changes is tried.
const CONFLICTS: usize = 5;

/// How one resource fared.
pub(super) enum Put {
    Done(Known),
    /// It is that of another shard.
    Foreign(String),
    /// It is nobody's: another shard let it go.
    Free(Box<DynamicObject>),
}

impl ClusterStore {
    /// Writes a resource, in this version if one is known.
    pub(super) async fn put(
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

    /// Takes the shard's name off a record.
    pub(super) async fn let_go(&self, device: &DeviceId, spec: &Value) -> Result<(), StoreAway> {
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

    /// A resource as it stands now.
    pub(super) async fn standing(
        &self,
        api: &Api<DynamicObject>,
        name: &str,
    ) -> Result<Option<DynamicObject>, StoreAway> {
        match timeout(PATIENCE, api.get_opt(name)).await {
            Ok(found) => found.map_err(|error| StoreAway(error.to_string().into())),
            Err(_) => Err(StoreAway("the API server does not answer".into())),
        }
    }
}

/// The shard that a record is of.
pub(super) fn owner(object: &DynamicObject) -> Option<String> {
    object.metadata.labels.as_ref()?.get(SHARD).filter(|owner| !owner.is_empty()).cloned()
}
