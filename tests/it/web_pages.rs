//! The web page over real sockets: what it shows of the running service, who may see it, what it lets nobody do.

use base64::{Engine, engine::general_purpose::STANDARD};
use phoneops::{
    fleet::words::{PendingReason, State},
    report::ContactAnswer,
    sim::Model,
};
use tokio::time::Instant;

use crate::{
    api_service::{ACT, Answer, MadeUp, READ, Service, service},
    service_stage::{ApiAnswer, LONG, Stage, config, configs, profile},
};

const PAGE: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const FORWARDED: (&str, &str) = ("X-Forwarded-For", "192.0.2.9");
const FORM: &str = "reason=ward+3+is+silent";
const CONTACT: &str = "POST /phones/phone-0001/contact";

fn basic(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("whoever:{token}")))
}

async fn submit(service: &Service, token: Option<&str>, more: &[(&str, &str)]) -> Answer {
    let authorization = token.map(basic).unwrap_or_default();
    let length = FORM.len().to_string();
    let mut headers =
        vec![PAGE, ("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", length.as_str())];
    if token.is_some() {
        headers.push(("Authorization", &authorization));
    }
    service.ask_with(CONTACT, &[&headers, more].concat(), FORM).await
}

async fn page(stage: &Stage, path: &str) -> ApiAnswer {
    let answer = stage.api(&format!("GET {path}")).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer
}

/// Waits until a page has this in it.
async fn shows(stage: &Stage, path: &str, part: &str) -> String {
    let deadline = Instant::now() + LONG;
    loop {
        let body = page(stage, path).await.body;
        if body.contains(part) {
            return body;
        }
        assert!(Instant::now() < deadline, "{part} never comes to {path}: {body}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_browser_from_elsewhere_is_asked_for_a_token_as_password() {
    let service = service(MadeUp::default()).await;
    for line in ["GET /", "GET /phones", "GET /phones/phone-0001", "GET /guide", "GET /nothing"] {
        let refused = service.ask(line, &[PAGE, FORWARDED]).await;
        assert_eq!(refused.status, 401, "{line}");
        assert!(refused.head.contains("www-authenticate: basic realm="), "{refused:?}");
        assert!(refused.body.contains("This needs a token") && !refused.body.contains("phone-0001"), "{refused:?}");
    }
    let stream = service.ask("GET /api/v1/events", &[("Accept", "text/event-stream"), FORWARDED]).await;
    assert!(stream.status == 401 && stream.head.contains("www-authenticate: basic realm="), "{stream:?}");
    for token in ["wrong", "", "grafana"] {
        let refused = service.ask("GET /", &[PAGE, FORWARDED, ("Authorization", &basic(token))]).await;
        assert_eq!(refused.status, 401, "{token}");
    }
    for authorization in ["Basic ?", "Basic", "Basic Z3JhZmFuYQ=="] {
        let refused = service.ask("GET /", &[PAGE, FORWARDED, ("Authorization", authorization)]).await;
        assert_eq!(refused.status, 401, "{authorization}");
    }
    for token in [READ, ACT] {
        let shown = service.ask("GET /phones", &[PAGE, FORWARDED, ("Authorization", &basic(token))]).await;
        assert!(shown.status == 200 && shown.body.contains("phone-0001"), "{shown:?}");
        assert!(!shown.head.contains("set-cookie") && !shown.body.contains(token), "{shown:?}");
    }
    // what the page is drawn with says nothing of the fleet; its host is looked at all the same
    for path in ["/web/style.css", "/web/live.js", "/web/icon.svg"] {
        assert_eq!(service.ask(&format!("GET {path}"), &[FORWARDED]).await.status, 200, "{path}");
        assert_eq!(service.raw(&format!("GET {path}"), &[("Host", "evil.example")]).await.status, 421, "{path}");
        assert_eq!(service.ask(&format!("POST {path}"), &[]).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn contact_now_needs_a_token_with_right_act_and_a_page_of_ours() {
    let service = service(MadeUp::default()).await;
    let own = format!("http://{}", service.address);
    let ours = [("Origin", own.as_str())];
    for (token, origin) in [(None, &ours[..]), (Some("wrong"), &ours[..]), (Some(READ), &ours[..])] {
        let refused = submit(&service, token, origin).await;
        assert_eq!(refused.status, 401, "{token:?}: the browser asks, and asks again: {refused:?}");
        assert!(refused.head.contains("www-authenticate: basic"), "{refused:?}");
    }
    // the browser has the token and sends it for whatever page: that is not enough
    for origin in [&[][..], &[("Origin", "http://evil.example")], &[("Origin", "null")], &[("Sec-Fetch-Site", "none")]]
    {
        assert_eq!(submit(&service, Some(ACT), origin).await.status, 403, "{origin:?}");
    }
    assert_eq!(*service.fleet.contacts.lock().unwrap(), [], "a refused act reaches nothing");
    let asked = submit(&service, Some(ACT), &ours).await;
    assert_eq!(asked.status, 303, "{asked:?}");
    assert!(asked.head.contains("location: /phones/phone-0001?asked=1"), "{asked:?}");
    assert_eq!(*service.fleet.contacts.lock().unwrap(), [("phone-0001".to_owned(), "alice".to_owned())]);
}

#[tokio::test]
async fn a_phone_that_cannot_be_asked_to_call_says_why_on_its_page() {
    let why = "its site polls <and> no more".to_owned();
    let fleet = MadeUp { contact: ContactAnswer::CannotBeReached { why }, ..MadeUp::default() };
    let service = service(fleet).await;
    let own = format!("http://{}", service.address);
    let told = submit(&service, Some(ACT), &[("Origin", &own)]).await;
    assert_eq!(told.status, 409);
    assert!(told.body.contains("its site polls &lt;and&gt; no more"), "{told:?}");
}

#[tokio::test]
async fn each_answer_keeps_all_else_out() {
    let service = service(MadeUp::default()).await;
    for (line, headers) in [
        ("GET /", &[PAGE][..]),
        ("GET /phones/nobody", &[PAGE]),
        ("GET /phones", &[PAGE, FORWARDED]),
        ("GET /web/live.js", &[]),
        ("GET /api/v1/phones", &[]),
    ] {
        let answer = service.ask(line, headers).await;
        for header in [
            "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
             connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
            "referrer-policy: same-origin",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
        ] {
            assert!(answer.head.contains(header), "{line} lacks {header}: {}", answer.head);
        }
        assert!(!answer.head.contains("set-cookie"), "{line}");
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_with_a_page() {
    let service = service(MadeUp::default()).await;
    for (line, status) in [
        ("GET /phones/nobody", 404),
        ("GET /revisions/nothing", 404),
        ("GET /nothing", 404),
        ("GET /phones?state=Sleepy", 400),
        ("GET /phones?colour=red", 400),
        ("GET /undeclared?from=x", 400),
    ] {
        let answer = service.ask(line, &[PAGE]).await;
        assert_eq!(answer.status, status, "{line}");
        assert!(answer.body.starts_with("<!DOCTYPE html>") && !answer.body.contains("Sleepy"), "{line}: {answer:?}");
    }
    assert_eq!(service.ask("GET /nothing", &[]).await.error(), (404, "no-such-page".into()));
}

#[tokio::test]
async fn the_pages_show_the_running_service_down_to_one_item_of_one_phone() {
    let documents = profile("Enforce", "sntp-addr: 192.0.2.123, sip-name: Reception") + "---\n" + &configs(0..3);
    let stage = Stage::with(&documents).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let stranger = stage.phone(9, Model::Cp210).await;
    stranger.boot();
    stranger.wait_for(|view| view.counts().ended > 0, LONG).await.unwrap();

    let fleet = page(&stage, "/").await;
    assert!(
        fleet.body.contains("3 phones: 1 InSync, 2 Unknown")
            || fleet.body.contains("4 phones: 1 InSync, 2 Unknown, 1 Undeclared"),
        "{fleet:?}"
    );
    let one = shows(&stage, "/phones/phone-0", ", Proven").await;
    for part in [
        "192.0.2.123",
        "profile/fleet",
        "all.yaml:",
        "as wanted",
        State::InSync.sentences().means,
        "start-up, ",
        "Contact now",
    ] {
        assert!(one.contains(part), "{part} is not on the page of the phone: {one}");
    }
    let by_mac = page(&stage, &format!("/phones/{}", phone.id())).await.body;
    assert!(by_mac.contains("<h1>phone-0 "), "{by_mac}");

    let undeclared = page(&stage, "/undeclared").await.body;
    assert!(undeclared.contains(&format!("phone: {{mac: &quot;{}&quot;}}", stranger.id())), "{undeclared}");

    let revision = stage.running().shared().with_fleet(|fleet, _| fleet.revision().unwrap().to_string());
    let of_revision = page(&stage, &format!("/revisions/{revision}")).await.body;
    let of_short = page(&stage, &format!("/revisions/{}", &revision[..revision.len() - 3])).await.body;
    assert!(of_short.contains("3 phones</a>: <strong>33.3 % in sync</strong>"), "its first characters do: {of_short}");
    assert!(of_revision.contains("3 phones</a>: <strong>33.3 % in sync</strong>, 2 pending"), "{of_revision}");
    // changes come to the history a moment later
    shows(&stage, &format!("/revisions/{revision}"), "<code>sntp-<wbr>addr</code>").await;
    assert!(page(&stage, "/revisions").await.body.contains(&revision));
    assert!(page(&stage, "/guide").await.body.contains(PendingReason::Turn.sentences().means));
    stage.end().await;
}

/// The names of phones in the list of a page, and the way to the next one.
fn listed(body: &str) -> (Vec<&str>, Option<String>) {
    let names = body.split("<th scope=\"row\"><a href=\"/phones/").skip(1).filter_map(|rest| rest.split('"').next());
    let next = body.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    (names.collect(), next.map(|next| next.replace("&amp;", "&")))
}

#[tokio::test]
async fn phones_are_found_by_text_and_filters_and_shown_in_pages() {
    let labelled = config(200, "").replace("{name: phone-200}", "{name: reception, labels: {ward: \"3\"}}");
    let documents = profile("Enforce", "sntp-addr: 192.0.2.123") + "---\n" + &configs(0..120) + "---\n" + &labelled;
    let stage = Stage::with(&documents).await;
    stage.phone_in(7, Model::Cp210, State::InSync).await;
    let mut seen = 0;
    let mut path = Some("/phones?state=Unknown".to_owned());
    while let Some(next) = path {
        let body = page(&stage, &next).await.body;
        let (names, after) = listed(&body);
        assert!(names.len() <= 50 && !names.contains(&"phone-7"), "{names:?}");
        seen += names.len();
        path = after;
    }
    assert_eq!(seen, 120, "each once");
    let plain = crate::service_stage::mac(7).replace(':', "").to_lowercase();
    for (query, names) in [
        ("q=RECEPTION", vec!["reception"]),
        ("q=ward%3D3", vec!["reception"]),
        (&format!("q={plain}"), vec!["phone-7"]),
        ("state=InSync", vec!["phone-7"]),
        ("q=phone-11&state=Unknown&site=default", {
            let mut names = vec!["phone-11".to_owned()];
            names.extend((0..10).map(|last| format!("phone-11{last}")));
            names.leak().iter().map(String::as_str).collect()
        }),
        ("q=phone-8&model=OpenScape+Desk+Phone+CP210", vec![]),
        ("state=Pending&reason=InCall", vec![]),
        ("item=sntp-addr", vec![]),
    ] {
        let body = page(&stage, &format!("/phones?{query}")).await.body;
        assert_eq!(listed(&body).0, names, "{query}");
        let api = stage.api(&format!("GET /api/v1/phones?{query}")).await.json();
        assert_eq!(api["phones"].as_array().unwrap().len(), names.len(), "the API finds the same: {query}");
    }
    stage.end().await;
}
