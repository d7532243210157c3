//! `phoneops back`: which phones have not come back after power or network was away.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{
    Exit,
    asking::{Server, Since, since},
    output::put,
    status::{
        client::encoded,
        text::{ago, clean},
    },
};
use crate::fleet::recovery::BackView;

/// Arguments of `phoneops back`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only the phones of this site
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Since when, such as 2026-03-01T08:00:00Z or 24h ago; else since many phones of the site started, or the service
    /// came back
    #[arg(long, env = "PHONEOPS_SINCE", value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// A table for people, or JSON
    #[arg(short, long, env = "PHONEOPS_OUTPUT", default_value = "table", value_parser = ["table", "json"])]
    output: String,
    #[command(flatten)]
    server: Server,
}

/// Runs the command; ends with 1 when phones are missing.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let now = Timestamp::now();
    let mut path = "/api/v1/back?".to_owned();
    // a String takes every write
    if let Some(site) = &args.site {
        let _ = write!(path, "site={}&", encoded(site));
    }
    if let Some(since) = args.since {
        let _ = write!(path, "since={}", encoded(&since.time(now).to_string()));
    }
    let view: BackView = args.server.ask(async |client| client.list(&path).await)?;
    let text = if args.output == "json" {
        format!("{}\n", serde_json::to_string(&view).unwrap_or_default())
    } else {
        table(&view, now)
    };
    put(text.as_bytes())?;
    Ok(if view.missing.is_empty() { Exit::Good } else { Exit::Differs })
}

fn table(view: &BackView, now: Timestamp) -> String {
    let missing = view.missing.len() + view.more;
    let mut lines = vec![format!("Since {:.0}: {} phones are back, {missing} are not.", view.since, view.back)];
    if let Some(until) = view.until {
        lines.push(format!("Known phones are left alone until {until:.0}, or longer while more start."));
    }
    lines.extend(view.missing.iter().map(|phone| {
        let address = phone.address.as_deref().unwrap_or("-");
        clean(&format!(
            "  {} ({}) at {}, {address}, last heard of {}",
            phone.name,
            phone.mac,
            phone.site,
            ago(phone.last_seen, now)
        ))
    }));
    if view.more > 0 {
        lines.push(format!("  and {} more", view.more));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::fleet::recovery::MissingPhone;

    #[test]
    fn those_that_are_missing_are_named_with_when_they_were_last_heard_of() {
        let view = BackView {
            since: Timestamp::UNIX_EPOCH,
            until: Some(Timestamp::UNIX_EPOCH + SignedDuration::from_mins(16)),
            back: 224,
            missing: vec![MissingPhone {
                name: "ward-3".to_owned(),
                mac: "00:1A:E8:00:00:01".to_owned(),
                site: "berlin".to_owned(),
                last_seen: Timestamp::UNIX_EPOCH - SignedDuration::from_mins(30),
                address: Some("10.0.0.7".to_owned()),
            }],
            more: 0,
            next: None,
        };
        insta::assert_snapshot!(table(&view, Timestamp::UNIX_EPOCH));
    }
}
