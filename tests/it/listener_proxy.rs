//! The PROXY protocol: whose connection it is, and who may say so.

use std::{net::SocketAddr, time::Duration};

use phoneops::phone::handshake::Cause;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::listener_support::{Edge, Phone, eventually};

fn behind_a_proxy() -> Edge {
    Edge::start(|settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        settings.limits.handshake_time = Duration::from_millis(500);
    })
}

async fn peer_after(edge: &Edge, header: &[u8]) -> SocketAddr {
    let mut tcp = TcpStream::connect(edge.address).await.unwrap();
    let own = tcp.local_addr().unwrap();
    tcp.write_all(header).await.unwrap();
    let mut phone = Phone::over(tcp, |_| ()).await.unwrap();
    assert_eq!(phone.post("x").await.status(), 200);
    let peer = edge.clerk.asked().last().unwrap().peer;
    if peer == own { SocketAddr::from(([127, 0, 0, 1], 0)) } else { peer }
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_connection_it_is() {
    let edge = behind_a_proxy();
    let line = b"PROXY TCP4 192.0.2.33 192.0.2.10 40000 18443\r\n";
    assert_eq!(peer_after(&edge, line).await, "192.0.2.33:40000".parse().unwrap());
    let block = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\0\x02\x21\xC0\0\x02\x0A\x9C\x40\x48\x0B";
    assert_eq!(peer_after(&edge, block).await, "192.0.2.33:40000".parse().unwrap());
    let mapped = b"PROXY TCP6 ::ffff:192.0.2.34 ::1 1 2\r\n";
    assert_eq!(peer_after(&edge, mapped).await, "192.0.2.34:1".parse().unwrap(), "one phone, one address");
}

#[tokio::test]
async fn a_trusted_proxy_that_speaks_for_itself_is_the_peer() {
    let edge = behind_a_proxy();
    let itself = SocketAddr::from(([127, 0, 0, 1], 0));
    assert_eq!(peer_after(&edge, b"PROXY UNKNOWN\r\n").await, itself);
    assert_eq!(peer_after(&edge, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await, itself);
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_with_the_hello_behind_is_read() {
    let edge = behind_a_proxy();
    let mut tcp = TcpStream::connect(edge.address).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    for byte in b"PROXY TCP4 192.0.2.33 192.0.2.10 40000 18443\r\n" {
        tcp.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut phone = Phone::over(tcp, |_| ()).await.unwrap();
    phone.post("x").await;
    assert_eq!(edge.clerk.asked()[0].peer.to_string(), "192.0.2.33:40000");
}

#[tokio::test]
async fn a_trusted_proxy_without_a_header_is_refused() {
    let edge = behind_a_proxy();
    assert!(Phone::connect(edge.address, |_| ()).await.is_err());
    let failure = edge.failure().await;
    assert_eq!(failure.cause, Cause::NoProxyHeader);
    assert!(failure.remedy.unwrap().contains("--trusted-proxies"));
    let mut silent = TcpStream::connect(edge.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0, "the time for a header is bounded");
    assert!(edge.clerk.asked().is_empty());
}

#[tokio::test]
async fn the_health_check_of_a_proxy_is_no_failure_to_list() {
    let edge = behind_a_proxy();
    drop(TcpStream::connect(edge.address).await.unwrap());
    eventually(|| edge.metrics.failures(Cause::Closed) == 1).await;
    assert_eq!(edge.failures.list(), []);
}

#[tokio::test]
async fn nobody_else_may_say_whose_connection_it_is() {
    let edge = Edge::start(|settings| settings.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()]);
    let mut tcp = TcpStream::connect(edge.address).await.unwrap();
    tcp.write_all(b"PROXY TCP4 192.0.2.33 192.0.2.10 40000 18443\r\n").await.unwrap();
    assert!(Phone::over(tcp, |_| ()).await.is_err());
    let failure = edge.failure().await;
    assert_eq!(failure.cause, Cause::NotTls);
    assert_eq!(failure.address.to_string(), "127.0.0.1", "the real peer");
    assert!(failure.remedy.unwrap().contains("--trusted-proxies"));
    assert_eq!(edge.phone().await.post("x").await.status(), 200, "no header is expected of others");
    assert!(edge.clerk.asked()[0].peer.ip().is_loopback());
}
