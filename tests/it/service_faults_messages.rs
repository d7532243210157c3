//! The fault menu against the running service: nonces, order and text of messages (F-1 to F-11, F-22 to F-25). What is
//! not here is in `service_odd_phones`; the table in `tests/README.md` tells which.

use phoneops::{
    fleet::words::{PendingReason, State},
    sim::{Fault, Model, SimPhone},
};

use crate::service_stage::{LONG, Stage, config, configs, has, idle, profile, told};

const WANTED: &str = "sntp-addr: 192.0.2.123, sip-name: Reception";
const WRITTEN: &str = "start-up: ReadItems WriteItems ReadItems CleanUp";

fn enforced() -> String {
    profile("Enforce", WANTED) + "---\n" + &configs(0..1)
}

/// The fault is gone and the phone is switched on again: it is served as ever.
async fn is_served_without(stage: &Stage, phone: &SimPhone, fault: &Fault) {
    assert_eq!(phone.writes(), 0, "{fault}: {:?}", told(phone, 0));
    let before = phone.transcript().len();
    assert!(phone.clear_fault(fault.name()));
    phone.restart();
    stage.reaches(0, State::InSync).await;
    idle(phone).await;
    assert_eq!(told(phone, before).last().unwrap(), WRITTEN, "{fault}");
}

#[tokio::test]
async fn phones_that_all_use_one_nonce_are_told_apart() {
    // F-4, R-603: a nonce names no flow
    let each = |number| config(number, &format!("e164: \"420{number}\""));
    let documents = profile("Enforce", WANTED) + "---\n" + &(0..3).map(each).collect::<Vec<_>>().join("---\n");
    let stage = Stage::with(&documents).await;
    let mut phones = Vec::new();
    for number in 0..3 {
        let mut settings = stage.phone_settings(number, Model::OpenStage40V3R5);
        settings.faults = vec![Fault::NonceSame];
        settings.keep_alive = false;
        phones.push(stage.phone_of(settings).await);
    }
    phones.iter().for_each(SimPhone::boot);
    for (number, phone) in (0..).zip(&phones) {
        stage.reaches(number, State::InSync).await;
        idle(phone).await;
        assert_eq!((told(phone, 0), has(phone, "e164")), (vec![WRITTEN.to_owned()], format!("420{number}")));
    }
    stage.end().await;
}

#[tokio::test]
async fn a_declared_phone_without_a_nonce_is_sent_away_and_stays_unknown() {
    // F-3, R-214
    let stage = Stage::with(&enforced()).await;
    let phone = stage.faulty(&[Fault::NonceMissing]).await;
    phone.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    assert_eq!((told(&phone, 0), stage.view(0).state), (vec!["start-up: CleanUp".to_owned()], State::Unknown));
    is_served_without(&stage, &phone, &Fault::NonceMissing).await;
    stage.end().await;
}

#[tokio::test]
async fn a_phone_that_always_replies_to_another_action_is_never_written() {
    // F-11, R-211
    let stage = Stage::with(&enforced()).await;
    let phone = stage.faulty(&[Fault::WrongAction]).await;
    phone.wait_for(|view| view.counts().ended >= 3, LONG).await.unwrap();
    assert!(told(&phone, 0).iter().all(|flow| flow.ends_with(": ReadItems CleanUp")), "{:?}", told(&phone, 0));
    stage.pending(0, PendingReason::Queued).await;
    is_served_without(&stage, &phone, &Fault::WrongAction).await;
    stage.end().await;
}

#[tokio::test]
async fn a_phone_whose_messages_cannot_be_read_stays_unknown_until_they_can() {
    // F-24, F-25, R-213, R-214
    for fault in [Fault::NotWellFormed, Fault::Dtd, Fault::HugeBody] {
        let stage = Stage::with(&enforced()).await;
        let phone = stage.faulty(std::slice::from_ref(&fault)).await;
        phone.wait_for(|view| view.exchanges().count() >= 2, LONG).await.unwrap();
        let unusable = told(&phone, 0);
        assert!(unusable.iter().all(|flow| flow.contains("HTTP status 4")), "{fault}: {unusable:?}");
        assert_eq!(stage.view(0).state, State::Unknown, "{fault}");
        is_served_without(&stage, &phone, &fault).await;
        stage.end().await;
    }
}
