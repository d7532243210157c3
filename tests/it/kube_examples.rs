//! `examples/kubernetes`: the fleet of `examples/git`, and what Flux and Argo CD are told to wait for.

use std::{collections::BTreeSet, fmt::Write as _, fs, process::Command};

use phoneops::spec::{Resolution, Revision, SecretsUnread, Snapshot, Wanted, load};
use serde_json::{Value, json};

use crate::chart_tools::{documents, project, text_of};

const FOLDER: &str = "examples/kubernetes";

/// The files that belong to the fleet.
fn fleet() -> Vec<String> {
    let list = documents(&text_of(&format!("{FOLDER}/kustomization.yaml"))).remove(0);
    list["resources"].as_array().unwrap().iter().map(|name| format!("{FOLDER}/{}", name.as_str().unwrap())).collect()
}

fn loaded(files: &[String]) -> Wanted {
    let texts: Vec<(String, String)> = files.iter().map(|file| (file.clone(), text_of(file))).collect();
    let texts = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    load(&Snapshot::of_texts(Revision::new("examples"), texts), &SecretsUnread)
}

/// What each phone is to have and how it is dealt with; of its password only that it has one.
fn told(wanted: &Wanted) -> Vec<String> {
    let mut told = Vec::new();
    for device in wanted.devices() {
        for model in ["OpenStage 40", "OpenStage 60"] {
            let Resolution::Ready(desired) = wanted.resolve(&device, Some(model)) else { panic!("{device}") };
            let mut lines = format!("{device} {} {model} at {} {:?}\n", desired.name, desired.site, desired.labels);
            writeln!(lines, "{:?}", desired.policy).unwrap();
            for item in desired.items.iter().chain(&desired.seeds) {
                let id = item.id.to_string();
                if id == "sip-pwd" {
                    lines.push_str("sip-pwd\n");
                } else {
                    writeln!(lines, "{id} = {:?}", item.value.value).unwrap();
                }
            }
            told.push(lines);
        }
    }
    told.sort();
    told
}

#[test]
fn the_fleet_of_the_cluster_is_that_of_git() {
    let git = [
        "sites",
        "profiles/fleet",
        "profiles/sites",
        "profiles/large-display",
        "phones/berlin",
        "phones/hamburg",
        "phones/home",
    ];
    let git = loaded(&git.map(|name| format!("examples/git/{name}.yaml")));
    let cluster = loaded(&fleet());
    assert_eq!((git.counts().phones, cluster.counts().phones), (7, 7));
    let (git, cluster) = (told(&git), told(&cluster));
    for (one, other) in git.iter().zip(&cluster) {
        assert_eq!(one, other);
    }
    assert_eq!(git.len(), 14);
}

#[test]
fn each_password_of_the_fleet_has_its_place_in_a_labelled_secret_and_is_none() {
    let all: Vec<Value> = fleet().iter().flat_map(|file| documents(&text_of(file))).collect();
    let secret = all.iter().find(|one| one["kind"] == "Secret").unwrap();
    assert_eq!(secret["metadata"]["labels"], json!({"phoneops.dev/phone-secret": "true"}));
    let content = secret["stringData"].as_object().unwrap();
    assert!(content.values().all(|value| value == "change-me"));
    let keys: BTreeSet<&str> = content.keys().map(String::as_str).collect();
    let asked = all.iter().filter(|one| one["kind"] == "PhoneConfig").map(|one| {
        let reference = &one["spec"]["items"]["sip-pwd"]["secret"];
        assert_eq!(reference["name"], secret["metadata"]["name"]);
        reference["key"].as_str().unwrap()
    });
    assert_eq!(asked.collect::<BTreeSet<_>>(), keys);
}

#[test]
fn maps_by_index_have_keys_that_kustomize_can_read() {
    for file in fleet() {
        for (number, line) in text_of(&file).lines().enumerate() {
            let is_bare = line
                .split(['{', ','])
                .any(|part| part.trim_start().split_once(':').is_some_and(|(key, _)| key.parse::<u32>().is_ok()));
            assert!(!is_bare, "{file}:{}: kustomize wants a text for a key: {line}", number + 1);
        }
    }
}

#[test]
fn each_file_of_the_folder_is_part_of_the_fleet_or_told_in_the_readme() {
    let page = text_of(&format!("{FOLDER}/README.md"));
    let listed = fleet();
    for entry in fs::read_dir(project(FOLDER)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = listed.contains(&format!("{FOLDER}/{name}")) || page.contains(&format!("`{name}"));
        assert!(known || name == "README.md", "{name}");
    }
}

#[test]
fn flux_and_argo_cd_wait_for_profiles_and_not_for_phones() {
    let profiles: BTreeSet<String> = documents(&text_of(&format!("{FOLDER}/profiles.yaml")))
        .iter()
        .map(|one| one["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let flux = documents(&text_of(&format!("{FOLDER}/flux/fleet.yaml")));
    let sync = flux.iter().find(|one| one["kind"] == "Kustomization").unwrap();
    assert_eq!(sync["spec"]["wait"], Value::Null, "it would wait for each phone");
    let checks = sync["spec"]["healthChecks"].as_array().unwrap();
    assert!(!checks.is_empty());
    for check in checks {
        assert_eq!((&check["apiVersion"], &check["kind"]), (&json!("phoneops.dev/v1alpha1"), &json!("PhoneProfile")));
        assert!(profiles.contains(check["name"].as_str().unwrap()), "{check}");
    }
    let argo = documents(&text_of(&format!("{FOLDER}/argocd/fleet.yaml"))).remove(0);
    let patch = &argo["spec"]["source"]["kustomize"]["patches"][0];
    assert_eq!(patch["target"]["kind"], "PhoneConfig");
    let patch = documents(patch["patch"].as_str().unwrap()).remove(0);
    assert_eq!(patch["metadata"]["annotations"]["argocd.argoproj.io/ignore-healthcheck"], "true");

    // what both give the chart is a value of it, and both are there for the namespace of the fleet
    let release = documents(&text_of(&format!("{FOLDER}/flux/service.yaml")));
    let release = release.iter().find(|one| one["kind"] == "HelmRelease").unwrap();
    let application = documents(&text_of(&format!("{FOLDER}/argocd/service.yaml"))).remove(0);
    let given = [&release["spec"]["values"], &application["spec"]["source"]["helm"]["valuesObject"]];
    assert_eq!(given[0], given[1]);
    let defaults = documents(&text_of("charts/phoneops/values.yaml")).remove(0);
    assert!(given[0].as_object().unwrap().keys().all(|key| defaults.get(key).is_some()), "{}", given[0]);
    assert!(project(release["spec"]["chart"]["spec"]["chart"].as_str().unwrap()).join("Chart.yaml").exists());
    let list = documents(&text_of(&format!("{FOLDER}/kustomization.yaml"))).remove(0);
    for namespace in
        [&sync["spec"]["targetNamespace"], &argo["spec"]["destination"]["namespace"], &release["metadata"]["namespace"]]
    {
        assert_eq!(namespace, &list["namespace"]);
    }
}

/// A value as Lua writes it.
fn lua(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Array(list) => format!("{{{}}}", list.iter().map(lua).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let fields = map.iter().map(|(key, value)| format!("[{key:?}] = {}", lua(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn resource(generation: i64, observed: Value, conditions: &[(&str, &str, &str)]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason, "message": reason}))
        .collect();
    let mut status = json!({"conditions": conditions});
    if !observed.is_null() {
        status["observedGeneration"] = observed;
    }
    json!({"metadata": {"name": "a", "generation": generation}, "status": status})
}

#[test]
fn argo_cd_is_told_the_health_of_each_state() {
    let settings = documents(&text_of(&format!("{FOLDER}/argocd/health.yaml"))).remove(0);
    let scripts = settings["data"].as_object().unwrap();
    let kinds: Vec<&str> =
        scripts.keys().map(|key| key.strip_prefix("resource.customizations.health.phoneops.dev_").unwrap()).collect();
    assert_eq!(kinds, ["PhoneConfig", "PhoneProfile", "PhoneSite"]);
    let script = scripts.values().next().unwrap();
    assert!(scripts.values().all(|other| other == script));

    let ready = |status, reason| ("Ready", status, reason);
    // the conditions of each state, as the service writes them
    let cases = [
        (json!({"metadata": {"name": "a", "generation": 1}}), "Progressing: phoneops has not seen it yet"),
        (resource(2, json!(1), &[ready("True", "InSync")]), "Progressing: phoneops has not seen it yet"),
        (resource(2, Value::Null, &[ready("True", "InSync")]), "Progressing: phoneops has not seen it yet"),
        (resource(1, json!(1), &[]), "Progressing: phoneops has not seen it yet"),
        (resource(1, json!(1), &[ready("True", "InSync")]), "Healthy: InSync"),
        (resource(1, json!(1), &[ready("True", "Drifted"), ("Drifted", "True", "Drifted")]), "Healthy: Drifted"),
        (resource(1, json!(1), &[ready("True", "Suspended")]), "Suspended: Suspended"),
        (
            resource(1, json!(1), &[ready("False", "Reconciling"), ("Reconciling", "True", "Reconciling")]),
            "Progressing: Reconciling",
        ),
        (
            resource(
                1,
                json!(1),
                &[ready("False", "InCall"), ("Reconciling", "True", "InCall"), ("Pending", "True", "InCall")],
            ),
            "Progressing: InCall",
        ),
        (
            resource(1, json!(1), &[ready("False", "Unreachable"), ("Pending", "True", "Unreachable")]),
            "Suspended: Unreachable",
        ),
        (resource(1, json!(1), &[ready("False", "Held"), ("Pending", "True", "Held")]), "Suspended: Held"),
        (resource(1, json!(1), &[ready("False", "Degraded"), ("Stalled", "True", "Degraded")]), "Degraded: Degraded"),
        (resource(1, json!(1), &[ready("False", "Invalid"), ("Stalled", "True", "Invalid")]), "Degraded: Invalid"),
        (resource(1, json!(1), &[ready("True", "Settled")]), "Healthy: Settled"),
    ];
    let mut program = format!("local function check(obj)\n{}\nend\n", script.as_str().unwrap());
    for (resource, _) in &cases {
        writeln!(
            program,
            "do local health = check({}) print(health.status .. ': ' .. health.message) end",
            lua(resource)
        )
        .unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), program).unwrap();
    let output = Command::new("lua5.4").arg(file.path()).output().expect("lua5.4 is installed by .ci/chart-tools");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told.lines().collect::<Vec<_>>(), cases.iter().map(|(_, expected)| *expected).collect::<Vec<_>>());
}
