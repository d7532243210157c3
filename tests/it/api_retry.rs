//! `phoneops retry` and its route: who may, what is answered, and that a real phone gets its password again.

use std::{fs, path::Path};

use jiff::Timestamp;
use phoneops::{
    fleet::words::State,
    report::{ContactAnswer, Retry},
    sim::Model,
};

use crate::{
    api_service::{ACT, Answer, MadeUp, READ, REASON, Service, bearer, service},
    service_child::{phoneops, run},
    service_stage::{self, Stage, config, idle, profile, times_written},
};

const RETRY: &str = "POST /api/v1/phones/phone-0001/retry";

fn taken(contact: ContactAnswer) -> MadeUp {
    MadeUp { retry: Some(Retry::Taken { refusals: 2, secrets: 3, contact }), ..MadeUp::default() }
}

fn queued() -> MadeUp {
    taken(ContactAnswer::Queued { at: Timestamp::UNIX_EPOCH })
}

async fn post(service: &Service, token: &str, body: &str) -> Answer {
    let (name, token) = bearer(token);
    let length = body.len().to_string();
    service.ask_with(RETRY, &[(name, &token), ("Content-Length", &length)], body).await
}

#[tokio::test]
async fn a_retry_needs_a_token_that_may_act() {
    let service = service(queued()).await;
    assert_eq!(service.ask(RETRY, &[("Content-Length", "0")]).await.error(), (401, "token-needed".into()));
    assert_eq!(post(&service, READ, REASON).await.status, 403);
    assert_eq!(*service.fleet.contacts.lock().unwrap(), [], "nobody asked the fleet");
    assert_eq!(post(&service, ACT, REASON).await.status, 202);
    assert_eq!(service.ask_locally(RETRY).await.status, 202, "the local user over the socket");
}

#[tokio::test]
async fn a_retry_says_what_is_tried_again() {
    let made = service(queued()).await;
    let answer = post(&made, ACT, r#"{"secrets": true, "reason": "x"}"#).await;
    assert_eq!(answer.status, 202);
    let json = answer.json();
    assert_eq!((&json["refusals"], &json["secrets"]), (&2.into(), &3.into()));
    assert_eq!((json["contact"].as_str(), json["at"].as_str()), (Some("Queued"), Some("1970-01-01T00:00:00Z")));
    post(&made, ACT, REASON).await;
    let asked = made.fleet.contacts.lock().unwrap().clone();
    let of = |wish: &str| ("phone-0001".to_owned(), format!("alice {wish}"));
    assert_eq!(asked, [of("true"), of("false")], "by saying nothing no secret is written");
    for wrong in [
        "",
        "true",
        "{\"secrets\": true}",
        "{\"secrets\": 1, \"reason\": \"x\"}",
        "{\"secret\": true, \"reason\": \"x\"}",
        "{",
    ] {
        assert_eq!(post(&made, ACT, wrong).await.error(), (400, "body".into()), "{wrong}");
    }
    let undeclared = service(MadeUp { retry: Some(Retry::Undeclared), ..MadeUp::default() }).await;
    assert_eq!(post(&undeclared, ACT, REASON).await.error(), (409, "undeclared".into()));
    assert_eq!(post(&service(MadeUp::default()).await, ACT, REASON).await.error(), (404, "no-such-phone".into()));
}

async fn command(server: &str, token: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = phoneops("retry");
    command.args(["--server", server, "--token-file", token.to_str().unwrap(), "--reason", "a test"]).args(arguments);
    run(command).await
}

#[tokio::test]
async fn the_command_tells_when_the_phone_has_to_call_by_itself() {
    for (contact, code, said) in [
        (ContactAnswer::AlreadyUnderWay, 0, "a session is under way"),
        (ContactAnswer::CannotBeReached { why: "its site polls".into() }, 3, "its site polls"),
    ] {
        let service = service(taken(contact)).await;
        let token = service.folder.path().join("token");
        fs::write(&token, ACT).unwrap();
        let (exit, out) = command(&format!("http://{}", service.address), &token, &["phone-0001", "--secrets"]).await;
        assert_eq!(exit, code, "{out}");
        assert!(out.contains("tried again: 2, written again without comparing: 3") && out.contains(said), "{out}");
    }
}

#[tokio::test]
async fn a_person_has_an_assumed_password_written_once() {
    let secret = profile("Enforce", "sntp-addr: 192.0.2.123, ldap-pwd: {file: ldap}");
    let mut stage = Stage::dark(&format!("{secret}---\n{}", config(0, "")));
    fs::write(stage.path("secrets").join("ldap"), "not-to-be-guessed").unwrap();
    stage.start().await;
    stage.taken_over().await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    assert_eq!((times_written(&phone, "ldap-pwd"), stage.view(0).assumed_count), (0, 1));
    let token = stage.path("token");
    fs::write(&token, service_stage::ACT).unwrap();
    let server = format!("http://{}", stage.running().status_address);
    let (exit, out) = command(&server, &token, &["phone-0"]).await;
    assert_eq!((exit, times_written(&phone, "ldap-pwd")), (0, 0), "{out}");
    stage.reaches(0, State::InSync).await;
    let (exit, out) = command(&server, &token, &["phone-0", "--secrets"]).await;
    assert_eq!(exit, 0, "{out}");
    stage.becomes(0, |view| view.state == State::InSync && view.assumed_count == 0).await;
    idle(&phone).await;
    assert_eq!(times_written(&phone, "ldap-pwd"), 1);
    assert_eq!(command(&server, &token, &["nobody"]).await.0, 2);
    stage.end().await;
}
