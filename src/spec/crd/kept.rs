//! What phoneops keeps for itself in a cluster: a `PhoneRecord` for each phone and one `PhoneOps`. People read them and
//! back them up; nobody but phoneops writes them.

use serde_json::{Value, json};

use super::{
    AGE, Column, definition,
    schema::{number, object, text, time},
};

/// Of one phone, and of all of them.
pub(super) fn all() -> [Value; 2] {
    let content = |description: &str| {
        // a whole of its own: whoever writes one field of it writes it all
        json!({
            "type": "object", "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-map-type": "atomic",
            "description": description,
        })
    };
    let columns: &[Column] = &[
        ("Phone", "string", ".spec.device", 0),
        ("Name", "string", ".spec.record.inForce.name", 0),
        ("Shard", "string", ".spec.shard", 0),
        ("Written", "date", ".spec.written", 0),
        ("Age", "date", AGE, 0),
        ("Revision", "string", ".spec.record.inForce.revision", 1),
    ];
    let spec = object(
        vec![
            ("device", text("The phone.")),
            ("shard", text("Which phoneops serves the phone; no other one does.")),
            ("releasedBy", text("Which phoneops let the phone go, for another one to serve it.")),
            ("schema", number(1, 1_000, "The form of the record.")),
            ("written", time("When it was written; a copy that was put back is known by it.")),
            ("record", content("What must not be forgotten of the phone. Secrets are references.")),
        ],
        &["device", "schema", "written", "record"],
        "What phoneops keeps of the phone.",
    );
    let names = json!({
        "kind": "PhoneRecord", "plural": "phonerecords", "singular": "phonerecord", "listKind": "PhoneRecordList",
    });
    let record =
        definition(&names, "What phoneops must not forget of a phone. Not to be edited.", &spec, None, columns);
    let columns: &[Column] = &[("Written", "date", ".spec.written", 0), ("Age", "date", AGE, 0)];
    let spec = object(
        vec![
            ("schema", number(1, 1_000, "The form of the record.")),
            ("written", time("When it was written; a copy that was put back is known by it.")),
            ("cache", text("The state folder of the process that serves phones.")),
            ("record", content("Brakes, what waits at the gate, and what was approved.")),
        ],
        &["schema", "written", "record"],
        "What phoneops keeps of itself.",
    );
    let names = json!({
        "kind": "PhoneOps", "plural": "phoneopses", "singular": "phoneops", "listKind": "PhoneOpsList",
    });
    let about = "What phoneops must not forget beside phones. Not to be edited.";
    [record, definition(&names, about, &spec, None, columns)]
}
