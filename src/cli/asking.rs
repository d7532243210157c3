//! What commands that ask a running service have in common: where it is, who asks, and why.

use std::path::PathBuf;

use miette::IntoDiagnostic;

use super::status::client::{Client, ClientError};

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
