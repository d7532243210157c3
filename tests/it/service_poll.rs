//! Phones behind NAT poll the running service over plain HTTP and are never asked to call.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use phoneops::{
    fleet::words::{PendingReason, State},
    phone::DcmpSettings,
    service::ServiceSettings,
    sim::{Fault, Model},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::service_stage::{LONG, Stage, config, has, idle, mac, profile, told};

/// One phone of a site that says Poll, and is set to the server that simulated phones are set to.
fn documents(mode: &str, server: &str) -> String {
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: home}\n\
                spec: {reach: Poll, servers: [192.0.2.10], networks: [127.0.0.0/8]}\n";
    let profile = profile(mode, &format!("sntp-addr: {server}")).replace("spec:\n", "spec:\n  site: home\n");
    format!("{profile}---\n{}{site}", config(1, ""))
}

fn polled(settings: &mut ServiceSettings) {
    settings.dcmp = Some(DcmpSettings::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
    settings.fleet.public_address = Some("127.0.0.1".into());
}

/// The whole answer to one request.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // a connection that is cut has said what it had to say
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn poll(stage: &Stage, path: &str) -> u16 {
    let address = stage.running().dcmp_address.unwrap();
    let answer = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(body.is_empty() && head.contains("Content-Length: 0"), "R-312: {answer:?}");
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_phone_is_told_where_to_poll_and_comes_when_a_commit_changes_its_documents() {
    let stage = Stage::set(&documents("Enforce", "192.0.2.123"), polled).await;
    let phone = stage.phone(1, Model::OpenStage40V3R5).await;
    phone.boot();
    stage.reaches(1, State::InSync).await;
    idle(&phone).await;
    let first = "start-up: ReadItems WriteItems WriteItems ReadItems CleanUp";
    assert_eq!(told(&phone, 0), [first]);
    assert_eq!(has(&phone, "dcmp-url"), format!("http://{}/", stage.running().dcmp_address.unwrap()), "R-310");
    phone.wait_for(|view| view.counts().polls >= 2, LONG).await.unwrap();
    assert_eq!(told(&phone, 0), [first], "R-312: 200, nothing waits");

    stage.change("all.yaml", &documents("Enforce", "192.0.2.124")).await;
    stage.becomes(1, |view| view.state == State::InSync && view.drift_count == 0).await;
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(told(&phone, 0)[1..], ["solicited: ReadItems WriteItems ReadItems CleanUp"]);
    assert_eq!((has(&phone, "sntp-addr").as_str(), phone.contacts_received()), ("192.0.2.124", 0));
    stage.end().await;
}

#[tokio::test]
async fn a_phone_that_forgets_where_to_poll_is_told_after_its_next_start() {
    let stage = Stage::set(&documents("Enforce", "192.0.2.123"), polled).await;
    let mut settings = stage.phone_settings(1, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::DcmpUrlForgotten, Fault::PollDoubleSlash, Fault::PollPercentCoded];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.wait_for(|view| view.counts().polls >= 1, LONG).await.unwrap();
    phone.restart();
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    let polls = phone.counts().polls;
    phone.wait_for(|view| view.counts().polls >= polls + 2, LONG).await.unwrap();
    assert_eq!(told(&phone, 0)[1..], ["start-up: ReadItems WriteItems CleanUp"]);
    stage.end().await;
}

#[tokio::test]
async fn in_report_no_address_is_written_and_the_phone_is_read_when_it_calls() {
    let stage = Stage::set(&documents("Report", "192.0.2.123"), polled).await;
    let phone = stage.phone_in(1, Model::OpenStage40V3R5, State::Drifted).await;
    assert_eq!((phone.writes(), phone.contacts_received()), (0, 0));
    let answer = stage.api("GET /api/v1/phones/phone-1").await.json();
    assert!(answer["notes"][0].as_str().unwrap().contains("mode Report"), "{answer}");
    stage.change("all.yaml", &documents("Enforce", "192.0.2.123")).await;
    stage.pending(1, PendingReason::Unreachable).await;
    assert_eq!(phone.contacts_received(), 0);
    stage.end().await;
}

#[tokio::test]
async fn what_is_no_poll_of_a_phone_that_is_waited_for_gets_an_answer_without_a_body() {
    let stage = Stage::set(&documents("Enforce", "192.0.2.123"), polled).await;
    let known = mac(1);
    for (path, status) in [
        (format!("/dcmp/contact-me?device-id={known}"), 202),
        (format!("//contact-me?device-id={}", known.to_lowercase().replace(':', "%3a")), 200),
        ("/contact-me?device-id=00:1A:E8:99:99:99".to_owned(), 200),
        ("/contact-me".to_owned(), 400),
        (format!("/DeploymentService/LoginService?device-id={known}"), 404),
    ] {
        assert_eq!(poll(&stage, &path).await, status, "{path}");
    }
    let address = stage.running().dcmp_address.unwrap();
    let posted = ask(address, &format!("POST /contact-me?device-id={known} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted:?}");
    let long = ask(address, &format!("GET /contact-me?device-id={} HTTP/1.1\r\n\r\n", "x".repeat(100_000))).await;
    assert!(!long.contains(" 200 ") && !long.contains(" 202 "), "{long:?}");
    let metrics = stage.api("GET /metrics").await.body;
    for line in ["phoneops_dcmp_polls_total{status=\"202\"} 1", "phoneops_dcmp_polls_total{status=\"200\"} 2"] {
        assert!(metrics.lines().any(|known| known == line), "{line} in {metrics}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_poll_from_elsewhere_is_answered_and_counted() {
    let elsewhere = documents("Enforce", "192.0.2.123").replace("127.0.0.0/8", "192.0.2.0/24");
    let stage = Stage::set(&elsewhere, polled).await;
    assert_eq!(poll(&stage, &format!("/contact-me?device-id={}", mac(1))).await, 200);
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.contains("phoneops_service_bounds_hit_total{bound=\"polls-outside\"} 1"), "{metrics}");
    stage.end().await;
}

#[tokio::test]
async fn too_many_connections_slow_ones_and_too_many_polls_are_bounded_and_counted() {
    let bounded = |settings: &mut ServiceSettings| {
        polled(settings);
        let dcmp = settings.dcmp.as_mut().unwrap();
        (dcmp.connections, dcmp.time, dcmp.rate) = (1, Duration::from_millis(300), 0);
    };
    let stage = Stage::set(&documents("Enforce", "192.0.2.123"), bounded).await;
    let address = stage.running().dcmp_address.unwrap();
    let path = format!("/contact-me?device-id={}", mac(1));
    assert_eq!(poll(&stage, &path).await, 200, "beyond the rate nothing is looked up");
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /contact-me HTTP/1.1\r\n").await.unwrap();
    let second = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    assert_eq!(second, "", "one more is closed");
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest).await;
    let metrics = stage.api("GET /metrics").await.body;
    for bound in ["rate", "connections", "time"] {
        let line = format!("phoneops_dcmp_bounds_hit_total{{bound=\"{bound}\"}} 1");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    stage.end().await;
}
