//! What phoneops tells of resources in their status. No values of items.

use serde_json::{Value, json};

use super::schema::{count, list, object, text, time};

fn conditions() -> Value {
    let condition = object(
        vec![
            ("type", text("Ready, Reconciling, Stalled, Drifted or Pending; all but Ready only while they are true.")),
            ("status", text("True, False or Unknown.")),
            ("reason", text("Why, in one word.")),
            ("message", text("Why, for people.")),
            ("lastTransitionTime", time("When the status changed last.")),
            ("observedGeneration", count("The generation that it is about.")),
        ],
        &["type", "status"],
        "One condition.",
    );
    let mut conditions = list(&condition, "Conditions, as kstatus reads them.");
    if let Some(conditions) = conditions.as_object_mut() {
        conditions.insert("x-kubernetes-list-type".to_owned(), json!("map"));
        conditions.insert("x-kubernetes-list-map-keys".to_owned(), json!(["type"]));
    }
    conditions
}

fn named(description: &str) -> Value {
    object(
        vec![("count", count("How many.")), ("items", list(&text("An item."), "The first ten of them."))],
        &[],
        description,
    )
}

/// Of a `PhoneConfig`.
pub(super) fn of_config() -> Value {
    let pending = object(
        vec![
            ("reason", text("Why the phone waits.")),
            ("since", time("Since when; never for a phone in a call.")),
            ("next", time("When it is tried next; never for a phone in a call.")),
        ],
        &[],
        "What a pending phone waits for.",
    );
    object(
        vec![
            ("observedGeneration", count("The newest generation that phoneops has taken over.")),
            ("conditions", conditions()),
            ("state", text("Suspended, Invalid, Held, Reconciling, Pending, Degraded, Drifted, InSync or Unknown.")),
            ("message", text("What is to be known, for people.")),
            ("model", text("The model, as the phone says.")),
            ("firmware", text("The firmware, as the phone says.")),
            ("e164", text("The number, as the phone says.")),
            ("address", text("Where it last called from.")),
            ("site", text("Its site.")),
            ("revision", text("The revision of what is in force, or the annotation phoneops.dev/revision.")),
            ("lastAppliedRevision", text("The newest revision of which the phone was seen to have all.")),
            ("proven", count("Items that were read to be as they are wanted.")),
            ("managed", count("Items that are wanted.")),
            ("drift", named("Items that differ.")),
            ("refused", named("Items that the phone refused.")),
            ("pending", pending),
            (
                "held",
                object(
                    vec![
                        ("revision", text("The revision that waits.")),
                        ("digest", text("What a PhoneApproval names.")),
                    ],
                    &[],
                    "What waits at the gate.",
                ),
            ),
            ("reconcileAt", text("The annotation phoneops.dev/reconcile-at that was seen last.")),
        ],
        &[],
        "What phoneops knows of the phone.",
    )
}

/// Of a `PhoneProfile` or a `PhoneSite`.
pub(super) fn of_layer() -> Value {
    let entry = object(
        vec![
            ("name", text("The name of the release (--shard).")),
            ("observedGeneration", count("The newest generation that it has taken over.")),
            ("phones", count("Phones that it serves.")),
            ("inSync", count("Those that are as they are wanted, or left alone as a whole.")),
            ("suspended", count("Those of them that are left alone.")),
            ("pending", count("Those that wait or are worked on.")),
            ("awaited", count("Those of them that a roll-out waits for.")),
            ("drifted", count("Those that differ, and stay so.")),
        ],
        &["name"],
        "What one release tells of its phones.",
    );
    let mut shards = list(&entry, "The releases that serve its phones, where there are several (--site-selector).");
    if let Some(shards) = shards.as_object_mut() {
        shards.insert("x-kubernetes-list-type".to_owned(), json!("map"));
        shards.insert("x-kubernetes-list-map-keys".to_owned(), json!(["name"]));
    }
    let fields = vec![
        ("observedGeneration", count("The newest generation that phoneops has taken over.")),
        ("conditions", conditions()),
        ("phones", count("Phones that it concerns.")),
        ("inSync", count("Phones that are as they are wanted.")),
        ("pending", count("Phones that wait or are worked on.")),
        ("drifted", count("Phones that differ, and stay so.")),
        ("shards", shards),
    ];
    object(fields, &[], "How the phones are that it concerns.")
}

/// Of a `PhoneBrake` or a `PhoneApproval`.
pub(super) fn of_act() -> Value {
    object(
        vec![
            ("observedGeneration", count("The generation that it is about.")),
            ("state", text("On, Over or Refused; of an approval Approved, Waits or Refused.")),
            ("phones", count("Phones that it concerned when it was done.")),
            ("message", text("What is to be known, for people.")),
        ],
        &[],
        "What became of it.",
    )
}
