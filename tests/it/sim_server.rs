//! A server by script: it answers phones over TLS with what a test says, and keeps what they sent.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    hash::MessageDigest,
    pkey::PKey,
    rsa::Rsa,
    ssl::{Ssl, SslContext, SslMethod, SslVerifyMode},
    x509::{X509, X509NameBuilder},
};
use phoneops::{
    sim::{Server, SimPhone, SimSettings, Timing},
    wpi::{
        Action, Index, Item, ItemId, ItemName, PhoneMessage, Reason, ServerMessage, phone_message::Nonce, xml::Limits,
    },
};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpListener, net::TcpStream, sync::watch, task::JoinSet};
use tokio_openssl::SslStream;

/// Long enough for a loaded machine; no test waits for it when all is well.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) body: Bytes,
    pub(crate) message: Option<PhoneMessage>,
    pub(crate) cookie: Option<String>,
    pub(crate) close: bool,
    pub(crate) connection: u64,
    pub(crate) peer: SocketAddr,
    /// Whether the phone showed a certificate.
    pub(crate) certificate: bool,
    /// The cookie that the answer set.
    pub(crate) set_cookie: Option<String>,
}

impl Seen {
    pub(crate) fn reason(&self) -> &str {
        self.message.as_ref().map_or("?", |message| message.reason.as_str())
    }

    /// `action/status` of a reply.
    pub(crate) fn reply(&self) -> String {
        match self.message.as_ref().map(|message| &message.reason) {
            Some(Reason::ReplyTo { action, status }) => format!("{action}/{status:?}"),
            other => format!("{other:?}"),
        }
    }

    pub(crate) fn nonce(&self) -> Option<String> {
        self.message.as_ref()?.nonce.as_ref().map(|nonce| nonce.0.to_string())
    }
}

/// What the script says to one request.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    Do(Action, Vec<Item>),
    Raw(u16, String),
    /// The connection ends without an answer.
    HangUp,
}

type Script = Box<dyn FnMut(&Seen) -> Say + Send>;

struct Inner {
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    count: watch::Sender<usize>,
    cookies: AtomicU64,
}

/// The server; its tasks end when it is dropped.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// Answers every request by what the function says.
    pub(crate) async fn with(script: impl FnMut(&Seen) -> Say + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            script: Mutex::new(Box::new(script)),
            seen: Mutex::new(Vec::new()),
            count: watch::Sender::new(0),
            cookies: AtomicU64::new(1),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&inner)));
        Self { address, inner, _tasks: tasks }
    }

    /// Answers by these in turn, then by CleanUp.
    pub(crate) async fn saying(says: impl IntoIterator<Item = Say>) -> Self {
        let mut says: VecDeque<Say> = says.into_iter().collect();
        Self::with(move |_| says.pop_front().unwrap_or_else(clean_up)).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// Waits until that many requests came, and gives them.
    pub(crate) async fn wait(&self, number: usize) -> Vec<Seen> {
        let mut count = self.inner.count.subscribe();
        let waited = tokio::time::timeout(LONG, count.wait_for(|count| *count >= number)).await;
        let seen = self.seen();
        assert!(waited.is_ok(), "{} of {number} requests: {:?}", seen.len(), reasons(&seen));
        seen
    }
}

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    let context = context();
    let mut connections = JoinSet::new();
    for number in 1.. {
        let Ok((stream, peer)) = listener.accept().await else { return };
        let (context, inner) = (context.clone(), Arc::clone(&inner));
        connections.spawn(async move {
            let Ok(ssl) = Ssl::new(&context) else { return };
            let Ok(mut stream) = SslStream::new(ssl, stream) else { return };
            if std::pin::Pin::new(&mut stream).accept().await.is_err() {
                return;
            }
            let certificate = stream.ssl().peer_certificate().is_some();
            let from = (number, peer, certificate);
            let service = service_fn(|request| answer(&inner, request, from));
            let mut builder = http1::Builder::new();
            builder.title_case_headers(true).half_close(false);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    inner: &Inner,
    request: Request<Incoming>,
    (connection, peer, certificate): (u64, SocketAddr, bool),
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (cookie, close) = (text(header::COOKIE), text(header::CONNECTION).is_some_and(|value| value == "close"));
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let limits = Limits { body: 5_000_000, items: 20_000, ..Limits::default() };
    let message = PhoneMessage::decode(&body, &limits).ok();
    let initial = message.as_ref().is_some_and(|message| message.reason.is_initial());
    let number = inner.cookies.fetch_add(1, Ordering::Relaxed);
    let set_cookie = initial.then(|| format!("JSESSIONID={number:032X}; Path=/DeploymentService; Secure"));
    let seen = Seen { body, message, cookie, close, connection, peer, certificate, set_cookie: set_cookie.clone() };
    let said = (inner.script.lock().unwrap())(&seen);
    let nonce = Nonce(seen.nonce().unwrap_or_default().into());
    inner.seen.lock().unwrap().push(seen);
    inner.count.send_modify(|count| *count += 1);
    let (status, body) = match said {
        Say::Do(action, items) => (200, ServerMessage { nonce, action, items }.encode()),
        Say::Raw(status, body) => (status, body.replace("NONCE", &nonce.0)),
        Say::HangUp => return Err(std::io::Error::other("by script")),
    };
    let mut response = Response::builder().status(status).header(header::CONTENT_TYPE, "text/xml");
    if let Some(cookie) = set_cookie {
        response = response.header(header::SET_COOKIE, cookie);
    }
    Ok::<_, Infallible>(response.body(Full::from(body)).unwrap()).map_err(|never| match never {})
}

/// One key for all servers: making one takes longer than most tests.
fn context() -> SslContext {
    static CONTEXT: LazyLock<SslContext> = LazyLock::new(new_context);
    CONTEXT.clone()
}

fn new_context() -> SslContext {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "somebody else").unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_pubkey(&key).unwrap();
    // long over: phones do not look (R-1001)
    certificate.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::from_unix(86_400).unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_private_key(&key).unwrap();
    // any certificate of a phone will do, and none too
    context.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    context.set_certificate(&certificate.build()).unwrap();
    context.set_min_proto_version(Some(openssl::ssl::SslVersion::TLS1)).unwrap();
    context.set_cipher_list("DEFAULT:@SECLEVEL=0").unwrap();
    context.build()
}

pub(crate) fn reasons(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| seen.reason().to_owned()).collect()
}

pub(crate) fn id(name: &str) -> ItemId {
    ItemId::new(ItemName::new(name).unwrap(), None)
}

pub(crate) fn at(name: &str, index: u32) -> ItemId {
    ItemId::new(ItemName::new(name).unwrap(), Some(Index(index)))
}

pub(crate) fn clean_up() -> Say {
    Say::Do(Action::CleanUp, Vec::new())
}

pub(crate) fn clean_up_with(name: &str, text: &str) -> Say {
    Say::Do(Action::CleanUp, vec![Item::plain(id(name), text)])
}

pub(crate) fn read_all() -> Say {
    Say::Do(Action::ReadAllItems, Vec::new())
}

pub(crate) fn read(ids: &[ItemId]) -> Say {
    Say::Do(Action::ReadItems, ids.iter().map(|id| Item::plain(id.clone(), "")).collect())
}

pub(crate) fn write(items: &[(ItemId, &str)]) -> Say {
    Say::Do(Action::WriteItems, items.iter().map(|(id, text)| Item::plain(id.clone(), *text)).collect())
}

/// A phone with quick times on a free port of an address of its own.
pub(crate) fn settings(server: &Scripted, last: u8) -> SimSettings {
    let address = IpAddr::V4(Ipv4Addr::new(127, 31, 0, last));
    let mut settings = SimSettings::new(format!("00:1A:E8:31:00:{last:02X}"), address, Server::at(server.address));
    settings.contact_port = 0;
    settings.timing = Timing::quick();
    settings
}

/// A running phone that has registered and is idle.
pub(crate) async fn registered(settings: SimSettings) -> SimPhone {
    let phone = SimPhone::start(settings).await.unwrap();
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 1 && view.is_idle(), LONG).await.unwrap();
    phone
}

/// Sends a contact-me; gives the first line of the answer, or nothing when the phone hangs up.
pub(crate) async fn contact(phone: &SimPhone, request: &str) -> String {
    let mut stream = TcpStream::connect(phone.contact_address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer.lines().next().unwrap_or_default().to_owned()
}

/// The contact-me of the guide, without address.
pub(crate) fn post() -> &'static str {
    "POST /contact_dls.html/ContactDLS HTTP/1.1\r\nHost: phone\r\nConnection: close\r\n\
     Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n\r\nContactMe=true"
}
