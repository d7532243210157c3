//! Phones that are left as they are for a while: a mobile user is logged on, or another provisioning server owns them.
//!
//! What a mobile user brings along is neither read nor drift; at logoff the phone is read again. A phone of another
//! server is read on, so that people see it and see when it comes back. Neither is written to: `may_write` asks
//! [`hands_off`] for each message.

use smol_str::SmolStr;

use super::{Fleet, phone::Phone, record::Facts, settings::Settings, words::PendingReason};
use crate::{
    catalogue::{Catalogue, NULL},
    spec::Site,
    wpi::{DeviceId, Item, ItemId, ItemName, PhoneMessage, Reason},
};

/// The item that says which provisioning server a phone is set to.
const SERVER: &str = "dls-addr";

/// Why a phone is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandsOff {
    /// A mobile user is logged on.
    #[error("a mobile user is logged on")]
    MobileUser,
    /// Its update service is none of ours.
    #[error("the phone is set to another provisioning server")]
    ForeignServer,
}

impl HandsOff {
    /// The Pending reason that people see.
    pub fn pending(self) -> PendingReason {
        match self {
            Self::MobileUser => PendingReason::MobileUser,
            Self::ForeignServer => PendingReason::ForeignServer,
        }
    }
}

/// Why this phone is left as it is, if it is.
pub fn hands_off(facts: &Facts, site: &Site, settings: &Settings, catalogue: &Catalogue) -> Option<HandsOff> {
    if facts.mobile_user {
        return Some(HandsOff::MobileUser);
    }
    is_foreign(facts.server.as_deref(), site, settings, catalogue).then_some(HandsOff::ForeignServer)
}

/// Whether servers are known, so that a phone's own word on its server means something.
pub fn checks_servers(site: &Site, settings: &Settings) -> bool {
    ours(site, settings).next().is_some()
}

fn ours<'a>(site: &'a Site, settings: &'a Settings) -> impl Iterator<Item = &'a str> {
    site.servers.iter().map(SmolStr::as_str).chain(settings.public_address.as_deref())
}

fn is_foreign(server: Option<&str>, site: &Site, settings: &Settings, catalogue: &Catalogue) -> bool {
    let told = !catalogue.same(SERVER, server, None);
    told && checks_servers(site, settings) && !ours(site, settings).any(|own| catalogue.same(SERVER, server, Some(own)))
}

/// The item to ask for beside what is managed.
pub(super) fn server_item() -> Option<ItemId> {
    Some(ItemId::new(ItemName::new(SERVER).ok()?, None))
}

impl Fleet {
    /// Looks again whether this phone is set to another server, after a read or with other settings of its site.
    pub(super) fn look_at_server(&mut self, device: &DeviceId) {
        let Some(phone) = self.phones.get(device) else { return };
        let foreign = phone.facts.server.is_some()
            && is_foreign(phone.facts.server.as_deref(), &self.site_of(phone), &self.settings, &self.catalogue);
        if let Some(phone) = self.phones.get_mut(device) {
            phone.foreign = foreign;
        }
    }

    /// What there is to say of a phone that is left as it is.
    pub(super) fn hands_off_note(phone: &Phone) -> Option<String> {
        match phone.hands_off()? {
            HandsOff::MobileUser => {
                Some("a mobile user is logged on: nothing is read or written until the logoff".to_owned())
            }
            HandsOff::ForeignServer => {
                let server = phone.facts.server.as_deref().unwrap_or_default();
                Some(format!(
                    "its update service (`dls-addr`) is {server}, none of ours: it is read and not written to"
                ))
            }
        }
    }
}

impl Phone {
    /// Takes note of a mobile user's logon and logoff from an initial message: one is logged on when mobility is enabled,
    /// its state is 0 or 2, and the number is not the phone's own. A message that is silent on mobility changes nothing,
    /// but at a start it means that there is none.
    pub(super) fn note_mobility(&mut self, message: &PhoneMessage) {
        let told = |name: &str| message.value(name).map(str::trim);
        let (enabled, state) = (told("mobility-enabled"), told("sip-mobility-state"));
        if (enabled.is_none() || state.is_none()) && message.reason != Reason::StartUp {
            return;
        }
        let enabled = enabled.is_some_and(|enabled| enabled.eq_ignore_ascii_case("true"));
        let own = told("basic-e164").filter(|own| !own.is_empty() && *own != NULL);
        let visits = own.is_some_and(|own| told("e164").is_some_and(|number| number != own));
        let logged_on = enabled && matches!(state, Some("0" | "2")) && visits;
        if std::mem::replace(&mut self.facts.mobile_user, logged_on) != logged_on {
            self.unsaved = true;
            self.look_wanted = !logged_on;
        }
    }

    /// Takes note of the provisioning server that the phone is set to, where it says.
    pub(super) fn note_server(&mut self, items: &[Item]) {
        let said = |item: &&Item| item.id.name.as_str() == SERVER && item.id.index.is_none() && item.status.is_none();
        let Some(server) = items.iter().find(said).and_then(|item| item.text.as_plain()) else { return };
        if self.facts.server.as_deref() != Some(server) {
            self.facts.server = Some(server.chars().filter(|c| !c.is_control()).take(255).collect::<SmolStr>());
            self.unsaved = true;
        }
    }

    /// Why it is left as it is, as of the last time it was scheduled.
    pub fn hands_off(&self) -> Option<HandsOff> {
        let foreign = self.foreign.then_some(HandsOff::ForeignServer);
        if self.facts.mobile_user { Some(HandsOff::MobileUser) } else { foreign }
    }
}
