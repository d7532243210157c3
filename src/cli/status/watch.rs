//! Looks again and again, or watches a cluster: redraws on a terminal, prints what changed elsewhere, until Ctrl-C.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use jiff::Timestamp;
use miette::IntoDiagnostic;
use tokio::signal::unix::{SignalKind, signal};

use super::{Args, Place, Printer, Seen, client::ClientError, in_cluster, live::Live, look, print, verdict};
use crate::{cli::Exit, fleet::view::PhoneView};

/// Home, and clear to the end: what was drawn before is overwritten without a flash.
const REDRAW: &str = "\x1b[H\x1b[2J";

/// Watches until Ctrl-C, which is heard also while a look is under way; ends as the last look did. The first look has
/// to succeed, later ones are tried again.
pub(super) async fn watch(
    args: &Args,
    place: Place,
    printer: &Printer,
    out: &mut dyn Write,
    terminal: bool,
) -> miette::Result<Exit> {
    let mut interrupts = signal(SignalKind::interrupt()).into_diagnostic()?;
    let name = place.name(args).to_owned();
    let begun = async {
        let eye = match place {
            Place::Service(_) => Eye::Asking(place),
            Place::Cluster(cluster) => Eye::Watching(Box::new(Live::start(cluster).await?)),
        };
        let seen = eye.look(args).await?;
        Ok::<_, ClientError>((eye, seen))
    };
    let (mut eye, Seen { mut notes, mut phones }) = tokio::select! {
        _ = interrupts.recv() => miette::bail!("stopped before {name} answered"),
        begun = begun => begun?,
    };
    let mut shown = Shown::default();
    let mut changed = shown.changed(&phones);
    let mut news = printer.notes(&notes);
    let mut first = true;
    let mut away = false;
    loop {
        // a terminal gets all of it each time, as the times go on also when nothing else does
        let text = match (terminal, first) {
            (true, _) => format!("{REDRAW}{}{}", printer.notes(&notes), printer.all(&phones, Timestamp::now())?),
            (false, true) => news + &printer.all(&phones, Timestamp::now())?,
            (false, false) => {
                let gone = printer.gone(&changed.gone)?;
                if changed.phones.is_empty() {
                    news + &gone
                } else {
                    news + &printer.changed(&changed.phones, Timestamp::now())? + &gone
                }
            }
        };
        if !print(out, &text)? {
            return Ok(verdict(&phones));
        }
        first = false;
        changed = loop {
            let looked = tokio::select! {
                _ = interrupts.recv() => return Ok(verdict(&phones)),
                looked = eye.next(args, terminal) => looked,
            };
            match looked {
                Ok(now) => {
                    phones = now.phones;
                    news = if now.notes == notes { String::new() } else { printer.notes(&now.notes) };
                    notes = now.notes;
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

/// How a place is watched.
enum Eye {
    /// A service is asked again and again.
    Asking(Place),
    /// A cluster tells.
    Watching(Box<Live>),
}

impl Eye {
    async fn look(&self, args: &Args) -> Result<Seen, ClientError> {
        match self {
            Self::Asking(place) => look(args, place).await,
            Self::Watching(live) => in_cluster(args, &live.seen(), live.server()),
        }
    }

    /// The next look, after the time between two; a terminal gets one also when nothing changed.
    async fn next(&mut self, args: &Args, terminal: bool) -> Result<Seen, ClientError> {
        match self {
            Self::Asking(_) => tokio::time::sleep(args.interval()).await,
            Self::Watching(live) => live.wait(args.interval(), terminal).await?,
        }
        self.look(args).await
    }
}

/// What is to be told after a look.
#[derive(Debug, Default, PartialEq)]
struct Changed {
    /// New, or not as they were.
    phones: Vec<PhoneView>,
    /// No longer listed, as they were shown last.
    gone: Vec<PhoneView>,
}

/// What was shown last of each phone, without the times that only tick.
#[derive(Debug, Default)]
struct Shown(BTreeMap<String, PhoneView>);

impl Shown {
    /// The phones that are new, not as they were, or gone; all count as shown now.
    fn changed(&mut self, phones: &[PhoneView]) -> Changed {
        let mut known = std::mem::take(&mut self.0);
        let mut changed = Changed::default();
        for phone in phones {
            let still = PhoneView { last_seen: None, last_proof: None, ..phone.clone() };
            if known.remove(&phone.mac).as_ref() != Some(&still) {
                changed.phones.push(phone.clone());
            }
            self.0.insert(phone.mac.clone(), still);
        }
        changed.gone = known.into_values().collect();
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
        let only = |phones: &[PhoneView]| Changed { phones: phones.to_vec(), gone: Vec::new() };
        assert_eq!(shown.changed(&[named("a"), named("b")]), only(&[named("a"), named("b")]));
        let ticked = PhoneView { last_seen: Some(at(5)), last_proof: Some(at(5)), ..named("a") };
        assert_eq!(shown.changed(&[ticked.clone(), named("b")]), only(&[]));
        let drifted = PhoneView { state: State::Drifted, ..named("b") };
        assert_eq!(shown.changed(&[ticked, drifted.clone()]), only(&[drifted]));
        let left = shown.changed(&[named("b")]);
        assert_eq!(left.phones, [named("b")]);
        assert_eq!(left.gone.iter().map(|phone| phone.mac.as_str()).collect::<Vec<_>>(), ["A"], "told once");
        assert_eq!(shown.changed(&[named("b")]), only(&[]));
        assert_eq!(shown.changed(&[named("a"), named("b")]), only(&[named("a")]), "one that was gone is new");
    }
}
