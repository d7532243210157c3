//! The program: hands over to [`phoneops::cli`], and tells errors on standard error.

use std::{io::Write, process::ExitCode};

use phoneops::cli::{Exit, parse, run};

fn main() -> ExitCode {
    match parse().and_then(run) {
        Ok(exit) => exit.into(),
        Err(report) => {
            // nothing is left to do when even stderr is gone
            let _ = writeln!(std::io::stderr(), "{report:?}");
            Exit::Error.into()
        }
    }
}
