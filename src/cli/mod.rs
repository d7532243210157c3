//! The command line: one file a command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod config;
pub mod demo;
pub mod log;
pub mod serve;
pub mod sim;
pub mod status;
pub mod validate;

/// GitOps for OpenStage and OpenScape desk phones.
#[derive(Debug, Parser)]
#[command(name = "phoneops", version, about, long_about = None, args_override_self = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the provisioning service that the phones talk to
    #[command(args_override_self = true)]
    Serve(Box<serve::Args>),
    /// Check files or folders of YAML documents
    Validate(validate::Args),
    /// Show the phones of a running service
    Status(status::Args),
    /// Run simulated phones
    Sim(sim::Args),
    /// Everything on one machine: git repository, simulated phones, service
    Demo(demo::Args),
}

/// How a command ended. 0 good or in sync, 1 differs, 2 error, 3 some phones pending or unreachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Good,
    /// 1
    Differs,
    /// 2
    Error,
    /// 3
    Pending,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::Differs => 1,
            Exit::Error => 2,
            Exit::Pending => 3,
        })
    }
}

/// Reads the arguments of this process, those of a settings file included. Wrong ones end it with exit code 2.
pub fn parse() -> miette::Result<Cli> {
    Ok(Cli::parse_from(config::with_config(std::env::args_os().collect())?))
}

/// Runs one command; an error is printed by the caller and is exit code 2.
pub fn run(cli: Cli) -> miette::Result<Exit> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Validate(args) => validate::run(args),
        Command::Status(args) => status::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Demo(args) => demo::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_of_all_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_serve_is_an_environment_variable_of_its_name() {
        let cli = Cli::command();
        let serve = cli.find_subcommand("serve").unwrap();
        for flag in serve.get_arguments().filter(|flag| flag.get_id() != "help") {
            let long = flag.get_long().unwrap();
            let variable = flag.get_env().unwrap_or_else(|| panic!("--{long} has no variable")).to_string_lossy();
            assert_eq!(variable, format!("PHONEOPS_{}", long.replace('-', "_").to_uppercase()));
        }
    }

    #[test]
    fn a_flag_wins_over_the_settings_file_which_stands_before_it() {
        let given = ["phoneops", "serve", "--dir=/a", "--contact-gap=5s", "--contact-gap", "7s"];
        let Command::Serve(args) = Cli::try_parse_from(given).unwrap().command else { panic!("serve") };
        assert_eq!(args.contact_gap, std::time::Duration::from_secs(7));
    }
}
