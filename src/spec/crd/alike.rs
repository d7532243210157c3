//! What the API server takes and what the loader takes is the same: each field, whether it has to be there, each word of
//! a closed list and each bound is tried on the loader, in documents that have all of them. Items are left out: their
//! fields are those of the catalogue.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{GROUP, VERSION, all};
use crate::{
    catalogue::Catalogue,
    spec::{Revision, SecretsUnread, Severity, Snapshot, load},
};

/// Documents that have every field of their kind between them.
fn documents() -> Vec<(&'static str, Value)> {
    let windows = json!([{ "schedule": "0 22 * * *", "duration": "3h", "timeZone": "Europe/Berlin" }]);
    let policy = json!({
        "mode": "Enforce", "interval": "24h", "lockoutItems": "Deny", "userItems": "Leave", "onRemove": "Previous",
        "soleServer": true, "selfHealLimit": 3, "restart": "Deny", "windows": windows,
        "ignore": [{ "item": "key-label", "index": 1, "reason": "theirs", "until": "2099-12-31" }],
        "pause": { "until": "2099-12-31T18:00:00Z", "reason": "building work", "by": "ada" },
    });
    let layer = |more: Value| {
        let mut spec = json!({
            "profiles": ["fleet"], "site": "default", "policy": policy, "items": { "sntp-addr": "192.0.2.5" },
            "byIndex": { "1": { "key-label": "Line 1" } }, "seed": { "ringer-melody": 3 },
            "unmanaged": ["display-id"],
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let phone = |phone: Value| ("PhoneConfig", layer(json!({ "phone": phone, "shared": true })));
    let profile = |require: Value| {
        let more = json!({ "models": ["OpenStage 40"], "final": ["sntp-addr"], "require": { "sntp-addr": require } });
        ("PhoneProfile", layer(more))
    };
    let site = json!({
        "networks": ["192.0.2.0/24"], "reach": "ContactMe", "servers": ["192.0.2.9"], "timeZone": "Europe/Berlin",
        "windows": windows, "limits": { "contactsPerSecond": 0.5, "sessions": 10 },
        "gate": { "phones": 25, "percent": 2, "risky": 3 }, "numbers": ["4930100-4930199"],
        "owner": {
            "team": "berlin", "paths": ["berlin"], "networks": ["192.0.2.0/24"], "numbers": ["4930100-4930199"],
            "profiles": ["fleet"], "policy": ["mode"], "secrets": ["sip"],
        },
    });
    vec![
        phone(json!({ "mac": "00:1A:E8:11:22:33", "model": "OpenStage 40" })),
        phone(json!({ "deviceId": "soft-1", "model": "OpenStage 40" })),
        profile(json!({ "oneOf": ["192.0.2.5"] })),
        profile(json!({ "matches": "192[.].*" })),
        ("PhoneSite", site),
    ]
}

/// What the loader has against a document with this spec.
fn errors(kind: &str, spec: &Value) -> Vec<String> {
    let document = |kind: &str, name: &str, spec: &Value| {
        json!({ "apiVersion": format!("{GROUP}/{VERSION}"), "kind": kind, "metadata": { "name": name }, "spec": spec })
            .to_string()
    };
    let below = document("PhoneProfile", "fleet", &json!({ "items": { "display-id": "Fleet" } }));
    let tried = document(kind, if kind == "PhoneSite" { "default" } else { "tried" }, spec);
    let site = document("PhoneSite", "default", &json!({ "timeZone": "Europe/Berlin" }));
    let mut texts = vec![("fleet.yaml", below.as_str()), ("tried.yaml", tried.as_str())];
    texts.extend((kind != "PhoneSite").then_some(("site.yaml", site.as_str())));
    let wanted = load(&Snapshot::of_texts(Revision::new("r1"), texts), &SecretsUnread);
    let problems = wanted.problems().iter().filter(|problem| problem.severity == Severity::Error);
    problems.map(|problem| format!("{}: {}", problem.code, problem.message)).collect()
}

/// One document, and the places of its definition that it was tried at.
struct Tried {
    kind: &'static str,
    spec: Value,
    places: BTreeSet<String>,
    trials: usize,
    /// Where both differ.
    differences: Vec<String>,
}

impl Tried {
    /// Tries a change of the value at `at`: the loader has to take it, or to refuse it.
    fn changed(&mut self, at: &str, change: impl FnOnce(&mut Value), is_good: bool, what: &str) {
        let mut spec = self.spec.clone();
        change(spec.pointer_mut(at).unwrap());
        let errors = errors(self.kind, &spec);
        let says = if is_good { "takes" } else { "refuses" };
        if errors.is_empty() != is_good {
            self.differences.push(format!("the definition {says} {} {at} {what}: {errors:?}", self.kind));
        }
        self.trials += 1;
    }

    fn walk(&mut self, schema: &Value, at: &str, place: &str) {
        self.places.insert(place.to_owned());
        let here = self.spec.pointer(at).unwrap().clone();
        if schema["x-kubernetes-preserve-unknown-fields"] == true {
            return;
        }
        for word in schema["enum"].as_array().into_iter().flatten() {
            self.changed(at, |value| *value = word.clone(), true, &word.to_string());
        }
        if schema.get("enum").is_some() {
            self.changed(at, |value| *value = json!("Other"), false, "Other");
        }
        for (bound, beyond) in [("minimum", -1.0), ("maximum", 1.0)] {
            let Some(limit) = schema.get(bound) else { continue };
            let outside = limit.as_i64().map_or_else(
                || json!(limit.as_f64().unwrap() + beyond),
                |limit| json!(limit + if beyond < 0.0 { -1 } else { 1 }),
            );
            self.changed(at, |value| *value = limit.clone(), true, bound);
            self.changed(at, |value| *value = outside, false, bound);
        }
        assert_ne!(schema["format"], "date-time", "{place}: the loader takes a date, too");
        if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
            let said: Vec<String> = here.as_object().unwrap().keys().cloned().collect();
            let alone = schema["minProperties"] == said.len();
            let one_of = schema["oneOf"].as_array().cloned().unwrap_or_default();
            let lists = |list: &Value, name: &str| list.as_array().is_some_and(|all| all.iter().any(|one| one == name));
            for name in &said {
                let needed = alone
                    || lists(&schema["required"], name)
                    || one_of.iter().any(|branch| lists(&branch["required"], name));
                self.changed(
                    at,
                    |value| drop(value.as_object_mut().unwrap().remove(name)),
                    !needed,
                    &format!("without {name}"),
                );
                let schema = fields.get(name).unwrap_or_else(|| panic!("{place} has no {name}"));
                self.walk(schema, &format!("{at}/{name}"), &format!("{place}.{name}"));
            }
            let add =
                |value: &mut Value| drop(value.as_object_mut().unwrap().insert("noSuchField".to_owned(), json!("x")));
            self.changed(at, add, false, "with a field that is none");
        }
        if let (Some(schema), Some(map)) = (schema.get("additionalProperties"), here.as_object()) {
            for name in map.keys() {
                self.walk(schema, &format!("{at}/{name}"), &format!("{place}.*"));
            }
        }
        if let (Some(schema), Some(list)) = (schema.get("items"), here.as_array()) {
            assert!(!list.is_empty(), "{place}");
            self.walk(schema, &format!("{at}/0"), &format!("{place}[]"));
        }
    }
}

/// All places of a schema, but for what is below open maps.
fn places(schema: &Value, place: &str, into: &mut BTreeSet<String>) {
    into.insert(place.to_owned());
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        places(schema, &format!("{place}.{name}"), into);
    }
    for (field, sign) in [("additionalProperties", ".*"), ("items", "[]")] {
        if let Some(schema) = schema.get(field) {
            places(schema, &format!("{place}{sign}"), into);
        }
    }
}

#[test]
fn each_field_word_and_bound_of_the_definitions_is_that_of_the_loader_wherever_it_stands() {
    let definitions = all(&Catalogue::builtin());
    let (mut known, mut tried, mut trials) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut differences = Vec::new();
    for (kind, spec) in documents() {
        let definition = definitions.iter().find(|definition| definition["spec"]["names"]["kind"] == kind).unwrap();
        let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap();
        assert_eq!(errors(kind, &spec), [""; 0], "{spec:#}");
        places(schema, kind, &mut known);
        let mut all = Tried { kind, spec, places: BTreeSet::new(), trials: 0, differences: Vec::new() };
        all.walk(schema, "", kind);
        tried.extend(all.places);
        differences.extend(all.differences);
        trials += all.trials;
    }
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(tried, known, "every place of the definitions is tried");
    assert!(trials > 200, "{trials}");
}
