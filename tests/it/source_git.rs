//! The git source against real repositories: pushes, forced pushes, absences, silent and refusing remotes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use git2::{Oid, Repository, RepositoryInitOptions, Signature, Time};
use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::PKey,
    rsa::Rsa,
    ssl::{SslAcceptor, SslMethod},
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};
use phoneops::{
    source::{self, GitSettings, Source, SourceEvent, SourceSettings},
    spec::{FileContent, Snapshot},
};
use tempfile::TempDir;

/// Longest wait for anything that has to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_millis(400);

const FILE: i32 = 0o100_644;
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// A bare repository in a folder of its own.
struct Remote {
    folder: TempDir,
}

impl Remote {
    fn new() -> Self {
        let remote = Self { folder: tempfile::tempdir().unwrap() };
        Repository::init_opts(remote.path(), RepositoryInitOptions::new().bare(true)).unwrap();
        remote
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("phones.git")
    }

    fn repository(&self) -> Repository {
        Repository::open(self.path()).unwrap()
    }

    fn commit(&self, subject: &str, files: &[(&str, &str)]) -> Oid {
        let entries: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes(), FILE)).collect();
        self.commit_entries("main", subject, &entries, false)
    }

    /// Puts a commit of exactly these entries on a branch; `forced` forgets what was there.
    fn commit_entries(&self, branch: &str, subject: &str, entries: &[(&str, &[u8], i32)], forced: bool) -> Oid {
        let repository = self.repository();
        let mut index = git2::Index::new().unwrap();
        for (path, content, mode) in entries {
            let id = match *mode {
                SUBMODULE => Oid::from_str("1111111111111111111111111111111111111111").unwrap(),
                _ => repository.blob(content).unwrap(),
            };
            index.add(&entry(path, id, *mode)).unwrap();
        }
        let tree = repository.find_tree(index.write_tree_to(&repository).unwrap()).unwrap();
        let author = Signature::new("Ada", "ada@example.org", &Time::new(1_700_000_000, 0)).unwrap();
        let committer = Signature::new("Bot", "bot@example.org", &Time::new(1_700_000_001, 0)).unwrap();
        let name = format!("refs/heads/{branch}");
        let parent = repository.find_reference(&name).ok().map(|tip| tip.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().filter(|_| !forced).collect();
        let id = repository.commit(None, &author, &committer, subject, &tree, &parents).unwrap();
        repository.reference(&name, id, true, "test").unwrap();
        id
    }
}

fn entry(path: &str, id: Oid, mode: i32) -> git2::IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode: u32::try_from(mode).unwrap(),
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

/// Settings with a mirror in `state`, which only look when they are asked to.
fn settings(url: impl Into<String>, state: &Path) -> GitSettings {
    GitSettings {
        interval: Duration::from_secs(3600),
        jitter_seed: Some(1),
        ..GitSettings::new(url, state.join("mirror"))
    }
}

fn of(remote: &Remote, state: &TempDir) -> GitSettings {
    settings(remote.path().to_str().unwrap(), state.path())
}

fn start(settings: GitSettings) -> Source {
    source::start(SourceSettings::Git(settings)).unwrap()
}

async fn next(source: &mut Source) -> SourceEvent {
    tokio::time::timeout(PATIENCE, source.events.recv()).await.expect("an event in time").expect("the source runs")
}

async fn snapshot(source: &mut Source) -> std::sync::Arc<Snapshot> {
    match next(source).await {
        SourceEvent::Snapshot(snapshot) => snapshot,
        other => panic!("a snapshot, not {other:?}"),
    }
}

async fn away(source: &mut Source) -> (&'static str, String) {
    match next(source).await {
        SourceEvent::Away { category, problem, .. } => (category, problem),
        other => panic!("away, not {other:?}"),
    }
}

async fn nothing(source: &mut Source) {
    let event = tokio::time::timeout(SILENCE, source.events.recv()).await;
    assert!(event.is_err(), "nothing, not {event:?}");
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.files.iter().map(|file| &*file.path).collect()
}

fn content<'s>(snapshot: &'s Snapshot, path: &str) -> &'s FileContent {
    &snapshot.files.iter().find(|file| &*file.path == path).expect(path).content
}

fn text(snapshot: &Snapshot, path: &str) -> String {
    match content(snapshot, path) {
        FileContent::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("bytes, not {other:?}"),
    }
}

#[tokio::test]
async fn a_push_is_told_once_as_a_whole_revision_with_its_people() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let first =
        remote.commit("First phones\n\nlong story", &[("a.yaml", "a"), ("sub/deep/b.yml", "b"), ("README.md", "x")]);
    let mut source = start(of(&remote, &state));

    let told = snapshot(&mut source).await;
    assert_eq!(told.revision.as_str(), first.to_string());
    assert_eq!(paths(&told), ["a.yaml", "sub/deep/b.yml"]);
    let commit = told.commit.clone().unwrap();
    assert_eq!(commit.author, "Ada <ada@example.org>");
    assert_eq!(commit.committer, "Bot <bot@example.org>");
    assert_eq!(commit.subject, "First phones");

    source.trigger.fetch_now();
    nothing(&mut source).await;

    let second = remote.commit("Second", &[("a.yaml", "changed")]);
    source.trigger.fetch_now();
    let told = snapshot(&mut source).await;
    assert_eq!(told.revision.as_str(), second.to_string());
    assert_eq!(text(&told, "a.yaml"), "changed");
    assert_eq!(paths(&told), ["a.yaml"]);
}

#[tokio::test]
async fn the_interval_alone_finds_a_push() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    let url = format!("file://{}", remote.path().display());
    let mut source = start(GitSettings { interval: Duration::from_millis(50), ..settings(url, state.path()) });
    snapshot(&mut source).await;
    remote.commit("Second", &[("a.yaml", "b")]);
    assert_eq!(text(&*snapshot(&mut source).await, "a.yaml"), "b");
}

#[tokio::test]
async fn a_forced_push_is_followed() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    remote.commit("Second", &[("a.yaml", "b")]);
    let mut source = start(of(&remote, &state));
    snapshot(&mut source).await;
    let other = remote.commit_entries("main", "Other history", &[("a.yaml", b"c", FILE)], true);
    source.trigger.fetch_now();
    assert_eq!(snapshot(&mut source).await.revision.as_str(), other.to_string());
}

#[tokio::test]
async fn a_missing_branch_is_named_with_those_that_exist() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit_entries("master", "First", &[("a.yaml", b"a", FILE)], false);
    let mut source = start(of(&remote, &state));
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "branch");
    assert!(problem.contains("no branch \"main\" (it has master)"), "{problem}");

    remote.commit("First", &[("a.yaml", "a")]);
    source.trigger.fetch_now();
    assert!(matches!(next(&mut source).await, SourceEvent::Back));
    snapshot(&mut source).await;
}

#[tokio::test]
async fn an_empty_repository_is_no_repository_error() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let mut source = start(of(&remote, &state));
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "branch");
    assert!(problem.contains("none yet"), "{problem}");
}

#[tokio::test]
async fn while_the_remote_is_away_it_is_told_once_and_the_last_revision_outlives_a_restart() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let first = remote.commit("First", &[("a.yaml", "a")]);
    let mut source = start(of(&remote, &state));
    snapshot(&mut source).await;

    let hidden = remote.folder.path().join("elsewhere");
    fs::rename(remote.path(), &hidden).unwrap();
    source.trigger.fetch_now();
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "repository");
    assert!(problem.contains("phones.git"), "{problem}");
    source.trigger.fetch_now();
    nothing(&mut source).await;

    drop(source);
    let mut source = start(of(&remote, &state));
    assert_eq!(snapshot(&mut source).await.revision.as_str(), first.to_string());
    assert_eq!(away(&mut source).await.0, "repository");

    fs::rename(&hidden, remote.path()).unwrap();
    source.trigger.fetch_now();
    assert!(matches!(next(&mut source).await, SourceEvent::Back));
    nothing(&mut source).await;
}

#[tokio::test]
async fn a_mirror_of_another_branch_is_never_taken_for_this_one() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    let mut source = start(of(&remote, &state));
    snapshot(&mut source).await;
    drop(source);
    let mut source = start(GitSettings { branch: "main/x".into(), ..of(&remote, &state) });
    assert_eq!(away(&mut source).await.0, "branch");
}

#[tokio::test]
async fn a_revision_that_cannot_be_taken_over_leaves_the_last_good_one_even_after_a_restart() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let good = remote.commit("First", &[("phones/a.yaml", "a")]);
    let within = || GitSettings { path: "./phones/".into(), ..of(&remote, &state) };
    let mut source = start(within());
    assert_eq!(paths(&*snapshot(&mut source).await), ["a.yaml"]);

    remote.commit("Moved", &[("desks/a.yaml", "a")]);
    source.trigger.fetch_now();
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "path");
    assert!(problem.contains("\"phones\"") && problem.contains("--path"), "{problem}");

    drop(source);
    let mut source = start(within());
    assert_eq!(snapshot(&mut source).await.revision.as_str(), good.to_string());
    assert_eq!(away(&mut source).await.0, "path");
}

#[tokio::test]
async fn only_the_folder_asked_for_is_read_and_hidden_files_never() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let files = [
        ("phones/a.yaml", "a"),
        ("phones/catalogue.csv", "name"),
        ("phones/sub/catalogue.csv", "no"),
        ("phones/.hidden/b.yaml", "no"),
        ("phones/.c.yaml", "no"),
        ("phones/notes.txt", "no"),
        ("other/d.yaml", "no"),
        ("catalogue.csv", "no"),
    ];
    remote.commit("First", &files);
    let mut source = start(GitSettings { path: "phones".into(), ..of(&remote, &state) });
    assert_eq!(paths(&*snapshot(&mut source).await), ["a.yaml", "catalogue.csv"]);
}

#[tokio::test]
async fn links_submodules_and_large_files_are_reported_and_lfs_pointers_arrive_as_they_are() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let large = vec![b' '; 1024 * 1024 + 1];
    let entries: [(&str, &[u8], i32); 8] = [
        ("exact.yaml", &large[1..], FILE),
        ("large.yaml", &large, FILE),
        ("lfs.yaml", pointer.as_bytes(), FILE),
        ("link.yaml", b"lfs.yaml", LINK),
        ("sub/folder-link", b"../real", LINK),
        ("sub/readme-link", b"../README", LINK),
        ("module", b"", SUBMODULE),
        ("real/a.yaml", b"a", FILE),
    ];
    remote.commit_entries("main", "First", &entries, false);
    let mut source = start(of(&remote, &state));
    let told = snapshot(&mut source).await;
    assert!(matches!(content(&told, "exact.yaml"), FileContent::Bytes(_)));
    assert!(matches!(content(&told, "large.yaml"), FileContent::TooLarge(1_048_577)));
    assert_eq!(text(&told, "lfs.yaml"), pointer);
    assert!(matches!(content(&told, "link.yaml"), FileContent::Link));
    assert!(matches!(content(&told, "sub/folder-link"), FileContent::Link));
    assert!(matches!(content(&told, "module"), FileContent::Submodule));
    assert_eq!(told.files.len(), 7);
}

#[tokio::test]
async fn a_source_that_is_dropped_ends_its_thread() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    let mut source = start(of(&remote, &state));
    snapshot(&mut source).await;
    let mut events = std::mem::replace(&mut source.events, tokio::sync::mpsc::channel(1).1);
    drop(source);
    let ended = async { while events.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the thread ends, so the channel closes");
}

#[tokio::test]
async fn settings_that_make_no_sense_stop_the_start() {
    let state = tempfile::tempdir().unwrap();
    let base = || settings("/nowhere", state.path());
    for (settings, word) in [
        (GitSettings { url: "git://h/a".into(), ..base() }, "scheme"),
        (GitSettings { path: "../up".into(), ..base() }, "--path"),
        (GitSettings { branch: "a..b".into(), ..base() }, "--branch"),
        (GitSettings { ca_file: Some("/nowhere/ca.pem".into()), ..base() }, "/nowhere/ca.pem"),
    ] {
        let error = source::start(SourceSettings::Git(settings)).unwrap_err();
        assert_eq!(error.category(), "settings");
        assert!(error.to_string().contains(word), "{error}");
    }
}

/// An HTTP server that wants credentials, tells those it got, and then has nothing to give; over TLS with an acceptor.
fn guarded_server(acceptor: Option<SslAcceptor>) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, got) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, told, acceptor) = (connection.unwrap(), told.clone(), acceptor.clone());
            thread::spawn(move || match acceptor {
                None => guard(connection, &told),
                Some(acceptor) => {
                    if let Ok(connection) = acceptor.accept(connection) {
                        guard(connection, &told);
                    }
                }
            });
        }
    });
    (port, got)
}

fn guard(connection: impl Read + Write, told: &mpsc::Sender<String>) {
    let mut connection = BufReader::new(connection);
    let mut authorization = None;
    let mut line = String::new();
    while connection.read_line(&mut line).is_ok_and(|length| length > 0) {
        if let Some((_, value)) =
            line.trim().split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        {
            authorization = Some(value.to_owned());
        }
        if line.trim().is_empty() {
            let answer = match authorization.take() {
                None => "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
                Some(value) => {
                    let _ = told.send(value);
                    "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
                }
            };
            if connection.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
        line.clear();
    }
}

/// A certificate for localhost that signed itself, as PEM, and a server that shows it.
fn self_signed() -> (Vec<u8>, SslAcceptor) {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns("localhost").build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_private_key(&key).unwrap();
    acceptor.set_certificate(&certificate).unwrap();
    (certificate.to_pem().unwrap(), acceptor.build())
}

fn basic(user_and_token: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(user_and_token))
}

#[tokio::test]
async fn the_token_is_read_at_each_fetch_and_shows_nowhere() {
    let (port, got) = guarded_server(None);
    let state = tempfile::tempdir().unwrap();
    let token = state.path().join("token");
    fs::write(&token, "planted-1\n").unwrap();
    let url = format!("http://127.0.0.1:{port}/phones.git");
    let mut source = start(GitSettings { token_file: Some(token.clone()), ..settings(url, state.path()) });
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "denied");
    assert!(!problem.contains("planted"), "{problem}");
    assert_eq!(got.recv_timeout(PATIENCE).unwrap(), basic("x-access-token:planted-1"));

    fs::write(&token, "planted-2").unwrap();
    while got.try_recv().is_ok() {}
    source.trigger.fetch_now();
    let wanted = basic("x-access-token:planted-2");
    while got.recv_timeout(PATIENCE).unwrap() != wanted {}
}

#[tokio::test]
async fn credentials_in_the_url_are_used_and_show_nowhere() {
    let (port, got) = guarded_server(None);
    let state = tempfile::tempdir().unwrap();
    let settings = settings(format!("http://ada:planted@127.0.0.1:{port}/phones.git"), state.path());
    assert!(!format!("{settings:?}").contains("planted"));
    let mut source = start(settings);
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "denied");
    assert!(problem.contains("http://***@127.0.0.1") && !problem.contains("planted"), "{problem}");
    assert_eq!(got.recv_timeout(PATIENCE).unwrap(), basic("ada:planted"));
}

#[tokio::test]
async fn without_a_token_the_setting_is_named() {
    let (port, _got) = guarded_server(None);
    let state = tempfile::tempdir().unwrap();
    let mut source = start(settings(format!("http://127.0.0.1:{port}/phones.git"), state.path()));
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "denied");
    assert!(problem.contains("--git-token-file"), "{problem}");
}

#[tokio::test]
async fn a_port_without_a_server_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let state = tempfile::tempdir().unwrap();
    let mut source = start(settings(format!("http://127.0.0.1:{port}/phones.git"), state.path()));
    assert_eq!(away(&mut source).await.0, "unreachable");
}

/// Runs a test of this file in a process of its own: git keeps time-outs and authorities once for a process.
fn alone(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("source_git::{test}"), "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
}

#[test]
fn a_silent_server_is_given_up_in_time() {
    alone("silent_servers");
}

#[tokio::test]
#[ignore = "run by a_silent_server_is_given_up_in_time, in a process of its own"]
async fn silent_servers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let _kept: Vec<_> = listener.incoming().collect();
    });
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    let patience = Duration::from_millis(300);
    let short =
        |settings: GitSettings| GitSettings { connect_timeout: patience, silence_timeout: patience, ..settings };
    let mut good = start(short(of(&remote, &state)));
    snapshot(&mut good).await;
    for scheme in ["http", "https", "ssh"] {
        let state = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let mut source = start(short(settings(format!("{scheme}://127.0.0.1:{port}/phones.git"), state.path())));
        let (category, problem) = away(&mut source).await;
        assert_eq!(category, "silent", "{scheme}: {problem}");
        assert!(problem.contains("did not answer in time"), "{problem}");
        let took = began.elapsed();
        assert!(patience <= took && took < Duration::from_secs(20), "{scheme} took {took:?}");
    }
    nothing(&mut good).await;
}

#[test]
fn tls_is_checked_against_the_authorities_given() {
    alone("authorities");
}

#[tokio::test]
#[ignore = "run by tls_is_checked_against_the_authorities_given, in a process of its own"]
async fn authorities() {
    let folder = tempfile::tempdir().unwrap();
    let (ca_file, token) = (folder.path().join("ca.pem"), folder.path().join("token"));
    let (certificate, acceptor) = self_signed();
    fs::write(&ca_file, certificate).unwrap();
    fs::write(&token, "planted").unwrap();
    let to = |port: u16, state: &TempDir| GitSettings {
        ca_file: Some(ca_file.clone()),
        token_file: Some(token.clone()),
        ..settings(format!("https://localhost:{port}/phones.git"), state.path())
    };

    let (port, got) = guarded_server(Some(acceptor));
    let state = tempfile::tempdir().unwrap();
    let mut source = start(to(port, &state));
    assert_eq!(away(&mut source).await.0, "denied");
    assert_eq!(got.recv_timeout(PATIENCE).unwrap(), basic("x-access-token:planted"));

    let (port, got) = guarded_server(Some(self_signed().1));
    let state = tempfile::tempdir().unwrap();
    let mut source = start(to(port, &state));
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "certificate", "{problem}");
    assert!(problem.contains("--git-ca"), "{problem}");
    assert!(got.try_recv().is_err(), "no token goes to a server that is not trusted");
}
