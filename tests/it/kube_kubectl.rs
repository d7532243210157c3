//! What people type: kubectl itself against a real API server, with the commands of the README.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use phoneops::{
    fleet::{view::PhoneView, words::State},
    sim::Model,
    source::{KubeSettings, SourceSettings},
};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::{
    kube_server::Cluster,
    service_stage::{LONG, Stage, has, mac, until},
};

pub(crate) const MISSING: &str = "kubectl is needed: `.ci/kubectl` or `apt-get install kubernetes-client`";

/// kubectl with the rights of an administrator.
pub(crate) struct Kubectl {
    kubeconfig: PathBuf,
    _folder: TempDir,
}

impl Kubectl {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { kubeconfig: cluster.kubeconfig_of_admin(folder.path()), _folder: folder }
    }

    /// What it prints, when it ends well.
    pub(crate) async fn run(&self, words: &str, input: &str) -> String {
        let (kubeconfig, line, input) = (self.kubeconfig.clone(), words.to_owned(), input.to_owned());
        let (good, told) = spawn_blocking(move || run(&kubeconfig, &line, &input)).await.unwrap();
        assert!(good, "kubectl {words}: {told}");
        told
    }
}

fn run(kubeconfig: &Path, line: &str, input: &str) -> (bool, String) {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("kubectl {line} 2>&1")]).env("KUBECONFIG", kubeconfig);
    // its cache of what a server has is one for all servers of an address
    command.env("HOME", kubeconfig.parent().unwrap());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// Waits until the service knows the phone so.
async fn becomes(stage: &Stage, wish: impl Fn(&PhoneView) -> bool) {
    let known = || stage.running().shared().with_fleet(|fleet, now| fleet.phone("reception", now));
    until(|| known().is_some_and(|view| wish(&view)), || format!("{:#?}", known())).await;
}

/// The words of a table, without AGE.
fn table(text: &str) -> Vec<Vec<String>> {
    let cells =
        |line: &str| line.split("   ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect();
    let without_age = |mut row: Vec<String>| {
        row.truncate(6);
        row
    };
    text.lines().map(cells).map(without_age).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_lead_from_a_document_to_a_phone_that_has_it() {
    assert!(Command::new("kubectl").args(["version", "--client"]).output().is_ok(), "{MISSING}");
    let cluster = Cluster::start().await;
    let kubectl = Kubectl::new(&cluster);
    let mut stage = Stage::dark("");
    let settings =
        KubeSettings { config: Some(cluster.config().await), ..KubeSettings::new(vec![cluster.namespace.clone()]) };
    stage.settings.source = SourceSettings::Kube(Box::new(settings));
    stage.start().await;
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let chapter = readme.split("$ helm install phoneops").nth(1).unwrap();
    let document = chapter.split("apply -f - <<YAML\n").nth(1).unwrap().split("YAML\n").next().unwrap();
    let document = document.replace("00:1A:E8:11:22:33", &mac(0));
    let told = kubectl.run("apply -f -", &document).await;
    assert!(told.contains("reception created"), "{told}");
    stage.taken_over().await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    kubectl.run("wait phoneconfig/reception --for=condition=Drifted --timeout=20s", "").await;
    let shown = chapter.lines().skip_while(|line| !line.starts_with("NAME ")).take(2).collect::<Vec<_>>().join("\n");
    let got = kubectl.run("get phoneconfigs", "").await;
    assert_eq!(table(&got), table(&shown.replace("00:1A:E8:11:22:33", &mac(0))), "{got}");
    assert!(has(&phone, "display-id-unicode") != "Reception", "nothing said Enforce");
    let patch = chapter.lines().find_map(|line| line.strip_prefix("$ kubectl -n voice patch ")).unwrap();
    kubectl.run(&format!("patch {patch}"), "").await;
    kubectl.run("wait phoneconfig/reception --for=condition=Ready --timeout=20s", "").await;
    // old clients take a condition of the generation before
    cluster.becomes("PhoneConfig", "reception", |resource| resource["status"]["state"] == "InSync").await;
    assert_eq!(has(&phone, "display-id-unicode"), "Reception");
    let wide = kubectl.run("get phonecfg -o wide", "").await;
    assert!(wide.contains("FIRMWARE") && wide.contains("V3 R5.12.0") && wide.contains("InSync"), "{wide}");
    assert!(kubectl.run("get phoneops", "").await.contains("phoneconfig.phoneops.dev/reception"), "the category");
    // events come behind the status
    let told = async {
        loop {
            let described = kubectl.run("describe phoneconfig reception", "").await;
            if described.contains("Applied") && described.contains("has all of revision") {
                break;
            }
        }
    };
    tokio::time::timeout(LONG, told).await.expect("no event says that all is as it is wanted");
    let profile = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {name: berlin}\nspec: {items: {sntp-addr: 192.0.2.9}}\n";
    kubectl.run("apply -f -", profile).await;
    kubectl
        .run("patch phoneconfig reception --type merge --patch '{\"spec\": {\"profiles\": [\"berlin\"]}}'", "")
        .await;
    becomes(&stage, |view| view.state == State::InSync && view.managed == 2).await;
    kubectl.run("wait phoneprofile/berlin --for=condition=Ready --timeout=20s", "").await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.9");
    kubectl.run("delete phoneconfig reception", "").await;
    becomes(&stage, |view| view.state == State::Abandoned).await;
    stage.end().await;
}
