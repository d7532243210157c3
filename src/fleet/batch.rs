//! How what is to be written is cut into messages: groups together (R-1210, R-808), each message below 50 kB and
//! `maxItems`, items of effect safety only with their own group. Behind all others come what takes effect with a
//! restart, what can lock us out, and last, each group alone, what can make the phone vanish, with a restart behind
//! without.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    catalogue::{Catalogue, Effect, GroupKey, Lockout},
    spec::Desired,
    wpi::{Action, Item, ItemId, ServerMessage, phone_message::Nonce, server_message::MESSAGE_LIMIT},
};

/// The messages of one round, and what does not fit in any.
#[derive(Debug, Default)]
pub struct Plan {
    /// The items of each message, in the order they are sent.
    pub messages: VecDeque<Vec<Item>>,
    /// Items of groups that are too large for a message of this phone.
    pub too_large: Vec<Item>,
}

/// Room for items in one message.
#[derive(Debug, Clone, Copy)]
struct Room {
    bytes: usize,
    items: usize,
}

/// Widens `ids` to whole groups: with one item of a group all desired items of it are written, those that never
/// compare included (R-1210).
pub fn with_groups(catalogue: &Catalogue, goal: &Desired, ids: &BTreeSet<ItemId>) -> BTreeSet<ItemId> {
    let groups: BTreeSet<GroupKey> =
        ids.iter().map(|id| catalogue.group(id)).filter(|group| matches!(group, GroupKey::Group(..))).collect();
    let mut all = ids.clone();
    if !groups.is_empty() {
        all.extend(goal.items.iter().map(|item| &item.id).filter(|id| groups.contains(&catalogue.group(id))).cloned());
    }
    all
}

/// Cuts `items` into messages for a phone that takes `max_items` a message; `alone` = each group in one of its own.
pub fn plan(catalogue: &Catalogue, items: Vec<Item>, nonce: &Nonce, max_items: Option<u32>, alone: bool) -> Plan {
    let room = Room {
        bytes: MESSAGE_LIMIT.saturating_sub(ServerMessage::encoded_frame_len(nonce, Action::WriteItems) + 1),
        items: max_items.map_or(usize::MAX, |most| most as usize),
    };
    let mut groups: BTreeMap<GroupKey, Vec<Item>> = BTreeMap::new();
    for item in items {
        groups.entry(catalogue.group(&item.id)).or_default().push(item);
    }
    let mut plan = Plan::default();
    let mut by_effect: BTreeMap<Place, Vec<Vec<Item>>> = BTreeMap::new();
    for group in groups.into_values() {
        if size(&group) > room.bytes || group.len() > room.items {
            plan.too_large.extend(group);
        } else {
            by_effect.entry(Place::of(catalogue, &group)).or_default().push(group);
        }
    }
    for (place, groups) in by_effect {
        match place {
            _ if alone => plan.messages.extend(groups),
            Place::Safety | Place::Vanishing | Place::VanishingRestarting => plan.messages.extend(groups),
            Place::Ordinary | Place::Restarting | Place::LockingOut => fill(&mut plan.messages, groups, room),
        }
    }
    plan
}

/// Where a group goes, in the order of the messages; groups of one place share messages, but for the first and the vanishing ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Safety,
    Ordinary,
    Restarting,
    LockingOut,
    Vanishing,
    VanishingRestarting,
}

impl Place {
    fn of(catalogue: &Catalogue, group: &[Item]) -> Self {
        let names = || group.iter().map(|item| item.id.name.as_str());
        let restarts = || names().any(|name| catalogue.needs_restart(name));
        match names().filter_map(|name| catalogue.lockout(name)).max() {
            Some(Lockout::Vanishes) if restarts() => Self::VanishingRestarting,
            Some(Lockout::Vanishes) => Self::Vanishing,
            Some(Lockout::LocksOut) => Self::LockingOut,
            None if names().any(|name| catalogue.effect(name) == Effect::Safety) => Self::Safety,
            None if restarts() => Self::Restarting,
            None => Self::Ordinary,
        }
    }
}

fn size(items: &[Item]) -> usize {
    items.iter().map(ServerMessage::encoded_item_len).sum()
}

fn fill(messages: &mut VecDeque<Vec<Item>>, groups: Vec<Vec<Item>>, room: Room) {
    let mut current: Vec<Item> = Vec::new();
    let mut bytes = 0;
    for group in groups {
        let more = size(&group);
        if !current.is_empty() && (bytes + more > room.bytes || current.len() + group.len() > room.items) {
            messages.push_back(std::mem::take(&mut current));
            bytes = 0;
        }
        bytes += more;
        current.extend(group);
    }
    if !current.is_empty() {
        messages.push_back(current);
    }
}
