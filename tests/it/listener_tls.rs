//! TLS: who is admitted, what is said of those who are not, and which certificate is shown (R-1001 to R-1006).

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use openssl::{
    ssl::{SslOptions, SslVersion},
    x509::X509,
};
use phoneops::phone::{CertificateSource, TlsMode, handshake::Cause};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use super::listener_support::{Edge, Phone, eventually, in_folder, old};

#[tokio::test]
async fn an_old_phone_is_refused_with_cause_and_remedy() {
    let edge = Edge::start(|_| ());
    assert!(Phone::connect(edge.address, old).await.is_err());
    let failure = edge.failure().await;
    assert_eq!(failure.cause, Cause::UnsupportedProtocol);
    assert_eq!(failure.phone.as_deref(), Some("reception"));
    assert_eq!(failure.offered.as_deref(), Some("TLS 1.0"));
    assert_eq!(failure.remedy.as_deref(), Some("--tls legacy would admit it"));
    assert_eq!(edge.metrics.failures(Cause::UnsupportedProtocol), 1);
    assert_eq!(edge.phone().await.post("x").await.status(), 200);
}

#[tokio::test]
async fn an_old_phone_is_admitted_by_a_legacy_listener() {
    let edge = Edge::start(|settings| settings.tls = TlsMode::Legacy);
    let mut phone = Phone::connect(edge.address, old).await.unwrap();
    assert_eq!(phone.tls.ssl().version_str(), "TLSv1");
    assert_eq!(phone.tls.ssl().current_cipher().unwrap().name(), "AES128-SHA");
    assert_eq!(phone.post("x").await.status(), 200);
    let modern = edge.phone().await;
    assert_eq!(modern.tls.ssl().version_str(), "TLSv1.3");
    assert_eq!(edge.failures.list(), []);
}

#[tokio::test]
async fn a_phone_with_rsa_key_exchange_only_has_no_shared_cipher() {
    let edge = Edge::start(|_| ());
    let rsa_only = |context: &mut openssl::ssl::SslContextBuilder| {
        context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        context.set_cipher_list("AES128-SHA256:AES256-SHA").unwrap();
    };
    assert!(Phone::connect(edge.address, rsa_only).await.is_err());
    let failure = edge.failure().await;
    assert_eq!(failure.cause, Cause::NoSharedCipher);
    assert_eq!(failure.offered.as_deref(), Some("TLS 1.2"));
    assert_eq!(failure.remedy.as_deref(), Some("--tls legacy would admit it"));
    let legacy = Edge::start(|settings| settings.tls = TlsMode::Legacy);
    assert!(Phone::connect(legacy.address, rsa_only).await.is_ok());
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_told_apart() {
    let edge = Edge::start(|_| ());
    let mut plain = TcpStream::connect(edge.address).await.unwrap();
    plain.write_all(b"POST /DeploymentService/LoginService HTTP/1.1\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    let failure = edge.failure().await;
    assert_eq!((failure.cause, failure.offered), (Cause::NotTls, None));
    assert_eq!(failure.remedy.as_deref(), Some("this port speaks TLS: use https"));
}

#[tokio::test]
async fn a_port_check_leaves_no_trace_in_the_list() {
    let edge = Edge::start(|_| ());
    drop(TcpStream::connect(edge.address).await.unwrap());
    eventually(|| edge.metrics.failures(Cause::Closed) == 1).await;
    assert_eq!(edge.failures.list(), []);
}

#[tokio::test]
async fn a_phone_that_refuses_the_certificate_is_told_apart() {
    let edge = Edge::start(|_| ());
    let suspicious = |context: &mut openssl::ssl::SslContextBuilder| {
        context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        context.set_verify(openssl::ssl::SslVerifyMode::PEER);
    };
    assert!(Phone::connect(edge.address, suspicious).await.is_err());
    assert_eq!(edge.failure().await.cause, Cause::CertificateRefused);
}

#[tokio::test]
async fn the_self_made_certificate_outlives_a_restart() {
    let state = TempDir::new().unwrap();
    let source = CertificateSource::SelfMade { state: state.path().to_owned() };
    let first = Edge::start(|settings| settings.certificate = source.clone());
    let shown = certificate(first.address).await;
    assert_eq!(fs::metadata(state.path().join("tls/key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(shown.public_key().unwrap().bits(), 2048, "R-1005");
    let second = Edge::start(|settings| settings.certificate = source);
    assert_eq!(certificate(second.address).await, shown);
}

#[tokio::test]
async fn a_changed_certificate_is_shown_and_a_broken_one_is_not() {
    let folder = TempDir::new().unwrap();
    let (before, after) = (pair(), pair());
    put(&before, folder.path());
    let edge = Edge::start(|settings| {
        settings.certificate = in_folder(folder.path());
        settings.reload_interval = Duration::from_millis(20);
    });
    let mut kept = edge.phone().await;
    let old = certificate(edge.address).await;

    fs::write(folder.path().join("key.pem"), "no key").unwrap();
    for _ in 0..5 {
        sleep(Duration::from_millis(20)).await;
        assert_eq!(certificate(edge.address).await, old);
    }

    put(&after, folder.path());
    let new = X509::from_pem(&fs::read(after.path().join("tls/cert.pem")).unwrap()).unwrap();
    let mut shown = old;
    for _ in 0..200 {
        shown = certificate(edge.address).await;
        if shown == new {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(shown, new);
    assert_eq!(kept.post("x").await.status(), 200, "an open connection is not disturbed");
}

/// R-1006: whether phones resume is not known, so both ways have to work; this is the one without tickets.
#[tokio::test]
async fn a_session_resumes_by_its_id() {
    let edge = Edge::start(|_| ());
    let mut phone = Phone::connect(edge.address, |context| {
        context.set_options(SslOptions::NO_TICKET);
        context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        context.set_cipher_list("ECDHE-RSA-AES128-GCM-SHA256").unwrap();
    })
    .await
    .unwrap();
    phone.post("x").await;
    let session = phone.tls.ssl().session().unwrap().id().to_vec();
    assert_eq!(session.len(), 32);

    let mut again = TcpStream::connect(edge.address).await.unwrap();
    again.write_all(&hello_with_session(&session)).await.unwrap();
    let mut head = [0; 5];
    again.read_exact(&mut head).await.unwrap();
    let mut server_hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    again.read_exact(&mut server_hello).await.unwrap();
    again.read_exact(&mut head).await.unwrap();
    assert_eq!(server_hello[39..71], session, "the id is taken up");
    assert_eq!(head[0], 20, "the keys change at once, no certificate is sent");
}

fn hello_with_session(session: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.push(32);
    body.extend(session);
    // one suite, no compression, extended master secret as in the session, no renegotiation
    body.extend([0, 2, 0xC0, 0x2F, 1, 0, 0, 9, 0, 23, 0, 0, 0xFF, 1, 0, 1, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

async fn certificate(address: SocketAddr) -> X509 {
    Phone::connect(address, |_| ()).await.unwrap().tls.ssl().peer_certificate().unwrap()
}

fn pair() -> TempDir {
    let folder = TempDir::new().unwrap();
    CertificateSource::SelfMade { state: folder.path().to_owned() }.files().unwrap();
    folder
}

fn put(pair: &TempDir, folder: &Path) {
    for name in ["cert.pem", "key.pem"] {
        fs::copy(pair.path().join("tls").join(name), folder.join(name)).unwrap();
    }
}
