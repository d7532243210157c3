//! What the fleet does with the [ladders](super::ladder) of its sites: phones take and leave places by what is known of
//! their [doubt](super::doubt), wait for their turn, are asked to call after such a write, and stop their site when they
//! stay silent.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{
    Fleet,
    doubt::Vanishing,
    goal::Goal,
    phone::{Need, Phone},
    schedule::after,
};
use crate::{
    catalogue::Catalogue,
    spec::{Mode, Revision, Site, SiteName},
    wpi::{
        DeviceId,
        contact::{CONTACT_PATH, ContactUri},
    },
};

/// Items that give a phone another address.
const ADDRESSES: [&str; 1] = ["ipaddress"];

impl Fleet {
    /// Whether this phone may be sent items that can make it vanish, as far as its site's ladder goes. Nobody may while a
    /// revision is taken over: it may have released the ladder, and this phone may not have its new values yet.
    pub(super) fn has_turn(&self, phone: &Phone, site: &SiteName) -> bool {
        if self.unresolved > 0 {
            return false;
        }
        let elsewhere = phone.doubt.as_ref().is_some_and(|doubt| doubt.over.is_none() && doubt.site != *site);
        !elsewhere && self.ladders.may_step(site, &phone.device)
    }

    /// Whether all that is to be done to this phone can make it vanish, and has to wait for others of its site.
    pub(super) fn waits_for_turn(&self, phone: &Phone) -> bool {
        let only_vanishing = phone.declared() && phone.wants_only_vanishing(&self.catalogue);
        let Some(goal) = phone.goal.as_ref().filter(|_| only_vanishing) else { return false };
        phone.mode() == Mode::Enforce && !self.settings.report_only && !self.has_turn(phone, &goal.desired.site)
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
        let Some(doubt) = phone.doubt.as_deref_mut() else { return };
        let site = doubt.site.clone();
        let Some(heard) = doubt.over else {
            if !std::mem::replace(&mut doubt.placed, true) {
                self.ladders.take(&site, device);
            }
            return;
        };
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
    /// because its model became known, or because the service has just started. Only other values than the phone was to
    /// have release those that are waited for: a phone that is new or armed says nothing of them.
    pub(super) fn begin_ladder_anew(&mut self, before: Vanishing, goal: &Goal, new_revision: Option<&Revision>) {
        let wanted = goal.vanishing(&self.catalogue);
        let release = new_revision.filter(|_| wanted.replaces(before));
        if release.is_some() || wanted.is_news_after(before) {
            self.ladders.begin_anew(&goal.desired.site, release);
        }
    }

    /// Phones that wait for their turn are looked at again, once a revision was taken over.
    pub(super) fn turns_after_takeover(&mut self, now: Timestamp) {
        self.wake_all(Phone::wants_only_vanishing, now);
    }

    /// A person says that the site goes on without this phone, which is awaited, and without others that are: its
    /// ladder begins at one phone again. Whether the phone was awaited.
    pub fn release_site_of(&mut self, device: &DeviceId, now: Timestamp) -> bool {
        let doubt = self.phones.get(device).and_then(|phone| phone.doubt.as_ref());
        let Some(site) = doubt.map(|doubt| doubt.site.clone()) else { return false };
        let released = self.ladders.release(&site);
        if released {
            tracing::warn!(%site, "released by a person: items that can make phones vanish go to the next phone");
            self.wake_waiting(&site, now);
        }
        released
    }

    /// Phones of the site that wait for their turn are looked at again.
    fn wake_waiting(&mut self, site: &SiteName, now: Timestamp) {
        let of_site = |phone: &Phone| phone.goal.as_ref().is_some_and(|goal| goal.desired.site == *site);
        self.wake_all(|phone, catalogue| of_site(phone) && phone.wants_only_vanishing(catalogue), now);
    }

    fn wake_all(&mut self, waits: impl Fn(&Phone, &Catalogue) -> bool, now: Timestamp) {
        let waiting: Vec<DeviceId> = self
            .phones
            .values()
            .filter(|phone| waits(phone, &self.catalogue))
            .map(|phone| phone.device.clone())
            .collect();
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
        doubt.placed = true;
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
                    let name = self.phones.get(silent).and_then(|phone| phone.name()).map_or(silent.as_str(), |name| name);
                    format!(
                        "items that can make it vanish wait: {name} ({silent}) was not heard of since it got such items; it \
                         goes on when that phone calls, with a commit that changes such items, or by `phoneops retry {name}`"
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

impl Phone {
    /// Whether something is to be written, or a restart is wanted, and all of it can make the phone vanish.
    fn wants_only_vanishing(&self, catalogue: &Catalogue) -> bool {
        let (writes, restart) = (self.assessment.writable, self.restart_wanted());
        (writes || restart)
            && (!writes || self.assessment.only_vanishing)
            && (!restart || self.restart_vanishes(catalogue))
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
