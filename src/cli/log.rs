//! Where log lines go and what they look like.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// Arguments of commands that log.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    /// What is logged: error, warn, info, debug, trace, or by module
    #[arg(long = "log", env = "PHONEOPS_LOG", default_value = "info", value_name = "LEVEL")]
    level: String,
    /// text or json; text on a terminal and json elsewhere when not given
    #[arg(long = "log-format", env = "PHONEOPS_LOG_FORMAT", value_parser = ["text", "json"])]
    format: Option<String>,
}

/// Begins to log to standard error. A second start in one process changes nothing.
pub fn start(args: &Args) {
    let terminal = std::io::stderr().is_terminal();
    let filter = EnvFilter::try_new(&args.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let json = args.format.as_deref().map_or(!terminal, |format| format == "json");
    // fails only where another logger is at work already, which then goes on
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.with_ansi(terminal).try_init() };
}
