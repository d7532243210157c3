//! `phoneops undo` puts back what one revision changed; `phoneops leftovers` lists what phoneops wrote and nobody wants
//! any more.

use miette::bail;

use super::{
    Exit,
    asking::{Reason, Server},
    gate::change,
    output::put,
    status::{client::encoded, text::clean},
};
use crate::{
    fleet::{
        leftovers::{Leftover, Leftovers},
        undo::{CannotUndo, Undo},
    },
    report::undo::{Drop, Dropped, Wish},
};

const UNDO: &str = "/api/v1/undo";
const LEFTOVERS: &str = "/api/v1/leftovers";

/// Arguments of `phoneops undo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The revision, or its first characters
    revision: String,
    /// Only on the phones of this site
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Only say what would be put back, and what cannot be
    #[arg(long)]
    dry_run: bool,
    /// Why, in one line; it is kept in the audit log with your name
    #[arg(long, env = "PHONEOPS_REASON", value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    /// A table for people, or JSON
    #[arg(short, long, env = "PHONEOPS_OUTPUT", default_value = "table", value_parser = ["table", "json"])]
    output: String,
    #[command(flatten)]
    server: Server,
}

/// Arguments of `phoneops leftovers`.
#[derive(Debug, Clone, clap::Args)]
pub struct LeftoversArgs {
    /// Only on the phones of this site
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// A table for people, or JSON
    #[arg(short, long, env = "PHONEOPS_OUTPUT", default_value = "table", value_parser = ["table", "json"])]
    output: String,
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Act {
    /// Forget them: the phones keep what they have, and nobody asks again
    Drop(DropArgs),
}

#[derive(Debug, Clone, clap::Args)]
struct DropArgs {
    /// Only on the phones of this site
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    server: Server,
}

/// Runs `phoneops undo`; ends with 1 when something cannot be put back.
pub fn run(args: Args) -> miette::Result<Exit> {
    let Args { revision, site, dry_run, reason, output, server } = args;
    let undo: Undo = match reason {
        _ if dry_run => {
            let path = format!("{UNDO}?revision={}{}", encoded(&revision), of_site(site.as_deref()));
            server.ask(async |client| client.get(&path).await)?
        }
        Some(reason) => {
            let wish = Wish { revision, site, reason };
            server.ask(async |client| client.post(UNDO, &wish).await)?
        }
        None => bail!("an undo needs --reason"),
    };
    let text = if output == "json" {
        format!("{}\n", serde_json::to_string(&undo).unwrap_or_default())
    } else {
        table(&undo, dry_run)
    };
    put(text.as_bytes())?;
    Ok(if undo.cannot.is_empty() { Exit::Good } else { Exit::Differs })
}

/// Runs `phoneops leftovers`; ends with 1 when there are some.
pub fn leftovers(args: LeftoversArgs) -> miette::Result<Exit> {
    if let Some(Act::Drop(DropArgs { site, reason, server })) = args.act {
        let drop = Drop { site, reason: reason.reason };
        let path = format!("{LEFTOVERS}/drop");
        let Dropped { dropped } = server.ask(async |client| client.post(&path, &drop).await)?;
        return put(format!("Dropped: {dropped} leftovers; the phones keep what they have.\n").as_bytes());
    }
    let path = format!("{LEFTOVERS}?{}", of_site(args.site.as_deref()));
    let list: Leftovers = args.server.ask(async |client| client.list(&path).await)?;
    let text = if args.output == "json" {
        format!("{}\n", serde_json::to_string(&list).unwrap_or_default())
    } else {
        listed(&list)
    };
    put(text.as_bytes())?;
    Ok(if list.leftovers.is_empty() { Exit::Good } else { Exit::Differs })
}

fn of_site(site: Option<&str>) -> String {
    site.map(|site| format!("&site={}", encoded(site))).unwrap_or_default()
}

fn table(undo: &Undo, dry_run: bool) -> String {
    let what = if dry_run { "would be put back" } else { "is put back" };
    let mut lines = vec![format!("{}: on {} phones something {what}", clean(&undo.revision), undo.phones)];
    lines.extend(undo.changes.iter().map(change));
    if undo.more > 0 {
        lines.push(format!("  and {} more changes of single phones", undo.more));
    }
    if !undo.cannot.is_empty() {
        lines.push("It cannot be put back:".to_owned());
        lines.extend(undo.cannot.iter().map(|cannot| {
            let CannotUndo { item, index, why, phones, names } = cannot;
            clean(&format!("  {} on {}: {why}", indexed(item, *index), on(*phones, names)))
        }));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn listed(list: &Leftovers) -> String {
    if list.leftovers.is_empty() {
        return "Nothing is left over.\n".to_owned();
    }
    let mut lines: Vec<String> = list
        .leftovers
        .iter()
        .map(|left| {
            let Leftover { item, index, written, before, revision, phones, names } = left;
            let before = before.as_deref().filter(|before| !before.is_empty()).unwrap_or("empty");
            let (item, on) = (indexed(item, *index), on(*phones, names));
            clean(&format!("{item} = {written} on {on}; it was {before} before revision {revision}"))
        })
        .collect();
    if list.more > 0 {
        lines.push(format!("and {} more", list.more));
    }
    lines.push(String::new());
    lines.join("\n")
}

pub(super) fn indexed(item: &str, index: Option<u32>) -> String {
    index.map_or_else(|| item.to_owned(), |index| format!("{item}[{index}]"))
}

pub(super) fn on(phones: usize, names: &[String]) -> String {
    let rest = phones.saturating_sub(names.len());
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{phones}: {}{rest}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::gate::view::PlannedChange;

    #[test]
    fn what_is_put_back_and_what_cannot_be_is_read_at_a_glance() {
        let names = vec!["reception".to_owned(), "ward-3".to_owned()];
        let undo = Undo {
            revision: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned(),
            phones: 2,
            changes: vec![PlannedChange {
                item: "key-label".to_owned(),
                index: Some(4),
                from: None,
                to: String::new(),
                risky: None,
                put_back: false,
                phones: 2,
                names: names.clone(),
            }],
            more: 0,
            cannot: vec![CannotUndo {
                item: "sip-pwd".to_owned(),
                index: None,
                why: "nobody can read what it was before".to_owned(),
                phones: 12,
                names,
            }],
        };
        insta::assert_snapshot!(table(&undo, true));
    }

    #[test]
    fn leftovers_say_what_was_there_before() {
        let leftover = |before: Option<&str>| Leftover {
            item: "sntp-addr".to_owned(),
            index: None,
            written: "192.0.2.5".to_owned(),
            before: before.map(str::to_owned),
            revision: "r1".to_owned(),
            phones: 1,
            names: vec!["reception".to_owned()],
        };
        let list = Leftovers { leftovers: vec![leftover(None), leftover(Some("192.0.2.1"))], more: 3, next: None };
        insta::assert_snapshot!(listed(&list));
        assert_eq!(listed(&Leftovers::default()), "Nothing is left over.\n");
    }
}
