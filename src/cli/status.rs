//! `phoneops status`

use super::Exit;

/// Arguments of `phoneops status`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(args: Args) -> miette::Result<Exit> {
    let _ = args;
    todo!()
}
