//! Each flow of section 7 of the protocol, between the running service and simulated phones over real TLS.

use std::time::Duration;

use phoneops::{
    fleet::words::{DegradedReason, PendingReason, State},
    sim::{Fault, Model},
};

use crate::service_stage::{LONG, Stage, config, has, id, idle, profile, text, times_written, told};

const WANTED: &str = "sntp-addr: 192.0.2.123, sntp-tz-offset: 60, sip-name: Reception";

fn enforced(items: &str) -> String {
    profile("Enforce", items) + "---\n" + &config(1, "")
}

#[tokio::test]
async fn a_start_up_is_read_written_and_read_back() {
    //
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.phone_in(1, Model::OpenStage40V3R5, State::InSync).await;
    assert_eq!(told(&phone, 0), ["start-up: ReadItems WriteItems ReadItems CleanUp"]);
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.123");
    assert_eq!(has(&phone, "sip-name"), "Reception");
    let view = stage.view(1);
    assert!(view.last_proof.is_some() && view.drift_count == 0, "{view:?}");
    // in sync: the next start is read and not written
    phone.restart();
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    assert_eq!(told(&phone, 4), ["start-up: ReadItems CleanUp"]);
    assert_eq!(phone.contacts_received(), 0, "nobody was asked to call");
    stage.end().await;
}

#[tokio::test]
async fn a_local_change_without_values_is_read_and_put_right_in_a_session_of_its_own() {
    //
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.phone_in(1, Model::OpenStage20V2R1, State::InSync).await;
    phone.local_change(id("sntp-addr"), text("198.51.100.1"));
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(1, State::InSync).await;
    let flows = told(&phone, 4);
    assert_eq!(flows, ["local-changes: ReadItems CleanUp", "solicited: ReadItems WriteItems ReadItems CleanUp"]);
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.123");
    stage.end().await;
}

#[tokio::test]
async fn a_local_change_with_its_values_is_taken_over_and_put_right_in_a_session_of_its_own() {
    //
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.phone_in(1, Model::OpenStage40V3R5, State::InSync).await;
    phone.local_change(id("sip-name"), text("Mine"));
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(1, State::InSync).await;
    assert_eq!(told(&phone, 4), ["local-changes: CleanUp", "solicited: ReadItems WriteItems ReadItems CleanUp"]);
    assert_eq!(has(&phone, "sip-name"), "Reception");
    stage.end().await;
}

#[tokio::test]
async fn a_phone_that_reports_the_servers_own_write_as_a_local_change_makes_no_loop() {
    //
    let stage = Stage::with(&enforced(WANTED)).await;
    let mut settings = stage.phone_settings(1, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::LocalChangesAfterWrite];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(1, State::InSync).await;
    assert_eq!(told(&phone, 4), ["local-changes: CleanUp"]);
    assert_eq!((phone.writes(), phone.contacts_received()), (1, 0));
    stage.end().await;
}

#[tokio::test]
async fn a_local_change_of_what_nobody_manages_asks_nobody_to_call() {
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.phone_in(1, Model::OpenStage40V3R5, State::InSync).await;
    phone.local_change(id("ringer-volume"), text("9"));
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(1, State::InSync).await;
    assert_eq!((phone.writes(), phone.contacts_received()), (1, 0));
    stage.end().await;
}

#[tokio::test]
async fn inventory_changes_are_taken_note_of() {
    //
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.phone_in(1, Model::OpenStage60V3R1, State::InSync).await;
    phone.plug_in_module();
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(told(&phone, 4), ["inventory-changes: CleanUp"]);
    stage.reaches(1, State::InSync).await;
    stage.end().await;
}

#[tokio::test]
async fn a_changed_document_is_carried_to_the_phone_by_contact_me() {
    //
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.phone_in(1, Model::OpenStage40V3R5, State::InSync).await;
    stage.change("all.yaml", &enforced(&WANTED.replace("192.0.2.123", "192.0.2.200"))).await;
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(1, State::InSync).await;
    assert_eq!(told(&phone, 4), ["solicited: ReadItems WriteItems ReadItems CleanUp"]);
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.200");
    assert_eq!(phone.contacts_received(), 1);
    let writes = phone.transcript();
    let ids: Vec<_> = writes.iter().rev().find(|exchange| !exchange.written().is_empty()).unwrap().written().to_vec();
    assert_eq!(ids, [id("sntp-addr")], "only what differs is written");
    stage.end().await;
}

#[tokio::test]
async fn a_phone_in_a_call_changes_after_the_call_without_being_asked_again() {
    //
    for model in [Model::OpenStage40V3R5, Model::Cp210] {
        let stage = Stage::with(&enforced(WANTED)).await;
        let phone = stage.phone_in(1, model, State::InSync).await;
        phone.start_call();
        stage.change("all.yaml", &enforced("sntp-addr: 192.0.2.200")).await;
        stage.pending(1, PendingReason::InCall).await;
        let pending = stage.view(1).pending.unwrap();
        assert_eq!((pending.since, pending.next), (None, None), "nobody learns when people talk");
        idle(&phone).await;
        assert_eq!(told(&phone, 4), ["solicited: ReadItems WriteItems CleanUp+wish"]);
        phone.end_call();
        phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
        stage.reaches(1, State::InSync).await;
        assert_eq!(told(&phone, 7), ["solicited: ReadItems WriteItems ReadItems CleanUp"]);
        assert_eq!(phone.contacts_received(), 1);
        assert_eq!(has(&phone, "sntp-addr"), "192.0.2.200");
        stage.end().await;
    }
}

#[tokio::test]
async fn a_phone_that_refuses_reads_in_a_call_keeps_its_job() {
    // busy after any action
    let stage = Stage::with(&enforced(WANTED)).await;
    let mut settings = stage.phone_settings(1, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::ReadsBusy];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(1, State::InSync).await;
    idle(&phone).await;
    phone.start_call();
    stage.change("all.yaml", &enforced("sntp-addr: 192.0.2.200")).await;
    stage.pending(1, PendingReason::InCall).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 4), ["solicited: ReadItems CleanUp+wish"], "a write waits that may be sent");
    phone.end_call();
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(1, State::InSync).await;
    stage.end().await;
}

#[tokio::test]
async fn nobody_is_asked_to_call_after_the_call_when_no_write_waits() {
    // a start-up in a call, with reads refused too, in sync or in Report
    for mode in ["Enforce", "Report"] {
        let stage = Stage::with(&(profile(mode, "sntp-addr: 192.0.2.1") + "---\n" + &config(1, ""))).await;
        let phone = stage.phone(1, Model::OpenStage40V3R5).await;
        phone.boot();
        stage.reaches(1, State::InSync).await;
        idle(&phone).await;
        phone.set_fault(Fault::BusyTimes(1));
        stage.ask_to_call(1).await;
        phone.wait_for(|view| view.counts().busy == 1 && view.is_idle(), LONG).await.unwrap();
        assert_eq!(told(&phone, 2), ["solicited: ReadItems CleanUp"], "{mode}");
        assert!(phone.look(|view| !view.has_wish()));
        stage.end().await;
    }
}

#[tokio::test]
async fn a_phone_that_knows_no_wish_is_asked_again_after_a_while() {
    //
    let stage = Stage::set(&enforced(WANTED), |settings| settings.fleet.call_wait = Duration::from_millis(150)).await;
    let phone = stage.phone_in(1, Model::OpenStage60V3R1, State::InSync).await;
    phone.start_call();
    stage.change("all.yaml", &enforced("sntp-addr: 192.0.2.200")).await;
    phone.wait_for(|view| view.counts().busy >= 2, LONG).await.unwrap();
    phone.end_call();
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(1, State::InSync).await;
    assert!(phone.transcript().iter().all(|exchange| !exchange.send_solicited()));
    assert!(phone.contacts_received() >= 3, "{}", phone.counts());
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.200");
    stage.end().await;
}

#[tokio::test]
async fn a_refused_item_is_told_and_not_tried_again_until_it_is_another() {
    //
    let stage = Stage::with(&enforced("sntp-addr: 192.0.2.9, blf-code: \"*8\", language-iso: de")).await;
    let mut settings = stage.phone_settings(1, Model::OpenStage40V3R5);
    settings.items.push(phoneops::wpi::Item::plain(id("blf-code"), "*7"));
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.set_fault(Fault::WriteStatus("language-iso".into(), "not supported".into()));
    stage.reaches(1, State::Degraded).await;
    let view = stage.view(1);
    assert_eq!(view.degraded, [DegradedReason::Refused]);
    assert_eq!(view.refused.len(), 1);
    assert_eq!((view.refused[0].item.as_str(), view.refused[0].status.as_str()), ("language-iso", "not supported"));
    assert_eq!((has(&phone, "sntp-addr").as_str(), has(&phone, "blf-code").as_str()), ("192.0.2.9", "*8"));
    idle(&phone).await;
    let before = phone.transcript().len();
    stage.ask_to_call(1).await;
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(told(&phone, before), ["solicited: ReadItems CleanUp"], "not tried again unchanged");
    phone.clear_fault("write-status");
    stage.change("all.yaml", &enforced("sntp-addr: 192.0.2.9, blf-code: \"*8\", language-iso: fr")).await;
    stage.reaches(1, State::InSync).await;
    assert_eq!(has(&phone, "language-iso"), "fr");
    stage.end().await;
}

#[tokio::test]
async fn an_item_refused_by_the_write_alone_is_told_and_not_tried_again() {
    // R-901, R-1212: nobody reads a secret back, so only the write can tell
    let stage = Stage::with(&enforced("sntp-addr: 192.0.2.9")).await;
    std::fs::write(stage.path("secrets/ldap"), "quite-unguessable").unwrap();
    let phone = stage.phone(1, Model::OpenStage40V3R5).await;
    phone.set_fault(Fault::ItemStatus("ldap-pwd".into(), "invalid data".into()));
    phone.boot();
    stage.reaches(1, State::InSync).await;
    idle(&phone).await;
    stage.change("all.yaml", &enforced("sntp-addr: 192.0.2.9, ldap-pwd: {file: ldap}")).await;
    stage.reaches(1, State::Degraded).await;
    idle(&phone).await;
    let view = stage.view(1);
    assert_eq!((view.refused[0].item.as_str(), view.refused[0].status.as_str()), ("ldap-pwd", "invalid data"));
    assert_eq!(times_written(&phone, "ldap-pwd"), 1);
    let ended = phone.counts().ended;
    stage.ask_to_call(1).await;
    phone.wait_for(|view| view.counts().ended == ended + 1 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(times_written(&phone, "ldap-pwd"), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_reply_in_parts_is_put_together_before_it_counts() {
    //
    let stage = Stage::with(&enforced(WANTED)).await;
    let mut settings = stage.phone_settings(1, Model::OpenStage40V3R5);
    settings.fragment_items = Some(1);
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(1, State::InSync).await;
    idle(&phone).await;
    let parts = "ReadItems GetNextFragment GetNextFragment";
    assert_eq!(told(&phone, 0), [format!("start-up: {parts} WriteItems {parts} CleanUp")]);
    stage.end().await;
}
