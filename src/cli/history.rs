//! `phoneops history`: what changed on the phones of a running service, the newest change first.
//!
//! Exit codes: 0 when the service answered, also when nothing changed; 2 is an error.

use clap::ValueEnum;
use comfy_table::{Table, presets};
use jiff::Timestamp;
use miette::IntoDiagnostic;

use super::{
    Exit,
    asking::{Server, Since, since},
    output,
    status::{
        client::{Client, ClientError},
        text::{ago, clean},
    },
};
use crate::{
    fleet::history::{ChangeView, HISTORY_LIMIT, HistoryQuery},
    spec::Revision,
};

/// Longest value in a table, in characters.
const CELL: usize = 40;

/// Arguments of `phoneops history`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// One phone, by name or MAC; all phones unless given
    phone: Option<String>,
    /// Only this item, or one index of it
    #[arg(
        help = "Only this item, such as sntp-addr, or one index of it: function-key-def[2]",
        long,
        env = "PHONEOPS_HISTORY_ITEM",
        value_name = "ITEM"
    )]
    item: Option<String>,
    /// Only changes with this revision in force; its first characters are enough
    #[arg(long, env = "PHONEOPS_HISTORY_REVISION")]
    revision: Option<String>,
    /// Only changes from then on: a time such as 2026-03-01T08:00:00Z, or how long ago, such as 24h
    #[arg(long, env = "PHONEOPS_HISTORY_SINCE", value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// Most changes that are shown
    #[arg(long, env = "PHONEOPS_HISTORY_LIMIT", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// How to print; json is one object a line
    #[arg(short, long, env = "PHONEOPS_HISTORY_OUTPUT", value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    server: Server,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs the command.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let now = Timestamp::now();
    let changes = args.server.ask(async |client| look(args, client, now).await)?;
    let text = match args.output {
        Format::Table => table(&changes, now),
        Format::Json => json(&changes)?,
    };
    output::put(text.as_bytes())
}

async fn look(args: &Args, client: &Client, now: Timestamp) -> Result<Vec<ChangeView>, ClientError> {
    let most = args.limit as usize;
    let mut query = HistoryQuery {
        phone: args.phone.clone(),
        item: args.item.clone(),
        revision: args.revision.clone(),
        since: args.since.map(|since| since.time(now)),
        ..HistoryQuery::default()
    };
    let mut changes: Vec<ChangeView> = Vec::new();
    while changes.len() < most {
        query.limit = Some(HISTORY_LIMIT.min(most - changes.len()));
        let page = client.history(&query).await?;
        changes.extend(page.changes);
        if page.next.is_none() || page.next == query.after {
            break;
        }
        query.after = page.next;
    }
    changes.truncate(most);
    Ok(changes)
}

fn json(changes: &[ChangeView]) -> miette::Result<String> {
    let mut text = String::new();
    for change in changes {
        text.push_str(&serde_json::to_string(change).into_diagnostic()?);
        text.push('\n');
    }
    Ok(text)
}

fn table(changes: &[ChangeView], now: Timestamp) -> String {
    if changes.is_empty() {
        return "No changes.\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["WHEN", "PHONE", "ITEM", "OLD", "NEW", "CAUSE", "RESULT", "WHO"]);
    table.add_rows(changes.iter().map(|change| cells(change, now)));
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cells(change: &ChangeView, now: Timestamp) -> [String; 8] {
    let item = clean(&change.item);
    let revision = change.revision.as_deref().map(|name| clean(Revision::new(name).short()));
    [
        ago(change.at, now),
        clean(change.phone.as_deref().unwrap_or(&change.mac)),
        change.index.map_or_else(|| item.clone(), |index| format!("{item}[{index}]")),
        value(change.old.as_deref()),
        value(change.new.as_deref()),
        match revision {
            Some(revision) if change.cause == crate::fleet::words::ChangeCause::Revision => revision,
            _ => change.cause.to_string(),
        },
        match &change.word {
            Some(word) => format!("{} ({})", change.result, clean(word)),
            None => change.result.to_string(),
        },
        change.author.as_deref().map_or_else(|| "-".to_owned(), clean),
    ]
}

fn value(value: Option<&str>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    if value.is_empty() {
        return "\"\"".to_owned();
    }
    let mut text: String = clean(value).chars().take(CELL).collect();
    if value.chars().count() > CELL {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::words::{ChangeCause, ChangeResult};

    fn change(item: &str, old: Option<&str>, new: Option<&str>) -> ChangeView {
        ChangeView {
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            phone: Some("reception".to_owned()),
            mac: "00:1A:E8:11:22:33".to_owned(),
            item: item.to_owned(),
            index: None,
            old: old.map(ToOwned::to_owned),
            new: new.map(ToOwned::to_owned),
            cause: ChangeCause::Revision,
            revision: Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned()),
            author: Some("Ada <ada@example.org>".to_owned()),
            committer: None,
            result: ChangeResult::Proven,
            word: None,
        }
    }

    #[test]
    fn a_table_tells_what_changed_why_and_who_wanted_it() {
        let changes = [
            change("sntp-addr", Some("192.0.2.1"), Some("192.0.2.123")),
            ChangeView {
                cause: ChangeCause::Drift,
                result: ChangeResult::Seen,
                phone: None,
                author: None,
                ..change("display-id-unicode", Some(""), Some(&"x".repeat(50)))
            },
            ChangeView {
                index: Some(2),
                result: ChangeResult::Refused,
                word: Some("invalid \u{1b}data".to_owned()),
                ..change("function-key-def", None, Some("59"))
            },
            change("sip-pwd", Some("***"), Some("***")),
        ];
        let now = Timestamp::from_second(1_700_000_090).unwrap();
        insta::assert_snapshot!(table(&changes, now), @r#"
        WHEN      PHONE               ITEM                  OLD         NEW                                         CAUSE          RESULT                         WHO
        90s ago   reception           sntp-addr             192.0.2.1   192.0.2.123                                 4b825dc642cb   Proven                         Ada <ada@example.org>
        90s ago   00:1A:E8:11:22:33   display-id-unicode    ""          xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…   Drift          Seen                           -
        90s ago   reception           function-key-def[2]   -           59                                          4b825dc642cb   Refused (invalid \u{1b}data)   Ada <ada@example.org>
        90s ago   reception           sip-pwd               ***         ***                                         4b825dc642cb   Proven                         Ada <ada@example.org>
        "#);
        assert_eq!(table(&[], now), "No changes.\n");
        let read: Vec<ChangeView> =
            json(&changes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, changes);
    }
}
