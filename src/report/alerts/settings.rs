//! To whom alerts are told, and at what times.

use std::{io, path::PathBuf, time::Duration};

use smol_str::SmolStr;

use super::super::{
    outgoing::{Address, Backoff, Outgoing},
    webhook,
};
use crate::fleet::alert::Rules;

/// Where a chat is, as its file says; the address is a secret.
pub(super) fn slack_address(file: &std::path::Path) -> io::Result<Address> {
    let named = |problem: &dyn std::fmt::Display| io::Error::other(format!("{}: {problem}", file.display()));
    let text = webhook::secret(file)?;
    let text = std::str::from_utf8(&text).map_err(|_| named(&"it must hold an address"))?;
    Address::parse(text).map_err(|problem| named(&problem))
}

/// A webhook of our own form.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Where.
    pub address: Address,
    /// The file with the secret that it is signed with; read at each delivery.
    pub secret_file: PathBuf,
}

/// Why alerts cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum AlertSettingsError {
    /// A file cannot be used.
    #[error("{flag} {problem}")]
    File {
        /// The flag that names it.
        flag: &'static str,
        /// What is wrong with it.
        problem: io::Error,
    },
}

impl AlertSettingsError {
    /// A stable word for logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
        }
    }
}

/// All of it. [`Default`] tells nobody.
#[derive(Debug, Clone)]
pub struct AlertSettings {
    /// Alertmanagers, without `/api/v2/alerts`.
    pub alertmanagers: Vec<Address>,
    /// A webhook.
    pub webhook: Option<HookSettings>,
    /// The file with the address of a chat's webhook; read at each delivery.
    pub slack_file: Option<PathBuf>,
    /// Authorities beside those of the system, as PEM.
    pub ca: Option<PathBuf>,
    /// How long a cause has to last.
    pub hold: Duration,
    /// How long it has to be gone.
    pub keep: Duration,
    /// How long after a start nothing is over of which nothing is kept.
    pub grace: Duration,
    /// How often it is decided.
    pub look: Duration,
    /// How often an Alertmanager gets what fires again; a quarter of the time after which it takes it for over.
    pub resend: Duration,
    /// Longest wait for an answer.
    pub answer: Duration,
    /// Waits after failures.
    pub backoff: Backoff,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            alertmanagers: Vec::new(),
            webhook: None,
            slack_file: None,
            ca: None,
            hold: Duration::from_mins(10),
            keep: Duration::from_mins(2),
            grace: Duration::from_hours(2),
            look: Duration::from_secs(10),
            resend: Duration::from_mins(1),
            answer: Duration::from_secs(15),
            backoff: Backoff::default(),
        }
    }
}

impl AlertSettings {
    /// Whether somebody is told.
    pub fn tells_somebody(&self) -> bool {
        !self.alertmanagers.is_empty() || self.webhook.is_some() || self.slack_file.is_some()
    }

    pub(super) fn rules(&self, targets: Vec<SmolStr>) -> Rules {
        Rules { hold: self.hold, keep: self.keep, grace: self.grace, targets }
    }

    /// Looks at all files, and gives the client.
    pub(super) fn check(&self) -> Result<Outgoing, AlertSettingsError> {
        let file = |flag| move |problem| AlertSettingsError::File { flag, problem };
        if let Some(hook) = &self.webhook {
            webhook::secret(&hook.secret_file).map_err(file("--alert-webhook-secret-file"))?;
        }
        if let Some(slack) = &self.slack_file {
            slack_address(slack).map_err(file("--alert-slack-url-file"))?;
        }
        Outgoing::new(self.ca.as_deref(), self.answer).map_err(file("--alert-ca"))
    }
}
