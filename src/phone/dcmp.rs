//! The poll service (DCMP) of phones that nobody can ask to call: plain HTTP, `GET <prefix>/contact-me?device-id=<id>`,
//! answered without a body by 202 (call now) or 200 (nothing waits, or no such phone).
//!
//! A poll is one connection with one short request: whatever is longer, slower or something else ends it. Polls beyond
//! the rate are answered 200 without a look at the phone, which then polls again.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{body::Body, http::StatusCode};
use bytes::Bytes;
use hyper::{Method, Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{proxy, stream::WireStream};
use crate::wpi::DeviceId;

/// How long the listener rests when the process has no file left to accept with.
const REST: Duration = Duration::from_millis(100);

/// Whoever knows whether a phone is to call.
pub trait PollHandler: Send + Sync + 'static {
    /// Whether this phone, polling from there, is to call now.
    fn poll(&self, device: &DeviceId, peer: IpAddr) -> bool;
}

/// The poll service of one process.
#[derive(Debug, Clone)]
pub struct DcmpSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Peers that must send a PROXY header.
    pub trusted_proxies: Vec<IpNet>,
    /// Most connections at once; one more is closed.
    pub connections: usize,
    /// Longest life of a connection.
    pub time: Duration,
    /// Longest request head in bytes, 8 kB at least.
    pub head: usize,
    /// Polls a second that are looked at.
    pub rate: u32,
}

impl DcmpSettings {
    /// A poll service with all defaults.
    pub fn new(listen: SocketAddr) -> Self {
        let time = Duration::from_secs(10);
        Self { listen, trusted_proxies: Vec::new(), connections: 512, time, head: 8 << 10, rate: 1_000 }
    }
}

/// The address at which phones poll a service of that host and port, with its final slash.
pub fn url(host: &str, port: u16) -> String {
    if host.contains(':') { format!("http://[{host}]:{port}/") } else { format!("http://{host}:{port}/") }
}

/// What the poll service counts; a clone counts into the same ones.
#[derive(Debug, Clone, Default)]
pub struct DcmpMetrics {
    polls: Family<[(&'static str, u32); 1], Counter>,
    bounds: Family<[(&'static str, &'static str); 1], Counter>,
}

impl DcmpMetrics {
    /// Makes the counters visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("phoneops_dcmp_polls", "Polls of phones by HTTP status", self.polls.clone());
        registry.register("phoneops_dcmp_bounds_hit", "Bounds of the poll service that were hit", self.bounds.clone());
    }

    /// How many requests were answered with this status so far.
    pub fn polls(&self, status: u16) -> u64 {
        self.polls.get_or_create(&[("status", status.into())]).get()
    }

    /// How often a bound was hit so far: `connections`, `time`, `rate` or `proxy`.
    pub fn hits(&self, bound: &'static str) -> u64 {
        self.bounds.get_or_create(&[("bound", bound)]).get()
    }

    fn hit(&self, bound: &'static str) {
        if self.bounds.get_or_create(&[("bound", bound)]).inc() == 0 {
            tracing::warn!(bound, "a bound of the poll service was hit; from now on it is counted only");
        }
    }
}

struct Desk<H> {
    settings: DcmpSettings,
    handler: Arc<H>,
    metrics: DcmpMetrics,
    /// The second that runs, and the polls in it.
    pace: Mutex<(Instant, u32)>,
}

/// Serves polls until `stop` turns true or its sender is gone.
pub async fn serve<H: PollHandler>(
    tcp: TcpListener,
    settings: DcmpSettings,
    handler: Arc<H>,
    metrics: DcmpMetrics,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(settings.connections));
    let desk = Arc::new(Desk { settings, handler, metrics, pace: Mutex::new((Instant::now(), 0)) });
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = tcp.accept() => accepted,
        };
        let Ok((stream, from)) = accepted else {
            sleep(REST).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            desk.metrics.hit("connections");
            continue;
        };
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            tokio::select! {
                () = attend(&desk, stream, from) => {}
                () = sleep(desk.settings.time) => desk.metrics.hit("time"),
            }
            drop(place);
        });
    }
}

async fn attend<H: PollHandler>(desk: &Desk<H>, mut tcp: TcpStream, from: SocketAddr) {
    let mut peer = from.ip().to_canonical();
    let mut ahead = Bytes::new();
    if desk.settings.trusted_proxies.iter().any(|net| net.contains(&peer)) {
        let Ok((source, beyond)) = proxy::read_header(&mut tcp).await else { return desk.metrics.hit("proxy") };
        peer = source.map_or(peer, |source| source.ip().to_canonical());
        ahead = beyond;
    }
    let mut stream = WireStream::new(tcp, ahead, desk.settings.time);
    stream.opened();
    let service = service_fn(|request: Request<Incoming>| {
        let status = answer(desk, &request, peer);
        desk.metrics.polls.get_or_create(&[("status", status.as_u16().into())]).inc();
        let response = Response::builder().status(status).header(header::CONTENT_LENGTH, 0).body(Body::empty());
        std::future::ready(Ok::<_, Infallible>(response.unwrap_or_default()))
    });
    let connection = http1::Builder::new()
        .max_header_size(desk.settings.head)
        .max_buf_size(desk.settings.head.max(8 << 10))
        .title_case_headers(true)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%peer, %error, "a poll broke");
    }
}

fn answer<H: PollHandler>(desk: &Desk<H>, request: &Request<Incoming>, peer: IpAddr) -> StatusCode {
    let device = match asked(request.method(), request.uri().path(), request.uri().query()) {
        Ok(device) => device,
        Err(status) => return status,
    };
    if !desk.in_time(Instant::now()) {
        desk.metrics.hit("rate");
        return StatusCode::OK;
    }
    if desk.handler.poll(&device, peer) { StatusCode::ACCEPTED } else { StatusCode::OK }
}

impl<H> Desk<H> {
    /// Whether this poll is within the rate.
    fn in_time(&self, now: Instant) -> bool {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(pace.0) >= Duration::from_secs(1) {
            *pace = (now, 0);
        }
        pace.1 = pace.1.saturating_add(1);
        pace.1 <= self.settings.rate
    }
}

/// Whose poll this is. Any prefix, doubled slashes and percent-coded colons are accepted.
fn asked(method: &Method, path: &str, query: Option<&str>) -> Result<DeviceId, StatusCode> {
    if path.split('/').rfind(|part| !part.is_empty()) != Some("contact-me") {
        return Err(StatusCode::NOT_FOUND);
    }
    if method != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let fields = query.unwrap_or_default().split('&').filter_map(|field| field.split_once('='));
    let device = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("device-id")).map(|(_, id)| decoded(id));
    device.flatten().and_then(|id| DeviceId::new(&id).ok()).ok_or(StatusCode::BAD_REQUEST)
}

/// A percent-coded text; `None` = it is none.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, coded)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(coded.get(..2)?, 16).ok()?);
        rest = coded.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, query: &str) -> Result<String, u16> {
        asked(&Method::GET, path, Some(query)).map(|id| id.to_string()).map_err(|status| status.as_u16())
    }

    #[test]
    fn a_poll_is_understood_in_every_form_that_phones_may_use() {
        let mac = "00:1A:E8:12:34:56";
        for path in ["/contact-me", "/dcmp/contact-me", "//contact-me", "/dcmp//contact-me", "/a/b/contact-me/"] {
            assert_eq!(get(path, "device-id=00:1A:E8:12:34:56").as_deref(), Ok(mac), "{path}, Q-22");
        }
        for query in [
            "device-id=00%3A1a%3ae8%3A12%3A34%3A56",
            "device-id=001ae8123456",
            "x=1&device-id=00:1a:e8:12:34:56&y",
            "Device-Id=00-1A-E8-12-34-56",
        ] {
            assert_eq!(get("/contact-me", query).as_deref(), Ok(mac), "{query}, R-311");
        }
        assert_eq!(get("/contact-me", "device-id=soft-7").as_deref(), Ok("SOFT-7"), "R-107");
    }

    #[test]
    fn the_address_to_poll_at_ends_with_a_slash() {
        assert_eq!(url("phones.example.com", 8086), "http://phones.example.com:8086/");
        assert_eq!(url("2001:db8::7", 80), "http://[2001:db8::7]:80/");
    }

    #[test]
    fn what_is_no_poll_is_told_so() {
        let mac = "device-id=00:1A:E8:12:34:56";
        assert_eq!(get("/", mac), Err(404));
        assert_eq!(get("/contact-me/other", mac), Err(404));
        for query in ["", "device-id=", "device-id=%", "device-id=%zz", "device-id=%ff", "device-id=a%20b", "id=1"] {
            assert_eq!(get("/contact-me", query), Err(400), "{query:?}");
        }
        assert_eq!(get("/contact-me", &format!("device-id={}", "x".repeat(65))), Err(400));
        assert_eq!(asked(&Method::POST, "/contact-me", Some(mac)), Err(StatusCode::METHOD_NOT_ALLOWED));
    }
}
