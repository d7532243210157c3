//! A phones' edge on a free port, a handler that writes down what it was asked, and a phone of few bytes.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslVersion};
use phoneops::phone::{
    CertificateSource, FailedHandshakes, HandshakeFailure, ListenerMetrics, ListenerSettings, PhoneAnswer,
    PhoneHandler, PhoneListener, PhoneRequest,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_openssl::SslStream;

pub(crate) const PATH: &str = "/DeploymentService/LoginService";

/// A state folder with a certificate, one for all tests and kept for the next ones: making an RSA key takes longer than most
/// of them, and each may be a process of its own.
pub(crate) fn self_made() -> CertificateSource {
    static STATE: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("self-made");
        if !folder.exists() {
            let made = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            CertificateSource::SelfMade { state: made.path().to_owned() }.files().unwrap();
            // whoever comes second throws its own away
            if fs::rename(made.path(), &folder).is_ok() {
                let _ = made.keep();
            }
        }
        folder
    });
    CertificateSource::SelfMade { state: STATE.clone() }
}

pub(crate) fn in_folder(folder: &Path) -> CertificateSource {
    CertificateSource::Files { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
}

/// Answers with fixed words; some bodies make it behave differently.
#[derive(Default)]
pub(crate) struct Clerk {
    asked: Mutex<Vec<PhoneRequest>>,
    pub(crate) waiting: Notify,
    pub(crate) go_on: Notify,
}

impl Clerk {
    pub(crate) fn asked(&self) -> Vec<PhoneRequest> {
        self.asked.lock().unwrap().clone()
    }
}

impl PhoneHandler for Clerk {
    async fn answer(&self, request: PhoneRequest) -> PhoneAnswer {
        let body = request.body.clone();
        self.asked.lock().unwrap().push(request);
        let (xml, set_cookie) = match &body[..] {
            b"bad" => return PhoneAnswer::BadRequest("not well-formed".to_owned()),
            b"panic" => panic!("on purpose"),
            b"huge" => ("x".repeat(64 << 20), None),
            b"wait" => {
                self.waiting.notify_one();
                self.go_on.notified().await;
                ("<waited/>".to_owned(), None)
            }
            b"cookie" => ("<ok>ä</ok>".to_owned(), Some("JSESSIONID=0A1B; Path=/DeploymentService; Secure".to_owned())),
            _ => ("<ok>ä</ok>".to_owned(), None),
        };
        PhoneAnswer::Message { xml, set_cookie }
    }
}

/// A running listener.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) clerk: Arc<Clerk>,
    pub(crate) metrics: ListenerMetrics,
    pub(crate) failures: Arc<FailedHandshakes>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl Edge {
    pub(crate) fn start(change: impl FnOnce(&mut ListenerSettings)) -> Self {
        let mut settings = ListenerSettings::new(SocketAddr::from(([127, 0, 0, 1], 0)), self_made());
        change(&mut settings);
        let clerk = Arc::new(Clerk::default());
        let metrics = ListenerMetrics::new();
        let failures = Arc::new(FailedHandshakes::new(|address| address.is_loopback().then(|| "reception".to_owned())));
        let listener =
            PhoneListener::bind(settings, Arc::clone(&clerk), Arc::clone(&failures), metrics.clone()).unwrap();
        let address = listener.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(listener.run(async {
            let _ = stopped.await;
        }));
        Self { address, clerk, metrics, failures, stop: Some(stop), task }
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take();
    }

    pub(crate) async fn phone(&self) -> Phone {
        Phone::connect(self.address, |_| ()).await.unwrap()
    }

    pub(crate) async fn failure(&self) -> HandshakeFailure {
        eventually(|| !self.failures.list().is_empty()).await;
        self.failures.list().remove(0)
    }
}

/// Waits for a condition, at most ten seconds.
pub(crate) async fn eventually(mut condition: impl FnMut() -> bool) {
    let waited = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), waited).await.expect("the condition never came true");
}

/// One TLS connection.
pub(crate) struct Phone {
    pub(crate) tls: SslStream<TcpStream>,
    ahead: Vec<u8>,
}

/// An answer as it was on the wire.
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// A header by its exact name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

pub(crate) fn context(change: impl FnOnce(&mut SslContextBuilder)) -> SslContext {
    let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
    change(&mut context);
    context.build()
}

/// A phone that knows TLS 1.0 and RSA key exchange only.
pub(crate) fn old(context: &mut SslContextBuilder) {
    context.set_security_level(0);
    context.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    context.set_max_proto_version(Some(SslVersion::TLS1)).unwrap();
    context.set_cipher_list("AES128-SHA:AES256-SHA").unwrap();
}

impl Phone {
    pub(crate) async fn connect(
        to: SocketAddr,
        change: impl FnOnce(&mut SslContextBuilder),
    ) -> Result<Self, openssl::ssl::Error> {
        Self::over(TcpStream::connect(to).await.unwrap(), change).await
    }

    pub(crate) async fn over(
        tcp: TcpStream,
        change: impl FnOnce(&mut SslContextBuilder),
    ) -> Result<Self, openssl::ssl::Error> {
        let mut tls = SslStream::new(Ssl::new(&context(change)).unwrap(), tcp).unwrap();
        Pin::new(&mut tls).connect().await?;
        Ok(Self { tls, ahead: Vec::new() })
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.tls.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn post(&mut self, body: &str) -> Answer {
        self.send(request("POST", PATH, "", body)).await;
        self.answer().await.expect("an answer")
    }

    /// The next answer, or nothing when the connection ended.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        timeout(Duration::from_secs(10), self.read_answer()).await.expect("no answer in time")
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if self.tls.read_buf(&mut self.ahead).await.unwrap_or(0) == 0 {
                return None;
            }
        };
        let head = String::from_utf8(self.ahead.drain(..end).collect()).unwrap();
        let mut answer = Answer { head, body: Vec::new() };
        let length: usize = answer.header("Content-Length").expect("an exact length").parse().unwrap();
        while self.ahead.len() < length {
            assert_ne!(self.tls.read_buf(&mut self.ahead).await.unwrap(), 0, "the body was cut");
        }
        answer.body = self.ahead.drain(..length).collect();
        Some(answer)
    }

    /// Waits until the listener ends the connection, and shows that nothing came before.
    pub(crate) async fn ended(&mut self) {
        assert!(self.answer().await.is_none(), "an answer where the end was due");
        assert!(self.ahead.is_empty(), "bytes behind the last answer");
    }
}

/// A request with a length and whatever headers (each with its line break) are given.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
