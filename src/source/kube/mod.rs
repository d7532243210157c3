//! A namespace of a Kubernetes cluster as a source: `PhoneConfig`s, `PhoneProfile`s and `PhoneSite`s, the `ConfigMap`
//! `phoneops-catalogue`, and the content of Secrets that carry the label `phoneops.dev/phone-secret: "true"`; no other
//! Secret is ever read.
//!
//! - [`objects`]: what was seen of the resources, and what follows from it for the loader and for the status
//! - [`secrets`]: the content of Secrets
//! - `watch`: the task that watches and tells
//!
//! Each resource is one document under a path such as `voice/phoneconfig/reception.yaml`, so that problems name it.

pub mod objects;
pub mod secrets;
mod watch;

use std::{sync::Arc, time::Duration};

pub use objects::{Cluster, Resource};
pub use secrets::ClusterSecrets;
pub(super) use watch::start;

/// Which cluster and namespace, and how they are watched.
#[derive(Debug, Clone)]
pub struct KubeSettings {
    /// How the cluster is reached; `None` = as the pod or the kubeconfig of the user says.
    pub config: Option<kube::Config>,
    /// The namespace; `None` = that of the pod or of the kubeconfig.
    pub namespace: Option<String>,
    /// How long it has to rest before changes are taken over.
    pub debounce: Duration,
    /// What is known of the resources, shared with whoever writes their status.
    pub cluster: Arc<Cluster>,
    /// The content of Secrets, shared with whoever reads them.
    pub secrets: Arc<ClusterSecrets>,
}

impl KubeSettings {
    /// The namespace of that name, with a debounce of 300 ms.
    pub fn new(namespace: Option<String>) -> Self {
        Self {
            config: None,
            namespace,
            debounce: Duration::from_millis(300),
            cluster: Arc::default(),
            secrets: Arc::default(),
        }
    }

    /// How the cluster is reached, with the namespace that is meant.
    ///
    /// # Errors
    /// What is wrong with the kubeconfig, in words.
    pub async fn reach(&self) -> Result<(kube::Config, String), String> {
        let config = match &self.config {
            Some(config) => config.clone(),
            None => kube::Config::infer().await.map_err(|error| error.to_string())?,
        };
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        Ok((config, namespace))
    }
}
