//! What one message of a write is made of: which items go into it with which texts, and what is noted of them before it
//! leaves.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    may_write::bar,
    phone::Phone,
    record::{BeforeImage, InFlight},
    session::Surroundings,
};
use crate::{
    spec::{Desired, DesiredValue},
    wpi::{Item, ItemId, ItemText},
};

/// One message of a write: its items, what each asked for when it was made, and the before-images it added.
#[derive(Debug, Default)]
pub(super) struct Sending {
    pub(super) items: Vec<Item>,
    pub(super) wanted: Vec<(ItemId, DesiredValue)>,
    pub(super) images: Vec<ItemId>,
    /// Whether it can make the phone vanish.
    pub(super) vanishing: bool,
}

impl Sending {
    /// The message did not leave, or changed nothing: its before-images are taken back.
    pub(super) fn undo(&self, phone: &mut Phone) {
        phone.in_flight = None;
        if self.vanishing {
            phone.doubt_undone();
        }
        phone.before_images.retain(|image| !self.images.contains(&image.id));
        phone.unsaved = true;
    }
}

/// What of `ids` is sent. A group of which a secret cannot be read is left out whole (R-1210).
pub(super) fn items_to_write(
    phone: &Phone,
    desired: &Desired,
    ids: &BTreeSet<ItemId>,
    around: &Surroundings<'_>,
) -> Vec<Item> {
    let lacking = &phone.assessment.comparison.lacking;
    let mut unreadable = BTreeSet::new();
    let mut items = Vec::new();
    for id in ids {
        let Some(item) = desired.get(id) else { continue };
        let barred = bar(around.catalogue, &desired.policy, id).is_some();
        if barred || phone.refused_as_is(id) || lacking.iter().any(|lacking| lacking.id == *id) {
            continue;
        }
        let text = match &item.value.value {
            DesiredValue::Text(text) => Some(ItemText::Plain(text.clone())),
            DesiredValue::Secret(reference) => {
                around.wanted.and_then(|wanted| wanted.secret(reference, desired)).map(ItemText::Secret)
            }
        };
        match text {
            Some(text) => items.push(Item { id: id.clone(), text, status: None }),
            None => drop(unreadable.insert(around.catalogue.group(id))),
        }
    }
    items.retain(|item| !unreadable.contains(&around.catalogue.group(&item.id)));
    items
}

/// Notes the write in flight and what its items were before; the before-images that are new.
pub(super) fn record_in_flight(phone: &mut Phone, items: &[Item], around: &Surroundings<'_>) -> Vec<ItemId> {
    let Some(goal) = phone.goal.clone() else { return Vec::new() };
    let revision = goal.revision.clone();
    let mut images = Vec::new();
    for item in items.iter().filter(|item| around.catalogue.compares(item.id.name.as_str())) {
        if phone.before_images.iter().any(|image| image.id == item.id) {
            continue;
        }
        let old = phone.observed.get(&item.id).and_then(|seen| seen.text().map(smol_str::SmolStr::new));
        if old.as_deref() != item.text.as_plain() {
            images.push(item.id.clone());
            let id = item.id.clone();
            phone.before_images.push(BeforeImage { id, old, revision: revision.clone(), at: around.now });
        }
    }
    let ids = items.iter().map(|item| item.id.clone()).collect();
    phone.in_flight = Some(InFlight { at: around.now, revision, items: ids });
    images
}

/// Two messages with the same items, texts and references are the same content.
pub(super) fn content_hash(items: &[Item], wanted: &Vec<(ItemId, DesiredValue)>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for item in items {
        item.id.hash(&mut hasher);
        item.text.as_plain().hash(&mut hasher);
    }
    wanted.hash(&mut hasher);
    hasher.finish()
}
