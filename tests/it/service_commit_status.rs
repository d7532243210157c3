//! How far a commit is, told to a forge: a real repository, simulated phones, and a web server in the place of the forge.

use std::{fs, time::Duration};

use phoneops::{
    fleet::words::State,
    report::{
        commit_status::{CommitStatusSettings, forge::Forge},
        outgoing::{Address, Backoff},
    },
    sim::Model,
    source::{GitSettings, SourceSettings},
};

use crate::{
    receiver::{OK, Receiver, Reply, Seen},
    service_git::Clone,
    service_stage::{LONG, Stage, config, profile},
    source_git_web::self_signed,
};

const TOKEN: &str = "planted-token";

/// A service that follows a repository and tells a forge, and the repository with its first commit.
async fn stage(forge: Forge, receiver: &Receiver) -> (Stage, Clone, String) {
    let (mut stage, clone, first) = prepared(forge, receiver);
    stage.start().await;
    stage.taken_over().await;
    (stage, clone, first)
}

fn prepared(forge: Forge, receiver: &Receiver) -> (Stage, Clone, String) {
    let mut stage = Stage::dark("");
    let clone = Clone::new(stage.folder.path());
    let first = clone
        .push("First", &[("fleet.yaml", &profile("Enforce", "sntp-addr: 192.0.2.123")), ("a.yaml", &config(0, ""))]);
    let remote = stage.path("remote.git");
    let ms = Duration::from_millis;
    stage.settings.source = SourceSettings::Git(GitSettings {
        interval: ms(50),
        ..GitSettings::new(remote.to_str().unwrap(), stage.path("state/mirror.git"))
    });
    let token_file = stage.path("forge-token");
    fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
    stage.settings.commit_status = Some(CommitStatusSettings {
        api: Some(Address::parse(&format!("http://{}/api", receiver.address)).unwrap()),
        repository: Some("acme/phones".to_owned()),
        page: Some(Address::parse("https://phones.example/desk/").unwrap()),
        look: ms(10),
        gap: ms(10),
        answer: ms(400),
        backoff: Backoff { base: ms(4), limit: ms(20) },
        ..CommitStatusSettings::new(forge, token_file)
    });
    (stage, clone, first)
}

fn is(revision: &str, state: &str) -> impl Fn(&Seen) -> bool {
    let (revision, state) = (revision.to_owned(), state.to_owned());
    move |seen| seen.path.ends_with(&revision) && seen.json()["state"] == state.as_str()
}

/// Pending, success, then two commits at once of which the older ones end: what is posted, one after the other.
async fn told_to(forge: Forge, words: [&str; 4]) -> (Vec<Seen>, String) {
    let receiver = Receiver::start(|_| Reply::Answer("201 Created", "")).await;
    let (stage, clone, first) = stage(forge, &receiver).await;
    let [open, good, failed, superseded] = words;
    receiver.gets_one(is(&first, open)).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let proven = receiver.gets_one(is(&first, good)).await;
    assert_eq!(proven.json()["description"], "1 phone proven");
    let bad = clone.push("A slip", &[("a.yaml", &config(0, "sntp-tz-offset: planted-value"))]);
    let failure = receiver.gets_one(is(&bad, failed)).await;
    assert!(failure.json()["description"].as_str().unwrap().starts_with("1 error in documents: a.yaml:"));
    phone.stop().await;
    for (number, subject) in ["Second", "Third", "Fourth"].iter().enumerate() {
        let text = config(0, &format!("sip-name: Name {number}"));
        let commit = clone.push(subject, &[("a.yaml", &text)]);
        receiver.gets_one(is(&commit, open)).await;
        if number == 2 {
            let ended = receiver.gets_one(|seen| seen.json()["state"] == superseded).await;
            assert!(ended.json()["description"].as_str().unwrap().starts_with("superseded by "), "{ended:?}");
        }
    }
    let metrics = stage.api("GET /metrics").await.body;
    let settings = format!("{:?}", stage.settings.commit_status);
    assert!(
        metrics.contains(&format!("phoneops_commit_statuses_total{{forge=\"{}\",result=\"told\"}}", forge.as_str())),
        "{metrics}"
    );
    let seen = receiver.seen();
    for seen in &seen {
        assert!(!seen.body.contains("planted") && !seen.path.contains("planted"), "{seen:?}");
    }
    assert!(!metrics.contains(TOKEN) && !settings.contains(TOKEN));
    let mut again: Vec<_> = seen.iter().map(|seen| (seen.path.clone(), seen.body.clone())).collect();
    again.sort();
    let all = again.len();
    again.dedup();
    assert_eq!(again.len(), all, "nothing is posted twice: {seen:#?}");
    stage.end().await;
    (seen, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn github_is_told_how_far_a_commit_is() {
    let (seen, first) = told_to(Forge::Github, ["pending", "success", "failure", "error"]).await;
    let post = &seen[0];
    assert_eq!((post.method.as_str(), &post.path), ("POST", &format!("/api/repos/acme/phones/statuses/{first}")));
    assert_eq!(post.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(post.header("accept"), "application/vnd.github+json");
    assert_eq!(post.header("x-github-api-version"), "2022-11-28");
    assert!(post.header("user-agent").starts_with("phoneops/"));
    let body = serde_json::json!({
        "state": "pending", "description": "1 phone left", "context": "phoneops",
        "target_url": format!("https://phones.example/desk/revisions/{first}")
    });
    assert_eq!(post.json(), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab_is_told_how_far_a_commit_is() {
    let (seen, first) = told_to(Forge::Gitlab, ["pending", "success", "failed", "canceled"]).await;
    let post = &seen[0];
    assert_eq!(post.path, format!("/api/projects/acme%2Fphones/statuses/{first}"));
    assert_eq!((post.header("private-token"), post.header("authorization")), (TOKEN, ""));
    let body = post.json();
    assert_eq!((&body["name"], &body["description"]), (&"phoneops".into(), &"1 phone left".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn gitea_is_told_how_far_a_commit_is() {
    let (seen, first) = told_to(Forge::Gitea, ["pending", "success", "failure", "warning"]).await;
    let post = &seen[0];
    assert_eq!(post.path, format!("/api/repos/acme/phones/statuses/{first}"));
    assert_eq!(post.header("authorization"), format!("token {TOKEN}"));
    assert_eq!(post.json()["context"], "phoneops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_several_phones_goes_from_pending_over_running_to_success() {
    let receiver = Receiver::start(|_| Reply::Answer("201 Created", "")).await;
    let (mut stage, clone, _) = prepared(Forge::Gitlab, &receiver);
    let texts: Vec<_> = (0..3).map(|number| (format!("phone-{number}.yaml"), config(number, ""))).collect();
    let mut files: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("a.yaml", ""));
    let commit = clone.push("Three phones", &files);
    stage.start().await;
    stage.taken_over().await;
    let said = |word: &str, text: &str| {
        let (word, text, commit) = (word.to_owned(), text.to_owned(), commit.clone());
        move |seen: &Seen| {
            let json = seen.json();
            seen.path.ends_with(&commit) && json["state"] == word.as_str() && json["description"] == text.as_str()
        }
    };
    receiver.gets_one(said("pending", "3 phones left")).await;
    let mut phones = vec![stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await];
    receiver.gets_one(said("running", "2 phones left")).await;
    for (number, model) in [(1, Model::OpenStage20V2R1), (2, Model::Cp210)] {
        assert!(!receiver.seen().iter().any(is(&commit, "success")), "one is left");
        phones.push(stage.phone_in(number, model, State::InSync).await);
    }
    receiver.gets_one(said("success", "3 phones proven")).await;
    let of_commit = receiver.seen().into_iter().filter(|seen| seen.path.ends_with(&commit));
    let words: Vec<_> = of_commit.map(|seen| seen.json()["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(words, ["pending", "running", "success"]);
    for phone in phones {
        phone.stop().await;
    }
    stage.end().await;
}

/// What is logged in this thread.
#[derive(std::clone::Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_token_is_in_no_line_of_the_log_whatever_the_forge_answers() {
    // promise 5; all tasks of this test run in its own thread
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let guard = tracing::subscriber::set_default(subscriber.with_writer(move || written.clone()).finish());
    let receiver = Receiver::answering(None, |number, seen| {
        // one that tells what it was sent
        let body = format!("{:?}", seen.headers);
        let reply = match number {
            0 => Reply::Answer("502 Bad Gateway", "X-Token: planted-token\r\n"),
            1 => Reply::Drop,
            2 => Reply::Answer("302 Found", "Location: http://127.0.0.1:1/?planted-token\r\n"),
            3 => Reply::Answer("401 Unauthorized", "WWW-Authenticate: Bearer planted-token\r\n"),
            _ => OK,
        };
        (reply, body)
    })
    .await;
    let (stage, _clone, first) = stage(Forge::Github, &receiver).await;
    receiver.gets_one(is(&first, "pending")).await;
    receiver.gets(5).await;
    let token_file = stage.path("forge-token");
    fs::write(&token_file, format!("{TOKEN} {TOKEN}\n")).unwrap();
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let text = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    crate::service_stage::until(|| text().contains("one line of printable characters"), text).await;
    fs::write(&token_file, TOKEN).unwrap();
    receiver.gets_one(is(&first, "success")).await;
    let metrics = stage.api("GET /metrics").await.body;
    phone.stop().await;
    stage.end().await;
    drop(guard);
    let log = text();
    for part in ["could not be posted", "was refused", "TRACE"] {
        assert!(log.contains(part), "{part} in {log}");
    }
    let leak = log.lines().find(|line| line.contains("planted"));
    assert_eq!(leak, None);
    assert!(!metrics.contains("planted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_that_fails_hangs_or_breaks_is_told_again_until_it_takes_it() {
    let receiver = Receiver::start(|number| match number {
        0 => Reply::Answer("502 Bad Gateway", ""),
        1 => Reply::Answer("429 Too Many Requests", "Retry-After: 0\r\n"),
        2 => Reply::Hang,
        3 => Reply::Drop,
        4 => Reply::Answer("401 Unauthorized", ""),
        _ => OK,
    })
    .await;
    let (stage, _clone, first) = stage(Forge::Gitea, &receiver).await;
    let seen = receiver.gets(6).await;
    assert!(seen.iter().all(|seen| seen.path.ends_with(&first) && seen.json()["state"] == "pending"), "{seen:#?}");
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    receiver.gets_one(is(&first, "success")).await;
    assert_eq!(receiver.seen().len(), 7, "{:#?}", receiver.seen());
    let told = |result: &str| format!("phoneops_commit_statuses_total{{forge=\"gitea\",result=\"{result}\"}}");
    let wanted = [format!("{} 4", told("failed")), format!("{} 1", told("refused")), format!("{} 2", told("told"))];
    until_metrics(&stage, &wanted).await;
    phone.stop().await;
    stage.end().await;
}

/// Waits until metrics have these lines.
async fn until_metrics(stage: &Stage, wanted: &[String]) {
    let deadline = std::time::Instant::now() + LONG;
    loop {
        let metrics = stage.api("GET /metrics").await.body;
        if wanted.iter().all(|line| metrics.lines().any(|have| have == line)) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{wanted:?} in {metrics}");
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab_that_has_a_status_already_is_believed() {
    let receiver = Receiver::answering(None, |number, _| match number {
        0 => {
            let body = r#"{"message": "Cannot transition status via :enqueue from :pending"}"#;
            (Reply::Answer("400 Bad Request", ""), body.to_owned())
        }
        _ => (Reply::Answer("201 Created", ""), String::new()),
    })
    .await;
    let (stage, _clone, first) = stage(Forge::Gitlab, &receiver).await;
    receiver.gets(1).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    receiver.gets_one(is(&first, "success")).await;
    let states: Vec<_> = receiver.seen().iter().map(|seen| seen.json()["state"].clone()).collect();
    assert_eq!(states, ["pending", "success"]);
    until_metrics(&stage, &["phoneops_commit_statuses_total{forge=\"gitlab\",result=\"told\"} 2".to_owned()]).await;
    phone.stop().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_forge_refuses_holds_up_no_other() {
    let receiver = Receiver::answering(None, |number, _| {
        let reply = if number == 0 { Reply::Answer("422 Unprocessable Entity", "") } else { OK };
        (reply, String::new())
    })
    .await;
    let (mut stage, clone, first) = prepared(Forge::Github, &receiver);
    let settings = stage.settings.commit_status.as_mut().unwrap();
    settings.backoff.limit = LONG * 1_000;
    stage.start().await;
    receiver.gets_one(|seen| seen.path.ends_with(&first)).await;
    let next = clone.push("Next", &[("a.yaml", &config(0, "sip-name: Ward"))]);
    receiver.gets_one(is(&next, "pending")).await;
    assert_eq!(receiver.seen().len(), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_posts_no_status_twice_and_goes_on_to_success() {
    let receiver = Receiver::start(|_| OK).await;
    let (mut stage, _clone, first) = stage(Forge::Github, &receiver).await;
    let told = "phoneops_commit_statuses_total{forge=\"github\",result=\"told\"} 1".to_owned();
    until_metrics(&stage, &[told]).await;
    stage.stop().await;
    stage.start().await;
    stage.taken_over().await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    receiver.gets_one(is(&first, "success")).await;
    phone.stop().await;
    stage.stop().await;
    stage.start().await;
    stage.taken_over().await;
    let states: Vec<_> = receiver.seen().iter().map(|seen| seen.json()["state"].clone()).collect();
    assert_eq!(states, ["pending", "success"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_may_not_tell_posts_no_status_until_it_may() {
    let receiver = Receiver::start(|_| OK).await;
    let (stage, _clone, first) = stage(Forge::Gitea, &receiver).await;
    until_metrics(&stage, &["phoneops_commit_statuses_total{forge=\"gitea\",result=\"told\"} 1".to_owned()]).await;
    stage.running().may_tell().send_replace(false);
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    assert_eq!(receiver.seen().len(), 1, "it is proven, and another process says so");
    stage.running().may_tell().send_replace(true);
    receiver.gets_one(is(&first, "success")).await;
    phone.stop().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_with_tls_is_told_under_the_name_that_is_set_when_its_authority_is_known() {
    let (authority, acceptor) = self_signed();
    let receiver = Receiver::answering(Some(acceptor), |_, _| (OK, String::new())).await;
    let (mut stage, _clone, _first) = prepared(Forge::Gitea, &receiver);
    let file = stage.path("authority.pem");
    fs::write(&file, authority).unwrap();
    let api = Address::parse(&format!("https://localhost:{}/api", receiver.address.port())).unwrap();
    let settings = stage.settings.commit_status.as_mut().unwrap();
    (settings.api, settings.context) = (Some(api), "phoneops/ward-2".to_owned());
    settings.backoff = Backoff { base: LONG * 10, limit: LONG * 10 };
    stage.start().await;
    stage.taken_over().await;
    let failed = "phoneops_commit_statuses_total{forge=\"gitea\",result=\"failed\"} 1".to_owned();
    until_metrics(&stage, &[failed]).await;
    assert_eq!(receiver.seen().len(), 0);
    stage.stop().await;
    stage.settings.commit_status.as_mut().unwrap().ca = Some(file);
    stage.start().await;
    let seen = receiver.gets(1).await;
    assert_eq!(seen[0].json()["context"], "phoneops/ward-2");
    stage.end().await;
}
