//! The chart and the image held to what clusters, schemas and the program itself say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use clap::CommandFactory;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    chart_tools::{check, documents, notes, project, rendered, rendered_text, text_of, the, tool, values},
    kube_server::Cluster,
};

/// Kinds that the strict schemas do not know: those of other projects.
const FOREIGN: [&str; 3] = ["Certificate", "PodMonitor", "PrometheusRule"];
const SETS: [&str; 3] = ["minimal", "everything", "volume"];

#[test]
fn clusters_of_five_versions_take_what_the_chart_makes() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let mut expected = 0;
    for set in [None, Some("minimal"), Some("everything"), Some("volume")] {
        let given: Vec<PathBuf> = set.map(values).into_iter().collect();
        let text = rendered_text(&given);
        expected += documents(&text).len() * 5;
        let file = folder.path().join(format!("{}.yaml", set.unwrap_or("default")));
        fs::write(&file, text).unwrap();
        files.push(file);
    }
    let (good, told, problems) = check("manifests", &files);
    assert!(good, "{problems}");
    assert_eq!(told.lines().count(), expected, "{told}");
    let unknown = told.lines().filter_map(|line| line.strip_prefix("unknown ")?.split([' ', '/']).nth(1));
    assert_eq!(unknown.collect::<BTreeSet<_>>(), BTreeSet::from(FOREIGN));

    // and it would say so if they did not
    let file = folder.path().join("wrong.yaml");
    let text = rendered_text(&[]).replace("replicas: 2", "replicas: two");
    fs::write(&file, text.replace("enableServiceLinks", "enableServiceLink")).unwrap();
    let (good, _, problems) = check("manifests", &[file]);
    assert!(
        !good && problems.contains("1.33 Deployment/phoneops") && problems.contains("1.37 Deployment"),
        "{problems}"
    );
}

#[test]
fn the_schema_takes_each_value_there_is_and_refuses_wrong_ones_by_their_place() {
    let schema = project("charts/phoneops/values.schema.json");
    let mut good: Vec<PathBuf> = SETS.iter().map(|set| values(set)).collect();
    good.push(project("charts/phoneops/values.yaml"));
    let (is_good, _, problems) = check("values", &[std::slice::from_ref(&schema), &good].concat());
    assert!(is_good, "{problems}");

    let wrong = [
        ("replica: 2", "'replica' was unexpected"),
        ("replicas: \"2\"", "replicas: '2' is not of type 'integer'"),
        ("namespaces: [Voice]", "namespaces.0"),
        ("shard: North", "shard"),
        ("tls: {mode: old}", "tls.mode"),
        ("phones: {port: 443}", "phones.port"),
        ("phones: {service: {externalTrafficPolicy: local}}", "phones.service.externalTrafficPolicy"),
        ("image: {digest: \"sha256:12\"}", "image.digest"),
        ("networkPolicy: {phones: [10.0.0.1]}", "networkPolicy.phones.0"),
        ("poll: {url: \"https://a\"}", "poll.url"),
        ("metrics: {podMonitor: {interval: 30}}", "metrics.podMonitor.interval"),
        ("podAnnotations: {a: 7}", "podAnnotations.a"),
        ("grafanaDashboard: {labels: {grafana_dashboard: 1}}", "grafanaDashboard.labels.grafana_dashboard"),
        ("extraArgs: {a: b}", "extraArgs"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut files = vec![schema];
    for (number, (text, _)) in wrong.iter().enumerate() {
        let file = folder.path().join(format!("{number}.yaml"));
        fs::write(&file, text).unwrap();
        files.push(file);
    }
    let (is_good, _, problems) = check("values", &files);
    assert!(!is_good);
    for (number, (text, place)) in wrong.iter().enumerate() {
        let told = problems.lines().find(|line| line.contains(&format!("/{number}.yaml:")));
        assert!(told.is_some_and(|told| told.contains(place)), "{text}: {told:?}");
    }
}

/// The paths of all properties of a schema that are told one by one.
fn properties(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        properties(inner, &path, found);
        found.insert(path);
    }
}

#[test]
fn the_schema_knows_no_value_that_has_no_default() {
    let schema: Value = serde_json::from_str(&text_of("charts/phoneops/values.schema.json")).unwrap();
    let defaults = documents(&text_of("charts/phoneops/values.yaml")).remove(0);
    let mut known = BTreeSet::new();
    properties(&schema, "", &mut known);
    let elsewhere = [".global", ".tls.certManager.issuerRef.", ".resources.claims"];
    for path in known.iter().filter(|path| !elsewhere.iter().any(|other| path.starts_with(other))) {
        assert!(defaults.pointer(&path.replace('.', "/")).is_some(), "{path} is not in values.yaml");
    }
}

#[test]
fn each_flag_and_variable_that_the_pod_is_given_is_one_of_the_service() {
    let command = phoneops::cli::Cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    let flags: BTreeSet<String> =
        serve.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned).collect();
    let is_known = |flag: &str| flags.contains(flag);
    for set in SETS {
        let all = rendered(&[values(set)]);
        let container = the(&all, "Deployment", "phoneops")["spec"]["template"]["spec"]["containers"][0].clone();
        for argument in container["args"].as_array().unwrap().iter().skip(1) {
            let flag = argument.as_str().unwrap().strip_prefix("--").unwrap().split('=').next().unwrap();
            assert!(is_known(flag), "--{flag}");
        }
        for variable in container["env"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()) {
            if let Some(name) = variable.strip_prefix("PHONEOPS_") {
                assert!(is_known(&name.to_lowercase().replace('_', "-")), "{variable}");
            }
        }
        let settings = the(&all, "ConfigMap", "phoneops")["data"]["phoneops.yaml"].as_str().unwrap();
        let settings: Value = serde_yaml::from_str(settings).unwrap();
        assert!(settings.as_object().unwrap().keys().all(|key| is_known(key)), "{settings}");
    }
}

#[test]
fn the_image_is_made_as_the_linter_wants_it_and_runs_as_the_user_of_the_chart() {
    let output = Command::new(tool("venv/bin/hadolint")).arg(project("Dockerfile")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let lines = text_of("Dockerfile");
    let last = |word: &str| lines.lines().rev().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).unwrap();
    let values = documents(&text_of("charts/phoneops/values.yaml")).remove(0);
    let context = &values["podSecurityContext"];
    assert_eq!(last("USER"), format!("{}:{}", context["runAsUser"], context["runAsGroup"]));
    assert_eq!((last("ENTRYPOINT"), last("CMD")), ("[\"phoneops\"]", "[\"serve\"]"));
    let exposed: Vec<String> =
        ["phones", "status", "metrics"].iter().map(|part| values[part]["port"].to_string()).collect();
    assert_eq!(last("EXPOSE").split(' ').collect::<Vec<_>>(), exposed);
    // what the build needs is not left out of what the builder is sent
    let ignored = text_of(".dockerignore");
    for needed in ["src", "Cargo.toml", "Cargo.lock", "tests/it/main.rs", "benches"] {
        assert!(!ignored.lines().any(|line| line == needed) && project(needed).exists(), "{needed}");
    }
    let chart = documents(&text_of("charts/phoneops/Chart.yaml")).remove(0);
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_takes_what_the_chart_makes_and_the_document_of_the_notes() {
    let cluster = Cluster::start().await;
    let version = cluster.client.apiserver_version().await.unwrap().git_version;
    let is_old = version.split('.').nth(1).unwrap().parse::<u32>().unwrap() < 21;
    let dry = PatchParams { dry_run: true, ..PatchParams::apply("helm").force() };
    // of other projects, or newer than the oldest server that is tested with
    let unknown = |kind: &str| FOREIGN.contains(&kind) || (is_old && kind == "PodDisruptionBudget");
    let mut taken = BTreeMap::new();
    for files in [vec![], vec![values("everything")], vec![values("volume")]] {
        for mut resource in rendered(&files) {
            let (kind, version) = (resource["kind"].as_str().unwrap(), resource["apiVersion"].as_str().unwrap());
            if unknown(kind) {
                continue;
            }
            let (kind, (group, version)) = (kind.to_owned(), version.split_once('/').unwrap_or(("", version)));
            let kinds = GroupVersionKind::gvk(group, version, &kind);
            let name = resource["metadata"]["name"].as_str().unwrap().to_owned();
            let definition = ApiResource::from_gvk(&kinds);
            let api: Api<DynamicObject> = if kind == "CustomResourceDefinition" {
                Api::all_with(cluster.client.clone(), &definition)
            } else {
                // what is tried is not kept, so all of it may go into the one namespace that there is
                resource["metadata"]["namespace"] = json!(cluster.namespace);
                Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &definition)
            };
            if is_old && kind == "Service" {
                let spec = resource["spec"].as_object_mut().unwrap();
                spec.remove("loadBalancerClass");
                spec.remove("ipFamilyPolicy");
            }
            api.patch(&name, &dry, &Patch::Apply(&resource))
                .await
                .unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
            *taken.entry(kind).or_insert(0) += 1;
        }
    }
    let kinds: Vec<&str> = taken.keys().map(String::as_str).filter(|kind| *kind != "PodDisruptionBudget").collect();
    assert_eq!(
        kinds,
        [
            "ConfigMap",
            "CustomResourceDefinition",
            "Deployment",
            "NetworkPolicy",
            "PersistentVolumeClaim",
            "Role",
            "RoleBinding",
            "Service",
            "ServiceAccount",
        ]
    );
    let told = notes(&[]);
    let document = told.split_once("<<'YAML'\n").unwrap().1.split_once("     YAML\n").unwrap().0;
    let document = documents(document.replace("\n     ", "\n").trim_start()).remove(0);
    cluster.api("PhoneConfig").patch("first-phone", &dry, &Patch::Apply(&document)).await.unwrap();
}
