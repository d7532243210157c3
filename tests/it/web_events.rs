//! `GET /api/v1/events`: changes as they come, and nothing of calls.

use std::sync::atomic::Ordering;

use phoneops::{
    fleet::{
        survey::Sign,
        words::{PendingReason, State},
    },
    report::events::STREAMS,
    sim::Model,
    wpi::DeviceId,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::{
    api_service::{MadeUp, service},
    service_stage::{LONG, Stage, configs, profile, until},
};

/// A stream that is read.
pub(crate) struct Listener(BufReader<TcpStream>);

impl Listener {
    pub(crate) async fn open(address: std::net::SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut listener = Self(BufReader::new(stream));
        let head = listener.line().await;
        assert_eq!(head, "HTTP/1.1 200 OK");
        while !listener.line().await.is_empty() {}
        listener
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(LONG, self.0.read_line(&mut line)).await.expect("nothing comes").unwrap();
        line.trim_end().to_owned()
    }

    /// The next event and its data.
    pub(crate) async fn event(&mut self) -> (String, String) {
        loop {
            if let Some(event) = self.line().await.strip_prefix("event: ") {
                let data = self.line().await.strip_prefix("data:").unwrap().trim().to_owned();
                return (event.to_owned(), data);
            }
        }
    }

    async fn change(&mut self) -> Value {
        let (event, data) = self.event().await;
        assert_eq!(event, "change");
        serde_json::from_str(&data).unwrap()
    }
}

#[tokio::test]
async fn a_stream_tells_of_a_commit_and_of_the_phone_and_never_of_a_call() {
    let documents = |server| profile("Enforce", &format!("sntp-addr: {server}")) + "---\n" + &configs(0..2);
    let stage = Stage::with(&documents("192.0.2.1")).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let mut listener = Listener::open(stage.running().status_address).await;
    let (event, hello) = listener.event().await;
    assert_eq!(event, "hello");
    let hello: Value = serde_json::from_str(&hello).unwrap();
    assert_eq!((&hello["states"]["InSync"], &hello["states"]["Unknown"]), (&1.into(), &1.into()), "{hello}");

    phone.start_call();
    stage.change("all.yaml", &documents("192.0.2.2")).await;
    stage.pending(0, PendingReason::InCall).await;
    let mut told = Vec::new();
    let change = listener.change().await;
    assert_ne!(change["revision"], hello["revision"], "{change}");
    told.push(change);
    phone.end_call();
    stage.reaches(0, State::InSync).await;
    let of_phone = |change: &Value| {
        let phones = change["phones"].as_array().unwrap().clone();
        phones.into_iter().filter(|phone| phone["name"] == "phone-0").map(|phone| phone["state"].clone()).next_back()
    };
    while told.last().and_then(of_phone) != Some("InSync".into()) {
        told.push(listener.change().await);
    }
    let states: Vec<Value> = told.iter().filter_map(of_phone).collect();
    assert_eq!(states, ["Pending", "InSync"], "one event for the wait, one for its end: {told:#?}");
    let all = told.iter().map(ToString::to_string).collect::<String>();
    for word in ["InCall", "Called", "Reconciling"] {
        assert!(!all.contains(word), "{word} in {all}");
    }
    stage.end().await;
}

fn sign(number: usize, state: State, mark: u64) -> Sign {
    Sign {
        device: DeviceId::new(&format!("SOFT-{number}")).unwrap(),
        name: Some(format!("phone-{number}").into()),
        state,
        reason: None,
        mark,
    }
}

#[tokio::test]
async fn many_changes_are_one_event_with_the_first_hundred_phones() {
    let service = service(MadeUp::default()).await;
    let set = |state, mark| *service.fleet.signs.lock().unwrap() = (0..250).map(|n| sign(n, state, mark)).collect();
    set(State::InSync, 0);
    let mut listener = Listener::open(service.address).await;
    assert_eq!(listener.event().await.0, "hello");
    // a session under way is none, and what happens twice within a second is one
    set(State::Reconciling, 1);
    set(State::Pending, 1);
    set(State::Drifted, 2);
    let change = listener.change().await;
    assert_eq!((change["phones"].as_array().unwrap().len(), &change["more"]), (100, &150.into()), "{change}");
    assert_eq!(change["states"], serde_json::json!({"Drifted": 250}));
    set(State::Reconciling, 3);
    let looks = service.fleet.looks.load(Ordering::Relaxed);
    until(|| service.fleet.looks.load(Ordering::Relaxed) > looks, || "another look".to_owned()).await;
    service.fleet.signs.lock().unwrap().truncate(249);
    let change = listener.change().await;
    assert_eq!(
        change["phones"],
        serde_json::json!([{"name": "phone-249", "mac": "SOFT-249", "state": null, "reason": null}])
    );
    assert_eq!(change["states"], serde_json::json!({"Drifted": 249}), "they count as what they were");
}

#[tokio::test]
async fn a_stream_too_many_is_turned_away_and_counted_until_another_ends() {
    let service = service(MadeUp::default()).await;
    let mut listeners = Vec::new();
    for _ in 0..STREAMS {
        listeners.push(Listener::open(service.address).await);
    }
    let refused = service.ask("GET /api/v1/events", &[]).await;
    assert_eq!(refused.error(), (503, "too-many-streams".into()));
    assert_eq!(*service.fleet.bounds.lock().unwrap(), ["event-streams"]);
    listeners.pop();
    // the place is free when the service has noticed
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", service.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = String::new();
        BufReader::new(stream).read_line(&mut head).await.unwrap();
        if head.contains(" 200 ") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{head}");
        tokio::task::yield_now().await;
    }
}
