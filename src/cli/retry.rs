//! `phoneops retry`: has what a phone refused tried again, and on request its passwords written again.

use clap::builder::BoolishValueParser;
use jiff::Timestamp;

use super::{
    Exit,
    asking::{Reason, Server, when_asked},
    status::text::clean,
};
use crate::report::retry::{Retried, Wish};

/// Arguments of `phoneops retry`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The phone, by name or MAC
    phone: String,
    /// Also write again all that is never compared: passwords, XML applications
    #[arg(long, env = "PHONEOPS_RETRY_SECRETS", value_parser = BoolishValueParser::new())]
    secrets: bool,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    server: Server,
}

/// Runs the command; exit code 3 when the phone has to call by itself.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let wish = Wish { secrets: args.secrets, reason: args.reason.reason.clone() };
    let retried: Retried = args.server.ask(async |client| client.act(&args.phone, "retry", &wish).await)?;
    println!("{}", text(&args.phone, &retried, Timestamp::now()));
    Ok(if retried.contact == "CannotBeReached" { Exit::Pending } else { Exit::Good })
}

fn text(phone: &str, retried: &Retried, now: Timestamp) -> String {
    let secrets = if retried.secrets > 0 {
        format!(", written again without comparing: {}", retried.secrets)
    } else {
        String::new()
    };
    let contact = when_asked(retried.why.as_deref(), retried.at, now);
    format!("{}: items tried again: {}{secrets}; {contact}", clean(phone), retried.refusals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_tried_again_and_when() {
        let retried = |refusals, secrets, contact: &str, why: Option<&str>| Retried {
            refusals,
            secrets,
            contact: contact.to_owned(),
            at: None,
            why: why.map(ToOwned::to_owned),
        };
        let told = |retried: &Retried| text("reception", retried, Timestamp::UNIX_EPOCH);
        let lines = [
            told(&retried(2, 1, "AlreadyUnderWay", None)),
            told(&Retried { at: Timestamp::from_second(40).ok(), ..retried(3, 0, "Queued", None) }),
            told(&retried(0, 0, "CannotBeReached", Some("it has not called yet"))),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
