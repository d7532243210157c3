//! Alerts told to people elsewhere: the running service, simulated phones, and web servers that keep what they are sent.

use std::{fs, path::Path, time::Duration};

use hmac::{Hmac, KeyInit as _, Mac as _};
use phoneops::{
    fleet::words::State,
    report::{
        alerts::{AlertSettings, settings::HookSettings},
        outgoing::{Address, Backoff},
    },
    sim::{Model, SimPhone},
};
use sha2::Sha256;
use tokio::time::{Instant, sleep};

use crate::{
    receiver::{OK, Receiver, Reply, Seen},
    service_stage::{LONG, Stage, config, id, profile, text, until},
    source_git_web::self_signed,
};

const KEY: &str = "planted-signing-key";
const PASSWORD: &str = "planted-password";

/// Alerts in quick times, told to nobody yet.
pub(crate) fn quick() -> AlertSettings {
    let ms = Duration::from_millis;
    AlertSettings {
        hold: Duration::ZERO,
        keep: Duration::ZERO,
        grace: Duration::ZERO,
        look: ms(10),
        resend: ms(200),
        answer: ms(400),
        backoff: Backoff { base: ms(4), limit: ms(20) },
        ..AlertSettings::default()
    }
}

fn hook(folder: &Path, receiver: &Receiver, scheme: &str) -> HookSettings {
    let secret_file = folder.join("hook-secret");
    fs::write(&secret_file, format!("{KEY}\n")).unwrap();
    HookSettings {
        address: Address::parse(&format!(
            "{scheme}://localhost:{}/alerts?token=planted-token",
            receiver.address.port()
        ))
        .unwrap(),
        secret_file,
    }
}

pub(crate) fn documents(mode: &str, items: &str) -> String {
    profile(mode, items) + "---\n" + &config(0, "")
}

const WANTED: &str = "sntp-addr: 192.0.2.123, sip-pwd: {file: sip}";

/// A service in mode Report that tells a webhook.
async fn stage(receiver: &Receiver) -> Stage {
    let mut stage = Stage::dark(&documents("Report", WANTED));
    fs::write(stage.path("secrets/sip"), PASSWORD).unwrap();
    stage.settings.alerts = AlertSettings { webhook: Some(hook(stage.folder.path(), receiver, "http")), ..quick() };
    stage.start().await;
    stage.taken_over().await;
    stage
}

fn is(status: &str, id: &str) -> impl Fn(&Seen) -> bool {
    let (status, id) = (status.to_owned(), id.to_owned());
    move |seen| {
        let body = seen.json();
        body["status"] == status.as_str() && body["id"].as_str().is_some_and(|told| told.ends_with(&id))
    }
}

fn count(receiver: &Receiver, wish: impl Fn(&Seen) -> bool) -> usize {
    receiver.seen().iter().filter(|seen| wish(seen)).count()
}

async fn drifted(stage: &Stage) -> SimPhone {
    stage.phone_in(0, Model::OpenStage40V3R5, State::Drifted).await
}

/// The metric of deliveries to a target.
async fn deliveries(stage: &Stage, target: &str, result: &str) -> u64 {
    let metrics = stage.api("GET /metrics").await.body;
    let line = format!("phoneops_alert_deliveries_total{{target=\"{target}\",result=\"{result}\"}} ");
    metrics.lines().find_map(|known| known.strip_prefix(line.as_str())).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_to_a_webhook_with_a_signature_and_so_is_its_end() {
    let receiver = Receiver::start(|_| OK).await;
    let stage = stage(&receiver).await;
    let phone = drifted(&stage).await;
    let firing = receiver.gets_one(is("firing", "/sntp-addr")).await;
    assert_eq!((firing.method.as_str(), firing.path.as_str()), ("POST", "/alerts?token=planted-token"));
    assert_eq!(firing.header("content-type"), "application/json");
    let time = firing.header("x-phoneops-timestamp");
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(format!("{time}.{}", firing.body).as_bytes());
    let signed = firing.header("x-phoneops-signature").strip_prefix("sha256=").unwrap();
    let signed: Vec<u8> =
        (0..signed.len()).step_by(2).map(|at| u8::from_str_radix(&signed[at..at + 2], 16).unwrap()).collect();
    mac.verify_slice(&signed).unwrap();
    let told = firing.json();
    for (field, value) in [("kind", "Drift"), ("severity", "warning"), ("item", "sntp-addr"), ("status", "firing")] {
        assert_eq!(told[field], value, "{told}");
    }
    assert_eq!((&told["version"], &told["phones"], &told["names"][0]), (&1.into(), &1.into(), &"phone-0".into()));
    assert_eq!(told["revision"], stage.view(0).revision.unwrap());
    assert!(told["endsAt"].is_null() && told["startsAt"].is_string());
    assert_eq!(told["idempotencyKey"], firing.header("idempotency-key"));
    phone.local_change(id("sntp-addr"), text("192.0.2.123"));
    let resolved = receiver.gets_one(is("resolved", "/sntp-addr")).await;
    let over = resolved.json();
    assert_eq!((&over["fingerprint"], &over["startsAt"]), (&told["fingerprint"], &told["startsAt"]));
    assert_ne!(over["idempotencyKey"], told["idempotencyKey"]);
    assert!(over["endsAt"].is_string());
    for seen in receiver.seen() {
        for planted in [KEY, PASSWORD, "192.0.2."] {
            assert!(!seen.body.contains(planted), "{planted} in {seen:?}");
        }
    }
    let metrics = stage.api("GET /metrics").await.body;
    let debug = format!("{:?}", stage.settings.alerts);
    for planted in [KEY, PASSWORD, "planted-token"] {
        assert!(!metrics.contains(planted) && !debug.contains(planted), "{planted}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_hangs_or_breaks_gets_the_same_key_until_it_takes_it() {
    let receiver = Receiver::start(|number| match number {
        0 => Reply::Answer("500 Internal Server Error", ""),
        1 => Reply::Hang,
        2 => Reply::Drop,
        3 => Reply::Answer("429 Too Many Requests", "Retry-After: 0\r\n"),
        4 => Reply::Answer("403 Forbidden", ""),
        _ => OK,
    })
    .await;
    let mut stage = Stage::dark(&documents("Report", "sntp-addr: 192.0.2.123"));
    stage.settings.alerts = AlertSettings { webhook: Some(hook(stage.folder.path(), &receiver, "http")), ..quick() };
    stage.start().await;
    stage.taken_over().await;
    let phone = drifted(&stage).await;
    let keys: Vec<String> =
        receiver.gets(6).await.iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    assert!(keys[0].contains("-firing-") && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    phone.local_change(id("sntp-addr"), text("192.0.2.123"));
    let seen = receiver.gets(7).await;
    assert!(seen[6].header("idempotency-key").contains("-resolved-"), "nothing in between: {seen:#?}");
    until(|| stage.running().shared().with_fleet(|fleet, _| fleet.told_alerts().is_empty()), || "told".to_owned())
        .await;
    assert_eq!(
        (deliveries(&stage, "webhook", "failed").await, deliveries(&stage, "webhook", "delivered").await),
        (5, 2)
    );
    assert_eq!(receiver.seen().len(), 7, "and nothing after it");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_will_never_take_holds_up_nothing_else() {
    let receiver = Receiver::answering(None, |_, seen| {
        let bad = seen.body.contains("sntp-addr");
        (if bad { Reply::Answer("400 Bad Request", "") } else { OK }, String::new())
    })
    .await;
    let mut stage = Stage::dark(&documents("Report", "sntp-addr: 192.0.2.123, sip-name: Reception"));
    stage.settings.alerts = AlertSettings { webhook: Some(hook(stage.folder.path(), &receiver, "http")), ..quick() };
    stage.start().await;
    stage.taken_over().await;
    let _phone = drifted(&stage).await;
    receiver.gets_one(is("firing", "/sntp-addr")).await;
    receiver.gets_one(is("firing", "/sip-name")).await;
    until(
        || stage.running().shared().with_fleet(|fleet, _| fleet.alert_counts().owed.is_empty()),
        || "all is told or refused".to_owned(),
    )
    .await;
    assert_eq!(count(&receiver, is("firing", "/sntp-addr")), 1, "it is not sent again");
    assert_eq!(deliveries(&stage, "webhook", "refused").await, 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_tells_no_alert_twice_and_forgets_no_end() {
    let receiver = Receiver::answering(None, |_, seen| {
        // it is away whenever an end is to be told
        let refused = seen.json()["status"] == "resolved";
        (if refused { Reply::Answer("503 Service Unavailable", "") } else { OK }, String::new())
    })
    .await;
    let mut stage = Stage::dark(&documents("Report", "sntp-addr: 192.0.2.123, sip-name: Reception"));
    let hook = hook(stage.folder.path(), &receiver, "http");
    stage.settings.alerts = AlertSettings { webhook: Some(hook), ..quick() };
    stage.start().await;
    stage.taken_over().await;
    let phone = drifted(&stage).await;
    receiver.gets_one(is("firing", "/sntp-addr")).await;
    receiver.gets_one(is("firing", "/sip-name")).await;
    until(
        || stage.running().shared().with_fleet(|fleet, _| fleet.alert_counts().owed.is_empty()),
        || "both are told".to_owned(),
    )
    .await;
    phone.local_change(id("sip-name"), text("Reception"));
    let refused = receiver.gets_one(is("resolved", "/sip-name")).await;
    stage.stop().await;
    let good = Receiver::start(|_| OK).await;
    let address = Address::parse(&format!("http://{}/alerts", good.address)).unwrap();
    stage.settings.alerts.webhook.as_mut().unwrap().address = address;
    stage.start().await;
    stage.taken_over().await;
    let late = good.gets_one(is("resolved", "/sip-name")).await;
    assert_eq!(late.header("idempotency-key"), refused.header("idempotency-key"), "the same end under the same key");
    // something new is told, so what was told would have been told again by now
    phone.local_change(id("sip-name"), text("Porter"));
    good.gets_one(is("firing", "/sip-name")).await;
    assert_eq!(count(&good, is("firing", "/sntp-addr")), 0);
    stage.stop().await;
    // it is over while nobody is there
    fs::write(stage.path("docs/all.yaml"), documents("Report", "sip-name: Reception")).unwrap();
    stage.start().await;
    stage.taken_over().await;
    good.gets_one(is("resolved", "/sntp-addr")).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_gets_lines_for_people_and_its_address_is_shown_nowhere() {
    let receiver = Receiver::start(|_| OK).await;
    let mut stage = Stage::dark(&documents("Report", WANTED));
    fs::write(stage.path("secrets/sip"), PASSWORD).unwrap();
    let file = stage.path("slack-url");
    fs::write(&file, format!("http://{}/services/planted-path\n", receiver.address)).unwrap();
    stage.settings.alerts = AlertSettings { slack_file: Some(file), ..quick() };
    stage.start().await;
    stage.taken_over().await;
    let phone = drifted(&stage).await;
    let firing = receiver.gets_one(|seen| seen.body.contains("sntp-addr differs")).await;
    assert_eq!(firing.path, "/services/planted-path");
    let line = firing.json()["text"].as_str().unwrap().to_owned();
    assert!(
        line.contains("*Firing* Drift, warning: sntp-addr differs") && line.contains("(1 phone: phone-0)"),
        "{line}"
    );
    phone.local_change(id("sntp-addr"), text("192.0.2.123"));
    let resolved = receiver.gets_one(|seen| seen.body.contains("*Resolved* Drift: sntp-addr")).await;
    assert_ne!(firing.header("idempotency-key"), resolved.header("idempotency-key"));
    let shown = format!("{}{:?}", stage.api("GET /metrics").await.body, stage.settings.alerts);
    assert!(!shown.contains("planted-path"), "{shown}");
    assert!(receiver.seen().iter().all(|seen| !seen.body.contains(PASSWORD) && !seen.body.contains("192.0.2.")));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_may_not_tell_tells_nobody_until_it_may() {
    let receiver = Receiver::start(|_| OK).await;
    let stage = stage(&receiver).await;
    stage.running().may_tell().send_replace(false);
    let _phone = drifted(&stage).await;
    let alerts = stage.api("GET /api/v1/alerts").await.json();
    assert_eq!(alerts["alerts"][0]["kind"], "Drift", "it stands: {alerts}");
    assert_eq!(receiver.seen().len(), 0);
    assert_eq!(stage.running().shared().with_fleet(|fleet, _| fleet.told_alerts().len()), 0, "and nothing is decided");
    stage.running().may_tell().send_replace(true);
    receiver.gets_one(is("firing", "/sntp-addr")).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_with_tls_is_told_when_its_authority_is_known_and_not_otherwise() {
    let (authority, acceptor) = self_signed();
    let receiver = Receiver::answering(Some(acceptor), |_, _| (OK, String::new())).await;
    let mut stage = Stage::dark(&documents("Report", "sntp-addr: 192.0.2.123"));
    let file = stage.path("authority.pem");
    fs::write(&file, authority).unwrap();
    stage.settings.alerts = AlertSettings { webhook: Some(hook(stage.folder.path(), &receiver, "https")), ..quick() };
    stage.start().await;
    stage.taken_over().await;
    let _phone = drifted(&stage).await;
    let deadline = Instant::now() + LONG;
    while deliveries(&stage, "webhook", "failed").await < 3 {
        assert!(Instant::now() < deadline, "nothing is tried");
        sleep(Duration::from_millis(4)).await;
    }
    assert_eq!(receiver.seen().len(), 0, "who is there is not known");
    stage.stop().await;
    stage.settings.alerts.ca = Some(file);
    stage.start().await;
    stage.taken_over().await;
    receiver.gets_one(is("firing", "/sntp-addr")).await;
    stage.end().await;
}
