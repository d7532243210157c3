//! Recordings of single phones for support: what they hold and what they never hold, who may begin one, and its end.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use phoneops::{
    fleet::words::{PendingReason, State},
    sim::{Model, SimPhone},
    wpi::{Item, ItemText},
};

use crate::service_stage::{LONG, Stage, command, config, has, id, idle, profile, text, until};

const SIP: &str = "Kp4wPlantedSip8Rz";
const USER: &str = "Jd2nPlantedUser6Fq";
const MINE: &str = "Wx9pPlantedMelody3";

fn wanted(server: &str) -> String {
    let of_all = profile("Enforce", &format!("sntp-addr: {server}, sip-pwd: {{file: sip}}"));
    of_all + "---\n" + &config(0, "") + "---\n" + &config(1, "")
}

async fn stage() -> Stage {
    let mut stage = Stage::dark(&wanted("192.0.2.123"));
    fs::write(stage.path("secrets").join("sip"), SIP).unwrap();
    stage.settings.wire_log = Some(stage.path("wire"));
    stage.start().await;
    stage.taken_over().await;
    stage
}

async fn phones(stage: &Stage) -> [SimPhone; 2] {
    let mut phones = Vec::new();
    for number in 0..2 {
        let mut settings = stage.phone_settings(number, Model::OpenStage40V3R5);
        settings.items = vec![Item::plain(id("user-pwd"), USER), Item::plain(id("made-up-item"), MINE)];
        phones.push(SimPhone::start(settings).await.unwrap());
        phones[number as usize].boot();
        stage.reaches(number, State::InSync).await;
    }
    phones.try_into().unwrap_or_else(|_| unreachable!())
}

fn files(stage: &Stage) -> Vec<PathBuf> {
    let entries = fs::read_dir(stage.path("wire")).map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    entries.into_iter().map(|entry| entry.unwrap().path()).collect()
}

fn recorded(stage: &Stage) -> String {
    files(stage).iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

async fn end(stage: Stage, phones: [SimPhone; 2]) {
    for phone in phones {
        phone.stop().await;
    }
    stage.end().await;
}

#[tokio::test]
async fn what_a_phone_and_the_service_say_is_recorded_without_what_is_secret() {
    let stage = stage().await;
    let phones = phones(&stage).await;
    let (code, told) = command(&stage, &["wire-log", "phone-0", "--for", "30m", "--reason", "case 4711"]).await;
    assert!(code == 0 && told.contains("phone-0 is recorded in") && told.contains("it ends in 30m"), "{code} {told}");
    stage.change("all.yaml", &wanted("192.0.2.200")).await;
    for number in 0..2 {
        stage.becomes(number, |view| view.state == State::InSync && view.drift.is_empty()).await;
    }
    until(|| phones.iter().all(|phone| has(phone, "sntp-addr") == "192.0.2.200"), || "never written".to_owned()).await;
    // written again, with what is in the document by reference and never compares, and told by the phone in clear
    assert_eq!(command(&stage, &["retry", "phone-0", "--secrets", "--reason", "x"]).await.0, 0);
    phones[0].local_change(id("user-pwd"), ItemText::Plain(USER.into()));
    phones[0].local_change(id("made-up-item"), text(MINE));
    until(|| recorded(&stage).contains("local-changes"), || recorded(&stage)).await;
    until(|| recorded(&stage).contains("name=\"sip-pwd\">***<"), || recorded(&stage)).await;
    let log = recorded(&stage);
    for part in ["case 4711", "<Action>WriteItems</Action>", "name=\"sntp-addr\">192.0.2.200<", "name=\"mac-addr\">00"]
    {
        assert!(log.contains(part), "{part} in {log}");
    }
    assert!(
        !log.contains(&phoneops::sim::mac(1).replace(':', "-")) && !log.contains("phone-1"),
        "another phone: {log}"
    );
    for planted in [SIP, USER, MINE, "JSESSIONID"] {
        assert!(!log.contains(planted), "{planted} in {log}");
    }
    let [file] = &files(&stage)[..] else { panic!("one file: {:?}", files(&stage)) };
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, listed) = command(&stage, &["wire-log"]).await;
    assert!(code == 1 && listed.contains("phone-0, ends in") && listed.contains("by alice: case 4711"), "{listed}");
    assert!(command(&stage, &["status"]).await.1.contains("What phone-0 says is recorded until"), "shown everywhere");
    let (_, shown) = command(&stage, &["status", "phone-0"]).await;
    assert!(shown.contains("What phone-0 says is recorded until") && shown.contains("(alice: case 4711)"), "{shown}");
    let notes = stage.api("GET /api/v1/phones/phone-0").await.json()["notes"].to_string();
    assert!(notes.contains("recorded until") && notes.contains("alice"), "{notes}");
    assert!(!command(&stage, &["status", "phone-1"]).await.1.contains("recorded"), "and not with others");
    let (code, ended) = command(&stage, &["wire-log", "phone-0", "--end", "--reason", "seen"]).await;
    assert!(code == 0 && ended.contains("recorded no more"), "{code} {ended}");
    assert!(!command(&stage, &["status", "phone-0"]).await.1.contains("recorded"), "no longer than that");
    until(|| recorded(&stage).contains("The recording ends: ended by alice."), || recorded(&stage)).await;
    let audit = command(&stage, &["audit"]).await.1;
    assert!(audit.contains("Record") && audit.contains("EndRecording") && audit.contains("case 4711"), "{audit}");
    let before = recorded(&stage);
    stage.change("all.yaml", &wanted("192.0.2.201")).await;
    until(|| has(&phones[0], "sntp-addr") == "192.0.2.201", || "never written".to_owned()).await;
    stage.reaches(0, State::InSync).await;
    assert_eq!(recorded(&stage), before, "nothing is recorded behind the end");
    end(stage, phones).await;
}

#[tokio::test]
async fn a_call_leaves_nothing_in_a_recording() {
    // promise 10: not that it was busy, not when, not the session in which it was, nor the one behind it
    let stage = stage().await;
    let phones = phones(&stage).await;
    assert_eq!(command(&stage, &["wire-log", "phone-0", "--for", "30m", "--reason", "x"]).await.0, 0);
    phones[0].start_call();
    stage.change("all.yaml", &wanted("192.0.2.200")).await;
    stage.pending(0, PendingReason::InCall).await;
    phones[0].end_call();
    stage.becomes(0, |view| view.state == State::InSync && view.drift.is_empty()).await;
    until(|| has(&phones[0], "sntp-addr") == "192.0.2.200", || "never written".to_owned()).await;
    idle(&phones[0]).await;
    stage.change("all.yaml", &wanted("192.0.2.201")).await;
    until(|| recorded(&stage).contains("192.0.2.201"), || recorded(&stage)).await;
    let log = recorded(&stage);
    assert!(!log.contains("busy") && !log.contains("send-solicited"), "{log}");
    let writes = log.matches("<Action>WriteItems</Action>").count();
    assert_eq!(writes, 1, "neither the write that met the call nor the one behind it is there: {log}");
    end(stage, phones).await;
}

#[tokio::test]
async fn a_recording_that_begins_in_a_call_does_not_tell_its_end_whatever_else_the_phone_waits_for() {
    let stage = stage().await;
    let phones = phones(&stage).await;
    phones[0].start_call();
    stage.change("all.yaml", &wanted("192.0.2.200")).await;
    stage.pending(0, PendingReason::InCall).await;
    assert_eq!(command(&stage, &["brake", "--all", "--for", "5m", "--reason", "x"]).await.0, 0);
    stage.pending(0, PendingReason::Braked).await;
    assert_eq!(command(&stage, &["wire-log", "phone-0", "--for", "30m", "--reason", "x"]).await.0, 0);
    assert_eq!(command(&stage, &["brake", "release", "--reason", "x"]).await.0, 0);
    phones[0].end_call();
    stage.becomes(0, |view| view.state == State::InSync && view.drift.is_empty()).await;
    until(|| has(&phones[0], "sntp-addr") == "192.0.2.200", || "never written".to_owned()).await;
    idle(&phones[0]).await;
    stage.change("all.yaml", &wanted("192.0.2.201")).await;
    until(|| recorded(&stage).contains("192.0.2.201"), || recorded(&stage)).await;
    let log = recorded(&stage);
    assert_eq!(log.matches("<Action>WriteItems</Action>").count(), 1, "{log}");
    end(stage, phones).await;
}

#[tokio::test]
async fn a_recording_whose_file_is_moved_away_ends_and_is_counted() {
    let stage = stage().await;
    let phones = phones(&stage).await;
    assert_eq!(command(&stage, &["wire-log", "phone-0", "--for", "30m", "--reason", "x"]).await.0, 0);
    until(|| recorded(&stage).contains("Recorded for alice"), || recorded(&stage)).await;
    fs::rename(&files(&stage)[0], stage.path("moved")).unwrap();
    stage.change("all.yaml", &wanted("192.0.2.200")).await;
    let deadline = tokio::time::Instant::now() + LONG;
    while command(&stage, &["wire-log"]).await.0 == 1 {
        assert!(tokio::time::Instant::now() < deadline, "it goes on");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let lost = |text: &str| {
        let count =
            text.lines().find_map(|line| line.strip_prefix("phoneops_service_bounds_hit_total{bound=\"wire-log\"} "));
        count.map(|count| count.parse::<u64>().unwrap())
    };
    // the session, and that the recording ends, which is told as soon as the disk has it
    let metrics = stage.api("GET /metrics").await.body;
    assert!(lost(&metrics) >= Some(1), "{metrics}");
    assert!(files(&stage).is_empty(), "no file is made anew");
    end(stage, phones).await;
}

#[tokio::test]
async fn a_recording_ends_by_itself() {
    let stage = stage().await;
    let phones = phones(&stage).await;
    assert_eq!(command(&stage, &["wire-log", "phone-0", "--for", "100ms", "--reason", "x"]).await.0, 0);
    until(|| recorded(&stage).contains("The recording ends: its time is over."), || recorded(&stage)).await;
    assert_eq!(command(&stage, &["wire-log"]).await, (0, "No phone is recorded.\n".to_owned()));
    end(stage, phones).await;
}

#[tokio::test]
async fn a_recording_needs_a_folder_a_phone_an_end_and_a_reason() {
    let stage = Stage::with(&wanted("192.0.2.123")).await;
    let refused = async |words: &[&str], why: &str| {
        let (code, told) = command(&stage, words).await;
        assert!(code == 2 && told.contains(why), "{words:?}: {code} {told}");
    };
    refused(&["wire-log", "phone-0", "--for", "30m", "--reason", "x"], "start the service with --wire-log DIR").await;
    refused(&["wire-log", "phone-0", "--for", "30m"], "an end and a reason").await;
    refused(&["wire-log", "phone-0", "--reason", "x"], "an end and a reason").await;
    refused(&["wire-log", "--for", "30m", "--reason", "x"], "<PHONE>").await;
    stage.end().await;
    let stage = self::stage().await;
    let refused = async |words: &[&str], why: &str| {
        let (code, told) = command(&stage, words).await;
        assert!(code == 2 && told.contains(why), "{words:?}: {code} {told}");
    };
    refused(&["wire-log", "nobody", "--for", "30m", "--reason", "x"], "there is no phone of this name").await;
    for length in ["24h1s", "25h", "0s", "-5m", "200000h"] {
        let length = format!("--for={length}");
        refused(&["wire-log", "phone-0", &length, "--reason", "x"], "24 hours at most").await;
    }
    refused(&["wire-log", "phone-0", "--for", "soon", "--reason", "x"], "such as 30m or 2h").await;
    refused(&["wire-log", "phone-0", "--end", "--reason", "x"], "not recorded").await;
    assert_eq!(stage.api("POST /api/v1/phones/phone-0/wire-log").await.status, 400);
    let without =
        crate::service_stage::api_as(stage.running().status_address, "POST /api/v1/phones/phone-0/wire-log", None);
    assert_eq!(without.await.status, 401);
    assert!(files(&stage).is_empty());
    for length in ["24h", "1s"] {
        assert_eq!(command(&stage, &["wire-log", "phone-0", "--for", length, "--reason", "x"]).await.0, 0, "{length}");
    }
    stage.end().await;
}
