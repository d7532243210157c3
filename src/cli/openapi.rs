//! `phoneops openapi`: the description of the API of the status server.

use miette::IntoDiagnostic;

use super::{Exit, output::put};
use crate::report::openapi::document;

/// Arguments of `phoneops openapi`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How it is written
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// How the description is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// As JSON.
    #[default]
    Json,
    /// As YAML.
    Yaml,
}

/// Runs the command.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let mut text = match args.output {
        Output::Json => serde_json::to_string_pretty(&document()).into_diagnostic()?,
        Output::Yaml => serde_yaml::to_string(&document()).into_diagnostic()?,
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    put(text.as_bytes())
}
