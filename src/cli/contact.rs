//! `phoneops contact`: has a phone asked to call now, so that it is read.

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Exit,
    asking::PhoneAct,
    status::{
        client::ClientError,
        text::{ahead, clean},
    },
};

/// What the service answers.
#[derive(Debug, Deserialize)]
struct Answer {
    result: String,
    #[serde(default)]
    at: Option<Timestamp>,
}

/// Runs the command; exit code 3 when the phone is asked later, for it was asked not long ago.
pub fn run(args: &PhoneAct) -> miette::Result<Exit> {
    match args.ask::<Answer>("contact") {
        Ok(answer) => {
            println!("{}", text(&args.phone, &answer, Timestamp::now()));
            Ok(Exit::Good)
        }
        Err(error) => match error.downcast_ref() {
            Some(ClientError::Refused { status: StatusCode::TOO_MANY_REQUESTS, message }) => {
                println!("{}: {}", clean(&args.phone), clean(message));
                Ok(Exit::Pending)
            }
            _ => Err(error),
        },
    }
}

fn text(phone: &str, answer: &Answer, now: Timestamp) -> String {
    let what = match (answer.result.as_str(), answer.at) {
        ("Queued", Some(at)) => format!("it is asked to call {}", ahead(at, now)),
        _ => "it is asked already, or a session is under way".to_owned(),
    };
    format!("{}: {what}", clean(phone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_the_phone_is_asked() {
        let told =
            |result: &str, at| text("reception", &Answer { result: result.to_owned(), at }, Timestamp::UNIX_EPOCH);
        let lines = [
            told("Queued", Timestamp::from_second(0).ok()),
            told("Queued", Timestamp::from_second(5).ok()),
            told("AlreadyUnderWay", None),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
