//! `phoneops sim`: simulated phones that call a service until Ctrl-C.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write},
    net::Ipv4Addr,
    time::Duration,
};

use miette::IntoDiagnostic;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{sync::mpsc, time::sleep};

use super::Exit;
use crate::sim::{Fault, FleetSettings, MENU, Model, Server, SimEvent, SimFleet, SimPhone};

/// Most events that wait to be printed; what does not fit is not shown.
const EVENTS: usize = 1_024;
/// Most events printed in a second.
const LINES: usize = 40;
/// Most violations in the summary.
const VIOLATIONS: usize = 20;

/// Arguments of `phoneops sim`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many phones
    #[arg(long, value_name = "N", default_value_t = 1, env = "PHONEOPS_SIM_PHONES")]
    phones: u32,
    /// Whom they call, such as <https://127.0.0.1:18443>; without path that of the firmware
    #[arg(long, value_name = "URL", required_unless_present = "list_faults", env = "PHONEOPS_SIM_SERVER")]
    server: Option<String>,
    /// A model, dealt out in turn when several are named; all of them when none is
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = "PHONEOPS_SIM_MODEL")]
    model: Vec<Model>,
    /// What all phones do wrong; --list-faults tells the names
    #[arg(long, value_name = "NAME", env = "PHONEOPS_SIM_FAULT")]
    fault: Vec<Fault>,
    /// Address of the first phone; each further one has the next
    #[arg(long, value_name = "ADDRESS", default_value = "127.20.0.1", env = "PHONEOPS_SIM_BASE_ADDRESS")]
    base_address: Ipv4Addr,
    /// Port of contact-me on each of these addresses; 0 = any free one
    #[arg(long, value_name = "PORT", default_value_t = 8085, env = "PHONEOPS_SIM_CONTACT_PORT")]
    contact_port: u16,
    /// Shortest time between two calls for contact-me; else what the phones' own settings say
    #[arg(long, value_name = "DURATION", env = "PHONEOPS_SIM_CONTACT_GAP", value_parser = super::serve::duration)]
    contact_gap: Option<Duration>,
    /// From the last contact to the next poll of a phone that was given a dcmp-url; a minute unless said
    #[arg(long, value_name = "DURATION", env = "PHONEOPS_SIM_POLL_INTERVAL", value_parser = super::serve::some_time)]
    poll_interval: Option<Duration>,
    /// Makes a run repeatable
    #[arg(long, value_name = "NUMBER", default_value_t = 1, env = "PHONEOPS_SIM_SEED")]
    seed: u64,
    /// Calls that users make, per minute over all phones; each lasts 5 to 60 seconds
    #[arg(long, value_name = "RATE", default_value_t = 0, env = "PHONEOPS_SIM_CALLS")]
    calls: u32,
    /// Mobile users who log on, per minute over all phones; each stays 5 to 60 seconds
    #[arg(long, value_name = "RATE", default_value_t = 0, env = "PHONEOPS_SIM_MOBILE_USERS")]
    mobile_users: u32,
    /// List the faults and end
    #[arg(long)]
    list_faults: bool,
}

/// Runs the command. Exit code 1 when the server broke the protocol, 3 when some phones never got through.
pub fn run(args: Args) -> miette::Result<Exit> {
    if args.list_faults {
        print(&menu());
        return Ok(Exit::Good);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(simulate(args))
}

async fn simulate(args: Args) -> miette::Result<Exit> {
    let server = Server::resolve(args.server.as_deref().unwrap_or_default()).await.into_diagnostic()?;
    let (sender, events) = mpsc::channel(EVENTS);
    let watched = std::io::stdout().is_terminal();
    let mut settings = FleetSettings::new(args.phones, server);
    settings.base_address = args.base_address;
    settings.contact_port = args.contact_port;
    settings.seed = args.seed;
    settings.faults = args.fault;
    settings.timing.contact_gap = args.contact_gap;
    if let Some(interval) = args.poll_interval {
        settings.timing.poll = interval;
    }
    settings.events = watched.then_some(sender);
    if !args.model.is_empty() {
        settings.models = args.model;
    }
    let fleet = SimFleet::start(&settings).await.into_diagnostic()?;
    drop(settings);
    fleet.boot();
    tokio::select! {
        () = show(events), if watched => {}
        () = now_and_then(fleet.phones(), args.calls, args.seed, Visit::Call) => {}
        () = now_and_then(fleet.phones(), args.mobile_users, args.seed.wrapping_add(1), Visit::MobileUser) => {}
        ended = tokio::signal::ctrl_c() => ended.into_diagnostic()?,
    }
    fleet.stop().await;
    Ok(conclude(&fleet))
}

/// Prints events, and for what is too much in one second only how many there were.
async fn show(mut events: mpsc::Receiver<SimEvent>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut printed = 0;
    loop {
        tokio::select! {
            _ = second.tick() => {
                if printed > LINES {
                    print(&format!("… and {} more within a second\n", printed - LINES));
                }
                printed = 0;
            }
            event = events.recv() => {
                let Some(SimEvent { phone, what }) = event else { return };
                printed += 1;
                if printed <= LINES {
                    print(&format!("{phone}  {what}\n"));
                }
            }
        }
    }
}

/// What people do at a phone for a while.
#[derive(Debug, Clone, Copy)]
enum Visit {
    Call,
    MobileUser,
}

impl Visit {
    fn under_way(self, phone: &SimPhone) -> bool {
        match self {
            Self::Call => phone.in_call(),
            Self::MobileUser => phone.has_user(),
        }
    }

    fn begin(self, phone: &SimPhone, number: u32) {
        match self {
            Self::Call => phone.start_call(),
            Self::MobileUser => phone.logon(&format!("9{number:05}")),
        }
    }

    fn end(self, phone: &SimPhone) {
        match self {
            Self::Call => phone.end_call(),
            Self::MobileUser => phone.logoff(),
        }
    }
}

/// People come to phones: that many a minute, until dropped.
async fn now_and_then(phones: &[SimPhone], rate: u32, seed: u64, visit: Visit) {
    if rate == 0 || phones.is_empty() {
        return std::future::pending().await;
    }
    let mut rng = StdRng::seed_from_u64(seed);
    let mut visits = tokio::task::JoinSet::new();
    loop {
        sleep(Duration::from_mins(1) / rate).await;
        while visits.try_join_next().is_some() {}
        let Some(phone) = phones.get(rng.random_range(0..phones.len())).cloned() else { continue };
        if visit.under_way(&phone) {
            continue;
        }
        let number = rng.random_range(0..100_000);
        let length = Duration::from_secs(rng.random_range(5..=60));
        visits.spawn(async move {
            visit.begin(&phone, number);
            sleep(length).await;
            visit.end(&phone);
        });
    }
}

fn conclude(fleet: &SimFleet) -> Exit {
    let violations = fleet.violations();
    let silent = fleet.phones().iter().filter(|phone| phone.counts().ended == 0).count();
    let mut text = format!("\n{} phones: {}\n", fleet.phones().len(), fleet.counts());
    if silent > 0 {
        let _ = writeln!(text, "{silent} phones never ended a session");
    }
    for violation in violations.iter().take(VIOLATIONS) {
        let _ = writeln!(text, "against the protocol: {violation}");
    }
    if violations.len() > VIOLATIONS {
        let _ = writeln!(text, "… and {} more", violations.len() - VIOLATIONS);
    }
    print(&text);
    match (violations.is_empty(), silent) {
        (false, _) => Exit::Differs,
        (true, 0) => Exit::Good,
        (true, _) => Exit::Pending,
    }
}

fn menu() -> String {
    let rows = MENU.iter().map(|(name, value, what)| {
        let form = if value.is_empty() { (*name).to_owned() } else { format!("{name}:{value}") };
        format!("{form:<28}{what}\n")
    });
    rows.collect()
}

fn print(text: &str) {
    // nobody is left to read when stdout is gone
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &[&str]) -> Result<Args, String> {
        let words = ["sim"].iter().chain(line);
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn models_and_faults_are_named_as_people_say_them() {
        let line = ["--server", "https://h", "--model", "CP210,OpenStage 40", "--fault", "busy-times:3"];
        let args = parse(&line).unwrap();
        assert_eq!(args.model, [Model::Cp210, Model::OpenStage40V3R5]);
        assert_eq!(args.fault, [Fault::BusyTimes(3)]);
        assert!(parse(&["--server", "https://h", "--fault", "nonsense"]).unwrap_err().contains("--list-faults"));
    }

    #[test]
    fn the_menu_needs_no_server_and_names_every_fault() {
        assert!(parse(&[]).is_err());
        assert!(parse(&["--list-faults"]).unwrap().list_faults);
        assert_eq!(menu().lines().count(), MENU.len());
    }
}
