//! Alerts told to a real Alertmanager.

use std::fs;

use phoneops::{
    fleet::words::State,
    report::{alerts::AlertSettings, outgoing::Address},
    sim::Model,
};
use serde_json::Value;

use crate::{
    alertmanager::Alertmanager,
    receiver::{OK, Receiver},
    service_alerts::{documents, quick},
    service_stage::{Stage, id, text},
};

const PASSWORD: &str = "planted-password";

async fn stage(addresses: &[std::net::SocketAddr]) -> Stage {
    let mut stage = Stage::dark(&documents("Report", "sntp-addr: 192.0.2.123, sip-pwd: {file: sip}"));
    fs::write(stage.path("secrets/sip"), PASSWORD).unwrap();
    let alertmanagers = addresses.iter().map(|address| Address::parse(&format!("http://{address}")).unwrap()).collect();
    stage.settings.alerts = AlertSettings { alertmanagers, ..quick() };
    stage.start().await;
    stage.taken_over().await;
    stage
}

fn time(alert: &Value, field: &str) -> jiff::Timestamp {
    alert[field].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_shows_an_alert_as_long_as_it_lasts_and_takes_it_for_over_when_it_is() {
    let alertmanager = Alertmanager::start(None).await;
    let stage = stage(&[alertmanager.address]).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::Drifted).await;
    let alerts = alertmanager.has(|alerts| alerts.len() == 1).await;
    let [alert] = alerts.as_slice() else { panic!("{alerts:#?}") };
    let revision = stage.view(0).revision.unwrap();
    let labels = [
        ("alertname", "PhoneopsDrift"),
        ("kind", "Drift"),
        ("severity", "warning"),
        ("item", "sntp-addr"),
        ("revision", revision.as_str()),
        ("alert_id", &format!("drift/{revision}/sntp-addr")),
    ];
    for (label, value) in labels {
        assert_eq!(alert["labels"][label], value, "{alert:#}");
    }
    assert_eq!(alert["labels"].as_object().unwrap().len(), labels.len(), "no other labels: {alert:#}");
    assert_eq!(alert["annotations"]["phones"], "1 phone: phone-0");
    assert_eq!(alert["status"]["state"], "active");
    // told again before its end comes, with the same beginning
    let (begun, first_end) = (time(alert, "startsAt"), time(alert, "endsAt"));
    alertmanager
        .has(|alerts| {
            let [alert] = alerts else { panic!("it is kept alive: {alerts:#?}") };
            assert_eq!(time(alert, "startsAt"), begun);
            jiff::Timestamp::now() > first_end && time(alert, "endsAt") > first_end
        })
        .await;
    phone.local_change(id("sntp-addr"), text("192.0.2.123"));
    alertmanager.has(<[Value]>::is_empty).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_that_was_away_learns_what_fires_and_one_beside_it_waits_for_nobody() {
    let (one, other) = (Alertmanager::start(None).await, Receiver::start(|_| OK).await);
    let mut stage = stage(&[one.address, other.address]).await;
    stage.phone_in(0, Model::OpenStage40V3R5, State::Drifted).await;
    one.has(|alerts| alerts.len() == 1).await;
    let address = one.address;
    drop(one);
    let seen = other.gets(other.seen().len() + 2).await;
    for seen in &seen {
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/api/v2/alerts"));
        assert!(!seen.body.contains(PASSWORD) && !seen.body.contains("192.0.2."), "{seen:?}");
    }
    let again = Alertmanager::start(Some(address)).await;
    again.has(|alerts| alerts.len() == 1).await;
    // over while the service is away, and told when it is back
    stage.stop().await;
    fs::write(stage.path("docs/all.yaml"), documents("Report", "sip-pwd: {file: sip}")).unwrap();
    stage.start().await;
    stage.taken_over().await;
    let ended = other
        .gets_one(|seen| {
            let alerts = seen.json();
            time(&alerts[0], "endsAt") < jiff::Timestamp::now() && alerts[0]["labels"]["kind"] == "Drift"
        })
        .await;
    assert_eq!(ended.json().as_array().unwrap().len(), 1);
    again.has(<[Value]>::is_empty).await;
    stage.end().await;
}
