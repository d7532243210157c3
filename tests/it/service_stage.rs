//! The stage of the scenarios: the real service with everything in a temp folder, simulated phones, and waiting for a
//! condition within a deadline.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use phoneops::{
    fleet::{
        self, view,
        words::{PendingReason, State},
    },
    phone::{ContactSettings, ListenerSettings},
    service::{self, ClusterSettings, HistorySettings, Running, ServiceSettings, StatusSettings},
    sim::{Exchange, Fault, Model, PhoneView, Server, SimPhone, SimSettings, Timing},
    source::{DirSettings, SourceSettings},
    store,
    wpi::{ItemId, ItemName, ItemText, xml::Limits},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    listener_support::self_made,
    service_child::{phoneops, run},
};

/// Longest wait for anything that has to come; no test waits for it when all is well.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Least time between two contact-me requests to one phone on the stage.
pub(crate) const SPACING: Duration = Duration::from_millis(40);
/// A token with right act, and one with right read.
pub(crate) const ACT: &str = "alice-token";
const TOKENS: &str = "\
alice:act:9c220f200955d76c0a38d308225e0ef10c5f971acaf2f8d1d8f732affa5bd1dc
grafana:read:5a4806aaf8e14a7c4a89f70d1ef7b2324ddae2b85c417a9270d87b4db806b6a0
";

/// The first of so many loopback addresses that no other phone of this process has; each test may be a process.
pub(crate) fn own_block(addresses: u32) -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = u32::from(Ipv4Addr::new(127, 64, 0, 1)) + std::process::id() % 8192 * 512;
    Ipv4Addr::from(base + NEXT.fetch_add(addresses, Ordering::Relaxed))
}

/// A loopback address that no other phone of this test run has.
pub(crate) fn own_address() -> IpAddr {
    IpAddr::V4(own_block(1))
}

pub(crate) fn mac(number: u32) -> String {
    phoneops::sim::mac(number)
}

pub(crate) fn id(name: &str) -> ItemId {
    ItemId::new(ItemName::new(name).unwrap(), None)
}

pub(crate) fn text(text: &str) -> ItemText {
    ItemText::plain(text)
}

/// The text of an item of a phone.
pub(crate) fn has(phone: &SimPhone, name: &str) -> String {
    phone.value(&id(name)).and_then(|text| text.as_plain().map(ToOwned::to_owned)).unwrap_or_default()
}

/// The profile `fleet` with this mode and these items, as YAML lines of a flow map.
pub(crate) fn profile(mode: &str, items: &str) -> String {
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: fleet}}\n\
         spec:\n  policy: {{mode: {mode}}}\n  items: {{{items}}}\n"
    )
}

/// A phone `phone-N` with the MAC of that number, on profile `fleet`, with these items of its own.
pub(crate) fn config(number: u32, items: &str) -> String {
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: phone-{number}}}\n\
         spec:\n  phone: {{mac: \"{}\"}}\n  profiles: [fleet]\n  items: {{{items}}}\n",
        mac(number)
    )
}

/// Several documents in one file.
pub(crate) fn configs(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| config(number, "")).collect::<Vec<_>>().join("---\n")
}

/// The actions that a phone was given from exchange `from` on, in words, each flow begun by its reason:
/// `start-up: ReadItems CleanUp`.
pub(crate) fn told(phone: &SimPhone, from: usize) -> Vec<String> {
    let mut flows: Vec<(u64, String)> = Vec::new();
    for exchange in phone.transcript().into_iter().skip(from) {
        let what = match exchange.action() {
            Some(action) if exchange.send_solicited() => format!("{action}+wish"),
            Some(action) => action.to_string(),
            None => format!("{:?}", exchange.outcome),
        };
        match flows.last_mut().filter(|(flow, _)| *flow == exchange.flow) {
            Some((_, line)) => {
                line.push(' ');
                line.push_str(&what);
            }
            None => flows.push((exchange.flow, format!("{}: {what}", exchange.reason.as_str()))),
        }
    }
    flows.into_iter().map(|(_, line)| line).collect()
}

/// How often the phone was given a `WriteItems` with this item.
pub(crate) fn times_written(phone: &SimPhone, name: &str) -> usize {
    let writes = |exchange: &Exchange| exchange.written().iter().any(|id| id.name.as_str() == name);
    phone.transcript().iter().filter(|exchange| writes(exchange)).count()
}

/// Waits for a condition by looking every few milliseconds; `what` tells what it was when it never came true.
pub(crate) async fn until(mut condition: impl FnMut() -> bool, what: impl Fn() -> String) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "never came true: {}", what());
        sleep(Duration::from_millis(4)).await;
    }
}

/// The service on its stage.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) settings: ServiceSettings,
    running: Option<Running>,
    phones: Mutex<Vec<SimPhone>>,
}

/// An answer of the status server.
#[derive(Debug)]
pub(crate) struct ApiAnswer {
    pub(crate) status: u16,
    pub(crate) whole: String,
    pub(crate) body: String,
}

impl ApiAnswer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Stage {
    /// A service on these documents of a folder.
    pub(crate) async fn with(documents: &str) -> Self {
        Self::set(documents, |_| ()).await
    }

    /// The same with other settings.
    pub(crate) async fn set(documents: &str, change: impl FnOnce(&mut ServiceSettings)) -> Self {
        let mut stage = Self::dark(documents);
        change(&mut stage.settings);
        stage.start().await;
        stage.taken_over().await;
        stage
    }

    /// Everything is prepared, nothing runs.
    pub(crate) fn dark(documents: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["docs", "state", "secrets"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("docs/all.yaml"), documents).unwrap();
        fs::write(at("tokens"), TOKENS).unwrap();
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let ms = Duration::from_millis;
        let settings = ServiceSettings {
            source: SourceSettings::Dir(DirSettings { debounce: ms(20), ..DirSettings::new(at("docs")) }),
            secrets: Some(at("secrets")),
            age_identity: None,
            fingerprint_key: None,
            state: at("state"),
            store: store::OpenOptions { retry: ms(20), patience: ms(50), ..store::OpenOptions::default() },
            cluster: ClusterSettings::default(),
            history: HistorySettings::default(),
            phone: ListenerSettings::new(here, self_made()),
            contact: ContactSettings::default(),
            dcmp: None,
            webhook: None,
            wire_log: None,
            log_held_back: prometheus_client::metrics::counter::Counter::default(),
            alerts: phoneops::report::alerts::AlertSettings::default(),
            commit_status: None,
            status: StatusSettings {
                listen: here,
                hosts: Vec::new(),
                tokens: Some(at("tokens")),
                metrics_listen: None,
                phone_metrics: false,
            },
            fleet: fleet::Settings {
                contact_spacing: SPACING,
                contact_gap: ms(80),
                contact_rest: ms(10),
                answer_wait: ms(400),
                contacts_per_second: 1_000,
                site_contacts_per_second: 1_000,
                contacts_per_day: 100_000,
                fragile_rest: ms(1),
                contact_ports: Vec::new(),
                backoff_base: ms(40),
                backoff_limit: ms(400),
                gate: fleet::settings::GateSettings::OFF,
                recovery: fleet::recovery::RecoverySettings::OFF,
                ..fleet::Settings::default()
            },
            xml: Limits::default(),
        };
        Self { folder, settings, running: None, phones: Mutex::default() }
    }

    /// Starts the service; on its old port when it ran before.
    pub(crate) async fn start(&mut self) {
        let running = service::start(self.settings.clone()).await.unwrap();
        self.settings.phone.listen = running.phone_address;
        self.running = Some(running);
    }

    /// Stops the service in order.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().expect("the service runs")
    }

    /// Where phones call.
    pub(crate) fn address(&self) -> SocketAddr {
        self.settings.phone.listen
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn revision(&self) -> Option<String> {
        self.running().shared().with_fleet(|fleet, _| fleet.revision().map(ToString::to_string))
    }

    /// Waits until the first revision since the start is taken over whole.
    pub(crate) async fn taken_over(&self) {
        ready(self.running().status_address).await;
    }

    /// Replaces a document as editors do, and waits until the new revision is taken over.
    pub(crate) async fn change(&self, name: &str, documents: &str) {
        let before = self.revision();
        replace(&self.path("docs"), name, documents);
        until(|| self.revision() != before, || format!("{name} taken over")).await;
    }

    /// Settings of a phone that calls this service, in quick times, which notices contact-me that come too close.
    pub(crate) fn phone_settings(&self, number: u32, model: Model) -> SimSettings {
        let mut settings = SimSettings::new(mac(number), own_address(), Server::at(self.address()));
        settings.model = model;
        settings.contact_port = 0;
        settings.seed = u64::from(number) + 1;
        settings.timing = Timing { contact_spacing: SPACING / 4, ..Timing::quick() };
        settings
    }

    /// A phone without power.
    pub(crate) async fn phone_of(&self, settings: SimSettings) -> SimPhone {
        let phone = SimPhone::start(settings).await.unwrap();
        self.phones.lock().unwrap().push(phone.clone());
        phone
    }

    /// Phone 0 with these faults, switched on.
    pub(crate) async fn faulty(&self, faults: &[Fault]) -> SimPhone {
        let mut settings = self.phone_settings(0, Model::OpenStage40V3R5);
        settings.faults = faults.to_vec();
        let phone = self.phone_of(settings).await;
        phone.boot();
        phone
    }

    /// A phone of that model without power.
    pub(crate) async fn phone(&self, number: u32, model: Model) -> SimPhone {
        self.phone_of(self.phone_settings(number, model)).await
    }

    /// A phone of that model that has registered and come to `state`.
    pub(crate) async fn phone_in(&self, number: u32, model: Model, state: State) -> SimPhone {
        let phone = self.phone(number, model).await;
        phone.boot();
        self.reaches(number, state).await;
        idle(&phone).await;
        phone
    }

    fn find(&self, number: u32) -> Option<view::PhoneView> {
        self.running().shared().with_fleet(|fleet, now| fleet.phone(&format!("phone-{number}"), now))
    }

    /// What the service knows of phone `phone-N`.
    pub(crate) fn view(&self, number: u32) -> view::PhoneView {
        self.find(number).unwrap_or_else(|| panic!("phone-{number} is not known"))
    }

    pub(crate) async fn becomes(&self, number: u32, wish: impl Fn(&view::PhoneView) -> bool) {
        let told = || {
            let transcripts: Vec<_> = self.phones.lock().unwrap().iter().map(|phone| told(phone, 0)).collect();
            format!("{:#?}\n{transcripts:#?}", self.find(number))
        };
        until(|| self.find(number).is_some_and(|view| wish(&view)), told).await;
    }

    /// Waits until the phone is in that state.
    pub(crate) async fn reaches(&self, number: u32, state: State) {
        self.becomes(number, |view| view.state == state).await;
    }

    /// Waits until the phone is Pending for that reason.
    pub(crate) async fn pending(&self, number: u32, reason: PendingReason) {
        self.becomes(number, |view| view.pending.as_ref().is_some_and(|pending| pending.reason == reason)).await;
    }

    /// Asks the status server with a token.
    pub(crate) async fn api(&self, line: &str) -> ApiAnswer {
        api(self.running().status_address, line).await
    }

    /// Has the phone asked to call: at once, or as soon as the spacing allows it.
    pub(crate) async fn ask_to_call(&self, number: u32) {
        let answer = self.api(&format!("POST /api/v1/phones/phone-{number}/contact")).await;
        assert!(matches!(answer.status, 202 | 429), "{answer:?}");
    }

    /// Asserts that no phone saw the service break a rule, and ends everything.
    pub(crate) async fn end(mut self) {
        self.stop().await;
        let phones = std::mem::take(&mut *self.phones.lock().unwrap());
        for phone in phones {
            assert_eq!(phone.violations(), [""; 0], "{}: {:#?}", phone.id(), told(&phone, 0));
            phone.stop().await;
        }
    }
}

/// Runs a command that asks this service, with a token that may act: its exit code and what it printed.
pub(crate) async fn command(stage: &Stage, words: &[&str]) -> (i32, String) {
    let token: PathBuf = stage.path("token");
    fs::write(&token, ACT).unwrap();
    let server = format!("http://{}", stage.running().status_address);
    let mut command = phoneops(words[0]);
    command.args(&words[1..]).args(["--server", &server, "--token-file", token.to_str().unwrap()]);
    run(command).await
}

/// Replaces a file as editors do.
pub(crate) fn replace(folder: &Path, name: &str, content: &str) {
    let aside = folder.join(format!(".{name}.new"));
    fs::write(&aside, content).unwrap();
    fs::rename(aside, folder.join(name)).unwrap();
}

/// Waits until a phone has nothing under way and nothing due.
pub(crate) async fn idle(phone: &SimPhone) {
    phone.wait_for(PhoneView::is_idle, LONG).await.unwrap();
}

/// Waits until a service says that it is ready.
pub(crate) async fn ready(status: SocketAddr) {
    let deadline = Instant::now() + LONG;
    loop {
        let answer = api_as(status, "GET /readyz", None).await;
        if answer.status == 200 {
            return;
        }
        assert!(Instant::now() < deadline, "never ready: {answer:?}");
        sleep(Duration::from_millis(4)).await;
    }
}

/// Asks a status server with a token and closes the connection.
pub(crate) async fn api(address: SocketAddr, line: &str) -> ApiAnswer {
    api_as(address, line, Some(ACT)).await
}

/// The same with another token, or none.
pub(crate) async fn api_as(address: SocketAddr, line: &str, token: Option<&str>) -> ApiAnswer {
    // every act needs a reason
    let body = if line.starts_with("POST ") { r#"{"reason": "a test"}"# } else { "" };
    api_with(address, line, token, body).await
}

/// The same with a body.
pub(crate) async fn api_with(address: SocketAddr, line: &str, token: Option<&str>, body: &str) -> ApiAnswer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\n{token}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut whole = String::new();
    stream.read_to_string(&mut whole).await.unwrap();
    let (head, body) = whole.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {whole:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    ApiAnswer { status, body: body.to_owned(), whole }
}
