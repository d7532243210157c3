//! The documents as Kubernetes knows them: `CustomResourceDefinition`s, made from the catalogue and from the fields that
//! the loader reads (tests hold both together).

use serde_json::{Value, json};

use crate::catalogue::Catalogue;

#[cfg(test)]
mod alike;
mod items;
mod kept;
mod schema;
mod status;

use schema::{Field, boolean, decimal, either, index, list, number, object, one_of, pattern, text, time, word};

/// The API group.
pub const GROUP: &str = "phoneops.dev";
/// Its version.
pub const VERSION: &str = "v1alpha1";

/// One column of `kubectl get`.
type Column = (&'static str, &'static str, &'static str, i32);

/// All definitions, in the order in which they are printed.
pub fn all(catalogue: &Catalogue) -> Vec<Value> {
    let [record, ops] = kept::all();
    vec![phone_config(catalogue), phone_profile(catalogue), phone_site(), phone_brake(), phone_approval(), record, ops]
}

fn phone_config(catalogue: &Catalogue) -> Value {
    let mut phone = object(
        vec![
            ("mac", pattern(MAC, "The MAC address.")),
            ("deviceId", text("The id of a phone whose id is no MAC.")),
            ("model", text("The model; needed only where layers of models have to be known before the phone calls.")),
        ],
        &[],
        "Which phone: mac or deviceId.",
    );
    if let Some(phone) = phone.as_object_mut() {
        phone.insert("oneOf".to_owned(), json!([{ "required": ["mac"] }, { "required": ["deviceId"] }]));
    }
    let mut fields: Vec<Field<'_>> = vec![("phone", phone)];
    fields.extend(layer(catalogue));
    fields
        .push(("shared", boolean("Whether its number and primary line may be those of other phones that say so too.")));
    let columns: &[Column] = &[
        ("Phone", "string", ".spec.phone.mac", 0),
        ("Model", "string", ".status.model", 0),
        ("State", "string", ".status.state", 0),
        ("Drift", "integer", ".status.drift.count", 0),
        ("Ready", "string", READY, 0),
        ("Age", "date", AGE, 0),
        ("Pending", "string", ".status.pending.reason", 1),
        ("Site", "string", ".status.site", 1),
        ("Revision", "string", ".status.revision", 1),
        ("Firmware", "string", ".status.firmware", 1),
        ("Message", "string", ".status.message", 1),
    ];
    let spec = object(fields, &["phone"], "What the phone is to have.");
    let names = json!({
        "kind": "PhoneConfig", "plural": "phoneconfigs", "singular": "phoneconfig", "listKind": "PhoneConfigList",
        "shortNames": ["phonecfg"], "categories": ["phoneops"],
    });
    definition(&names, "One phone and what it is to have.", &spec, Some(status::of_config()), columns)
}

fn phone_profile(catalogue: &Catalogue) -> Value {
    let mut fields: Vec<Field<'_>> = vec![("models", list(&text("A model."), "Only for phones of these models."))];
    fields.extend(layer(catalogue));
    fields.push(("final", list(&text("An item."), "Items that no layer above may change.")));
    let requirement = one_of(
        vec![
            ("oneOf", list(&either("A value."), "One of these values.")),
            ("matches", text("A regular expression that the whole value has to match.")),
        ],
        "What the value has to be: oneOf or matches.",
    );
    let require = json!({
        "type": "object", "additionalProperties": requirement, "description": "What items have to be in the end.",
    });
    fields.push(("require", require));
    let spec = object(fields, &[], "Values that phones share.");
    let names = json!({
        "kind": "PhoneProfile", "plural": "phoneprofiles", "singular": "phoneprofile", "listKind": "PhoneProfileList",
        "categories": ["phoneops"],
    });
    definition(&names, "A layer of values that phones share.", &spec, Some(status::of_layer()), LAYER_COLUMNS)
}

fn phone_site() -> Value {
    let numbers = list(&text("A range such as 4930100-4930199."), "Ranges of call numbers.");
    let networks = |description: &str| list(&text("A network such as 10.1.0.0/16."), description);
    let limits = object(
        vec![
            ("contactsPerSecond", decimal(0.001, 1000, "Contact-me requests a second; `0.1` is one in ten seconds.")),
            ("sessions", number(1, 100_000, "Sessions at once.")),
        ],
        &[],
        "Limits of the site.",
    );
    let gate = object(
        vec![
            ("phones", number(0, 1_000_000, "Phones that a revision may change at once; 0 = off.")),
            ("percent", number(0, 100, "Of a hundred phones of the site; 0 = off.")),
            ("risky", number(0, 1_000_000, "Phones with items of effect service, safety or lockout; 0 = off.")),
        ],
        &[],
        "From when on a revision waits for a person.",
    );
    let owner = object(
        vec![
            ("team", text("Whose site it is.")),
            ("paths", list(&text("A folder."), "Folders of its documents.")),
            ("networks", networks("Networks that its documents may give sites.")),
            ("numbers", numbers.clone()),
            ("profiles", list(&text("A profile."), "Profiles of others that its documents may use.")),
            ("policy", list(&text("A field."), "Fields of policy that its documents may set.")),
            ("secrets", list(&text("A name."), "Secrets that its documents may use.")),
        ],
        &["paths"],
        "Whose files concern the site, and what they may say.",
    );
    let spec = object(
        vec![
            ("networks", networks("Where its phones call from.")),
            ("reach", word(&["ContactMe", "Poll"], "How its phones are reached.")),
            ("servers", list(&text("A host."), "Provisioning servers that its phones may be set to.")),
            ("timeZone", text("Its time zone, such as Europe/Berlin.")),
            ("windows", windows()),
            ("limits", limits),
            ("gate", gate),
            ("numbers", numbers),
            ("owner", owner),
        ],
        &[],
        "Where phones are, and how they are reached.",
    );
    let names = json!({
        "kind": "PhoneSite", "plural": "phonesites", "singular": "phonesite", "listKind": "PhoneSiteList",
        "categories": ["phoneops"],
    });
    definition(&names, "A place with phones.", &spec, Some(status::of_layer()), LAYER_COLUMNS)
}

fn phone_brake() -> Value {
    let labels = json!({
        "type": "object", "additionalProperties": { "type": "string" }, "minProperties": 1,
        "description": "Phones with all of these labels.",
    });
    let selector = one_of(
        vec![("all", boolean("All phones.")), ("site", text("The phones of a site.")), ("matchLabels", labels)],
        "Which phones: all, site or matchLabels.",
    );
    let spec = object(
        vec![
            ("selector", selector),
            ("until", time("When it ends by itself.")),
            ("reason", text("Why, in one line; it is kept in the audit log.")),
        ],
        &["selector", "until", "reason"],
        "Which phones are not written, until when and why.",
    );
    let names = json!({
        "kind": "PhoneBrake", "plural": "phonebrakes", "singular": "phonebrake", "listKind": "PhoneBrakeList",
        "categories": ["phoneops"],
    });
    let columns: &[Column] = &[
        ("State", "string", ".status.state", 0),
        ("Phones", "integer", ".status.phones", 0),
        ("Until", "string", ".spec.until", 0),
        ("Reason", "string", ".spec.reason", 0),
        ("Age", "date", AGE, 0),
    ];
    definition(&names, "Stops all writes to some phones, while it is there.", &spec, Some(status::of_act()), columns)
}

fn phone_approval() -> Value {
    let spec = object(
        vec![
            ("digest", text("The digest of what waits, as status.held of a phone that waits has it.")),
            ("site", text("Only the phones of this site.")),
            ("reason", text("Why, in one line; it is kept in the audit log.")),
        ],
        &["digest", "reason"],
        "What may go on, and why.",
    );
    let names = json!({
        "kind": "PhoneApproval", "plural": "phoneapprovals", "singular": "phoneapproval",
        "listKind": "PhoneApprovalList", "categories": ["phoneops"],
    });
    let columns: &[Column] = &[
        ("State", "string", ".status.state", 0),
        ("Phones", "integer", ".status.phones", 0),
        ("Reason", "string", ".spec.reason", 0),
        ("Age", "date", AGE, 0),
    ];
    definition(&names, "Lets go on what waits at the gate.", &spec, Some(status::of_act()), columns)
}

/// The fields that phones and profiles have in common.
fn layer(catalogue: &Catalogue) -> Vec<Field<'static>> {
    vec![
        ("profiles", list(&text("A profile."), "Profiles below this, the later one wins.")),
        ("site", text("The site.")),
        ("policy", policy()),
        ("items", items::by_name(catalogue, true, "Values by item. Texts are quoted; an empty text clears an item.")),
        ("byIndex", items::by_index(catalogue, "Values by index, such as those of one key.")),
        ("seed", items::by_name(catalogue, false, "Values for new and reset phones, written once.")),
        ("unmanaged", list(&text("An item, or item[index]."), "Items of lower layers that are left alone.")),
    ]
}

fn windows() -> Value {
    let window = object(
        vec![
            ("schedule", text("When it opens, as a cron schedule.")),
            ("duration", text("How long it is open, such as 3h.")),
            ("timeZone", text("Its time zone; else that of the site.")),
        ],
        &["schedule", "duration"],
        "A window.",
    );
    list(&window, "When phones may be written; none = always.")
}

fn policy() -> Value {
    let ignore = object(
        vec![
            ("item", text("The item.")),
            ("index", index("Its index.")),
            ("reason", text("Why.")),
            ("until", text(UNTIL)),
        ],
        &["item", "reason"],
        "A difference that is left alone.",
    );
    let pause = object(
        vec![("until", text(UNTIL)), ("reason", text("Why.")), ("by", text("Who wants it."))],
        &["reason", "by"],
        "Nothing is written while it holds.",
    );
    object(
        vec![
            ("mode", word(&["Report", "Enforce", "Off"], "Report only tells, Enforce puts right, Off leaves alone.")),
            ("interval", text("How often a phone is read without cause, such as 24h.")),
            ("lockoutItems", word(&["Deny", "Allow"], "Whether items are written that can cut a phone off.")),
            ("userItems", word(&["Leave", "Manage"], "Whether items are managed that belong to the user.")),
            ("onRemove", word(&["Previous", "Leave", "Default"], "What becomes of a value that is named no more.")),
            ("soleServer", boolean("Whether nobody else provisions the phone.")),
            ("selfHealLimit", number(0, 100, "How often an item is put right a day.")),
            ("restart", word(&["Deny", "Allow"], "Whether a phone may be restarted for items that need it.")),
            ("ignore", list(&ignore, "Differences that are left alone.")),
            ("windows", windows()),
            ("pause", pause),
        ],
        &[],
        "What phoneops may do.",
    )
}

const MAC: &str = "^[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2}){5}$";
const UNTIL: &str = "Until when: a time with its offset, or a date, which means its end in UTC.";
const READY: &str = ".status.conditions[?(@.type==\"Ready\")].status";
const AGE: &str = ".metadata.creationTimestamp";

const LAYER_COLUMNS: &[Column] = &[
    ("Phones", "integer", ".status.phones", 0),
    ("InSync", "integer", ".status.inSync", 0),
    ("Pending", "integer", ".status.pending", 0),
    ("Drifted", "integer", ".status.drifted", 0),
    ("Ready", "string", READY, 0),
    ("Age", "date", AGE, 0),
];

fn definition(names: &Value, description: &str, spec: &Value, status: Option<Value>, columns: &[Column]) -> Value {
    let column = |(name, kind, path, priority): &Column| {
        let mut column = json!({ "name": name, "type": kind, "jsonPath": path });
        if let (Some(column), true) = (column.as_object_mut(), *priority > 0) {
            column.insert("priority".to_owned(), json!(priority));
        }
        column
    };
    let plural = names.get("plural").and_then(Value::as_str).unwrap_or_default();
    let mut version = json!({
        "name": VERSION,
        "served": true,
        "storage": true,
        "additionalPrinterColumns": columns.iter().map(column).collect::<Vec<_>>(),
        "schema": { "openAPIV3Schema": {
            "type": "object",
            "description": description,
            "required": ["spec"],
            "properties": {
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "metadata": { "type": "object" },
                "spec": spec,
            },
        }},
    });
    if let Some(status) = status {
        if let Some(version) = version.as_object_mut() {
            version.insert("subresources".to_owned(), json!({ "status": {} }));
        }
        if let Some(fields) = version.pointer_mut("/schema/openAPIV3Schema/properties").and_then(Value::as_object_mut) {
            fields.insert("status".to_owned(), status);
        }
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{GROUP}") },
        "spec": { "group": GROUP, "names": names, "scope": "Namespaced", "versions": [version] },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spec::read::{layer, policy};

    fn fields(definition: &Value, path: &str) -> BTreeSet<String> {
        let at = format!("/spec/versions/0/schema/openAPIV3Schema/properties/spec{path}/properties");
        let found = definition.pointer(&at).unwrap_or_else(|| panic!("{at}"));
        found.as_object().unwrap().keys().cloned().collect()
    }

    fn names<'n>(all: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
        all.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_definitions_have_exactly_the_fields_that_the_loader_reads() {
        let [config, profile, site, ..]: [Value; 7] = all(&Catalogue::builtin()).try_into().unwrap();
        let common = layer::FIELDS;
        assert_eq!(fields(&config, ""), names(common.into_iter().chain(["phone", "shared"])));
        assert_eq!(fields(&profile, ""), names(common.into_iter().chain(["models", "final", "require"])));
        assert_eq!(fields(&site, ""), names(crate::spec::phone_site::FIELDS));
        assert_eq!(fields(&site, "/properties/owner"), names(crate::spec::read::owner::FIELDS));
        assert_eq!(fields(&config, "/properties/policy"), names(policy::FIELDS));
        assert_eq!(fields(&config, "/properties/phone"), names(["mac", "deviceId", "model"]));
    }

    #[test]
    fn no_list_is_empty_and_each_definition_is_small_enough_to_be_applied() {
        fn empty(value: &Value) -> bool {
            match value {
                Value::Array(list) => list.is_empty() || list.iter().any(empty),
                Value::Object(map) => map.values().any(empty),
                _ => false,
            }
        }
        for definition in all(&Catalogue::builtin()) {
            let text = definition.to_string();
            assert!(!empty(&definition), "an empty list in {}", &text[..200]);
            assert!(text.len() < 240_000, "{} bytes: kubectl apply takes up to 256 KiB", text.len());
        }
    }

    #[test]
    fn texts_are_texts_numbers_may_be_quoted_and_secrets_are_references() {
        let [config, ..]: [Value; 7] = all(&Catalogue::builtin()).try_into().unwrap();
        let item = |name: &str| {
            let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/items/properties";
            config.pointer(path).unwrap().get(name).unwrap().clone()
        };
        assert_eq!(item("e164")["type"], "string");
        assert_eq!(item("daylight-save")["type"], "boolean");
        assert_eq!(item("sntp-tz-offset")["x-kubernetes-int-or-string"], true);
        assert_eq!((&item("sip-pwd")["minProperties"], &item("sip-pwd")["maxProperties"]), (&json!(1), &json!(1)));
        assert_eq!(item("key-label")["additionalProperties"]["type"], "string");
    }
}
