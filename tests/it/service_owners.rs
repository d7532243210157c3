//! Two teams with a site each, over real sockets: what one of them commits is nothing to the phones of the other.

use std::fs;

use phoneops::{fleet::words::State, sim::Model};

use crate::service_stage::{Stage, config, has, idle, mac, profile, replace, times_written, told};

const SITES: &str = "apiVersion: phoneops.dev/v1alpha1
kind: PhoneSite
metadata: {name: berlin}
spec: {owner: {paths: [berlin]}}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneSite
metadata: {name: bonn}
spec: {owner: {paths: [bonn]}}
---
";

fn at(site: &str, number: u32, items: &str) -> String {
    config(number, items).replace("profiles: [fleet]", &format!("profiles: [fleet]\n  site: {site}"))
}

fn central(realm: &str) -> String {
    format!("{SITES}{}---\n{}", profile("Enforce", "reg-ttl: 600"), config(2, &format!("realm: {realm}")))
}

#[tokio::test]
async fn a_team_that_claims_the_phone_of_another_gets_nothing_and_the_phone_notices_nothing() {
    let mut stage = Stage::dark(&central("before"));
    for (folder, file) in [("berlin", at("berlin", 3, "realm: berlin")), ("bonn", at("bonn", 1, "realm: bonn"))] {
        fs::create_dir(stage.path("docs").join(folder)).unwrap();
        replace(&stage.path("docs").join(folder), "a.yaml", &file);
    }
    stage.start().await;
    stage.taken_over().await;
    let phone = stage.phone_in(1, Model::OpenStage40V3R5, State::InSync).await;
    let other = stage.phone_in(2, Model::OpenStage40V3R5, State::InSync).await;
    assert_eq!((has(&phone, "realm"), has(&other, "realm")), ("bonn".to_owned(), "before".to_owned()));
    let calls = told(&phone, 0).len();

    let thief = at("berlin", 1, "realm: berlin").replace("phone-1", "thief");
    let berlin = stage.path("docs").join("berlin");
    replace(&berlin, "a.yaml", &thief);
    replace(&berlin, "b.yaml", "kind: [unclosed");
    replace(&berlin, "c.yaml", &profile("Enforce", "realm: stolen").replace("{name: fleet}", "{name: all}"));
    replace(&berlin, "d.yaml", &SITES.replace("berlin", "munich"));
    stage.change("all.yaml", &central("after")).await;
    stage.becomes(2, |view| view.state == State::InSync && has(&other, "realm") == "after").await;
    idle(&phone).await;
    assert_eq!(stage.view(1).state, State::InSync);
    assert_eq!((told(&phone, 0).len(), times_written(&phone, "realm")), (calls, 1), "{:#?}", told(&phone, 0));

    // asked by a person, it is still what it was
    stage.ask_to_call(1).await;
    phone.wait_for(|view| view.counts().ended > calls as u64, crate::service_stage::LONG).await.unwrap();
    assert_eq!((has(&phone, "realm"), times_written(&phone, "realm")), ("bonn".to_owned(), 1));
    let shown = stage.api(&format!("GET /api/v1/phones/{}", mac(1))).await.json();
    assert_eq!((&shown["name"], &shown["site"]), (&"phone-1".into(), &"bonn".into()));

    // bonn lets it go
    fs::remove_file(stage.path("docs").join("bonn/a.yaml")).unwrap();
    stage.change("all.yaml", &central("at last")).await;
    let device = phoneops::wpi::DeviceId::new(&mac(1)).unwrap();
    crate::service_stage::until(
        || {
            let fleet = stage.running().shared();
            fleet.with_fleet(|fleet, now| fleet.phone(device.as_str(), now).and_then(|view| view.site))
                == Some("berlin".to_owned())
        },
        || format!("{:#?}", told(&phone, 0)),
    )
    .await;
    stage.end().await;
}
