//! Leftovers: values on phones that phoneops wrote and that no document wants any more. They stay listed, with what was
//! there before, until they are wanted again, put back, or a person drops them.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    Fleet,
    gate::view::NAMED,
    paging::{Gathered, Key, Page, Part, of_index},
    phone::Phone,
    record::BeforeImage,
};
use crate::{
    spec::SiteName,
    wpi::{
        DeviceId, ItemId,
        secret::{MASK, without_credentials},
    },
};

/// The same leftover on some phones. Values of secrets are `***`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// The item.
    pub item: String,
    /// Its index.
    pub index: Option<u32>,
    /// What phoneops wrote last.
    pub written: String,
    /// What it was before phoneops first changed it; null = nothing.
    pub before: Option<String>,
    /// The revision that first changed it.
    pub revision: String,
    /// On how many phones.
    pub phones: usize,
    /// The first ten of them.
    pub names: Vec<String>,
}

/// All leftovers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leftovers {
    /// The list, sorted by item.
    pub leftovers: Vec<Leftover>,
    /// Leftovers of single phones beyond it.
    pub more: usize,
    /// Where the next page starts.
    #[serde(rename = "continue", default)]
    pub next: Option<String>,
}

impl Fleet {
    /// A part of the leftovers on the phones of a site, or on all.
    pub fn leftovers(&self, site: Option<&SiteName>, part: &Part) -> Leftovers {
        let mut found = Gathered::new(part, |left: &Leftover| left.phones);
        for phone in self.by_name().filter(|phone| is_of(phone, site)) {
            let name = phone.name().map_or_else(|| phone.device.to_string(), ToString::to_string);
            for (first, newest) in phone.leftovers() {
                let Some(leftover) = found.add(key(first, newest), || leftover(first, newest)) else { continue };
                leftover.phones += 1;
                if leftover.names.len() < NAMED {
                    leftover.names.push(name.clone());
                }
            }
        }
        let Page { entries, next, more } = found.page();
        Leftovers { leftovers: entries, more, next }
    }

    /// Forgets the leftovers of a site, or all. How many there were, an item of a phone each.
    pub fn drop_leftovers(&mut self, site: Option<&SiteName>, now: Timestamp) -> usize {
        let mut dropped = 0;
        let with: Vec<DeviceId> = self
            .phones
            .values()
            .filter(|phone| is_of(phone, site) && phone.leftovers().next().is_some())
            .map(|phone| phone.device.clone())
            .collect();
        for device in with {
            let Some(phone) = self.phones.get_mut(&device) else { continue };
            let ids: Vec<ItemId> = phone.leftovers().map(|(first, _)| first.id.clone()).collect();
            dropped += phone.before_images.drop_of(|id| ids.contains(id));
            self.save(&device, now);
        }
        dropped
    }
}

fn is_of(phone: &Phone, site: Option<&SiteName>) -> bool {
    phone.goal.as_ref().is_some_and(|goal| site.is_none_or(|site| goal.desired.site == *site))
}

/// What makes two leftovers the same: values may be long, and those of secrets are in no key.
fn key(first: &BeforeImage, newest: &BeforeImage) -> Key {
    let mut values = DefaultHasher::new();
    let shown = leftover(first, newest);
    (shown.written, shown.before, shown.revision).hash(&mut values);
    let index = of_index(first.id.index.map(|index| index.0));
    Key::of([first.id.name.to_string(), index, format!("{:016x}", values.finish())])
}

fn leftover(first: &BeforeImage, newest: &BeforeImage) -> Leftover {
    let shown = |text: Option<&SmolStr>| text.map(|text| without_credentials(text));
    let (written, before) = if first.secret {
        (MASK.to_owned(), Some(MASK.to_owned()))
    } else {
        (shown(newest.new.as_ref()).unwrap_or_default(), shown(first.old.as_ref()))
    };
    Leftover {
        item: first.id.name.to_string(),
        index: first.id.index.map(|index| index.0),
        written,
        before,
        revision: first.revision.to_string(),
        phones: 0,
        names: Vec::new(),
    }
}

impl Phone {
    /// The oldest and the newest image of each item that is not wanted any more.
    fn leftovers(&self) -> impl Iterator<Item = (&BeforeImage, &BeforeImage)> {
        let wanted =
            |id: &ItemId| self.declared() && self.goal.as_ref().is_some_and(|goal| goal.desired.get(id).is_some());
        let firsts = self.before_images.firsts().filter(move |first| !wanted(&first.id));
        firsts.filter_map(|first| Some((first, self.before_images.of(&first.id).next_back()?)))
    }
}
