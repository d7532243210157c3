//! Mode Report writes nothing at all, whatever phones do (promise 11).

use phoneops::{
    fleet::words::State,
    sim::{FleetSettings, Model, Server, SimFleet, Timing},
    wpi::Action,
};

use crate::service_stage::{LONG, Stage, configs, id, own_block, profile, text, told};

/// Eight phones that start, change by themselves and are asked again; not one is written.
async fn nothing_is_written(stage: Stage) {
    let mut settings = FleetSettings::new(8, Server::at(stage.address()));
    settings.base_address = own_block(8);
    settings.contact_port = 0;
    settings.timing = Timing::quick();
    settings.models = Model::ALL.to_vec();
    settings.transcript = 200;
    let fleet = SimFleet::start(&settings).await.unwrap();
    fleet.boot();
    for number in 0..8 {
        stage.reaches(number, State::Drifted).await;
    }
    for phone in fleet.phones() {
        phone.wait_for(|view| view.is_idle(), LONG).await.unwrap();
        phone.local_change(id("sip-name"), text("Mine"));
    }
    for (number, phone) in (0..).zip(fleet.phones()) {
        phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
        stage.becomes(number, |view| view.state == State::Drifted && view.drift_count == 3).await;
        let drift = stage.view(number).drift;
        let name = drift.iter().find(|drift| drift.item == "sip-name").unwrap();
        assert_eq!((name.desired.as_str(), name.observed.as_deref()), ("Reception", Some("Mine")));
        stage.ask_to_call(number).await;
        phone.wait_for(|view| view.counts().ended == 3 && view.is_idle(), LONG).await.unwrap();
    }
    assert_eq!((fleet.counts().writes, fleet.counts().items_written), (0, 0));
    let actions = fleet.phones().iter().flat_map(|phone| phone.transcript()).filter_map(|exchange| exchange.action());
    assert!(actions.into_iter().all(|action| matches!(action, Action::ReadItems | Action::CleanUp)));
    assert_eq!(fleet.violations(), [""; 0]);
    fleet.stop().await;
    stage.end().await;
}

const WANTED: &str = "sntp-addr: 192.0.2.123, sntp-tz-offset: 60, sip-name: Reception";

#[tokio::test]
async fn mode_report_writes_nothing_at_all() {
    nothing_is_written(Stage::with(&(profile("Report", WANTED) + "---\n" + &configs(0..8))).await).await;
}

#[tokio::test]
async fn report_only_writes_nothing_at_all_whatever_the_documents_say() {
    let documents = profile("Enforce", WANTED) + "---\n" + &configs(0..8);
    nothing_is_written(Stage::set(&documents, |settings| settings.fleet.report_only = true).await).await;
}

#[tokio::test]
async fn mode_off_leaves_phones_alone() {
    let stage = Stage::with(&(profile("\"Off\"", WANTED) + "---\n" + &configs(0..1))).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    assert_eq!(told(&phone, 0), ["start-up: CleanUp"]);
    assert_eq!(stage.view(0).state, State::Suspended);
    // armed by a commit
    stage.change("all.yaml", &(profile("Enforce", WANTED) + "---\n" + &configs(0..1))).await;
    stage.reaches(0, State::InSync).await;
    stage.end().await;
}
