//! The one function that every write and every restart passes, again for each message. There is no other way to a
//! `WriteItems` or a `Restart`: the message is made from a [`Permit`], and only [`may_write`] makes one.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{
    custody::{Custody, holds_secret},
    doors::Held,
    drift::Drifts,
    hands_off::{HandsOff, hands_off},
    poll::poll_url,
    record::Facts,
    session::Writer,
    settings::Settings,
    wire_names::WireNames,
    words::PendingReason,
};
use crate::{
    catalogue::{Access, Catalogue, Effect, GroupKey, Owner},
    spec::{Desired, Digest, LockoutItems, Mode, Policy, Site, UserItems},
    wpi::{Action, FirmwareProfile, Item, ItemId, ServerMessage, phone_message::Nonce, server_message::MESSAGE_LIMIT},
};

/// Why a write may not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWrite {
    /// The brake is on.
    #[error("the brake is on until {until:.0}")]
    Braked {
        /// Its end.
        until: Timestamp,
    },
    /// Mode Report, or the whole service is in Report.
    #[error("mode Report")]
    Report,
    /// Mode Off.
    #[error("mode Off")]
    Off,
    /// A pause is in force.
    #[error("a pause is in force")]
    Paused {
        /// Its end, if it has one.
        until: Option<Timestamp>,
    },
    /// Outside the windows.
    #[error("outside its windows")]
    WindowClosed {
        /// The next opening, if there ever is one.
        next: Option<Timestamp>,
    },
    /// Nothing is in force: what is wanted waits at the gate.
    #[error("what is wanted waits at the gate")]
    Held,
    /// What the session works towards is not what is in force any more.
    #[error("another desired state is in force")]
    NotInForce,
    /// The phone does not say its model, and a layer of certain models may say otherwise: another mode, a pause, a window.
    #[error("it does not say its model (`device-type`), which decides what is wanted of it")]
    Undecided,
    /// Its site, or the service, comes back from an outage.
    #[error("its site or the service comes back from an outage, until {until:.0} or longer")]
    Recovering {
        /// Until when, if no more phones start.
        until: Timestamp,
    },
    /// The store cannot take the record of the write.
    #[error("the store cannot be written")]
    StoreAway,
    /// The phone calls from outside the networks of its site.
    #[error("the phone calls from outside its site's networks")]
    WrongSite,
    /// The phone is left as it is.
    #[error("{0}")]
    HandsOff(HandsOff),
    /// A secret, for a phone of which nothing says that it is near.
    #[error("passwords go to private addresses only, where the site has no networks")]
    Custody,
    /// A secret, for a phone behind an address that says nothing of where it is.
    #[error("phones of several sites call from this address, so that no password is sent there")]
    Proxied,
    /// The flow has had its share of actions or of time (R-1403).
    #[error("the session has reached its limit")]
    SessionLimit,
    /// The message is above the limit of bytes or of the phone's `maxItems`.
    #[error("the message is too large for the phone")]
    TooLarge,
    /// Items that can make the phone vanish reach others of its site first.
    #[error("other phones of its site get such items first")]
    Turn,
    /// One item may not be written.
    #[error("{0}: {1}")]
    Item(ItemId, Bar),
}

impl NoWrite {
    /// The Pending reason that people see, where there is one.
    pub fn pending(&self) -> Option<PendingReason> {
        match self {
            Self::Braked { .. } => Some(PendingReason::Braked),
            Self::StoreAway => Some(PendingReason::StoreAway),
            Self::Recovering { .. } => Some(PendingReason::Recovering),
            Self::Paused { .. } => Some(PendingReason::Paused),
            Self::WindowClosed { .. } => Some(PendingReason::WindowClosed),
            Self::WrongSite | Self::Custody | Self::Proxied => Some(PendingReason::WrongSite),
            Self::HandsOff(why) => Some(why.pending()),
            Self::Turn => Some(PendingReason::Turn),
            Self::NotInForce | Self::Held | Self::Undecided | Self::SessionLimit => Some(PendingReason::Queued),
            Self::Report | Self::Off | Self::TooLarge | Self::Item(..) => None,
        }
    }

    /// Whether the messages behind the last one wait for another time, and what was written stays as it is.
    pub fn leaves_the_rest(&self) -> bool {
        matches!(
            self,
            Self::Braked { .. }
                | Self::Recovering { .. }
                | Self::Paused { .. }
                | Self::WindowClosed { .. }
                | Self::Turn
        )
    }
}

/// Why one item may not be written to a phone with this policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Bar {
    /// Nobody wants it.
    #[error("is not part of what is wanted")]
    NotWanted,
    /// Owner report, or read-only.
    #[error("is the phone's own word and cannot be written")]
    ReadOnly,
    /// Owner action.
    #[error("makes the phone do something and is not a setting")]
    Action,
    /// Owner user.
    #[error("belongs to the phone's user; `policy.userItems: Manage` would manage it")]
    User,
    /// It drifts back again and again.
    #[error("drifts back again and again; `phoneops retry` would write it once more")]
    TugOfWar,
    /// Effect lockout, or not known to the catalogue.
    #[error("can cut the phone off; `policy.lockoutItems: Allow` would write it")]
    Lockout,
}

/// Whether the class of an item bars it from being written under this policy.
pub fn bar(catalogue: &Catalogue, policy: &Policy, id: &ItemId) -> Option<Bar> {
    let name = id.name.as_str();
    if catalogue.get(name).is_some_and(|item| item.access == Access::ReadOnly) {
        return Some(Bar::ReadOnly);
    }
    match catalogue.owner(name) {
        Owner::Report => return Some(Bar::ReadOnly),
        Owner::Action if matches!(catalogue.group(id), GroupKey::Alone(_)) => return Some(Bar::Action),
        Owner::User if policy.user_items != UserItems::Manage => return Some(Bar::User),
        Owner::Action | Owner::User | Owner::Admin => {}
    }
    let locks_out = catalogue.effect(name) == Effect::Lockout;
    (locks_out && policy.lockout_items != LockoutItems::Allow).then_some(Bar::Lockout)
}

/// Whether the class of an item bars it from being a seed under this policy: as [`bar`], but items of the user are what
/// seeds are for.
pub fn seed_bar(catalogue: &Catalogue, policy: &Policy, id: &ItemId) -> Option<Bar> {
    match bar(catalogue, policy, id) {
        Some(Bar::User) => bar(catalogue, &Policy { user_items: UserItems::Manage, ..policy.clone() }, id),
        other => other,
    }
}

/// What [`may_write`] looks at, apart from the items.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The leave to write of the session itself; one that only looks has none (promise 11).
    pub writer: &'a Writer,
    /// The service's settings.
    pub settings: &'a Settings,
    /// Until when the phone is braked.
    pub braked: Option<Timestamp>,
    /// Until when the phone is left alone because its site or the service comes back.
    pub left_alone: Option<Timestamp>,
    /// Whether the store cannot be written.
    pub store_away: bool,
    /// Whether what it is read towards is only proposed.
    pub proposed: bool,
    /// What is in force for the phone now.
    pub in_force: Option<&'a Desired>,
    /// The seeds that are due.
    pub seeds: &'a [ItemId],
    /// What the session works towards.
    pub goal: &'a Digest,
    /// The phone's site.
    pub site: &'a Site,
    /// What the phone said of itself.
    pub facts: &'a Facts,
    /// Where the phone calls from.
    pub peer: IpAddr,
    /// Whether it may be sent passwords there.
    pub custody: Custody,
    /// Whether it is the phone's turn for items that can make it vanish.
    pub turn: bool,
    /// The catalogue in force.
    pub catalogue: &'a Catalogue,
    /// What drifts on the phone.
    pub drifts: &'a Drifts,
    /// The phone's `maxItems`.
    pub max_items: Option<u32>,
    /// Actions of this flow so far.
    pub actions: u32,
    /// When the flow began.
    pub opened: Timestamp,
}

/// What is to leave.
#[derive(Debug)]
pub enum Leaving {
    /// A `WriteItems` with these items.
    Items(Vec<Item>),
    /// A `Restart`.
    Restart {
        /// Whether it makes items count that can make the phone vanish.
        vanishing: bool,
    },
}

/// Leave to send this to this phone in its next message, and nothing else.
#[derive(Debug)]
pub struct Permit {
    action: Action,
    items: Vec<Item>,
}

impl Permit {
    /// The items under the names that the phone knows.
    pub(super) fn renamed(mut self, names: WireNames<'_>) -> Self {
        names.outward(&mut self.items);
        self
    }

    /// The message, with the nonce of the request that it answers.
    pub fn into_message(self, nonce: Nonce) -> ServerMessage {
        ServerMessage { nonce, action: self.action, items: self.items }
    }
}

/// Whether these items, or a restart, may leave for this phone now.
pub fn may_write(ask: &Ask<'_>, leaving: Leaving, now: Timestamp) -> Result<Permit, NoWrite> {
    if let Some(until) = ask.braked {
        return Err(NoWrite::Braked { until });
    }
    if ask.proposed {
        return Err(NoWrite::Held);
    }
    let goal = ask.in_force.filter(|desired| desired.digest == *ask.goal).ok_or(NoWrite::NotInForce)?;
    match goal.policy.mode {
        Mode::Off => return Err(NoWrite::Off),
        Mode::Report => return Err(NoWrite::Report),
        Mode::Enforce if ask.settings.report_only => return Err(NoWrite::Report),
        Mode::Enforce => {}
    }
    if goal.undecided {
        return Err(NoWrite::Undecided);
    }
    let held = ask.left_alone.map(Held::Recovering).or_else(|| Held::now(&goal.policy, now));
    if let Some(held) = held.filter(|held| !passes(ask, goal, &leaving, *held)) {
        return Err(held.into());
    }
    if !ask.site.contains(ask.peer) {
        return Err(NoWrite::WrongSite);
    }
    if let Some(why) = hands_off(ask.facts, ask.site, ask.settings, ask.catalogue) {
        return Err(NoWrite::HandsOff(why));
    }
    if ask.store_away {
        return Err(NoWrite::StoreAway);
    }
    let length = now.duration_since(ask.opened).unsigned_abs();
    if ask.actions >= ask.settings.flow_actions || length >= ask.settings.flow_length {
        return Err(NoWrite::SessionLimit);
    }
    let items = match leaving {
        Leaving::Items(items) => items,
        Leaving::Restart { vanishing: true } if !ask.turn => return Err(NoWrite::Turn),
        Leaving::Restart { .. } => return Ok(Permit { action: Action::Restart, items: Vec::new() }),
    };
    if let Some((item, bar)) = items.iter().find_map(|item| Some((item, item_bar(ask, goal, item)?))) {
        return Err(NoWrite::Item(item.id.clone(), bar));
    }
    if ask.custody != Custody::Near && holds_secret(&items, ask.catalogue) {
        return Err(if ask.custody == Custody::Far { NoWrite::Custody } else { NoWrite::Proxied });
    }
    let vanishing = |item: &Item| ask.catalogue.can_vanish(item.id.name.as_str()) && !is_poll_url(ask, goal, item);
    if !ask.turn && items.iter().any(vanishing) {
        return Err(NoWrite::Turn);
    }
    let too_many = ask.max_items.is_some_and(|most| items.len() > most as usize);
    let bytes: usize = items.iter().map(ServerMessage::encoded_item_len).sum();
    if too_many || bytes >= MESSAGE_LIMIT {
        return Err(NoWrite::TooLarge);
    }
    Ok(Permit { action: Action::WriteItems, items })
}

fn item_bar(ask: &Ask<'_>, goal: &Desired, item: &Item) -> Option<Bar> {
    if is_poll_url(ask, goal, item) {
        return None;
    }
    if goal.get(&item.id).is_some() {
        let held = ask.drifts.holds(&item.id).then_some(Bar::TugOfWar);
        return held.or_else(|| bar(ask.catalogue, &goal.policy, &item.id));
    }
    if goal.seed(&item.id).is_some() && ask.seeds.contains(&item.id) {
        return seed_bar(ask.catalogue, &goal.policy, &item.id);
    }
    Some(Bar::NotWanted)
}

/// Whether this is the one message that goes out also while windows are closed or a site comes back: without the address to poll at, which
/// a phone may lose with each start, it could not be told of the next opening. A pause holds that back too.
fn passes(ask: &Ask<'_>, goal: &Desired, leaving: &Leaving, held: Held) -> bool {
    let Leaving::Items(items) = leaving else { return false };
    matches!(held, Held::Closed(_) | Held::Recovering(_))
        && !items.is_empty()
        && items.iter().all(|item| is_poll_url(ask, goal, item))
}

/// Whether this is the one value that is the service's own: without it nobody could reach the phone, and no
/// other is let through.
fn is_poll_url(ask: &Ask<'_>, goal: &Desired, item: &Item) -> bool {
    let profile = FirmwareProfile::of(ask.facts.model.as_deref(), ask.facts.firmware.as_deref());
    poll_url(goal, ask.site, ask.settings, &profile).as_ref() == Some(item)
}
