//! What one message of a write is made of: which items go into it with which texts, and what is noted of them before it
//! leaves.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    fingerprint::Fingerprint,
    may_write::bar,
    observed::Seen,
    phone::Phone,
    record::{BeforeImage, InFlight},
    session::Surroundings,
};
use crate::{
    catalogue::{Catalogue, GroupKey},
    spec::{Desired, DesiredItem, DesiredValue, Wanted},
    wpi::{Item, ItemId, ItemStatus, ItemText},
};

/// One message of a write: its items, what each asked for when it was made, and the before-images it added.
#[derive(Debug, Default)]
pub(super) struct Sending {
    pub(super) items: Vec<Item>,
    pub(super) wanted: Vec<(ItemId, DesiredValue)>,
    pub(super) images: Vec<ItemId>,
    pub(super) prints: Vec<(ItemId, Fingerprint)>,
    /// Whether it can make the phone vanish.
    pub(super) vanishing: bool,
}

impl Sending {
    /// The message did not leave, or changed nothing: its before-images are taken back.
    pub(super) fn undo(&self, phone: &mut Phone) {
        if self.wanted.is_empty() {
            phone.set_poll_url(false);
        }
        phone.in_flight = None;
        self.prints.iter().for_each(|(id, _)| phone.fingerprints.answered(id));
        if self.vanishing {
            phone.doubt_undone();
        }
        self.images.iter().for_each(|id| phone.before_images.take_back(id));
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
        let left_alone = phone.drifts.holds(id) || phone.ignored(id);
        if barred || left_alone || phone.refused_as_is(id) || lacking.iter().any(|lacking| lacking.id == *id) {
            continue;
        }
        let clearing = item.value.value.as_text().and_then(|text| phone.clearing_form(id, text, around.catalogue));
        match clearing.map(ItemText::plain).or_else(|| text_of(item, desired, around.contents())) {
            Some(text) => items.push(in_form(phone, Item { id: id.clone(), text, status: None }, around)),
            None => drop(unreadable.insert(around.catalogue.group(id))),
        }
    }
    items.retain(|item| !unreadable.contains(&around.catalogue.group(&item.id)));
    items
}

/// Takes out what this phone is not sent, and keeps the reason as a refusal: what its firmware cannot take, and then
/// applications that are not whole without it. Whether there was any.
pub(super) fn take_out_unfit(phone: &mut Phone, items: &mut Vec<Item>, around: &Surroundings<'_>) -> bool {
    let catalogue = around.catalogue;
    let profile = phone.profile();
    let mut unfit = Vec::new();
    items.retain(|item| {
        let why = catalogue.refuses(&profile, item);
        unfit.extend(why.map(|why| (item.clone(), why)));
        why.is_none()
    });
    let incomplete = incomplete_applications(catalogue, items);
    let lacking = items.extract_if(.., |item| incomplete.contains(&catalogue.group(&item.id)));
    unfit.extend(lacking.map(|item| (item, INCOMPLETE)));
    for (item, why) in &unfit {
        refuse_unsent(phone, item, why, around);
    }
    !unfit.is_empty()
}

/// Refuses an item in the phone's place. Where it never compares, its content is remembered as refused, so that another
/// one behind the same reference is tried.
pub(super) fn refuse_unsent(phone: &mut Phone, item: &Item, why: &str, around: &Surroundings<'_>) {
    let Some(value) = phone.wants(&item.id) else { return };
    phone.refuse(&item.id, value, ItemStatus::from_wire(why), around.now);
    let prints = phone.about_to_send(std::slice::from_ref(item), around);
    phone.sent(&prints, |_| true, around);
}

/// What an application lacks that is not written whole.
pub(super) const INCOMPLETE: &str = "an XML application is written with its XML-app-name and XML-app-action (R-1212)";

/// XML applications without a name or without what is to be done with them: written whole or not at all (R-1219).
fn incomplete_applications(catalogue: &Catalogue, items: &[Item]) -> BTreeSet<GroupKey> {
    let of_application = items.iter().filter(|item| item.id.name.as_str().starts_with("XML-app-"));
    let groups: BTreeSet<GroupKey> = of_application.map(|item| catalogue.group(&item.id)).collect();
    let has = |group: &GroupKey, name: &str| {
        items.iter().any(|item| item.id.name.as_str() == name && catalogue.group(&item.id) == *group)
    };
    let whole = |group: &GroupKey| has(group, "XML-app-name") && has(group, "XML-app-action");
    groups.into_iter().filter(|group| !whole(group)).collect()
}

/// What is sent for an item; `None` while its secret cannot be read.
pub(super) fn text_of(item: &DesiredItem, desired: &Desired, wanted: Option<&Wanted>) -> Option<ItemText> {
    match &item.value.value {
        DesiredValue::Text(text) => Some(ItemText::Plain(text.clone())),
        DesiredValue::Secret(reference) => {
            wanted.and_then(|wanted| wanted.secret(reference, desired)).map(ItemText::Secret)
        }
    }
}

/// The item as this phone takes it.
fn in_form(phone: &Phone, item: Item, around: &Surroundings<'_>) -> Item {
    let seen = phone.observed.get(&item.id);
    let reported = seen.as_ref().and_then(Seen::text);
    match around.catalogue.form_for(&phone.profile(), &item, reported) {
        Some(text) => Item { text: ItemText::plain(text), ..item },
        None => item,
    }
}

/// Notes the write in flight and what its items were before; the before-images that are new.
pub(super) fn record_in_flight(phone: &mut Phone, items: &[Item], around: &Surroundings<'_>) -> Vec<ItemId> {
    let Some(goal) = phone.goal.clone() else { return Vec::new() };
    let revision = goal.revision.clone();
    let mut images = Vec::new();
    for item in items.iter().filter(|item| goal.desired.get(&item.id).is_some()) {
        let secret = !around.catalogue.compares(item.id.name.as_str());
        let old = phone.observed.get(&item.id).and_then(|seen| seen.text().map(smol_str::SmolStr::new));
        // what puts drift right is no change of the revision
        let again = phone.drifts.is_open(&item.id) && phone.before_images.first(&item.id).is_some();
        // nor is what a person has undone
        if again || phone.is_undone(&item.id) || (!secret && old.as_deref() == item.text.as_plain()) {
            continue;
        }
        let old = old.filter(|_| !secret);
        let new = item.text.as_plain().filter(|_| !secret).map(smol_str::SmolStr::new);
        let (id, revision, at) = (item.id.clone(), revision.clone(), around.now);
        if phone.before_images.take(BeforeImage { id, old, new, revision, at, secret, returned: false }) {
            images.push(item.id.clone());
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
