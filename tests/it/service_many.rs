//! Many phones at once.

use phoneops::{
    fleet::{view::Query, words::State},
    sim::{FleetSettings, Server, SimFleet, Timing},
};

use crate::service_stage::{LONG, Stage, configs, own_block, profile, told, until};

const PHONES: u32 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_phones_at_once_all_come_in_sync_and_follow_a_change() {
    let documents = |address: &str| {
        let items = format!("sntp-addr: {address}, sntp-tz-offset: 60, daylight-save: true, sip-name: Ward");
        profile("Enforce", &items) + "---\n" + &configs(0..PHONES)
    };
    let stage = Stage::with(&documents("192.0.2.123")).await;
    let mut settings = FleetSettings::new(PHONES, Server::at(stage.address()));
    settings.base_address = own_block(PHONES);
    settings.contact_port = 0;
    settings.timing = Timing { answer: LONG, connect: LONG, ..Timing::quick() };
    let fleet = SimFleet::start(&settings).await.unwrap();
    let in_sync = || {
        let query = Query { state: Some(State::InSync), ..Query::default() };
        stage.running().shared().with_fleet(|fleet, now| fleet.page(&query, now).phones.len())
    };
    let how = || {
        let stuck = fleet.phones().iter().filter(|phone| phone.look(|view| !view.is_idle()));
        let stuck: Vec<_> = stuck.map(|phone| (phone.id(), told(phone, 0))).collect();
        format!("{} in sync; {}; {stuck:?}", in_sync(), fleet.counts())
    };
    fleet.boot();
    until(|| in_sync() == PHONES as usize, how).await;
    assert_eq!(fleet.counts().lost, 0, "{}", how());
    let counts = fleet.counts();
    assert_eq!((counts.writes, counts.contacts), (200, 0), "{counts}");
    stage.change("all.yaml", &documents("192.0.2.200")).await;
    until(|| fleet.counts().writes == 400, how).await;
    until(|| in_sync() == PHONES as usize, how).await;
    assert_eq!(fleet.violations(), [""; 0]);
    assert_eq!(stage.running().shared().with_fleet(|fleet, _| fleet.waiting().1), 0, "no flow is left behind");
    stage.end().await;
    fleet.stop().await;
}
