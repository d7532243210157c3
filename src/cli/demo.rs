//! `phoneops demo`

use super::Exit;

/// Arguments of `phoneops demo`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(args: Args) -> miette::Result<Exit> {
    let _ = args;
    todo!()
}
