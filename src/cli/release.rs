//! `phoneops release` has the account of an Abandoned phone taken off it; `phoneops dismiss` forgets one as it is.

use jiff::Timestamp;

use super::{
    Exit,
    asking::{PhoneAct, when_asked},
    status::text::clean,
};
use crate::report::release::Released;

/// Runs `phoneops release`; exit code 3 when the phone has to call by itself.
pub fn release(args: &PhoneAct) -> miette::Result<Exit> {
    let released: Released = args.ask("release")?;
    println!("{}", text(&args.phone, &released, Timestamp::now()));
    Ok(if released.contact == "CannotBeReached" { Exit::Pending } else { Exit::Good })
}

/// Runs `phoneops dismiss`.
pub fn dismiss(args: &PhoneAct) -> miette::Result<Exit> {
    let _: serde_json::Value = args.ask("dismiss")?;
    println!("{}", dismissed(&args.phone));
    Ok(Exit::Good)
}

fn dismissed(phone: &str) -> String {
    format!("{}: it is forgotten, and keeps what it has", clean(phone))
}

fn text(phone: &str, released: &Released, now: Timestamp) -> String {
    let when = when_asked(released.why.as_deref(), released.at, now);
    format!("{}: its account is taken off it, and then it is forgotten; {when}", clean(phone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_when_the_account_goes() {
        let released = |at, why: Option<&str>| Released { contact: String::new(), at, why: why.map(ToOwned::to_owned) };
        let told = |released: &Released| text("reception", released, Timestamp::UNIX_EPOCH);
        let lines = [
            told(&released(Timestamp::from_second(5).ok(), None)),
            told(&released(None, Some("it polls"))),
            told(&released(None, None)),
            dismissed("re\u{1b}ception"),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
