//! How many whole sessions a second the service takes, as a share of a bare server.
//!
//! A session is start-up, ReadItems of 60 managed items, a reply in sync, CleanUp: two requests. 16 phones are at it at
//! once, with a new TLS connection for each session (full handshake, no resumption), and then with kept connections.
//! The service is the real one, with its store, source, listener and log level. The bare server ([`baseline`]) has the
//! same TLS settings and certificate, gets the same requests and answers with bytes of the same number. Phones, service
//! and bare server share one process and take turns in short slices; the share is the median of the shares of
//! neighbouring slices, so a busy machine moves both. In the end the service has to have counted every session as one
//! that ended in sync. Phones say the same again and again, as phones do; a third kind, printed and not held, has them
//! say it with a blank elsewhere each time, so that each reply is read anew. Asked is a share of 0.70 of each kind; exits with 1 when one of them is below it.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench that cannot run ends at once")]

mod baseline;
mod client;
mod deployment;

use std::{
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use baseline::Answers;
use bytes::Bytes;
use client::{Client, Outcome};
use deployment::{MANAGED, files, mac};
use jiff::Timestamp;
use phoneops::{
    fleet,
    fleet::words::State,
    phone::{CertificateSource, ContactSettings, ListenerSettings},
    service::{self, ClusterSettings, HistorySettings, Running, ServiceSettings, StatusSettings},
    source::{DirSettings, SourceSettings},
    store,
    wpi::xml::Limits,
};
use tokio::task::JoinSet;

const PHONES: usize = 16;
const ROUNDS: usize = 15;
const SLICE: Duration = Duration::from_millis(500);
const SHARE: f64 = 0.70;
/// Sessions on one kept connection; the listener takes 100 requests on each.
const KEPT: usize = 49;

/// Where a phone calls, what it then expects, and how long it keeps its connection.
#[derive(Debug, Clone, Copy)]
struct Side {
    address: SocketAddr,
    lengths: [usize; 2],
    sessions_each: usize,
    /// Whether each reply of a phone differs from its last one, by a blank.
    varies: bool,
}

fn main() -> ExitCode {
    let outcome = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(run()));
    match outcome {
        Ok(share) if share >= SHARE => ExitCode::SUCCESS,
        Ok(_) => {
            println!("below {SHARE:.2} of the bare server");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("the bench could not be run: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<f64> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(std::io::sink).init();
    let folder = tempfile::tempdir()?;
    let service = serve(folder.path()).await?;
    let mut phones = (0..PHONES).map(Client::new).collect::<Outcome<Vec<_>>>()?;
    let (lengths, answers) = rehearse(&service, &mut phones).await?;
    let bare = baseline::start(&folder.path().join("state/tls"), answers).await.map_err(|error| error.to_string())?;

    println!("sessions a second, {PHONES} phones at once, {MANAGED} managed items, medians of {ROUNDS} slices");
    let mut done = u32::try_from(PHONES)?;
    let mut shares = Vec::new();
    let kinds = [
        ("new connections", 1, false),
        ("kept connections", KEPT, false),
        ("kept connections, each reply another (not held)", KEPT, true),
    ];
    for (kind, sessions_each, varies) in kinds {
        let bare = Side { address: bare, lengths, sessions_each, varies };
        let ours = Side { address: service.phone_address, ..bare };
        let (share, sessions) = compare(kind, bare, ours, &mut phones).await?;
        if !varies {
            shares.push(share);
        }
        done += sessions;
    }
    check(&service, done)?;
    service.stop().await;
    Ok(shares.into_iter().fold(f64::INFINITY, f64::min))
}

async fn serve(folder: &Path) -> Outcome<Running> {
    let (documents, state) = (folder.join("documents"), folder.join("state"));
    for (path, text) in files(PHONES) {
        let path = documents.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&documents))?;
        std::fs::write(path, text)?;
    }
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let service = service::start(ServiceSettings {
        source: SourceSettings::Dir(DirSettings::new(documents)),
        secrets: None,
        phone: ListenerSettings::new(any, CertificateSource::SelfMade { state: state.clone() }),
        state,
        store: store::OpenOptions::default(),
        contact: ContactSettings::default(),
        dcmp: None,
        webhook: None,
        wire_log: None,
        log_held_back: prometheus_client::metrics::counter::Counter::default(),
        alerts: phoneops::report::alerts::AlertSettings::default(),
        commit_status: None,
        age_identity: None,
        fingerprint_key: None,
        cluster: ClusterSettings::default(),
        history: HistorySettings::default(),
        status: StatusSettings {
            listen: any,
            hosts: Vec::new(),
            tokens: None,
            metrics_listen: None,
            phone_metrics: false,
        },
        fleet: fleet::Settings {
            gate: fleet::settings::GateSettings::OFF,
            recovery: fleet::recovery::RecoverySettings::OFF,
            ..fleet::Settings::default()
        },
        xml: Limits::default(),
    })
    .await?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while service.shared().with_fleet(|fleet, _| fleet.revision().is_none()) {
        if Instant::now() > deadline {
            return Err("the documents were not taken over in time".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(service)
}

/// One session of each phone with the service: it has to be what is measured. Gives the lengths of its answers, and the
/// answers for the bare server.
async fn rehearse(service: &Running, phones: &mut [Client]) -> Outcome<([usize; 2], Answers)> {
    let mut rehearsed = None;
    for (number, phone) in phones.iter_mut().enumerate() {
        let mut connection = phone.connect(service.phone_address).await?;
        let first = phone.first(&mut connection).await?;
        let asked = Bytes::copy_from_slice(phone.body());
        let set_cookie = phone.set_cookie()?.to_owned();
        let second = phone.second(&mut connection, &set_cookie).await?;
        let ended = Bytes::copy_from_slice(phone.body());
        let text = String::from_utf8_lossy(&asked);
        if !text.contains("ReadItems") || text.matches("<Item ").count() != MANAGED {
            return Err(format!("{} is not asked for its items: {text}", mac(number)).into());
        }
        if !String::from_utf8_lossy(&ended).contains("CleanUp") {
            return Err(format!("{} is not done after its reply", mac(number)).into());
        }
        let state = service.shared().with_fleet(|fleet, now: Timestamp| Some(fleet.phone(&mac(number), now)?.state));
        if state != Some(State::InSync) {
            return Err(format!("{} is {state:?}", mac(number)).into());
        }
        rehearsed = Some(([first, second], Answers { set_cookie: set_cookie.parse()?, first: asked, second: ended }));
    }
    rehearsed.ok_or_else(|| "no phone".into())
}

/// Both sides in turn; the share, and how many sessions the service has had.
async fn compare(kind: &str, bare: Side, ours: Side, phones: &mut Vec<Client>) -> Outcome<(f64, u32)> {
    slice(bare, phones).await?;
    let (_, mut done) = slice(ours, phones).await?;
    let (mut of_bare, mut of_ours, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    let mut work = [(Duration::ZERO, 0); 2];
    for round in 0..ROUNDS {
        let mut rates = [0.0; 2];
        for turn in [round % 2, 1 - round % 2] {
            let before = processor_time();
            let (rate, sessions) = slice([bare, ours][turn], phones).await?;
            work[turn].0 += processor_time().saturating_sub(before);
            work[turn].1 += sessions;
            rates[turn] = rate;
            if turn == 1 {
                done += sessions;
            }
        }
        of_bare.push(rates[0]);
        of_ours.push(rates[1]);
        shares.push(rates[1] / rates[0]);
    }
    let share = median(&mut shares);
    let (bare, ours) = (median(&mut of_bare), median(&mut of_ours));
    println!("{kind}: bare server {bare:.0}/s, service {ours:.0}/s, {share:.2} of its speed (asked: {SHARE:.2})");
    let [of_bare, of_ours] = work.map(|(time, sessions)| time.as_secs_f64() * 1e6 / f64::from(sessions.max(1)));
    if of_bare > 0.0 && of_ours > 0.0 {
        let share = of_bare / of_ours;
        println!("  processor time a session, its phone's included: {of_bare:.0} µs and {of_ours:.0} µs, {share:.2}");
    }
    Ok((share, done))
}

/// All phones at once for a while: sessions a second, and sessions.
async fn slice(side: Side, phones: &mut Vec<Client>) -> Outcome<(f64, u32)> {
    let start = Instant::now();
    let mut at_it = JoinSet::new();
    for phone in phones.drain(..) {
        at_it.spawn(keep_calling(side, phone, start + SLICE));
    }
    let mut all: u32 = 0;
    while let Some(ended) = at_it.join_next().await {
        let (phone, sessions) = ended??;
        phones.push(phone);
        all += sessions;
    }
    Ok((f64::from(all) / start.elapsed().as_secs_f64(), all))
}

async fn keep_calling(side: Side, mut phone: Client, end: Instant) -> Outcome<(Client, u32)> {
    let mut sessions = 0;
    phone.varies = side.varies;
    while Instant::now() < end {
        let mut connection = phone.connect(side.address).await?;
        for _ in 0..side.sessions_each {
            let lengths = phone.session(&mut connection).await?;
            if lengths != side.lengths {
                return Err(format!("answers of {lengths:?} bytes in place of {:?}", side.lengths).into());
            }
            sessions += 1;
            if Instant::now() >= end {
                break;
            }
        }
    }
    Ok((phone, sessions))
}

/// Every session that was counted here ended in sync there.
fn check(service: &Running, done: u32) -> Outcome<()> {
    let metrics = service.shared().metrics.encode();
    let line = format!("phoneops_sessions_total{{reason=\"start-up\",result=\"in-sync\"}} {done}");
    if metrics.lines().any(|found| found == line) {
        Ok(())
    } else {
        let found: Vec<&str> = metrics.lines().filter(|line| line.contains("sessions_total{")).collect();
        Err(format!("{done} sessions were to end in sync: {found:?}").into())
    }
}

/// What all threads of this process have had, where Linux tells; a busy machine moves it less than the clock.
fn processor_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let had = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    Duration::from_nanos(had.filter_map(|line| line.split(' ').next()?.parse::<u64>().ok()).sum())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
