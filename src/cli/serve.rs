//! `phoneops serve`: the service.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgGroup, builder::BoolishValueParser};
use ipnet::IpNet;
use miette::IntoDiagnostic;
use prometheus_client::metrics::counter::Counter;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, log};
use crate::{
    fleet,
    phone::{CertificateSource, ContactSettings, DcmpSettings, ListenerSettings, TlsMode},
    report::{
        alerts::{AlertSettings, settings::HookSettings},
        commit_status::{
            CommitStatusSettings,
            forge::{CONTEXT, Forge},
        },
        outgoing::Address,
        webhook::WebhookSettings,
    },
    service::{self, ClusterSettings, HistorySettings, ServiceSettings, StatusSettings},
    source::{DirSettings, GitSettings, KubeSettings, SourceSettings},
    spec::Selector,
    store,
    wpi::xml::Limits,
};

/// Arguments of `phoneops serve`. Each is also an environment variable `PHONEOPS_…` and a key of `--config`.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[command(group = ArgGroup::new("source").required(true).args(["dir", "git", "kubernetes"]))]
pub struct Args {
    /// Folder of YAML documents
    #[arg(long, env = "PHONEOPS_DIR", value_name = "PATH")]
    pub dir: Option<PathBuf>,
    /// Git repository of YAML documents (https, ssh, file or a path)
    #[arg(long, env = "PHONEOPS_GIT", value_name = "URL")]
    pub git: Option<String>,
    /// Watch the documents of namespaces of a Kubernetes cluster
    #[arg(long, env = "PHONEOPS_KUBERNETES", value_parser = BoolishValueParser::new())]
    pub kubernetes: bool,
    /// The namespaces, whose documents are one set; else that of the pod, or of the kubeconfig
    #[arg(long, env = "PHONEOPS_NAMESPACE", value_name = "NAME", value_delimiter = ',', requires = "kubernetes", conflicts_with_all = ["git", "dir"])]
    pub namespace: Vec<String>,
    /// The name of the release in the cluster: of its lease and its records; another one for each that serves phones of
    /// its own
    #[arg(long, env = "PHONEOPS_SHARD", value_name = "NAME", default_value = "phoneops", requires = "kubernetes", conflicts_with_all = ["git", "dir"])]
    pub shard: String,
    /// The sites whose phones are served, by their labels, such as region=north; other releases serve those of the others
    #[arg(long, env = "PHONEOPS_SITE_SELECTOR", value_name = "SELECTOR", requires = "kubernetes", conflicts_with_all = ["git", "dir"])]
    pub site_selector: Option<Selector>,
    /// The pod this runs in, labelled phoneops.dev/active while it is the active one of its release
    #[arg(long, env = "PHONEOPS_POD", value_name = "NAME", requires = "kubernetes", conflicts_with_all = ["git", "dir"])]
    pub pod: Option<String>,
    /// Branch that is followed
    #[arg(long, env = "PHONEOPS_BRANCH", default_value = "main")]
    pub branch: String,
    /// Folder of the documents inside the repository
    #[arg(long, env = "PHONEOPS_PATH", default_value = ".")]
    pub path: String,
    /// How often the branch is looked at
    #[arg(long, env = "PHONEOPS_GIT_INTERVAL", default_value = "30s", value_parser = interval)]
    pub git_interval: Duration,
    /// File with a token for https
    #[arg(long, env = "PHONEOPS_GIT_TOKEN_FILE", value_name = "FILE")]
    pub git_token_file: Option<PathBuf>,
    /// Private ssh key; else the agent is asked
    #[arg(long, env = "PHONEOPS_GIT_SSH_KEY", value_name = "FILE")]
    pub git_ssh_key: Option<PathBuf>,
    /// Known hosts of ssh; an unknown one is refused with the line to add
    #[arg(long, env = "PHONEOPS_GIT_KNOWN_HOSTS", value_name = "FILE")]
    pub git_known_hosts: Option<PathBuf>,
    /// Certificate authorities for https, as PEM, beside the system's
    #[arg(long, env = "PHONEOPS_GIT_CA", value_name = "FILE")]
    pub git_ca: Option<PathBuf>,
    /// Where phones are served
    #[arg(long, env = "PHONEOPS_PHONE_LISTEN", default_value = "0.0.0.0:18443", value_name = "ADDRESS")]
    pub phone_listen: SocketAddr,
    /// Further paths that are served like /DeploymentService/LoginService
    #[arg(long, env = "PHONEOPS_PHONE_ALIAS", value_name = "PATH", value_delimiter = ',')]
    pub phone_alias: Vec<String>,
    /// Where phones behind NAT poll (DCMP, plain HTTP); off unless given
    #[arg(long, env = "PHONEOPS_DCMP_LISTEN", value_name = "ADDRESS")]
    pub dcmp_listen: Option<SocketAddr>,
    /// Address of the poll service as phones reach it, written to phones of sites with `reach: Poll`; made from
    /// --public-address and the port of --dcmp-listen unless given
    #[arg(long, env = "PHONEOPS_DCMP_URL", value_name = "URL", value_parser = poll_url)]
    pub dcmp_url: Option<String>,
    /// Address or name of this service as phones are set to it; phones set to another server are read and not written to
    #[arg(long, env = "PHONEOPS_PUBLIC_ADDRESS", value_name = "HOST", value_parser = host)]
    pub public_address: Option<String>,
    /// Where status is served; off loopback it needs --tokens
    #[arg(long, env = "PHONEOPS_STATUS_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub status_listen: SocketAddr,
    /// Host names the status server answers to, beside loopback and its own address
    #[arg(long, env = "PHONEOPS_STATUS_HOST", value_name = "NAME", value_delimiter = ',')]
    pub status_host: Vec<String>,
    /// Folder of the store, the self-made certificate and the git mirror
    #[arg(long, env = "PHONEOPS_STATE", default_value = "/var/lib/phoneops", value_name = "DIR")]
    pub state: PathBuf,
    /// Put a broken or newer store aside and begin anew (no secret is written because of it)
    #[arg(long, env = "PHONEOPS_REBUILD_STORE", value_parser = BoolishValueParser::new())]
    pub rebuild_store: bool,
    /// Certificate shown to phones; self-made when missing
    #[arg(long, env = "PHONEOPS_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, env = "PHONEOPS_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// modern: TLS 1.2 and newer; legacy: also TLS 1.0 with RSA key exchange, for firmware V1 to V3
    #[arg(long, env = "PHONEOPS_TLS", default_value = "modern", value_parser = tls_mode, value_name = "modern|legacy")]
    pub tls: TlsMode,
    /// Networks of proxies that send a PROXY header
    #[arg(long, env = "PHONEOPS_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Only tell what differs: nothing is ever written, whatever the documents say
    #[arg(long, env = "PHONEOPS_REPORT_ONLY", value_parser = BoolishValueParser::new())]
    pub report_only: bool,
    /// Least time between two contact-me requests to one phone
    #[arg(long, env = "PHONEOPS_CONTACT_SPACING", default_value = "60s", value_parser = some_time)]
    pub contact_spacing: Duration,
    /// Contact gap of phones whose dls-contact-interval is not known
    #[arg(long, env = "PHONEOPS_CONTACT_GAP", default_value = "300s", value_parser = some_time)]
    pub contact_gap: Duration,
    /// How long a phone may stay silent after items that can make it vanish; then its site stops
    #[arg(long, env = "PHONEOPS_LOCKOUT_WAIT", default_value = "15m", value_parser = some_time)]
    pub lockout_wait: Duration,
    /// Phones that a revision may change at once; above, it waits for `phoneops approve`. The larger of this and
    /// --gate-percent counts; 0 = off
    #[arg(long, env = "PHONEOPS_GATE_PHONES", default_value_t = 25, value_name = "N")]
    pub gate_phones: u32,
    /// How many of a hundred declared phones a revision may change at once; 0 = off
    #[arg(long, env = "PHONEOPS_GATE_PERCENT", default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    pub gate_percent: u32,
    /// Phones on which a revision may change items of effect service, safety or lockout; 0 = off
    #[arg(long, env = "PHONEOPS_GATE_RISKY", default_value_t = 3, value_name = "N")]
    pub gate_risky: u32,
    /// How many of a hundred declared phones may vanish with one revision; 0 = off
    #[arg(long, env = "PHONEOPS_GATE_VANISH", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    pub gate_vanish: u32,
    /// A commit goes on by itself that says `Phoneops-Approved: N phones` and would change just so many
    #[arg(long, env = "PHONEOPS_GATE_TRAILER", value_parser = BoolishValueParser::new())]
    pub gate_trailer: bool,
    /// Phones of a site that start within a minute before it counts as coming back from an outage; 0 = off
    #[arg(long, env = "PHONEOPS_STORM_STARTS", default_value_t = 10, value_name = "N")]
    pub storm_starts: u32,
    /// And how many of a hundred phones of the site
    #[arg(long, env = "PHONEOPS_STORM_PERCENT", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    pub storm_percent: u32,
    /// How long after the last start known phones of that site are left alone
    #[arg(long, env = "PHONEOPS_STORM_REST", default_value = "15m", value_parser = some_time)]
    pub storm_rest: Duration,
    /// From when on the service counts as having been away; 0s = never
    #[arg(long, env = "PHONEOPS_ABSENCE", default_value = "30m", value_parser = duration)]
    pub absence: Duration,
    /// For how long after that only new and reset phones are written
    #[arg(long, env = "PHONEOPS_CATCH_UP", default_value = "10m", value_parser = duration)]
    pub catch_up: Duration,
    /// Contact-me requests a second for the whole service
    #[arg(long, env = "PHONEOPS_CONTACTS_PER_SECOND", default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub contacts_per_second: u32,
    /// Contact-me requests a second for a site whose document says nothing else
    #[arg(long, env = "PHONEOPS_SITE_CONTACTS_PER_SECOND", default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub site_contacts_per_second: u32,
    /// Contact-me requests in any 24 h to a phone that does not answer
    #[arg(long, env = "PHONEOPS_CONTACTS_PER_DAY", default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub contacts_per_day: u32,
    /// Sessions at once; above, phones are told to come back
    #[arg(long, env = "PHONEOPS_SESSIONS", default_value_t = 5_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sessions: u32,
    /// Sessions at once with phones of a site whose document says nothing else
    #[arg(long, env = "PHONEOPS_SITE_SESSIONS", default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub site_sessions: u32,
    /// Ports that a phone's contact-me address may name; 0 = any
    #[arg(long, env = "PHONEOPS_CONTACT_PORT", default_value = "8085", value_name = "PORT", value_delimiter = ',')]
    pub contact_port: Vec<u16>,
    /// Largest message of a phone, in bytes
    #[arg(long, env = "PHONEOPS_BODY_LIMIT", default_value_t = 1_000_000, value_name = "BYTES", value_parser = bytes)]
    pub body_limit: usize,
    /// Folder of secrets that documents refer to by {file: NAME}
    #[arg(long, env = "PHONEOPS_SECRETS_DIR", value_name = "DIR")]
    pub secrets_dir: Option<PathBuf>,
    /// File with the keys (AGE-SECRET-KEY-1…) that open files of secrets encrypted with age
    #[arg(long, env = "PHONEOPS_AGE_IDENTITY", value_name = "FILE")]
    pub age_identity: Option<PathBuf>,
    /// Key of fingerprints of what was written, 64 hex digits; made in the state folder unless given
    #[arg(long, env = "PHONEOPS_FINGERPRINT_KEY", value_name = "FILE")]
    pub fingerprint_key: Option<PathBuf>,
    /// A port of its own for forges that tell of pushes (POST /webhook/git), else they do so at the status server; plain
    /// HTTP, for a proxy or an inner network
    #[arg(long, env = "PHONEOPS_WEBHOOK_LISTEN", value_name = "ADDR", requires_all = ["webhook_secret_file", "git"])]
    pub webhook_listen: Option<SocketAddr>,
    /// File with the secret that they sign with; without it they cannot tell anything
    #[arg(long, env = "PHONEOPS_WEBHOOK_SECRET_FILE", value_name = "FILE", requires = "git")]
    pub webhook_secret_file: Option<PathBuf>,
    /// Where /metrics is served to whoever asks, without a token, beside that of the status server
    #[arg(long, env = "PHONEOPS_METRICS_LISTEN", value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
    /// Metrics of each phone, too: state, items that differ, last message, last proof
    #[arg(long, env = "PHONEOPS_PHONE_METRICS")]
    pub phone_metrics: bool,
    /// An Alertmanager that is told of alerts (may be given more than once); without /api/v2/alerts
    #[arg(long = "alertmanager", env = "PHONEOPS_ALERTMANAGER", value_name = "URL", value_delimiter = ',', value_parser = Address::parse)]
    pub alertmanagers: Vec<Address>,
    /// A webhook that is told of alerts, in signed JSON
    #[arg(long, env = "PHONEOPS_ALERT_WEBHOOK", value_name = "URL", requires = "alert_webhook_secret_file", value_parser = Address::parse)]
    pub alert_webhook: Option<Address>,
    /// File with the secret that it is signed with
    #[arg(long, env = "PHONEOPS_ALERT_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub alert_webhook_secret_file: Option<PathBuf>,
    /// File with the address of a webhook of Slack, Mattermost or the like, which is a secret
    #[arg(long, env = "PHONEOPS_ALERT_SLACK_URL_FILE", value_name = "FILE")]
    pub alert_slack_url_file: Option<PathBuf>,
    /// Certificate authorities of these servers, as PEM, beside the system's
    #[arg(long, env = "PHONEOPS_ALERT_CA", value_name = "FILE")]
    pub alert_ca: Option<PathBuf>,
    /// How long the cause of an alert has to last before it is told; what waits for a person is told at once
    #[arg(long, env = "PHONEOPS_ALERT_FOR", default_value = "10m", value_parser = duration)]
    pub alert_for: Duration,
    /// Tell the forge of the repository how far a commit is: github, gitlab or gitea
    #[arg(long, env = "PHONEOPS_COMMIT_STATUS", value_name = "FORGE", requires = "commit_status_token_file", value_parser = Forge::parse)]
    pub commit_status: Option<Forge>,
    /// Address of its API, up to /api/v1 or the like; made from --git unless given
    #[arg(long, env = "PHONEOPS_COMMIT_STATUS_URL", value_name = "URL", requires = "commit_status", value_parser = Address::parse)]
    pub commit_status_url: Option<Address>,
    /// File with a token that may set statuses
    #[arg(long, env = "PHONEOPS_COMMIT_STATUS_TOKEN_FILE", value_name = "FILE", requires = "commit_status")]
    pub commit_status_token_file: Option<PathBuf>,
    /// The repository there; made from --git unless given
    #[arg(long, env = "PHONEOPS_COMMIT_STATUS_REPOSITORY", value_name = "OWNER/NAME", requires = "commit_status")]
    pub commit_status_repository: Option<String>,
    /// Name of the status; another one for each service that tells of the same repository
    #[arg(long, env = "PHONEOPS_COMMIT_STATUS_CONTEXT", value_name = "NAME", default_value = CONTEXT)]
    pub commit_status_context: String,
    /// Address of the web page as people reach it: statuses lead to the revision there
    #[arg(long, env = "PHONEOPS_COMMIT_STATUS_PAGE", value_name = "URL", requires = "commit_status", value_parser = Address::parse)]
    pub commit_status_page: Option<Address>,
    /// Certificate authorities of the forge, beside those of the system
    #[arg(long, env = "PHONEOPS_COMMIT_STATUS_CA", value_name = "FILE", requires = "commit_status")]
    pub commit_status_ca: Option<PathBuf>,
    /// File of API tokens: name:rights:sha256, one a line
    #[arg(long, env = "PHONEOPS_TOKENS", value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Days that the history of changes is kept; 0 keeps none
    #[arg(long, env = "PHONEOPS_HISTORY_DAYS", default_value_t = 400, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(..=36_500))]
    pub history_days: u32,
    /// Days that changes of items are kept that belong to the users of phones; 0 keeps none
    #[arg(long, env = "PHONEOPS_HISTORY_USER_DAYS", default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(..=36_500))]
    pub history_user_days: u32,
    /// YAML file with any of these settings by their long names; flags and environment win
    #[arg(long, env = "PHONEOPS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder in which single phones may be recorded for support, each by `phoneops wire-log` and for a time
    #[arg(long, env = "PHONEOPS_WIRE_LOG", value_name = "DIR")]
    pub wire_log: Option<PathBuf>,
    #[command(flatten)]
    log: log::Args,
}

/// Reads a duration such as `30s`, `5m` or `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let length: jiff::SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is no duration; write it like 30s, 5m or 1h30m"))?;
    Duration::try_from(length).map_err(|_| format!("{text:?} is negative"))
}

/// A duration that is none of zero.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| if time.is_zero() { Err("it must be longer than nothing".into()) } else { Ok(time) })
}

/// How often a remote is looked at: a second apart at least.
fn interval(text: &str) -> Result<Duration, String> {
    let least = Duration::from_secs(1);
    duration(text).and_then(|time| if time < least { Err("it must be 1s or longer".into()) } else { Ok(time) })
}

fn bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a limit of nothing lets no message in; leave it out for 1000000".into()),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(format!("{text:?} is no number of bytes")),
    }
}

/// A host name or an address, without a port.
pub(super) fn host(text: &str) -> Result<String, String> {
    let known = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let good = text.parse::<std::net::IpAddr>().is_ok() || (known && !text.is_empty() && text.len() <= 253);
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is neither a host name nor an address; no port goes here"))
    }
}

/// The address at which phones poll, with its final slash.
fn poll_url(text: &str) -> Result<String, String> {
    let uri: Option<hyper::Uri> = text.parse().ok();
    let plain = uri.filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some() && uri.query().is_none());
    let shown = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>&@#".contains(&byte));
    match plain {
        Some(_) if shown && text.len() < 255 => Ok(format!("{}/", text.trim_end_matches('/'))),
        _ => Err(format!("{text:?} is no plain http address such as http://198.51.100.7:8086/dcmp/")),
    }
}

fn tls_mode(word: &str) -> Result<TlsMode, String> {
    [TlsMode::Modern, TlsMode::Legacy]
        .into_iter()
        .find(|mode| mode.as_str() == word)
        .ok_or_else(|| format!("{word:?} is neither modern nor legacy"))
}

impl Args {
    fn settings(&self, log_held_back: Counter) -> ServiceSettings {
        let certificate = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                CertificateSource::Files { certificate: certificate.clone(), key: key.clone() }
            }
            _ => CertificateSource::SelfMade { state: self.state.clone() },
        };
        let mut phone = ListenerSettings::new(self.phone_listen, certificate);
        phone.tls = self.tls;
        phone.trusted_proxies.clone_from(&self.trusted_proxies);
        phone.aliases.clone_from(&self.phone_alias);
        phone.limits.body = self.body_limit;
        ServiceSettings {
            source: self.source(),
            secrets: self.secrets_dir.clone(),
            age_identity: self.age_identity.clone(),
            fingerprint_key: self.fingerprint_key.clone(),
            state: self.state.clone(),
            store: store::OpenOptions { rebuild: self.rebuild_store, ..store::OpenOptions::default() },
            cluster: ClusterSettings { shard: self.shard.clone(), pod: self.pod.clone(), ..ClusterSettings::default() },
            history: HistorySettings { days: self.history_days, user_days: self.history_user_days },
            phone,
            contact: ContactSettings::default(),
            dcmp: self.dcmp_listen.map(|listen| DcmpSettings {
                trusted_proxies: self.trusted_proxies.clone(),
                ..DcmpSettings::new(listen)
            }),
            status: StatusSettings {
                listen: self.status_listen,
                hosts: self.status_host.clone(),
                tokens: self.tokens.clone(),
                metrics_listen: self.metrics_listen,
                phone_metrics: self.phone_metrics,
            },
            webhook: self.webhook_secret_file.clone().map(|secret_file| WebhookSettings {
                listen: self.webhook_listen,
                secret_file,
                branch: self.branch.clone(),
            }),
            wire_log: self.wire_log.clone(),
            log_held_back,
            alerts: self.alerts(),
            commit_status: self.commit_status(),
            fleet: fleet::Settings {
                report_only: self.report_only,
                site_selector: self.site_selector.clone(),
                contact_spacing: self.contact_spacing,
                contact_gap: self.contact_gap,
                lockout_wait: self.lockout_wait,
                gate: fleet::settings::GateSettings {
                    phones: self.gate_phones,
                    percent: self.gate_percent,
                    risky: self.gate_risky,
                    vanish: self.gate_vanish,
                    trailer: self.gate_trailer,
                },
                recovery: fleet::recovery::RecoverySettings {
                    starts: self.storm_starts,
                    percent: self.storm_percent,
                    rest: self.storm_rest,
                    absence: self.absence,
                    catch_up: self.catch_up,
                },
                contacts_per_second: self.contacts_per_second,
                site_contacts_per_second: self.site_contacts_per_second,
                contacts_per_day: self.contacts_per_day,
                flows: self.sessions as usize,
                site_flows: self.site_sessions as usize,
                contact_ports: if self.contact_port.contains(&0) { Vec::new() } else { self.contact_port.clone() },
                public_address: self.public_address.as_deref().map(Into::into),
                poll_url: self.dcmp_url.as_deref().map(Into::into),
                ..fleet::Settings::default()
            },
            xml: Limits { body: self.body_limit, ..Limits::default() },
        }
    }

    fn commit_status(&self) -> Option<CommitStatusSettings> {
        Some(CommitStatusSettings {
            api: self.commit_status_url.clone(),
            repository: self.commit_status_repository.clone(),
            context: self.commit_status_context.clone(),
            page: self.commit_status_page.clone(),
            ca: self.commit_status_ca.clone(),
            ..CommitStatusSettings::new(self.commit_status?, self.commit_status_token_file.clone()?)
        })
    }

    fn alerts(&self) -> AlertSettings {
        let hook = self.alert_webhook.clone().zip(self.alert_webhook_secret_file.clone());
        AlertSettings {
            alertmanagers: self.alertmanagers.clone(),
            webhook: hook.map(|(address, secret_file)| HookSettings { address, secret_file }),
            slack_file: self.alert_slack_url_file.clone(),
            ca: self.alert_ca.clone(),
            hold: self.alert_for,
            ..AlertSettings::default()
        }
    }

    fn source(&self) -> SourceSettings {
        if self.kubernetes {
            return SourceSettings::Kube(Box::new(KubeSettings::new(self.namespace.clone())));
        }
        match &self.git {
            Some(url) => SourceSettings::Git(GitSettings {
                branch: self.branch.clone(),
                path: self.path.clone(),
                interval: self.git_interval,
                token_file: self.git_token_file.clone(),
                ssh_key: self.git_ssh_key.clone(),
                known_hosts: self.git_known_hosts.clone(),
                ca_file: self.git_ca.clone(),
                ..GitSettings::new(url.clone(), self.state.join("mirror.git"))
            }),
            None => SourceSettings::Dir(DirSettings::new(self.dir.clone().unwrap_or_default())),
        }
    }
}

/// Runs the command until SIGINT or SIGTERM.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let held_back = log::start(&args.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).into_diagnostic()?;
        let stop = async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
        };
        Box::pin(service::standby::serve(args.settings(held_back), stop)).await.into_diagnostic()?;
        Ok(Exit::Good)
    })
}
