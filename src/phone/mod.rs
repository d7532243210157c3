//! The phones' edge: the HTTPS listener they talk to, and the contact-me request that asks them to call.

use std::{future::Future, net::SocketAddr};

use bytes::Bytes;

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
