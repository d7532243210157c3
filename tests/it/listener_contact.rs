//! The contact-me request on the wire (R-301, R-302, R-304, R-307, R-1106).

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use phoneops::{
    phone::{ContactClient, ContactSettings},
    wpi::contact::ContactUri,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// What a phone reports, checked.
fn uri(address: SocketAddr) -> ContactUri {
    let text = format!("http://{address}/contact_dls.html/ContactDLS");
    ContactUri::check(&text, address.ip(), None, &[address.port()]).unwrap()
}

/// A phone's web server that answers one request with these bytes and gives back what it was sent, to the end.
async fn web_server(answer: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.into();
    let task = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut sent = Vec::new();
        while !sent.ends_with(b"ContactMe=true") {
            assert_ne!(tcp.read_buf(&mut sent).await.unwrap(), 0);
        }
        let _ = tcp.write_all(&answer).await;
        let _ = tcp.read_to_end(&mut sent).await;
        String::from_utf8(sent).unwrap()
    });
    (address, task)
}

fn client(timeout: Duration) -> ContactClient {
    ContactClient::new(&ContactSettings { timeout, ..ContactSettings::default() })
}

async fn category(answer: impl Into<Vec<u8>>) -> &'static str {
    let (address, _task) = web_server(answer).await;
    client(Duration::from_millis(300)).contact(&uri(address)).await.unwrap_err().category()
}

#[tokio::test]
async fn the_request_is_what_phones_know_and_the_connection_ends_with_the_answer() {
    let (address, task) = web_server(
        "HTTP/1.1 204 No Content\r\nServer: DlsClient\r\nContent-Length: 0\r\nContent-type: text/html\r\n\r\n",
    )
    .await;
    client(Duration::from_secs(10)).contact(&uri(address)).await.unwrap();
    let sent = task.await.unwrap();
    let expected = format!(
        "POST /contact_dls.html/ContactDLS HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n\r\nContactMe=true"
    );
    assert_eq!(sent, expected, "R-301");
}

#[tokio::test]
async fn only_204_is_success() {
    assert_eq!(category("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await, "status");
    assert_eq!(category("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await, "status");
    assert_eq!(category("SIP/2.0 204 No\r\n\r\n").await, "broken");
    assert_eq!(category("").await, "timed-out");
}

#[tokio::test]
async fn an_answer_without_end_is_bounded() {
    let endless = format!("HTTP/1.1 204 No Content\r\nX: {}", "x".repeat(100_000));
    assert_eq!(category(endless).await, "broken");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = elsewhere.local_addr().unwrap();
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: http://{location}/\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(category(answer).await, "status", "R-1106");
    assert!(elsewhere.accept().is_err(), "nobody called there");
}

#[tokio::test]
async fn a_phone_that_does_not_listen_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client(Duration::from_secs(10)).contact(&uri(address)).await.unwrap_err();
    assert_eq!(error.category(), "refused");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_phone_that_never_answers_is_given_up_in_time() {
    let started = Instant::now();
    assert_eq!(category("").await, "timed-out", "R-302");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn requests_under_way_are_bounded_and_the_rest_wait_their_turn() {
    let client = ContactClient::new(&ContactSettings { timeout: Duration::from_secs(10), in_flight: 1 });
    let (silent, _first) = web_server("").await;
    let (good, second) = web_server("HTTP/1.1 204 No Content\r\n\r\n").await;
    {
        let (silent, good) = (uri(silent), uri(good));
        let mut stuck = std::pin::pin!(client.contact(&silent));
        let mut waits = std::pin::pin!(client.contact(&good));
        tokio::select! {
            biased;
            _ = &mut stuck => panic!("nobody answered"),
            _ = &mut waits => panic!("it was not its turn"),
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        assert!(!second.is_finished());
    }
    client.contact(&uri(good)).await.unwrap();
}
