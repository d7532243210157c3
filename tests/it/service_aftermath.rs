//! Phones that restart, move or are reset, and items that they do not take, under the running service.

use phoneops::{
    fleet::words::{DegradedReason, PendingReason, State},
    sim::{Fault, Model},
};

use crate::service_stage::{LONG, Stage, configs, has, idle, own_address, profile, times_written, told};

const WANTED: &str = "sntp-addr: 192.0.2.123, sip-name: Reception";
const WRITTEN: &str = "start-up: ReadItems WriteItems ReadItems CleanUp";
const IN_SYNC: &str = "start-up: ReadItems CleanUp";

fn enforced(items: &str) -> String {
    profile("Enforce", items) + "---\n" + &configs(0..1)
}

#[tokio::test]
async fn a_phone_that_restarts_for_a_write_is_read_after_it_and_written_once() {
    // R-1215, R-1404, promise 3: with its reply, and without
    let restart = Fault::RestartAfter("sip-name".into(), None);
    for (faults, first) in [
        (vec![restart.clone()], WRITTEN.to_owned()),
        (vec![restart, Fault::AppliesAtOnce], "start-up: ReadItems WriteItems".to_owned()),
    ] {
        let stage = Stage::with(&enforced(WANTED)).await;
        let phone = stage.faulty(&faults).await;
        phone.wait_for(|view| view.counts().flows == 2, LONG).await.unwrap();
        stage.reaches(0, State::InSync).await;
        idle(&phone).await;
        assert_eq!(told(&phone, 0), [first, IN_SYNC.to_owned()]);
        assert_eq!((times_written(&phone, "sip-name"), has(&phone, "sip-name")), (1, "Reception".to_owned()));
        stage.end().await;
    }
}

#[tokio::test]
async fn a_phone_that_moved_is_asked_to_call_where_it_is_now() {
    // R-303, R-1214
    let there = own_address();
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.faulty(&[Fault::MoveAfter("sip-name".into(), there)]).await;
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    stage.becomes(0, |view| view.state == State::InSync && view.address == Some(there.to_string())).await;
    phone.clear_fault("move-after");
    stage.change("all.yaml", &enforced("sntp-addr: 192.0.2.200, sip-name: Reception")).await;
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(0, State::InSync).await;
    assert_eq!(phone.contacts_received(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_phone_that_fell_silent_waits_and_is_not_written_again() {
    // R-306, R-1214: what it took was proven before it went
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.faulty(&[Fault::SilentAfter("sip-name".into())]).await;
    phone.wait_for(phoneops::sim::PhoneView::is_silent, LONG).await.unwrap();
    stage.change("all.yaml", &enforced("sntp-addr: 192.0.2.200, sip-name: Reception")).await;
    stage.pending(0, PendingReason::Unreachable).await;
    phone.wait_for(|view| view.counts().knocks >= 1, LONG).await.unwrap();
    assert_eq!(phone.writes(), 1);
    // somebody goes there and switches it off and on
    phone.clear_fault("silent-after");
    phone.boot();
    stage.reaches(0, State::InSync).await;
    assert_eq!((phone.writes(), has(&phone, "sntp-addr")), (2, "192.0.2.200".to_owned()));
    stage.end().await;
}

#[tokio::test]
async fn a_phone_that_was_reset_by_a_person_gets_everything_again() {
    // R-406, R-1508
    let stage = Stage::with(&enforced("sntp-addr: 192.0.2.123, e164: \"4201\"")).await;
    let phone = stage.faulty(&[]).await;
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(has(&phone, "e164"), "4201");
    phone.factory_reset();
    assert_eq!(has(&phone, "e164"), "");
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(0, State::InSync).await;
    assert_eq!((told(&phone, 4), has(&phone, "e164")), (vec![WRITTEN.to_owned()], "4201".to_owned()));
    stage.end().await;
}

#[tokio::test]
async fn an_item_that_dhcp_sets_is_refused_in_the_phones_word_and_the_rest_is_written() {
    //
    let stage = Stage::with(&enforced(WANTED)).await;
    let phone = stage.faulty(&[Fault::FixedByDhcp("sntp-addr".into())]).await;
    stage.reaches(0, State::Degraded).await;
    idle(&phone).await;
    let view = stage.view(0);
    assert_eq!((view.degraded, view.refused.len()), (vec![DegradedReason::Refused], 1));
    assert_eq!((view.refused[0].item.as_str(), view.refused[0].status.as_str()), ("sntp-addr", "read only"));
    assert_eq!((times_written(&phone, "sntp-addr"), has(&phone, "sip-name")), (1, "Reception".to_owned()));
    stage.end().await;
}

#[tokio::test]
async fn a_value_that_old_firmware_would_garble_never_reaches_it() {
    // V1 and V2 leave some entities as they are
    let documents = enforced("sntp-addr: 192.0.2.123, sip-name: \"Front & back\"");
    let stage = Stage::with(&documents).await;
    let phone = stage.phone_in(0, Model::OpenStage20V2R1, State::Degraded).await;
    assert_eq!((times_written(&phone, "sip-name"), times_written(&phone, "sntp-addr")), (0, 1));
    assert_eq!(stage.view(0).refused[0].item, "sip-name");
    stage.end().await;
    let stage = Stage::with(&documents).await;
    let phone = stage.phone_in(0, Model::OpenStage60V3R1, State::InSync).await;
    assert_eq!(has(&phone, "sip-name"), "Front & back");
    stage.end().await;
}
