//! `phoneops validate`: checks documents without a service and without phones.
//!
//! - [`gather`]: paths become one set of files
//! - [`show`]: problems as text, JSON or annotations
//! - [`snippet`]: the line a problem stands on, with every secret masked
//! - [`mask`]: where secrets stand in a file that is not YAML

mod gather;
mod mask;
mod show;
mod snippet;

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use miette::IntoDiagnostic;

use self::{gather::Gathered, show::Report};
use super::Exit;
use crate::{
    source::SecretsDir,
    spec::{SecretReader, SecretsUnread, Severity, Wanted, load_watched},
};

/// From how many files on a progress bar is shown.
const MANY_FILES: usize = 50;

/// Arguments of `phoneops validate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, or folders with *.yaml and *.yml files; all of them are one set
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// text with snippets, one JSON object per problem, or annotations for GitHub
    #[arg(short, long, value_enum, default_value_t, env = "PHONEOPS_VALIDATE_OUTPUT")]
    output: Output,
    /// Also look whether every secret that is referred to is in this folder (or in the environment)
    #[arg(long, value_name = "DIR", env = "PHONEOPS_SECRETS_DIR")]
    secrets_dir: Option<PathBuf>,
}

/// Forms of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
    Github,
}

/// Runs the command: errors are exit code 2, warnings alone are good.
///
/// # Errors
/// A path that is not there or cannot be read, or nothing to check below all of them.
pub fn run(args: Args) -> miette::Result<Exit> {
    let gathered = gather::gather(&args.paths)?;
    let wanted = load_all(&gathered, args.secrets_dir);
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let report = Report::new(&gathered, &wanted, Timestamp::now(), colour);
    let (out, remark) = match args.output {
        Output::Text => (report.text() + &report.summary(), String::new()),
        Output::Json => (report.json(), report.summary()),
        Output::Github => (report.github(), report.summary()),
    };
    write(&mut io::stdout().lock(), &out)?;
    write(&mut io::stderr().lock(), &remark)?;
    let has_errors = wanted.problems().iter().any(|problem| problem.severity == Severity::Error);
    Ok(if has_errors { Exit::Error } else { Exit::Good })
}

fn load_all(gathered: &Gathered, secrets_dir: Option<PathBuf>) -> Wanted {
    let secrets: Box<dyn SecretReader> = match secrets_dir {
        Some(dir) => Box::new(SecretsDir::new(Some(dir))),
        None => Box::new(SecretsUnread),
    };
    let files = gathered.snapshot.files.len();
    let bar = if files > MANY_FILES && io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files").unwrap_or(ProgressStyle::default_bar());
        ProgressBar::new(files as u64).with_style(style)
    } else {
        ProgressBar::hidden()
    };
    let wanted = load_watched(&gathered.snapshot, &*secrets, &mut || bar.inc(1));
    bar.finish_and_clear();
    wanted
}

/// Writes everything; a reader that went away (`| head`) is no error.
fn write(to: &mut dyn Write, text: &str) -> miette::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).into_diagnostic(),
        _ => Ok(()),
    }
}
