//! Documents out of what phones have: what one phone's own document has to say so that nothing of it differs.
//!
//! A declared phone keeps its profiles and all that is not an item; an item stands in its document when its value is
//! another one than the layers below give it. What the phone was read to have goes before what was wanted, as far as a
//! document may say it. References to secrets stay references; a value that may not stand in a document is left as it
//! was, and told.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use smol_str::SmolStr;

use super::{
    API_VERSION,
    desired::{DesiredValue, LayerValue, Origin},
    layer::{Class, Layer, LayerItem, Merged},
    secret_ref::SecretRef,
    wanted::{Phone, Wanted},
    written::{Yaml, key},
};
use crate::{
    catalogue::{Catalogue, Effect, Kind, NULL, Owner, Scalar, Severity},
    wpi::{DeviceId, ItemId, secret::without_credentials},
};

/// Why an item that can cut a phone off does not stand in a document that nobody has asked for it.
const CUTS_OFF: &str = "it can cut the phone off";
/// Why an item of a phone's user does not.
const OF_USER: &str = "it belongs to the user of the phone";
/// Why a value with a password in it does not.
const HAS_PASSWORD: &str = "it is an address that holds a password";

/// A document, and what it could not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// The document, as YAML.
    pub yaml: String,
    /// Items that are not in it as the phone has them, each with the reason.
    pub left: Vec<(ItemId, String)>,
}

impl Wanted {
    /// The document of a declared phone, with what it was read to have of items that differ: `has`, `None` = nothing.
    /// `None` for a phone that no document declares, or whose document has no name.
    pub fn exported(
        &self,
        device: &DeviceId,
        model: Option<&str>,
        has: &BTreeMap<ItemId, Option<SmolStr>>,
    ) -> Option<Exported> {
        let phone = self.phones.get(device)?;
        let name = phone.config.name.as_deref()?;
        let effective = phone.merged(model);
        let below = phone.below(model);
        let mut left = Vec::new();
        let mut taken: BTreeMap<&ItemId, LayerItem> = BTreeMap::new();
        for item in &effective.items {
            let Some(text) = has.get(item.id()) else { continue };
            match self.as_had(phone, item.id(), text.as_deref().unwrap_or_default()) {
                Ok(had) => drop(taken.insert(item.id(), had)),
                Err(why) => left.push((item.id().clone(), why)),
            }
        }
        let items = |taken: &BTreeMap<&ItemId, LayerItem>| own_items(&self.catalogue, &effective, &below, taken);
        if !self.refused(phone, model, items(&taken)).is_empty() {
            let all = std::mem::take(&mut taken);
            for (id, had) in all {
                let alone = BTreeMap::from([(id, had.clone())]);
                match self.refused(phone, model, items(&alone)).into_iter().next() {
                    Some(why) => left.push((id.clone(), why)),
                    None => drop(taken.insert(id, had)),
                }
            }
        }
        let layer = phone.with_items(items(&taken));
        let mut spec = vec![("phone".to_owned(), identity(device, phone.config.model.as_deref()))];
        if phone.config.shared {
            spec.push(("shared".to_owned(), Yaml::Truth(true)));
        }
        let profiles = phone.config.profiles.iter().map(|profile| Yaml::text(&*profile.name));
        spec.push(("profiles".to_owned(), Yaml::List(profiles.collect())));
        spec.extend(layer.site.as_ref().map(|site| ("site".to_owned(), Yaml::text(site.as_str()))));
        spec.push(("policy".to_owned(), layer.policy.written()));
        spec.extend(values(&self.catalogue, &layer.items, &mut left));
        let (seeds, _) = nested(&self.catalogue, &layer.seeds, false, &mut left);
        spec.push(("seed".to_owned(), seeds));
        let unmanaged = layer.unmanaged.iter().map(|(out, _)| Yaml::text(out.to_string()));
        spec.push(("unmanaged".to_owned(), Yaml::List(unmanaged.collect())));
        let labels = phone.config.labels.iter().map(|(name, value)| (key(name), Yaml::text(value)));
        let yaml = document(name, Yaml::Map(labels.collect()), spec);
        Some(Exported { yaml, left })
    }

    /// A value as the phone has it, if a document may say it.
    fn as_had(&self, phone: &Phone, id: &ItemId, text: &str) -> Result<LayerItem, String> {
        let (_, wire) = scalar(&self.catalogue, id, text)?;
        let origin = Some(Origin { place: phone.config.name_place.clone(), layer: Arc::from("export") });
        let value = LayerValue { id: id.clone(), value: DesiredValue::Text(SmolStr::new(wire)), origin };
        Ok(LayerItem { value: Arc::new(value), class: Class::of(&self.catalogue, id.name.as_str()) })
    }

    /// What would be wrong with the phone if these were its own items.
    fn refused(&self, phone: &Phone, model: Option<&str>, items: Vec<LayerItem>) -> Vec<String> {
        let mut merged = phone.chain.merged(model);
        merged.put(&phone.with_items(items), model);
        self.errors(phone, &merged).into_iter().map(|problem| problem.message).collect()
    }
}

impl Phone {
    /// What lies below its own items: its profiles, without what it takes out of them.
    fn below(&self, model: Option<&str>) -> Merged {
        let mut below = self.chain.merged(model);
        let layer = &self.config.layer;
        below.put(&Layer { file: layer.file.clone(), unmanaged: layer.unmanaged.clone(), ..Layer::default() }, model);
        below
    }

    /// Its own layer with other items.
    fn with_items(&self, items: Vec<LayerItem>) -> Layer {
        let own = &self.config.layer;
        Layer {
            file: own.file.clone(),
            site: own.site.clone(),
            site_place: own.site_place.clone(),
            policy: own.policy.clone(),
            items,
            seeds: own.seeds.clone(),
            unmanaged: own.unmanaged.clone(),
            ..Layer::default()
        }
    }
}

/// The items that the phone's own layer needs, sorted: `taken` in place of what is wanted, and only what the layers
/// below do not give.
fn own_items(
    catalogue: &Catalogue,
    effective: &Merged,
    below: &Merged,
    taken: &BTreeMap<&ItemId, LayerItem>,
) -> Vec<LayerItem> {
    let needed = |item: &LayerItem| {
        let id = item.id();
        let Some(under) = below.item(id.name.as_str(), id.index) else { return true };
        match (item.value.value.as_text(), under.value.value.as_text()) {
            (Some(own), Some(under)) => !catalogue.same(id.name.as_str(), Some(own), Some(under)),
            _ => item.value.value != under.value.value,
        }
    };
    let all = effective.items.iter().map(|item| taken.get(item.id()).unwrap_or(item));
    all.filter(|item| needed(item)).cloned().collect()
}

/// A document for a phone that none declares: what it was read to have and is not at its default, but for what can cut
/// it off, belongs to its user, or is a secret. It builds on no profile and leaves the mode to be said.
pub fn adopted<'a>(
    catalogue: &Catalogue,
    device: &DeviceId,
    name: &str,
    has: impl IntoIterator<Item = (ItemId, &'a str)>,
) -> Exported {
    let mut left = Vec::new();
    let mut items = Vec::new();
    for (id, text) in has {
        let item = id.name.as_str();
        let is_default = catalogue.same(item, Some(text), None)
            || catalogue.default_text(item).is_some_and(|default| catalogue.same(item, Some(text), Some(default)));
        let forbidden = catalogue.check_item(&id).iter().any(|finding| finding.severity == Severity::Error);
        if is_default || forbidden || catalogue.is_secret(item) || !catalogue.compares(item) {
            continue;
        }
        if catalogue.effect(item) == Effect::Lockout {
            left.push((id, CUTS_OFF.to_owned()));
            continue;
        }
        if catalogue.owner(item) == Owner::User {
            left.push((id, OF_USER.to_owned()));
            continue;
        }
        match scalar(catalogue, &id, text) {
            Ok((_, wire)) => {
                let class = Class::of(catalogue, item);
                let value = LayerValue { id, value: DesiredValue::Text(SmolStr::new(wire)), origin: None };
                items.push(LayerItem { value: Arc::new(value), class });
            }
            Err(why) => left.push((id, why)),
        }
    }
    items.sort_by(|a, b| a.id().cmp(b.id()));
    let mut spec = vec![("phone".to_owned(), identity(device, None))];
    spec.extend(values(catalogue, &items, &mut left));
    Exported { yaml: document(name, Yaml::Map(Vec::new()), spec), left }
}

fn document(name: &str, labels: Yaml, spec: Vec<(String, Yaml)>) -> String {
    let mut metadata = vec![("name".to_owned(), Yaml::text(name))];
    metadata.extend(Some(("labels".to_owned(), labels)).filter(|(_, labels)| !labels.is_empty()));
    let spec = spec.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Yaml::map([
        ("apiVersion", Yaml::text(API_VERSION)),
        ("kind", Yaml::text("PhoneConfig")),
        ("metadata", Yaml::Map(metadata)),
        ("spec", Yaml::Map(spec)),
    ])
    .document()
}

fn identity(device: &DeviceId, model: Option<&str>) -> Yaml {
    let kind = if device.is_mac() { "mac" } else { "deviceId" };
    let mut phone = vec![(kind.to_owned(), Yaml::text(device.to_string()))];
    phone.extend(model.map(|model| ("model".to_owned(), Yaml::text(model))));
    Yaml::Map(phone)
}

/// `items` and `byIndex`: indexes with more than one item read best together.
fn values(catalogue: &Catalogue, items: &[LayerItem], left: &mut Vec<(ItemId, String)>) -> [(String, Yaml); 2] {
    let (by_name, by_index) = nested(catalogue, items, true, left);
    [("items".to_owned(), by_name), ("byIndex".to_owned(), by_index)]
}

fn nested(
    catalogue: &Catalogue,
    items: &[LayerItem],
    together: bool,
    left: &mut Vec<(ItemId, String)>,
) -> (Yaml, Yaml) {
    let mut on_index: BTreeMap<u32, usize> = BTreeMap::new();
    for index in items.iter().filter_map(|item| item.id().index) {
        *on_index.entry(index.0).or_default() += 1;
    }
    let mut names: Vec<(String, Yaml)> = Vec::new();
    let mut indexes: BTreeMap<u32, Vec<(String, Yaml)>> = BTreeMap::new();
    for item in items {
        let id = item.id();
        let value = match &item.value.value {
            DesiredValue::Secret(reference) => written_reference(reference),
            DesiredValue::Text(text) => match scalar(catalogue, id, text) {
                Ok((value, _)) => value,
                Err(why) => {
                    left.push((id.clone(), why));
                    continue;
                }
            },
        };
        let name = key(id.name.as_str());
        match id.index {
            None => names.push((name, value)),
            Some(index) if together && on_index.get(&index.0).is_some_and(|items| *items > 1) => {
                indexes.entry(index.0).or_default().push((name, value));
            }
            Some(index) => {
                let entry = (index.to_string(), value);
                match names.last_mut() {
                    Some((last, Yaml::Map(map))) if *last == name => map.push(entry),
                    _ => names.push((name, Yaml::Map(vec![entry]))),
                }
            }
        }
    }
    let indexes = indexes.into_iter().map(|(index, items)| (index.to_string(), Yaml::Map(items)));
    (Yaml::Map(names), Yaml::Map(indexes.collect()))
}

fn written_reference(reference: &SecretRef) -> Yaml {
    let text = |text: &SmolStr| Yaml::text(text.as_str());
    match reference {
        SecretRef::File(name) => Yaml::map([("file", text(name))]),
        SecretRef::Env(name) => Yaml::map([("env", text(name))]),
        SecretRef::Keyed { from, key } => Yaml::map([("from", text(from)), ("key", text(key))]),
        SecretRef::Secret { name, key } => {
            Yaml::map([("secret", Yaml::map([("name", text(name)), ("key", text(key))]))])
        }
    }
}

/// The text of an item as a document says it, with its wire form; or why no document can.
fn scalar(catalogue: &Catalogue, id: &ItemId, text: &str) -> Result<(Yaml, String), String> {
    let name = id.name.as_str();
    let text = if text == NULL { "" } else { text };
    if without_credentials(text) != text {
        return Err(HAS_PASSWORD.to_owned());
    }
    if text.is_empty() && catalogue.effect(name) == Effect::Safety {
        return Err("it decides over emergency calls and is never written empty".to_owned());
    }
    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    let kind = catalogue.get(name).map(|item| item.kind);
    let (yaml, scalar) = match (kind, number) {
        (Some(Kind::Boolean), _) if text.eq_ignore_ascii_case("true") => (Yaml::Truth(true), Scalar::Bool(true)),
        (Some(Kind::Boolean), _) if text.eq_ignore_ascii_case("false") => (Yaml::Truth(false), Scalar::Bool(false)),
        (Some(Kind::Integer | Kind::Enum), Some(number)) => (Yaml::Number(number), Scalar::Integer(number)),
        _ => (Yaml::text(text), Scalar::Text(text)),
    };
    let (wire, findings) = catalogue.check(id, scalar);
    match wire {
        Some(wire) if catalogue.same(name, Some(&wire), Some(text)) => Ok((yaml, wire)),
        Some(_) => Err("a document would say something else".to_owned()),
        None => {
            let errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
            Err(errors.map(|finding| finding.message).next().unwrap_or_else(|| "no document may say it".to_owned()))
        }
    }
}

/// A duration as documents write it: `1d12h`.
pub(super) fn written_duration(duration: Duration) -> Yaml {
    let mut seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= size {
            let _ = write!(text, "{}{unit}", seconds / size);
            seconds %= size;
        }
    }
    Yaml::Text(text)
}
