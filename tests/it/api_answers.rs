//! What the status server answers, over real sockets.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::future::{join_all, select_all};
use jiff::Timestamp;
use phoneops::{
    fleet::{
        RestartAnswer,
        view::{PAGE_LIMIT, Page, PhoneView},
        words::State,
    },
    report::{ContactAnswer, Readiness, plan::PLACES, server::ServerLimits},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    api_service::{ACT, Answer, MadeUp, Service, bearer, limited, phone, service},
    service_stage::{LONG, until},
};

#[tokio::test]
async fn phones_come_in_pages_that_a_client_can_follow() {
    let service = service(MadeUp { phones: (0..5).map(phone).collect::<Vec<_>>().into(), ..MadeUp::default() }).await;
    let mut names = Vec::new();
    let mut path = "GET /api/v1/phones?limit=2".to_owned();
    loop {
        let page: Page = serde_json::from_value(service.ask(&path, &[]).await.json()).unwrap();
        names.extend(page.phones.into_iter().filter_map(|phone| phone.name));
        let Some(next) = page.next else { break };
        path = format!("GET /api/v1/phones?limit=2&continue={next}");
    }
    assert_eq!(names, ["phone-0000", "phone-0001", "phone-0002", "phone-0003", "phone-0004"]);
}

#[tokio::test]
async fn parameters_reach_the_fleet_and_the_limit_is_capped() {
    let service = service(MadeUp::default()).await;
    service.ask("GET /api/v1/phones?state=insync&site=a%20b&model=OpenStage+40&limit=99999&continue=", &[]).await;
    service.ask("GET /api/v1/phones", &[]).await;
    let queries = service.fleet.queries.lock().unwrap();
    assert_eq!(queries[0].state, Some(State::InSync));
    assert_eq!(queries[0].site.as_deref(), Some("a b"));
    assert_eq!(queries[0].model.as_deref(), Some("OpenStage 40"));
    assert_eq!((queries[0].limit, queries[1].limit), (Some(PAGE_LIMIT), Some(PAGE_LIMIT)));
    assert_eq!(queries[0].after, None);
}

#[tokio::test]
async fn absent_facts_are_null_and_a_page_always_says_where_it_ends() {
    let json = service(MadeUp::default()).await.ask("GET /api/v1/phones", &[]).await.json();
    assert!(json["continue"].is_null() && json.as_object().unwrap().contains_key("continue"));
    let phone = json["phones"][0].as_object().unwrap();
    for key in ["firmware", "pending", "lastSeen", "lastProof"] {
        assert!(phone.contains_key(key) && phone[key].is_null(), "{key}: {phone:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_with_the_right_status() {
    let service = service(MadeUp::default()).await;
    for (line, status, code) in [
        ("GET /api/v1/phones?state=Happy", 400, "state"),
        ("GET /api/v1/phones?limit=0", 400, "limit"),
        ("GET /api/v1/phones?limit=many", 400, "limit"),
        ("GET /api/v1/phones?sort=name", 400, "parameter"),
        ("GET /api/v1/phones/nobody", 404, "no-such-phone"),
        ("GET /api/v2/phones", 404, "no-such-page"),
        ("GET /api/v1/phones/phone-0001/contact", 405, "method"),
    ] {
        assert_eq!(service.ask(line, &[]).await.error(), (status, code.to_owned()), "{line}");
    }
    let (name, token) = bearer(ACT);
    let answer = service.ask("DELETE /api/v1/phones/phone-0001", &[(name, &token)]).await;
    assert_eq!(answer.error(), (405, "method".to_owned()));
    assert!(answer.head.contains("allow: get"), "{answer:?}");
    assert!(service.ask("GET /api/v1/phones?state=Happy", &[]).await.body.contains("InSync"), "it names the states");
}

#[tokio::test]
async fn one_phone_is_found_by_name_or_mac() {
    let service = service(MadeUp::default()).await;
    for id in ["phone-0002", "00:1A:E8:00:00:02", "00%3A1A%3AE8%3A00%3A00%3A02"] {
        let found: PhoneView =
            serde_json::from_value(service.ask(&format!("GET /api/v1/phones/{id}"), &[]).await.json()).unwrap();
        assert_eq!(found, phone(2));
    }
}

async fn restarted(restart: RestartAnswer) -> Answer {
    let service = service(MadeUp { restart, ..MadeUp::default() }).await;
    service.act("POST /api/v1/phones/phone-0001/restart", ACT).await
}

#[tokio::test]
async fn each_end_of_a_restart_has_its_status() {
    let queued = restarted(RestartAnswer::Queued(Some(Timestamp::UNIX_EPOCH))).await;
    assert_eq!((queued.status, queued.json()["at"].as_str()), (202, Some("1970-01-01T00:00:00Z")));
    let by_itself = restarted(RestartAnswer::Queued(None)).await;
    assert_eq!((by_itself.status, by_itself.json()["at"].is_null()), (202, true));
    let under_way = restarted(RestartAnswer::UnderWay).await;
    assert_eq!((under_way.status, under_way.json()["result"].as_str()), (200, Some("AlreadyUnderWay")));
    let refused = restarted(RestartAnswer::Refused("its mode is Report".to_owned())).await;
    assert_eq!(refused.error(), (409, "cannot-be-restarted".to_owned()));
    assert!(refused.body.contains("its mode is Report"));
    assert_eq!(restarted(RestartAnswer::NotFound).await.error(), (404, "no-such-phone".to_owned()));
}

#[tokio::test]
async fn an_act_needs_a_reason_and_is_refused_while_it_cannot_be_kept() {
    let service = service(MadeUp::default()).await;
    let (name, token) = bearer(ACT);
    for (body, code) in
        [("", "body"), ("{}", "body"), (r#"{"reason": " "}"#, "reason"), (r#"{"reason": "a\nb"}"#, "reason")]
    {
        for act in ["contact", "restart"] {
            let (line, length) = (format!("POST /api/v1/phones/phone-0001/{act}"), body.len().to_string());
            let answer = service.ask_with(&line, &[(name, &token), ("Content-Length", &length)], body).await;
            assert_eq!(answer.error(), (400, code.to_owned()), "{act}: {body}");
        }
    }
    let away = crate::api_service::service(MadeUp { kept: false, ..MadeUp::default() }).await;
    assert_eq!(away.act("POST /api/v1/phones/phone-0001/contact", ACT).await.error(), (503, "store-away".to_owned()));
    for fleet in [&service.fleet, &away.fleet] {
        assert_eq!(*fleet.contacts.lock().unwrap(), [], "nothing was done");
    }
}

#[tokio::test]
async fn the_brake_is_taken_while_the_store_is_away_and_says_that_it_is_not_stored() {
    for kept in [true, false] {
        let service = service(MadeUp { kept, ..MadeUp::default() }).await;
        let (name, token) = bearer(ACT);
        let body = r#"{"site": "berlin", "for": "2h", "reason": "ward 3 is silent"}"#;
        let headers = [(name, token.as_str()), ("Content-Length", &body.len().to_string())];
        let answer = service.ask_with("POST /api/v1/brake", &headers, body).await;
        assert_eq!((answer.status, answer.json()["stored"].as_bool()), (200, Some(kept)), "{answer:?}");
        let asked = service.fleet.contacts.lock().unwrap().clone();
        assert_eq!(asked, [("brake site berlin".to_owned(), "alice: ward 3 is silent".to_owned())]);
    }
}

#[tokio::test]
async fn what_is_no_brake_is_said_and_nothing_is_braked() {
    let service = service(MadeUp::default()).await;
    let (name, token) = bearer(ACT);
    for (body, code) in [
        (r#"{"for": "2h", "reason": "x"}"#, "scope"),
        (r#"{"all": true, "site": "berlin", "for": "2h", "reason": "x"}"#, "scope"),
        (r#"{"selector": "ward", "for": "2h", "reason": "x"}"#, "selector"),
        (r#"{"all": true, "reason": "x"}"#, "for"),
        (r#"{"all": true, "for": "soon", "reason": "x"}"#, "for"),
        (r#"{"all": true, "for": "2h", "reason": ""}"#, "reason"),
        (r#"{"all": true, "for": "2h", "reason": "x", "by": "somebody else"}"#, "body"),
    ] {
        let headers = [(name, token.as_str()), ("Content-Length", &body.len().to_string())];
        let answer = service.ask_with("POST /api/v1/brake", &headers, body).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{body}");
    }
    assert_eq!(service.ask("POST /api/v1/brake", &[]).await.error(), (401, "token-needed".to_owned()));
    assert_eq!(*service.fleet.contacts.lock().unwrap(), []);
}

async fn contacted(contact: ContactAnswer) -> Answer {
    let service = service(MadeUp { contact, ..MadeUp::default() }).await;
    service.act("POST /api/v1/phones/phone-0001/contact", ACT).await
}

#[tokio::test]
async fn each_end_of_a_contact_has_its_status() {
    let queued = contacted(ContactAnswer::Queued { at: Timestamp::UNIX_EPOCH }).await;
    assert_eq!((queued.status, queued.json()["at"].as_str()), (202, Some("1970-01-01T00:00:00Z")));
    let under_way = contacted(ContactAnswer::AlreadyUnderWay).await;
    assert_eq!((under_way.status, under_way.json()["result"].as_str()), (200, Some("AlreadyUnderWay")));
    let next = Timestamp::now() + Duration::from_secs(50);
    let limited = contacted(ContactAnswer::RateLimited { next }).await;
    assert_eq!(limited.error(), (429, "rate-limited".to_owned()));
    assert_eq!(limited.json()["error"]["next"].as_str(), Some(next.to_string().as_str()));
    assert!(limited.head.contains("retry-after: 4") || limited.head.contains("retry-after: 50"), "{limited:?}");
    let cut_off = contacted(ContactAnswer::CannotBeReached { why: "its site polls".to_owned() }).await;
    assert_eq!(cut_off.error(), (409, "cannot-be-reached".to_owned()));
    assert!(cut_off.body.contains("its site polls"));
    assert_eq!(contacted(ContactAnswer::NotFound).await.error(), (404, "no-such-phone".to_owned()));
}

#[tokio::test]
async fn undeclared_phones_and_failed_handshakes_are_listed() {
    let json = service(MadeUp::default()).await.ask("GET /api/v1/undeclared", &[]).await.json();
    assert_eq!(json["phones"][0]["state"], "Undeclared");
    assert_eq!(json["handshakes"][0]["cause"], "no shared cipher");
    assert_eq!(json["handshakes"][0]["highestVersion"], "TLS 1.0");
}

#[tokio::test]
async fn readiness_says_why_not() {
    let readiness = Readiness { ready: false, reasons: vec!["the store cannot be written".to_owned()] };
    let service = service(MadeUp { ready: readiness, ..MadeUp::default() }).await;
    let answer = service.ask("GET /readyz", &[]).await;
    assert_eq!((answer.status, answer.json()["reasons"][0].as_str()), (503, Some("the store cannot be written")));
    assert_eq!(service.ask("GET /healthz", &[]).await.status, 200, "a service that is not ready is alive");
}

#[tokio::test]
async fn metrics_come_as_openmetrics() {
    let answer = service(MadeUp::default()).await.ask("GET /metrics", &[]).await;
    assert!(answer.head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{answer:?}");
    assert!(answer.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let service = service(MadeUp::default()).await;
    let (name, token) = bearer(ACT);
    let headers = [(name, token.as_str()), ("Content-Length", "10000000")];
    let answer = service.ask("POST /api/v1/phones/phone-0001/contact", &headers).await;
    assert_eq!(answer.error(), (413, "too-large".to_owned()));
    let long = "x".repeat(20_000);
    assert_eq!(service.ask("GET /api/v1/phones", &[("X-Long", &long)]).await.status, 431);
    assert_eq!(*service.fleet.contacts.lock().unwrap(), []);
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_counted_and_a_silent_one_gives_its_place_up() {
    let limits = ServerLimits { connections: 1, header_time: Duration::from_secs(1), ..ServerLimits::default() };
    let service = limited(MadeUp::default(), limits).await;
    let mut silent = TcpStream::connect(service.address).await.unwrap();
    silent.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    let mut refused = TcpStream::connect(service.address).await.unwrap();
    let mut text = String::new();
    refused.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    assert!(service.metrics.encode().contains("phoneops_service_bounds_hit_total{bound=\"status-connections\"} 1"));
    silent.read_to_end(&mut Vec::new()).await.unwrap();
    // the client may see the end a moment before the place is free
    while service.ask("GET /healthz", &[]).await.status != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn stopping_ends_connections_that_rest() {
    let service = service(MadeUp::default()).await;
    let mut kept = TcpStream::connect(service.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    service.stop.send(true).unwrap();
    kept.read_to_end(&mut Vec::new()).await.unwrap();
}

/// A plan that is asked for; who reads may ask.
async fn plan_asked(service: &Service) -> TcpStream {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let request = format!(
        "POST /api/v1/plan HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 13\r\n\r\n{{\"files\": []}}",
        service.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn whole(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_keeps_its_turn_and_its_place_also_when_nobody_waits_for_it_any_more() {
    let service = service(MadeUp::default()).await;
    let hold = service.fleet.plan_hold.clone().lock_owned().await;
    let plans = || service.fleet.plans.load(Ordering::Relaxed);
    let gone = plan_asked(&service).await;
    until(|| plans() == 1, || "no plan was begun".to_owned()).await;
    drop(gone);
    let mut waiting = Vec::new();
    for _ in 0..PLACES {
        waiting.push(Box::pin(whole(plan_asked(&service).await)));
    }
    // one place is that of the plan which nobody waits for
    let (answer, _, waiting) = timeout(LONG, select_all(waiting)).await.expect("more plans than there are places");
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert_eq!((plans(), service.fleet.bounds.lock().unwrap().as_slice()), (1, &["plans"][..]));
    drop(hold);
    for answer in join_all(waiting).await {
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(plans(), PLACES);
}
