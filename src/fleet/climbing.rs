//! What the fleet does with the [ladders](super::ladder) of its sites: phones take and leave places by what is known of
//! their [doubt](super::doubt), wait for their turn, are asked to call after such a write, and stop their site when they
//! stay silent.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{
    Fleet,
    goal::Goal,
    phone::{Need, Phone},
    schedule::after,
};
use crate::{
    spec::{Mode, Revision, Site, SiteName},
    wpi::{
        DeviceId,
        contact::{CONTACT_PATH, ContactUri},
    },
};

/// Items that give a phone another address.
const ADDRESSES: [&str; 1] = ["ipaddress"];

impl Fleet {
    /// Whether this phone may be sent items that can make it vanish, as far as its site's ladder goes.
    pub(super) fn has_turn(&self, phone: &Phone, site: &SiteName) -> bool {
        let elsewhere = phone.doubt.as_ref().is_some_and(|doubt| doubt.over.is_none() && doubt.site != *site);
        !elsewhere && self.ladders.may_step(site, &phone.device)
    }

    /// Whether all that is to be written to this phone can make it vanish, and has to wait for others of its site.
    pub(super) fn waits_for_turn(&self, phone: &Phone) -> bool {
        let Some(goal) = phone.goal.as_ref().filter(|_| phone.declared() && phone.assessment.only_vanishing) else {
            return false;
        };
        phone.mode() == Mode::Enforce
            && !self.settings.report_only
            && !phone.restart_wanted()
            && !self.has_turn(phone, &goal.desired.site)
    }

    /// What wants a session with a phone now; a write that waits for its turn wants none.
    pub(super) fn need_of(&self, phone: &Phone, now: Timestamp) -> Option<Need> {
        match phone.need(self.settings.report_only, now) {
            Some(Need::Write) if self.waits_for_turn(phone) => phone.need_to_read(now),
            need => need,
        }
    }

    /// Brings the ladder up to what is known of a phone's doubt; call it after each change of that.
    pub(super) fn follow_doubt(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(device) else { return };
        let Some(doubt) = phone.doubt.as_deref() else { return };
        let site = doubt.site.clone();
        let Some(heard) = doubt.over else { return self.ladders.take(&site, device) };
        let told = doubt.told;
        phone.doubt = None;
        phone.unsaved = true;
        if told && heard {
            tracing::info!(phone = %device, %site, "heard of again; the phones of its site go on");
        }
        if self.ladders.leave(&site, device, heard) {
            self.wake_waiting(&site, now);
        }
    }

    /// What is wanted of a phone changed. `new_revision` = because of a revision that just arrived, rather than
    /// because its model became known, or because the service has just started.
    pub(super) fn begin_ladder_anew(&mut self, before: Option<u64>, goal: &Goal, new_revision: Option<&Revision>) {
        let now_wanted = goal.vanishing(&self.catalogue);
        if now_wanted.is_some() && now_wanted != before {
            self.ladders.begin_anew(&goal.desired.site, new_revision);
        }
    }

    /// A person says that the site of this phone goes on without the phones that are awaited: its ladder begins at one
    /// phone again. Whether any phone was awaited.
    pub fn release_site_of(&mut self, device: &DeviceId, now: Timestamp) -> bool {
        let Some(phone) = self.phones.get(device) else { return false };
        let doubt = phone.doubt.as_ref().map(|doubt| doubt.site.clone());
        let Some(site) = doubt.or_else(|| Some(phone.goal.as_ref()?.desired.site.clone())) else { return false };
        let released = self.ladders.release(&site);
        if released {
            tracing::warn!(%site, "released by a person: items that can make phones vanish go to the next phone");
            self.wake_waiting(&site, now);
        }
        released
    }

    /// Phones of the site that wait for their turn are looked at again.
    fn wake_waiting(&mut self, site: &SiteName, now: Timestamp) {
        let waits = |phone: &Phone| {
            phone.assessment.only_vanishing && phone.goal.as_ref().is_some_and(|goal| goal.desired.site == *site)
        };
        let waiting: Vec<DeviceId> =
            self.phones.values().filter(|phone| waits(phone)).map(|phone| phone.device.clone()).collect();
        for device in waiting {
            self.schedule(&device, now);
        }
    }

    /// Stops the site of a phone that was not heard of in time, and says so once.
    pub(super) fn look_for_silence(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(device) else { return };
        let silent = phone.doubt.as_mut().filter(|doubt| !doubt.told && doubt.is_silent(now));
        let Some(doubt) = silent.filter(|_| phone.flow.is_none()) else { return };
        doubt.told = true;
        let (site, written) = (doubt.site.clone(), doubt.at);
        if self.ladders.fall_silent(&site, device) {
            let phone = phone.goal.as_ref().map_or(device.as_str(), |goal| &*goal.desired.name);
            tracing::error!(
                phone, mac = %device, %site, %written,
                "not heard of since items that can make it vanish were written; such items reach no further phone of its site"
            );
        }
    }

    /// Takes the places of phones that were in doubt when the process ended.
    pub(super) fn restore_doubt(&mut self, phone: &mut Phone, now: Timestamp) {
        let Some(doubt) = &mut phone.doubt else { return };
        doubt.until = Some(after(now, self.settings.lockout_wait));
        self.ladders.doubt(&doubt.site, &phone.device);
    }

    /// When a phone in doubt is asked to call: a spacing after the write, then each contact gap, old and new address in
    /// turn. `None` = as any other phone, for it is in no doubt or has been silent for too long.
    pub(super) fn doubt_asks_at(&self, phone: &Phone) -> Option<Timestamp> {
        let doubt = phone.doubt.as_ref().filter(|doubt| doubt.over.is_none() && !doubt.told)?;
        let spacing = self.settings.contact_spacing;
        let wait = match doubt.asked {
            0 => return Some(after(doubt.at, spacing)),
            odd if odd % 2 == 1 && new_address(phone, &self.site_of(phone)).is_some() => spacing,
            _ => phone.contact_gap(self.settings.contact_gap),
        };
        phone.calling.last_request.map(|last| after(last, wait))
    }

    /// Where a phone in doubt is asked to call this time, given where it was before: the address that was written to it
    /// has its turn when that lies in its site's networks (R-1106).
    pub(super) fn doubt_uri(&self, phone: &Phone, site: &Site, old: ContactUri) -> ContactUri {
        let asked = phone.doubt.as_ref().map_or(0, |doubt| doubt.asked);
        let Some(address) = new_address(phone, site).filter(|_| asked % 2 == 1) else { return old };
        let text = format!("http://{}{CONTACT_PATH}", std::net::SocketAddr::new(address, old.port()));
        ContactUri::check(&text, address, None, &self.settings.contact_ports).unwrap_or(old)
    }

    /// What people should know of the ladder, for this phone, in words.
    pub(super) fn ladder_notes(&self, phone: &Phone) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(doubt) = phone.doubt.as_deref() {
            let site = &doubt.site;
            notes.push(if doubt.told {
                format!(
                    "not heard of since items that can make it vanish were written at {:.0}; site {site} waits for it",
                    doubt.at
                )
            } else {
                format!("to be heard of again after a write at {:.0} that can make it vanish", doubt.at)
            });
        }
        if self.waits_for_turn(phone)
            && let Some(ladder) = phone.goal.as_ref().and_then(|goal| self.ladders.of(&goal.desired.site))
        {
            notes.push(match ladder.silent() {
                Some(silent) => {
                    let name = self.phones.get(silent).and_then(|phone| phone.name()).map_or("", |name| name);
                    format!(
                        "items that can make it vanish wait: {name} ({silent}) was not heard of since it got such items; it \
                         goes on when that phone calls, with a commit that changes such items, or by `phoneops retry`"
                    )
                }
                None => format!(
                    "items that can make it vanish wait for their turn: {} phones of its site got theirs and are awaited \
                     (step of {})",
                    ladder.awaited(),
                    ladder.width()
                ),
            });
        }
        notes
    }
}

/// The address that was written to a phone in doubt, where that is in its site's networks and not the one it has.
fn new_address(phone: &Phone, site: &Site) -> Option<IpAddr> {
    phone.doubt.as_ref()?;
    let items = &phone.goal.as_ref()?.desired.items;
    let mut texts = items.iter().filter(|item| ADDRESSES.contains(&item.id.name.as_str()));
    texts.find_map(|item| {
        let address = item.value.value.as_text()?.parse::<IpAddr>().ok()?;
        (site.contains(address) && phone.facts.address != Some(address)).then_some(address)
    })
}
