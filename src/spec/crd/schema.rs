//! Pieces of `OpenAPI` schemas as Kubernetes takes them. No rule needs CEL, and no list is ever empty, for an empty one
//! shows as drift in tools that compare.

use serde_json::{Map, Value, json};

/// A schema under the name of its field.
pub(super) type Field<'f> = (&'f str, Value);

/// A text.
pub(super) fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// A text of this form.
pub(super) fn pattern(pattern: &str, description: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "description": description })
}

/// A word of a closed list.
pub(super) fn word(words: &[&str], description: &str) -> Value {
    json!({ "type": "string", "enum": words, "description": description })
}

/// True or false.
pub(super) fn boolean(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

/// A whole number in these bounds.
pub(super) fn number(least: i64, most: i64, description: &str) -> Value {
    json!({ "type": "integer", "format": "int32", "minimum": least, "maximum": most, "description": description })
}

/// An index of an item.
pub(super) fn index(description: &str) -> Value {
    json!({
        "type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX, "description": description,
    })
}

/// A number in these bounds, decimals too.
pub(super) fn decimal(least: f64, most: i64, description: &str) -> Value {
    json!({ "type": "number", "minimum": least, "maximum": most, "description": description })
}

/// A count of the status.
pub(super) fn count(description: &str) -> Value {
    json!({ "type": "integer", "format": "int64", "description": description })
}

/// A time.
pub(super) fn time(description: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": description })
}

/// A number or a text, as people write either.
pub(super) fn either(description: &str) -> Value {
    json!({ "x-kubernetes-int-or-string": true, "description": description })
}

/// A map with exactly one of these fields.
pub(super) fn one_of(fields: Vec<Field<'_>>, description: &str) -> Value {
    let mut one = object(fields, &[], description);
    if let Some(one) = one.as_object_mut() {
        one.insert("minProperties".to_owned(), json!(1));
        one.insert("maxProperties".to_owned(), json!(1));
    }
    one
}

/// A list.
pub(super) fn list(of: &Value, description: &str) -> Value {
    json!({ "type": "array", "items": of, "description": description })
}

/// A map with these fields and no others.
pub(super) fn object(fields: Vec<Field<'_>>, required: &[&str], description: &str) -> Value {
    let properties: Map<String, Value> = fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut object = json!({ "type": "object", "properties": properties, "description": description });
    if let (Some(object), false) = (object.as_object_mut(), required.is_empty()) {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

/// The same, of which unknown fields are kept.
pub(super) fn open_object(properties: &Map<String, Value>, description: &str) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "x-kubernetes-preserve-unknown-fields": true,
        "description": description,
    })
}
