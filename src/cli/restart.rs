//! `phoneops restart`: has a phone restarted as soon as it is in no call, once.

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Exit,
    asking::PhoneAct,
    status::text::{ahead, clean},
};

/// What the service answers.
#[derive(Debug, Deserialize)]
struct Answer {
    result: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    at: Option<Timestamp>,
}

/// Runs the command; exit code 3 when the phone has to call by itself.
pub fn run(args: &PhoneAct) -> miette::Result<Exit> {
    let answer: Answer = args.ask("restart")?;
    println!("{}", text(&args.phone, &answer, Timestamp::now()));
    let waits = answer.result == "Waits" || (answer.result == "Queued" && answer.at.is_none());
    Ok(if waits { Exit::Pending } else { Exit::Good })
}

fn text(phone: &str, answer: &Answer, now: Timestamp) -> String {
    let what = match (answer.result.as_str(), answer.at) {
        ("Waits", at) => {
            let what = if answer.reason.as_deref() == Some("Paused") { "its pause ends" } else { "its window opens" };
            let when = at.map(|at| format!(" ({})", ahead(at, now))).unwrap_or_default();
            format!("it is restarted after {what}{when}, when it is in no call; the wish is kept for a day")
        }
        ("AlreadyUnderWay", _) => "a restart is under way already".to_owned(),
        (_, Some(at)) => format!("it is asked to call {}, and restarted when it is in no call", ahead(at, now)),
        (_, None) => "it is restarted when it calls and is in no call; the wish is kept for a day".to_owned(),
    };
    format!("{}: {what}", clean(phone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_the_phone_is_restarted() {
        let told = |result: &str, reason: Option<&str>, at| {
            let answer = Answer { result: result.to_owned(), reason: reason.map(str::to_owned), at };
            text("reception", &answer, Timestamp::UNIX_EPOCH)
        };
        let at = Timestamp::from_second(5).ok();
        let lines = [
            told("Waits", Some("WindowClosed"), at),
            told("Waits", Some("Paused"), None),
            told("Queued", None, at),
            told("Queued", None, None),
            told("AlreadyUnderWay", None, None),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
