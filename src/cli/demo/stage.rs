//! The running parts of the demo, and waiting for what they do.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use miette::{IntoDiagnostic, WrapErr};

use super::documents;
use crate::{
    fleet::{self, view::PhoneView, view::Query, words::State},
    phone::{CertificateSource, ContactSettings, ListenerSettings},
    service::{self, ClusterSettings, HistorySettings, Running, ServiceError, ServiceSettings, StatusSettings},
    sim::{FleetSettings, Model, Server, SimFleet, SimPhone, Timing},
    source::{GitSettings, SourceSettings},
    store,
    wpi::xml::Limits,
};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Service, phones and clock of the demo.
pub(super) struct Stage {
    pub(super) running: Running,
    pub(super) phones: SimFleet,
    patience: Duration,
    began: Instant,
}

impl Stage {
    pub(super) async fn start(folder: &Path, status: SocketAddr, patience: Duration) -> miette::Result<Self> {
        let began = Instant::now();
        let settings = settings(folder, status);
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
        Ok(Self { running, phones, patience, began })
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

    /// Waits until the service has taken over a revision.
    pub(super) async fn taken_over(&self, revision: &str) -> miette::Result<Duration> {
        self.until("the revision is taken over", |stage| {
            let shared = Arc::clone(stage.running.shared());
            shared.with_fleet(|fleet, _| fleet.revision().is_some_and(|known| known.as_str().starts_with(revision)))
        })
        .await
    }
}

fn settings(folder: &Path, status: SocketAddr) -> ServiceSettings {
    let state = folder.join("state");
    let git = GitSettings::new(folder.join("fleet.git").to_string_lossy().into_owned(), state.join("mirror.git"));
    let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    ServiceSettings {
        source: SourceSettings::Git(GitSettings { interval: Duration::from_millis(500), ..git }),
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
