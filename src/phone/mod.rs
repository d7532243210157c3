//! The phones' edge: the HTTPS listener they talk to, and the contact-me request that asks them to call.
//!
//! Requests go up through [`PhoneHandler`]; nothing here knows what a message means.
//!
//! - [`settings`]: where to listen, as whom, and every bound
//! - [`listener`]: the accept loop; `shares`: how much of it one address may take
//! - `connection`: one connection, from PROXY header to TLS handshake to HTTP; `stream`: the TCP below it, `answer`: the HTTP
//!   above it
//! - [`proxy`]: the PROXY protocol header of trusted proxies
//! - [`tls`], [`certificate`]: what is offered, and the certificate files
//! - [`client_hello`]: what a phone offers
//! - [`handshake`]: failed handshakes, with cause and remedy
//! - [`contact`]: the contact-me request
//! - [`dcmp`]: the poll service of phones that nobody can ask
//! - [`metrics`], [`bounds`]: what is counted

pub mod bounds;
pub mod certificate;
pub mod client_hello;
pub mod contact;
pub mod dcmp;
pub mod handshake;
pub mod listener;
pub mod metrics;
pub mod proxy;
pub mod settings;
mod shares;
pub mod tls;

mod answer;
mod connection;
mod stream;

use std::{future::Future, net::SocketAddr};

use bytes::Bytes;

pub use self::{
    certificate::CertificateSource,
    contact::{ContactClient, ContactError, ContactSettings},
    dcmp::{DcmpMetrics, DcmpSettings, PollHandler},
    handshake::{FailedHandshakes, HandshakeFailure},
    listener::{ListenerError, PhoneListener},
    metrics::ListenerMetrics,
    settings::{Limits, ListenerSettings},
    tls::TlsMode,
};

/// The path that is fixed in the phones' firmware.
pub const LOGIN_PATH: &str = "/DeploymentService/LoginService";

/// One POST of a phone, as it came over TLS.
#[derive(Debug, Clone)]
pub struct PhoneRequest {
    /// The body, below the limit.
    pub body: Bytes,
    /// The values of all `Cookie` headers, joined by `; `.
    pub cookie: Option<String>,
    /// The phone's address (that of the PROXY header where a trusted proxy sent one).
    pub peer: SocketAddr,
    /// Which TLS connection this is; unique while the process lives.
    pub connection: u64,
}

/// What a phone is answered.
#[derive(Debug, Clone)]
pub enum PhoneAnswer {
    /// 200 with this XML, and a `Set-Cookie` value on initial messages.
    Message {
        /// The encoded message.
        xml: String,
        /// The whole `Set-Cookie` value.
        set_cookie: Option<String>,
    },
    /// 400: not well-formed, too deep, a DTD, …. The text is plain and names the bound.
    BadRequest(String),
}

/// Whatever answers phones: the service, or a fixed answer in benchmarks.
pub trait PhoneHandler: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, request: PhoneRequest) -> impl Future<Output = PhoneAnswer> + Send;
}
