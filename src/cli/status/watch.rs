//! Looks again and again: redraws on a terminal, prints what changed elsewhere, until Ctrl-C.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use jiff::Timestamp;

use super::{Args, Printer, client::Client, look, print, verdict};
use crate::{cli::Exit, fleet::view::PhoneView};

/// Home, and clear to the end: what was drawn before is overwritten without a flash.
const REDRAW: &str = "\x1b[H\x1b[2J";

/// Watches until Ctrl-C; ends as the last look did. The first look has to succeed, later ones are tried again.
pub(super) async fn watch(
    args: &Args,
    client: &Client,
    printer: &Printer,
    out: &mut dyn Write,
    terminal: bool,
) -> miette::Result<Exit> {
    let mut phones = look(args, client).await?;
    let mut shown = Shown::default();
    let mut changed = shown.changed(&phones);
    let mut first = true;
    let mut away = false;
    loop {
        // a terminal gets all of it each time, as the times go on also when nothing else does
        let text = match (terminal, first) {
            (true, _) => format!("{REDRAW}{}", printer.all(&phones, Timestamp::now())?),
            (false, true) => printer.all(&phones, Timestamp::now())?,
            (false, false) if changed.is_empty() => String::new(),
            (false, false) => printer.changed(&changed, Timestamp::now())?,
        };
        if !print(out, &text)? {
            return Ok(verdict(&phones));
        }
        first = false;
        changed = loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return Ok(verdict(&phones)),
                () = tokio::time::sleep(args.interval()) => {}
            }
            match look(args, client).await {
                Ok(now) => {
                    phones = now;
                    away = false;
                    break shown.changed(&phones);
                }
                Err(error) if !std::mem::replace(&mut away, true) => {
                    // nothing is left to do when stderr is gone
                    let _ = writeln!(io::stderr(), "{error}; trying again");
                }
                Err(_) => {}
            }
        };
    }
}

/// What was shown last of each phone, without the times that only tick.
#[derive(Debug, Default)]
struct Shown(BTreeMap<String, PhoneView>);

impl Shown {
    /// The phones that are new or not as they were; they count as shown now. Those that are gone are forgotten.
    fn changed(&mut self, phones: &[PhoneView]) -> Vec<PhoneView> {
        let mut known = std::mem::take(&mut self.0);
        let mut changed = Vec::new();
        for phone in phones {
            let still = PhoneView { last_seen: None, last_proof: None, ..phone.clone() };
            if known.remove(&phone.mac).as_ref() != Some(&still) {
                changed.push(phone.clone());
            }
            self.0.insert(phone.mac.clone(), still);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::table::tests::{at, phone},
        *,
    };
    use crate::fleet::words::State;

    #[test]
    fn only_what_changed_is_printed_again_and_a_ticking_time_is_no_change() {
        let named = |name: &str| PhoneView { mac: name.to_uppercase(), ..phone(name) };
        let mut shown = Shown::default();
        assert_eq!(shown.changed(&[named("a"), named("b")]).len(), 2);
        let ticked = PhoneView { last_seen: Some(at(5)), last_proof: Some(at(5)), ..named("a") };
        assert_eq!(shown.changed(&[ticked.clone(), named("b")]), []);
        let drifted = PhoneView { state: State::Drifted, ..named("b") };
        assert_eq!(shown.changed(&[ticked, drifted.clone()]), [drifted]);
        assert_eq!(shown.changed(&[named("b")]).len(), 1);
        assert_eq!(shown.changed(&[named("a"), named("b")]), [named("a")], "one that was gone is new");
    }
}
