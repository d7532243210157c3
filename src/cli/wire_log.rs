//! `phoneops wire-log`: has the service keep what one phone and it say to each other, for support, until an end. Without a
//! phone it lists those that are recorded.
//!
//! Exit codes: 0 done, or nothing is recorded; 1 when the list names phones; 2 is an error.

use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use miette::bail;

use super::{
    Exit,
    asking::Server,
    status::text::{ahead, clean},
};
use crate::report::{
    act::Reasoned,
    wire_log::{Recording, Recordings, Wish},
};

/// Arguments of `phoneops wire-log`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The phone, by name or MAC; without one those that are recorded are listed
    phone: Option<String>,
    /// For how long, such as 30m or 2h; 24h at most
    #[arg(long = "for", value_name = "TIME", requires = "phone", conflicts_with = "end")]
    length: Option<String>,
    /// End the recording
    #[arg(long, requires = "phone", value_parser = BoolishValueParser::new())]
    end: bool,
    /// Why, in one line; it is kept in the audit log with your name
    #[arg(long, env = "PHONEOPS_REASON", value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Runs the command.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let now = Timestamp::now();
    let Some(phone) = &args.phone else {
        let Recordings { recordings } = args.server.ask(async |client| client.get("/api/v1/wire-log").await)?;
        print!("{}", listed(&recordings, now));
        return Ok(if recordings.is_empty() { Exit::Good } else { Exit::Differs });
    };
    let told = match (args.end, &args.length, &args.reason) {
        (true, None, Some(reason)) => {
            let wish = Reasoned { reason: reason.clone() };
            let ended: Recording = args.server.ask(async |client| client.act(phone, "wire-log/end", &wish).await)?;
            format!("{} is recorded no more; what was is in {}\n", clean(&ended.phone), clean(&ended.file))
        }
        (false, Some(length), Some(reason)) => {
            let wish = Wish { length: length.clone(), reason: reason.clone() };
            let begun: Recording = args.server.ask(async |client| client.act(phone, "wire-log", &wish).await)?;
            begun_text(&begun, now)
        }
        (true, ..) => bail!("the end of a recording needs a reason: add --reason TEXT"),
        (false, ..) => bail!("a recording needs an end and a reason: add --for 30m and --reason TEXT"),
    };
    print!("{told}");
    Ok(Exit::Good)
}

fn begun_text(begun: &Recording, now: Timestamp) -> String {
    let Recording { phone, file, until, .. } = begun;
    format!(
        "{} is recorded in {} on the machine of the service; it ends {}\n",
        clean(phone),
        clean(file),
        ahead(*until, now)
    )
}

fn listed(recordings: &[Recording], now: Timestamp) -> String {
    if recordings.is_empty() {
        return "No phone is recorded.\n".to_owned();
    }
    let line = |recording: &Recording| {
        let Recording { phone, by, reason, until, file, .. } = recording;
        format!(
            "{}, ends {}, by {}: {} ({})\n",
            clean(phone),
            ahead(*until, now),
            clean(by),
            clean(reason),
            clean(file)
        )
    };
    recordings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_who_is_recorded_where_until_when_and_why() {
        let now = Timestamp::UNIX_EPOCH;
        let recording = Recording {
            phone: "reception".to_owned(),
            mac: "00:1A:E8:11:22:33".to_owned(),
            by: "ada".to_owned(),
            reason: "case 4711".to_owned(),
            since: now,
            until: now + jiff::SignedDuration::from_mins(30),
            file: "/var/lib/wire/reception.txt".to_owned(),
        };
        let told = [begun_text(&recording, now), listed(&[recording], now), listed(&[], now)];
        insta::assert_snapshot!(told.concat());
    }
}
