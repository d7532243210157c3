//! The command line: one file a command.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};
use miette::IntoDiagnostic;

pub mod asking;
pub mod assert;
pub mod audit;
pub mod back;
pub mod backup;
pub mod brake;
pub mod completions;
pub mod config;
pub mod contact;
pub mod crds;
pub mod demo;
pub mod dhcp;
pub mod drift;
pub mod explain;
pub mod export;
pub mod gate;
pub mod history;
pub mod log;
pub mod openapi;
mod output;
pub mod plan;
pub mod release;
pub mod restart;
pub mod retry;
pub mod serve;
pub mod sim;
pub mod status;
pub mod undo;
pub mod validate;
pub mod wire_log;

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
    /// Show what documents would change, before anybody pushes them
    Plan(plan::Args),
    /// Show the phones of a running service
    Status(status::Args),
    /// Show what people did outside git, who and why
    Audit(audit::Args),
    /// Stop all writes at once, until a time or a release
    Brake(brake::Args),
    /// Show what waits at the gate, and what it would write
    Gate(gate::Args),
    /// Let a revision go on that waits at the gate
    Approve(gate::Approve),
    /// Have a revision that waits at the gate wait for another one
    Reject(gate::Reject),
    /// Have a phone asked to call now
    Contact(asking::PhoneAct),
    /// Restart a phone, as soon as it is in no call
    Restart(asking::PhoneAct),
    /// Show what differs: on one phone, read now and not written, or on all as last read
    Drift(drift::Args),
    /// Show where the values of a phone come from, and why one is not written
    Explain(explain::Args),
    /// Write the document of a phone, or of all, out of what they have
    Export(export::Args),
    /// Show what changed on the phones, when, why and who wanted it
    History(history::Args),
    /// Try again what a phone refused, or write its passwords again
    Retry(retry::Args),
    /// Put back what one revision changed
    Undo(undo::Args),
    /// List values on phones that nobody wants any more, or forget them
    Leftovers(undo::LeftoversArgs),
    /// Take the account off a phone that no document names any more
    Release(asking::PhoneAct),
    /// Forget a phone that no document names any more, as it is
    Dismiss(asking::PhoneAct),
    /// List phones that have not come back after an outage
    Back(back::Args),
    /// Check that what decides over emergency calls is on the phones as it is wanted
    Assert(assert::Args),
    /// Have the service record what a phone and it say to each other, for support
    WireLog(wire_log::Args),
    /// Write the state of a service into one file, also while it runs
    Backup(backup::Backup),
    /// Look through a backup
    Verify(backup::Verify),
    /// Put a backup in the place of what a state folder holds
    Restore(backup::Restore),
    /// Have a restored service write to phones again
    Resume(backup::Resume),
    /// Print what a DHCP server has to say so that phones find the service
    Dhcp(dhcp::Args),
    /// Print the definitions that let a Kubernetes cluster hold the documents
    Crds(crds::Args),
    /// Print the description of the API (`OpenAPI`)
    Openapi(openapi::Args),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print the manual page, or write all pages into a folder
    Man(completions::Man),
    /// Run simulated phones
    Sim(sim::Args),
    /// Everything on one machine: git repository, simulated phones, service
    Demo(demo::Args),
}

/// How a command ended, as scripts see it; each has its own exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, and nothing is left to do.
    Good,
    /// 1: done, and something is not as it should be.
    Differs,
    /// 2: not done, or not to be done with what was given.
    Error,
    /// 3: nothing is wrong, but some phones are still awaited.
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
    let arguments: Vec<_> = std::env::args_os().collect();
    let mut matches = command_for(&arguments).get_matches_from(config::with_config(arguments)?);
    Cli::from_arg_matches_mut(&mut matches).into_diagnostic()
}

/// The command; where a flag names the source, the variables of other sources have no say.
fn command_for(arguments: &[OsString]) -> clap::Command {
    let mut command = Cli::command();
    let given = |source: &&str| config::is_flag_given(arguments, source);
    if config::SOURCES.iter().any(&given) {
        for silent in config::SOURCES.iter().filter(|source| !given(source)) {
            command =
                command.mut_subcommand("serve", |serve| serve.mut_arg(silent, |source| source.env(Resettable::Reset)));
        }
    }
    command
}

/// Runs one command; an error is printed by the caller and is exit code 2.
pub fn run(cli: Cli) -> miette::Result<Exit> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Validate(args) => validate::run(args),
        Command::Plan(args) => plan::run(&args),
        Command::Status(args) => status::run(args),
        Command::Audit(args) => audit::run(&args),
        Command::Brake(args) => brake::run(args),
        Command::Gate(args) => gate::show(&args),
        Command::Approve(args) => gate::approve(args),
        Command::Reject(args) => gate::reject(args),
        Command::Contact(args) => contact::run(&args),
        Command::Restart(args) => restart::run(&args),
        Command::Drift(args) => drift::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Export(args) => export::run(&args),
        Command::History(args) => history::run(&args),
        Command::Undo(args) => undo::run(args),
        Command::Leftovers(args) => undo::leftovers(args),
        Command::Release(args) => release::release(&args),
        Command::Dismiss(args) => release::dismiss(&args),
        Command::Retry(args) => retry::run(&args),
        Command::Back(args) => back::run(&args),
        Command::Assert(args) => assert::run(&args),
        Command::WireLog(args) => wire_log::run(&args),
        Command::Backup(args) => backup::back_up(&args),
        Command::Verify(args) => backup::verify(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Resume(args) => backup::resume(&args),
        Command::Dhcp(args) => dhcp::run(&args),
        Command::Crds(args) => crds::run(&args),
        Command::Openapi(args) => openapi::run(&args),
        Command::Completions(args) => completions::completions(&args, Cli::command()),
        Command::Man(args) => completions::man(&args, Cli::command()),
        Command::Sim(args) => sim::run(args),
        Command::Demo(args) => demo::run(&args),
    }
}

#[cfg(test)]
mod tests {
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
    fn a_source_by_flag_silences_the_variable_of_the_other() {
        let variable = |line: &[&str], source: &str| {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            let command = command_for(&line);
            let serve = command.find_subcommand("serve").unwrap();
            serve.get_arguments().find(|flag| flag.get_id() == source).unwrap().get_env().is_some()
        };
        assert!(!variable(&["phoneops", "serve", "--git", "https://git.example/p"], "dir"));
        assert!(variable(&["phoneops", "serve", "--git", "https://git.example/p"], "git"));
        assert!(!variable(&["phoneops", "serve", "--dir=/a"], "git"));
        assert!(variable(&["phoneops", "serve"], "dir") && variable(&["phoneops", "serve"], "git"));
    }

    #[test]
    fn what_would_spin_or_stop_everything_is_refused() {
        for wrong in [
            "--git-interval=0s",
            "--git-interval=500ms",
            "--contact-spacing=0s",
            "--contact-gap=0s",
            "--contacts-per-second=0",
            "--body-limit=0",
        ] {
            let error = Cli::try_parse_from(["phoneops", "serve", "--dir=/a", wrong]).unwrap_err().to_string();
            assert!(error.contains(wrong.split('=').next().unwrap()), "{error}");
        }
        assert!(Cli::try_parse_from(["phoneops", "serve", "--dir=/a", "--git-interval=1s"]).is_ok());
    }

    #[test]
    fn a_flag_wins_over_the_settings_file_which_stands_before_it() {
        let given = ["phoneops", "serve", "--dir=/a", "--contact-gap=5s", "--contact-gap", "7s"];
        let Command::Serve(args) = Cli::try_parse_from(given).unwrap().command else { panic!("serve") };
        assert_eq!(args.contact_gap, std::time::Duration::from_secs(7));
    }
}
