//! The first load of the web page with 10,000 declared and observed phones: bytes, and time of the server.
//!
//! A real service on a folder of 10,000 documents; each phone is heard of and read once, without sockets. Then the page and
//! what it is drawn with are asked for over HTTP, each time on a new connection. Exits with 1 when the load has 200 kB or
//! more, or takes 300 ms or longer (median, all four answers one after the other). The times of other pages are printed.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a bench that cannot run ends at once")]

mod deployment;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::{Duration, Instant},
};

use deployment::{MANAGED, files, reply, start_up};
use jiff::Timestamp;
use phoneops::{
    fleet::{Answer, Fleet, Settings, flow::From, recovery::RecoverySettings, settings::GateSettings},
    phone::{CertificateSource, ContactSettings, ListenerSettings},
    service::{self, ClusterSettings, HistorySettings, ServiceSettings, StatusSettings},
    source::{DirSettings, SourceSettings},
    store,
    wpi::{Action, PhoneMessage, ServerMessage, xml::Limits},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

const PHONES: usize = 10_000;
const LIMIT: usize = 200_000;
const TIME_LIMIT: Duration = Duration::from_millis(300);
/// The page, and what it is drawn with.
const FIRST_LOAD: [&str; 4] = ["/", "/web/style.css", "/web/live.js", "/web/icon.svg"];
/// A count may be used for half a second; what is measured is made anew.
const REST: Duration = Duration::from_millis(600);
const ROUNDS: usize = 9;

#[tokio::main]
async fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for (path, text) in files(PHONES) {
        let file = at("docs").join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a document");
    }
    fs::create_dir(at("state")).expect("a folder");
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let certificate = CertificateSource::SelfMade { state: at("state") };
    let settings = ServiceSettings {
        source: SourceSettings::Dir(DirSettings::new(at("docs"))),
        secrets: None,
        age_identity: None,
        fingerprint_key: None,
        state: at("state"),
        store: store::OpenOptions::default(),
        cluster: ClusterSettings::default(),
        alerts: phoneops::report::alerts::AlertSettings::default(),
        commit_status: None,
        history: HistorySettings::default(),
        phone: ListenerSettings::new(here, certificate),
        contact: ContactSettings::default(),
        dcmp: None,
        webhook: None,
        wire_log: None,
        log_held_back: prometheus_client::metrics::counter::Counter::default(),
        status: StatusSettings {
            listen: here,
            hosts: Vec::new(),
            tokens: None,
            metrics_listen: None,
            phone_metrics: false,
        },
        fleet: Settings { gate: GateSettings::OFF, recovery: RecoverySettings::OFF, ..Settings::default() },
        xml: Limits::default(),
    };
    let running = service::start(settings).await.expect("the service starts");
    while !get(running.status_address, "/readyz").await.0.starts_with("HTTP/1.1 200") {
        sleep(Duration::from_millis(50)).await;
    }
    for number in 0..PHONES {
        running.shared().with_fleet(|fleet, now| session(fleet, number, now));
    }

    let address = running.status_address;
    let (page, _) = get(address, "/").await;
    assert!(page.contains("10,000"), "all phones are on the page: {page}");
    let (mut bytes, mut loads) = (0, Vec::new());
    for _ in 0..ROUNDS {
        sleep(REST).await;
        let mut load = Duration::ZERO;
        bytes = 0;
        for path in FIRST_LOAD {
            let (answer, time) = get(address, path).await;
            bytes += answer.len();
            load += time;
        }
        loads.push(load);
    }
    println!(
        "{PHONES} phones, first load of the page with style, script and icon: {bytes} bytes (asked: below {LIMIT})"
    );
    let load = median(&mut loads);
    println!(
        "  in {:>6.1} ms, at worst {:>6.1} ms (asked: below {TIME_LIMIT:.0?})",
        millis(load),
        millis(loads[ROUNDS - 1])
    );
    for path in ["/", "/phones", "/phones?q=room-09999", "/phones?state=Drifted", "/phones/room-05000", "/revisions"] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            sleep(REST).await;
            times.push(get(address, path).await.1);
        }
        let median = median(&mut times);
        println!("  {path:<24} {:>6.1} ms, at worst {:>6.1} ms", millis(median), millis(times[ROUNDS - 1]));
    }
    running.stop().await;
    if bytes < LIMIT && load < TIME_LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The one in the middle; they are sorted afterwards.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

async fn get(address: SocketAddr, path: &str) -> (String, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).await.expect("the status server");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/html\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    (answer, began.elapsed())
}

/// One session of one phone, without sockets: start-up, `ReadItems`, reply in sync, `CleanUp`.
fn session(fleet: &mut Fleet, number: usize, now: Timestamp) {
    let address = format!("192.0.2.{}", number % 250 + 1);
    let peer = format!("{address}:40000").parse().expect("an address");
    let (asked, cookie) = say(fleet, start_up(number, &address), &From { cookie: None, peer, connection: 1 }, now);
    assert_eq!((&asked.action, asked.items.len()), (&Action::ReadItems, MANAGED));
    let from = From { cookie: cookie.as_deref(), peer, connection: 1 };
    assert_eq!(say(fleet, reply(number), &from, now).0.action, Action::CleanUp);
}

fn say(fleet: &mut Fleet, message: PhoneMessage, from: &From<'_>, now: Timestamp) -> (ServerMessage, Option<String>) {
    match fleet.message(message, from, now).spelled_out() {
        Answer::Send { message, set_cookie, .. } => (message, set_cookie),
        Answer::Record { .. } => panic!("a phone in sync is not written to"),
    }
}
