//! Namespaces of a Kubernetes cluster as a source: `PhoneConfig`s, `PhoneProfile`s and `PhoneSite`s, the `ConfigMap`
//! `phoneops-catalogue`, and the content of Secrets that carry the label `phoneops.dev/phone-secret: "true"`; no other
//! Secret is ever read.
//!
//! - [`objects`]: what was seen of the resources, and what follows from it for the loader and for the status
//! - [`secrets`]: the content of Secrets
//! - `watch`: the task that watches and tells
//!
//! Each resource is one document under a path such as `voice/phoneconfig/reception.yaml`, so that problems name it. The
//! documents of all namespaces are one set, in which names are to differ; a Secret is one of its document's namespace.

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
    /// The namespaces; none = that of the pod or of the kubeconfig. The first one has the `ConfigMap`.
    pub namespaces: Vec<String>,
    /// How long it has to rest before changes are taken over.
    pub debounce: Duration,
    /// What is known of the resources, shared with whoever writes their status.
    pub cluster: Arc<Cluster>,
    /// The content of Secrets, shared with whoever reads them.
    pub secrets: Arc<ClusterSecrets>,
}

impl KubeSettings {
    /// The namespaces of these names, with a debounce of 300 ms.
    pub fn new(namespaces: Vec<String>) -> Self {
        Self {
            config: None,
            namespaces,
            debounce: Duration::from_millis(300),
            cluster: Arc::default(),
            secrets: Arc::default(),
        }
    }

    /// How the cluster is reached, with the namespaces that are meant.
    ///
    /// # Errors
    /// What is wrong with the kubeconfig, in words.
    pub async fn reach(&self) -> Result<(kube::Config, Vec<String>), String> {
        let config = match &self.config {
            Some(config) => config.clone(),
            None => kube::Config::infer().await.map_err(|error| error.to_string())?,
        };
        let mut namespaces: Vec<String> = Vec::new();
        for name in &self.namespaces {
            if !namespaces.contains(name) {
                namespaces.push(name.clone());
            }
        }
        if namespaces.is_empty() {
            namespaces.push(config.default_namespace.clone());
        }
        Ok((config, namespaces))
    }
}
