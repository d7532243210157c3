//! HTTP as phones need it.

use std::time::Duration;

use phoneops::phone::bounds::Bound;
use tokio::{net::TcpStream, time::timeout};

use super::listener_support::{Edge, PATH, Phone, eventually, request};

#[tokio::test]
async fn an_answer_is_xml_of_exact_length_under_title_case_headers() {
    let edge = Edge::start(|_| ());
    let mut phone = edge.phone().await;
    let answer = phone.post("cookie").await;
    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "R-202: {}", answer.head);
    assert_eq!(answer.header("Content-Type"), Some("text/xml"));
    assert_eq!(answer.header("Content-Length"), Some("11"), "bytes, not characters");
    assert_eq!(answer.text(), "<ok>ä</ok>");
    assert_eq!(answer.header("Set-Cookie"), Some("JSESSIONID=0A1B; Path=/DeploymentService; Secure"), "R-206");
    let lower = answer.head.to_lowercase();
    assert!(!lower.contains("transfer-encoding") && !lower.contains("content-encoding"), "R-203: {}", answer.head);
    for line in answer.head.lines().skip(1).filter(|line| !line.is_empty()) {
        assert!(line.split(':').next().unwrap().split('-').all(|word| word.starts_with(char::is_uppercase)), "{line}");
    }
}

#[tokio::test]
async fn any_content_type_is_taken_and_compression_never_used() {
    let edge = Edge::start(|_| ());
    let mut phone = edge.phone().await;
    for headers in ["Content-Type: text/xml; charset=utf-8\r\n", "Content-Type: a/b\r\nAccept-Encoding: gzip\r\n", ""] {
        phone.send(request("POST", PATH, headers, "x")).await;
        let answer = phone.answer().await.unwrap();
        assert_eq!(answer.status(), 200, "R-201: {headers}");
        assert_eq!(answer.header("Content-Encoding"), None);
    }
    let asked = edge.clerk.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|request| request.connection == asked[0].connection), "one connection");
}

#[tokio::test]
async fn the_cookie_goes_up_as_it_came() {
    let edge = Edge::start(|_| ());
    let mut phone = edge.phone().await;
    let header = "Cookie: JSESSIONID=30DE; path=/DeploymentService/; secure\r\nCookie: PHPSESSID=7\r\n";
    phone.send(request("POST", PATH, header, "x")).await;
    phone.answer().await.unwrap();
    phone.post("x").await;
    let asked = edge.clerk.asked();
    assert_eq!(
        asked[0].cookie.as_deref(),
        Some("JSESSIONID=30DE; path=/DeploymentService/; secure; PHPSESSID=7"),
        "R-207"
    );
    assert_eq!(asked[1].cookie, None);
    assert_eq!(&asked[0].body[..], b"x");
    assert!(asked[0].peer.ip().is_loopback());
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405() {
    let edge = Edge::start(|settings| settings.aliases = vec!["/provisioningService".to_owned()]);
    let mut phone = edge.phone().await;
    for (method, path, status) in [
        ("POST", "/", 404),
        ("POST", "/DeploymentService/loginservice", 404),
        ("GET", "/DeploymentService/LoginService", 405),
        ("PUT", "/provisioningService", 405),
        ("POST", "/provisioningService", 200),
        ("POST", "/DeploymentService/LoginService?x=1", 200),
    ] {
        phone.send(request(method, path, "", "x")).await;
        let answer = phone.answer().await.unwrap();
        assert_eq!(answer.status(), status, "R-104: {method} {path}");
    }
    assert_eq!(edge.clerk.asked().len(), 2, "the handler saw the good ones only");
}

#[tokio::test]
async fn a_body_that_the_handler_refuses_is_400_and_the_connection_stays() {
    let edge = Edge::start(|_| ());
    let mut phone = edge.phone().await;
    let answer = phone.post("bad").await;
    assert_eq!((answer.status(), answer.text()), (400, "not well-formed"), "R-214");
    assert_eq!(phone.post("x").await.status(), 200);
}

#[tokio::test]
async fn a_phone_that_closes_after_each_answer_comes_again_on_a_new_connection() {
    let edge = Edge::start(|_| ());
    for _ in 0..2 {
        let mut phone = edge.phone().await;
        phone.send(request("POST", PATH, "Connection: close\r\n", "x")).await;
        let answer = phone.answer().await.unwrap();
        assert_eq!(answer.header("Connection"), Some("close"), "R-205");
        phone.ended().await;
    }
    let asked = edge.clerk.asked();
    assert_ne!(asked[0].connection, asked[1].connection);
}

#[tokio::test]
async fn an_idle_connection_ends_after_its_time_without_a_word() {
    let edge = Edge::start(|settings| settings.limits.idle = Duration::from_millis(150));
    let mut phone = edge.phone().await;
    assert_eq!(phone.post("x").await.status(), 200);
    phone.ended().await;
    let mut never_asks = edge.phone().await;
    never_asks.ended().await;
    eventually(|| edge.metrics.open_connections() == 0).await;
}

#[tokio::test]
async fn the_last_request_of_a_connection_is_answered_with_close() {
    let edge = Edge::start(|settings| settings.limits.requests = 3);
    let mut phone = edge.phone().await;
    assert_eq!(phone.post("x").await.header("Connection"), None);
    assert_eq!(phone.post("x").await.header("Connection"), None);
    assert_eq!(phone.post("x").await.header("Connection"), Some("close"), "R-204");
    phone.ended().await;
    assert_eq!(edge.metrics.hits(Bound::Requests), 1);
}

#[tokio::test]
async fn a_handler_that_breaks_takes_its_connection_with_it_and_no_other() {
    let edge = Edge::start(|_| ());
    let (mut first, mut second) = (edge.phone().await, edge.phone().await);
    first.send(request("POST", PATH, "", "panic")).await;
    first.ended().await;
    assert_eq!(second.post("x").await.status(), 200);
    drop(second);
    eventually(|| edge.metrics.open_connections() == 0).await;
}

#[tokio::test]
async fn at_the_end_the_open_exchange_is_answered_and_idle_connections_close() {
    let mut edge = Edge::start(|_| ());
    let (mut busy, mut idle) = (edge.phone().await, edge.phone().await);
    assert_eq!(idle.post("x").await.status(), 200);
    busy.send(request("POST", PATH, "", "wait")).await;
    edge.clerk.waiting.notified().await;
    edge.stop();
    idle.ended().await;
    assert!(!edge.task.is_finished());
    edge.clerk.go_on.notify_one();
    let answer = busy.answer().await.unwrap();
    assert_eq!((answer.text(), answer.header("Connection")), ("<waited/>", Some("close")));
    busy.ended().await;
    timeout(Duration::from_secs(10), &mut edge.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(edge.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn an_exchange_that_never_ends_is_cut_at_the_end() {
    let mut edge = Edge::start(|settings| settings.limits.grace = Duration::from_millis(100));
    let mut phone = Phone::connect(edge.address, |_| ()).await.unwrap();
    phone.send(request("POST", PATH, "", "wait")).await;
    edge.clerk.waiting.notified().await;
    edge.stop();
    timeout(Duration::from_secs(10), &mut edge.task).await.unwrap().unwrap();
    assert_eq!(edge.metrics.hits(Bound::Grace), 1);
}
