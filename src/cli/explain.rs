//! `phoneops explain`: where the values of a phone come from, and why one is not written.

use jiff::Timestamp;
use miette::bail;
use serde::Serialize;

use super::{
    Exit,
    asking::Server,
    output::put,
    status::{
        client::{Client, encoded},
        text::{ago, clean},
    },
    undo::indexed,
};
use crate::fleet::{
    explain::{Explanation, ItemStory, LayeredView},
    history::{ChangeView, HistoryPage},
    words::ItemStanding,
};

/// Arguments of `phoneops explain`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The phone, by name or MAC
    phone: String,
    /// Only this item: `reg-addr`, or `key-label[4]` for one index
    item: Option<String>,
    /// Text for people, or JSON
    #[arg(short, long, env = "PHONEOPS_EXPLAIN_OUTPUT", default_value = "text", value_parser = ["text", "json"])]
    output: String,
    #[command(flatten)]
    server: Server,
}

/// Runs the command; ends with 1 when an item of it is not as it is wanted, else with 3 when one was not read yet or waits
/// at the gate.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let answer = args.server.ask(async |client| ask(client, args).await)?;
    if let (Some(item), true) = (&args.item, answer.explanation.items.is_empty()) {
        bail!("no document wants an item {item} of this phone");
    }
    let text = if args.output == "json" {
        format!("{}\n", serde_json::to_string(&answer).unwrap_or_default())
    } else {
        told(&answer, Timestamp::now())
    };
    put(text.as_bytes())?;
    Ok(exit(&answer.explanation))
}

/// What is told, in text and in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Answer {
    #[serde(flatten)]
    explanation: Explanation,
    /// The last changes of the item that was asked for, the newest first; absent when none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeView>>,
}

fn exit(explanation: &Explanation) -> Exit {
    let open = |story: &ItemStory| {
        matches!(
            story.standing,
            ItemStanding::Differs | ItemStanding::Due | ItemStanding::Refused | ItemStanding::TugOfWar
        )
    };
    // what is as it is wanted has a reason not to be written only while another revision waits for a person
    let waits = |story: &ItemStory| match story.standing {
        ItemStanding::Unread => true,
        ItemStanding::Ignored => false,
        _ => story.why.is_some(),
    };
    if explanation.items.iter().any(open) {
        Exit::Differs
    } else if explanation.items.iter().any(waits) {
        Exit::Pending
    } else {
        Exit::Good
    }
}

async fn ask(client: &Client, args: &Args) -> Result<Answer, super::status::client::ClientError> {
    let phone = encoded(&args.phone);
    let item = args.item.as_deref().map(|item| format!("?item={}", encoded(item))).unwrap_or_default();
    let explanation = client.get(&format!("/api/v1/phones/{phone}/explain{item}")).await?;
    let changes = match &args.item {
        Some(item) => {
            let path = format!("/api/v1/history?phone={phone}&item={}&limit=3", encoded(item));
            Some(client.get::<HistoryPage>(&path).await?.changes)
        }
        None => None,
    };
    Ok(Answer { explanation, changes })
}

fn told(answer: &Answer, now: Timestamp) -> String {
    let Answer { explanation, changes } = answer;
    let whole = changes.is_some();
    let name = explanation.name.as_deref().unwrap_or(&explanation.mac);
    let read = explanation.read.map_or_else(|| "never read".to_owned(), |read| format!("read {}", ago(read, now)));
    let revision = explanation.revision.as_deref().unwrap_or("no revision");
    let mut lines =
        vec![format!("{} is {}, {read}; in force since revision {}", clean(name), explanation.state, clean(revision))];
    for story in &explanation.items {
        lines.extend(lines_of(story, whole));
    }
    lines.extend(changes.iter().flatten().map(|change| {
        let by = change.author.as_deref().map(|author| format!(" by {author}")).unwrap_or_default();
        let new = change.new.as_deref().unwrap_or("nothing");
        clean(&format!(
            "  {} {}: {new}, {} ({}{by})",
            ago(change.at, now),
            change.cause,
            change.result,
            change.revision.as_deref().unwrap_or("-")
        ))
    }));
    lines.push(String::new());
    lines.join("\n")
}

fn lines_of(story: &ItemStory, whole: bool) -> Vec<String> {
    let ItemStory { item, index, wanted, over, observed, standing, why } = story;
    let value = shown(wanted);
    let from = origin(wanted);
    let mut lines = vec![clean(&format!("{} = {value}  {standing}  {from}", indexed(item, *index)))];
    let differs = matches!(standing, ItemStanding::Differs | ItemStanding::TugOfWar | ItemStanding::Refused);
    if whole || differs {
        let has = observed.as_deref().filter(|observed| !observed.is_empty()).unwrap_or("nothing");
        lines.push(clean(&format!("  the phone has {has}")));
    }
    if let Some(why) = why {
        lines.push(clean(&format!("  not written: {why}")));
    }
    if whole {
        lines.extend(over.iter().map(|below| clean(&format!("  over {}  {}", shown(below), origin(below)))));
    }
    lines
}

fn shown(layered: &LayeredView) -> &str {
    match layered.value.as_deref() {
        None => "taken out",
        Some("") => "empty",
        Some(value) => value,
    }
}

fn origin(layered: &LayeredView) -> String {
    let layer = layered.layer.as_deref().unwrap_or("");
    match &layered.place {
        Some(place) if layer.is_empty() => place.clone(),
        Some(place) => format!("{layer}, {place}"),
        None => "from the store".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::words::{
        ChangeCause, ChangeResult,
        ItemStanding::{Assumed, Differs, Due, Ignored, NotApplicable, Refused, Right, TugOfWar, Unread, Written},
        State,
    };

    fn layered(value: Option<&str>, layer: &str, place: &str) -> LayeredView {
        LayeredView {
            value: value.map(str::to_owned),
            layer: Some(layer.to_owned()).filter(|layer| !layer.is_empty()),
            place: Some(place.to_owned()),
        }
    }

    fn change(new: &str, cause: ChangeCause, author: Option<&str>) -> ChangeView {
        ChangeView {
            at: Timestamp::UNIX_EPOCH,
            phone: Some("reception".to_owned()),
            mac: "00:1A:E8:11:22:33".to_owned(),
            item: "sntp-addr".to_owned(),
            index: None,
            old: None,
            new: Some(new.to_owned()),
            cause,
            revision: Some("9fceb02".to_owned()),
            author: author.map(str::to_owned),
            committer: None,
            result: ChangeResult::Seen,
            word: None,
        }
    }

    fn explanation(standing: ItemStanding) -> Explanation {
        Explanation {
            name: Some("reception".to_owned()),
            mac: "00:1A:E8:11:22:33".to_owned(),
            state: State::Drifted,
            revision: Some("9fceb02".to_owned()),
            read: Some(Timestamp::UNIX_EPOCH),
            items: vec![ItemStory {
                item: "sntp-addr".to_owned(),
                index: None,
                wanted: layered(Some("192.0.2.123"), "phone/reception", "phones/reception.yaml:9:16"),
                over: vec![
                    layered(None, "", "profiles/trial.yaml:7:15"),
                    layered(Some("192.0.2.5"), "profile/site-berlin", "profiles/berlin.yaml:12:16"),
                ],
                observed: Some("192.0.2.66".to_owned()),
                standing,
                why: Some("the mode is Report: it is only told".to_owned()),
            }],
        }
    }

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(5)
    }

    #[test]
    fn an_item_is_explained_from_its_value_down_to_what_it_lies_over() {
        let changes = vec![
            change("192.0.2.66", ChangeCause::Drift, None),
            change("192.0.2.123", ChangeCause::Revision, Some("Ada Admin <ada@example.org>")),
        ];
        let answer = Answer { explanation: explanation(Differs), changes: Some(changes) };
        insta::assert_snapshot!(told(&answer, now()));
    }

    #[test]
    fn all_items_are_told_shortly() {
        insta::assert_snapshot!(told(&Answer { explanation: explanation(Differs), changes: None }, now()));
    }

    #[test]
    fn json_has_the_changes_that_the_text_has() {
        let changes = vec![change("192.0.2.66", ChangeCause::Drift, None)];
        let answer = |changes| Answer { explanation: explanation(Differs), changes };
        let json = serde_json::to_value(answer(Some(changes))).unwrap();
        assert_eq!(
            (&json["changes"][0]["new"], &json["items"][0]["item"]),
            (&"192.0.2.66".into(), &"sntp-addr".into())
        );
        assert!(serde_json::to_value(answer(None)).unwrap().get("changes").is_none(), "the text has none either");
    }

    #[test]
    fn what_differs_is_exit_code_1_what_waits_3_and_what_is_left_alone_on_purpose_0() {
        let ends = |standing, why: Option<&str>| {
            let mut explanation = explanation(standing);
            explanation.items[0].why = why.map(str::to_owned);
            exit(&explanation)
        };
        for open in [Differs, Due, Refused, TugOfWar] {
            assert_eq!(ends(open, Some("the phone waits")), Exit::Differs, "{open}");
        }
        for settled in [Right, Written, Assumed, NotApplicable] {
            assert_eq!(ends(settled, None), Exit::Good, "{settled}");
            assert_eq!(
                ends(settled, Some("revision 9fceb02 wants 7, and waits at the gate")),
                Exit::Pending,
                "{settled}"
            );
        }
        assert_eq!(ends(Ignored, Some("a rule of policy.ignore leaves it alone")), Exit::Good);
        assert_eq!(ends(Unread, Some("the phone is Unknown")), Exit::Pending);
    }
}
