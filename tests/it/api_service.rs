//! A status server as the service runs it, with a fleet that a test makes up, and a client that sends what it is told.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use phoneops::{
    fleet::{
        RestartAnswer,
        alert::{Alert, AlertList},
        audit::{AuditPage, AuditQuery, AuditVerdict, By},
        brake::{Brake, BrakeError, Braked, Scope},
        explain::Explanation,
        export::{Export, ExportPage, NoExport},
        gate::{Approved, GateError, view::GateView},
        history::{CommitView, HistoryPage, HistoryQuery},
        leftovers::Leftovers,
        named::{Named, NoSuch},
        paging::Part,
        preview::PlanView,
        profiles::ProfileStanding,
        recovery::{BackView, NothingHappened},
        release::DismissAnswer,
        resume::NotRestored,
        safety::SafetyList,
        service_view::ServiceView,
        survey::{Sign, Survey},
        undo::{Undo, UndoError},
        view::{PAGE_LIMIT, Page, PhoneView, Query},
        words::State,
    },
    report::{
        ContactAnswer, FailedHandshake, FleetAccess, Kept, Readiness, Retry, SessionView, Undeclared,
        api::{ApiSettings, router},
        metrics::ServiceMetrics,
        plan::Documents,
        release::Release,
        server::{ServerLimits, serve, serve_unix},
        socket,
        tokens::Tokens,
        wire_log::{Recording, WireLogError},
    },
    spec::{Mode, SiteName},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// A token with right act, and one with right read; their lines are in [`TOKENS`].
pub(crate) const ACT: &str = "alice-token";
pub(crate) const READ: &str = "grafana-token";
const TOKENS: &str = "\
alice:act:9c220f200955d76c0a38d308225e0ef10c5f971acaf2f8d1d8f732affa5bd1dc
grafana:read:5a4806aaf8e14a7c4a89f70d1ef7b2324ddae2b85c417a9270d87b4db806b6a0
";

pub(crate) fn phone(number: usize) -> PhoneView {
    PhoneView {
        name: Some(format!("phone-{number:04}")),
        mac: format!("00:1A:E8:00:{:02X}:{:02X}", number / 256, number % 256),
        model: Some("OpenStage 40".to_owned()),
        firmware: None,
        e164: None,
        site: Some("berlin".to_owned()),
        labels: [].into(),
        mode: Some(Mode::Enforce),
        state: State::InSync,
        pending: None,
        degraded: Vec::new(),
        drift: Vec::new(),
        drift_count: 0,
        refused: Vec::new(),
        assumed: Vec::new(),
        assumed_count: 0,
        not_applicable: Vec::new(),
        not_applicable_count: 0,
        notes: Vec::new(),
        problems: Vec::new(),
        proven: 60,
        managed: 60,
        tug_of_war: Vec::new(),
        ignored: Vec::new(),
        ignored_count: 0,
        warnings: Vec::new(),
        revision: Some("4b825dc642cb6eb9".to_owned()),
        address: None,
        last_seen: None,
        last_proof: None,
    }
}

/// A made-up fleet; keeps what it was asked for.
#[derive(Debug)]
pub(crate) struct MadeUp {
    pub(crate) phones: Mutex<Vec<PhoneView>>,
    pub(crate) contact: ContactAnswer,
    pub(crate) restart: RestartAnswer,
    /// What was asked for, and by whom.
    pub(crate) retry: Option<Retry>,
    pub(crate) contacts: Mutex<Vec<(String, String)>>,
    pub(crate) queries: Mutex<Vec<Query>>,
    pub(crate) histories: Mutex<Vec<HistoryQuery>>,
    pub(crate) ready: Readiness,
    pub(crate) alerts: Vec<Alert>,
    /// What streams of events tell of its phones.
    pub(crate) signs: Mutex<Vec<Sign>>,
    /// How often it was asked for them.
    pub(crate) looks: AtomicUsize,
    /// Bounds that were hit.
    pub(crate) bounds: Mutex<Vec<&'static str>>,
    /// Whether its store takes what is to be kept.
    pub(crate) kept: bool,
    /// Plans that were begun.
    pub(crate) plans: AtomicUsize,
    /// While somebody has it no plan ends.
    pub(crate) plan_hold: Arc<tokio::sync::Mutex<()>>,
}

impl Default for MadeUp {
    fn default() -> Self {
        Self {
            phones: Mutex::new(vec![phone(1), phone(2)]),
            contact: ContactAnswer::Queued { at: Timestamp::UNIX_EPOCH },
            restart: RestartAnswer::Queued(None),
            retry: None,
            contacts: Mutex::default(),
            queries: Mutex::default(),
            histories: Mutex::default(),
            signs: Mutex::default(),
            looks: AtomicUsize::new(0),
            bounds: Mutex::default(),
            ready: Readiness { ready: true, reasons: Vec::new() },
            alerts: Vec::new(),
            kept: true,
            plans: AtomicUsize::new(0),
            plan_hold: Arc::default(),
        }
    }
}

impl MadeUp {
    fn phone_of<'p>(phones: &'p [PhoneView], id: &str) -> Option<&'p PhoneView> {
        phones.iter().find(|phone| phone.name.as_deref() == Some(id) || phone.mac == id)
    }
}

impl FleetAccess for MadeUp {
    fn page(&self, query: &Query) -> Page {
        self.queries.lock().unwrap().push(query.clone());
        let limit = query.limit.unwrap_or(PAGE_LIMIT);
        let all = self.phones.lock().unwrap();
        let token = |phone: &PhoneView| format!("n:{}/{}", phone.mac, phone.name.as_deref().unwrap_or_default());
        let behind = |after: &str| all.iter().position(|phone| token(phone) == after).unwrap() + 1;
        let start = query.after.as_deref().map_or(0, behind);
        let phones: Vec<_> =
            all.iter().filter(|phone| query.state.is_none_or(|state| phone.state == state)).cloned().collect();
        let next = (start + limit < phones.len()).then(|| token(&phones[start + limit - 1]));
        let phones = phones.into_iter().skip(start).take(limit).collect();
        Page { revision: Some("4b825dc642cb6eb9".to_owned()), phones, next }
    }

    fn phone(&self, id: &str) -> Option<PhoneView> {
        Self::phone_of(&self.phones.lock().unwrap(), id).cloned()
    }

    fn no_such(&self, asked: &Named) -> Option<NoSuch> {
        let phones = self.phones.lock().unwrap();
        let names: Vec<&str> = phones.iter().filter_map(|phone| phone.name.as_deref()).collect();
        match asked {
            Named::Phone(id) => Self::phone_of(&phones, id).is_none().then(|| NoSuch::beside(asked, names)),
            _ => None,
        }
    }

    fn contact(&self, id: &str, by: &By) -> ContactAnswer {
        self.contacts.lock().unwrap().push((id.to_owned(), by.actor.clone()));
        self.contact.clone()
    }

    fn explain(&self, _: &str, _: Option<&str>) -> Option<Explanation> {
        None
    }

    fn export(&self, _: &str) -> Result<Export, NoExport> {
        Err(NoExport::NotFound)
    }

    fn exports(&self, _: Option<&str>, _: Option<&str>, _: usize) -> ExportPage {
        ExportPage::default()
    }

    fn look(&self, _: &str, _: bool, _: &By) -> ContactAnswer {
        ContactAnswer::NotFound
    }

    fn plan(&self, _: Documents) -> PlanView {
        self.plans.fetch_add(1, Ordering::Relaxed);
        drop(self.plan_hold.blocking_lock());
        PlanView::default()
    }

    fn restart(&self, id: &str, by: &By) -> RestartAnswer {
        self.contacts.lock().unwrap().push((format!("restart {id}"), by.actor.clone()));
        self.restart.clone()
    }

    fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, String> {
        self.histories.lock().unwrap().push(query.clone());
        Ok(HistoryPage::default())
    }

    fn commits(&self, _: Option<&str>, _: usize) -> Result<Vec<CommitView>, String> {
        Ok(Vec::new())
    }

    fn sessions(&self, _: &str) -> Vec<SessionView> {
        Vec::new()
    }

    fn recordings(&self) -> Vec<Recording> {
        Vec::new()
    }

    fn record(&self, _: &str, _: SignedDuration, _: &By) -> Result<Recording, WireLogError> {
        Err(WireLogError::Off)
    }

    fn end_recording(&self, _: &str, _: &By) -> Option<Recording> {
        None
    }

    fn survey(&self) -> Survey {
        Survey::default()
    }

    fn profiles(&self) -> Vec<ProfileStanding> {
        Vec::new()
    }

    fn signs(&self) -> Vec<Sign> {
        let signs = self.signs.lock().unwrap().clone();
        self.looks.fetch_add(1, Ordering::Relaxed);
        signs
    }

    fn bound_hit(&self, bound: &'static str) {
        self.bounds.lock().unwrap().push(bound);
    }

    fn retry(&self, id: &str, secrets: bool, by: &By) -> Option<Retry> {
        self.contacts.lock().unwrap().push((id.to_owned(), format!("{} {secrets}", by.actor)));
        self.retry.clone()
    }

    fn service(&self) -> ServiceView {
        ServiceView::default()
    }

    fn audit(&self, _: &AuditQuery) -> Result<AuditPage, String> {
        Ok(AuditPage::default())
    }

    fn verify_audit(&self) -> Result<AuditVerdict, String> {
        Err("made up".to_owned())
    }

    fn brakes(&self) -> Vec<Brake> {
        Vec::new()
    }

    fn brake(&self, scope: Scope, length: SignedDuration, by: &By) -> Result<Braked, BrakeError> {
        self.contacts.lock().unwrap().push((format!("brake {scope}"), format!("{}: {}", by.actor, by.reason)));
        let since = Timestamp::UNIX_EPOCH;
        let brake = Brake { scope, since, until: since + length, by: by.actor.clone(), reason: by.reason.clone() };
        Ok(Braked { brake, phones: 2 })
    }

    fn release_brakes(&self, _: Option<&Scope>, by: &By) -> Vec<Brake> {
        self.contacts.lock().unwrap().push(("release".to_owned(), by.actor.clone()));
        Vec::new()
    }

    fn gate(&self) -> GateView {
        GateView::default()
    }

    fn approve(&self, _: &str, _: Option<&str>, _: Option<&SiteName>, _: &By) -> Result<Approved, GateError> {
        Err(GateError::Nothing)
    }

    fn reject(&self, _: &str, _: Option<&str>, _: &By) -> Result<Approved, GateError> {
        Err(GateError::Nothing)
    }

    fn undo(&self, revision: &str, _: Option<&SiteName>, _: Option<&By>) -> Result<Undo, UndoError> {
        Err(UndoError::Unknown(revision.to_owned()))
    }

    fn leftovers(&self, _: Option<&SiteName>, _: &Part) -> Leftovers {
        Leftovers::default()
    }

    fn drop_leftovers(&self, _: Option<&SiteName>, _: &By) -> usize {
        0
    }

    fn release(&self, _: &str, _: &By) -> Release {
        Release::NotFound
    }

    fn dismiss(&self, _: &str, _: &By) -> DismissAnswer {
        DismissAnswer::NotFound
    }

    fn alerts(&self) -> AlertList {
        AlertList { alerts: self.alerts.clone(), ..AlertList::default() }
    }

    fn safety(&self, _: Option<&SiteName>, _: &Part) -> SafetyList {
        SafetyList::default()
    }

    fn back(&self, _: Option<&SiteName>, _: Option<Timestamp>, _: &Part) -> Result<BackView, NothingHappened> {
        Err(NothingHappened)
    }

    fn resume(&self, _: &By) -> Result<(), NotRestored> {
        Err(NotRestored)
    }

    fn can_keep(&self) -> bool {
        self.kept
    }

    fn kept(&self) -> Kept {
        Box::pin(std::future::ready(self.kept))
    }

    fn ready(&self) -> Readiness {
        self.ready.clone()
    }

    fn undeclared(&self, _: &Part) -> Undeclared {
        let handshake = FailedHandshake {
            address: "127.0.0.7".to_owned(),
            phone: None,
            highest_version: Some("TLS 1.0".to_owned()),
            cause: "no shared cipher".to_owned(),
            remedy: Some("--tls legacy".to_owned()),
            count: 3,
            last: Timestamp::UNIX_EPOCH,
        };
        Undeclared {
            phones: vec![PhoneView { name: None, state: State::Undeclared, ..phone(9) }],
            next: None,
            handshakes: vec![handshake],
        }
    }

    fn metrics(&self) -> String {
        ServiceMetrics::new().encode()
    }
}

/// A running status server; it ends with the test.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) fleet: Arc<MadeUp>,
    pub(crate) metrics: Arc<ServiceMetrics>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) stop: watch::Sender<bool>,
}

pub(crate) async fn service(fleet: MadeUp) -> Service {
    limited(fleet, ServerLimits::default()).await
}

pub(crate) async fn limited(fleet: MadeUp, limits: ServerLimits) -> Service {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokens"), TOKENS).unwrap();
    let fleet = Arc::new(fleet);
    let tokens = Some(Tokens::load(&folder.path().join("tokens")).unwrap());
    let routes =
        router(Arc::<MadeUp>::clone(&fleet), ApiSettings { hosts: vec!["phoneops.example".to_owned()], tokens });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let path = folder.path().join(socket::SOCKET_NAME);
    let unix = socket::listen(&path).unwrap();
    let metrics = Arc::new(ServiceMetrics::new());
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(serve(listener, routes.clone(), limits.clone(), Arc::clone(&metrics), stopped.clone()));
    tokio::spawn(serve_unix(unix, routes, limits, Arc::clone(&metrics), stopped));
    Service { address, socket: path, fleet, metrics, folder, stop }
}

/// Status, header and body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and error code.
    pub(crate) fn error(&self) -> (u16, String) {
        let json = self.json();
        assert!(json["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        (self.status, json["error"]["code"].as_str().unwrap().to_owned())
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn text(line: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.extend([*name, ": ", *value, "\r\n"]);
    }
    text + "\r\n"
}

/// The body of an act that needs no more than a reason.
pub(crate) const REASON: &str = r#"{"reason": "ward 3 is silent"}"#;

impl Service {
    /// Acts: a `POST` with a token and a reason.
    pub(crate) async fn act(&self, line: &str, token: &str) -> Answer {
        let (name, token) = bearer(token);
        self.ask_with(line, &[(name, &token), ("Content-Length", &REASON.len().to_string())], REASON).await
    }

    /// Sends `GET /path` or the like over TCP with exactly these headers.
    pub(crate) async fn raw(&self, line: &str, headers: &[(&str, &str)]) -> Answer {
        exchange(TcpStream::connect(self.address).await.unwrap(), &text(line, headers)).await
    }

    /// The same with the right Host.
    pub(crate) async fn ask(&self, line: &str, headers: &[(&str, &str)]) -> Answer {
        let host = self.address.to_string();
        self.raw(line, &[&[("Host", host.as_str())], headers].concat()).await
    }

    /// The same with a body, whose length is among the headers.
    pub(crate) async fn ask_with(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let host = self.address.to_string();
        let head = text(line, &[&[("Host", host.as_str())], headers].concat());
        exchange(TcpStream::connect(self.address).await.unwrap(), &(head + body)).await
    }

    /// The same over the Unix socket.
    pub(crate) async fn ask_locally(&self, line: &str) -> Answer {
        let body = if line.starts_with("POST ") { REASON } else { "" };
        let length = body.len().to_string();
        let head = text(line, &[("Host", "whatever"), ("Content-Length", &length)]);
        exchange(UnixStream::connect(&self.socket).await.unwrap(), &(head + body)).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

pub(crate) fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}
