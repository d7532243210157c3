//! `phoneops gate` shows what waits at the gate; `phoneops approve` lets it go on, `phoneops reject` has it wait for
//! another revision.

use jiff::Timestamp;

use super::{
    Exit,
    asking::{Reason, Server},
    output::put,
    status::text::{ago, clean},
    undo::{indexed, on},
};
use crate::{
    fleet::gate::{
        Approved,
        view::{GateView, HeldView, PlannedChange},
    },
    report::gate::Wish,
};

const PATH: &str = "/api/v1/gate";

/// Arguments of `phoneops gate`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A table for people, or JSON
    #[arg(short, long, env = "PHONEOPS_OUTPUT", default_value = "table", value_parser = ["table", "json"])]
    output: String,
    #[command(flatten)]
    server: Server,
}

/// Arguments of `phoneops approve`.
#[derive(Debug, Clone, clap::Args)]
pub struct Approve {
    /// The revision as `phoneops gate` names it, or its first characters
    revision: String,
    /// Only the phones of this site
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    server: Server,
}

/// Arguments of `phoneops reject`.
#[derive(Debug, Clone, clap::Args)]
pub struct Reject {
    /// The revision as `phoneops gate` names it, or its first characters
    revision: String,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    server: Server,
}

/// Runs `phoneops gate`; ends with 1 when something waits.
pub fn show(args: &Args) -> miette::Result<Exit> {
    let view: GateView = args.server.ask(async |client| client.get(PATH).await)?;
    let text = match (args.output.as_str(), &view.held) {
        ("json", _) => format!("{}\n", serde_json::to_string(&view).unwrap_or_default()),
        (_, Some(held)) => table(held, Timestamp::now()),
        (_, None) => "Nothing waits at the gate.\n".to_owned(),
    };
    put(text.as_bytes())?;
    Ok(if view.held.is_some() { Exit::Differs } else { Exit::Good })
}

/// Runs `phoneops approve`.
pub fn approve(args: Approve) -> miette::Result<Exit> {
    let Approve { revision, site, reason, server } = args;
    let wish = Wish { revision, digest: None, site, reason: reason.reason };
    let done = ask(&server, "approve", wish)?;
    put(approved(&done).as_bytes())
}

/// Runs `phoneops reject`.
pub fn reject(args: Reject) -> miette::Result<Exit> {
    let Reject { revision, reason, server } = args;
    let wish = Wish { revision, digest: None, site: None, reason: reason.reason };
    let done = ask(&server, "reject", wish)?;
    put(rejected(&done).as_bytes())
}

fn approved(done: &Approved) -> String {
    format!("Approved: {}, {} phones go on.\n", clean(&done.revision), done.phones)
}

fn rejected(done: &Approved) -> String {
    format!("Rejected: {}, {} phones keep what they have.\n", clean(&done.revision), done.phones)
}

/// Binds the act to what waits now, so that nothing else is approved that comes in between.
fn ask(server: &Server, act: &str, wish: Wish) -> miette::Result<Approved> {
    let path = format!("{PATH}/{act}");
    server.ask(async |client| {
        let view: GateView = client.get(PATH).await?;
        let digest = view.held.map(|held| held.digest);
        client.post(&path, &Wish { digest, ..wish }).await
    })
}

/// The plan of what waits, for people.
pub(super) fn table(held: &HeldView, now: Timestamp) -> String {
    let mut lines = vec![format!("{} waits at the gate ({}):", clean(&held.revision), ago(held.since, now))];
    lines.extend(held.causes.iter().map(|cause| format!("  {}", clean(cause))));
    let sites: Vec<String> = held.sites.iter().map(|(site, phones)| format!("{site} {phones}")).collect();
    lines.push(format!("Phones that wait: {} ({})", held.phones, clean(&sites.join(", "))));
    if held.vanishing > 0 {
        lines.push(format!("Phones that no document names any more: {}", held.vanishing));
    }
    if held.returned > 0 {
        lines.push(format!("Phones that only return to what they had, and do not wait: {}", held.returned));
    }
    if held.catalogue {
        lines.push("catalogue.csv changes, and waits for all sites".to_owned());
    }
    if !held.changes.is_empty() {
        lines.push("It would write:".to_owned());
        lines.extend(held.changes.iter().map(change));
    }
    if held.more > 0 {
        lines.push(format!("  and {} more changes of single phones", held.more));
    }
    for approval in &held.approvals {
        let site = approval.site.as_ref().map(|site| format!(" for site {site}")).unwrap_or_default();
        lines.push(clean(&format!("Approved{site} by {}: {}", approval.said.by, approval.said.reason)));
    }
    lines.push(match &held.rejected {
        Some(said) => clean(&format!("Rejected by {}: {}. Push another revision.", said.by, said.reason)),
        None => clean(&format!("To let it go on: phoneops approve {} --reason TEXT", held.revision)),
    });
    lines.push(String::new());
    lines.join("\n")
}

pub(super) fn change(change: &PlannedChange) -> String {
    let PlannedChange { item, index, from, to, risky, put_back, phones, names } = change;
    let item = indexed(item, *index);
    let risky = risky.as_ref().map(|effect| format!("  ({effect}!)")).unwrap_or_default();
    let shown = |text: &str| if text.is_empty() { "empty".to_owned() } else { text.to_owned() };
    let becomes = match from {
        Some(from) => format!("{} → {}", shown(from), shown(to)),
        None => format!("= {}", shown(to)),
    };
    let back = if *put_back { "  (no longer wanted: it goes back)" } else { "" };
    clean(&format!("  {item} {becomes} on {}{risky}{back}", on(*phones, names)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_read_at_a_glance() {
        let change = |item: &str, to: &str, phones, risky: Option<&str>| PlannedChange {
            item: item.to_owned(),
            index: None,
            from: None,
            to: to.to_owned(),
            risky: risky.map(str::to_owned),
            put_back: false,
            phones,
            names: vec!["reception".to_owned(), "ward-3".to_owned()],
        };
        let held = HeldView {
            revision: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned(),
            digest: "0011223344556677".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            causes: vec!["it would write to 400 phones, and 180 go through".to_owned()],
            phones: 400,
            vanishing: 0,
            returned: 2,
            sites: [(crate::spec::SiteName::new("berlin"), 400)].into(),
            catalogue: false,
            changes: vec![change("sip-pwd", "***", 2, Some("service")), change("ringer-melody", "", 400, None)],
            more: 1,
            approvals: Vec::new(),
            rejected: None,
        };
        insta::assert_snapshot!(table(&held, Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(5)));
    }

    #[test]
    fn what_a_person_decided_is_said_with_its_phones() {
        let done = Approved { revision: "4b825dc\u{1b}".to_owned(), phones: 8 };
        insta::assert_snapshot!(approved(&done) + &rejected(&done));
    }

    #[test]
    fn a_change_from_one_value_to_another_is_read_at_a_glance() {
        let told = |from: Option<&str>, to: &str| {
            change(&PlannedChange {
                item: "key-label".to_owned(),
                index: Some(4),
                from: from.map(str::to_owned),
                to: to.to_owned(),
                risky: Some("service".to_owned()),
                put_back: true,
                phones: 12,
                names: vec!["reception".to_owned()],
            })
        };
        insta::assert_snapshot!([told(None, ""), told(Some(""), "Sales"), told(Some("Sales"), "")].join("\n"));
    }
}
