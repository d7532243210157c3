//! A simulated phone behind NAT polls its server.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use phoneops::{
    sim::{Fault, SimPhone},
    wpi::{Item, ItemText},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use crate::sim_server::{LONG, Scripted, clean_up, contact, id, post, reasons, registered, settings, write};

/// A server that answers each poll with a status line, by script; keeps the request lines.
struct Polled {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Polled {
    /// Gives these answers in turn, then `200`.
    async fn answering(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut tasks = JoinSet::new();
        let seen = Arc::clone(&lines);
        tasks.spawn(async move {
            for turn in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                seen.lock().unwrap().push(head.lines().next().unwrap().to_owned());
                let answer = answers.get(turn).copied().unwrap_or("200 OK\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await.unwrap();
            }
        });
        Self { address, lines, _tasks: tasks }
    }

    fn url(&self) -> ItemText {
        ItemText::plain(format!("http://{}/dcmp/", self.address))
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

const WANTED: &str = "202 Accepted\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_phone_that_was_given_a_url_polls_and_calls_when_it_is_wanted() {
    //
    let polled = Polled::answering(&["200 OK\r\nContent-Length: 0\r\n\r\n", WANTED]).await;
    let url = polled.url();
    let server = Scripted::with(move |seen| match seen.reason() {
        "start-up" => write(&[(id("dcmp-url"), url.as_plain().unwrap())]),
        _ => clean_up(),
    })
    .await;
    let phone = registered(settings(&server, 80)).await;
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up", "reply-to", "solicited"]);
    assert_eq!(polled.lines()[..2], ["GET /dcmp/contact-me?device-id=00:1A:E8:31:00:50 HTTP/1.1"; 2]);
    phone.wait_for(|view| view.counts().polls >= 3, LONG).await.unwrap();
    assert_eq!(server.seen().len(), 3, "200: nothing pending");
    assert_eq!(phone.violations(), [""; 0]);
}

#[tokio::test]
async fn answers_that_a_poll_must_not_get_are_noted_and_the_phone_goes_on() {
    //
    let polled =
        Polled::answering(&["404 Not Found\r\nContent-Length: 0\r\n\r\n", "200 OK\r\nContent-Length: 2\r\n\r\nno"]);
    let (polled, server) = (polled.await, Scripted::saying([]).await);
    let mut settings = settings(&server, 81);
    settings.items = vec![Item { id: id("dcmp-url"), text: polled.url(), status: None }];
    let phone = registered(settings).await;
    phone.wait_for(|view| view.counts().polls >= 3, LONG).await.unwrap();
    let violations = phone.violations();
    assert!(violations[0].contains("404") && violations[1].contains("2 bytes"), "{violations:?}");
    assert_eq!((violations.len(), server.seen().len()), (2, 1));
    drop(polled);
    phone.wait_for(|view| view.counts().polls_lost >= 2, LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up"]);
}

#[tokio::test]
async fn a_restart_takes_the_url_from_a_phone_that_need_not_keep_it() {
    //
    let (polled, server) = (Polled::answering(&[]).await, Scripted::saying([]).await);
    let mut settings = settings(&server, 82);
    settings.items = vec![Item { id: id("dcmp-url"), text: polled.url(), status: None }];
    let phone = registered(settings).await;
    phone.wait_for(|view| view.counts().polls >= 1, LONG).await.unwrap();
    phone.restart();
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    assert_eq!(phone.value(&id("dcmp-url")), Some(polled.url()), "usually it is kept");
    phone.set_fault(Fault::DcmpUrlForgotten);
    phone.restart();
    phone.wait_for(|view| view.counts().ended == 3, LONG).await.unwrap();
    assert_eq!(phone.value(&id("dcmp-url")), Some(ItemText::EMPTY));
}

#[tokio::test]
async fn nobody_gets_through_to_a_phone_behind_nat() {
    let server = Scripted::saying([]).await;
    let phone: SimPhone = registered(settings(&server, 83)).await;
    phone.set_fault(Fault::BehindNat);
    assert_eq!(contact(&phone, post()).await, "");
    phone.wait_for(|view| view.counts().knocks == 1, LONG).await.unwrap();
    assert_eq!((phone.contacts_received(), server.seen().len()), (0, 1));
    assert!(phone.clear_fault("behind-nat"));
    assert_eq!(contact(&phone, post()).await, "HTTP/1.1 204 No Content");
}
