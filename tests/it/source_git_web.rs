//! The git source against servers: tokens, certificates, silence.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::Command,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::PKey,
    rsa::Rsa,
    ssl::{SslAcceptor, SslMethod},
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};
use phoneops::source::GitSettings;
use tempfile::TempDir;

use crate::source_git::{PATIENCE, Remote, away, nothing, of, settings, snapshot, start};

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
pub(crate) fn self_signed() -> (Vec<u8>, SslAcceptor) {
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

#[tokio::test]
async fn a_stop_does_not_wait_for_a_fetch_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let state = tempfile::tempdir().unwrap();
    let source = start(settings(format!("http://127.0.0.1:{port}/phones.git"), state.path()));
    let _hangs = listener.accept().unwrap();
    let began = Instant::now();
    drop(source);
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Runs a test of this file in a process of its own: git keeps time-outs and authorities once for a process.
fn alone(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("source_git_web::{test}"), "--ignored", "--nocapture"])
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
