//! The demo with resources of a cluster in place of git, as people run it, by the binary.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Namespace, Secret},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;

use crate::{
    demo::STEPS,
    kube_server::Cluster,
    service_child::{phoneops, run},
};

const APPROVALS: &str = "phoneapprovals.phoneops.dev";
const BRAKES: &str = "phonebrakes.phoneops.dev";

/// Makes a definition that of another phoneops.
async fn alter(definitions: &Api<CustomResourceDefinition>, name: &str) {
    let mut other = definitions.get(name).await.unwrap();
    other.spec.versions[0].additional_printer_columns = None;
    definitions.replace(name, &PostParams::default(), &other).await.unwrap();
}

async fn demo(kubeconfig: &Path, folder: &Path, more: &[&str]) -> (i32, String) {
    let mut command = phoneops("demo");
    command.env("KUBECONFIG", kubeconfig);
    command.args(["--kubernetes", "--once", "--status-listen", "127.0.0.1:0", "--patience", "120s", "--folder"]);
    command.arg(folder).args(more);
    run(command).await
}

/// What was told, on one line.
fn flat(told: &str) -> String {
    told.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The namespaces that demos made and did not take away.
async fn left(cluster: &Cluster) -> Vec<Namespace> {
    let all = Api::<Namespace>::all(cluster.client.clone()).list(&ListParams::default()).await.unwrap();
    let of_demo =
        |space: &Namespace| space.metadata.name.as_deref().is_some_and(|name| name.starts_with("phoneops-demo-"));
    all.into_iter().filter(of_demo).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plays_every_step_in_a_cluster_and_leaves_nothing_in_it() {
    let cluster = Cluster::start().await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = cluster.kubeconfig_of_admin(folder.path());
    // what is missing is defined
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    definitions.delete(APPROVALS, &DeleteParams::default()).await.unwrap();
    while definitions.get_opt(APPROVALS).await.unwrap().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // and what is of another phoneops replaced where that is wanted
    alter(&definitions, BRAKES).await;
    let (code, told) = demo(&kubeconfig, folder.path(), &["--install-crds"]).await;
    assert_eq!(code, 0, "{told}");
    println!("{told}");
    let brakes = definitions.get(BRAKES).await.unwrap();
    assert!(brakes.spec.versions[0].additional_printer_columns.is_some());
    let of_cluster = [
        "Cluster: context test, https://127.0.0.1:",
        "Definitions for the whole cluster, which stay: phoneapprovals.phoneops.dev, phonebrakes.phoneops.dev",
        "$ kubectl get phoneconfigs -n phoneops-demo-",
        "NAME         PHONE               MODEL",
        "a PhoneApproval with the digest",
        "8 phones go on",
    ];
    for step in STEPS.into_iter().chain(of_cluster) {
        assert!(told.contains(step), "{step:?} is missing in:\n{told}");
    }
    let last = told.trim_end().lines().last().unwrap();
    let name = last
        .strip_prefix("namespace ")
        .and_then(|rest| rest.strip_suffix(" is removed"))
        .unwrap_or_else(|| panic!("{told}"));
    assert!(definitions.get_opt(APPROVALS).await.unwrap().is_some(), "definitions stay");
    // no controller takes the namespace itself away here
    for space in left(&cluster).await {
        assert!(space.metadata.deletion_timestamp.is_some(), "{space:?}");
    }
    let kinds = ["PhoneConfig", "PhoneProfile", "PhoneSite", "PhoneApproval", "PhoneRecord", "PhoneOps"];
    let its_own = cluster.at(name);
    for kind in kinds {
        let found = its_own.api(kind).list(&ListParams::default()).await.unwrap();
        assert_eq!(found.items.len(), 0, "{kind}");
    }
    let (all, client) = (ListParams::default(), &cluster.client);
    assert!(Api::<Secret>::namespaced(client.clone(), name).list(&all).await.unwrap().items.is_empty());
    assert!(Api::<Lease>::namespaced(client.clone(), name).list(&all).await.unwrap().items.is_empty());
    assert_eq!(cluster.api("PhoneConfig").list(&all).await.unwrap().items.len(), 0, "no other namespace was touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_ended_in_the_middle_takes_its_namespace_away() {
    let cluster = Cluster::start().await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = cluster.kubeconfig_of_admin(folder.path());
    let mut command = phoneops("demo");
    command.env("KUBECONFIG", &kubeconfig).args(["--kubernetes", "--status-listen", "127.0.0.1:0", "--folder"]);
    command.arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (code, told) = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut told: Vec<String> = Vec::new();
        for line in lines.by_ref() {
            let is_there = line.contains("$ kubectl get phoneconfigs");
            told.push(line);
            if is_there {
                break;
            }
        }
        let ended = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(ended.success());
        told.extend(lines);
        (child.wait().unwrap().code(), told)
    })
    .await
    .unwrap();
    let told = told.join("\n");
    assert_eq!(code, Some(2), "{told}");
    let last = told.lines().last().unwrap();
    let name = last.strip_prefix("namespace ").and_then(|rest| rest.strip_suffix(" is removed")).expect(&told);
    for space in left(&cluster).await {
        assert!(space.metadata.deletion_timestamp.is_some(), "{space:?}");
    }
    assert!(cluster.at(name).api("PhoneConfig").list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_touches_nothing_where_definitions_are_others_or_rights_are_missing() {
    let cluster = Cluster::start().await;
    let folder = tempfile::tempdir().unwrap();
    // the user of the service may not make namespaces
    let (code, told) = demo(&cluster.kubeconfig(folder.path()), folder.path(), &[]).await;
    assert_eq!(code, 2, "{told}");
    let told = flat(&told);
    assert!(told.contains("may not do what the demo does") && told.contains("create namespaces"), "{told}");
    // definitions of another phoneops
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    alter(&definitions, APPROVALS).await;
    let (code, told) = demo(&cluster.kubeconfig_of_admin(folder.path()), folder.path(), &[]).await;
    assert_eq!(code, 2, "{told}");
    let told = flat(&told);
    assert!(told.contains(APPROVALS) && told.contains("--install-crds"), "{told}");
    assert!(left(&cluster).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_says_so_when_no_api_server_answers_and_when_none_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "gone",
        "clusters": [{"name": "gone", "cluster": {"server": format!("https://{free}")}}],
        "users": [{"name": "nobody", "user": {"token": "none"}}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "nobody"}}],
    });
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, config.to_string()).unwrap();
    let (code, told) = demo(&file, folder.path(), &[]).await;
    let told = flat(&told);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("no API server of Kubernetes answers at") && told.contains("--context"), "{told}");
    let (code, told) = demo(&file, folder.path(), &["--context", "no-such"]).await;
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("no-such"), "{told}");
    let (code, told) = demo(&folder.path().join("missing"), folder.path(), &[]).await;
    assert_eq!(code, 2, "{told}");
    assert!(flat(&told).contains("no API server of Kubernetes is known"), "{told}");
}
