//! A real browser: Debian's chromium, driven through its chromedriver by the few commands of `WebDriver` that are needed. The
//! client crates there are bring a hundred packages or a licence that the tree does not take.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::service_stage::LONG;

const MISSING: &str = "this test needs a browser: install the packages chromium and chromium-driver (apt-get install \
                       chromium chromium-driver; `make test` does where it may)";

/// Keys as `WebDriver` writes them.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";

/// A browser with one window, and an empty profile of its own. It ends when it is dropped.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{MISSING} ({error})"));
        let stdout = driver.stdout.take().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, port: 0, session: String::new(), profile };
        let port = tokio::task::spawn_blocking(|| port_of(stdout));
        browser.port = timeout(LONG, port).await.expect("chromedriver names its port").unwrap();
        let profile = format!("--user-data-dir={}", browser.profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &profile,
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let began = browser.ask("POST", "/session", &capabilities).await;
        let session = began["sessionId"].as_str().unwrap_or_else(|| panic!("{MISSING}: {began}"));
        session.clone_into(&mut browser.session);
        browser
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: \
             {length}\r\nConnection: close\r\n\r\n{body}",
            self.port
        );
        let answer = async {
            let mut stream = BufStream::new(TcpStream::connect(("127.0.0.1", self.port)).await.unwrap());
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            // it keeps connections open, so the length counts
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).await.unwrap() > 2 {
                if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = told.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            String::from_utf8(body).unwrap()
        };
        let json = timeout(3 * LONG, answer).await.unwrap_or_else(|_| panic!("no answer to {method} {path} {body}"));
        let mut json: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        let value = json["value"].take();
        assert!(value["error"].is_null(), "{method} {path} {body}: {value}");
        value
    }

    async fn act(&self, command: &str, body: Value) -> Value {
        self.ask("POST", &format!("/session/{}/{command}", self.session), &body).await
    }

    /// A command of the browser's own protocol.
    pub(crate) async fn tell(&self, command: &str, parameters: Value) -> Value {
        self.act("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// Loads a page and waits until it is there.
    pub(crate) async fn open(&self, url: &str) {
        self.act("url", json!({"url": url})).await;
    }

    /// What an expression is on the page.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        self.act("execute/sync", json!({"script": format!("return {expression};"), "args": []})).await
    }

    /// Waits until an expression is true on the page.
    pub(crate) async fn until(&self, expression: &str) {
        let deadline = Instant::now() + LONG;
        while self.eval(expression).await != Value::Bool(true) {
            if Instant::now() > deadline {
                let text = self.eval("location.href + ' ' + document.body.innerText").await;
                panic!("never came true: {expression} at {text}");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses keys, one after another.
    pub(crate) async fn press(&self, keys: &[&str]) {
        let strokes = keys.iter().flat_map(|key| key.chars()).flat_map(|key| {
            [json!({"type": "keyDown", "value": key.to_string()}), json!({"type": "keyUp", "value": key.to_string()})]
        });
        let actions = strokes.collect::<Vec<_>>();
        self.act("actions", json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]})).await;
    }

    /// Presses Tab until what has the focus fits `expression`, in which it is `at`.
    pub(crate) async fn tab_to(&self, expression: &str) {
        for _ in 0..60 {
            self.press(&[TAB]).await;
            if self.eval(&format!("(at => {expression})(document.activeElement)")).await == Value::Bool(true) {
                return;
            }
        }
        panic!("no key leads to {expression}");
    }

    /// Clicks on the first element that a selector names.
    pub(crate) async fn click(&self, selector: &str) {
        let found = self.act("element", json!({"using": "css selector", "value": selector})).await;
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str).unwrap().to_owned();
        self.act(&format!("element/{id}/click"), json!({})).await;
    }

    /// A window of that size, with light or dark colours.
    pub(crate) async fn look(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell("Emulation.setEmulatedMedia", media).await;
    }

    /// Writes a picture of the window among the outputs of the tests.
    pub(crate) async fn picture(&self, name: &str) {
        let taken = self.tell("Page.captureScreenshot", json!({"format": "png"})).await;
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// What the browser complained of since it was last asked.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.act("se/log", json!({"type": "browser"})).await;
        let is_bad = |entry: &&Value| entry["level"] != "INFO" && entry["level"] != "DEBUG";
        log.as_array().unwrap().iter().filter(is_bad).map(ToString::to_string).collect()
    }

    /// The addresses that were asked for since it was last asked.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let log = self.act("se/log", json!({"type": "performance"})).await;
        let entries = log.as_array().unwrap().iter();
        let messages = entries.filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        let sent = messages.filter(|entry| entry["message"]["method"] == "Network.requestWillBeSent");
        sent.map(|entry| entry["message"]["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // the session takes the browser with it; an error means that both have ended
        if let Ok(mut driver) = std::net::TcpStream::connect(("127.0.0.1", self.port)) {
            let request = format!("DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", self.session);
            let _ = driver.set_read_timeout(Some(LONG)).and_then(|()| driver.write_all(request.as_bytes()));
            let _ = driver.read(&mut [0]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn port_of(stdout: ChildStdout) -> u16 {
    let mut lines = BufReader::new(stdout).lines();
    while let Some(Ok(line)) = lines.next() {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            // whatever it says later is read by nobody
            std::thread::spawn(move || lines.for_each(drop));
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("{MISSING}: chromedriver ended at once");
}
