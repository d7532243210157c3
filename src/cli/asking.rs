//! What commands that ask a running service have in common: where it is, who asks, why, and from when on.

use std::{path::PathBuf, time::Duration};

use jiff::{SignedDuration, Timestamp};
use miette::IntoDiagnostic;
use serde::de::DeserializeOwned;

use super::{
    serve::duration,
    status::{
        client::{Client, ClientError},
        text::{ahead, clean},
    },
};
use crate::report::act::Reasoned;

/// Where the service is, and the token to send.
#[derive(Debug, Clone, clap::Args)]
pub struct Server {
    /// The running service: `http://HOST:PORT`, `https://HOST` or `unix:/path/to/api.sock`
    #[arg(long, env = "PHONEOPS_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// File with the token to send; acting needs one, but over the socket
    #[arg(long, env = "PHONEOPS_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl Server {
    /// A way to ask it.
    pub fn client(&self) -> Result<Client, ClientError> {
        Client::new(&self.server, self.token_file.as_deref())
    }

    /// Asks it once.
    pub fn ask<T>(&self, question: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> miette::Result<T> {
        let client = self.client()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().into_diagnostic()?;
        Ok(runtime.block_on(question(&client))?)
    }
}

/// Why somebody acts; the name comes from the token or the socket.
#[derive(Debug, Clone, clap::Args)]
pub struct Reason {
    /// Why, in one line; it is kept in the audit log with your name
    #[arg(long, env = "PHONEOPS_REASON", value_name = "TEXT")]
    pub reason: String,
}

/// An act upon one phone.
#[derive(Debug, Clone, clap::Args)]
pub struct PhoneAct {
    /// The phone, by name or MAC
    pub phone: String,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    server: Server,
}

impl PhoneAct {
    /// Has the service do it.
    pub fn ask<T: DeserializeOwned>(&self, act: &str) -> miette::Result<T> {
        let wish = Reasoned { reason: self.reason.reason.clone() };
        self.server.ask(async |client| client.act(&self.phone, act, &wish).await)
    }
}

/// When a phone is asked to call for what was told the service; `why` it cannot be.
pub(super) fn when_asked(why: Option<&str>, at: Option<Timestamp>, now: Timestamp) -> String {
    match (why, at) {
        (Some(why), _) => {
            format!("it cannot be asked to call: {}; it is done when the phone calls by itself", clean(why))
        }
        (None, Some(at)) => format!("it is asked to call {}", ahead(at, now)),
        (None, None) => "a session is under way or about to be".to_owned(),
    }
}

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Since {
    /// That time.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

/// Reads a time, or how long ago.
pub(super) fn since(text: &str) -> Result<Since, String> {
    let at = text.parse().map(Since::At);
    at.or_else(|_| duration(text).map(Since::Ago))
        .map_err(|_| format!("{text:?} is neither a time such as 2026-03-01T08:00:00Z nor how long ago, such as 24h"))
}

impl Since {
    /// The time that is meant.
    pub fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(time) => {
                let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
                now.checked_sub(time).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(since("1h").unwrap().time(now), Timestamp::from_second(1_699_996_400).unwrap());
        assert_eq!(since("2023-11-14T22:13:20Z").unwrap().time(now), now);
        assert!(since("yesterday").is_err());
    }
}
