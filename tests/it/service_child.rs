//! The program itself as a child, for what ends a process or looks at everything it prints.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
};

use phoneops::{
    fleet::{view::PhoneView, words::State},
    sim::{Model, Server, SimPhone, SimSettings, Timing},
};
use tempfile::TempDir;
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::service_stage::{LONG, SPACING, api_as, mac, own_address, replace};

/// Folders of one service, and the service while it runs.
pub(crate) struct Program {
    pub(crate) folder: TempDir,
    pub(crate) phones: SocketAddr,
    pub(crate) status: SocketAddr,
    log: Arc<Mutex<String>>,
    running: Option<(Child, JoinHandle<()>)>,
}

impl Program {
    /// Makes folders `docs`, `state` and `secrets` with these documents and starts `phoneops serve` on them.
    pub(crate) fn serve(documents: &str, secrets: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["docs", "state", "secrets"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for (name, content) in secrets {
            fs::write(folder.path().join("secrets").join(name), content).unwrap();
        }
        fs::write(folder.path().join("docs/all.yaml"), documents).unwrap();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let log = Arc::default();
        let mut program = Self { folder, phones: anywhere, status: anywhere, log, running: None };
        program.start();
        program
    }

    /// Starts it, where phones are concerned on the port of the last time.
    pub(crate) fn start(&mut self) {
        let at = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let mut command = phoneops("serve");
        command.args(["--dir", &at("docs"), "--state", &at("state"), "--secrets-dir", &at("secrets")]);
        command.args(["--phone-listen", &self.phones.to_string(), "--status-listen", "127.0.0.1:0"]);
        command.args([
            "--contact-port",
            "0",
            "--contact-spacing",
            "200ms",
            "--site-contacts-per-second",
            "1000",
            "--contacts-per-day",
            "100000",
            "--contact-gap",
            "400ms",
            "--gate-phones",
            "0",
            "--gate-percent",
            "0",
            "--gate-risky",
            "0",
            "--gate-vanish",
            "0",
            "--storm-starts",
            "0",
            "--wire-log",
            &at("wire"),
            "--log",
            "trace",
            "--log-format",
            "json",
        ]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        let log = Arc::clone(&self.log);
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(addresses) = serving(&line) {
                    let _ = tell.send(addresses);
                }
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        self.running = Some((child, reader));
        let Ok((phones, status)) = told.recv_timeout(LONG) else { panic!("it did not start:\n{}", self.log()) };
        (self.phones, self.status) = (phones, status);
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        let (mut child, reader) = self.running.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
    }

    /// All that it has logged since the first start.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Replaces a document as editors do.
    pub(crate) fn change(&self, name: &str, content: &str) {
        replace(&self.folder.path().join("docs"), name, content);
    }

    pub(crate) async fn view(&self, number: u32) -> Option<PhoneView> {
        let answer = api_as(self.status, &format!("GET /api/v1/phones/phone-{number}"), None).await;
        (answer.status == 200).then(|| serde_json::from_value(answer.json()).unwrap())
    }

    /// Waits until phone `phone-N` is as wished.
    pub(crate) async fn becomes(&self, number: u32, wish: impl Fn(&PhoneView) -> bool) -> PhoneView {
        let deadline = Instant::now() + LONG;
        loop {
            let view = self.view(number).await;
            match view {
                Some(view) if wish(&view) => return view,
                _ => assert!(Instant::now() < deadline, "phone-{number} never got there: {view:#?}\n{}", self.log()),
            }
            sleep(SPACING / 4).await;
        }
    }

    pub(crate) async fn reaches(&self, number: u32, state: State) -> PhoneView {
        self.becomes(number, |view| view.state == state).await
    }

    /// Settings of a phone that calls it and listens on a port of its own.
    pub(crate) fn phone_settings(&self, number: u32, model: Model) -> SimSettings {
        let mut settings = SimSettings::new(mac(number), own_address(), Server::at(self.phones));
        settings.contact_port = 0;
        settings.model = model;
        settings.seed = u64::from(number) + 1;
        settings.timing = Timing::quick();
        settings
    }

    pub(crate) async fn phone(&self, number: u32, model: Model) -> SimPhone {
        SimPhone::start(self.phone_settings(number, model)).await.unwrap()
    }

    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some((mut child, reader)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
            let _ = reader.join();
        }
    }
}

/// Where a log line says that phones and status are served.
fn serving(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| line[name].as_str()?.parse().ok();
    (line["message"] == "serving").then(|| Some((address("phones")?, address("status")?)))?
}

/// One command of the program, without the settings of whoever runs the tests.
pub(crate) fn phoneops(command: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_phoneops"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PHONEOPS_")) {
        program.env_remove(name);
    }
    program.arg(command);
    program
}

/// Runs a command to its end: exit code, and all that it printed.
pub(crate) async fn run(mut command: Command) -> (i32, String) {
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let printed = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.code().unwrap(), printed)
}

/// All files below a folder with their bytes; sockets and pipes are passed over.
pub(crate) fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push((entry.path(), fs::read(entry.path()).unwrap()));
        }
    }
    found
}
