//! What a simulated phone is told when it is made.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{Model, fault::Fault, transcript::SimEvent};
use crate::wpi::Item;

/// The path of the firmware.
pub const LOGIN_PATH: &str = "/DeploymentService/LoginService";

/// Why a phone could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The server's URL cannot be used.
    #[error("server {url:?}: {problem}")]
    Server {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The contact-me port cannot be opened.
    #[error("phone {id}: cannot listen on {address}: {source}")]
    Listen {
        /// The phone.
        id: String,
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// More phones than the addresses after the base address can hold.
    #[error("{count} phones do not fit behind base address {base}: use an IPv4 loopback address with room above it")]
    Addresses {
        /// How many were asked for.
        count: u32,
        /// The first address.
        base: IpAddr,
    },
    /// OpenSSL refuses the settings of a phone.
    #[error("TLS: {0}")]
    Tls(#[from] openssl::error::ErrorStack),
}

impl SimError {
    /// A stable word for logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Server { .. } => "server-url",
            Self::Listen { .. } => "listen",
            Self::Addresses { .. } => "addresses",
            Self::Tls(_) => "tls",
        }
    }
}

/// Where the phone finds its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Address and port.
    pub address: SocketAddr,
    /// The path of its requests.
    pub path: String,
}

impl Server {
    /// A server at that address, with the path of the firmware.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, path: LOGIN_PATH.to_owned() }
    }

    /// Reads `https://HOST[:PORT][/PATH]` and looks the name up; without port 18443, without path that of the firmware.
    pub async fn resolve(url: &str) -> Result<Self, SimError> {
        let problem = |problem: String| SimError::Server { url: url.to_owned(), problem };
        let uri: hyper::Uri = url.parse().map_err(|error| problem(format!("{error}")))?;
        if uri.scheme_str() != Some("https") {
            return Err(problem("phones speak TLS only: write https://HOST:PORT".to_owned()));
        }
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(18_443);
        let mut found = tokio::net::lookup_host((host, port)).await.map_err(|error| problem(format!("{error}")))?;
        let address = found.next().ok_or_else(|| problem("the name has no address".to_owned()))?;
        let path = if uri.path() == "/" { LOGIN_PATH.to_owned() } else { uri.path().to_owned() };
        Ok(Self { address, path })
    }
}

/// The times of a phone; every one can be shortened.
#[derive(Debug, Clone)]
pub struct Timing {
    /// From a local change to its report (R-1508).
    pub local_changes: Duration,
    /// Between two calls made for contact-me; `None` = what the item `dls-contact-interval` says.
    pub contact_gap: Option<Duration>,
    /// Contact-me requests closer together than this break the rule of R-306.
    pub contact_spacing: Duration,
    /// First pause after the server could not be reached; it doubles.
    pub retry: Duration,
    /// The longest such pause.
    pub retry_most: Duration,
    /// How often a reply is tried again before the phone forgets the flow.
    pub reply_retries: u32,
    /// Shortest and longest pause after `overload`.
    pub overload: (Duration, Duration),
    /// From a restart to the start-up.
    pub reboot: Duration,
    /// From `FileDeployment` to `status`.
    pub transfer: Duration,
    /// From the last contact to the next poll of a phone that has a `dcmp-url`.
    pub poll: Duration,
    /// To connect, TLS included; also the longest time of a poll.
    pub connect: Duration,
    /// To wait for an answer.
    pub answer: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            local_changes: Duration::from_secs(5),
            contact_gap: None,
            contact_spacing: Duration::from_secs(1),
            retry: Duration::from_secs(5),
            retry_most: Duration::from_mins(5),
            reply_retries: 3,
            overload: (Duration::from_secs(2), Duration::from_secs(4)),
            reboot: Duration::from_secs(30),
            transfer: Duration::from_secs(2),
            poll: Duration::from_mins(1),
            connect: Duration::from_secs(10),
            answer: Duration::from_mins(1),
        }
    }
}

impl Timing {
    /// Everything within a fraction of a second, and no contact gap: for tests.
    pub fn quick() -> Self {
        let ms = Duration::from_millis;
        Self {
            local_changes: ms(50),
            contact_gap: Some(Duration::ZERO),
            contact_spacing: Duration::ZERO,
            retry: ms(50),
            retry_most: ms(400),
            reply_retries: 2,
            overload: (ms(20), ms(40)),
            reboot: ms(50),
            transfer: ms(20),
            poll: ms(60),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
        }
    }
}

/// Everything about one phone. [`SimSettings::new`] fills in what is not said.
#[derive(Debug, Clone)]
pub struct SimSettings {
    /// The `mac-addr` as the phone writes it, or any other id.
    pub id: String,
    /// The phone's own loopback address: it calls from here and listens here.
    pub address: IpAddr,
    /// Port of contact-me; 0 = any free one.
    pub contact_port: u16,
    /// Whom it calls.
    pub server: Server,
    /// What kind of phone it is.
    pub model: Model,
    /// Makes nonces, jitter and the like repeatable.
    pub seed: u64,
    /// Its times.
    pub timing: Timing,
    /// What it does wrong from the start.
    pub faults: Vec<Fault>,
    /// Refuses answers with another nonce and all that R-602 tolerates, in place of only noting them.
    pub strict: bool,
    /// Keeps its connection during a flow; CP phones never do.
    pub keep_alive: bool,
    /// Splits replies after that many items, as well as below 50 kB.
    pub fragment_items: Option<usize>,
    /// Values beside or in place of the factory's.
    pub items: Vec<Item>,
    /// How many exchanges the transcript keeps.
    pub transcript: usize,
    /// Where to tell what happens; what does not fit into the channel is dropped.
    pub events: Option<mpsc::Sender<SimEvent>>,
}

impl SimSettings {
    /// A phone of the default model with default times, contact-me on port 8085, without faults.
    pub fn new(id: impl Into<String>, address: IpAddr, server: Server) -> Self {
        Self {
            id: id.into(),
            address,
            contact_port: 8085,
            server,
            model: Model::default(),
            seed: 1,
            timing: Timing::default(),
            faults: Vec::new(),
            strict: true,
            keep_alive: true,
            fragment_items: None,
            items: Vec::new(),
            transcript: 200,
            events: None,
        }
    }
}
