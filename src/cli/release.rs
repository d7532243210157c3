//! `phoneops release` has the account of an Abandoned phone taken off it; `phoneops dismiss` forgets one as it is.

use jiff::Timestamp;

use super::{
    Exit,
    asking::{Reason, Server},
    status::text::{ahead, clean},
};
use crate::report::{act::Reasoned, release::Released};

/// Arguments of `phoneops release` and `phoneops dismiss`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The phone, by name or MAC
    phone: String,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    server: Server,
}

/// Runs `phoneops release`; exit code 3 when the phone has to call by itself.
pub fn release(args: &Args) -> miette::Result<Exit> {
    let wish = Reasoned { reason: args.reason.reason.clone() };
    let released: Released = args.server.ask(async |client| client.act(&args.phone, "release", &wish).await)?;
    println!("{}", text(&args.phone, &released, Timestamp::now()));
    Ok(if released.contact == "CannotBeReached" { Exit::Pending } else { Exit::Good })
}

/// Runs `phoneops dismiss`.
pub fn dismiss(args: &Args) -> miette::Result<Exit> {
    let wish = Reasoned { reason: args.reason.reason.clone() };
    let _: serde_json::Value = args.server.ask(async |client| client.act(&args.phone, "dismiss", &wish).await)?;
    println!("{}: it is forgotten, and keeps what it has", clean(&args.phone));
    Ok(Exit::Good)
}

fn text(phone: &str, released: &Released, now: Timestamp) -> String {
    let when = match (&released.why, released.at) {
        (Some(why), _) => {
            format!("it cannot be asked to call: {}; it is done when the phone calls by itself", clean(why))
        }
        (None, Some(at)) => format!("it is asked to call {}", ahead(at, now)),
        (None, None) => "a session is under way or about to be".to_owned(),
    };
    format!("{}: its account is taken off it, and then it is forgotten; {when}", clean(phone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_the_account_goes() {
        let released = |at, why: Option<&str>| Released { contact: String::new(), at, why: why.map(ToOwned::to_owned) };
        let told = |released: &Released| text("reception", released, Timestamp::UNIX_EPOCH);
        let begins = "reception: its account is taken off it, and then it is forgotten; ";
        assert_eq!(told(&released(Timestamp::from_second(5).ok(), None)), format!("{begins}it is asked to call in 5s"));
        assert!(told(&released(None, Some("it polls"))).ends_with("; it is done when the phone calls by itself"));
    }
}
