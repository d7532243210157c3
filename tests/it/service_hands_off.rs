//! Phones that the running service leaves as they are: a mobile user is logged on, or another server owns them.

use phoneops::{
    fleet::words::{PendingReason, State},
    sim::Model,
};

use crate::service_stage::{Stage, config, has, id, idle, profile, text, told};

fn documents(server: &str) -> String {
    profile("Enforce", &format!("sntp-addr: {server}, mobility-enabled: true, e164: \"4930123456\""))
        + "---\n"
        + &config(1, "")
}

#[tokio::test]
async fn a_visitor_keeps_the_phone_for_himself_until_the_logoff() {
    //
    let stage = Stage::with(&documents("192.0.2.123")).await;
    let phone = stage.phone_in(1, Model::OpenStage40V3R5, State::InSync).await;
    let writes = phone.writes();
    phone.logon("4989777");
    stage.pending(1, PendingReason::MobileUser).await;
    phone.local_change(id("sntp-addr"), text("198.51.100.1"));
    stage.change("all.yaml", &documents("192.0.2.124")).await;
    idle(&phone).await;
    stage.pending(1, PendingReason::MobileUser).await;
    let view = stage.view(1);
    assert!(view.drift.iter().all(|drift| drift.observed.as_deref() != Some("198.51.100.1")), "{view:?}");
    assert_eq!((phone.writes(), phone.contacts_received()), (writes, 0));
    assert!(view.notes[0].contains("mobile user"), "{view:?}");

    phone.logoff();
    stage.reaches(1, State::InSync).await;
    idle(&phone).await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.124");
    let flows = told(&phone, 0);
    assert!(flows[1..].iter().filter(|flow| flow.starts_with("inventory")).all(|flow| flow.ends_with(": CleanUp")));
    stage.end().await;
}

#[tokio::test]
async fn a_phone_of_another_server_is_read_and_written_to_once_its_site_names_that_server() {
    let public = |settings: &mut phoneops::service::ServiceSettings| {
        settings.fleet.public_address = Some("192.0.2.77".into());
    };
    let stage = Stage::set(&documents("192.0.2.123"), public).await;
    let phone = stage.phone(1, Model::OpenStage40V3R5).await;
    phone.boot();
    stage.pending(1, PendingReason::ForeignServer).await;
    idle(&phone).await;
    assert_eq!((told(&phone, 0), phone.writes()), (vec!["start-up: ReadItems CleanUp".to_owned()], 0));
    let answer = stage.api("GET /api/v1/phones/phone-1").await.json();
    assert!(answer["notes"][0].as_str().unwrap().contains("192.0.2.10"), "{answer}");
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: default}\n\
                spec: {servers: [192.0.2.10]}\n";
    stage.change("all.yaml", &format!("{}{site}", documents("192.0.2.123"))).await;
    stage.reaches(1, State::InSync).await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.123");
    stage.end().await;
}
