//! The items of the catalogue as fields of `items`, `byIndex` and `seed`. The API server refuses a number where a text is
//! needed (it would lose leading zeros), `kubectl explain` lists the items, and an item that the catalogue does not know
//! is kept.

use serde_json::{Map, Value, json};

use super::schema::{boolean, either, object, open_object, text};
use crate::catalogue::{Access, Catalogue, IndexSet, ItemType, Kind, Owner};

/// Where a secret is: one Secret of the same namespace.
fn secret(description: &str) -> Value {
    let reference = object(
        vec![("name", text("The Secret, of the same namespace.")), ("key", text("The key in it."))],
        &["name", "key"],
        "A Secret with the label phoneops.dev/phone-secret: \"true\".",
    );
    let mut secret = object(vec![("secret", reference)], &["secret"], description);
    if let Some(secret) = secret.as_object_mut() {
        // a second kind would be dropped without a word before it is counted
        secret.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
        secret.insert("minProperties".to_owned(), json!(1));
        secret.insert("maxProperties".to_owned(), json!(1));
    }
    secret
}

fn value(item: &ItemType, with_words: bool) -> Value {
    let words = if with_words { item.description.as_str() } else { "" };
    let mut schema = match item.kind {
        Kind::Boolean => boolean(words),
        Kind::Integer | Kind::Enum => either(words),
        Kind::Secret => secret(words),
        Kind::BinaryBase64 | Kind::Unknown => {
            json!({ "x-kubernetes-preserve-unknown-fields": true, "description": words })
        }
        Kind::String | Kind::Hostname | Kind::Uri | Kind::Mac | Kind::DateTime => text(words),
    };
    if words.is_empty() {
        strip_description(&mut schema);
    }
    schema
}

fn strip_description(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("description");
    }
}

fn is_setting(item: &ItemType) -> bool {
    item.access != Access::ReadOnly && !matches!(item.owner, Owner::Report | Owner::Action)
}

/// By name: a value, or for an item with indexes a map of them.
pub(super) fn by_name(catalogue: &Catalogue, with_words: bool, description: &str) -> Value {
    let mut properties = Map::new();
    for item in catalogue.iter().filter(|item| is_setting(item)) {
        let of_item = match item.index {
            IndexSet::None => value(item, with_words),
            IndexSet::Any | IndexSet::Ranges(_) => {
                let mut map = json!({ "type": "object", "additionalProperties": value(item, false) });
                if let (Some(map), true) = (map.as_object_mut(), with_words && !item.description.is_empty()) {
                    map.insert("description".to_owned(), json!(format!("{} (by index)", item.description)));
                }
                map
            }
        };
        properties.insert(item.name.to_string(), of_item);
    }
    open_object(&properties, description)
}

/// By index: the indexed items of one index each.
pub(super) fn by_index(catalogue: &Catalogue, description: &str) -> Value {
    let indexed = |item: &&ItemType| is_setting(item) && item.index != IndexSet::None;
    let properties = catalogue.iter().filter(indexed).map(|item| (item.name.to_string(), value(item, false)));
    let of_index = open_object(&properties.collect(), "Items of this index.");
    json!({ "type": "object", "additionalProperties": of_index, "description": description })
}
