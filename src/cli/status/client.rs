//! Asks a running service over HTTP, HTTPS or its Unix socket; one connection a request.

use std::{
    fmt::Write,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    client::conn::http1,
    header::{AUTHORIZATION, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use openssl::ssl::{SslConnector, SslMethod};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_openssl::SslStream;

use crate::{
    fleet::{
        history::{HistoryPage, HistoryQuery},
        leftovers::Leftovers,
        recovery::BackView,
        safety::SafetyList,
        view::{PAGE_LIMIT, Page, PhoneView, Query},
        words::{PendingReason, State},
    },
    report::problem::ErrorBody,
};

const CONNECT_TIME: Duration = Duration::from_secs(10);
const ANSWER_TIME: Duration = Duration::from_mins(1);
const ANSWER_LIMIT: usize = 128 << 20;
/// Most pages that are followed: a million phones.
const PAGES: usize = 2000;

/// Why the service could not be asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ClientError {
    /// The URL is none of ours.
    #[error("{0:?} is no server; write http://HOST:PORT, https://HOST or unix:/path/to/api.sock")]
    Url(String),
    /// The token file cannot be read, or holds no token.
    #[error("token file {}: {problem}", file.display())]
    Token {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Nobody answers there.
    #[error("cannot reach phoneops at {server}: {problem}; is `phoneops serve` running there?")]
    Unreachable {
        /// As given.
        server: String,
        /// What the system said.
        problem: String,
    },
    /// The cluster says no, or there is none.
    #[error("cannot read PhoneConfigs from the Kubernetes cluster: {problem}")]
    Cluster {
        /// What is wrong.
        problem: String,
    },
    /// It said no.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// What it said.
        message: String,
    },
    /// Whatever answers is no phoneops.
    #[error("{server} does not answer as phoneops does: {problem}")]
    Answer {
        /// As given.
        server: String,
        /// What was wrong.
        problem: String,
    },
}

impl ClientError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Token { .. } => "token",
            Self::Unreachable { .. } => "unreachable",
            Self::Cluster { .. } => "cluster",
            Self::Refused { .. } => "refused",
            Self::Answer { .. } => "answer",
        }
    }
}

/// Where the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Tcp { host: String, port: u16, tls: bool, authority: String, prefix: String },
    Unix(PathBuf),
}

/// A way to ask one service.
#[derive(Debug)]
pub struct Client {
    server: String,
    target: Target,
    token: Option<HeaderValue>,
}

impl Client {
    /// Reads URL and token; connects to nothing yet.
    pub fn new(server: &str, token_file: Option<&Path>) -> Result<Self, ClientError> {
        let target = target(server).ok_or_else(|| ClientError::Url(server.to_owned()))?;
        Ok(Self { server: server.to_owned(), target, token: token_file.map(token).transpose()? })
    }

    /// One phone by name or MAC.
    pub async fn phone(&self, id: &str) -> Result<PhoneView, ClientError> {
        self.get(&format!("/api/v1/phones/{}", encoded(id))).await
    }

    /// All phones that a query asks for; its limit and start do not count.
    pub async fn phones(&self, query: &Query) -> Result<Vec<PhoneView>, ClientError> {
        let mut phones = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let page: Page = self.get(&path_of(query, after.as_deref())).await?;
            phones.extend(page.phones);
            match page.next {
                None => return Ok(phones),
                Some(next) if after.as_ref() == Some(&next) => break,
                next => after = next,
            }
        }
        Err(self.odd("its pages have no end"))
    }

    /// A whole list of the API, page by page; `path` has its parameters.
    pub async fn list<T: DeserializeOwned + Pages>(&self, path: &str) -> Result<T, ClientError> {
        let mut whole: T = self.get(path).await?;
        let joint = if path.contains('?') { '&' } else { '?' };
        for _ in 0..PAGES {
            let Some(next) = whole.next().take() else { return Ok(whole) };
            let mut page: T = self.get(&format!("{path}{joint}continue={}", encoded(&next))).await?;
            if page.next().as_ref() == Some(&next) {
                break;
            }
            whole.append(page);
        }
        Err(self.odd("its pages have no end"))
    }

    /// A page of the history, behind the one that `query` names.
    pub async fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, ClientError> {
        let limit = query.limit.map(|limit| limit.to_string());
        let since = query.since.map(|since| since.to_string());
        let parameters = [
            ("limit", limit.as_deref()),
            ("phone", query.phone.as_deref()),
            ("item", query.item.as_deref()),
            ("revision", query.revision.as_deref()),
            ("since", since.as_deref()),
            ("continue", query.after.as_deref()),
        ];
        let given = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value?))));
        self.get(&format!("/api/v1/history?{}", given.collect::<Vec<_>>().join("&"))).await
    }

    /// Acts on one phone: `POST` of this wish to `/api/v1/phones/{id}/{act}`.
    pub async fn act<T: DeserializeOwned>(&self, id: &str, act: &str, wish: &impl Serialize) -> Result<T, ClientError> {
        self.post(&format!("/api/v1/phones/{}/{act}", encoded(id)), wish).await
    }

    /// Acts on the service as a whole: `POST` of this wish to a path of the API.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, wish: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(wish).map_err(|error| self.odd(&error))?;
        self.ask(Method::POST, path, body.into()).await
    }

    /// Reads a path of the API.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, ClientError> {
        let (status, body) = timeout(ANSWER_TIME, self.exchange(method, path, body))
            .await
            .map_err(|_| self.unreachable("no answer within a minute"))??;
        if !status.is_success() {
            let message = serde_json::from_slice::<ErrorBody>(&body)
                .map_or_else(|_| format!("{} answers {status}", self.server), |body| body.error.message);
            return Err(ClientError::Refused { status, message });
        }
        serde_json::from_slice(&body).map_err(|error| self.odd(&error))
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), ClientError> {
        let stream = timeout(CONNECT_TIME, self.connect())
            .await
            .map_err(|_| self.unreachable("no connection within 10 seconds"))?
            .map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.odd(&error))?;
        let task = tokio::spawn(connection);
        let (authority, prefix) = match &self.target {
            Target::Tcp { authority, prefix, .. } => (authority.as_str(), prefix.as_str()),
            Target::Unix(_) => ("localhost", ""),
        };
        let mut request = Request::builder().method(method).uri(format!("{prefix}{path}")).header(HOST, authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::new(body)).map_err(|error| self.odd(&error))?;
        let response = sender.send_request(request).await.map_err(|error| self.odd(&error))?;
        let status = response.status();
        let body =
            Limited::new(response.into_body(), ANSWER_LIMIT).collect().await.map_err(|error| self.odd(&error))?;
        task.abort();
        Ok((status, body.to_bytes()))
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match &self.target {
            Target::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Target::Tcp { host, port, tls, .. } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                if !tls {
                    return Ok(Box::new(stream));
                }
                let ssl = SslConnector::builder(SslMethod::tls_client())?.build().configure()?.into_ssl(host)?;
                let mut stream = SslStream::new(ssl, stream)?;
                std::pin::Pin::new(&mut stream).connect().await.map_err(io::Error::other)?;
                Ok(Box::new(stream))
            }
        }
    }

    fn unreachable(&self, problem: &(impl ToString + ?Sized)) -> ClientError {
        ClientError::Unreachable { server: self.server.clone(), problem: problem.to_string() }
    }

    fn odd(&self, problem: &(impl ToString + ?Sized)) -> ClientError {
        ClientError::Answer { server: self.server.clone(), problem: problem.to_string() }
    }
}

/// A list that comes in pages.
pub trait Pages {
    /// Where the next page starts.
    fn next(&mut self) -> &mut Option<String>;
    /// Takes the next page in.
    fn append(&mut self, page: Self);
}

macro_rules! pages {
    ($($list:ty: $entries:ident),+) => {
        $(impl Pages for $list {
            fn next(&mut self) -> &mut Option<String> {
                &mut self.next
            }

            fn append(&mut self, mut page: Self) {
                self.$entries.append(&mut page.$entries);
                (self.more, self.next) = (page.more, page.next);
            }
        })+
    };
}

pages!(BackView: missing, Leftovers: leftovers, SafetyList: problems);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

fn target(server: &str) -> Option<Target> {
    if let Some(path) = server.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return (!path.is_empty()).then(|| Target::Unix(path.into()));
    }
    let uri: Uri = server.parse().ok()?;
    let tls = match uri.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let authority = uri.authority()?;
    let host = authority.host();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() || authority.as_str().contains('@') || uri.query().is_some() {
        return None;
    }
    Some(Target::Tcp {
        host: host.to_owned(),
        port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        tls,
        authority: authority.to_string(),
        prefix: uri.path().trim_end_matches('/').to_owned(),
    })
}

fn token(file: &Path) -> Result<HeaderValue, ClientError> {
    let failed = |problem: String| ClientError::Token { file: file.to_owned(), problem };
    let mut text = String::new();
    fs::File::open(file)
        .and_then(|open| open.take(4096).read_to_string(&mut text))
        .map_err(|error| failed(error.to_string()))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(failed("it is empty".to_owned()));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| failed("a token is one line of printable characters".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn path_of(query: &Query, after: Option<&str>) -> String {
    let mut path = format!("/api/v1/phones?limit={PAGE_LIMIT}");
    let selector = query.selector.to_string();
    let site_selector = query.site_selector.as_ref().map(ToString::to_string);
    let parameters = [
        ("state", query.state.map(State::as_str)),
        ("site", query.site.as_deref()),
        ("model", query.model.as_deref()),
        ("selector", Some(&*selector).filter(|selector| !selector.is_empty())),
        ("siteSelector", site_selector.as_deref()),
        ("reason", query.reason.map(PendingReason::as_str)),
        ("item", query.item.as_deref()),
        ("revision", query.revision.as_deref()),
        ("q", query.text.as_deref()),
        ("continue", after),
    ];
    for (name, value) in parameters {
        if let Some(value) = value {
            path.extend(["&", name, "=", &encoded(value)]);
        }
    }
    path
}

/// Percent-encodes all but the unreserved characters.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // a String takes every write
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_people_write_them() {
        let tcp = |host: &str, port, tls, authority: &str, prefix: &str| {
            Some(Target::Tcp { host: host.into(), port, tls, authority: authority.into(), prefix: prefix.into() })
        };
        assert_eq!(target("http://127.0.0.1:8080"), tcp("127.0.0.1", 8080, false, "127.0.0.1:8080", ""));
        assert_eq!(target("http://[::1]:8080/"), tcp("::1", 8080, false, "[::1]:8080", ""));
        assert_eq!(target("https://example/phones/"), tcp("example", 443, true, "example", "/phones"));
        assert_eq!(target("unix:/run/api.sock"), Some(Target::Unix("/run/api.sock".into())));
        assert_eq!(target("unix:///run/api.sock"), Some(Target::Unix("/run/api.sock".into())));
        for wrong in ["", "localhost:8080", "ftp://localhost", "http://", "unix:", "http://me:pw@host", "http://a?b"] {
            assert_eq!(target(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_people_look_for_is_encoded() {
        let query = Query { site: Some("a&b=c/ü".into()), ..Query::default() };
        assert_eq!(path_of(&query, Some("x y")), "/api/v1/phones?limit=500&site=a%26b%3Dc%2F%C3%BC&continue=x%20y");
    }

    #[test]
    fn a_token_never_shows() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("token");
        fs::write(&file, "hunter2\n").unwrap();
        let client = Client::new("http://localhost", Some(&file)).unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
        fs::write(&file, "two\nlines").unwrap();
        let error = Client::new("http://localhost", Some(&file)).unwrap_err();
        assert_eq!(error.category(), "token");
    }
}
