//! One of several processes of which one is active: the holder of the lease serves phones, the others wait.
//!
//! **Expected flow.** Wait for the lease, and answer health checks meanwhile; start the service; label the pod, so that
//! phones get there; serve until told to stop. Then the label goes, open exchanges are answered, records reach the
//! cluster, and the lease is given away.
//!
//! **When the lease is lost** (the API server was away, another one took over): the service is ended, and the process
//! waits again. From the moment at which another one could have taken over, no write and no request to call leaves.
//!
//! **When the process dies** or is halted, its label stays on its pod until whoever takes the lease over takes it away; so
//! does the next process in that pod, first of all.

use std::sync::Arc;

use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use openssl::rand::rand_bytes;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{ServiceError, ServiceSettings, cluster, start};
use crate::{
    fleet::fingerprint::to_hex,
    report::{self, metrics::ServiceMetrics, server::ServerLimits},
    source::SourceSettings,
    store::kube::lease::{Candidate, Holder, LeaseSettings},
};

/// The label of the pod whose process is active; the Service for phones selects it.
pub const ACTIVE: &str = "phoneops.dev/active";

/// Serves until `stop` comes, as the only process or as one of several.
///
/// # Errors
/// As [`start`]; and a part of the service that ended by itself.
pub async fn serve(settings: ServiceSettings, stop: impl Future<Output = ()>) -> Result<(), ServiceError> {
    tokio::pin!(stop);
    let SourceSettings::Kube(kube) = &settings.source else {
        let mut running = start(settings).await?;
        let result = tokio::select! {
            () = &mut stop => Ok(()),
            () = running.broken() => Err(ServiceError::Broken),
        };
        tracing::info!("ending");
        running.stop().await;
        return result;
    };
    let (client, namespace) = cluster::reach(kube, &settings.cluster).await?;
    let identity = identity(settings.cluster.pod.as_deref())?;
    let lease = LeaseSettings::new(namespace.clone(), settings.cluster.shard.clone(), identity);
    let pod = Pod::new(client.clone(), &namespace, settings.cluster.pod.clone());
    pod.set_active(false).await;
    loop {
        let holder = tokio::select! {
            holder = wait(&settings, Candidate::new(client.clone(), lease.clone())) => holder?,
            () = &mut stop => return Ok(()),
        };
        let mut settings = settings.clone();
        settings.cluster.last_alive = holder.last_renewed();
        let former = holder.former().map(ToOwned::to_owned);
        let kept = holder.keep();
        settings.cluster.standing = Some(kept.standing());
        let mut running = match start(settings).await {
            Ok(running) => running,
            Err(error) => {
                kept.release().await;
                return Err(error);
            }
        };
        tracing::info!(lease = lease.name, identity = lease.identity, "this process is the active one");
        pod.set_active(true).await;
        if let Some(former) = former {
            pod.retire(&former).await;
        }
        let ended = tokio::select! {
            () = &mut stop => Some(Ok(())),
            () = running.broken() => Some(Err(ServiceError::Broken)),
            () = kept.lost() => None,
        };
        pod.set_active(false).await;
        if let Some(result) = ended {
            tracing::info!("ending");
            running.stop().await;
            kept.release().await;
            return result;
        }
        tracing::warn!(lease = lease.name, "another process has the lease; this one waits again");
        running.stop().await;
    }
}

/// Waits for the lease and answers health checks.
async fn wait(settings: &ServiceSettings, candidate: Candidate) -> Result<Holder, ServiceError> {
    let address = settings.status.listen;
    let failed = |source| ServiceError::Status { address, source };
    let tcp = TcpListener::bind(address).await.map_err(failed)?;
    let (holder, told) = watch::channel(None);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let (router, metrics) = (report::standby::router(told), Arc::new(ServiceMetrics::new()));
    tasks.spawn(report::server::serve(tcp, router, ServerLimits::default(), metrics, stopped));
    tracing::info!(status = %address, "standing by");
    let held = candidate.wait(&holder).await;
    // the address is free again when the server has ended
    let _ = stop.send(true);
    tasks.join_all().await;
    Ok(held)
}

/// Another name for each process that runs at the same time: that of its pod, or one made up.
fn identity(pod: Option<&str>) -> Result<String, ServiceError> {
    if let Some(pod) = pod {
        return Ok(pod.to_owned());
    }
    let mut bytes = [0; 8];
    rand_bytes(&mut bytes).map_err(ServiceError::Random)?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(format!("{}_{}", host.trim(), to_hex(&bytes)))
}

/// The pod that this process runs in, if it was told.
struct Pod {
    way: Option<(Api<k8s_openapi::api::core::v1::Pod>, String)>,
}

impl Pod {
    fn new(client: Client, namespace: &str, name: Option<String>) -> Self {
        Self { way: name.map(|name| (Api::namespaced(client, namespace), name)) }
    }

    async fn set_active(&self, active: bool) {
        let Some((api, name)) = &self.way else { return };
        if let Err(error) = label(api, name, active).await {
            tracing::error!(pod = name, %error, "the pod cannot be labelled, and phones may not get here");
        }
    }

    /// Takes the label off the pod of the process that had the lease and lost it, for it may be halted and ready all the
    /// same.
    async fn retire(&self, former: &str) {
        let Some((api, _)) = &self.way else { return };
        match label(api, former, false).await {
            // it is gone, as its process is
            Err(kube::Error::Api(error)) if error.code == 404 => {}
            Err(error) => {
                tracing::warn!(pod = former, %error, "the pod that was active keeps its label, and some phones may get there");
            }
            Ok(()) => {}
        }
    }
}

async fn label(api: &Api<k8s_openapi::api::core::v1::Pod>, name: &str, active: bool) -> kube::Result<()> {
    let value = active.then_some("true");
    let patch = json!({ "metadata": { "labels": { ACTIVE: value } } });
    api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
}
