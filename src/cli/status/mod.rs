//! `phoneops status`: the phones of a running service or of a cluster, as a table, as JSON or as YAML.
//!
//! - [`client`]: asks the service over HTTP, HTTPS or its Unix socket, page by page
//! - [`cluster`]: asks a Kubernetes cluster in its place; `live`: watches one
//! - [`filters`]: which phones
//! - [`table`]: many phones for people
//! - [`one`]: one phone for people
//! - [`text`]: times and foreign text for people
//! - [`watch`]: looks again and again
//!
//! Exit codes: 1 when any phone is Drifted, Degraded or Invalid, also when others are pending; else 3 when any is
//! Pending, Held, Reconciling or Unknown; else 0 (`InSync`; Suspended, Abandoned and Undeclared phones are left alone
//! on purpose). 2 is an error.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use miette::{IntoDiagnostic, WrapErr};
use serde::Serialize;

use super::{Exit, asking::Server, serve::duration};
use crate::fleet::{service_view::ServiceView, view::PhoneView, words::State};
use client::{Client, ClientError};
use cluster::ClusterClient;
use filters::Filters;
use text::clean;

pub mod client;
pub mod cluster;
pub mod filters;
mod live;
pub mod one;
pub mod table;
pub mod text;
pub mod watch;

/// Arguments of `phoneops status`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// One phone, by name or MAC; all phones unless given
    phone: Option<String>,
    /// Look again and again: redraw on a terminal, else print what changed
    #[arg(long, env = "PHONEOPS_WATCH", value_parser = BoolishValueParser::new())]
    watch: bool,
    /// Time between two looks of --watch, such as 2s or 1m; from 100ms to 1h
    #[arg(long, env = "PHONEOPS_WATCH_INTERVAL", value_name = "TIME", default_value = "2s", value_parser = duration)]
    watch_interval: Duration,
    /// How to print; json is one object a line
    #[arg(short, long, env = "PHONEOPS_STATUS_OUTPUT", value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    server: Server,
    /// Ask the Kubernetes cluster of the kubeconfig in place of a service: what stands in the status of `PhoneConfigs`
    #[arg(long, env = "PHONEOPS_STATUS_KUBERNETES", value_parser = BoolishValueParser::new(), conflicts_with = "item")]
    kubernetes: bool,
    /// The namespaces of the cluster; else that of the kubeconfig
    #[arg(
        short,
        long,
        env = "PHONEOPS_STATUS_NAMESPACE",
        value_name = "NAME",
        value_delimiter = ',',
        requires = "kubernetes"
    )]
    namespace: Vec<String>,
    #[command(flatten)]
    filters: Filters,
}

/// How a status is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One object a line
    Json,
    /// A list
    Yaml,
}

/// Runs the command.
pub fn run(args: Args) -> miette::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().into_diagnostic()?;
    let mut out = io::stdout();
    let terminal = out.is_terminal();
    let printer = Printer {
        format: args.output,
        detailed: args.phone.is_some(),
        colours: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    runtime.block_on(async move {
        let place = Place::of(&args).await?;
        if args.watch {
            return watch::watch(&args, place, &printer, &mut out, terminal).await;
        }
        let seen = look(&args, &place).await?;
        let text = printer.notes(&seen.notes) + &printer.all(&seen.phones, Timestamp::now())?;
        print(&mut out, &text)?;
        Ok(verdict(&seen.phones))
    })
}

/// What is asked for, as it is now.
#[derive(Debug, Default)]
struct Seen {
    /// What is to be said of the service as a whole.
    notes: Vec<String>,
    phones: Vec<PhoneView>,
}

/// Who is asked.
#[derive(Debug)]
enum Place {
    Service(Client),
    Cluster(ClusterClient),
}

impl Place {
    async fn of(args: &Args) -> Result<Self, ClientError> {
        if args.kubernetes {
            return Ok(Self::Cluster(ClusterClient::new(args.namespace.clone(), args.filters.are_of_sites()).await?));
        }
        args.server.client().map(Self::Service)
    }

    fn name<'a>(&'a self, args: &'a Args) -> &'a str {
        match self {
            Self::Service(_) => &args.server.server,
            Self::Cluster(cluster) => cluster.server(),
        }
    }
}

async fn look(args: &Args, place: &Place) -> Result<Seen, ClientError> {
    let client = match place {
        Place::Service(client) => client,
        Place::Cluster(cluster) => return in_cluster(args, &cluster.look().await?, cluster.server()),
    };
    if let Some(phone) = &args.phone {
        return Ok(Seen { notes: Vec::new(), phones: vec![client.phone(phone).await?] });
    }
    // what is to be said of the service as a whole stands above
    let service: ServiceView = client.get("/api/v1/service").await?;
    Ok(Seen { notes: service.notes, phones: client.phones(&args.filters.query()).await? })
}

/// What is asked for, of what a cluster has.
fn in_cluster(args: &Args, seen: &cluster::Seen, server: &str) -> Result<Seen, ClientError> {
    let found = match &args.phone {
        Some(phone) => seen.phone(phone).map(|phone| vec![phone]),
        None => seen.phones(&args.filters.query()),
    };
    let phones = found.map_err(|none| {
        let message = format!("{none}, in these namespaces of {server}");
        ClientError::Refused { status: hyper::StatusCode::NOT_FOUND, message }
    })?;
    Ok(Seen { notes: Vec::new(), phones })
}

/// Answers whether anyone still reads: one that has seen enough (`| head`) is no error.
fn print(out: &mut dyn Write, text: &str) -> miette::Result<bool> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).into_diagnostic().wrap_err("the output cannot be written"),
    }
}

/// How the command ends.
fn verdict(phones: &[PhoneView]) -> Exit {
    let any = |states: &[State]| phones.iter().any(|phone| states.contains(&phone.state));
    if any(&[State::Drifted, State::Degraded, State::Invalid]) {
        Exit::Differs
    } else if any(&[State::Pending, State::Held, State::Reconciling, State::Unknown]) {
        Exit::Pending
    } else {
        Exit::Good
    }
}

/// Turns phones into text.
#[derive(Debug)]
struct Printer {
    format: Format,
    detailed: bool,
    colours: bool,
}

impl Printer {
    /// What is to be said of the service as a whole, above all phones; only people are told.
    fn notes(&self, notes: &[String]) -> String {
        if self.format != Format::Table {
            return String::new();
        }
        notes.iter().map(|note| clean(note) + "\n").collect()
    }

    /// All of them, with head and sum where there is one.
    fn all(&self, phones: &[PhoneView], now: Timestamp) -> miette::Result<String> {
        Ok(match (self.format, phones) {
            (Format::Json, _) => self.changed(phones, now)?,
            (Format::Yaml, [phone]) if self.detailed => serde_yaml::to_string(phone).into_diagnostic()?,
            (Format::Yaml, _) => serde_yaml::to_string(phones).into_diagnostic()?,
            (Format::Table, [phone]) if self.detailed => one::text(phone, now),
            (Format::Table, _) => table::text(phones, now, self.colours),
        })
    }

    /// Some that changed, to be appended to what was printed before.
    fn changed(&self, phones: &[PhoneView], now: Timestamp) -> miette::Result<String> {
        let mut text = String::new();
        match self.format {
            Format::Json => {
                for phone in phones {
                    text.push_str(&serde_json::to_string(phone).into_diagnostic()?);
                    text.push('\n');
                }
            }
            Format::Table if !self.detailed => text = table::rows(phones, now, self.colours),
            // YAML documents of one stream are parted by a line of their own
            Format::Yaml => text = format!("---\n{}", self.all(phones, now)?),
            Format::Table => text = format!("\n{}", self.all(phones, now)?),
        }
        Ok(text)
    }

    /// Those that are no longer listed, in the same form as those that changed.
    fn gone(&self, phones: &[PhoneView]) -> miette::Result<String> {
        let mut text = String::new();
        for phone in phones {
            let gone = Parting { name: phone.name.as_deref(), mac: &phone.mac, gone: true };
            match self.format {
                Format::Json => {
                    text.push_str(&serde_json::to_string(&gone).into_diagnostic()?);
                    text.push('\n');
                }
                Format::Yaml => text.extend(["---\n", &serde_yaml::to_string(&[gone]).into_diagnostic()?]),
                Format::Table => {
                    let name = phone.name.as_deref().map_or_else(|| "-".to_owned(), clean);
                    text.extend([name.as_str(), "   ", &clean(&phone.mac), "   gone\n"]);
                }
            }
        }
        Ok(text)
    }
}

/// What is told of a phone that is no longer listed.
#[derive(Debug, Serialize)]
struct Parting<'a> {
    name: Option<&'a str>,
    mac: &'a str,
    /// Always true: tells this object from a phone.
    gone: bool,
}

impl Args {
    fn interval(&self) -> Duration {
        self.watch_interval.clamp(Duration::from_millis(100), Duration::from_hours(1))
    }
}

#[cfg(test)]
mod tests {
    use super::{table::tests::phone, *};

    #[test]
    fn what_differs_outweighs_what_is_pending() {
        let with = |states: &[State]| {
            let phones: Vec<_> = states.iter().map(|state| PhoneView { state: *state, ..phone("a") }).collect();
            verdict(&phones)
        };
        assert_eq!(with(&[]), Exit::Good);
        assert_eq!(with(&[State::InSync, State::Suspended, State::Undeclared, State::Abandoned]), Exit::Good);
        assert_eq!(with(&[State::InSync, State::Unknown]), Exit::Pending);
        assert_eq!(with(&[State::Pending, State::Drifted]), Exit::Differs);
        assert_eq!(with(&[State::Invalid]), Exit::Differs);
    }

    #[test]
    fn json_is_one_object_a_line_and_is_read_back() {
        let phones = [phone("a"), phone("b")];
        let printer = Printer { format: Format::Json, detailed: false, colours: true };
        let text = printer.all(&phones, Timestamp::UNIX_EPOCH).unwrap();
        let read: Vec<PhoneView> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, phones);
    }

    #[test]
    fn what_is_to_be_said_of_the_service_stands_above_all_phones_and_only_people_are_told() {
        let told = |format| Printer { format, detailed: false, colours: true }.notes(&["Braked.".to_owned()]);
        assert_eq!(told(Format::Table), "Braked.\n");
        assert_eq!(told(Format::Json), "");
        assert_eq!(told(Format::Yaml), "");
    }

    #[test]
    fn a_phone_that_is_gone_is_told_in_each_form() {
        let told = |format| Printer { format, detailed: false, colours: true }.gone(&[phone("a")]).unwrap();
        assert_eq!(told(Format::Table), "a   00:1A:E8:11:22:33   gone\n");
        assert_eq!(told(Format::Json), "{\"name\":\"a\",\"mac\":\"00:1A:E8:11:22:33\",\"gone\":true}\n");
        assert_eq!(told(Format::Yaml), "---\n- name: a\n  mac: 00:1A:E8:11:22:33\n  gone: true\n");
    }

    #[test]
    fn the_time_between_looks_is_a_duration_and_the_output_of_status_has_a_variable_of_its_own() {
        use clap::Args as _;
        let command = Args::augment_args(clap::Command::new("status"));
        let interval = |text: &str| {
            let matches = command.clone().try_get_matches_from(["status", "--watch-interval", text]).ok()?;
            Some(<Args as clap::FromArgMatches>::from_arg_matches(&matches).unwrap().interval())
        };
        assert_eq!(interval("2s"), Some(Duration::from_secs(2)));
        assert_eq!(interval("1ms"), Some(Duration::from_millis(100)));
        assert_eq!(interval("2"), None);
        let output = command.get_arguments().find(|argument| argument.get_id() == "output").unwrap();
        assert_eq!(output.get_env().unwrap(), "PHONEOPS_STATUS_OUTPUT");
    }

    #[test]
    fn yaml_is_a_list_or_one_phone() {
        let printer = |detailed| Printer { format: Format::Yaml, detailed, colours: true };
        let list = printer(false).all(&[phone("a"), phone("b")], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(serde_yaml::from_str::<Vec<PhoneView>>(&list).unwrap().len(), 2);
        let one = printer(true).all(&[phone("a")], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(serde_yaml::from_str::<PhoneView>(&one).unwrap(), phone("a"));
    }
}
