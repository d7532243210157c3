//! Drift over real sockets: what people see of it, when phoneops stops putting it right, and what the history keeps.

use phoneops::{
    fleet::{
        history::{ChangeView, HistoryPage},
        words::{ChangeCause, ChangeResult, DegradedReason, State, TugOfWar},
    },
    sim::{Model, SimPhone},
};

use crate::{
    service_child::{Program, phoneops, run},
    service_stage::{LONG, Stage, api_as, config, configs, has, id, idle, profile, ready, text, times_written, until},
};

const ITEMS: &str = "sntp-addr: 192.0.2.123, sip-name: Reception";

fn documents(policy: &str) -> String {
    profile("Enforce", ITEMS).replace("mode: Enforce", &format!("mode: Enforce{policy}")) + "---\n" + &config(0, "")
}

/// Somebody sets an item at the phone, and the service comes to know of it.
async fn set(phone: &SimPhone, item: &str, value: &str) {
    let ended = phone.counts().ended;
    phone.local_change(id(item), text(value));
    phone.wait_for(move |view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
}

async fn history(stage: &Stage, query: &str, enough: impl Fn(&[ChangeView]) -> bool) -> Vec<ChangeView> {
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let answer = stage.api(&format!("GET /api/v1/history?{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let page: HistoryPage = serde_json::from_value(answer.json()).unwrap();
        if enough(&page.changes) {
            return page.changes;
        }
        assert!(tokio::time::Instant::now() < deadline, "never so: {:#?}", page.changes);
        tokio::time::sleep(std::time::Duration::from_millis(4)).await;
    }
}

#[tokio::test]
async fn an_item_that_somebody_keeps_changing_is_left_alone_and_the_phones_others_are_not() {
    let mut stage = Stage::with(&documents(", selfHealLimit: 2")).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    assert_eq!((stage.view(0).proven, stage.view(0).managed), (2, 2));
    for round in 1..=3 {
        set(&phone, "sntp-addr", "192.0.2.9").await;
        if round < 3 {
            stage.reaches(0, State::InSync).await;
            assert_eq!(has(&phone, "sntp-addr"), "192.0.2.123");
        }
    }
    stage.reaches(0, State::Degraded).await;
    let shown = stage.api("GET /api/v1/phones/phone-0").await.json();
    assert_eq!(shown["degraded"], serde_json::json!(["TugOfWar"]));
    assert_eq!((&shown["proven"], &shown["managed"]), (&1.into(), &2.into()));
    assert_eq!((&shown["drift"][0]["times"], shown["drift"][0]["firstSeen"].is_string()), (&3.into(), true));
    assert_eq!((&shown["tugOfWar"][0]["item"], &shown["tugOfWar"][0]["cause"]), (&"sntp-addr".into(), &"Item".into()));

    set(&phone, "sip-name", "Mine").await;
    until(|| has(&phone, "sip-name") == "Reception", || "sip-name".to_owned()).await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.9");
    let written = times_written(&phone, "sntp-addr");

    stage.stop().await;
    stage.start().await;
    stage.taken_over().await;
    phone.boot();
    stage.becomes(0, |view| view.degraded == [DegradedReason::TugOfWar]).await;
    idle(&phone).await;
    assert_eq!(times_written(&phone, "sntp-addr"), written, "nor after a restart");

    stage.change("all.yaml", &documents(", selfHealLimit: 2").replace("192.0.2.123", "192.0.2.124")).await;
    stage.reaches(0, State::InSync).await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.124", "someone changed it");
    stage.end().await;
}

#[tokio::test]
async fn another_server_at_a_site_is_told_in_one_line_and_a_metric_and_not_fought() {
    let program = Program::serve(&(profile("Enforce", ITEMS) + "---\n" + &configs(0..7)), &[]);
    ready(program.status).await;
    let mut phones = Vec::new();
    for number in 0..7 {
        let phone = program.phone(number, Model::OpenStage40V3R5).await;
        phone.boot();
        program.reaches(number, State::InSync).await;
        phones.push(phone);
    }
    for phone in &phones {
        phone.local_change(id("sntp-addr"), text("192.0.2.66"));
    }
    let stopped = |view: &phoneops::fleet::view::PhoneView| {
        view.tug_of_war.iter().any(|held| held.cause == TugOfWar::Site && held.item == "sntp-addr")
    };
    let stops = async || api_as(program.status, "GET /metrics", None).await.body;
    let deadline = tokio::time::Instant::now() + LONG;
    while !stops().await.contains("phoneops_healing_stopped_sites 1\n") {
        assert!(tokio::time::Instant::now() < deadline, "it goes on for ever");
    }
    // those that had been put right before are left alone from now on
    for (number, phone) in (0..).zip(&phones) {
        idle(phone).await;
        set(phone, "sntp-addr", "192.0.2.67").await;
        program.becomes(number, stopped).await;
    }
    let lines = program.log().lines().filter(|line| line.contains("another server or person writes there")).count();
    assert_eq!(lines, 1);
    for phone in phones {
        assert_eq!(has(&phone, "sntp-addr"), "192.0.2.67");
        phone.stop().await;
    }
}

#[tokio::test]
async fn an_ignored_item_is_left_alone_and_shows_with_its_reason() {
    let rule = ", ignore: [{item: sntp-addr, reason: The ward has its own clock}]";
    let stage = Stage::with(&documents(rule)).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    set(&phone, "sntp-addr", "192.0.2.9").await;
    set(&phone, "sip-name", "Mine").await;
    until(|| has(&phone, "sip-name") == "Reception", || "sip-name".to_owned()).await;
    stage.reaches(0, State::InSync).await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.9");
    let view = stage.view(0);
    assert_eq!((view.ignored_count, view.ignored[0].reason.as_str()), (1, "The ward has its own clock"));
    let mut command = phoneops("status");
    command.args(["phone-0", "--server", &format!("http://{}", stage.running().status_address)]);
    let (code, out) = run(command).await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("1/2 proven, 0 differ, 1 ignored") && out.contains("The ward has its own clock"), "{out}");
    stage.end().await;
}

#[tokio::test]
async fn the_history_tells_what_changed_and_outlives_a_restart() {
    let mut stage = Stage::with(&documents("")).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    history(&stage, "phone=phone-0", |changes| changes.len() == 2).await;
    set(&phone, "sntp-addr", "192.0.2.9").await;
    stage.reaches(0, State::InSync).await;
    let told = history(&stage, "phone=phone-0&item=sntp-addr", |changes| changes.len() == 3).await;
    let values = |change: &ChangeView| (change.new.clone().unwrap(), change.cause, change.result);
    assert_eq!(values(&told[0]), ("192.0.2.123".to_owned(), ChangeCause::Drift, ChangeResult::Proven));
    assert_eq!(values(&told[1]), ("192.0.2.9".to_owned(), ChangeCause::Drift, ChangeResult::Seen));
    assert_eq!(values(&told[2]), ("192.0.2.123".to_owned(), ChangeCause::Revision, ChangeResult::Proven));
    assert!(told.windows(2).all(|pair| pair[0].at >= pair[1].at), "the newest first");

    stage.stop().await;
    stage.start().await;
    stage.taken_over().await;
    history(&stage, "item=sntp-addr&limit=2", |changes| changes.len() == 2).await;
    let server = format!("http://{}", stage.running().status_address);
    let mut command = phoneops("history");
    command.args(["phone-0", "--item", "sntp-addr", "--since", "1h", "--server", &server]);
    let (code, out) = run(command).await;
    assert_eq!((code, out.lines().count()), (0, 4), "{out}");
    let mut command = phoneops("history");
    command.args(["-o", "json", "--limit", "3", "--server", &server]);
    let (code, out) = run(command).await;
    let lines: Vec<ChangeView> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, lines.len()), (0, 3), "{out}");
    for (wrong, status) in [("since=yesterday", 400), ("limit=0", 400), ("colour=red", 400)] {
        assert_eq!(stage.api(&format!("GET /api/v1/history?{wrong}")).await.status, status, "{wrong}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_call_leaves_no_trace_in_the_history() {
    let stage = Stage::with(&documents("")).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let before = history(&stage, "", |changes| changes.len() == 2).await;
    phone.start_call();
    stage.change("all.yaml", &documents("").replace("192.0.2.123", "192.0.2.124")).await;
    stage.pending(0, phoneops::fleet::words::PendingReason::InCall).await;
    assert_eq!(history(&stage, "", |_| true).await, before, "promise 10");
    phone.end_call();
    stage.reaches(0, State::InSync).await;
    let after = history(&stage, "", |changes| changes.len() == 3).await;
    assert_eq!((after[0].result, after[0].word.as_deref()), (ChangeResult::Proven, None));
    stage.end().await;
}
