//! Where log lines go and what they look like: text on a terminal, JSON elsewhere.
//!
//! - [`filter`]: what is logged
//! - [`repeats`]: a warning that comes again and again is held back, and counted

mod filter;
mod repeats;

use std::io::IsTerminal;

use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::{
    EnvFilter, fmt,
    fmt::format::{DefaultFields, JsonFields},
};

use repeats::Repeats;

/// Arguments of commands that log.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    /// What is logged: error, warn, info, debug, trace, or by module
    #[arg(long = "log", env = "PHONEOPS_LOG", default_value = "info", value_name = "LEVEL", value_parser = filter::read)]
    level: String,
    /// text or json; text on a terminal and json elsewhere when not given
    #[arg(long = "log-format", env = "PHONEOPS_LOG_FORMAT", value_parser = ["text", "json"])]
    format: Option<String>,
}

/// Begins to log to standard error; gives the counter of lines that are held back. A second start in one process changes
/// nothing.
pub fn start(args: &Args) -> Counter {
    let held_back = Counter::default();
    let terminal = std::io::stderr().is_terminal();
    // what cannot be read was refused with the arguments
    let filter = EnvFilter::new(&args.level);
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
    let json = args.format.as_deref().map_or(!terminal, |format| format == "json");
    // each line names the module that it can be filtered by
    let format = fmt::format().with_target(true);
    // fails only where another logger is at work already, which then goes on
    let _ = if json {
        let format = Repeats::new(format.json().flatten_event(true), held_back.clone());
        builder.fmt_fields(JsonFields::new()).event_format(format).try_init()
    } else {
        let format = Repeats::new(format.with_ansi(terminal), held_back.clone());
        builder.fmt_fields(DefaultFields::new()).event_format(format).try_init()
    };
    held_back
}
