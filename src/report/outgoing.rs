//! Requests to servers of other people: alerts, commit statuses. HTTP/1.1 with one connection a request, TLS by OpenSSL
//! with the system's authorities and one more file, no redirects, every wait and every size bounded.
//!
//! What is in an address behind its host may be a secret, and so may headers: errors and debug output show neither.

use std::{fmt, io, path::Path, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    client::conn::http1,
    header::{HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use openssl::ssl::{SslConnector, SslMethod};
use rand::RngExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_openssl::SslStream;

/// Largest answer that is read.
const ANSWER: usize = 64 << 10;
/// How this program names itself.
const AGENT: &str = concat!("phoneops/", env!("CARGO_PKG_VERSION"));

/// The address of a server. Shown without what follows its host.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Address {
    /// Reads `http://HOST[:PORT]/path` or `https://…`. The error never repeats it.
    ///
    /// # Errors
    /// What an address has to look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "an address looks like https://HOST:PORT/PATH, without a user name".to_owned();
        let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }

    /// The same server at a path behind this one.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        Self { path: format!("{}{path}", self.path.trim_end_matches('/')), ..self.clone() }
    }

    /// All of it, to tell addresses apart; not to be shown.
    pub(super) fn whole(&self) -> String {
        format!("{}{}", self, self.path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why there was no answer. All of these may pass.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// No connection, or no TLS.
    #[error("{to} cannot be reached: {problem}")]
    Unreachable {
        /// The server.
        to: Address,
        /// What the system said.
        problem: String,
    },
    /// No answer in time.
    #[error("{to} did not answer in time")]
    TimedOut {
        /// The server.
        to: Address,
    },
    /// What came is no answer.
    #[error("{to} did not answer as a web server does: {problem}")]
    Broken {
        /// The server.
        to: Address,
        /// What was wrong.
        problem: String,
    },
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The first 64 kB.
    pub body: Bytes,
}

impl Answer {
    /// How long the server wants to be left alone, at most an hour.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        const MOST: Duration = Duration::from_hours(1);
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let wait = if let Ok(seconds) = text.parse() {
            Duration::from_secs(seconds)
        } else {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(at.duration_since(now)).unwrap_or_default()
        };
        Some(wait.min(MOST))
    }
}

/// Sends requests.
#[derive(Clone)]
pub struct Outgoing {
    connector: SslConnector,
    time: Duration,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

impl Outgoing {
    /// A client that takes the authorities of the system and those of a file. `time` is the longest wait for an answer.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn new(ca: Option<&Path>, time: Duration) -> io::Result<Self> {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(io::Error::other)?;
        if let Some(file) = ca {
            let named = |problem: String| io::Error::other(format!("{}: {problem}", file.display()));
            std::fs::File::open(file).map_err(|error| named(error.to_string()))?;
            builder.set_ca_file(file).map_err(|_| named("it must hold certificates as PEM".to_owned()))?;
        }
        Ok(Self { connector: builder.build(), time })
    }

    /// Posts a body.
    pub async fn post(
        &self,
        to: &Address,
        headers: &[(HeaderName, HeaderValue)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, OutgoingError> {
        let exchange = self.exchange(to, headers, body.into());
        timeout(self.time, exchange).await.map_err(|_| OutgoingError::TimedOut { to: to.clone() })?
    }

    async fn exchange(
        &self,
        to: &Address,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Answer, OutgoingError> {
        let broken = |problem: hyper::Error| OutgoingError::Broken { to: to.clone(), problem: problem.to_string() };
        let stream = self
            .connect(to)
            .await
            .map_err(|problem| OutgoingError::Unreachable { to: to.clone(), problem: problem.to_string() })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        if let Ok(host) = HeaderValue::try_from(&to.authority) {
            request.headers_mut().insert(HOST, host);
        }
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        for (name, value) in headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let answered = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            // what is longer is of no use; the status counts
            let body = Limited::new(body, ANSWER).collect().await.map(Collected::to_bytes).unwrap_or_default();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::pin!(answered);
        // dropping the connection closes it
        tokio::select! {
            answer = &mut answered => answer,
            ended = connection => match ended {
                Ok(()) => answered.await,
                Err(error) => Err(broken(error)),
            },
        }
    }

    async fn connect(&self, to: &Address) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect((to.host.as_str(), to.port)).await?;
        if !to.tls {
            return Ok(Box::new(stream));
        }
        let ssl = self.connector.configure()?.into_ssl(&to.host)?;
        let mut stream = SslStream::new(ssl, stream)?;
        std::pin::Pin::new(&mut stream).connect().await.map_err(io::Error::other)?;
        Ok(Box::new(stream))
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How long is waited after a failure: a random part of a time that doubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first upper bound.
    pub base: Duration,
    /// The last upper bound.
    pub limit: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_secs(2), limit: Duration::from_mins(5) }
    }
}

impl Backoff {
    /// The wait after so many failures in a row, and no less than the server wants.
    pub(super) fn wait(self, failures: u32, wanted: Option<Duration>) -> Duration {
        let most = self.base.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.limit);
        let drawn = most.mul_f64(rand::rng().random_range(0.2..1.0));
        drawn.max(wanted.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_what_may_be_a_secret() {
        let address = Address::parse("https://hooks.example:8443/services/planted?token=planted\n").unwrap();
        assert_eq!((address.host.as_str(), address.port, address.tls), ("hooks.example", 8443, true));
        assert_eq!(address.path, "/services/planted?token=planted");
        assert!(!format!("{address} {address:?}").contains("planted"));
        assert_eq!(Address::parse("http://[::1]:9093").unwrap().join("/api/v2/alerts").path, "/api/v2/alerts");
        assert_eq!(Address::parse("http://a/am/").unwrap().join("/api").path, "/am/api");
        for wrong in ["", "hooks.example", "ftp://planted/a", "https://me:planted@host/", "http://"] {
            let error = Address::parse(wrong).unwrap_err();
            assert!(!error.contains("planted"), "{error}");
        }
    }

    #[test]
    fn a_server_says_how_long_it_wants_to_be_left_alone_in_two_ways() {
        let now: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let wait = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
            Answer { status: StatusCode::TOO_MANY_REQUESTS, headers, body: Bytes::new() }.retry_after(now)
        };
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait("Sun, 01 Mar 2026 08:01:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(wait("Sun, 01 Mar 2026 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999"), Some(Duration::from_hours(1)));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn waits_grow_up_to_a_limit_and_are_no_shorter_than_a_server_wants() {
        let backoff = Backoff { base: Duration::from_secs(2), limit: Duration::from_mins(5) };
        for failures in 1..40 {
            let wait = backoff.wait(failures, None);
            let most = Duration::from_secs(2).saturating_mul(1 << (failures - 1).min(8)).min(backoff.limit);
            assert!(wait <= most && wait >= most / 5, "{failures}: {wait:?}");
        }
        assert_eq!(backoff.wait(1, Some(Duration::from_mins(9))), Duration::from_mins(9));
    }
}
