//! Phones that cannot agree on TLS with the service are listed with cause and remedy (R-1003, R-1004).

use phoneops::{
    fleet::words::State,
    phone::TlsMode,
    sim::{Fault, Model},
};

use crate::service_stage::{LONG, Stage, configs, profile, told};

fn enforced() -> String {
    profile("Enforce", "sntp-addr: 192.0.2.123") + "---\n" + &configs(0..1)
}

#[tokio::test]
async fn an_old_phone_is_listed_with_the_cause_and_the_setting_that_helps() {
    let stage = Stage::with(&enforced()).await;
    let phone = stage.phone_in(0, Model::OpenStage60V3R1, State::InSync).await;
    // as after a downgrade of its firmware: from now on TLS 1.0 only
    phone.set_fault(Fault::Tls10);
    phone.restart();
    phone.wait_for(|view| view.counts().lost >= 1, LONG).await.unwrap();
    let listed = stage.api("GET /api/v1/undeclared").await.json();
    let failure = &listed["handshakes"][0];
    assert_eq!(failure["phone"], "phone-0", "last heard of there: {listed}");
    assert_eq!(failure["highestVersion"], "TLS 1.0", "{listed}");
    assert!(failure["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{listed}");
    assert!(failure["remedy"].as_str().unwrap().contains("legacy"), "{listed}");
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.lines().any(|line| line.contains("handshake") && line.contains("fail")), "{metrics}");
    phone.clear_fault("tls-1.0");
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn a_legacy_listener_serves_an_old_phone() {
    let stage = Stage::set(&enforced(), |settings| settings.phone.tls = TlsMode::Legacy).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage20V2R1);
    settings.faults = vec![Fault::Tls10];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(0, State::InSync).await;
    assert_eq!(told(&phone, 0)[0].split(' ').next(), Some("start-up:"));
    assert_eq!(phone.counts().lost, 0);
    let listed = stage.api("GET /api/v1/undeclared").await.json();
    assert_eq!(listed["handshakes"].as_array().map(Vec::len), Some(0), "{listed}");
    stage.end().await;
}
