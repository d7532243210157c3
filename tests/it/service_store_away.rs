//! The store cannot be written while the service runs: phones are read, no write leaves, and it comes back (promise 7).

use std::{fs, time::Duration};

use phoneops::{
    fleet::words::{PendingReason, State},
    sim::Model,
    store::FILE_NAME,
};
use rusqlite::Connection;

use crate::service_stage::{LONG, Stage, configs, has, idle, profile, told, until};

fn enforced(address: &str) -> String {
    profile("Enforce", &format!("sntp-addr: {address}")) + "---\n" + &configs(0..2)
}

#[tokio::test]
async fn while_another_program_holds_the_store_phones_are_read_and_no_write_leaves() {
    let stage = Stage::with(&enforced("192.0.2.123")).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let other = Connection::open(stage.path("state").join(FILE_NAME)).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    stage.change("all.yaml", &enforced("192.0.2.200")).await;
    stage.pending(0, PendingReason::StoreAway).await;
    let late = stage.phone(1, Model::OpenStage60V3R1).await;
    late.boot();
    late.wait_for(|view| view.counts().ended == 1 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(told(&late, 0), ["start-up: ReadItems CleanUp"], "answered and read");
    stage.pending(1, PendingReason::StoreAway).await;
    assert_eq!((phone.writes(), late.writes()), (1, 0));
    assert_eq!(stage.api("GET /readyz").await.status, 503);
    assert_eq!(stage.api("GET /healthz").await.status, 200);
    other.execute_batch("COMMIT").unwrap();
    stage.reaches(0, State::InSync).await;
    stage.reaches(1, State::InSync).await;
    idle(&phone).await;
    idle(&late).await;
    assert_eq!((has(&phone, "sntp-addr").as_str(), has(&late, "sntp-addr").as_str()), ("192.0.2.200", "192.0.2.200"));
    let ready = stage.running().status_address;
    until(|| stage.running().shared().with_fleet(|fleet, _| fleet.waiting().1) == 0, || "no open flow".to_owned())
        .await;
    assert_eq!(crate::service_stage::api(ready, "GET /readyz").await.status, 200);
    stage.end().await;
}

#[tokio::test]
async fn a_store_file_that_was_moved_away_stops_writes_until_it_is_back() {
    let stage = Stage::with(&enforced("192.0.2.123")).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let (file, aside) = (stage.path("state").join(FILE_NAME), stage.path("aside.db"));
    fs::rename(&file, &aside).unwrap();
    stage.change("all.yaml", &enforced("192.0.2.200")).await;
    stage.pending(0, PendingReason::StoreAway).await;
    phone.restart();
    phone.wait_for(|view| view.counts().ended >= 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(phone.writes(), 1);
    fs::rename(&aside, &file).unwrap();
    stage.reaches(0, State::InSync).await;
    assert_eq!(phone.writes(), 2);
    stage.end().await;
}
