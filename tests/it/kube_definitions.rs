//! The definitions on a real API server: what it refuses before anybody sees it, what it keeps, and what it explains.

use std::process::Command;

use kube::api::{DeleteParams, DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::{
    kube_kubectl::{Kubectl, MISSING},
    kube_server::Cluster,
    service_stage::{LONG, mac},
};

fn phone(spec: &Value) -> DynamicObject {
    let mut whole = json!({ "phone": { "mac": mac(0) } });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let resource = json!({
        "apiVersion": "phoneops.dev/v1alpha1", "kind": "PhoneConfig", "metadata": { "name": "reception" }, "spec": whole,
    });
    serde_json::from_value(resource).unwrap()
}

/// A spec with a value in some place.
type Place = fn(&Value) -> Value;

/// What the server keeps of a phone with these fields, or why it refuses it.
async fn made(cluster: &Cluster, spec: Value) -> Result<Value, String> {
    let phones = cluster.api("PhoneConfig");
    let made = phones.create(&PostParams::default(), &phone(&spec)).await.map_err(|error| error.to_string())?;
    phones.delete("reception", &DeleteParams::default()).await.unwrap();
    Ok(made.data["spec"].clone())
}

#[tokio::test]
async fn the_server_refuses_a_secret_that_is_no_reference_to_one_secret_and_keeps_items_that_nobody_knows() {
    let cluster = Cluster::start().await;
    let secret = json!({ "secret": { "name": "sip", "key": "password" } });
    let with = |more: Value| {
        let mut both = secret.clone();
        both.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        both
    };
    let wrong = [
        json!({ "file": "sip" }),
        json!({ "env": "PHONEOPS_SECRET_SIP" }),
        json!({ "from": "lines", "key": "{e164}" }),
        with(json!({ "file": "sip" })),
        with(json!({ "env": "PHONEOPS_SECRET_SIP" })),
        json!({ "secret": { "name": "sip" } }),
        json!({ "secret": {} }),
        json!({}),
        json!("planted"),
        json!(4711),
    ];
    let layers: [(&str, Place); 4] = [
        ("sip-pwd", |value| json!({ "items": { "sip-pwd": value } })),
        ("line-sip-pwd", |value| json!({ "items": { "line-sip-pwd": { "1": value } } })),
        ("line-sip-pwd", |value| json!({ "byIndex": { "1": { "line-sip-pwd": value } } })),
        ("sip-pwd", |value| json!({ "seed": { "sip-pwd": value } })),
    ];
    for (item, spec) in layers {
        for value in &wrong {
            let refused = made(&cluster, spec(value)).await;
            let told = refused.expect_err(&format!("{} is taken", spec(value)));
            assert!(told.contains("spec.") && told.contains(item), "{}: {told}", spec(value));
        }
        assert!(made(&cluster, spec(&secret)).await.is_ok(), "{}", spec(&secret));
    }
    let kept = json!({
        "items": { "no-such-item": "4711", "e164": "4930123456" },
        "byIndex": { "1": { "no-such-item": true, "key-label": "Line 1" } },
        "seed": { "no-such-item": "x" },
    });
    let made = made(&cluster, kept.clone()).await.unwrap();
    for field in ["items", "byIndex", "seed"] {
        assert_eq!(made[field], kept[field], "what is unknown is kept");
    }
}

/// The items of a schema with their descriptions.
fn described(items: &Value) -> Vec<(&str, &str)> {
    let fields = items["properties"].as_object().into_iter().flatten();
    fields.filter_map(|(name, schema)| Some((name.as_str(), schema["description"].as_str()?))).collect()
}

/// The middle number of a version such as `v1.32.4`.
fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_else(|| panic!("{version} is no version"))
}

#[tokio::test]
async fn kubectl_explain_lists_the_items_with_their_descriptions() {
    let cluster = Cluster::start().await;
    let get = async |path: &str| {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        cluster.client.request::<Value>(request).await
    };
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/phoneconfigs.phoneops.dev";
    let stored = get(definition).await.unwrap();
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/items";
    let items = stored.pointer(path).unwrap();
    let known = described(items);
    assert!(known.len() > 300 && known.iter().any(|(name, _)| *name == "e164"), "{} items", known.len());
    // a server below 1.24 tells only the older form of its schemas, which leaves out the fields of open maps
    let root = http::Request::get("/openapi/v3").body(kube::client::Body::empty()).unwrap();
    if cluster.client.send(root).await.unwrap().status() == 404 {
        println!("there is no OpenAPI v3 here; what is stored has {} items with descriptions", known.len());
        return;
    }
    // servers publish a definition some time after it is established
    let deadline = tokio::time::Instant::now() + LONG;
    let published = loop {
        match get("/openapi/v3/apis/phoneops.dev/v1alpha1").await {
            Ok(published) => break published,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "it is never published: {error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let schema = published["components"]["schemas"].as_object().unwrap();
    let schema = schema.iter().find(|(name, _)| name.ends_with(".PhoneConfig")).unwrap().1;
    assert_eq!(described(schema.pointer("/properties/spec/properties/items").unwrap()), known);
    let client = Command::new("kubectl").args(["version", "--client", "-o", "json"]).output().expect(MISSING);
    let client: Value = serde_json::from_slice(&client.stdout).unwrap();
    let client = minor(client["clientVersion"]["gitVersion"].as_str().unwrap());
    assert!(client >= 27, "kubectl 1.{client} explains from the older form; one of 1.27 or newer is needed here");
    let explained = Kubectl::new(&cluster).run("explain phoneconfig.spec.items", "").await;
    for (name, _) in &known {
        assert!(explained.contains(&format!("  {name}\t")), "{name} in {explained}");
    }
}
