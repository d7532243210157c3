//! What decides over emergency calls is read daily, and whatever is wrong with it is said by name.

use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        paging::{List, Part},
        words::{AlertKind, SafetyProblem, State},
    },
    spec::SiteName,
    wpi::{ItemStatus, Reason},
};

const ITEMS: &str = "{sntp-addr: 192.0.2.123, sntp-tz-offset: 60, daylight-save: true}";
const HOUR: Duration = Duration::from_hours(1);

fn with(mode: &str) -> String {
    let policy = format!("{{mode: {mode}, interval: 30d}}");
    ENFORCED.replace("{mode: Enforce}", &policy).replace(ITEMS, "{emergency-e164: \"112\", sntp-addr: 192.0.2.123}")
}

fn stage(mode: &str) -> (Stage, Phone) {
    let mut phone = Phone::new(MAC);
    phone.values.insert(id("emergency-e164"), "112".to_owned());
    phone.values.insert(id("sntp-addr"), "192.0.2.123".to_owned());
    let mut stage = Stage::with(&with(mode));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    (stage, phone)
}

fn problems(stage: &Stage) -> Vec<(String, SafetyProblem)> {
    let list = stage.fleet.safety(None, &Part::lines(List::Safety), stage.now);
    list.problems.into_iter().map(|view| (view.item, view.problem)).collect()
}

fn one(problem: SafetyProblem) -> Vec<(String, SafetyProblem)> {
    vec![("emergency-e164".to_owned(), problem)]
}

#[test]
fn a_phone_with_such_an_item_is_read_daily_and_one_without_is_not() {
    let (mut stage, mut phone) = stage("Enforce");
    for _ in 0..3 {
        stage.pass(25 * HOUR);
        let (device, ticket) = stage.contact();
        stage.fleet.contact_done(&device, ticket, true, stage.now);
        phone.session(&mut stage, Reason::Solicited);
    }
    stage.push(&with("Enforce").replace("emergency-e164: \"112\", ", ""));
    phone.session(&mut stage, Reason::StartUp);
    stage.pass(48 * HOUR);
    assert!(stage.contacts.is_empty(), "its interval is 30 days");
}

#[test]
fn what_is_wrong_empty_or_gone_is_named_whatever_the_mode() {
    for mode in ["Report", "Enforce"] {
        let (mut stage, mut phone) = stage(mode);
        assert_eq!(problems(&stage), []);
        phone.refuses.insert(id("emergency-e164"), ItemStatus::from_wire("ReadOnly"));
        for (value, problem) in [("911", SafetyProblem::Wrong), ("", SafetyProblem::Empty)] {
            phone.values.insert(id("emergency-e164"), value.to_owned());
            phone.session(&mut stage, Reason::StartUp);
            let expected = if mode == "Enforce" { SafetyProblem::Refused } else { problem };
            assert_eq!(problems(&stage), one(expected), "{mode} {value}");
        }
        phone.refuses.clear();
        phone.unknown.insert(id("emergency-e164"));
        phone.session(&mut stage, Reason::StartUp);
        assert_eq!(problems(&stage), one(SafetyProblem::Lacking));
    }
}

#[test]
fn what_was_not_read_for_two_days_is_named_and_a_suspended_phone_is_not() {
    let (mut stage, mut phone) = stage("Enforce");
    stage.pass(47 * HOUR);
    assert_eq!(problems(&stage), []);
    stage.pass(HOUR);
    assert_eq!(problems(&stage), one(SafetyProblem::Unread));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(problems(&stage), []);
    stage.push(&with("\"Off\""));
    stage.pass(72 * HOUR);
    assert_eq!(problems(&stage), []);

    let mut never = Stage::with(&with("Enforce"));
    never.pass(47 * HOUR);
    assert_eq!(problems(&never), []);
    let mut never = never.restarted(&with("Enforce"));
    never.pass(HOUR);
    assert_eq!(problems(&never), one(SafetyProblem::Unread), "a phone that never called, over a restart");
}

#[test]
fn an_alert_stands_with_its_time_until_it_is_over_and_names_its_phone() {
    let (mut stage, mut phone) = stage("Report");
    phone.values.insert(id("emergency-e164"), "911".to_owned());
    phone.session(&mut stage, Reason::StartUp);
    let first = stage.fleet.alerts(stage.now);
    let [alert] = first.alerts.as_slice() else { panic!("{first:?}") };
    assert_eq!((alert.kind, alert.id.as_str()), (AlertKind::Safety, "safety/default/emergency-e164/Wrong"));
    assert_eq!((alert.names.as_slice(), alert.since), (&["reception".to_owned()][..], stage.now));
    stage.pass(HOUR);
    assert_eq!(stage.fleet.alerts(stage.now), first, "the same alert, since the same time");
    phone.values.insert(id("emergency-e164"), "112".to_owned());
    phone.session(&mut stage, Reason::StartUp);
    assert!(stage.fleet.alerts(stage.now).alerts.is_empty());
    let site = SiteName::new("munich");
    assert_eq!(stage.fleet.safety(Some(&site), &Part::lines(List::Safety), stage.now).phones, 0);
    assert_eq!(stage.fleet.safety(None, &Part::lines(List::Safety), stage.now).phones, 1);
}
