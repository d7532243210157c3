//! Where the listener listens, as whom, and every bound it keeps.

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;

use super::{certificate::CertificateSource, tls::TlsMode};

/// One listener for phones.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Which TLS versions and ciphers are offered.
    pub tls: TlsMode,
    /// The certificate shown to phones.
    pub certificate: CertificateSource,
    /// How often the certificate files are looked at.
    pub reload_interval: Duration,
    /// Peers that must send a PROXY header; from all others none is expected.
    pub trusted_proxies: Vec<IpNet>,
    /// Paths served beside [`LOGIN_PATH`](super::LOGIN_PATH).
    pub aliases: Vec<String>,
    /// What is never exceeded.
    pub limits: Limits,
}

impl ListenerSettings {
    /// A listener with all defaults.
    pub fn new(listen: SocketAddr, certificate: CertificateSource) -> Self {
        Self {
            listen,
            tls: TlsMode::Modern,
            certificate,
            reload_interval: Duration::from_secs(5),
            trusted_proxies: Vec::new(),
            aliases: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// The bounds of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest request body in bytes.
    pub body: usize,
    /// Most bytes of all bodies that are being received, the first 64 KiB of each not counted; one more waits within its
    /// own time-out.
    pub bodies: usize,
    /// Longest request head in bytes.
    pub head: usize,
    /// Most open connections; one more is closed at once.
    pub connections: usize,
    /// Most open connections of one address; one more is closed at once. Trusted proxies are exempt.
    pub address_connections: usize,
    /// Most handshakes under way; one more waits within its own handshake time-out.
    pub handshakes: usize,
    /// Requests per connection, the last of which is answered with `Connection: close`.
    pub requests: u32,
    /// Longest wait for a whole request head, idle time between requests included.
    pub idle: Duration,
    /// Longest wait for a whole request body.
    pub body_time: Duration,
    /// Longest wait for PROXY header and TLS handshake together.
    pub handshake_time: Duration,
    /// Longest time for which a phone may take no byte of an answer.
    pub write_time: Duration,
    /// How long open exchanges may go on after the shutdown began.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            bodies: 64 << 20,
            head: 32 << 10,
            connections: 4096,
            address_connections: 1024,
            handshakes: 256,
            requests: 100,
            idle: Duration::from_secs(45),
            body_time: Duration::from_secs(30),
            handshake_time: Duration::from_secs(10),
            write_time: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}
