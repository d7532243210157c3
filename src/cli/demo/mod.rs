//! `phoneops demo`: everything on one machine: a git repository or a namespace of a cluster, simulated phones, the service.
//!
//! - [`documents`]: the YAML of the demo's fleet
//! - [`team`]: where the team keeps it, and what people do there
//! - [`repository`]: a bare repository and a clone that pushes to it
//! - [`namespace`]: or resources of a namespace; [`cluster`]: which cluster that is, and what is made there; [`table`]: what
//!   `kubectl get` prints
//! - [`stage`]: the running parts, and waiting for what they do
//! - [`story`]: the steps

mod cluster;
mod documents;
mod namespace;
mod repository;
mod stage;
mod story;
mod table;
mod team;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use miette::{IntoDiagnostic, WrapErr};
use tracing_subscriber::EnvFilter;

use super::Exit;

/// Arguments of `phoneops demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after the last step: exit code 0 only if every step came out right
    #[arg(long)]
    once: bool,
    /// Where status is served; a free port when this one is taken
    #[arg(long, env = "PHONEOPS_STATUS_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    status_listen: SocketAddr,
    /// Folder in which the demo makes its own folder
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How long each step may take
    #[arg(long, default_value = "60s", value_parser = super::serve::duration)]
    patience: Duration,
    /// Keep the documents as resources of the cluster of the kubeconfig, in a namespace that is removed at the end
    #[arg(long)]
    kubernetes: bool,
    /// The context of the kubeconfig; else the current one
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    context: Option<String>,
    /// Replace definitions of another phoneops, for the whole cluster
    #[arg(long, requires = "kubernetes")]
    install_crds: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("phoneops-demo-");
    let folder = match &args.folder {
        Some(parent) => builder.tempdir_in(parent),
        None => builder.tempdir(),
    };
    let folder = folder.into_diagnostic().wrap_err("the demo's folder cannot be made")?.keep();
    log_to(&folder.join("phoneops.log"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(story::tell(args, &folder))
}

fn log_to(file: &std::path::Path) -> miette::Result<()> {
    let log = std::fs::File::create(file).into_diagnostic().wrap_err("the demo's log cannot be made")?;
    let logger = tracing_subscriber::fmt().with_ansi(false).with_target(false).with_env_filter(EnvFilter::new("debug"));
    // fails only where another logger is at work already, which then goes on
    let _ = logger.with_writer(std::sync::Mutex::new(log)).try_init();
    Ok(())
}
