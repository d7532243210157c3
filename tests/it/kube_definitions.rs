//! The definitions on a real API server: what it refuses before anybody sees it, and what it keeps.

use kube::api::{DeleteParams, DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::{kube_server::Cluster, service_stage::mac};

fn phone(spec: &Value) -> DynamicObject {
    let mut whole = json!({ "phone": { "mac": mac(0) } });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let resource = json!({
        "apiVersion": "phoneops.dev/v1alpha1", "kind": "PhoneConfig", "metadata": { "name": "reception" }, "spec": whole,
    });
    serde_json::from_value(resource).unwrap()
}

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
    let layers: [(&str, fn(&Value) -> Value); 4] = [
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
