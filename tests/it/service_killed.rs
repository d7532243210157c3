//! The process is killed in the middle and started again: nothing wanted is lost, nothing is written twice with effect
//! (promise 3, R-1404).

use phoneops::{
    fleet::words::State,
    sim::{Fault, Model, SimPhone},
};
use tokio::net::TcpSocket;

use crate::{
    listener_support::{PATH, Phone, request},
    service_child::Program,
    service_stage::{LONG, config, has, idle, mac, profile, ready, times_written, told, until},
};

fn enforced(items: &str) -> String {
    profile("Enforce", items) + "---\n" + &config(0, "")
}

/// The only record of a store that another process writes.
fn record(store: &std::path::Path) -> String {
    let database = rusqlite::Connection::open(store).unwrap();
    database.query_row("SELECT record FROM phone", [], |row| row.get(0)).unwrap()
}

async fn asked_to_write(phone: &SimPhone, writes: usize) {
    let wish = move |view: &phoneops::sim::PhoneView| {
        view.exchanges().filter(|exchange| !exchange.written().is_empty()).count() == writes
    };
    phone.wait_for(wish, LONG).await.unwrap();
}

#[tokio::test]
async fn killed_after_a_write_was_sent_it_reads_before_it_writes_and_writes_nothing_twice() {
    let mut program = Program::serve(&enforced("sntp-addr: 192.0.2.123, sip-name: Reception"), &[]);
    ready(program.status).await;
    let mut settings = program.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::SlowReply(1)];
    let phone = SimPhone::start(settings).await.unwrap();
    phone.boot();
    asked_to_write(&phone, 1).await;
    program.kill();
    phone.clear_fault("slow-reply");
    program.start();
    let view = program.reaches(0, State::InSync).await;
    assert!(view.last_proof.is_some());
    assert_eq!(phone.writes(), 1, "{:#?}", told(&phone, 0));
    assert_eq!((has(&phone, "sntp-addr").as_str(), has(&phone, "sip-name").as_str()), ("192.0.2.123", "Reception"));
    assert_eq!(phone.violations(), [""; 0]);
    phone.stop().await;
}

#[tokio::test]
async fn killed_after_a_secret_was_sent_it_repeats_it_at_most_once() {
    let before = "sntp-addr: 192.0.2.123";
    let mut program = Program::serve(&enforced(before), &[("ldap", "not-to-be-guessed")]);
    ready(program.status).await;
    let phone = program.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    program.reaches(0, State::InSync).await;
    phone.set_fault(Fault::SlowReply(1));
    program.change("all.yaml", &enforced("sntp-addr: 192.0.2.200, ldap-pwd: {file: ldap}"));
    asked_to_write(&phone, 2).await;
    program.kill();
    phone.clear_fault("slow-reply");
    program.start();
    program.reaches(0, State::InSync).await;
    assert!(times_written(&phone, "ldap-pwd") <= 2, "{:#?}", told(&phone, 0));
    assert_eq!(times_written(&phone, "sntp-addr"), 2, "once for each value: {:#?}", told(&phone, 0));
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.200");
    // and never again, once that is on disk
    let store = program.state().join("phoneops.db");
    let stored = || !record(&store).contains("\"due\"");
    until(stored, || "nothing is due on disk".to_owned()).await;
    program.kill();
    let flows = phone.counts().flows;
    program.start();
    phone.restart();
    phone.wait_for(|view| view.counts().flows > flows && view.is_idle(), LONG).await.unwrap();
    program.reaches(0, State::InSync).await;
    assert!(times_written(&phone, "ldap-pwd") <= 2, "{:#?}", told(&phone, 0));
    assert_eq!(phone.violations(), [""; 0]);
    phone.stop().await;
}

#[tokio::test]
async fn killed_when_its_write_never_reached_the_phone_it_loses_nothing() {
    let mut program = Program::serve(&enforced("sntp-addr: 192.0.2.123"), &[]);
    let settings = program.phone_settings(0, Model::OpenStage60V3R1);
    let address = settings.address;
    let phone = SimPhone::start(settings).await.unwrap();
    ready(program.status).await;
    // the phone's own messages, by hand: the answer to the last one is lost on the way
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    let mut raw = Phone::over(socket.connect(program.phones).await.unwrap(), |_| ()).await.unwrap();
    let opened = raw.post(&message("<ReasonForContact>start-up</ReasonForContact>", "mac-addr", &mac(0))).await;
    let cookie = format!("Cookie: {}\r\n", opened.header("Set-Cookie").unwrap());
    let reason = "<ReasonForContact action=\"ReadItems\" status=\"accepted\">reply-to</ReasonForContact>";
    raw.send(request("POST", PATH, &cookie, &message(reason, "sntp-addr", "192.0.2.1"))).await;
    assert!(raw.answer().await.unwrap().text().contains("<Action>WriteItems</Action>"));
    program.kill();
    program.start();
    ready(program.status).await;
    program.becomes(0, |view| view.state == State::Pending).await;
    assert_eq!(phone.writes(), 0);
    phone.boot();
    program.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 0), ["start-up: ReadItems WriteItems ReadItems CleanUp"]);
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.123");
    assert_eq!(phone.violations(), [""; 0]);
    phone.stop().await;
}

fn message(reason: &str, name: &str, text: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><WorkpointMessage xmlns=\"http://www.siemens.com/DLS\"><Message nonce=\"A1\">{reason}\
         <ItemList><Item name=\"{name}\">{text}</Item></ItemList></Message></WorkpointMessage>"
    )
}
