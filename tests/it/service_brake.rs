//! The brake by its commands, with real phones, over a restart; and who set it, in the audit log.

use jiff::SignedDuration;
use phoneops::{
    fleet::{
        audit::By,
        brake::Scope,
        words::{PendingReason, State},
    },
    sim::{Fault, Model, SimPhone},
    spec::SiteName,
};

use crate::service_stage::{Stage, command, configs, has, idle, profile, times_written, told, until};

const PHONES: u32 = 3;

fn documents(server: &str) -> String {
    profile("Enforce", &format!("sntp-addr: {server}")) + "---\n" + &configs(0..PHONES)
}

async fn fleet(stage: &Stage) -> Vec<SimPhone> {
    let mut phones = Vec::new();
    for number in 0..PHONES {
        phones.push(stage.phone_in(number, Model::OpenStage40V3R5, State::InSync).await);
    }
    phones
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brake_stops_all_writes_over_a_restart_until_it_is_released_and_is_in_the_audit_log() {
    let mut stage = Stage::with(&documents("192.0.2.5")).await;
    let phones = fleet(&stage).await;
    assert_eq!(command(&stage, &["brake"]).await, (0, "No brake is on.\n".to_owned()));
    let (code, said) = command(&stage, &["brake", "--all", "--for", "2h", "--reason", "ward 3 is silent"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("The brake is on for all phones (3): nothing is written there."), "{said}");

    stage.change("all.yaml", &documents("192.0.2.6")).await;
    for number in 0..PHONES {
        stage.pending(number, PendingReason::Braked).await;
    }
    let (code, shown) = command(&stage, &["status"]).await;
    assert_eq!(code, 3, "{shown}");
    let first = shown.lines().next().unwrap();
    assert!(first.starts_with("BRAKE on all phones until ") && first.ends_with("Nothing is written there."), "{shown}");
    assert!(first.contains("alice: ward 3 is silent"), "the name is that of the token: {first}");
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.contains("phoneops_brakes 1\n") && metrics.contains("phoneops_braked_phones 3\n"), "{metrics}");

    stage.stop().await;
    stage.start().await;
    stage.taken_over().await;
    for (number, phone) in (0..PHONES).zip(&phones) {
        phone.boot();
        stage.pending(number, PendingReason::Braked).await;
        idle(phone).await;
        assert_eq!(told(phone, 0).last().unwrap(), "start-up: ReadItems CleanUp", "it is read");
        assert_eq!((times_written(phone, "sntp-addr"), has(phone, "sntp-addr").as_str()), (1, "192.0.2.5"));
    }
    let (code, listed) = command(&stage, &["brake"]).await;
    assert!(code == 1 && listed.contains("all phones, ends in "), "{code} {listed}");

    let (code, said) = command(&stage, &["brake", "release", "--reason", "it was the switch"]).await;
    assert_eq!((code, said.as_str()), (0, "Released: all phones\n"));
    for (number, phone) in (0..PHONES).zip(&phones) {
        stage.reaches(number, State::InSync).await;
        assert_eq!(has(phone, "sntp-addr"), "192.0.2.6");
    }

    let (code, csv) = command(&stage, &["audit", "-o", "csv"]).await;
    assert_eq!(code, 0, "{csv}");
    let acts: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let told: Vec<_> = acts.iter().map(|act| (act[2], act[3], act[4], act[5])).collect();
    let brake = ("alice", "Brake", "all phones", "ward 3 is silent");
    assert_eq!(told, [brake, ("alice", "ReleaseBrake", "all phones", "it was the switch")]);
    let (code, verdict) = command(&stage, &["audit", "verify"]).await;
    assert!(code == 0 && verdict.starts_with("2 acts, none changed and none missing"), "{verdict}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brake_that_comes_between_two_messages_of_one_write_lets_the_second_one_wait() {
    // an item of effect safety has a message of its own, before the others
    let items = |number: &str| format!("sntp-addr: 192.0.2.5, Canonical-dialing-emergency-number: \"{number}\"");
    let yaml = profile("Enforce", &items("112")) + "---\n" + &configs(0..1);
    let stage = Stage::with(&yaml).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.set_fault(Fault::SlowReply(1));
    phone.boot();
    let number = || times_written(&phone, "Canonical-dialing-emergency-number");
    until(|| number() == 1, || "the first message never came".to_owned()).await;
    let (scope, by) = (Scope::Site(SiteName::default()), By::new("ada", "stop").unwrap());
    let hour = SignedDuration::from_hours(1);
    stage.running().shared().with_fleet(|fleet, now| fleet.brake(scope, hour, &by, now)).unwrap();
    phone.clear_fault("slow-reply");
    stage.pending(0, PendingReason::Braked).await;
    idle(&phone).await;
    assert_eq!((number(), times_written(&phone, "sntp-addr")), (1, 0), "{:#?}", told(&phone, 0));
    let (code, said) = command(&stage, &["brake", "release", "--site", "default", "--reason", "go on"]).await;
    assert_eq!(code, 0, "{said}");
    stage.reaches(0, State::InSync).await;
    assert_eq!((number(), times_written(&phone, "sntp-addr")), (1, 1), "the rest, and only the rest");
    stage.end().await;
}

/// A service with one phone that has the first of two messages of a write, and takes its time to answer it.
async fn between_two_messages(yaml: &str, seconds: u32) -> (Stage, SimPhone) {
    let stage = Stage::with(yaml).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.set_fault(Fault::SlowReply(seconds));
    phone.boot();
    let number = || times_written(&phone, "Canonical-dialing-emergency-number");
    until(|| number() == 1, || "the first message never came".to_owned()).await;
    (stage, phone)
}

fn with_policy(policy: &str) -> String {
    let items = "sntp-addr: 192.0.2.5, Canonical-dialing-emergency-number: \"112\"";
    profile("Enforce", items).replace("mode: Enforce", &format!("mode: Enforce{policy}")) + "---\n" + &configs(0..1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_between_two_messages_of_one_write_lets_nothing_of_the_second_one_leave() {
    let (stage, phone) = between_two_messages(&with_policy(""), 1).await;
    // the documents want nothing of it any more; what was written goes back
    stage.change("all.yaml", &(profile("Enforce", "") + "---\n" + &configs(0..1))).await;
    phone.clear_fault("slow-reply");
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(times_written(&phone, "sntp-addr"), 0, "{:#?}", told(&phone, 0));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_ends_between_two_messages_of_one_write_lets_the_second_one_wait() {
    // a window that is open now and closes within seconds, and opens again tomorrow
    let closes = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC) + SignedDuration::from_secs(8);
    let opened = &closes - SignedDuration::from_mins(2);
    let floor = jiff::ZonedRound::new().smallest(jiff::Unit::Minute).mode(jiff::RoundMode::Floor);
    let opened = opened.round(floor).unwrap();
    let length = closes.timestamp().duration_since(opened.timestamp()).as_secs();
    let schedule = format!("{} {} * * *", opened.minute(), opened.hour());
    let policy = format!(", windows: [{{schedule: \"{schedule}\", duration: {length}s, timeZone: UTC}}]");
    let (stage, phone) = between_two_messages(&with_policy(&policy), 4).await;
    let number = times_written(&phone, "Canonical-dialing-emergency-number");
    let over = || jiff::Timestamp::now() > closes.timestamp();
    until(over, || "the window never ends".to_owned()).await;
    phone.clear_fault("slow-reply");
    stage.pending(0, PendingReason::WindowClosed).await;
    idle(&phone).await;
    assert_eq!((number, times_written(&phone, "sntp-addr")), (1, 0), "{:#?}", told(&phone, 0));
    stage.end().await;
}
