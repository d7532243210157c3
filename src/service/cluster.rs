//! A service whose records are in a cluster: how its store is opened there, and what follows from the lease.

use std::{fs, io, path::Path, sync::Arc};

use kube::Client;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{ServiceError, settings::ClusterSettings, shared::Shared};
use crate::{
    fleet::{
        fingerprint::{FingerprintKey, to_hex},
        record::PhoneRecord,
    },
    source::{KubeSettings, kube::Cluster},
    store::{
        Restored, Store,
        kube::{ClusterStore, ClusterStoreSettings, cluster_key, lease::Standing},
    },
};

/// The file with the name of the state folder, by which a cache is known as the newest.
const CACHE: &str = "cache.id";

/// How the cluster is reached, and the namespace of what phoneops keeps there.
pub(super) async fn reach(kube: &KubeSettings, settings: &ClusterSettings) -> Result<(Client, String), ServiceError> {
    let (config, served) = kube.reach().await.map_err(ServiceError::Cluster)?;
    // a pod keeps it in its own namespace; without one there is only what is served
    let outside = served.into_iter().next().filter(|_| settings.pod.is_none());
    let namespace = outside.unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(|error| ServiceError::Cluster(error.to_string()))?;
    Ok((client, namespace))
}

/// A store whose records are in the cluster, what was found there, and the key of fingerprints.
pub(super) async fn open(
    file: Store,
    cached: Restored,
    kube: &KubeSettings,
    settings: &ClusterSettings,
    state: &Path,
) -> Result<(Store, Restored, FingerprintKey), ServiceError> {
    let (client, namespace) = reach(kube, settings).await?;
    let settings_of_store = ClusterStoreSettings {
        client,
        namespace,
        shard: settings.shard.clone(),
        standing: settings.standing.clone(),
        retry: settings.retry,
        look_again: settings.look_again,
    };
    let cache = cache_id(&state.join(CACHE)).map_err(|error| ServiceError::Cluster(error.to_string()))?;
    let key = cluster_key(&settings_of_store, random).await?;
    let (cluster, found) = ClusterStore::open(settings_of_store, &cache).await?;
    let mut restored = Restored { service: found.service, records: found.records, ..cached.clone() };
    if found.cache_is_newest {
        add_cached(&mut restored.records, cached.records);
    } else if file.forget_phones().await.is_err() {
        return Err(ServiceError::Cluster(format!(
            "the store in {} is of another time and cannot be written",
            state.display()
        )));
    }
    restored.service.last_alive = settings.last_alive;
    cluster.take_over().await.map_err(|error| ServiceError::Cluster(error.to_string()))?;
    tracing::info!(phones = restored.records.len(), cache = found.cache_is_newest, "records read from the cluster");
    Ok((file.with_cluster(cluster), restored, key))
}

/// What phones told, from the file of the process that served them last: only where the file is of the same record.
fn add_cached(records: &mut [PhoneRecord], cached: Vec<PhoneRecord>) {
    let mut cached: std::collections::HashMap<_, _> =
        cached.into_iter().map(|record| (record.device.clone(), record)).collect();
    for record in records.iter_mut().filter(|record| !record.unsure) {
        let Some(known) = cached.remove(&record.device).filter(|known| !known.unsure) else { continue };
        let digest = |record: &PhoneRecord| record.in_force.as_ref().map(|in_force| in_force.digest);
        if digest(&known) == digest(record) && known.last_write == record.last_write {
            record.observation = known.observation;
            record.last_proof = known.last_proof;
            record.facts.last_seen = known.facts.last_seen;
        }
    }
}

fn random(bytes: &mut [u8; 32]) -> io::Result<()> {
    openssl::rand::rand_bytes(bytes).map_err(io::Error::other)
}

/// The name of a state folder, made once.
fn cache_id(file: &Path) -> io::Result<String> {
    match fs::read_to_string(file) {
        Ok(known) if !known.trim().is_empty() => return Ok(known.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut bytes = [0; 32];
    random(&mut bytes)?;
    let id: String = to_hex(&bytes).chars().take(32).collect();
    fs::write(file, format!("{id}\n"))?;
    Ok(id)
}

/// Tells fleet and source which phones other shards serve.
pub(super) async fn follow_shards(shared: Arc<Shared>, resources: Arc<Cluster>, store: ClusterStore) {
    let mut foreign = store.foreign();
    loop {
        let now = foreign.borrow_and_update().clone();
        let is_shared = shared.with_fleet(|fleet, _| {
            fleet.set_foreign(now.keys().cloned());
            fleet.site_selector().is_some()
        });
        resources.set_elsewhere(now, is_shared);
        if foreign.changed().await.is_err() {
            return;
        }
    }
}

/// Holds back what only the holder of the lease may do while it may be another one.
pub(super) async fn follow_lease(
    shared: Arc<Shared>,
    mut standing: watch::Receiver<Standing>,
    may_tell: watch::Sender<bool>,
) {
    loop {
        let now = *standing.borrow_and_update();
        let holds = now.holds(Instant::now());
        shared.with_fleet(|fleet, now| fleet.hold_calls(!holds, now));
        may_tell.send_replace(holds);
        let ends = async {
            match now {
                Standing::Held(until) if holds => sleep_until(until).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = standing.changed() => if changed.is_err() {
                // the end of the lease is the end of the service
                sleep(std::time::Duration::from_secs(1)).await;
            },
            () = ends => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{fleet::record::Observation, wpi::DeviceId};

    fn record() -> PhoneRecord {
        PhoneRecord::new(DeviceId::new("00:1A:E8:11:22:33").unwrap())
    }

    #[test]
    fn a_state_folder_has_one_name() {
        let temp = tempfile::tempdir().unwrap();
        let first = cache_id(&temp.path().join(CACHE)).unwrap();
        assert_eq!((first.len(), cache_id(&temp.path().join(CACHE)).unwrap()), (32, first.clone()));
    }

    #[test]
    fn what_a_phone_told_is_taken_from_the_cache_only_where_it_is_of_the_same_record() {
        let seen = |record: PhoneRecord| {
            let observation = Some(Observation { at: Timestamp::now(), items: Vec::new() });
            PhoneRecord { observation, ..record }
        };
        let merged = |kept: PhoneRecord, cached: PhoneRecord| {
            let mut records = [kept];
            add_cached(&mut records, vec![cached]);
            records[0].observation.is_some()
        };
        assert!(merged(record(), seen(record())));
        let written = PhoneRecord { last_write: Some(Timestamp::now()), ..record() };
        assert!(!merged(written, seen(record())), "it was written since");
        let unsure = PhoneRecord { unsure: true, ..record() };
        assert!(!merged(unsure.clone(), seen(record())) && !merged(record(), seen(unsure)));
    }
}
