//! Parse arguments, run one command, turn the result into an exit code.

use std::{io::Write, process::ExitCode};

use clap::Parser;
use phoneops::cli::{Cli, Exit, run};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(report) => {
            // nothing is left to do when even stderr is gone
            let _ = writeln!(std::io::stderr(), "{report:?}");
            Exit::Error.into()
        }
    }
}
