//! The fault menu against the running service: times, files, identities and certificates (F-26 to F-41).

use std::time::Duration;

use phoneops::{
    fleet::words::State,
    sim::{Fault, Model},
};

use crate::service_stage::{LONG, Stage, config, configs, has, idle, mac, own_address, profile, told};

const WANTED: &str = "sntp-addr: 192.0.2.123, sip-name: Reception";
const WRITTEN: &str = "start-up: ReadItems WriteItems ReadItems CleanUp";

fn enforced() -> String {
    profile("Enforce", WANTED) + "---\n" + &configs(0..1)
}

#[tokio::test]
async fn a_slow_reply_is_waited_for_and_one_that_comes_too_late_is_cleaned_up() {
    // F-29, R-204, R-215
    let stage = Stage::with(&enforced()).await;
    let phone = stage.faulty(&[Fault::SlowReply(1)]).await;
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 0), [WRITTEN]);
    assert!(phone.transcript().iter().all(|exchange| exchange.connection == 1), "the connection is kept");
    stage.end().await;
    let quick = Duration::from_millis(200);
    let stage = Stage::set(&enforced(), |settings| settings.fleet.flow_idle = quick).await;
    let phone = stage.faulty(&[Fault::SlowReply(1)]).await;
    phone.wait_for(|view| view.counts().ended >= 1, LONG).await.unwrap();
    assert_eq!(told(&phone, 0)[0], "start-up: ReadItems CleanUp");
    assert_eq!(phone.writes(), 0);
    phone.clear_fault("slow-reply");
    stage.reaches(0, State::InSync).await;
    assert_eq!(phone.writes(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_file_status_that_nobody_waits_for_is_an_occasion_to_read_and_no_more() {
    // F-32, F-33, R-718: this version deploys no files; another server may have
    let stage = Stage::with(&enforced()).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    for word in ["ok", "failed", "Kaffeepause"] {
        let ended = phone.counts().ended;
        phone.set_fault(Fault::StatusWord(word.into()));
        phone.file_arrived("logo.bmp", "LOGO");
        phone.wait_for(|view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    }
    phone.set_fault(Fault::StatusMissing);
    phone.file_arrived("logo.bmp", "LOGO");
    assert!(phone.look(phoneops::sim::PhoneView::is_idle), "and of a missing one nobody knows");
    assert_eq!(told(&phone, 4), ["status: ReadItems CleanUp"; 3]);
    let view = stage.view(0);
    assert_eq!((view.state, phone.writes()), (State::InSync, 1));
    assert_eq!(phone.contacts_received(), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_phone_is_shown_with_the_firmware_it_came_back_with() {
    // F-34, R-723
    let stage = Stage::with(&enforced()).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    phone.set_fault(Fault::OldFirmware);
    phone.update("3.5.13.1");
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    let firmware = |stage: &Stage| stage.view(0).firmware.unwrap();
    assert_eq!((firmware(&stage).as_str(), stage.view(0).state), ("V3 R5.12.0", State::InSync));
    phone.clear_fault("old-firmware");
    phone.update("3.5.13.1");
    phone.wait_for(|view| view.counts().ended == 3 && view.is_idle(), LONG).await.unwrap();
    assert_eq!((firmware(&stage).as_str(), stage.view(0).state), ("V3 R5.13.1", State::InSync));
    assert_eq!(phone.writes(), 1, "the settings were kept");
    stage.end().await;
}

#[tokio::test]
async fn who_calls_in_anothers_name_from_outside_its_site_gets_and_changes_nothing() {
    // F-36, R-1101, R-1104: a MAC is a claim
    let (home, abroad) = (own_address(), own_address());
    let site = format!(
        "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: berlin}}\n\
         spec: {{networks: [{home}/32]}}\n"
    );
    let documents = enforced().replace("spec:\n  policy", "spec:\n  site: berlin\n  policy") + &site;
    let stage = Stage::with(&documents).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.address = home;
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    let mut settings = stage.phone_settings(7, Model::OpenStage60V3R1);
    settings.address = abroad;
    settings.faults = vec![Fault::ForeignMac(mac(0).into())];
    let other = stage.phone_of(settings).await;
    other.boot();
    other.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    assert_eq!(told(&other, 0), ["start-up: CleanUp"]);
    let view = stage.view(0);
    assert_eq!((view.state, view.model.as_deref()), (State::InSync, Some("OpenStage 40")), "nothing was taken over");
    assert_eq!(view.address, Some(home.to_string()));
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.lines().any(|line| line.contains("wrong-site") && line.ends_with(" 1")), "{metrics}");
    // the phone itself goes on as if nothing had been
    phone.restart();
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!((told(&phone, 4), stage.view(0).state), (vec!["start-up: ReadItems CleanUp".to_owned()], State::InSync));
    assert_eq!((other.writes(), phone.writes()), (0, 1));
    stage.end().await;
}

#[tokio::test]
async fn an_id_that_is_no_mac_is_served_when_it_is_declared() {
    // F-37, R-107
    let stage = Stage::with(&enforced().replace(&format!("mac: \"{}\"", mac(0)), "deviceId: softclient-17")).await;
    let phone = stage.faulty(&[Fault::OddId]).await;
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!((told(&phone, 0), has(&phone, "sip-name")), (vec![WRITTEN.to_owned()], "Reception".to_owned()));
    stage.end().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_asked_for_and_a_secure_phone_on_the_default_port_prove_nothing() {
    // F-40, F-41, R-1101: the listener is that of the default mode
    for faults in [vec![Fault::WrongClientCertificate], vec![Fault::SecureOnDefaultPort]] {
        let documents = enforced() + "---\n" + &config(1, "");
        let stage = Stage::with(&documents).await;
        let phone = stage.faulty(&faults).await;
        stage.reaches(0, State::InSync).await;
        idle(&phone).await;
        assert_eq!(told(&phone, 0), [WRITTEN]);
        assert_eq!(stage.view(1).state, State::Unknown);
        stage.end().await;
    }
}
