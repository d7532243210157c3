//! A phone that shows factory values gets its password and its seed once; one that restarts or loses its record does not
//! (promise 8).

use std::fs;

use phoneops::{
    fleet::words::State,
    sim::{Model, SimPhone},
    store::FILE_NAME,
};

use crate::service_stage::{LONG, Stage, config, idle, profile, times_written, told};

/// All that it is to have stands empty on a factory-fresh phone.
const ITEMS: &str = "e164: \"4930123456\", sip-name: Reception, display-id-unicode: Reception, ldap-pwd: {file: ldap}";

fn documents() -> String {
    let fleet = profile("Enforce", "sntp-addr: 192.0.2.123");
    format!("{fleet}---\n{}  seed: {{ringer-melody: 3}}\n", config(0, ITEMS))
}

/// How often the password and the seed were written.
fn blind(phone: &SimPhone) -> (usize, usize) {
    (times_written(phone, "ldap-pwd"), times_written(phone, "ringer-melody"))
}

async fn restarts(stage: &Stage, phone: &SimPhone) {
    let ended = phone.counts().ended;
    phone.restart();
    phone.wait_for(|view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    stage.reaches(0, State::InSync).await;
}

async fn resets(stage: &Stage) -> u64 {
    let line = "phoneops_factory_resets_total ";
    let metrics = stage.api("GET /metrics").await.body;
    metrics.lines().find_map(|found| found.strip_prefix(line)).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_phone_with_factory_values_gets_password_and_seed_once() {
    let mut stage = Stage::dark(&documents());
    fs::write(stage.path("secrets").join("ldap"), "not-to-be-guessed").unwrap();
    stage.start().await;
    stage.taken_over().await;
    // out of its box: the first revision was not seen to arrive, so only the phone's own words count
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    assert_eq!((blind(&phone), resets(&stage).await), ((1, 1), 1), "{:#?}", told(&phone, 0));
    restarts(&stage, &phone).await;
    assert_eq!((blind(&phone), resets(&stage).await), ((1, 1), 1));
    // its record is lost, and it is not the phone that forgot
    stage.stop().await;
    for side in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(stage.path("state").join(format!("{FILE_NAME}{side}")));
    }
    stage.start().await;
    stage.taken_over().await;
    restarts(&stage, &phone).await;
    assert_eq!((blind(&phone), resets(&stage).await), ((1, 1), 0), "{:#?}", told(&phone, 0));
    // somebody resets it
    let ended = phone.counts().ended;
    phone.factory_reset();
    phone.wait_for(|view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!((blind(&phone), resets(&stage).await), ((2, 2), 1), "{:#?}", told(&phone, 0));
    restarts(&stage, &phone).await;
    assert_eq!((blind(&phone), resets(&stage).await), ((2, 2), 1), "once");
    stage.end().await;
}
