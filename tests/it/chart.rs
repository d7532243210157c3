//! What the chart makes of values: with none, with as little as possible, with all that can be switched on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::chart_tools::{documents, notes, project, refusal, rendered, text_of, the, values};

/// Kinds and names, but for the definitions.
fn list(documents: &[Value]) -> Vec<String> {
    let others = documents.iter().filter(|one| one["kind"] != "CustomResourceDefinition");
    let mut list: Vec<String> = others
        .map(|one| {
            let (kind, name) = (one["kind"].as_str().unwrap(), one["metadata"]["name"].as_str().unwrap());
            format!("{kind} {}/{name}", one["metadata"]["namespace"].as_str().unwrap_or("?"))
        })
        .collect();
    list.sort();
    list
}

fn pod(documents: &[Value]) -> &Value {
    &the(documents, "Deployment", "phoneops")["spec"]["template"]["spec"]
}

fn arguments(documents: &[Value]) -> Vec<&str> {
    let args = pod(documents)["containers"][0]["args"].as_array().unwrap();
    args.iter().map(|argument| argument.as_str().unwrap()).collect()
}

/// Every set of values that is rendered here.
fn all() -> [Vec<std::path::PathBuf>; 4] {
    [Vec::new(), vec![values("minimal")], vec![values("everything")], vec![values("volume")]]
}

#[test]
fn by_default_two_pods_stand_behind_services_that_follow_the_active_one() {
    let all = rendered(&[]);
    insta::assert_snapshot!(list(&all).join("\n"), @r"
    ConfigMap voice/phoneops
    Deployment voice/phoneops
    PodDisruptionBudget voice/phoneops
    Role voice/phoneops-own
    Role voice/phoneops-phones
    RoleBinding voice/phoneops-own
    RoleBinding voice/phoneops-phones
    Service voice/phoneops-phones
    Service voice/phoneops-status
    ServiceAccount voice/phoneops
    ");
    assert_eq!(the(&all, "Deployment", "phoneops")["spec"]["replicas"], 2);
    insta::assert_snapshot!(arguments(&all).join("\n"), @r"
    serve
    --kubernetes
    --namespace=voice
    --shard=phoneops
    --config=/etc/phoneops/phoneops.yaml
    --state=/var/lib/phoneops
    --phone-listen=0.0.0.0:18443
    --tls=modern
    --status-listen=0.0.0.0:8080
    --status-host=phoneops-status,phoneops-status.voice,phoneops-status.voice.svc
    --tokens=/etc/phoneops/tokens
    --metrics-listen=0.0.0.0:9090
    ");
    let active = json!({
        "app.kubernetes.io/name": "phoneops", "app.kubernetes.io/instance": "phoneops", "phoneops.dev/active": "true",
    });
    let phones = &the(&all, "Service", "phoneops-phones")["spec"];
    assert_eq!((&phones["type"], &phones["externalTrafficPolicy"]), (&json!("LoadBalancer"), &json!("Local")));
    assert_eq!(phones["selector"], active);
    assert_eq!(phones["ports"][0]["port"], 18443);
    assert_eq!(the(&all, "Service", "phoneops-status")["spec"]["selector"], active);
    // the pods themselves do not have that label from the start: the active one sets it
    let labels = &the(&all, "Deployment", "phoneops")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels["phoneops.dev/active"], Value::Null);
    let env = &pod(&all)["containers"][0]["env"][0];
    assert_eq!(
        (&env["name"], &env["valueFrom"]["fieldRef"]["fieldPath"]),
        (&json!("PHONEOPS_POD"), &json!("metadata.name"))
    );
    assert_eq!(pod(&all)["volumes"][0], json!({"name": "state", "emptyDir": {"sizeLimit": "2Gi"}}));
    assert_eq!(pod(&all)["terminationGracePeriodSeconds"], 30);
    let spread = pod(&all)["topologySpreadConstraints"].as_array().unwrap();
    let keys: Vec<&Value> = spread.iter().map(|one| &one["topologyKey"]).collect();
    assert_eq!(keys, ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]);
    // who may ask over the network: nobody, by a file that holds no token
    let tokens = the(&all, "ConfigMap", "phoneops")["data"]["tokens"].as_str().unwrap();
    assert_eq!(phoneops::report::tokens::parse(tokens).0.len(), 0);
    assert_eq!(phoneops::report::tokens::parse(tokens).1, []);
}

#[test]
fn with_as_little_as_possible_there_is_one_pod_and_nothing_beside() {
    let all = rendered(&[values("minimal")]);
    insta::assert_snapshot!(list(&all).join("\n"), @r"
    ConfigMap voice/phoneops
    Deployment voice/phoneops
    Service voice/phoneops-phones
    ");
    assert_eq!(all.len(), 3, "and no definition");
    assert_eq!(pod(&all)["serviceAccountName"], "default");
    assert!(!arguments(&all).iter().any(|argument| argument.starts_with("--metrics-listen")));
    assert_eq!(the(&all, "Service", "phoneops-phones")["spec"]["externalTrafficPolicy"], Value::Null);
}

#[test]
fn all_that_can_be_switched_on_is_there_and_reaches_the_service() {
    let all = rendered(&[values("everything")]);
    insta::assert_snapshot!(list(&all).join("\n"), @r"
    Certificate voice/phoneops-tls
    ConfigMap ?/phoneops-more
    ConfigMap voice/phoneops
    ConfigMap voice/phoneops-dashboard
    Deployment voice/phoneops
    NetworkPolicy voice/phoneops
    PodDisruptionBudget voice/phoneops
    PodMonitor voice/phoneops
    PrometheusRule voice/phoneops
    Role office/phoneops-phones
    Role voice/phoneops-own
    Role ward/phoneops-phones
    RoleBinding office/phoneops-phones
    RoleBinding voice/phoneops-own
    RoleBinding ward/phoneops-phones
    Service voice/phoneops-phones
    Service voice/phoneops-status
    ServiceAccount voice/phoneops
    ");
    insta::assert_snapshot!(arguments(&all).join("\n"), @r"
    serve
    --kubernetes
    --namespace=ward,office
    --shard=north
    --site-selector=region in (north, east)
    --config=/etc/phoneops/phoneops.yaml
    --state=/var/lib/phoneops
    --phone-listen=0.0.0.0:18443
    --trusted-proxies=192.0.2.8/32
    --public-address=dls.example.com
    --dcmp-listen=0.0.0.0:8086
    --dcmp-url=http://dls.example.com:8086/
    --tls=legacy
    --tls-cert=/etc/phoneops-tls/tls.crt
    --tls-key=/etc/phoneops-tls/tls.key
    --status-listen=0.0.0.0:8080
    --status-host=phoneops-status,phoneops-status.voice,phoneops-status.voice.svc,phones.example.com
    --tokens=/etc/phoneops-tokens/all
    --metrics-listen=0.0.0.0:9090
    --report-only
    --contacts-per-second=50
    ");
    let settings = the(&all, "ConfigMap", "phoneops")["data"]["phoneops.yaml"].as_str().unwrap();
    assert_eq!(documents(settings), [json!({"gate-phones": 50, "log-format": "json"})]);
    let mounted: Vec<&Value> =
        pod(&all)["containers"][0]["volumeMounts"].as_array().unwrap().iter().map(|mount| &mount["name"]).collect();
    let volumes: Vec<&Value> = pod(&all)["volumes"].as_array().unwrap().iter().map(|volume| &volume["name"]).collect();
    assert_eq!(mounted, ["state", "tmp", "settings", "tls", "tokens", "more"]);
    assert_eq!(mounted, volumes);

    let certificate = &the(&all, "Certificate", "phoneops-tls")["spec"];
    assert_eq!(certificate["issuerRef"], json!({"name": "inner", "kind": "ClusterIssuer"}));
    assert_eq!(certificate["secretName"], pod(&all)["volumes"][3]["secret"]["secretName"]);
    assert_eq!(
        (&certificate["dnsNames"][0], &certificate["ipAddresses"][0]),
        (&json!("dls.example.com"), &json!("192.0.2.7"))
    );
    assert_eq!(certificate["privateKey"]["algorithm"], "RSA", "what old phones read");
    let monitor = &the(&all, "PodMonitor", "phoneops")["spec"];
    assert_eq!(monitor["podMetricsEndpoints"][0], json!({"port": "metrics", "path": "/metrics", "interval": "30s"}));
    let deployment = &the(&all, "Deployment", "phoneops")["spec"];
    assert_eq!(monitor["selector"], deployment["selector"]);
    let policy = &the(&all, "NetworkPolicy", "phoneops")["spec"];
    assert_eq!(policy["podSelector"], deployment["selector"]);
    let phones = json!([{"ipBlock": {"cidr": "198.51.100.0/24"}}]);
    assert_eq!((&policy["ingress"][0]["from"], &policy["egress"][0]["to"]), (&phones, &phones));
    assert_eq!(policy["egress"][0]["ports"], json!([{"port": 8085, "protocol": "TCP"}]));
    // each port that something names is one of the container
    let ports = pod(&all)["containers"][0]["ports"].as_array().unwrap();
    let ports: BTreeSet<&str> = ports.iter().map(|port| port["name"].as_str().unwrap()).collect();
    assert_eq!(ports, BTreeSet::from(["phones", "poll", "status", "metrics"]));
    for (service, expected) in [("phoneops-phones", vec!["phones", "poll"]), ("phoneops-status", vec!["status"])] {
        let targets = the(&all, "Service", service)["spec"]["ports"].as_array().unwrap().clone();
        assert_eq!(targets.iter().map(|port| &port["targetPort"]).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn every_container_keeps_to_the_restricted_standard() {
    for files in all() {
        let all = rendered(&files);
        let pod = pod(&all);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        for field in ["hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"] {
            assert_eq!(pod[field], Value::Null, "{field}");
        }
        for container in pod["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
            assert_eq!(context["privileged"], Value::Null);
        }
        let allowed = ["emptyDir", "configMap", "secret", "persistentVolumeClaim"];
        for volume in pod["volumes"].as_array().unwrap() {
            let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
            assert!(kinds.into_iter().all(|kind| allowed.contains(&kind.as_str())), "{volume}");
        }
    }
}

#[test]
fn rights_reach_no_further_than_the_namespaces_that_are_served() {
    let all = rendered(&[values("everything")]);
    assert!(
        !all.iter().any(|one| one["kind"].as_str().unwrap().starts_with("Cluster")),
        "no ClusterRole, no ClusterRoleBinding"
    );
    let account = json!([{"kind": "ServiceAccount", "name": "phoneops", "namespace": "voice"}]);
    for binding in all.iter().filter(|one| one["kind"] == "RoleBinding") {
        assert_eq!(binding["subjects"], account);
        let role = all.iter().find(|one| {
            one["kind"] == "Role"
                && one["metadata"]["name"] == binding["roleRef"]["name"]
                && one["metadata"]["namespace"] == binding["metadata"]["namespace"]
        });
        assert!(role.is_some(), "{binding}");
    }
    for role in all.iter().filter(|one| one["kind"] == "Role") {
        for rule in role["rules"].as_array().unwrap() {
            let all = [&rule["apiGroups"], &rule["resources"], &rule["verbs"]];
            assert!(!all.iter().any(|words| words.to_string().contains('*')), "{rule}");
        }
    }
    let own = the(&all, "Role", "phoneops-own");
    let secrets: Vec<&Value> =
        own["rules"].as_array().unwrap().iter().filter(|rule| rule["resources"] == json!(["secrets"])).collect();
    assert_eq!(secrets[0]["verbs"], json!(["create"]));
    assert_eq!(
        (&secrets[1]["verbs"], &secrets[1]["resourceNames"]),
        (&json!(["get"]), &json!(["north-fingerprint-key"]))
    );
    assert_eq!(secrets.len(), 2, "Secrets of the release's own namespace are not read");
    // without the chart one gives the same, which a test against an API server shows to be needed and enough
    let rights = |role: &Value| {
        let words = |words: &Value| -> Vec<String> {
            words.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let mut all = std::collections::BTreeSet::new();
        for rule in role["rules"].as_array().unwrap() {
            for resource in words(&rule["resources"]) {
                all.extend(
                    words(&rule["verbs"]).into_iter().map(|verb| format!("{verb} {} {resource}", rule["apiGroups"])),
                );
            }
        }
        all
    };
    let kept = documents(&text_of("examples/kubernetes/rbac.yaml"));
    let phones = all.iter().find(|one| one["metadata"]["name"] == "phoneops-phones").unwrap();
    let given = rights(phones).into_iter().chain(rights(own)).collect();
    assert_eq!(rights(the(&kept, "Role", "phoneops")), given);
}

#[test]
fn a_volume_serves_one_replica() {
    let all = rendered(&[values("volume")]);
    let claim = &the(&all, "PersistentVolumeClaim", "phoneops-state")["spec"];
    assert_eq!((&claim["accessModes"], &claim["storageClassName"]), (&json!(["ReadWriteMany"]), &json!("fast")));
    assert_eq!(pod(&all)["volumes"][0]["persistentVolumeClaim"]["claimName"], "phoneops-state");
    assert_eq!(the(&all, "Deployment", "phoneops")["spec"]["strategy"], json!({"type": "Recreate"}));
    assert!(!all.iter().any(|one| one["kind"] == "PodDisruptionBudget"), "one pod cannot be kept from going");
    let refused = refusal("persistence: {enabled: true}");
    assert!(refused.contains("a volume serves one replica; set replicas to 1"), "{refused}");
}

#[test]
fn values_that_do_not_go_together_are_refused_with_a_sentence() {
    for (wrong, sentence) in [
        (
            "tls: {existingSecret: a, certManager: {enabled: true, issuerRef: {name: b}, dnsNames: [c.example]}}",
            "either existingSecret or certManager",
        ),
        ("tls: {certManager: {enabled: true, issuerRef: {name: b}}}", "set dnsNames or ipAddresses, or publicAddress"),
        ("publicAddress: a.example\ntls: {certManager: {enabled: true}}", "who issues the certificate"),
        ("poll: {enabled: true}", "set publicAddress, or poll.url"),
        ("serviceAccount: {create: false}", "needed where serviceAccount.create is false"),
    ] {
        let refused = refusal(wrong);
        assert!(refused.contains(sentence), "{wrong}: {refused}");
    }
}

#[test]
fn the_definitions_are_those_of_the_project_and_stay_when_the_release_goes() {
    let all = rendered(&[]);
    let definitions = all.iter().filter(|one| one["kind"] == "CustomResourceDefinition");
    let mut found = 0;
    for definition in definitions {
        let mut definition = definition.clone();
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap().to_owned();
        assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        let metadata = definition["metadata"].as_object_mut().unwrap();
        assert!(metadata.remove("annotations").is_some() && metadata.remove("labels").is_some());
        assert!(documents(&text_of(&format!("crds/{plural}.yaml"))) == [definition], "{plural}");
        found += 1;
    }
    let files = |folder: &str| -> BTreeSet<_> {
        std::fs::read_dir(project(folder)).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let (kept, copied) = (files("crds"), files("charts/phoneops/files/crds"));
    assert_eq!((found, &copied), (kept.len(), &kept), "phoneops crds --dir charts/phoneops/files/crds");
    for name in kept.iter().map(|name| name.to_str().unwrap()) {
        let same = text_of(&format!("crds/{name}")) == text_of(&format!("charts/phoneops/files/crds/{name}"));
        assert!(same, "the chart's {name} is another: phoneops crds --dir charts/phoneops/files/crds");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "crds: {keep: false}").unwrap();
    let gone = rendered(&[file.path().to_owned()]);
    let definition = the(&gone, "CustomResourceDefinition", "phoneconfigs.phoneops.dev");
    assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], Value::Null);
}

#[test]
fn the_alert_rules_are_those_of_the_project() {
    let rules = text_of("examples/prometheus/rules.yaml");
    let same = text_of("charts/phoneops/files/rules.yaml") == rules;
    assert!(same, "the chart's rules are others: cp examples/prometheus/rules.yaml charts/phoneops/files/rules.yaml");
    let all = rendered(&[values("everything")]);
    let rule = the(&all, "PrometheusRule", "phoneops");
    assert_eq!(documents(&rules), [rule["spec"].clone()]);
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
}

#[test]
fn the_dashboard_is_that_of_the_project_and_has_the_label_that_the_sidecar_of_grafana_looks_for() {
    let dashboard = text_of("examples/grafana/phoneops.json");
    let same = text_of("charts/phoneops/files/phoneops.json") == dashboard;
    assert!(same, "the chart's dashboard is another: cp examples/grafana/phoneops.json charts/phoneops/files/");
    let all = rendered(&[values("everything")]);
    let made = the(&all, "ConfigMap", "phoneops-dashboard");
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parsed(made["data"]["phoneops.json"].as_str().unwrap()), parsed(&dashboard));
    let metadata = &made["metadata"];
    assert_eq!(metadata["labels"]["grafana_dashboard"], "1", "a string, as labels are");
    assert_eq!(metadata["labels"]["example.com/dashboards"], "phones");
    assert_eq!(metadata["annotations"], json!({"grafana_folder": "Telephony"}));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "grafanaDashboard: {enabled: true, labels: {grafana_dashboard: telephony}}").unwrap();
    let other = rendered(&[file.path().to_owned()]);
    let other = &the(&other, "ConfigMap", "phoneops-dashboard")["metadata"];
    assert_eq!((&other["labels"]["grafana_dashboard"], &other["annotations"]), (&json!("telephony"), &Value::Null));
}

#[test]
fn the_notes_lead_from_the_installation_to_the_first_phone() {
    let told = notes(&[]);
    for part in [
        "one pod is active, 1 stands by",
        "get service phoneops-phones",
        "phoneops.dev/active=true",
        "tokens.existingSecret",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let (_, document) = told.split_once("<<'YAML'\n").unwrap();
    let document = document.split_once("     YAML\n").unwrap().0.replace("\n     ", "\n");
    let snapshot =
        phoneops::spec::Snapshot::of_texts(phoneops::spec::Revision::new("r"), [("a.yaml", document.trim_start())]);
    let wanted = phoneops::spec::load(&snapshot, &phoneops::spec::SecretsUnread);
    assert_eq!((wanted.counts().phones, wanted.problems().len()), (1, 0), "{:?}", wanted.problems());
    let told = notes(&[values("everything")]);
    assert!(told.contains("serves phones of ward, office: one pod is active, 2 stand by"), "{told}");
    assert!(told.contains("nothing is ever written") && !told.contains("tokens.existingSecret"), "{told}");
    assert!(notes(&[values("volume")]).contains("nodePort"));
}
