//! Who may do what at the status server, over real sockets.

use crate::api_service::{ACT, MadeUp, READ, REASON, Service, bearer, service};

const CONTACT: &str = "POST /api/v1/phones/phone-0001/contact";
const PHONES: &str = "GET /api/v1/phones";
const FORWARDED: (&str, &str) = ("X-Forwarded-For", "192.0.2.9");

async fn with_token(service: &Service, line: &str, token: &str, more: &[(&str, &str)]) -> crate::api_service::Answer {
    let (name, value) = bearer(token);
    let (body, length) = if line.starts_with("POST ") { (REASON, REASON.len()) } else { ("", 0) };
    let length = length.to_string();
    service.ask_with(line, &[&[(name, value.as_str()), ("Content-Length", &length)], more].concat(), body).await
}

#[tokio::test]
async fn loopback_reads_without_a_token() {
    let service = service(MadeUp::default()).await;
    for line in
        [PHONES, "GET /api/v1/phones/phone-0001", "GET /api/v1/undeclared", "GET /metrics", "HEAD /api/v1/phones"]
    {
        assert_eq!(service.ask(line, &[]).await.status, 200, "{line}");
    }
}

#[tokio::test]
async fn from_elsewhere_only_health_is_told_without_a_token() {
    let service = service(MadeUp::default()).await;
    for line in [PHONES, "GET /api/v1/undeclared", "GET /metrics", "GET /", "GET /nothing"] {
        let answer = service.ask(line, &[FORWARDED]).await;
        assert_eq!(answer.status, 401, "{line}");
        assert!(answer.head.contains("www-authenticate: bearer"), "{answer:?}");
    }
    for line in ["GET /healthz", "GET /readyz"] {
        assert_eq!(service.ask(line, &[FORWARDED]).await.status, 200, "{line}");
    }
    assert_eq!(with_token(&service, PHONES, READ, &[FORWARDED]).await.status, 200);
}

#[tokio::test]
async fn an_act_needs_a_token_on_loopback_too_and_takes_its_name() {
    let service = service(MadeUp::default()).await;
    assert_eq!(service.ask(CONTACT, &[]).await.error(), (401, "token-needed".into()));
    assert_eq!(with_token(&service, CONTACT, READ, &[]).await.error(), (403, "token-reads-only".into()));
    let restart = "POST /api/v1/phones/phone-0001/restart";
    assert_eq!(service.ask(restart, &[]).await.error(), (401, "token-needed".into()));
    assert_eq!(with_token(&service, restart, READ, &[]).await.error(), (403, "token-reads-only".into()));
    assert_eq!(*service.fleet.contacts.lock().unwrap(), [], "a refused act reaches nothing");
    assert_eq!(with_token(&service, CONTACT, ACT, &[]).await.status, 202);
    assert_eq!(*service.fleet.contacts.lock().unwrap(), [("phone-0001".to_owned(), "alice".to_owned())]);
}

#[tokio::test]
async fn an_unknown_token_is_refused_also_where_none_is_needed() {
    let service = service(MadeUp::default()).await;
    for token in ["wrong", "", "alice", &ACT.to_uppercase()] {
        assert_eq!(with_token(&service, PHONES, token, &[]).await.error(), (401, "token-unknown".into()));
        assert_eq!(with_token(&service, CONTACT, token, &[]).await.error(), (401, "token-unknown".into()));
    }
    let basic = service.ask(PHONES, &[("Authorization", "Basic YWxpY2U6YWxpY2U=")]).await;
    assert_eq!(basic.error(), (401, "token-unknown".into()));
    assert_eq!(*service.fleet.contacts.lock().unwrap(), []);
}

#[tokio::test]
async fn a_token_taken_out_of_the_file_is_refused_at_once() {
    let service = service(MadeUp::default()).await;
    assert_eq!(with_token(&service, CONTACT, ACT, &[]).await.status, 202);
    std::fs::write(service.path("tokens"), "# nobody\n").unwrap();
    assert_eq!(with_token(&service, CONTACT, ACT, &[]).await.error(), (401, "token-unknown".into()));
}

#[tokio::test]
async fn a_host_of_somebody_else_is_refused() {
    let service = service(MadeUp::default()).await;
    for host in ["evil.example", "evil.example:8080", "192.0.2.1"] {
        let answer = service.raw(PHONES, &[("Host", host)]).await;
        assert_eq!(answer.error(), (421, "host-unknown".into()), "{host}");
    }
    assert_eq!(service.raw("GET http://evil.example/api/v1/phones", &[("Host", "localhost")]).await.status, 421);
    assert_eq!(service.raw(PHONES, &[]).await.status, 400);
    for host in ["localhost", "phoneops.example", "127.0.0.1:1"] {
        assert_eq!(service.raw(PHONES, &[("Host", host)]).await.status, 200, "{host}");
    }
    assert_eq!(service.raw("GET /healthz", &[("Host", "10.0.0.1")]).await.status, 200, "probes call by any name");
}

#[tokio::test]
async fn an_act_for_a_page_of_another_origin_is_refused() {
    let service = service(MadeUp::default()).await;
    let own = format!("http://{}", service.address);
    for origin in ["http://evil.example", "null"] {
        let answer = with_token(&service, CONTACT, ACT, &[("Origin", origin)]).await;
        assert_eq!(answer.error(), (403, "cross-origin".into()));
    }
    assert_eq!(*service.fleet.contacts.lock().unwrap(), []);
    assert_eq!(with_token(&service, CONTACT, ACT, &[("Origin", &own)]).await.status, 202);
    let answer = service.ask(PHONES, &[("Origin", "http://evil.example")]).await;
    assert!(!answer.head.contains("access-control"), "no page of another origin may read: {answer:?}");
}

#[tokio::test]
async fn the_unix_socket_takes_the_local_user() {
    let service = service(MadeUp::default()).await;
    assert_eq!(service.ask_locally(PHONES).await.status, 200);
    assert_eq!(service.ask_locally(CONTACT).await.status, 202);
    let contacts = service.fleet.contacts.lock().unwrap().clone();
    let [(phone, actor)] = contacts.as_slice() else { panic!("{contacts:?}") };
    assert_eq!(phone, "phone-0001");
    assert!(!actor.is_empty() && actor != "alice", "{actor}");
}
