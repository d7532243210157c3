//! What is said of a commit: the phones that are left, and success only when the last one is proven.

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        Settings,
        audit::By,
        progress::{CommitWord, TEXT},
        settings::GateSettings,
    },
    spec::Revision,
    wpi::{ItemStatus, Reason},
};

/// What is said of each revision that is followed.
fn said(stage: &mut Stage) -> Vec<(String, CommitWord, String)> {
    let commits = stage.fleet.commit_progress();
    commits.into_iter().map(|commit| (commit.revision.to_string(), commit.state.word, commit.state.text)).collect()
}

/// What is said of the newest, after which all is told.
fn newest(stage: &mut Stage) -> (CommitWord, String) {
    let commits = stage.fleet.commit_progress();
    for commit in &commits {
        stage.fleet.commit_told(&commit.revision, &commit.state);
    }
    stage.carry_out();
    let newest = commits.last().expect("a revision").clone();
    (newest.state.word, newest.state.text)
}

fn other(number: u32) -> String {
    ENFORCED.replace("192.0.2.123", &format!("192.0.2.{number}"))
}

#[test]
fn a_commit_is_a_success_when_its_last_phone_is_proven_and_a_call_is_only_a_phone_left() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    assert_eq!(newest(&mut stage), (CommitWord::Pending, "1 phone left".to_owned()));
    phone.in_call = true;
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(newest(&mut stage), (CommitWord::Pending, "1 phone left".to_owned()));
    phone.in_call = false;
    phone.up_to_the_write(&mut stage);
    assert_eq!(newest(&mut stage).0, CommitWord::Pending, "written is not proven");
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(newest(&mut stage), (CommitWord::Success, "1 phone proven".to_owned()));
    let labelled = ENFORCED.replace("{name: reception}", "{name: reception, annotations: {a: b}}");
    stage.push(&labelled);
    assert_eq!(newest(&mut stage), (CommitWord::Success, "no phone changes".to_owned()));
}

#[test]
fn what_cannot_be_is_a_failure_with_its_first_reasons_and_no_values() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("sntp-addr"), ItemStatus::from_wire("ReadOnly"));
    phone.session(&mut stage, Reason::StartUp);
    let (word, text) = newest(&mut stage);
    assert_eq!(
        (word, text.as_str()),
        (CommitWord::Failure, "1 phone left; cannot be put right: sntp-addr on 1 phone (reception)")
    );
    stage.push(&ENFORCED.replace("sntp-tz-offset: 60", "sntp-tz-offset: planted"));
    let (word, text) = newest(&mut stage);
    assert!(word == CommitWord::Failure && text.starts_with("1 error in documents: fleet.yaml:"), "{text}");
    assert!(!text.contains("planted") && text.chars().count() <= TEXT, "{text}");
    stage.push(&ENFORCED.replace("Enforce", "Report"));
    assert_eq!(newest(&mut stage), (CommitWord::Pending, "1 phone left, 1 of them in mode Report".to_owned()));
}

/// The phone of [`MAC`], and one more.
fn two() -> String {
    format!(
        "{ENFORCED}---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: second}}\nspec:\n  phone: \
         {{mac: \"{SECOND}\"}}\n  profiles: [site-berlin]\n"
    )
}

const SECOND: &str = "00:1A:E8:11:22:44";

#[test]
fn what_waits_at_the_gate_says_so_and_what_was_rejected_is_a_failure_that_no_newer_commit_makes_good() {
    let mut stage = Stage::gated(Settings { gate: GateSettings::OFF, ..Settings::default() });
    stage.push(ENFORCED);
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    stage.push(&other(9));
    assert_eq!(newest(&mut stage).1, "1 phone left");
    stage.push(&two());
    stage.gate_from_now_on(GateSettings { phones: 1, ..GateSettings::OFF });
    stage.push(&two().replace("192.0.2.123", "192.0.2.8"));
    let (word, text) = newest(&mut stage);
    assert_eq!((word, text.as_str()), (CommitWord::Pending, "2 phones left, 2 of them held at the gate"));
    let by = By::new("ada", "a test").unwrap();
    stage.fleet.reject("r4", None, &by, stage.now).unwrap_or_else(|error| panic!("{error}"));
    let (word, text) = newest(&mut stage);
    assert_eq!((word, text.as_str()), (CommitWord::Failure, "rejected at the gate: 2 phones keep what they have"));
    stage.push(&two());
    let all = said(&mut stage);
    let rejected = all.iter().find(|(revision, ..)| revision == "r4").unwrap();
    assert_eq!(rejected.1, CommitWord::Superseded, "{all:?}");
}

#[test]
fn a_revision_whose_phones_went_on_to_a_newer_one_is_superseded_and_never_a_success() {
    let mut stage = Stage::with(&two());
    assert_eq!(newest(&mut stage).1, "2 phones left");
    stage.push(&two().replace("192.0.2.123", "192.0.2.9"));
    let of_first = |stage: &mut Stage| said(stage).into_iter().find(|(revision, ..)| revision == "r1").unwrap();
    let (_, word, text) = of_first(&mut stage);
    assert_eq!(
        (word, text.as_str()),
        (CommitWord::Superseded, "superseded by r2: 2 of 2 phones went on to newer commits")
    );
    for mac in [MAC, SECOND] {
        let mut phone = Phone::new(mac);
        phone.up_to_the_write(&mut stage);
        phone.session(&mut stage, Reason::StartUp);
    }
    assert_eq!(of_first(&mut stage).1, CommitWord::Superseded);
    assert_eq!(newest(&mut stage), (CommitWord::Success, "2 phones proven".to_owned()));
}

#[test]
fn a_revision_of_which_only_some_phones_went_on_is_no_success_when_the_others_are_proven() {
    let mut stage = Stage::with(&two());
    newest(&mut stage);
    let own = two().replace("{name: second}\nspec:\n", "{name: second}\nspec:\n  items: {sip-name: Second}\n");
    assert_ne!(own, two());
    stage.push(&own);
    let mut phone = Phone::new(MAC);
    phone.up_to_the_write(&mut stage);
    phone.session(&mut stage, Reason::StartUp);
    let all = said(&mut stage);
    assert_eq!((all[0].0.as_str(), all[0].1), ("r1", CommitWord::Superseded), "{all:?}");
    assert_eq!(all[0].2, "superseded by r2: 1 of 2 phones went on to newer commits");
}

#[test]
fn an_older_revision_goes_on_to_success_when_no_newer_one_took_its_phones() {
    let mut stage = Stage::with(ENFORCED);
    newest(&mut stage);
    stage.push(&two());
    assert_eq!(newest(&mut stage).1, "1 phone left");
    let mut phone = Phone::new(MAC);
    phone.up_to_the_write(&mut stage);
    phone.session(&mut stage, Reason::StartUp);
    let all = said(&mut stage);
    assert_eq!((all[0].0.as_str(), all[0].1, all[0].2.as_str()), ("r1", CommitWord::Success, "1 phone proven"));
}

#[test]
fn a_commit_of_several_phones_runs_until_the_last_one_is_proven() {
    let mut stage = Stage::with(&two());
    assert_eq!(newest(&mut stage), (CommitWord::Pending, "2 phones left".to_owned()));
    for (mac, expected) in
        [(MAC, (CommitWord::Running, "1 phone left")), (SECOND, (CommitWord::Success, "2 phones proven"))]
    {
        let mut phone = Phone::new(mac);
        phone.up_to_the_write(&mut stage);
        phone.session(&mut stage, Reason::StartUp);
        assert_eq!(newest(&mut stage), (expected.0, expected.1.to_owned()));
    }
}

#[test]
fn commits_that_are_open_at_once_count_their_own_phones() {
    let mut stage = Stage::with(ENFORCED);
    newest(&mut stage);
    stage.push(&two());
    let all = said(&mut stage);
    let texts: Vec<_> = all.iter().map(|(revision, word, text)| (revision.as_str(), *word, text.as_str())).collect();
    let pending = CommitWord::Pending;
    assert_eq!(texts, [("r1", pending, "1 phone left"), ("r2", pending, "1 phone left")]);
    let mut second = Phone::new(SECOND);
    second.up_to_the_write(&mut stage);
    second.session(&mut stage, Reason::StartUp);
    let all = said(&mut stage);
    assert_eq!((all[0].1, all[1].1), (pending, CommitWord::Success), "{all:?}");
}

#[test]
fn what_was_a_success_stays_one_when_its_phones_drift_or_go_on() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.up_to_the_write(&mut stage);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(said(&mut stage)[0].1, CommitWord::Success);
    stage.push(&other(9));
    let all = said(&mut stage);
    assert_eq!((all[0].0.as_str(), all[0].1), ("r1", CommitWord::Success), "{all:?}");
    assert_eq!(all[1].1, CommitWord::Pending);
}

#[test]
fn what_is_remembered_of_commits_is_bounded_while_nobody_takes_anything() {
    let mut stage = Stage::with(&other(1));
    for number in 2..40 {
        stage.push(&other(number));
        assert!(said(&mut stage).len() <= 6);
    }
    assert_eq!(said(&mut stage).len(), 6);
    newest(&mut stage);
    assert_eq!(said(&mut stage).len(), 1, "what ended is forgotten when it is told");
}

#[test]
fn what_was_told_of_commits_is_known_after_a_restart() {
    let mut stage = Stage::with(&other(1));
    newest(&mut stage);
    let mut again = stage.restarted(&other(1));
    let commits = again.fleet.commit_progress();
    assert_eq!(commits.len(), 1);
    assert_eq!((&commits[0].revision, commits[0].told.as_ref()), (&Revision::new("r1"), Some(&commits[0].state)));
}
