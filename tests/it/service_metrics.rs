//! The metrics as Prometheus sees them: a real one scrapes a real service, loads the alert rules, and answers every query of
//! the dashboard.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
};

use phoneops::{fleet::words::State, sim::Model};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::service_stage::{LONG, Stage, config, configs, id, profile, text};

const MISSING: &str = "prometheus and promtool are needed: `.ci/prometheus` or `apt-get install prometheus`";

fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Ends with the test.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(folder: &Path, target: SocketAddr) -> Self {
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let rules = project("examples/prometheus/rules.yaml");
        let config = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}\n\
             rule_files: [\"{}\"]\n\
             scrape_configs:\n  - job_name: phoneops\n    static_configs: [{{targets: [\"{target}\"]}}]\n",
            rules.display()
        );
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let log = fs::File::create(folder.join("prometheus.log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address={free}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect(MISSING);
        Self { child, address: free }
    }

    /// What it answers to a query of its API; `None` while it is not there.
    async fn ask(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
        let mut whole = String::new();
        stream.read_to_string(&mut whole).await.ok()?;
        serde_json::from_str(whole.split_once("\r\n\r\n")?.1).ok()
    }

    async fn query(&self, query: &str) -> Option<Value> {
        let escaped: Vec<String> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let escaped = escaped.concat();
        self.ask(&format!("/api/v1/query?query={escaped}")).await
    }

    /// Asks until the answer is as wished.
    async fn until(&self, folder: &Path, query: &str, wish: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + LONG;
        loop {
            let answer = self.query(query).await;
            if answer.as_ref().is_some_and(|answer| wish(&answer["data"]["result"])) {
                return;
            }
            let log = || fs::read_to_string(folder.join("prometheus.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "never so: {query}: {answer:?}\n{}", log());
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// Every query of the dashboard, with its variables filled in.
fn queries() -> Vec<String> {
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(project("examples/grafana/phoneops.json")).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries = targets.map(|target| target["expr"].as_str().unwrap());
    queries.map(|query| query.replace("$instance", ".*").replace("$__rate_interval", "1m")).collect()
}

/// The names that a scrape may show, by what it says of their types.
fn names(scrape: &str) -> BTreeSet<String> {
    let types = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let forms = |(name, kind): (&str, &str)| match kind {
        "counter" => vec![format!("{name}_total")],
        "histogram" => ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")).into(),
        _ => vec![name.to_owned()],
    };
    types.flat_map(forms).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_the_service_loads_the_rules_and_answers_the_dashboard() {
    let rules = project("examples/prometheus/rules.yaml");
    let checked = Command::new("promtool").args(["check", "rules"]).arg(&rules).output().expect(MISSING);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    let items = "sntp-addr: 192.0.2.123, sip-name: Reception";
    let documents = |items: &str| profile("Enforce", items) + "---\n" + &configs(0..2) + "---\n" + &config(2, "");
    let stage = Stage::set(&documents(items), |settings| {
        settings.status.metrics_listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        settings.status.phone_metrics = true;
    })
    .await;
    let target = stage.running().metrics_address.unwrap();
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let busy = stage.phone_in(1, Model::OpenStage40V3R5, State::InSync).await;
    busy.start_call();
    stage.change("all.yaml", &documents(&items.replace(".123", ".124"))).await;
    stage.reaches(0, State::InSync).await;
    stage.pending(1, phoneops::fleet::words::PendingReason::InCall).await;

    // without a token, and nothing else is there
    let scrape = crate::service_stage::api_as(target, "GET /metrics", None).await;
    assert!(scrape.status == 200 && scrape.body.ends_with("# EOF\n"), "{scrape:?}");
    assert_eq!(crate::service_stage::api_as(target, "GET /api/v1/phones", None).await.status, 404);
    assert!(!scrape.body.contains("InCall"), "promise 10:\n{}", scrape.body);
    for line in [
        "phoneops_push_to_proof_seconds_count 1",
        "phoneops_phone_state{phone=\"phone-0\",mac=",
        "phoneops_session_step_seconds_count{step=\"write\"} ",
        "phoneops_queue_depth{queue=\"store\"} ",
        "phoneops_oldest_pending_seconds 0",
        "phoneops_source_away_seconds 0",
    ] {
        assert!(scrape.body.contains(line), "{line}\n{}", scrape.body);
    }
    let known = names(&scrape.body);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut asked = 0;
    for query in queries() {
        for name in query.split(|c| !is_of_name(c)).filter(|word| word.starts_with("phoneops_")) {
            asked += 1;
            assert!(known.contains(name), "{name} of {query:?} is no metric");
        }
    }
    assert!(asked > 30, "{asked}");

    let prometheus = Prometheus::start(stage.folder.path(), target);
    let folder = stage.folder.path();
    prometheus.until(folder, "up{job=\"phoneops\"}", |found| found[0]["value"][1] == "1").await;
    prometheus.until(folder, "phoneops_phones{state=\"InSync\"}", |found| found[0]["value"][1] == "1").await;
    for query in queries() {
        let answer = prometheus.query(&query).await.unwrap();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
    }
    let loaded = |answer: &Value| -> Option<usize> {
        let rules = answer["data"]["groups"][0]["rules"].as_array()?;
        assert!(rules.iter().all(|rule| rule["health"] != "err"), "{rules:#?}");
        rules.iter().all(|rule| rule["health"] == "ok").then_some(rules.len())
    };
    let deadline = Instant::now() + LONG;
    let count = loop {
        if let Some(count) = prometheus.ask("/api/v1/rules").await.as_ref().and_then(loaded) {
            break count;
        }
        assert!(Instant::now() < deadline, "the rules were never evaluated");
        sleep(std::time::Duration::from_millis(20)).await;
    };
    let written = fs::read_to_string(&rules).unwrap().matches("- alert: ").count();
    assert_eq!(count, written);
    drop(prometheus);
    busy.end_call();
    stage.reaches(1, State::InSync).await;
    phone.local_change(id("sip-name"), text("Mine"));
    stage.reaches(0, State::InSync).await;
    stage.end().await;
}
