//! `phoneops export`: what phones have becomes documents, and the plan after that is empty.

use std::fs;

use phoneops::{
    fleet::words::State,
    sim::{Model, SimPhone},
    wpi::Item,
};

use crate::service_stage::{Stage, command, config, configs, has, id, idle, profile, until};

const FLEET: &str = "sntp-addr: 192.0.2.5, sip-name: Reception, call-log-enabled: true";

/// A phone of that number that has these values, switched on.
async fn phone(stage: &Stage, number: u32, values: &[(&str, &str)]) -> SimPhone {
    let mut settings = stage.phone_settings(number, Model::OpenStage40V3R5);
    settings.items = values.iter().map(|(name, text)| Item::plain(id(name), *text)).collect();
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone
}

/// Waits until the phone of that MAC is in that state.
async fn reaches(stage: &Stage, mac: &str, wanted: State) {
    let view = || stage.running().shared().with_fleet(|fleet, now| fleet.phone(mac, now));
    until(|| view().is_some_and(|view| view.state == wanted), || format!("{:#?}", view())).await;
}

/// A folder with that profile, beside `phones`.
fn tree(stage: &Stage, mode: &str) -> String {
    let tree = stage.path("tree");
    fs::create_dir_all(tree.join("phones")).unwrap();
    fs::write(tree.join("fleet.yaml"), profile(mode, FLEET)).unwrap();
    tree.to_str().unwrap().to_owned()
}

async fn exit_of_plan(stage: &Stage, tree: &str) -> (i32, String) {
    command(stage, &["plan", tree]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_declared_phones_have_becomes_their_documents_and_nothing_is_written_when_they_are_armed() {
    let secret = "e164: \"4711\", sip-pwd: {file: sip}, function-key-def: {1: 31}, key-label-unicode: {1: \"yes\"}";
    let mut stage = Stage::dark(&(profile("Report", FLEET) + "---\n" + &config(0, secret) + "---\n" + &configs(1..3)));
    fs::write(stage.path("secrets").join("sip"), "planted").unwrap();
    stage.start().await;
    stage.taken_over().await;
    let mut phones = Vec::new();
    for number in 0..3 {
        let phone =
            phone(&stage, number, &[("sntp-addr", &format!("192.0.2.{}", 100 + number)), ("e164", "0815")]).await;
        stage.reaches(number, State::Drifted).await;
        idle(&phone).await;
        phones.push(phone);
    }
    let (code, yaml) = command(&stage, &["export", "phone-0"]).await;
    assert_eq!(code, 0, "{yaml}");
    for line in ["sntp-addr: \"192.0.2.100\"", "e164: \"0815\"", "file: \"sip\"", "- \"fleet\""] {
        assert!(yaml.contains(line), "{line}\n{yaml}");
    }
    assert!(!yaml.contains("planted") && !yaml.contains(": yes"), "{yaml}");

    let tree = tree(&stage, "Enforce");
    // a control: armed as the documents stand, all three would be written
    fs::write(stage.path("tree").join("phones/all.yaml"), config(0, secret) + "---\n" + &configs(1..3)).unwrap();
    let (code, told) = exit_of_plan(&stage, &tree).await;
    assert!(code == 1 && told.starts_with("3 of 3 phones"), "{code} {told}");
    fs::remove_file(stage.path("tree").join("phones/all.yaml")).unwrap();
    let folder = stage.path("tree").join("phones");
    let (code, told) = command(&stage, &["export", "--all", folder.to_str().unwrap()]).await;
    assert_eq!((code, told.starts_with("3 documents in ")), (0, true), "{told}");
    assert!(folder.join("default/phone-2.yaml").exists());
    let (code, told) = exit_of_plan(&stage, &tree).await;
    assert!(code == 0 && told.starts_with("0 of 3 phones"), "{code} {told}");

    let documents: Vec<String> = (0..3)
        .map(|number| fs::read_to_string(folder.join(format!("default/phone-{number}.yaml"))).unwrap())
        .chain([profile("Enforce", FLEET)])
        .collect();
    stage.change("all.yaml", &documents.join("---\n")).await;
    for (number, phone) in (0..3).zip(&phones) {
        stage.ask_to_call(number).await;
        stage.reaches(number, State::InSync).await;
        idle(phone).await;
        assert_eq!((phone.writes(), has(phone, "sntp-addr")), (0, format!("192.0.2.{}", 100 + number)));
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_nobody_declares_is_read_when_a_person_asks_and_its_document_writes_nothing() {
    let stage = Stage::with(&(profile("Enforce", FLEET) + "---\n" + &config(0, ""))).await;
    let phone = phone(&stage, 7, &[("sntp-addr", "192.0.2.77"), ("display-id-unicode", "Gate yes")]).await;
    let mac = phoneops::sim::mac(7);
    reaches(&stage, &mac, State::Undeclared).await;
    idle(&phone).await;
    let (code, told) = command(&stage, &["export", &mac]).await;
    assert_eq!((code, told.contains("it was not read yet")), (2, true), "{told}");
    let (code, yaml) = command(&stage, &["export", &mac, "--reason", "adopt it"]).await;
    assert_eq!(code, 0, "{yaml}");
    idle(&phone).await;
    assert!(yaml.contains("sntp-addr: \"192.0.2.77\"") && yaml.contains("display-id-unicode: \"Gate yes\""), "{yaml}");
    assert!(yaml.contains("for it can cut the phone off: "), "{yaml}");
    assert!(command(&stage, &["audit"]).await.1.contains("adopt it"));

    let armed = yaml.replace("\nspec:\n", "\nspec:\n  policy: {mode: Enforce}\n");
    assert_ne!(armed, yaml);
    let all = profile("Enforce", FLEET) + "---\n" + &config(0, "") + "---\n" + &armed;
    let folder = stage.path("adopted");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("all.yaml"), &all).unwrap();
    let (code, told) = exit_of_plan(&stage, folder.to_str().unwrap()).await;
    assert!(told.starts_with("0 of 2 phones are written something new"), "{code} {told}");
    stage.change("all.yaml", &all).await;
    reaches(&stage, &mac, State::InSync).await;
    idle(&phone).await;
    assert_eq!((phone.writes(), has(&phone, "display-id-unicode").as_str()), (0, "Gate yes"));
    stage.end().await;
}
