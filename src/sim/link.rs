//! One TLS connection of a phone to its server, and requests over it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{Builder, SendRequest},
    header::{
        CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, SET_COOKIE,
        TRANSFER_ENCODING,
    },
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_openssl::SslStream;

use super::{
    settings::{Server, Timing},
    tls::{self, Side},
};

/// Most bytes of an answer that are read.
const ANSWER_LIMIT: usize = 1_000_000;

/// Longest time that a goodbye takes.
const GOODBYE: Duration = Duration::from_millis(200);

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    #[error("no connection within {0:?}")]
    SlowConnect(Duration),
    #[error("no answer within {0:?}")]
    SlowAnswer(Duration),
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the answer cannot be read: {0}")]
    Body(String),
    #[error("the request cannot be built: {0}")]
    Request(#[from] hyper::http::Error),
}

/// What the server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) set_cookie: Vec<String>,
    pub(super) content_type: Option<String>,
    pub(super) content_length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) compressed: bool,
    pub(super) body: Bytes,
    pub(super) connection: u64,
}

/// What one request carries.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) body: Bytes,
    pub(super) cookie: Option<String>,
    pub(super) close: bool,
}

/// Whom to call and from where.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) from: IpAddr,
    pub(super) server: Server,
    pub(super) side: Side,
    pub(super) timing: Timing,
}

/// An open connection. Dropping it ends the task that drives it.
#[derive(Debug)]
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinSet<()>,
    number: u64,
    used: bool,
}

impl Link {
    /// Connects from the phone's own address.
    pub(super) async fn open(route: &Route, number: u64) -> Result<Self, LinkError> {
        let limit = route.timing.connect;
        timeout(limit, Self::connect(route, number)).await.unwrap_or(Err(LinkError::SlowConnect(limit)))
    }

    async fn connect(route: &Route, number: u64) -> Result<Self, LinkError> {
        let tcp = tcp(route.from, route.server.address).await?;
        tcp.set_nodelay(true)?;
        let ssl = tls::client(route.side).map_err(|error| LinkError::Tls(error.to_string()))?;
        let mut stream = SslStream::new(ssl, tcp).map_err(|error| LinkError::Tls(error.to_string()))?;
        let pinned = std::pin::Pin::new(&mut stream);
        pinned.connect().await.map_err(|error| LinkError::Tls(error.to_string()))?;
        let (sender, connection) = Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // how it ended is told to whoever waits for an answer
            let _ = connection.await;
        });
        Ok(Self { sender, driver, number, used: false })
    }

    /// Says goodbye as TLS wants it; dropping the link is like pulling the plug.
    pub(super) async fn close(self) {
        let Self { sender, mut driver, .. } = self;
        drop(sender);
        // a server that does not read is not waited for
        let _ = timeout(GOODBYE, driver.join_next()).await;
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the server may have closed it while nothing was sent: worth one more try on a new one.
    pub(super) fn may_be_stale(&self) -> bool {
        self.used
    }

    /// Posts a message and reads the whole answer.
    pub(super) async fn call(&mut self, route: &Route, call: &Call) -> Result<Answer, LinkError> {
        let limit = route.timing.answer;
        timeout(limit, self.post(route, call)).await.unwrap_or(Err(LinkError::SlowAnswer(limit)))
    }

    async fn post(&mut self, route: &Route, call: &Call) -> Result<Answer, LinkError> {
        let mut request = Request::post(route.server.path.as_str())
            .header(HOST, route.server.address.to_string())
            .header(CONTENT_TYPE, "text/xml")
            .header(CONTENT_LENGTH, call.body.len());
        if let Some(cookie) = &call.cookie {
            request = request.header(COOKIE, cookie.as_str());
        }
        if call.close {
            request = request.header(CONNECTION, "close");
        }
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(Full::new(call.body.clone()))?).await?;
        self.used = true;
        let (head, body) = response.into_parts();
        let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let cookies = head.headers.get_all(SET_COOKIE).iter();
        let set_cookie = cookies.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await;
        Ok(Answer {
            status: head.status,
            set_cookie,
            content_type: text(CONTENT_TYPE),
            content_length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            chunked: head.headers.contains_key(TRANSFER_ENCODING),
            compressed: head.headers.contains_key(CONTENT_ENCODING),
            body: body.map_err(|error| LinkError::Body(error.to_string()))?.to_bytes(),
            connection: self.number,
        })
    }
}

/// A connection from the phone's own address.
pub(super) async fn tcp(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if from.is_ipv4() == to.is_ipv4() {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(to).await
}
