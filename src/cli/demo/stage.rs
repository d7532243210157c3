//! The running parts of the demo, and waiting for what they do.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use miette::{IntoDiagnostic, WrapErr};

use super::{
    documents,
    team::{Change, Team},
};
use crate::{
    fleet::{self, view::PhoneView, view::Query, words::State},
    phone::{CertificateSource, ContactSettings, ListenerSettings},
    service::{self, ClusterSettings, HistorySettings, Running, ServiceError, ServiceSettings, StatusSettings},
    sim::{FleetSettings, Model, Server, SimFleet, SimPhone, Timing},
    source::SourceSettings,
    store::{
        self,
        kube::lease::{Candidate, Kept, LeaseSettings},
    },
    wpi::xml::Limits,
};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How often a server is asked.
const ASK: Duration = Duration::from_millis(100);

/// Service, phones and clock of the demo.
pub(super) struct Stage {
    pub(super) running: Running,
    pub(super) phones: SimFleet,
    patience: Duration,
    began: Instant,
    /// The lease, where the documents are in a cluster.
    lease: Option<Kept>,
}

impl Stage {
    /// Starts the service with what the team keeps, and the phones.
    pub(super) async fn start(
        folder: &Path,
        team: &Team,
        status: SocketAddr,
        patience: Duration,
    ) -> miette::Result<Self> {
        let began = Instant::now();
        let mut settings = settings(folder, team.source(folder), status);
        let lease = lease(&settings, patience).await?;
        settings.cluster.standing = lease.as_ref().map(Kept::standing);
        let running = match service::start(settings.clone()).await {
            Err(ServiceError::Status { .. }) => {
                let free = SocketAddr::new(status.ip(), 0);
                service::start(ServiceSettings {
                    status: StatusSettings { listen: free, ..settings.status.clone() },
                    ..settings
                })
                .await
            }
            result => result,
        };
        let running = running.into_diagnostic().wrap_err("the service does not start")?;
        let mut fleet = FleetSettings::new(documents::phones(), Server::at(running.phone_address));
        fleet.contact_port = 0;
        fleet.models = vec![Model::OpenStage40V3R5, Model::Cp210, Model::OpenStage60V3R1, Model::OpenStage40V3R5];
        fleet.timing = Timing { local_changes: Duration::from_secs(1), ..Timing::quick() };
        let phones = SimFleet::start(&fleet).await.into_diagnostic().wrap_err("the simulated phones do not start")?;
        Ok(Self { running, phones, patience, began, lease })
    }

    /// Ends phones and service, and gives the lease away.
    pub(super) async fn end(self) {
        self.phones.stop().await;
        self.running.stop().await;
        if let Some(lease) = self.lease {
            lease.release().await;
        }
    }

    /// When a step that begins now has taken too long.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Waits a little before another look at a server. An error says what did not come about until the deadline.
    pub(super) async fn look_again(&self, deadline: Instant, what: &str) -> miette::Result<()> {
        miette::ensure!(Instant::now() < deadline, "{what}: not within {:?}", self.patience);
        tokio::time::sleep(ASK).await;
        Ok(())
    }

    /// A line of the story with the time since the start.
    pub(super) fn say(&self, text: &str) {
        println!("[{:6.1} s] {text}", self.began.elapsed().as_secs_f64());
    }

    pub(super) fn phone(&self, number: u32) -> miette::Result<&SimPhone> {
        let phone = usize::try_from(number).ok().and_then(|number| self.phones.phone(number));
        phone.ok_or_else(|| miette::miette!("there is no simulated phone {number}"))
    }

    /// All phones as the service sees them.
    pub(super) fn views(&self) -> Vec<PhoneView> {
        self.running.shared().with_fleet(|fleet, now| fleet.page(&Query::default(), now).phones)
    }

    pub(super) fn view(&self, name: &str) -> Option<PhoneView> {
        self.running.shared().with_fleet(|fleet, now| fleet.phone(name, now))
    }

    pub(super) fn count(&self, state: State) -> usize {
        self.views().iter().filter(|phone| phone.state == state).count()
    }

    /// `WriteItems` that each simulated phone carried out so far.
    pub(super) fn writes(&self) -> Vec<u64> {
        self.phones.phones().iter().map(SimPhone::writes).collect()
    }

    /// Waits until `condition` holds; how long it took. An error says what did not come about, and how phones are.
    pub(super) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) -> miette::Result<Duration> {
        let began = Instant::now();
        while !condition(self) {
            if began.elapsed() > self.patience {
                let mut states: Vec<String> = Vec::new();
                for phone in self.views().iter().filter(|phone| phone.state != State::InSync).take(5) {
                    let name = phone.name.as_deref().unwrap_or(&phone.mac);
                    let pending = phone.pending.as_ref().map(|pending| pending.reason);
                    states
                        .push(format!("{name} is {} {pending:?} with {} differences", phone.state, phone.drift_count));
                }
                miette::bail!("{what}: not within {:?}; {}", self.patience, states.join("; "));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(began.elapsed())
    }

    /// Waits until `count` phones are in sync with the newest revision of all.
    pub(super) async fn in_sync(&self, what: &str, count: usize) -> miette::Result<Duration> {
        self.until(what, |stage| stage.count(State::InSync) == count).await
    }

    /// Waits until the service has taken over a change of the team.
    pub(super) async fn taken_over(&self, team: &Team, change: &Change) -> miette::Result<Duration> {
        self.until("the change is taken over", |stage| team.has_arrived(stage, change)).await
    }
}

/// Takes the lease, as every process does that serves a cluster.
async fn lease(settings: &ServiceSettings, patience: Duration) -> miette::Result<Option<Kept>> {
    let SourceSettings::Kube(kube) = &settings.source else { return Ok(None) };
    let (config, namespaces) = kube.reach().await.map_err(|problem| miette::miette!("{problem}"))?;
    let client = kube::Client::try_from(config).into_diagnostic()?;
    let namespace = namespaces.into_iter().next().unwrap_or_default();
    let lease = LeaseSettings::new(namespace, settings.cluster.shard.clone(), "phoneops-demo".to_owned());
    let told = tokio::sync::watch::channel(None).0;
    let held = tokio::time::timeout(patience, Candidate::new(client, lease).wait(&told)).await;
    Ok(Some(held.into_diagnostic().wrap_err("the lease cannot be taken")?.keep()))
}

fn settings(folder: &Path, source: SourceSettings, status: SocketAddr) -> ServiceSettings {
    let state = folder.join("state");
    let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    ServiceSettings {
        source,
        secrets: None,
        age_identity: None,
        fingerprint_key: None,
        phone: ListenerSettings::new(loopback, CertificateSource::SelfMade { state: state.clone() }),
        state,
        store: store::OpenOptions::default(),
        cluster: ClusterSettings::default(),
        history: HistorySettings::default(),
        contact: ContactSettings::default(),
        dcmp: None,
        webhook: None,
        wire_log: None,
        log_held_back: prometheus_client::metrics::counter::Counter::default(),
        alerts: crate::report::alerts::AlertSettings::default(),
        commit_status: None,
        status: StatusSettings {
            listen: status,
            hosts: Vec::new(),
            tokens: None,
            metrics_listen: None,
            phone_metrics: false,
        },
        fleet: fleet::Settings {
            contact_spacing: Duration::from_secs(1),
            contact_gap: Duration::from_secs(2),
            contact_rest: Duration::from_millis(300),
            answer_wait: Duration::from_secs(5),
            site_contacts_per_second: 20,
            contacts_per_day: 10_000,
            fragile_rest: Duration::from_secs(1),
            backoff_base: Duration::from_secs(1),
            contact_ports: Vec::new(),
            ..fleet::Settings::default()
        },
        xml: Limits::default(),
    }
}
