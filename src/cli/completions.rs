//! `phoneops completions` and `phoneops man`: for the shell and for `man`, from the same definitions as the commands.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Command;
use clap_complete::Shell;
use miette::{IntoDiagnostic, WrapErr};

use super::{Exit, output};

/// Arguments of `phoneops completions`.
#[derive(Debug, Clone, clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Arguments of `phoneops man`.
#[derive(Debug, Clone, clap::Args)]
pub struct Man {
    /// Folder that gets one page a command; the main page goes to the terminal unless given
    folder: Option<PathBuf>,
}

/// Prints the completions of one shell.
pub fn completions(args: &Completions, mut command: Command) -> miette::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "phoneops", &mut script);
    output::put(&script)
}

/// Prints the main page, or writes all pages into a folder.
pub fn man(args: &Man, command: Command) -> miette::Result<Exit> {
    let Some(folder) = &args.folder else { return output::put(&page(command)?) };
    let failed = |folder: &Path| format!("the pages cannot be written to {}", folder.display());
    fs::create_dir_all(folder).into_diagnostic().wrap_err_with(|| failed(folder))?;
    clap_mangen::generate_to(command, folder).into_diagnostic().wrap_err_with(|| failed(folder))?;
    Ok(Exit::Good)
}

fn page(command: Command) -> miette::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).into_diagnostic()?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn there_is_a_page_for_each_command_and_it_names_its_flags() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("man");
        assert_eq!(man(&Man { folder: Some(folder.clone()) }, Cli::command()).unwrap(), Exit::Good);
        for command in Cli::command().get_subcommands() {
            let file = folder.join(format!("phoneops-{}.1", command.get_name()));
            let page = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let page = page.replace('\\', "");
            for long in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(page.contains(&format!("--{long}")), "{}: --{long}", file.display());
            }
        }
    }

    #[test]
    fn each_shell_gets_completions_that_name_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "phoneops", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("validate") && script.contains("report-only"), "{shell}");
        }
    }
}
