//! `phoneops drift`: what differs on a phone, read now and not written; without a phone, what differs on all or some as they
//! were last read, the same difference on many phones in one line.

use std::{
    io::{self, Write},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Exit,
    asking::Server,
    gate::change,
    output::put,
    serve::some_time,
    status::{
        client::{Client, ClientError, encoded},
        filters::Filters,
        text::clean,
    },
    undo::indexed,
};
use crate::{
    fleet::{
        explain::{Explanation, ItemStory},
        gate::view::{Changes, PlannedChange},
        view::{DriftView, PhoneView},
        words::{ItemStanding, State},
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
    /// Text for people, or JSON
    #[arg(short, long, env = "PHONEOPS_DRIFT_OUTPUT", default_value = "text", value_parser = ["text", "json"])]
    output: String,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    server: Server,
}

/// What the service answers.
#[derive(Debug, Deserialize)]
struct Answer {
    asked: Timestamp,
}

/// Runs the command: 0 nothing differs, 1 something does, 3 the phone did not call in time, or nothing is known to differ
/// and some phones were never heard of.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let json = args.output == "json";
    let Some(phone) = &args.phone else {
        let phones = args.server.ask(async |client| client.phones(&args.filters.query()).await)?;
        let differences = Differences::of(&phones, args.filters.item.as_deref());
        put(if json { line_of(&differences) } else { differences.told() }.as_bytes())?;
        return Ok(differences.exit());
    };
    let wish = Reasoned { reason: args.reason.clone().unwrap_or_default() };
    let read = args.server.ask(async |client| read_now(client, phone, &wish, args.patience).await)?;
    let Some(mut explanation) = read else {
        let late = format!("{}: it was asked to call and did not in time\n", clean(phone));
        if json {
            // standard output is for JSON alone; nothing is left to do when nobody reads the other
            let _ = io::stderr().write_all(late.as_bytes());
        } else {
            put(late.as_bytes())?;
        }
        return Ok(Exit::Pending);
    };
    explanation.items.retain(differs);
    put(if json { line_of(&explanation) } else { told(phone, &explanation.items) }.as_bytes())?;
    Ok(if explanation.items.is_empty() { Exit::Good } else { Exit::Differs })
}

fn line_of(answer: &impl Serialize) -> String {
    format!("{}\n", serde_json::to_string(answer).unwrap_or_default())
}

/// What differs on many phones.
#[derive(Debug, Serialize)]
struct Differences {
    /// Phones that were looked at; undeclared ones are not.
    phones: usize,
    /// Phones among them on which something differs.
    differing: usize,
    /// Phones that were never heard of.
    unheard: usize,
    /// What differs, the differences of most phones first.
    changes: Vec<PlannedChange>,
    /// Differences beyond those, not grouped.
    more: usize,
}

impl Differences {
    /// Of these phones; only of this item, if one is named.
    fn of(phones: &[PhoneView], item: Option<&str>) -> Self {
        let is_meant = |drift: &&DriftView| {
            item.is_none_or(|item| drift.item == item || indexed(&drift.item, drift.index) == item)
        };
        let mut changes = Changes::default();
        let (mut declared, mut differing, mut unheard) = (0, 0, 0);
        for phone in phones.iter().filter(|phone| phone.state != State::Undeclared) {
            declared += 1;
            unheard += usize::from(phone.state == State::Unknown);
            differing += usize::from(phone.drift_count > 0);
            let name = phone.name.as_deref().unwrap_or(&phone.mac);
            for drift in phone.drift.iter().filter(is_meant) {
                let DriftView { item, index, desired, observed, risky, .. } = drift;
                changes.add(name, (item, index, observed, desired), || PlannedChange {
                    item: item.clone(),
                    index: *index,
                    from: Some(observed.clone().unwrap_or_default()),
                    to: desired.clone(),
                    risky: risky.clone(),
                    put_back: false,
                    phones: 0,
                    names: Vec::new(),
                });
            }
            if item.is_none() {
                changes.add_more(phone.drift_count.saturating_sub(phone.drift.len()));
            }
        }
        let (changes, more) = changes.into_lines();
        Self { phones: declared, differing, unheard, changes, more }
    }

    fn exit(&self) -> Exit {
        if self.differing > 0 {
            Exit::Differs
        } else if self.unheard > 0 {
            Exit::Pending
        } else {
            Exit::Good
        }
    }

    fn told(&self) -> String {
        let Self { phones, differing, unheard, changes, more } = self;
        let mut lines = vec![match (phones, differing) {
            (0, _) => "No phones.".to_owned(),
            (_, 0) if *unheard > 0 => format!("Nothing is known to differ on {phones} phones, as they were last read."),
            (_, 0) => format!("Nothing differs on {phones} phones, as they were last read."),
            _ => format!("{differing} of {phones} phones differ, as they were last read:"),
        }];
        lines.extend(changes.iter().map(change));
        if *more > 0 {
            lines.push(format!("  and {more} more differences of single phones"));
        }
        if *unheard > 0 {
            lines.push(format!("Never heard of, so nobody knows what they have: {unheard}"));
        }
        lines.push(String::new());
        lines.join("\n")
    }
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

/// Whether it is not as it is wanted, and nothing says that it may be so.
fn differs(story: &ItemStory) -> bool {
    matches!(story.standing, ItemStanding::Differs | ItemStanding::TugOfWar | ItemStanding::Refused)
}

/// What differs on one phone.
fn told(phone: &str, items: &[ItemStory]) -> String {
    if items.is_empty() {
        return format!("{}: nothing differs\n", clean(phone));
    }
    let shown = |text: &str| if text.is_empty() { "empty".to_owned() } else { text.to_owned() };
    let line = |story: &ItemStory| {
        let ItemStory { item, index, wanted, observed, standing, .. } = story;
        let (from, to) = (observed.as_deref().unwrap_or_default(), wanted.value.as_deref().unwrap_or_default());
        clean(&format!("{} {} → {}  {standing}", indexed(item, *index), shown(from), shown(to))) + "\n"
    };
    items.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::status::table::tests::phone, fleet::explain::LayeredView};

    fn drift(item: &str, observed: Option<&str>, desired: &str, risky: Option<&str>) -> DriftView {
        DriftView {
            item: item.to_owned(),
            index: (item == "key-label").then_some(4),
            desired: desired.to_owned(),
            observed: observed.map(str::to_owned),
            risky: risky.map(str::to_owned),
            first_seen: None,
            times: 0,
        }
    }

    fn drifted(name: &str, drift: Vec<DriftView>, drift_count: usize) -> PhoneView {
        PhoneView { state: State::Drifted, drift, drift_count, ..phone(name) }
    }

    fn fleet() -> Vec<PhoneView> {
        let time = |observed| drift("sntp-addr", Some(observed), "192.0.2.123", None);
        let mut phones: Vec<PhoneView> =
            (1..=12).map(|number| drifted(&format!("desk-{number:02}"), vec![time("192.0.2.7")], 1)).collect();
        let label = drift("key-label", None, "Sales \u{1b}[31m", None);
        let number = drift("emergency-e164", Some(""), "112", Some("safety"));
        phones.push(drifted("reception", vec![number, time("192.0.2.9"), label], 103));
        phones.extend([phone("right"), PhoneView { state: State::Unknown, ..phone("new") }]);
        phones.push(PhoneView { state: State::Undeclared, name: None, ..phone("") });
        phones
    }

    #[test]
    fn the_same_difference_on_many_phones_is_one_line() {
        let all = Differences::of(&fleet(), None);
        insta::assert_snapshot!(all.told());
        assert_eq!((all.phones, all.differing, all.exit()), (15, 13, Exit::Differs));
        let one = Differences::of(&fleet(), Some("key-label[4]"));
        assert_eq!(
            (one.changes.len(), one.changes[0].names.as_slice(), one.more),
            (1, &["reception".to_owned()][..], 0)
        );
        assert_eq!(one.changes, Differences::of(&fleet(), Some("key-label")).changes);
    }

    #[test]
    fn what_is_right_unheard_of_or_nobody_is_said_in_words() {
        let right = Differences::of(&[phone("a"), phone("b")], None);
        assert_eq!(
            (right.told().as_str(), right.exit()),
            ("Nothing differs on 2 phones, as they were last read.\n", Exit::Good)
        );
        let unheard = Differences::of(&[phone("a"), PhoneView { state: State::Unknown, ..phone("b") }], None);
        insta::assert_snapshot!(unheard.told());
        assert_eq!(unheard.exit(), Exit::Pending);
        assert_eq!(Differences::of(&[], None).told(), "No phones.\n");
    }

    #[test]
    fn json_has_what_the_text_has() {
        let json: serde_json::Value = serde_json::from_str(&line_of(&Differences::of(&fleet(), None))).unwrap();
        assert_eq!(
            (&json["phones"], &json["differing"], &json["unheard"], &json["more"]),
            (&15.into(), &13.into(), &1.into(), &100.into())
        );
        let first = serde_json::json!({
            "item": "emergency-e164", "index": null, "from": "", "to": "112", "risky": "safety", "putBack": false,
            "phones": 1, "names": ["reception"],
        });
        assert_eq!(json["changes"][0], first, "what can hurt comes first");
    }

    #[test]
    fn of_one_phone_it_is_said_how_each_item_stands() {
        let story = |item: &str, observed: Option<&str>, standing| ItemStory {
            item: item.to_owned(),
            index: None,
            wanted: LayeredView { value: Some("2".to_owned()), layer: None, place: None },
            over: Vec::new(),
            observed: observed.map(str::to_owned),
            standing,
            why: None,
        };
        let items = [
            story("date-format", Some("0"), ItemStanding::Refused),
            story("sntp-addr", None, ItemStanding::Differs),
            story("ringer-melody", Some("1"), ItemStanding::TugOfWar),
        ];
        assert!(items.iter().all(differs));
        insta::assert_snapshot!(told("reception", &items));
        assert_eq!(told("reception", &[]), "reception: nothing differs\n");
        let left = [ItemStanding::Ignored, ItemStanding::Right, ItemStanding::Due, ItemStanding::NotApplicable];
        assert!(left.iter().all(|standing| !differs(&story("date-format", Some("0"), *standing))));
    }
}
