//! The contact-me request: a plain POST that asks a phone to call.
//!
//! Sent is `ContactMe=true` and nothing else. Success is 204 within the time limit; it promises nothing, the
//! phone calls later or not at all. When to ask is decided elsewhere; here only the number of requests under
//! way at once is bounded.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode, Uri,
    client::conn::http1,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    time::{error::Elapsed, timeout},
};

use crate::wpi::contact::{ContactMe, ContactUri};

/// How contact-me requests are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactSettings {
    /// Longest wait for the answer, connecting included.
    pub timeout: Duration,
    /// Most requests under way at once; more wait, and their time starts when they are sent.
    pub in_flight: usize,
}

impl Default for ContactSettings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), in_flight: 64 }
    }
}

/// Why a phone was not asked. All of these are transient.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// The phone's host answers, its port does not: it starts, or its web server is off.
    #[error("contact-me to {to} was refused")]
    Refused {
        /// Where it was sent.
        to: SocketAddr,
    },
    /// No way to the phone.
    #[error("contact-me to {to} did not get there: {source}")]
    Unreachable {
        /// Where it was sent.
        to: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No answer in time.
    #[error("contact-me to {to} was not answered in time")]
    TimedOut {
        /// Where it was sent.
        to: SocketAddr,
    },
    /// An answer other than 204; redirects are not followed (R-1106).
    #[error("contact-me to {to} was answered with status {status} instead of 204")]
    Status {
        /// Where it was sent.
        to: SocketAddr,
        /// What came.
        status: u16,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("contact-me to {to} broke: {source}")]
    Broken {
        /// Where it was sent.
        to: SocketAddr,
        /// Why.
        source: hyper::Error,
    },
}

impl ContactError {
    /// The stable word for metrics.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed-out",
            Self::Status { .. } => "status",
            Self::Broken { .. } => "broken",
        }
    }
}

/// Sends contact-me requests.
#[derive(Debug)]
pub struct ContactClient {
    timeout: Duration,
    turns: Semaphore,
}

impl ContactClient {
    /// A client; it holds no connection.
    pub fn new(settings: &ContactSettings) -> Self {
        Self { timeout: settings.timeout, turns: Semaphore::new(settings.in_flight.clamp(1, Semaphore::MAX_PERMITS)) }
    }

    /// Asks the phone behind a checked URI to call.
    pub async fn contact(&self, uri: &ContactUri) -> Result<(), ContactError> {
        let to = uri.socket();
        // the semaphore is never closed; without a turn the request would only be unbounded, not wrong
        let _turn = self.turns.acquire().await.ok();
        let answered = timeout(self.timeout, ask(uri)).await;
        match answered.map_err(|_: Elapsed| ContactError::TimedOut { to })?? {
            StatusCode::NO_CONTENT => Ok(()),
            other => Err(ContactError::Status { to, status: other.as_u16() }),
        }
    }
}

async fn ask(uri: &ContactUri) -> Result<StatusCode, ContactError> {
    let to = uri.socket();
    let broken = |source| ContactError::Broken { to, source };
    let tcp = TcpStream::connect(to).await.map_err(|source| match source.kind() {
        io::ErrorKind::ConnectionRefused => ContactError::Refused { to },
        io::ErrorKind::TimedOut => ContactError::TimedOut { to },
        _ => ContactError::Unreachable { to, source },
    })?;
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(16 << 10)
        .handshake(TokioIo::new(tcp))
        .await
        .map_err(broken)?;
    let form = ContactMe::default().encode();
    let length = form.len();
    let mut request = Request::new(Full::new(Bytes::from(form)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(uri.path());
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::try_from(to.to_string()) {
        headers.insert(HOST, host);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(ContactMe::CONTENT_TYPE));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let answered = sender.send_request(request);
    // dropping both ends the connection, so the body of an answer is never read
    tokio::select! {
        answer = answered => Ok(answer.map_err(broken)?.status()),
        Err(error) = connection => Err(broken(error)),
    }
}
