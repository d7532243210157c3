//! What decides over emergency calls, by its command, its alert and its metric, with a real phone.

use phoneops::{fleet::words::State, sim::Model};

use crate::service_stage::{Stage, command, config, id, profile, text, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_number_that_was_changed_is_named_until_it_is_right_again() {
    let munich = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: munich}\nspec: {}\n";
    let documents =
        |number: &str| profile("Report", &format!("emergency-e164: \"{number}\"")) + "---\n" + &config(0, "") + munich;
    let stage = Stage::with(&documents("112")).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::Drifted).await;
    let (code, list) = command(&stage, &["assert"]).await;
    assert!(code == 1 && list.contains("emergency-e164 is empty at default on 1: phone-0"), "{code} {list}");
    phone.local_change(id("emergency-e164"), text("911"));
    stage.becomes(0, |view| view.drift.iter().any(|drift| drift.observed.as_deref() == Some("911"))).await;
    let (code, list) = command(&stage, &["assert", "--site", "default"]).await;
    assert!(code == 1 && list.starts_with("Wrong "), "{code} {list}");
    assert_eq!(command(&stage, &["assert", "--site", "munich"]).await.0, 0);
    let alerts = stage.api("GET /api/v1/alerts").await.json();
    assert_eq!(alerts["alerts"][0]["id"], "safety/default/emergency-e164/Wrong", "{alerts}");
    assert!(!alerts.to_string().contains("911"), "no values in alerts");
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.contains("phoneops_alerts{kind=\"Safety\"} 1\n"), "{metrics}");
    phone.local_change(id("emergency-e164"), text("112"));
    until(|| stage.view(0).state == State::InSync, || "never".to_owned()).await;
    let good = "What decides over emergency calls is as it is wanted on 1 phones.\n";
    assert_eq!(command(&stage, &["assert"]).await, (0, good.to_owned()));
    assert_eq!(stage.api("GET /api/v1/alerts").await.json()["alerts"].as_array().unwrap().len(), 0);
    stage.end().await;
}
