//! `phoneops brake`: stops all writes of some phones or of all, within the time of one answer; `phoneops brake release`
//! lets them go on. Without a scope it lists the brakes.

use clap::{ArgGroup, Subcommand, builder::BoolishValueParser};
use jiff::Timestamp;
use miette::bail;

use super::{
    Exit,
    asking::{Reason, Server},
    status::text::{ahead, clean},
};
use crate::{
    fleet::brake::Brake,
    report::brake::{BrakeList, BrakeSet, BrakesReleased, Wish},
};

const PATH: &str = "/api/v1/brake";

/// Arguments of `phoneops brake`.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true, group = ArgGroup::new("scope").args(["all", "site", "selector"]))]
pub struct Args {
    #[command(subcommand)]
    release: Option<Release>,
    /// Stop writes to all phones
    #[arg(long, env = "PHONEOPS_BRAKE_ALL", value_parser = BoolishValueParser::new())]
    all: bool,
    /// Stop writes to the phones of this site
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Stop writes to phones with these labels, such as ward=3,floor=1
    #[arg(long, value_name = "KEY=VALUE")]
    selector: Option<String>,
    /// For how long, such as 30m, 2h or 3d
    #[arg(long = "for", value_name = "TIME", requires = "scope")]
    length: Option<String>,
    /// Why, in one line; it is kept in the audit log with your name
    #[arg(long, env = "PHONEOPS_REASON", value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Clone, Subcommand)]
enum Release {
    /// Let writes go on, for all or for one scope
    Release(ReleaseArgs),
}

/// Arguments of `phoneops brake release`.
#[derive(Debug, Clone, clap::Args)]
#[command(group = ArgGroup::new("scope").args(["all", "site", "selector"]))]
struct ReleaseArgs {
    /// Only the brake on all phones
    #[arg(long)]
    all: bool,
    /// Only the brake on this site
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Only the brake on phones with these labels
    #[arg(long, value_name = "KEY=VALUE")]
    selector: Option<String>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    server: Server,
}

/// Runs the command; listing ends with 1 when a brake is on.
pub fn run(args: Args) -> miette::Result<Exit> {
    let now = Timestamp::now();
    if let Some(Release::Release(args)) = args.release {
        let ReleaseArgs { all, site, selector, reason, server } = args;
        let wish = Wish { all, site, selector, length: None, reason: reason.reason };
        let path = format!("{PATH}/release");
        let done: BrakesReleased = server.ask(async |client| client.post(&path, &wish).await)?;
        print!("{}", released(&done));
        return Ok(Exit::Good);
    }
    let Args { all, site, selector, length, reason, server, .. } = args;
    if !all && site.is_none() && selector.is_none() {
        let list: BrakeList = server.ask(async |client| client.get(PATH).await)?;
        print!("{}", listed(&list.brakes, now));
        return Ok(if list.brakes.is_empty() { Exit::Good } else { Exit::Differs });
    }
    let (Some(length), Some(reason)) = (length, reason) else {
        bail!("a brake needs an end and a reason: add --for 2h and --reason TEXT");
    };
    let wish = Wish { all, site, selector, length: Some(length), reason };
    let done: BrakeSet = server.ask(async |client| client.post(PATH, &wish).await)?;
    print!("{}", set(&done, now));
    Ok(Exit::Good)
}

const NOT_STORED: &str = "The store cannot be written now, so a restart of the service would forget it.\n";

fn set(done: &BrakeSet, now: Timestamp) -> String {
    let BrakeSet { brake, phones, stored } = done;
    let end = ahead(brake.until, now);
    let text = format!("The brake is on for {} ({phones}): nothing is written there. It ends {end}.\n", shown(brake));
    if *stored { text } else { text + NOT_STORED }
}

fn released(done: &BrakesReleased) -> String {
    if done.released.is_empty() {
        return "No such brake was on.\n".to_owned();
    }
    let mut lines: Vec<String> = done.released.iter().map(|brake| format!("Released: {}\n", shown(brake))).collect();
    if !done.stored {
        lines.push(NOT_STORED.to_owned());
    }
    lines.concat()
}

fn listed(brakes: &[Brake], now: Timestamp) -> String {
    if brakes.is_empty() {
        return "No brake is on.\n".to_owned();
    }
    let line = |brake: &Brake| {
        let (by, reason) = (clean(&brake.by), clean(&brake.reason));
        format!("{}, ends {}, by {by}: {reason}\n", shown(brake), ahead(brake.until, now))
    };
    brakes.iter().map(line).collect()
}

fn shown(brake: &Brake) -> String {
    clean(&brake.scope.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        cli::Cli,
        fleet::brake::Scope,
        spec::{Labels, SiteName},
    };

    fn brake(scope: Scope) -> Brake {
        let since = Timestamp::UNIX_EPOCH;
        let until = since + jiff::SignedDuration::from_hours(2);
        Brake { scope, since, until, by: "ada".to_owned(), reason: "ward 3 is silent".to_owned() }
    }

    #[test]
    fn it_says_what_is_braked_until_when_and_whether_that_is_kept() {
        let now = Timestamp::UNIX_EPOCH;
        let done = |stored| BrakeSet { brake: brake(Scope::Site(SiteName::new("berlin"))), phones: 8, stored };
        let gone = |released, stored| super::released(&BrakesReleased { released, stored });
        let labels = Labels::from([("ward", "3"), ("floor", "1")]);
        let all = [brake(Scope::All), brake(Scope::Selector(labels))];
        let told = [
            set(&done(true), now),
            set(&done(false), now),
            listed(&all, now),
            listed(&[], now),
            gone(all.to_vec(), true),
            gone(vec![brake(Scope::All)], false),
            gone(Vec::new(), true),
        ];
        insta::assert_snapshot!(told.join("---\n"));
    }

    #[test]
    fn the_forms_of_the_command_are_read() {
        let good: [&[&str]; 5] = [
            &["phoneops", "brake"],
            &["phoneops", "brake", "--all", "--for", "2h", "--reason", "x"],
            &["phoneops", "brake", "--selector", "ward=3", "--for", "2h", "--reason", "x"],
            &["phoneops", "brake", "release", "--reason", "x"],
            &["phoneops", "brake", "release", "--site", "berlin", "--reason", "x"],
        ];
        for line in good {
            if let Err(error) = Cli::try_parse_from(line) {
                panic!("{error}");
            }
        }
        let wrong: [&[&str]; 3] = [
            &["phoneops", "brake", "--all", "--site", "berlin"],
            &["phoneops", "brake", "release"],
            &["phoneops", "brake", "--for", "2h"],
        ];
        for line in wrong {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
