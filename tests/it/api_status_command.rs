//! `phoneops status` against a running status server: the program itself, its output and its exit code.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

use phoneops::fleet::{
    view::{DriftView, PhoneView},
    words::State,
};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::api_service::{MadeUp, READ, Service, phone, service};

fn command(server: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phoneops"));
    command.arg("status").args(["--server", server]).args(arguments).env_remove("NO_COLOR");
    command
}

async fn output(server: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command(server, arguments);
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

async fn status(service: &Service, arguments: &[&str]) -> (Option<i32>, String, String) {
    output(&format!("http://{}", service.address), arguments).await
}

fn drifted(number: usize) -> PhoneView {
    let (desired, observed) = ("12".into(), Some("11".into()));
    let drift =
        DriftView { item: "e164".into(), index: None, desired, observed, risky: None, first_seen: None, times: 0 };
    PhoneView { state: State::Drifted, drift: vec![drift], drift_count: 1, ..phone(number) }
}

#[tokio::test]
async fn a_fleet_in_sync_is_exit_code_0_over_all_pages() {
    let phones: Vec<_> = (0..1201).map(phone).collect();
    let service = service(MadeUp { phones: phones.into(), ..MadeUp::default() }).await;
    let (code, out, _) = status(&service, &[]).await;
    assert_eq!(code, Some(0));
    assert!(out.ends_with("\n1201 phones: 1201 InSync\n"), "{out}");
    assert_eq!(service.fleet.queries.lock().unwrap().len(), 3);
    assert!(!out.contains('\x1b'), "a pipe gets no colours");
}

#[tokio::test]
async fn drift_is_exit_code_1_and_shows_per_phone() {
    let service = service(MadeUp { phones: vec![phone(1), drifted(2)].into(), ..MadeUp::default() }).await;
    assert_eq!(status(&service, &[]).await.0, Some(1));
    assert_eq!(status(&service, &["--state", "insync"]).await.0, Some(0), "only what was asked for counts");
    let (code, out, _) = status(&service, &["phone-0002"]).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("  e164  11 → 12\n"), "{out}");
    let (_, out, _) = status(&service, &["-o", "json"]).await;
    let read: Vec<PhoneView> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, [phone(1), drifted(2)]);
}

#[tokio::test]
async fn a_phone_that_waits_is_exit_code_3() {
    let phones = vec![phone(1), PhoneView { state: State::Unknown, ..phone(2) }];
    let service = service(MadeUp { phones: phones.into(), ..MadeUp::default() }).await;
    assert_eq!(status(&service, &[]).await.0, Some(3));
}

#[tokio::test]
async fn errors_are_exit_code_2_and_say_what_to_do() {
    let service = service(MadeUp::default()).await;
    let (code, out, err) = status(&service, &["nobody"]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("there is no phone"), "{err}");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, _, err) = output(&format!("http://{nobody}"), &[]).await;
    assert_eq!(code, Some(2));
    assert!(err.contains("phoneops serve"), "{err}");

    std::fs::write(service.path("wrong"), "wrong").unwrap();
    let (code, _, err) = status(&service, &["--token-file", service.path("wrong").to_str().unwrap()]).await;
    assert_eq!(code, Some(2));
    assert!(err.contains("not in the tokens file"), "{err}");
}

#[tokio::test]
async fn the_unix_socket_and_a_token_work_too() {
    let service = service(MadeUp::default()).await;
    assert_eq!(output(&format!("unix:{}", service.socket.display()), &[]).await.0, Some(0));
    std::fs::write(service.path("token"), format!("{READ}\n")).unwrap();
    assert_eq!(status(&service, &["--token-file", service.path("token").to_str().unwrap()]).await.0, Some(0));
}

#[tokio::test]
async fn watching_into_a_pipe_prints_only_what_changed() {
    let service = service(MadeUp::default()).await;
    let server = format!("http://{}", service.address);
    let mut child = command(&server, &["--watch", "--watch-interval", "100ms", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, mut lines) = mpsc::channel(10);
    let pipe = BufReader::new(child.stdout.take().unwrap());
    let reader = spawn_blocking(move || pipe.lines().try_for_each(|line| sender.blocking_send(line.unwrap())));
    let mut next = async || -> PhoneView { serde_json::from_str(&lines.recv().await.unwrap()).unwrap() };
    assert_eq!((next().await, next().await), (phone(1), phone(2)));
    // several looks that see nothing new print nothing
    while service.fleet.queries.lock().unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    service.fleet.phones.lock().unwrap()[1] = drifted(2);
    assert_eq!(next().await, drifted(2));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.await.unwrap().unwrap();
}

#[test]
fn a_watch_ends_at_ctrl_c_also_while_the_service_does_not_answer() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    let mut child = command(&server, &["--watch", "--watch-interval", "100ms"]).stdout(Stdio::null()).spawn().unwrap();
    // the first look asks twice: for the service and for its phones
    let body = r#"{"revision":null,"phones":[],"continue":null}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    for _ in 0..2 {
        let (mut asked, _) = silent.accept().unwrap();
        assert!(std::io::Read::read(&mut asked, &mut [0; 1024]).unwrap() > 0);
        std::io::Write::write_all(&mut asked, format!("{head}{body}").as_bytes()).unwrap();
    }
    let _second = silent.accept().unwrap();
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
