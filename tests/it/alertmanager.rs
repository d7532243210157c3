//! A real Alertmanager on loopback. It is looked for in this order: the program of `PHONEOPS_TEST_ALERTMANAGER`; one that
//! is installed, as `.ci/alertmanager` does it. With neither of them the tests fail and say so.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::service_stage::LONG;

const WAYS: &str = "tests of alerts need an Alertmanager: install the package prometheus-alertmanager, name the program in \
                    PHONEOPS_TEST_ALERTMANAGER, or run .ci/alertmanager, which installs it";

fn program() -> PathBuf {
    let named = std::env::var_os("PHONEOPS_TEST_ALERTMANAGER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path)
        .flat_map(|folder| ["prometheus-alertmanager", "alertmanager"].map(|name| folder.join(name)));
    let found = named.into_iter().chain(installed).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{WAYS}"))
}

/// One at work; it ends when it is dropped.
pub(crate) struct Alertmanager {
    pub(crate) address: SocketAddr,
    _folder: TempDir,
    child: Child,
}

impl Alertmanager {
    /// One that knows nothing, on a free port or the one of another that has ended.
    pub(crate) async fn start(address: Option<SocketAddr>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let address = address.unwrap_or_else(free);
        let config = folder.path().join("alertmanager.yml");
        // what is told by itself never ends of a time of its own
        fs::write(&config, "global: {resolve_timeout: 24h}\nroute: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
            .unwrap();
        let child = Command::new(program())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut started = Self { address, _folder: folder, child };
        let deadline = Instant::now() + LONG;
        while started.get("/-/ready").await.is_none() {
            assert!(started.child.try_wait().unwrap().is_none(), "the Alertmanager has ended by itself");
            assert!(Instant::now() < deadline, "the Alertmanager never answers");
            sleep(Duration::from_millis(20)).await;
        }
        started
    }

    async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        assert!(!chunked, "small answers come whole: {head}");
        head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
    }

    /// The alerts that are active.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        let body = self.get("/api/v2/alerts").await.unwrap_or_else(|| panic!("the Alertmanager does not answer"));
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// Waits until its alerts are as wished.
    pub(crate) async fn has(&self, wish: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + LONG;
        loop {
            let alerts = self.alerts().await;
            if wish(&alerts) {
                return alerts;
            }
            assert!(Instant::now() < deadline, "{alerts:#?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
