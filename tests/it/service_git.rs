//! From `git push` to changed phones: a real repository, the running service, simulated phones.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};
use phoneops::{
    fleet::words::State,
    report::webhook::WebhookSettings,
    sim::{Model, SimPhone},
    source::{GitSettings, SourceSettings},
};

use crate::service_stage::{LONG, Stage, config, has, idle, profile, times_written, told};

const FIRST: &str = "sntp-addr: 192.0.2.123, sip-name: Reception";

/// A clone with its bare remote, as somebody works in it.
pub(crate) struct Clone {
    repository: Repository,
}

impl Clone {
    /// Makes `remote.git` and `clone` in a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let remote = folder.join("remote.git");
        let mut options = RepositoryInitOptions::new();
        Repository::init_opts(&remote, options.bare(true).initial_head("main")).unwrap();
        let mut options = RepositoryInitOptions::new();
        let repository = Repository::init_opts(folder.join("clone"), options.initial_head("main")).unwrap();
        repository.remote("origin", remote.to_str().unwrap()).unwrap();
        Self { repository }
    }

    /// Writes files, commits and pushes.
    pub(crate) fn push(&self, subject: &str, files: &[(&str, &str)]) -> String {
        let repository = &self.repository;
        for (name, content) in files {
            fs::write(repository.workdir().unwrap().join(name), content).unwrap();
        }
        let mut index = repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let author = Signature::now("Ada", "ada@example.org").unwrap();
        let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        let id = repository.commit(Some("HEAD"), &author, &author, subject, &tree, &parents).unwrap();
        let mut remote = repository.find_remote("origin").unwrap();
        remote.push(&["refs/heads/main:refs/heads/main"], None).unwrap();
        id.to_string()
    }
}

/// A service on such a repository with phones 0 to 2, each in a file of its own.
async fn stage() -> (Stage, Clone) {
    let mut stage = Stage::dark("");
    let clone = Clone::new(stage.folder.path());
    let files: Vec<_> = (0..3).map(|number| (format!("phone-{number}.yaml"), config(number, ""))).collect();
    let mut all = vec![("fleet.yaml", profile("Enforce", FIRST))];
    all.extend(files.iter().map(|(name, content)| (name.as_str(), content.clone())));
    let all: Vec<_> = all.iter().map(|(name, content)| (*name, content.as_str())).collect();
    clone.push("First phones", &all);
    stage.settings.source = SourceSettings::Git(GitSettings {
        interval: Duration::from_millis(100),
        ..GitSettings::new(stage.path("remote.git").to_str().unwrap(), stage.path("state/mirror.git"))
    });
    stage.start().await;
    stage.taken_over().await;
    (stage, clone)
}

async fn three_phones(stage: &Stage) -> Vec<SimPhone> {
    let mut phones = Vec::new();
    for (number, model) in (0..).zip([Model::OpenStage40V3R5, Model::OpenStage20V2R1, Model::Cp210]) {
        phones.push(stage.phone_in(number, model, State::InSync).await);
    }
    phones
}

#[tokio::test]
async fn a_push_changes_exactly_the_phones_it_names() {
    let (stage, clone) = stage().await;
    let phones = three_phones(&stage).await;
    let commit = clone.push("Another name for phone-1", &[("phone-1.yaml", &config(1, "sip-name: Ward 3"))]);
    phones[1].wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(1, State::InSync).await;
    assert_eq!(has(&phones[1], "sip-name"), "Ward 3");
    assert_eq!(stage.view(1).revision.as_deref(), Some(commit.as_str()));
    for number in [0, 2] {
        assert_eq!(phones[number as usize].counts().flows, 1, "nobody asked phone-{number}");
        assert_ne!(stage.view(number).revision.as_deref(), Some(commit.as_str()));
    }
    // who wanted it is in the history, once both are stored
    let deadline = tokio::time::Instant::now() + LONG;
    let change = loop {
        let history = stage.api("GET /api/v1/history?phone=phone-1&item=sip-name&limit=1").await.json();
        let change = history["changes"][0].clone();
        if change["revision"] == commit.as_str() && change["author"].is_string() {
            break change;
        }
        assert!(tokio::time::Instant::now() < deadline, "{change}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((&change["author"], &change["new"]), (&"Ada <ada@example.org>".into(), &"Ward 3".into()));
    assert_eq!((&change["cause"], &change["result"]), (&"Revision".into(), &"Proven".into()));
    // a profile of all
    clone.push("Another time server", &[("fleet.yaml", &profile("Enforce", "sntp-addr: 192.0.2.200"))]);
    for (number, phone) in (0..).zip(&phones) {
        phone.wait_for(|view| has_value(view, "192.0.2.200") && view.is_idle(), LONG).await.unwrap();
        stage.reaches(number, State::InSync).await;
    }
    stage.end().await;
}

fn has_value(view: &phoneops::sim::PhoneView, text: &str) -> bool {
    view.value(&crate::service_stage::id("sntp-addr")).is_some_and(|value| value.as_plain() == Some(text))
}

#[tokio::test]
async fn a_broken_file_stops_its_own_phones_and_no_others() {
    // promise 7
    let (stage, clone) = stage().await;
    let phones = three_phones(&stage).await;
    let broken = config(0, "sntp-addr: 192.0.2.77, sntp-tz-offset: soon");
    let unreadable = "apiVersion: phoneops.dev/v1alpha1\nkind: [";
    let good = config(2, "sip-name: Good");
    clone.push("Oops", &[("phone-0.yaml", &broken), ("phone-1.yaml", unreadable), ("phone-2.yaml", &good)]);
    stage.reaches(0, State::Invalid).await;
    stage.reaches(1, State::Invalid).await;
    phones[2].wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(2, State::InSync).await;
    let view = stage.view(0);
    assert!(
        view.problems.iter().any(|problem| problem.contains("phone-0.yaml") && problem.contains("soon")),
        "{view:?}"
    );
    // they are answered and keep what is in force
    phones[0].restart();
    phones[0].wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    assert_eq!((phones[0].writes(), has(&phones[0], "sntp-addr").as_str()), (1, "192.0.2.123"));
    assert_eq!(stage.view(0).state, State::Invalid);
    clone.push("Put right", &[("phone-0.yaml", &config(0, "sip-name: Right")), ("phone-1.yaml", &config(1, ""))]);
    phones[0].wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(0, State::InSync).await;
    stage.reaches(1, State::InSync).await;
    stage.end().await;
}

#[tokio::test]
async fn while_the_remote_is_away_phones_go_on_and_a_restart_finds_the_last_revision() {
    // promise 7
    let (mut stage, clone) = stage().await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let (here, hidden) = (stage.path("remote.git"), stage.path("hidden.git"));
    fs::rename(&here, &hidden).unwrap();
    phone.local_change(crate::service_stage::id("sip-name"), crate::service_stage::text("Mine"));
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.stop().await;
    stage.start().await;
    stage.taken_over().await;
    let other = stage.phone_in(1, Model::OpenStage60V3R1, State::InSync).await;
    assert_eq!(told(&other, 0), ["start-up: ReadItems WriteItems ReadItems CleanUp"]);
    assert_eq!(stage.api("GET /readyz").await.status, 200, "the mirror holds the last revision");
    fs::rename(&hidden, &here).unwrap();
    clone.push("Back again", &[("phone-0.yaml", &config(0, "sip-name: Back"))]);
    phone.wait_for(|view| view.counts().writes == 3 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(has(&phone, "sip-name"), "Back");
    idle(&phone).await;
    stage.end().await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to);
        } else if kind.is_file() {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn with_the_whole_folder_put_back_a_phone_that_is_not_in_it_is_not_new() {
    let (mut stage, clone) = stage().await;
    fs::write(stage.path("secrets").join("ldap"), "not-to-be-guessed").unwrap();
    stage.stop().await;
    copy(&stage.path("state"), &stage.path("older"));
    stage.start().await;
    stage.taken_over().await;
    let more = config(3, "ldap-pwd: {file: ldap}") + "  seed: {ringer-melody: 3}\n";
    clone.push("One more phone", &[("phone-3.yaml", &more)]);
    stage.becomes(3, |view| view.state == State::Unknown).await;
    let phone = stage.phone_in(3, Model::OpenStage40V3R5, State::InSync).await;
    idle(&phone).await;
    let blind = || (times_written(&phone, "ldap-pwd"), times_written(&phone, "ringer-melody"));
    assert_eq!(blind(), (1, 1), "{:#?}", told(&phone, 0));
    stage.stop().await;
    fs::remove_dir_all(stage.path("state")).unwrap();
    copy(&stage.path("older"), &stage.path("state"));
    fs::remove_file(stage.path("state/phoneops.db.sequence")).unwrap();
    stage.start().await;
    stage.taken_over().await;
    let ended = phone.counts().ended;
    phone.restart();
    phone.wait_for(|view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    stage.reaches(3, State::InSync).await;
    assert_eq!(blind(), (1, 1), "promise 8: {:#?}", told(&phone, 0));
    stage.end().await;
}

/// A request as a forge sends it; the first line of the answer and its text.
async fn deliver(address: std::net::SocketAddr, body: &str, signature: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /webhook/git HTTP/1.1\r\nHost: hooks\r\nX-GitHub-Event: push\r\nX-Hub-Signature-256: sha256={signature}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

/// As a forge signs that knows the secret of these tests.
fn signed(body: &str) -> String {
    let key = openssl::pkey::PKey::hmac(b"not-to-be-guessed").unwrap();
    let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
    phoneops::fleet::fingerprint::to_hex(&signer.sign_oneshot_to_vec(body.as_bytes()).unwrap())
}

#[tokio::test]
async fn a_push_that_a_forge_tells_of_is_fetched_at_once_and_one_with_a_bad_signature_is_not() {
    let (mut stage, clone) = stage().await;
    stage.stop().await;
    let secret_file = stage.path("webhook-secret");
    fs::write(&secret_file, "not-to-be-guessed\n").unwrap();
    let listen = Some(([127, 0, 0, 1], 0).into());
    stage.settings.webhook = Some(WebhookSettings { listen, secret_file, branch: "main".to_owned() });
    let SourceSettings::Git(git) = &mut stage.settings.source else { panic!("git") };
    git.interval = Duration::from_hours(1);
    stage.start().await;
    stage.taken_over().await;
    let address = stage.running().webhook_address.unwrap();
    let body = r#"{"ref": "refs/heads/main"}"#;
    let signature = signed(body);

    let pushed = clone.push("Another server", &[("fleet.yaml", &profile("Enforce", "sntp-addr: 192.0.2.77"))]);
    let taken = || stage.running().shared().with_fleet(|fleet, _| fleet.revision().map(ToString::to_string));
    let refused = deliver(address, body, &"0".repeat(64)).await;
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.ends_with("no good signature\n"), "{refused}");
    assert_ne!(taken(), Some(pushed.clone()));
    assert_eq!(stage.api("POST /webhook/git").await.status, 404, "it is on its own port, and there alone");
    let answer = deliver(address, body, &signature).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    crate::service_stage::until(|| taken() == Some(pushed.clone()), || format!("{:?}", taken())).await;
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.contains("phoneops_webhooks_total{result=\"fetched\"} 1\n"), "{metrics}");
    assert!(metrics.contains("phoneops_webhooks_total{result=\"refused\"} 1\n"), "{metrics}");
    stage.end().await;
}

#[tokio::test]
async fn without_a_port_of_its_own_a_push_is_told_at_the_status_server_by_its_signature_alone() {
    let (mut stage, clone) = stage().await;
    stage.stop().await;
    let secret_file = stage.path("webhook-secret");
    fs::write(&secret_file, "not-to-be-guessed\n").unwrap();
    stage.settings.webhook = Some(WebhookSettings { listen: None, secret_file, branch: "main".to_owned() });
    let SourceSettings::Git(git) = &mut stage.settings.source else { panic!("git") };
    git.interval = Duration::from_hours(1);
    stage.start().await;
    stage.taken_over().await;
    let address = stage.running().webhook_address.unwrap();
    assert_eq!(address, stage.running().status_address);
    let pushed = clone.push("Another server", &[("fleet.yaml", &profile("Enforce", "sntp-addr: 192.0.2.77"))]);
    let taken = || stage.running().shared().with_fleet(|fleet, _| fleet.revision().map(ToString::to_string));
    let body = r#"{"ref": "refs/heads/main"}"#;
    // neither a token nor a host that is one of ours: what proves is the signature, and a token proves nothing
    assert!(deliver(address, body, &"0".repeat(64)).await.starts_with("HTTP/1.1 401 "));
    let large = "x".repeat(100_000);
    assert!(deliver(address, &large, &signed(&large)).await.starts_with("HTTP/1.1 202 "), "more than acts may have");
    let answer = deliver(address, body, &signed(body)).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    crate::service_stage::until(|| taken() == Some(pushed.clone()), || format!("{:?}", taken())).await;
    let again = deliver(address, body, &signed(body)).await;
    assert!(again.starts_with("HTTP/1.1 200 ") && again.ends_with("seen already\n"), "{again}");
    assert_eq!(stage.api("GET /webhook/git").await.status, 405);
    stage.end().await;
}

#[tokio::test]
async fn each_file_of_the_state_folder_has_a_row_in_the_readme_that_says_whether_a_backup_has_it() {
    let (mut stage, _clone) = stage().await;
    stage.stop().await;
    stage.settings.phone.certificate = phoneops::phone::CertificateSource::SelfMade { state: stage.path("state") };
    stage.start().await;
    stage.taken_over().await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    // an act, of which there is a note from then on
    let told = crate::service_stage::command(&stage, &["brake", "--all", "--for", "5m", "--reason", "a test"]).await;
    assert_eq!(told.0, 0, "{}", told.1);
    let page: &'static str = include_str!("../../README.md");
    let (_, chapter) = page.split_once("## What is kept where\n").unwrap();
    let rows: Vec<&'static str> = chapter.lines().skip(3).take_while(|line| line.starts_with("| `")).collect();
    let words = |row: &'static str| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2);
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| words(row)).collect();
    let row = |name: &str| rows.iter().copied().find(|row| words(row).any(|word| word == name));
    let file = stage.path("backup.tar");
    let now = jiff::Timestamp::now();
    let kept = phoneops::store::backup::back_up(&stage.path("state"), &file, now).unwrap();
    let top = |name: &str| name.split_once('/').map_or(name.to_owned(), |(folder, _)| format!("{folder}/"));
    let kept: BTreeSet<String> = kept.files.iter().map(|file| top(&file.name)).collect();
    // that one is a cluster's
    let mut found = BTreeSet::from(["cache.id".to_owned()]);
    for entry in fs::read_dir(stage.path("state")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap().replace("phoneops.db-", "-");
        let name = if name == "tls" { "tls/".to_owned() } else { name };
        let row = row(&name).unwrap_or_else(|| panic!("{name} has no row"));
        let says = row.rsplit(" | ").next().unwrap().starts_with("yes");
        assert_eq!(says, kept.contains(&name) || name.starts_with('-'), "{name}: {row}");
        found.insert(name);
    }
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), named);
    phone.stop().await;
    stage.end().await;
}
