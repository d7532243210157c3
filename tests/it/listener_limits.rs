//! Every bound of the listener: what is beyond gets a clear answer or an end, is counted, and the service goes on.

use std::time::Duration;

use phoneops::phone::{bounds::Bound, handshake::Cause};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::listener_support::{Edge, PATH, Phone, eventually, request};

#[tokio::test]
async fn a_body_of_2_mb_is_answered_and_the_service_goes_on() {
    let edge = Edge::start(|_| ());
    let mut phone = edge.phone().await;
    phone.send(request("POST", PATH, "", &"x".repeat(2_000_000))).await;
    let answer = phone.answer().await.unwrap();
    assert_eq!((answer.status(), answer.text()), (413, "the body is longer than 1048576 bytes\n"), "R-213");
    assert_eq!(answer.header("Connection"), Some("close"));
    phone.ended().await;
    assert_eq!(edge.metrics.hits(Bound::Body), 1);
    let body = "x".repeat(1 << 20);
    assert_eq!(edge.phone().await.post(&body).await.status(), 200);
    assert_eq!(edge.clerk.asked().len(), 1);
    assert!(edge.clerk.asked()[0].body == body, "whole and in order");
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let edge = Edge::start(|settings| settings.limits.body = 100);
    let mut phone = edge.phone().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    phone.send(format!("{head}32\r\n{0}\r\n32\r\n{0}\r\n0\r\n\r\n", "a".repeat(50))).await;
    assert_eq!(phone.answer().await.unwrap().status(), 200);
    assert_eq!(edge.clerk.asked()[0].body.len(), 100);
    phone.send(format!("{head}65\r\n{}\r\n0\r\n\r\n", "a".repeat(101))).await;
    assert_eq!(phone.answer().await.unwrap().status(), 413);
}

#[tokio::test]
async fn a_body_that_was_announced_as_too_long_need_not_be_sent() {
    let edge = Edge::start(|_| ());
    let mut phone = edge.phone().await;
    phone.send(format!("POST {PATH} HTTP/1.1\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n")).await;
    assert_eq!(phone.answer().await.unwrap().status(), 413);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_in_time() {
    let edge = Edge::start(|settings| settings.limits.body_time = Duration::from_millis(100));
    let mut phone = edge.phone().await;
    phone.send(format!("POST {PATH} HTTP/1.1\r\nContent-Length: 10\r\n\r\n<half")).await;
    let answer = phone.answer().await.unwrap();
    assert_eq!((answer.status(), answer.header("Connection")), (408, Some("close")));
    phone.ended().await;
    assert_eq!(edge.metrics.hits(Bound::BodyTime), 1);
    assert!(edge.clerk.asked().is_empty());
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let edge = Edge::start(|settings| settings.limits.head = 2048);
    let mut phone = edge.phone().await;
    phone.send(format!("POST {PATH} HTTP/1.1\r\nX: {}", "x".repeat(4000))).await;
    assert_eq!(phone.answer().await.unwrap().status(), 431);
    eventually(|| edge.metrics.hits(Bound::Head) == 1).await;
    assert_eq!(edge.phone().await.post("x").await.status(), 200);
}

#[tokio::test]
async fn a_phone_that_takes_no_byte_of_its_answer_is_let_go() {
    let edge = Edge::start(|settings| settings.limits.write_time = Duration::from_millis(200));
    let mut phone = edge.phone().await;
    phone.send(request("POST", PATH, "", "huge")).await;
    eventually(|| edge.metrics.hits(Bound::WriteTime) == 1).await;
    eventually(|| edge.metrics.open_connections() == 0).await;
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_counted_until_another_ends() {
    let edge = Edge::start(|settings| settings.limits.connections = 2);
    let (first, mut second) = (edge.phone().await, edge.phone().await);
    assert!(Phone::connect(edge.address, |_| ()).await.is_err());
    assert_eq!(edge.metrics.hits(Bound::Connections), 1);
    assert_eq!(second.post("x").await.status(), 200);
    drop(first);
    eventually(|| edge.metrics.open_connections() == 1).await;
    assert_eq!(edge.phone().await.post("x").await.status(), 200);
}

#[tokio::test]
async fn an_address_with_its_share_of_connections_keeps_no_other_out() {
    let edge = Edge::start(|settings| settings.limits.address_connections = 1);
    let held = edge.phone().await;
    assert!(Phone::connect(edge.address, |_| ()).await.is_err());
    assert_eq!(edge.metrics.hits(Bound::AddressConnections), 1);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.77:0".parse().unwrap()).unwrap();
    let other = socket.connect(edge.address).await.unwrap();
    assert_eq!(Phone::over(other, |_| ()).await.unwrap().post("x").await.status(), 200);
    drop(held);
    eventually(|| edge.metrics.open_connections() == 0).await;
    assert_eq!(edge.phone().await.post("x").await.status(), 200);
}

#[tokio::test]
async fn long_bodies_share_their_room_and_short_ones_need_none() {
    let edge = Edge::start(|settings| {
        settings.limits.bodies = 100 << 10;
        settings.limits.body_time = Duration::from_millis(400);
    });
    let (mut slow, mut long) = (edge.phone().await, edge.phone().await);
    let head = format!("POST {PATH} HTTP/1.1\r\nContent-Length: 200000\r\n\r\n");
    slow.send(head.clone() + &"x".repeat(150 << 10)).await;
    long.send(head + &"x".repeat(200_000)).await;
    let body = "y".repeat(60 << 10);
    assert_eq!(edge.phone().await.post(&body).await.status(), 200, "a short body needs no room");
    let mut statuses = [slow.answer().await.unwrap().status(), long.answer().await.unwrap().status()];
    statuses.sort_unstable();
    assert!(statuses == [408, 503] || statuses == [503, 503], "{statuses:?}");
    assert!(edge.metrics.hits(Bound::Bodies) >= 1);
    assert_eq!(edge.phone().await.post(&"z".repeat(150 << 10)).await.status(), 200, "room comes back");
}

#[tokio::test]
async fn silent_peers_take_no_turn_of_those_who_speak() {
    let edge = Edge::start(|settings| settings.limits.handshakes = 1);
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(edge.address).await.unwrap());
    }
    eventually(|| edge.metrics.open_connections() == 8).await;
    assert_eq!(edge.phone().await.post("x").await.status(), 200);
}

#[tokio::test]
async fn a_handshake_beyond_the_limit_waits_for_its_turn() {
    let edge = Edge::start(|settings| {
        settings.limits.handshakes = 1;
        settings.limits.handshake_time = Duration::from_secs(1);
    });
    let mut stuck = TcpStream::connect(edge.address).await.unwrap();
    stuck.write_all(&[22, 3, 1]).await.unwrap();
    eventually(|| edge.metrics.open_connections() == 1).await;
    let waits = TcpStream::connect(edge.address).await.unwrap();
    eventually(|| edge.metrics.open_connections() == 2).await;
    drop(stuck);
    assert_eq!(Phone::over(waits, |_| ()).await.unwrap().post("x").await.status(), 200);
    assert_eq!(edge.failure().await.cause, Cause::Closed);
}

#[tokio::test]
async fn a_silent_peer_is_let_go_when_its_time_is_over() {
    let edge = Edge::start(|settings| settings.limits.handshake_time = Duration::from_millis(100));
    let mut silent = TcpStream::connect(edge.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
    let failure = edge.failure().await;
    assert_eq!((failure.cause, failure.offered), (Cause::Timeout, None));
    let mut halfway = TcpStream::connect(edge.address).await.unwrap();
    halfway.write_all(&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 7]).await.unwrap();
    eventually(|| edge.metrics.failures(Cause::Timeout) == 2).await;
    assert_eq!(edge.failure().await.offered.as_deref(), Some("TLS 1.2"));
}

#[tokio::test]
async fn what_is_counted_is_seen_in_the_metrics() {
    let edge = Edge::start(|settings| settings.limits.body = 10);
    let mut registry = Registry::default();
    edge.metrics.register(&mut registry);
    let mut phone = edge.phone().await;
    phone.post("x").await;
    phone.post("longer than ten bytes").await;
    let mut plain = TcpStream::connect(edge.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    edge.failure().await;
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in [
        "phoneops_phone_requests_total{status=\"200\"} 1",
        "phoneops_phone_requests_total{status=\"413\"} 1",
        "phoneops_tls_handshakes_total{version=\"TLSv1.3\"} 1",
        "phoneops_tls_handshake_failures_total{cause=\"not TLS\"} 1",
        "phoneops_listener_bounds_hit_total{bound=\"body\"} 1",
        "# TYPE phoneops_phone_connections gauge",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
