//! Documents out of what phones have, for people to keep: that of one phone, or of all.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    Fleet,
    diff::{Drift, compare},
    observed::Seen,
    phone::{Newest, Phone},
    show::some_names,
    view::PAGE_LIMIT,
};
use crate::{
    spec::{
        Resolution,
        export::{Exported, adopted},
    },
    wpi::{DeviceId, ItemId, ItemName},
};

/// Most items that are named as left out.
const LEFT: usize = 200;

/// The document of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// The name in the document.
    pub name: String,
    /// The phone's MAC or other id.
    pub mac: String,
    /// Its site; null for a phone that no document declares.
    pub site: Option<String>,
    /// When what it says was read; null = never: then it is the document as it is.
    pub read: Option<Timestamp>,
    /// Whether all items of the phone were read, and not only those that are managed.
    pub whole: bool,
    /// The document as YAML, every text in quotes, with what is left out as comments above.
    pub yaml: String,
    /// Items that are not in it as the phone has them; at most 200.
    pub left: Vec<LeftOut>,
}

/// An item that no document can have as the phone has it, or should not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The item.
    pub item: String,
    /// Its index.
    pub index: Option<u32>,
    /// Why.
    pub why: String,
}

/// The documents of many phones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportPage {
    /// The documents, by name.
    pub exports: Vec<Export>,
    /// Declared phones that none can be made for, each with the reason.
    pub without: Vec<Without>,
    /// Where the next page begins; null = there is none.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

/// A phone that no document can be made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Without {
    /// The name of its document, or its id.
    pub name: String,
    /// Why.
    pub why: String,
}

/// Why there is no document for a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoExport {
    /// Nobody knows it.
    #[error("there is no phone of this name or MAC")]
    NotFound,
    /// Its documents have errors.
    #[error("its documents have errors; correct them first, `phoneops validate` names the lines")]
    Invalid,
    /// Nobody declares it, and it was never read.
    #[error(
        "no document declares this phone, and it was not read yet; with --reason TEXT it is asked to call and read"
    )]
    NeverRead,
}

impl Fleet {
    /// The document of one phone, by name or MAC.
    pub fn export(&self, id: &str) -> Result<Export, NoExport> {
        let phone = self.device(id).and_then(|device| self.phones.get(&device)).ok_or(NoExport::NotFound)?;
        self.exported(phone)
    }

    /// The documents of the declared phones behind `after`, of one site or of all, by name.
    pub fn exports(&self, site: Option<&str>, after: Option<&str>, limit: usize) -> ExportPage {
        let mut page = ExportPage::default();
        let limit = limit.clamp(1, PAGE_LIMIT);
        let mut last = None;
        let declared = self.after(after).filter(|(phone, _)| phone.declared() && phone.newest != Newest::Released);
        let of_site = |phone: &Phone| {
            let own = phone.goal.as_ref().map(|goal| goal.desired.site.as_str());
            site.is_none_or(|site| own == Some(site))
        };
        for (phone, token) in declared.filter(|(phone, _)| of_site(phone)) {
            if page.exports.len() + page.without.len() == limit {
                page.next = last;
                break;
            }
            match self.exported(phone) {
                Ok(export) => page.exports.push(export),
                Err(why) => {
                    let name = phone.name().map_or_else(|| phone.device.to_string(), ToString::to_string);
                    page.without.push(Without { name, why: why.to_string() });
                }
            }
            last = Some(token);
        }
        page
    }

    fn exported(&self, phone: &Phone) -> Result<Export, NoExport> {
        let all = phone.inventory.as_ref().and_then(|inventory| inventory.read());
        let whole = all.is_some_and(|(at, _)| phone.read_at.is_none_or(|read| read <= *at));
        let read = all.map(|(at, _)| *at).into_iter().chain(phone.read_at).max();
        let wanted = self.wanted.as_ref().filter(|wanted| wanted.declares(&phone.device));
        let (name, site, exported) = if let Some(wanted) = wanted {
            let model = phone.facts.model.as_deref();
            let Resolution::Ready(desired) = wanted.resolve(&phone.device, model) else {
                return Err(NoExport::Invalid);
            };
            let has = differing(self, phone, &desired.items, &desired.policy.ignore);
            let exported = wanted.exported(&phone.device, model, &has).ok_or(NoExport::Invalid)?;
            (desired.name.to_string(), Some(desired.site.to_string()), exported)
        } else {
            if phone.declared() || matches!(phone.newest, Newest::Invalid { .. }) {
                return Err(NoExport::Invalid);
            }
            let known = phone.known_items();
            if known.is_empty() {
                return Err(NoExport::NeverRead);
            }
            let name = phone.name().map_or_else(|| name_of(&phone.device), ToString::to_string);
            let has = known.iter().filter_map(|entry| match entry.seen {
                Seen::Text(text) => Some((ItemId::new(ItemName::new(entry.name).ok()?, entry.index), text)),
                Seen::Status(_) => None,
            });
            (name.clone(), None, adopted(&self.catalogue, &phone.device, &name, has))
        };
        let Exported { yaml, left } = exported;
        let yaml = comments(phone, read, &left) + &yaml;
        let left = left.into_iter().take(LEFT).map(|(id, why)| {
            let index = id.index.map(|index| index.0);
            LeftOut { item: id.name.to_string(), index, why }
        });
        Ok(Export { name, mac: phone.device.to_string(), site, read, whole, yaml, left: left.collect() })
    }
}

/// What the phone was read to have of wanted items that differ and are not left alone on purpose.
fn differing(
    fleet: &Fleet,
    phone: &Phone,
    items: &[crate::spec::DesiredItem],
    ignore: &[crate::spec::Ignore],
) -> BTreeMap<ItemId, Option<SmolStr>> {
    let mut found = compare(&fleet.catalogue, items, &phone.known_items());
    found.ignore(|id| ignore.binary_search_by(|rule| rule.id.cmp(id)).is_ok());
    let drift = found.drift.iter().flat_map(Drift::items);
    drift.map(|difference| (difference.id.clone(), difference.observed.clone())).collect()
}

/// A name for a phone that has none, as Kubernetes takes it.
fn name_of(device: &DeviceId) -> String {
    let id: String = device.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("phone-{}", id.to_ascii_lowercase())
}

/// What stands between a phone and the time of its read in the first line of its export.
const READ_AT: &str = " as phoneops knows it: read at ";

/// When phones were read whose exports stand in this text.
pub fn reads_in(text: &str) -> impl Iterator<Item = (DeviceId, Timestamp)> {
    text.lines().filter_map(|line| {
        let (device, read) = line.strip_prefix("# ")?.split_once(READ_AT)?;
        Some((DeviceId::new(device).ok()?, read.trim_end().parse().ok()?))
    })
}

fn comments(phone: &Phone, read: Option<Timestamp>, left: &[(ItemId, String)]) -> String {
    let device = &phone.device;
    let mut lines = match read {
        Some(read) => format!("# {device}{READ_AT}{read:.0}\n"),
        None => format!("# {device} as phoneops knows it: it was not read yet\n"),
    };
    let mut by_reason: BTreeMap<&str, Vec<&ItemId>> = BTreeMap::new();
    for (id, why) in left {
        by_reason.entry(why).or_default().push(id);
    }
    for (why, ids) in by_reason {
        let why: String = why.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(lines, "# not as on the phone, for {why}: {}", some_names(&ids));
    }
    lines
}
