//! Networks of sites, with real phones: who plays declared phones from elsewhere gets nothing, and where two sites use
//! the same private range each phone gets its own.

use std::fs;

use phoneops::{
    fleet::words::{AlertKind, State},
    sim::{Model, SimPhone},
};

use crate::service_stage::{LONG, Stage, config, has, idle, mac, own_address, profile, told, until};

fn site(name: &str, networks: &str) -> String {
    format!(
        "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: {name}}}\nspec: {{networks: \
         [{networks}]}}\n"
    )
}

fn at_site(number: u32, site: &str, items: &str) -> String {
    config(number, items).replace("spec:\n", &format!("spec:\n  site: {site}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulator_that_plays_every_declared_phone_from_another_network_gets_no_secret_and_no_write() {
    const PHONES: u32 = 8;
    let home = own_address();
    let phones: Vec<String> = (0..PHONES).map(|number| at_site(number, "berlin", "")).collect();
    let yaml = profile("Enforce", "sntp-addr: 192.0.2.5, sip-name: Mine, ldap-pwd: {file: ldap}")
        + "---\n"
        + &phones.join("---\n")
        + &site("berlin", &format!("{home}/32"));
    let mut stage = Stage::dark(&yaml);
    fs::write(stage.path("secrets").join("ldap"), "not for everybody").unwrap();
    stage.start().await;
    stage.taken_over().await;
    let mut strangers: Vec<SimPhone> = Vec::new();
    for number in 0..PHONES {
        let stranger = stage.phone(number, Model::OpenStage60V3R1).await;
        stranger.boot();
        stranger.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
        stranger.restart();
        strangers.push(stranger);
    }
    for stranger in &strangers {
        stranger.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
        assert_eq!(told(stranger, 0), ["start-up: CleanUp", "start-up: CleanUp"]);
        assert_eq!((stranger.writes(), stranger.contacts_received()), (0, 0));
    }
    let alerts = stage.running().shared().with_fleet(phoneops::fleet::Fleet::alerts);
    let [alert] = alerts.alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.phones), (AlertKind::WrongSite, PHONES as usize));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sites_with_the_same_private_range_and_two_phones_at_one_address_of_it_get_each_its_own() {
    let address = own_address();
    let yaml = |first: &str, second: &str| {
        profile("Enforce", "daylight-save: true")
            + "---\n"
            + &at_site(0, "berlin", &format!("sntp-addr: {first}"))
            + "---\n"
            + &at_site(1, "munich", &format!("sntp-addr: {second}"))
            + &site("berlin", "127.0.0.0/8")
            + &site("munich", "127.0.0.0/8")
    };
    let stage = Stage::with(&yaml("192.0.2.5", "192.0.2.6")).await;
    let mut phones = Vec::new();
    for number in 0..2 {
        let mut settings = stage.phone_settings(number, Model::OpenStage40V3R5);
        settings.address = address;
        let phone = stage.phone_of(settings).await;
        phone.boot();
        stage.reaches(number, State::InSync).await;
        idle(&phone).await;
        phones.push(phone);
    }
    assert_eq!((has(&phones[0], "sntp-addr"), has(&phones[1], "sntp-addr")), ("192.0.2.5".into(), "192.0.2.6".into()));
    let quiet = phones[1].transcript().len();
    stage.change("all.yaml", &yaml("192.0.2.7", "192.0.2.6")).await;
    until(|| has(&phones[0], "sntp-addr") == "192.0.2.7", || mac(0)).await;
    stage.reaches(0, State::InSync).await;
    assert_eq!((phones[0].contacts_received(), phones[1].contacts_received()), (1, 0));
    assert_eq!(phones[1].transcript().len(), quiet, "nothing was said to the other one");
    stage.end().await;
}
