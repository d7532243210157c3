//! The description of the API: whether it is sound, and whether the service answers as it says.

use std::{collections::BTreeSet, fs, process::Command};

use phoneops::{
    fleet::words::{PendingReason, State},
    report::openapi::document,
    sim::Model,
};
use serde_json::{Value, json};

use crate::{
    chart_tools::{project, text_of, tool},
    service_stage::{ACT, ApiAnswer, Stage, api_with, configs, id, idle, profile, text, times_written, until},
};

/// Each route with its method.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    methods.collect()
}

/// All values below one.
fn all(value: &Value) -> Vec<&Value> {
    let below: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    };
    std::iter::once(value).chain(below.into_iter().flat_map(all)).collect()
}

#[test]
fn each_route_has_a_name_of_its_own_a_sentence_and_a_word_on_who_may_ask() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let of = |key: &str| operation[key].as_str().unwrap();
        assert!(names.insert(of("operationId").to_owned()), "{path}: {} stands twice", of("operationId"));
        assert!(of("summary").ends_with('.'), "{method} {path}: {}", of("summary"));
        let security = &operation["security"];
        let free = ["/healthz", "/readyz"].contains(&path);
        let reads = method == "get" || path == "/api/v1/plan";
        let expected = if free {
            json!([])
        } else if reads {
            json!([{}, {"token": []}])
        } else {
            json!([{"token": []}])
        };
        assert_eq!(*security, expected, "{method} {path}");
        assert_eq!(
            path.contains('{'),
            operation["parameters"].as_array().unwrap().iter().any(|one| one["in"] == "path")
        );
    }
    let has = |path: &str| operations(&document).iter().any(|(known, ..)| *known == path);
    for path in ["phones", "sites", "profiles", "revisions", "history", "undeclared", "plan", "brake", "gate", "events"]
    {
        assert!(has(&format!("/api/v1/{path}")), "{path} is missing");
    }
}

#[test]
fn a_list_that_goes_on_has_limit_and_continue_and_its_answer_has_the_next_one() {
    let document = document();
    let mut lists = 0;
    for (path, _, operation) in operations(&document) {
        let has = |name: &str| operation["parameters"].as_array().unwrap().iter().any(|one| one["name"] == name);
        assert_eq!(has("limit"), has("continue"), "{path}");
        if has("limit") {
            let schema = operation.pointer("/responses/200/content/application~1json/schema/$ref").unwrap();
            let properties =
                &document.pointer(schema.as_str().unwrap().strip_prefix('#').unwrap()).unwrap()["properties"];
            assert!(!properties["continue"].is_null(), "{path}: {properties}");
            lists += 1;
        }
    }
    assert_eq!(lists, 12, "a list is missing or is new: it has to come in pages, see api_pages");
}

#[test]
fn what_the_description_refers_to_is_in_it_and_its_words_are_for_people() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut used = BTreeSet::new();
    for value in all(&document) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.contains_key(name), "{reference}");
            used.insert(name);
        }
        for key in ["description", "summary"] {
            let said = value.get(key).and_then(Value::as_str).unwrap_or_default();
            let is_for_programmers = ["[`", "](", "::"].iter().any(|sign| said.contains(sign));
            assert!(!is_for_programmers, "{said}");
        }
    }
    assert_eq!(used, schemas.keys().map(String::as_str).collect(), "a schema is there that nothing refers to");
    // two types of one name
    assert!(schemas.keys().all(|name| !name.ends_with(|last: char| last.is_ascii_digit())), "{:?}", schemas.keys());
    let words = |name: &str| all(&schemas[name]).iter().filter_map(|value| value.get("const")).count();
    assert_eq!((words("State"), words("PendingReason")), (State::ALL.len(), PendingReason::ALL.len()));
}

#[test]
fn the_table_of_the_readme_and_the_description_have_the_same_routes() {
    let readme = text_of("README.md");
    let table = readme.split("## Status, tokens, metrics").nth(1).unwrap().split("\n\nA list has").next().unwrap();
    let mut told = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split('|').nth(1).unwrap();
        let mut before = String::new();
        for words in cell.split('`').skip(1).step_by(2) {
            let path = words.rsplit(' ').next().unwrap();
            let path = match path.strip_prefix('…') {
                // beside the one before
                Some(last) => format!("{}{last}", &before[..before.rfind('/').unwrap()]),
                None => path.to_owned(),
            };
            if path.starts_with('/') {
                told.insert(path.clone());
                before = path;
            }
        }
    }
    // no part of the API
    told.remove("/");
    let document = document();
    let named = |path: &str| {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "NAME" } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    assert_eq!(told, operations(&document).iter().map(|(path, ..)| named(path)).collect());
}

/// A route with what it is asked for here, and the body where something is sent.
fn asked(path: &str, method: &str, revision: &str) -> (String, Value) {
    let path = path.replace("{phone}", "phone-0").replace("{site}", "default").replace("{profile}", "fleet");
    let path = path.replace("{revision}", revision);
    let query = if (path.as_str(), method) == ("/api/v1/undo", "get") {
        format!("?revision={revision}")
    } else {
        String::new()
    };
    let reason = "a test";
    let body = match path.as_str() {
        "/api/v1/plan" => json!({"files": [{"path": "all.yaml", "text": documents("192.0.2.9")}], "phone": "phone-0"}),
        "/api/v1/brake" => json!({"all": true, "for": "1h", "reason": reason}),
        "/api/v1/undo" | "/api/v1/gate/approve" | "/api/v1/gate/reject" => {
            json!({"revision": revision, "reason": reason})
        }
        path if path.ends_with("/wire-log") => json!({"for": "10m", "reason": reason}),
        _ => json!({ "reason": reason }),
    };
    (path + &query, body)
}

fn documents(server: &str) -> String {
    profile("Enforce", &format!("sntp-addr: {server}")) + "---\n" + &configs(0..2)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_answers_as_its_description_says() {
    let stage = Stage::set(&documents("192.0.2.5"), |settings| {
        settings.wire_log = Some(settings.state.join("wire"));
    })
    .await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    idle(&phone).await;
    phone.local_change(id("sntp-addr"), text("192.0.2.7"));
    until(|| times_written(&phone, "sntp-addr") == 2, || "not put right".to_owned()).await;
    stage.reaches(0, State::InSync).await;
    let served = stage.api("GET /api/v1/openapi.json").await.json();
    assert_eq!(served, document());
    let revision = stage.api("GET /api/v1/service").await.json()["revision"].as_str().unwrap().to_owned();
    let address = stage.running().status_address;
    let mut answers = Vec::new();
    let note = |path: &str, method: &str, answer: ApiAnswer| {
        let is_json = answer.whole.contains("application/json");
        json!({"path": path, "method": method, "status": answer.status, "body": is_json.then_some(answer.body)})
    };
    for (path, method, _) in operations(&served) {
        if path == "/api/v1/events" {
            continue;
        }
        let (line, body) = asked(path, method, &revision);
        let body = if method == "post" { body.to_string() } else { String::new() };
        let line = format!("{} {line}", method.to_uppercase());
        answers.push(note(path, method, api_with(address, &line, Some(ACT), &body).await));
        // no token, or nothing that can be read
        let (token, body) = if method == "post" { (None, "") } else { (Some("x"), "") };
        answers.push(note(path, method, api_with(address, &line, token, body).await));
    }
    let good = |answer: &&Value| answer["status"].as_u64().is_some_and(|status| status < 300);
    let fail: Vec<_> = answers.iter().step_by(2).filter(|answer| !good(answer)).map(|answer| &answer["path"]).collect();
    let not_now = ["dismiss", "release", "approve", "reject", "resume", "back"];
    assert!(fail.iter().all(|path| not_now.iter().any(|word| path.as_str().unwrap().ends_with(word))), "{answers:#?}");
    stage.end().await;

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        fs::write(&path, value.to_string()).unwrap();
        path
    };
    let [description, all] = [file("description", &served), file("answers", &Value::from(answers.clone()))];
    let check = |answers: &std::path::Path| {
        let mut command = Command::new(tool("venv/bin/python"));
        command.arg(project(".ci/chart/openapi.py")).arg(&description).arg(answers).output().unwrap()
    };
    let output = check(&all);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), answers.len());
    let wrong = json!([{"path": "/api/v1/phones", "method": "get", "status": 200, "body": "{\"phones\": [{}]}"}]);
    let output = check(&file("wrong", &wrong));
    assert!(!output.status.success(), "what fits nothing is taken");
}
