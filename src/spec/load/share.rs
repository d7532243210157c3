//! Which phones are this service's, where several share the documents: those whose site is selected, and which no other
//! one keeps. All of them have to come to the same answer, so it hangs on nothing but documents: not on the model that a
//! phone reports.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    spec::{
        known::Share,
        labels::Labels,
        wanted::{Phone, Wanted},
    },
    wpi::DeviceId,
};

/// Takes out of `wanted` what is not ours; it counts like documents that do not decide, so that a call number that is
/// on phones of two services is seen by both. `homeless` are documents of which nobody knows the device. Gives the files
/// of others.
pub(super) fn out(
    wanted: &mut Wanted,
    share: &Share,
    others: &mut Vec<(DeviceId, Phone)>,
    homeless: &[Phone],
) -> BTreeSet<Arc<str>> {
    let of_others = |wanted: &Wanted, phone: &Phone| !wanted.selects(share, phone);
    let file = |phone: &Phone| phone.config.device_place.file.clone();
    let (mut own, mut foreign) = (BTreeSet::new(), BTreeSet::new());
    let documents = others.iter().map(|(_, phone)| phone).chain(homeless);
    for phone in documents {
        let files = if of_others(wanted, phone) { &mut foreign } else { &mut own };
        files.insert(file(phone));
    }
    let phones = std::mem::take(&mut wanted.phones);
    for (device, phone) in phones {
        if share.foreign.contains(&device) || of_others(wanted, &phone) {
            foreign.insert(file(&phone));
            wanted.elsewhere.insert(device.clone());
            others.push((device, phone));
        } else {
            own.insert(file(&phone));
            wanted.phones.insert(device, phone);
        }
    }
    // nobody knows the site of what cannot be read
    if share.selector.matches(&Labels::default()) {
        own.extend(wanted.broken_files.iter().cloned());
    }
    wanted.own_files = Some(own);
    foreign
}

impl Wanted {
    /// Whether the site of a phone is selected. A phone of no site is at the site `default`; one that no document
    /// declares has no labels.
    fn selects(&self, share: &Share, phone: &Phone) -> bool {
        let site = phone.merged(None).site.unwrap_or_default();
        match self.site_seen_by(&phone.voice, &site) {
            Some(entry) => share.selector.matches(&entry.site.labels),
            None => share.selector.matches(&Labels::default()),
        }
    }
}
