//! Undo, leftovers and release by their commands, with real phones.

use phoneops::{fleet::words::State, sim::Model};

use crate::service_stage::{Stage, command, config, configs, has, profile, times_written, until};

const PHONES: u32 = 2;

fn documents(items: &str) -> String {
    profile("Enforce", items) + "---\n" + &configs(0..PHONES)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_undone_on_exactly_its_phones_and_stays_so_over_a_restart() {
    let mut stage = Stage::with(&documents("sntp-addr: 192.0.2.5")).await;
    let mut phones = Vec::new();
    for number in 0..PHONES {
        phones.push(stage.phone_in(number, Model::OpenStage40V3R5, State::InSync).await);
    }
    stage.change("all.yaml", &documents("sntp-addr: 192.0.2.6")).await;
    for (number, phone) in (0..PHONES).zip(&phones) {
        until(|| has(phone, "sntp-addr") == "192.0.2.6", || format!("{number}")).await;
        stage.reaches(number, State::InSync).await;
    }
    let revision = stage.view(0).revision.unwrap();

    let (code, told) = command(&stage, &["undo", &revision, "--dry-run"]).await;
    let line = "  sntp-addr = 192.0.2.5 on 2: phone-0, phone-1";
    assert!(code == 0 && told.contains("would be put back") && told.contains(line), "{code} {told}");
    let (code, said) = command(&stage, &["undo", "dir-nothing", "--reason", "x"]).await;
    assert!(code == 2 && said.contains("no phone was changed by a revision dir-nothing"), "{said}");
    let (code, _) = command(&stage, &["undo", &revision]).await;
    assert_eq!(code, 2, "an undo needs a reason");
    let (code, said) = command(&stage, &["undo", &revision, "--reason", "wrong server"]).await;
    assert!(code == 0 && said.contains("on 2 phones something is put back"), "{said}");
    for (number, phone) in (0..PHONES).zip(&phones) {
        until(|| has(phone, "sntp-addr") == "192.0.2.5", || format!("{number} never undone")).await;
        stage.reaches(number, State::InSync).await;
    }
    stage.stop().await;
    stage.start().await;
    stage.taken_over().await;
    for (number, phone) in (0..PHONES).zip(&phones) {
        phone.boot();
        until(|| phone.transcript().len() > 8, || "no session".to_owned()).await;
        stage.reaches(number, State::InSync).await;
        assert_eq!((times_written(phone, "sntp-addr"), has(phone, "sntp-addr").as_str()), (3, "192.0.2.5"));
    }
    let (_, csv) = command(&stage, &["audit", "-o", "csv"]).await;
    assert!(csv.contains(",alice,Undo,"), "{csv}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_phone_is_released_or_dismissed_and_what_is_left_over_is_listed() {
    let items = "e164: \"4930100\", reg-addr: 192.0.2.20, registrar-addr: 192.0.2.20";
    let profile = profile("Enforce", "sntp-addr: 192.0.2.5");
    let both = config(0, items) + "---\n" + &config(1, "");
    let stage = Stage::with(&format!("{profile}---\n{both}")).await;
    let mut phones = Vec::new();
    for number in 0..PHONES {
        phones.push(stage.phone_in(number, Model::OpenStage40V3R5, State::InSync).await);
    }
    assert_eq!(has(&phones[0], "reg-addr"), "192.0.2.20");
    assert_eq!(command(&stage, &["leftovers"]).await, (0, "Nothing is left over.\n".to_owned()));
    let (code, said) = command(&stage, &["release", "phone-0", "--reason", "gone"]).await;
    assert!(code == 2 && said.contains("take it out of the documents first"), "{said}");
    stage.change("all.yaml", &profile).await;
    for number in 0..PHONES {
        stage.reaches(number, State::Abandoned).await;
    }
    let (code, left) = command(&stage, &["leftovers"]).await;
    assert!(code == 1 && left.contains("sntp-addr = 192.0.2.5 on 2: phone-0, phone-1"), "{left}");

    let (code, said) = command(&stage, &["dismiss", "phone-1", "--reason", "sold with what it has"]).await;
    assert_eq!((code, said.as_str()), (0, "phone-1: it is forgotten, and keeps what it has\n"));
    let written = phones[1].transcript().len();
    let (code, said) = command(&stage, &["release", "phone-0", "--reason", "goes to another house"]).await;
    assert!(code == 0 && said.contains("its account is taken off it"), "{said}");
    until(|| has(&phones[0], "registrar-addr") == "NULL", || has(&phones[0], "registrar-addr")).await;
    assert_eq!((has(&phones[0], "e164").as_str(), has(&phones[0], "reg-addr").as_str()), ("NULL", ""), "R-1220");
    assert_eq!(has(&phones[0], "sntp-addr"), "192.0.2.5", "and nothing else");
    let (_, page) = command(&stage, &["status", "-o", "json"]).await;
    assert!(!page.contains("Abandoned"), "{page}");
    assert_eq!(phones[1].transcript().len(), written, "nothing was said to the other one");
    let (_, csv) = command(&stage, &["audit", "-o", "csv"]).await;
    assert!(csv.contains(",alice,Release,") && csv.contains(",alice,Dismiss,"), "{csv}");
    stage.end().await;
}
