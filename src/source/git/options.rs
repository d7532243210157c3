//! What libgit2 keeps once for the whole process: time-outs and the additional certificate authority.

use std::{path::PathBuf, sync::OnceLock, time::Duration};

use super::super::SourceError;

/// Settings of the process; the first source to start decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProcessOptions {
    /// Longest wait for a connection.
    pub(super) connect_timeout: Duration,
    /// Longest silence of a server.
    pub(super) silence_timeout: Duration,
    /// Certificate authorities beside those of the system.
    pub(super) ca_file: Option<PathBuf>,
}

static SET: OnceLock<(ProcessOptions, Result<(), SourceError>)> = OnceLock::new();

/// Sets the options before the first fetch of this process; later calls change nothing and warn if they would have.
pub(super) fn set_once(options: &ProcessOptions) -> Result<(), SourceError> {
    let (first, result) = SET.get_or_init(|| {
        let result = apply(options).map_err(|error| {
            let file = options.ca_file.as_deref().map(|file| format!(" {}", file.display())).unwrap_or_default();
            SourceError::Settings(format!("--git-ca{file}: {}; it must hold certificates as PEM", error.message()))
        });
        (options.clone(), result)
    });
    if first != options {
        tracing::warn!("git: time-outs and --git-ca are those of the first source of this process");
    }
    result.clone()
}

#[expect(unsafe_code, reason = "git2 has no safe way to end the wait for a silent server, nor to add an authority")]
fn apply(options: &ProcessOptions) -> Result<(), git2::Error> {
    let connect = milliseconds(options.connect_timeout);
    let silence = milliseconds(options.silence_timeout);
    // SAFETY: these write plain C globals without a lock. `SET` lets one thread in once, and every thread that
    // fetches is started after it; other users of git2 in this process only touch local repositories.
    unsafe {
        git2::opts::set_server_connect_timeout_in_milliseconds(connect)?;
        git2::opts::set_server_timeout_in_milliseconds(silence)?;
        if let Some(file) = &options.ca_file {
            git2::opts::set_ssl_cert_file(file.as_path())?;
        }
    }
    Ok(())
}

/// At least 1: 0 would mean for ever.
fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_out_ever_becomes_for_ever() {
        assert_eq!(milliseconds(Duration::ZERO), 1);
        assert_eq!(milliseconds(Duration::from_micros(10)), 1);
        assert_eq!(milliseconds(Duration::MAX), i32::MAX);
    }
}
