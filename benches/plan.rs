//! How long `plan` takes for 5,000 phones from what they were last read to have.
//!
//! Each phone is declared in a file of its own, taken over and read once, all in sync. Then documents that change one item
//! of all phones, and one of each tenth, are loaded from their text, resolved, planned and told, as `POST /api/v1/plan`
//! does. Median of five plans. Exits with 1 when it takes 5 seconds or more, or when the plan is not what it has to be.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a bench that cannot run ends at once")]

mod deployment;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use deployment::{MANAGED, files, mac, reply, start_up};
use jiff::Timestamp;
use phoneops::{
    fleet::{
        Answer, Effect, Fleet, SessionResult, Settings, flow::From, preview::PlanView, recovery::RecoverySettings,
        settings::GateSettings,
    },
    spec::{self, Revision, Snapshot, snapshot::SecretsUnread},
    wpi::PhoneMessage,
};

const PHONES: usize = 5_000;
const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let now: Timestamp = "2026-03-01T08:00:00Z".parse().expect("a time");
    let settings = Settings { gate: GateSettings::OFF, recovery: RecoverySettings::OFF, ..Settings::default() };
    let mut fleet = Fleet::new(settings, [7; 32]);
    fleet.take_wanted(&Arc::new(load(&files(PHONES), "old")), now);
    fleet.take_effects();
    (0..PHONES).for_each(|number| session(&mut fleet, number, now));

    let mut changed = files(PHONES);
    for (number, (path, text)) in changed.iter_mut().enumerate() {
        if path.starts_with("sites/") {
            *text = text.replace("ntp.berlin.example", "ntp2.berlin.example");
        } else if number % 10 == 0 {
            *text = text.replace("\"Room ", "\"Raum ");
        }
    }
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let view = plan(&fleet, &changed, now);
        let told = serde_json::to_string(&view).expect("an answer");
        times.push(began.elapsed());
        assert_eq!((view.phones, view.written, view.certain, view.unread), (PHONES, PHONES, PHONES, 0), "{told}");
        assert_eq!((view.changes[0].phones, view.items), (PHONES, PHONES + PHONES / 10), "{told}");
    }
    times.sort();
    let median = times[ROUNDS / 2];
    println!("a plan for {PHONES} phones with {MANAGED} managed items: {median:.2?} (asked: below {LIMIT:.0?})");
    if median < LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(fleet: &Fleet, files: &[(String, String)], now: Timestamp) -> PlanView {
    let mut takeover = fleet.consider(&Arc::new(load(files, "new")), now);
    let resolved = takeover.resolve_some(usize::MAX);
    fleet.plan(&mut takeover, resolved);
    fleet.preview(&takeover, None, now)
}

fn load(files: &[(String, String)], revision: &str) -> spec::Wanted {
    let texts = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let wanted = spec::load(&Snapshot::of_texts(Revision::new(revision), texts), &SecretsUnread);
    assert!(wanted.problems().is_empty(), "the bench's own documents: {}", wanted.problems()[0]);
    wanted
}

/// One session of one phone, without sockets, in sync.
fn session(fleet: &mut Fleet, number: usize, now: Timestamp) {
    let address = format!("192.0.2.{}", number % 250 + 1);
    let peer = format!("{address}:40000").parse().expect("an address");
    let cookie = say(fleet, start_up(number, &address), &From { cookie: None, peer, connection: 1 }, now);
    say(fleet, reply(number), &From { cookie: cookie.as_deref(), peer, connection: 1 }, now);
    let in_sync = |effect: &Effect| matches!(effect, Effect::Report(report) if report.result == SessionResult::InSync);
    assert!(fleet.take_effects().iter().any(in_sync), "{} is not in sync", mac(number));
}

fn say(fleet: &mut Fleet, message: PhoneMessage, from: &From<'_>, now: Timestamp) -> Option<String> {
    match fleet.message(message, from, now) {
        Answer::Send { set_cookie, .. } => set_cookie,
        Answer::Record { .. } => panic!("a phone in sync is not written to"),
    }
}
