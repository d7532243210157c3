//! `phoneops drift`: what differs on a phone, read now and not written; without a phone, what differs on all as they were
//! last read.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Exit,
    asking::Server,
    output::put,
    serve::some_time,
    status::{
        client::{Client, ClientError, encoded},
        text::clean,
    },
    undo::indexed,
};
use crate::{
    fleet::{
        explain::Explanation,
        view::{PhoneView, Query},
        words::ItemStanding,
    },
    report::act::Reasoned,
};

/// How often the service is asked whether the phone was read.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Arguments of `phoneops drift`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The phone, by name or MAC; it is asked to call, read and not written
    #[arg(requires = "reason")]
    phone: Option<String>,
    /// Why, in one line; it is kept in the audit log with your name
    #[arg(long, env = "PHONEOPS_REASON", value_name = "TEXT")]
    reason: Option<String>,
    /// How long the phone is awaited
    #[arg(long, env = "PHONEOPS_DRIFT_PATIENCE", value_name = "TIME", default_value = "90s", value_parser = some_time)]
    patience: Duration,
    #[command(flatten)]
    server: Server,
}

/// What the service answers.
#[derive(Debug, Deserialize)]
struct Answer {
    asked: Timestamp,
}

/// Runs the command: 0 nothing differs, 1 something does, 3 the phone did not call in time.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let Some(phone) = &args.phone else {
        let phones = args.server.ask(async |client| client.phones(&Query::default()).await)?;
        let lines: Vec<String> = phones.iter().flat_map(of_view).collect();
        let text = if lines.is_empty() { "Nothing differs.\n".to_owned() } else { lines.join("") };
        put(text.as_bytes())?;
        return Ok(if lines.is_empty() { Exit::Good } else { Exit::Differs });
    };
    let wish = Reasoned { reason: args.reason.clone().unwrap_or_default() };
    let read = args.server.ask(async |client| read_now(client, phone, &wish, args.patience).await)?;
    let Some(explanation) = read else {
        put(format!("{}: it was asked to call and did not in time\n", clean(phone)).as_bytes())?;
        return Ok(Exit::Pending);
    };
    let lines: Vec<String> = explanation.items.iter().filter_map(of_item).collect();
    let text = if lines.is_empty() { format!("{}: nothing differs\n", clean(phone)) } else { lines.join("") };
    put(text.as_bytes())?;
    Ok(if lines.is_empty() { Exit::Good } else { Exit::Differs })
}

async fn read_now(
    client: &Client,
    phone: &str,
    wish: &Reasoned,
    patience: Duration,
) -> Result<Option<Explanation>, ClientError> {
    let Answer { asked } = client.act(phone, "look", wish).await?;
    let path = format!("/api/v1/phones/{}/explain", encoded(phone));
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let explanation: Explanation = client.get(&path).await?;
        if explanation.read.is_some_and(|read| read >= asked) {
            return Ok(Some(explanation));
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn of_item(story: &crate::fleet::explain::ItemStory) -> Option<String> {
    let differs = matches!(story.standing, ItemStanding::Differs | ItemStanding::TugOfWar | ItemStanding::Refused);
    let wanted = story.wanted.value.as_deref().unwrap_or_default();
    let line = line(&indexed(&story.item, story.index), story.observed.as_deref(), wanted);
    differs.then(|| format!("{line}  {}\n", story.standing))
}

fn of_view(view: &PhoneView) -> Vec<String> {
    let name = view.name.as_deref().unwrap_or(&view.mac);
    let of_drift = |drift: &crate::fleet::view::DriftView| {
        let item = indexed(&drift.item, drift.index);
        format!("{}: {}\n", clean(name), line(&item, drift.observed.as_deref(), &drift.desired))
    };
    let mut lines: Vec<String> = view.drift.iter().map(of_drift).collect();
    if view.drift_count > view.drift.len() {
        lines.push(format!("{}: and {} more\n", clean(name), view.drift_count - view.drift.len()));
    }
    lines
}

fn line(item: &str, observed: Option<&str>, wanted: &str) -> String {
    let shown = |text: &str| if text.is_empty() { "empty".to_owned() } else { clean(text) };
    format!("{} {} → {}", clean(item), shown(observed.unwrap_or_default()), shown(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_what_the_phone_has_and_what_it_is_to_have() {
        assert_eq!(line("sntp-addr", Some("192.0.2.7"), "192.0.2.123"), "sntp-addr 192.0.2.7 → 192.0.2.123");
        assert_eq!(line("key-label[4]", None, ""), "key-label[4] empty → empty");
    }

    #[test]
    fn what_a_rule_leaves_alone_is_no_difference() {
        let story = |standing| crate::fleet::explain::ItemStory {
            item: "date-format".to_owned(),
            index: None,
            wanted: crate::fleet::explain::LayeredView { value: Some("2".to_owned()), layer: None, place: None },
            over: Vec::new(),
            observed: Some("0".to_owned()),
            standing,
            why: None,
        };
        assert_eq!(of_item(&story(ItemStanding::Ignored)), None);
        assert_eq!(of_item(&story(ItemStanding::Refused)).as_deref(), Some("date-format 0 → 2  Refused\n"));
    }
}
