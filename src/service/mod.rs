//! The running service: feeds the fleet with what happens and carries out what it decides.
//!
//! - [`settings`]: what a service is started with
//! - [`shared`]: the fleet behind its lock, and where its effects go
//! - [`handler`]: a phone's request: decode, decide, record, encode
//! - [`saver`]: records on their way to the store, the newest of each phone
//! - [`follow`]: what the source tells
//! - [`history`]: changes on their way to the history
//! - [`sessions`]: the last sessions of each phone
//! - [`clock`]: the time that the fleet is told
//! - [`cluster`]: a store in a cluster, and what follows from its lease
//! - [`standby`]: one of several processes, of which one is active
//! - [`outcome`]: session outcomes as log lines and metrics
//! - [`wire_log`]: recordings of single phones for support
//! - [`access`]: what the API may see and do; `named`: names in its questions that are none

pub mod access;
mod clock;
mod cluster;
mod follow;
pub mod handler;
mod history;
mod named;
mod outcome;
mod saver;
mod sessions;
pub mod settings;
pub mod shared;
pub mod standby;
mod wire_log;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

pub use settings::{ClusterSettings, HistorySettings, ServiceSettings, StatusSettings};
use shared::Shared;

use crate::{
    fleet::{self, Fleet, fingerprint::FingerprintKey},
    phone::{
        ContactClient, ContactSettings, DcmpMetrics, DcmpSettings, FailedHandshakes, ListenerError, ListenerMetrics,
        PhoneListener, dcmp,
    },
    report::{self, api::ApiSettings, metrics::ServiceMetrics, server::ServerLimits, tokens::Tokens},
    source::{self, Identities, IdentityError, SecretsDir, SourceError, SourceSettings, Trigger},
    store::{
        Restored, Store, StoreError,
        key::{KeyError, fingerprint_key},
        kube::ClusterStoreError,
    },
};

/// The name of the API's Unix socket in the state folder.
pub const SOCKET: &str = "api.sock";

/// How long the end of the service waits for the store.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no key of fingerprints.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The cluster cannot be used.
    #[error("the Kubernetes cluster cannot be used: {0}")]
    Cluster(String),
    /// What is kept in the cluster cannot be read.
    #[error(transparent)]
    ClusterStore(#[from] ClusterStoreError),
    /// The source makes no sense.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The listener for phones could not start.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// The poll service could not start.
    #[error("cannot serve polls on {address}: {source}")]
    Dcmp {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The status server could not start.
    #[error("cannot serve status on {address}: {source}")]
    Status {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The metrics server could not start.
    #[error("cannot serve metrics on {address}: {source}")]
    Metrics {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The webhook server could not start.
    #[error("cannot take webhooks on {address}: {source}")]
    Webhook {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody can be told of alerts as it is set.
    #[error(transparent)]
    Alerts(#[from] report::alerts::AlertSettingsError),
    /// No forge can be told of commits as it is set.
    #[error(transparent)]
    CommitStatus(#[from] report::commit_status::CommitStatusSettingsError),
    /// The file of tokens is not usable.
    #[error(transparent)]
    Tokens(#[from] report::tokens::TokensError),
    /// The file with the keys of encrypted secrets is not usable.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A part ended although nobody stopped it.
    #[error("a part of the service ended by itself; start it anew and report it")]
    Broken,
    /// A part ended before it began.
    #[error("the service was stopped while it started")]
    Stopped,
    /// The system gave no random numbers.
    #[error("the system gave no random numbers: {0}")]
    Random(openssl::error::ErrorStack),
}

/// A service at work. Dropping it stops it without waiting; [`Running::stop`] ends it in order.
#[derive(Debug)]
pub struct Running {
    /// Where phones are served.
    pub phone_address: SocketAddr,
    /// Where status is served.
    pub status_address: SocketAddr,
    /// Where polls are served, if they are.
    pub dcmp_address: Option<SocketAddr>,
    /// Where metrics are served to whoever asks, if they are.
    pub metrics_address: Option<SocketAddr>,
    /// Where webhooks are taken, if they are.
    pub webhook_address: Option<SocketAddr>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    may_tell: watch::Sender<bool>,
    tasks: JoinSet<()>,
    listener: JoinHandle<()>,
    store: Store,
}

/// Starts a service: store, source, listener for phones, status server.
pub async fn start(settings: ServiceSettings) -> Result<Running, ServiceError> {
    let (store, restored, key) = Box::pin(open_store(&settings)).await?;
    let mut seed = [0; 32];
    openssl::rand::rand_bytes(&mut seed).map_err(ServiceError::Random)?;
    let polls = bind_polls(settings.dcmp.clone()).await?;
    let dcmp_address = polls.as_ref().map(|((_, address), _)| *address);
    let mut fleet = Fleet::new(decisions(&settings, dcmp_address), seed);
    fleet.set_fingerprint_key(key);
    let (listener_metrics, dcmp_metrics) = (ListenerMetrics::new(), DcmpMetrics::default());
    let metrics = ServiceMetrics::new().with_phones(settings.status.phone_metrics).with_part(|registry| {
        listener_metrics.register(registry);
        dcmp_metrics.register(registry);
    });
    let metrics = Arc::new(metrics.with_log(settings.log_held_back.clone()));
    let in_flight = settings.fleet.contacts_in_flight;
    let contact = ContactClient::new(&ContactSettings { in_flight, ..settings.contact.clone() });
    let shared = Arc::new(Shared::new(fleet, contact, &settings, Arc::clone(&metrics)));
    // beside an older store the mirror may be as old: what it has would be written, and what came since look new
    let doubted = restored.records.iter().any(|record| record.unsure && !record.abandoned);
    let void = shared.with_fleet(|fleet, now| {
        fleet.restore_service(restored.service, now);
        fleet.restore(restored.records, now)
    });
    if void > 0 {
        tracing::warn!(
            phones = void,
            "the key of fingerprints is another one; passwords are taken to be on these phones"
        );
    }
    if let Some(selector) = &settings.fleet.site_selector {
        tracing::info!(%selector, shard = settings.cluster.shard, "phones of sites with these labels are served here");
    }
    let (stop, stopped) = watch::channel(false);

    let lookup = Arc::downgrade(&shared);
    let failures = Arc::new(FailedHandshakes::new(move |address| {
        lookup.upgrade().and_then(|shared| shared.with_fleet(|fleet, _| fleet.last_heard_at(address)))
    }));
    let handler = Arc::new(handler::Handler::new(Arc::clone(&shared)));
    let phones =
        PhoneListener::bind(settings.phone.clone(), Arc::clone(&handler), Arc::clone(&failures), listener_metrics)?;
    let phone_address = phones.local_addr();
    let status_error = |source| ServiceError::Status { address: settings.status.listen, source };
    let status = TcpListener::bind(settings.status.listen).await.map_err(status_error)?;
    let status_address = status.local_addr().map_err(status_error)?;
    let source =
        source::start(if doubted { settings.source.clone().from_its_origin() } else { settings.source.clone() })?;
    let secrets = Arc::new(secrets_of(&settings)?);
    let mut tasks = JoinSet::new();
    let access = Arc::new(access::Access::new(Arc::clone(&shared), failures, store.clone(), Arc::clone(&secrets)));
    let api = || -> Result<_, ServiceError> {
        let tokens = settings.status.tokens.as_deref().map(Tokens::load).transpose()?;
        Ok(report::api::router(access.clone(), ApiSettings { hosts: settings.status.hosts.clone(), tokens }))
    };
    let limits = ServerLimits::default();
    let mut side = Side { tasks: &mut tasks, limits: &limits, metrics: &metrics, stopped: &stopped };
    let metrics_address = side.metrics(settings.status.metrics_listen, access.clone()).await?;
    let mut pages = api()?;
    let webhook_address = side.webhook(&settings, &source.trigger, (status_address, &mut pages)).await?;
    let (may_tell, telling) = watch::channel(true);
    tell_others(&mut tasks, &settings, &access, &metrics, &telling, &stopped)?;
    tasks.spawn(report::server::serve(status, pages, limits.clone(), Arc::clone(&metrics), stopped.clone()));
    let socket = report::socket::listen(&settings.state.join(SOCKET)).map_err(status_error)?;
    tasks.spawn(report::server::serve_unix(socket, api()?, limits, metrics, stopped.clone()));
    if let Some(((tcp, address), settings)) = polls {
        tasks.spawn(dcmp::serve(tcp, settings, handler, dcmp_metrics, stopped.clone()));
        tracing::info!(polls = %address, "serving");
    }
    if let (SourceSettings::Kube(kube), Some(records)) = (&settings.source, store.cluster().cloned()) {
        tasks.spawn(cluster::follow_shards(Arc::clone(&shared), Arc::clone(&kube.cluster), records));
        tasks.spawn(report::kube::status::run(access.clone(), (**kube).clone(), stopped.clone()));
    }
    if let Some(cluster) = store.cluster().cloned() {
        tasks.spawn(cluster.watch());
    }
    if let Some(standing) = settings.cluster.standing.clone() {
        tasks.spawn(cluster::follow_lease(Arc::clone(&shared), standing, may_tell.clone()));
    }
    tasks.spawn(shared::run_timers(Arc::clone(&shared)));
    tasks.spawn(wire_log::run(Arc::clone(&shared), stopped.clone()));
    tasks.spawn(saver::run(Arc::clone(&shared), store.clone()));
    tasks.spawn(history::run(Arc::clone(&shared), store.clone()));
    tasks.spawn(saver::watch(Arc::clone(&shared), store.writable()));
    tasks.spawn(follow::run(Arc::clone(&shared), source, secrets, store.clone()));
    let listener = tokio::spawn(phones.run(until(stopped)));
    tracing::info!(phones = %phone_address, status = %status_address, "serving");
    Ok(Running {
        phone_address,
        status_address,
        dcmp_address,
        metrics_address,
        webhook_address,
        shared,
        stop,
        may_tell,
        tasks,
        listener,
        store,
    })
}

/// Returns when the service stops.
async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The settings of the decisions, with the address of polls.
fn decisions(settings: &ServiceSettings, dcmp_address: Option<SocketAddr>) -> fleet::Settings {
    let mut decisions = settings.fleet.clone();
    if let (None, Some(host), Some(bound)) = (&decisions.poll_url, &decisions.public_address, dcmp_address) {
        decisions.poll_url = Some(dcmp::url(host, bound.port()).into());
    }
    decisions
}

/// Starts what tells people elsewhere, as long as this process may.
fn tell_others(
    tasks: &mut JoinSet<()>,
    settings: &ServiceSettings,
    access: &Arc<access::Access>,
    metrics: &Arc<ServiceMetrics>,
    may_tell: &watch::Receiver<bool>,
    stopped: &watch::Receiver<bool>,
) -> Result<(), ServiceError> {
    if settings.alerts.tells_somebody() {
        let (desk, alerts, metrics) = (access.clone(), settings.alerts.clone(), Arc::clone(metrics));
        tasks.spawn(report::alerts::start(desk, alerts, metrics, may_tell.clone(), stopped.clone())?);
    }
    if let Some(commits) = settings.commit_status.clone() {
        let (desk, metrics) = (access.clone(), Arc::clone(metrics));
        tasks.spawn(report::commit_status::start(
            desk,
            commits,
            &settings.source,
            metrics,
            may_tell.clone(),
            stopped.clone(),
        )?);
    }
    Ok(())
}

/// The store, what was found there, and the key of fingerprints.
async fn open_store(settings: &ServiceSettings) -> Result<(Store, Restored, FingerprintKey), ServiceError> {
    let state = settings.state.clone();
    let options = settings.store.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&state, &options)).await;
    let (store, restored) = opened.map_err(|_| ServiceError::Stopped)??;
    if let Some(aside) = &restored.put_aside {
        tracing::warn!(aside = %aside.display(), "began with an empty store; the broken one is kept");
    }
    let random = |bytes: &mut [u8; 32]| openssl::rand::rand_bytes(bytes).map_err(std::io::Error::other);
    let given = settings.fingerprint_key.as_deref();
    let SourceSettings::Kube(kube) = &settings.source else {
        return Ok((store, restored, fingerprint_key(&settings.state, given, random)?));
    };
    let (store, restored, key) = cluster::open(store, restored, kube, &settings.cluster, &settings.state).await?;
    let given = given.map(|file| fingerprint_key(&settings.state, Some(file), random)).transpose()?;
    Ok((store, restored, given.unwrap_or(key)))
}

/// What servers beside the status server are started with.
struct Side<'a> {
    tasks: &'a mut JoinSet<()>,
    limits: &'a ServerLimits,
    metrics: &'a Arc<ServiceMetrics>,
    stopped: &'a watch::Receiver<bool>,
}

impl Side<'_> {
    /// Serves metrics to whoever asks, if that is set; where.
    async fn metrics(
        &mut self,
        address: Option<SocketAddr>,
        access: Arc<access::Access>,
    ) -> Result<Option<SocketAddr>, ServiceError> {
        let Some(address) = address else { return Ok(None) };
        let failed = |source| ServiceError::Metrics { address, source };
        let tcp = TcpListener::bind(address).await.map_err(failed)?;
        let bound = tcp.local_addr().map_err(failed)?;
        self.serve(tcp, report::api::metrics_router(access));
        Ok(Some(bound))
    }

    /// Takes webhooks, if that is set: on a port of their own, or as a page of the status server, whose router is handed
    /// over. Where.
    async fn webhook(
        &mut self,
        settings: &ServiceSettings,
        trigger: &Trigger,
        (status, pages): (SocketAddr, &mut axum::Router),
    ) -> Result<Option<SocketAddr>, ServiceError> {
        let (Some(webhook), trigger) = (settings.webhook.clone(), trigger.clone()) else { return Ok(None) };
        let address = webhook.listen.unwrap_or(status);
        let failed = |source| ServiceError::Webhook { address, source };
        webhook.check().map_err(failed)?;
        let metrics = Arc::clone(self.metrics);
        let Some(listen) = webhook.listen else {
            *pages = std::mem::take(pages).merge(report::webhook::route(webhook, trigger, metrics));
            return Ok(Some(status));
        };
        let tcp = TcpListener::bind(listen).await.map_err(failed)?;
        let bound = tcp.local_addr().map_err(failed)?;
        self.serve(tcp, report::webhook::router(webhook, trigger, metrics));
        Ok(Some(bound))
    }

    fn serve(&mut self, tcp: TcpListener, router: axum::Router) {
        let (limits, metrics, stopped) = (self.limits.clone(), Arc::clone(self.metrics), self.stopped.clone());
        self.tasks.spawn(report::server::serve(tcp, router, limits, metrics, stopped));
    }
}

/// Where polls are served, if they are.
async fn bind_polls(
    settings: Option<DcmpSettings>,
) -> Result<Option<((TcpListener, SocketAddr), DcmpSettings)>, ServiceError> {
    let Some(settings) = settings else { return Ok(None) };
    let failed = |source| ServiceError::Dcmp { address: settings.listen, source };
    let tcp = TcpListener::bind(settings.listen).await.map_err(failed)?;
    let bound = tcp.local_addr().map_err(failed)?;
    Ok(Some(((tcp, bound), settings)))
}

/// Where secrets are read.
fn secrets_of(settings: &ServiceSettings) -> Result<SecretsDir, ServiceError> {
    let identities = settings.age_identity.as_deref().map(Identities::read).transpose()?;
    let secrets = SecretsDir::new(settings.secrets.clone()).with_identities(identities.unwrap_or_default());
    Ok(match &settings.source {
        SourceSettings::Kube(kube) => secrets.with_cluster(Arc::clone(&kube.secrets)),
        _ => secrets,
    })
}

impl Running {
    /// Ends the service: no new connection is taken, open exchanges are answered, records reach the store.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.listener).await;
        let stored = async {
            self.shared.saver.flush().await;
            history::flush(&self.shared, &self.store).await;
            self.store.close().await;
        };
        if tokio::time::timeout(STORE_PATIENCE, stored).await.is_err() {
            tracing::error!("the store hangs; what was not stored is read again from the phones");
        }
        let (acts, _) = self.shared.saver.acts();
        if acts > 0 {
            tracing::error!(acts, "the store is away, and what people did last is not in the audit log");
        }
        self.tasks.shutdown().await;
    }

    /// Returns when a part of the service has ended although nobody stopped it, which is a bug: then the service is to
    /// be started anew.
    pub async fn broken(&mut self) {
        tokio::select! {
            _ = self.tasks.join_next() => {}
            _ = &mut self.listener => {}
        }
    }

    /// Whether this process may tell people elsewhere of alerts; true from the start. One that is not the active one any
    /// more must not.
    pub fn may_tell(&self) -> &watch::Sender<bool> {
        &self.may_tell
    }

    /// The fleet and its surroundings, for a caller in the same process.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
