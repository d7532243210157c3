//! `phoneops status --kubernetes --watch`: what it shows, and that an idle cluster is asked nothing.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Stdio},
};

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};

use crate::{
    kube_server::Cluster,
    service_child::phoneops,
    service_stage::{LONG, mac},
};

/// The command while it runs.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn phone(cluster: &Cluster, number: u32) {
    cluster.apply("PhoneConfig", &format!("phone-{number}"), &json!({"phone": {"mac": mac(number)}})).await;
}

/// Writes a status as the service does.
async fn becomes(cluster: &Cluster, number: u32, status: Value) {
    let patch = Patch::Merge(json!({"status": status}));
    let api = cluster.api("PhoneConfig");
    api.patch_status(&format!("phone-{number}"), &PatchParams::default(), &patch).await.unwrap();
}

fn asked(cluster: &Cluster, verb: &str) -> usize {
    cluster.calls().iter().filter(|call| call.verb == verb && call.resource == "phoneconfigs").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_watched_and_listed_once_however_long_and_goes_on_when_it_was_away() {
    let mut cluster = Cluster::start().await;
    let labels = json!({"apiVersion": "phoneops.dev/v1alpha1", "kind": "PhoneSite",
        "metadata": {"name": "berlin", "labels": {"region": "north"}}, "spec": {}});
    let params = PatchParams::apply("ada").force();
    cluster.api("PhoneSite").patch("berlin", &params, &Patch::Apply(&labels)).await.unwrap();
    for number in 0..3 {
        phone(&cluster, number).await;
        becomes(&cluster, number, json!({"state": "InSync", "site": "berlin"})).await;
    }
    becomes(&cluster, 2, json!({"state": "InSync", "site": "munich"})).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = phoneops("status");
    command.env("KUBECONFIG", cluster.kubeconfig(folder.path()));
    command.args(["--kubernetes", "-n", &cluster.namespace, "--site-selector", "region=north"]);
    command.args(["--watch", "--watch-interval", "100ms", "-o", "json"]);
    let mut watching = Watching(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let child = &mut watching.0;
    let (sender, mut lines) = mpsc::channel(100);
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = spawn_blocking(move || out.lines().try_for_each(|line| sender.blocking_send(line.unwrap())));
    let mut next = async || -> Value {
        let line = timeout(LONG, lines.recv()).await.expect("in time").expect("a line");
        serde_json::from_str(&line).unwrap()
    };
    for number in 0..2 {
        assert_eq!(next().await["name"], format!("phone-{number}"));
    }
    // each change takes longer than the time between two looks
    for round in 0..10 {
        becomes(&cluster, 1, json!({"state": "Drifted", "drift": {"count": round + 1, "items": ["sntp-addr"]}})).await;
        let seen = next().await;
        assert_eq!((&seen["name"], &seen["driftCount"]), (&"phone-1".into(), &(round + 1).into()));
    }
    assert_eq!(asked(&cluster, "list"), 1, "{:#?}", cluster.calls());
    // of another site it is not listed any more
    becomes(&cluster, 0, json!({"site": "munich"})).await;
    assert_eq!(next().await, json!({"name": "phone-0", "mac": mac(0), "gone": true}));
    cluster.api("PhoneConfig").delete("phone-1", &DeleteParams::default()).await.unwrap();
    assert_eq!(next().await, json!({"name": "phone-1", "mac": mac(1), "gone": true}));

    cluster.stop_api();
    cluster.start_api().await;
    becomes(&cluster, 0, json!({"state": "Pending", "site": "berlin"})).await;
    let seen = next().await;
    assert_eq!((&seen["name"], &seen["state"]), (&"phone-0".into(), &"Pending".into()));
    let mut errors = child.stderr.take().unwrap();
    drop(watching);
    reader.await.unwrap().unwrap();
    let mut told = String::new();
    errors.read_to_string(&mut told).unwrap();
    assert!(asked(&cluster, "watch") > 0, "{:#?}", cluster.calls());
    assert!(told.matches("trying again").count() <= 1, "an absence is told once: {told}");
}
