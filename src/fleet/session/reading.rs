//! What a session asks a phone for, and what is made of the reply.

use super::{Ending, Move, Session, Step, comparing, surroundings::Surroundings};
use crate::{
    fleet::{
        may_write::NoWrite,
        not_applicable,
        observed::{ObservedSet, Readings},
        phone::Phone,
        wire_names::WireNames,
    },
    wpi::{
        Action, Item, ItemId, ItemName, ItemText, PhoneMessage, Reason, ServerMessage, phone_message::Fragment,
        server_message::MESSAGE_LIMIT,
    },
};

/// A reply as its fragments come in.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) items: Vec<Item>,
    pub(super) fragments: u32,
    pub(super) bytes: usize,
}

impl Session {
    pub(super) fn ask(&mut self, phone: &Phone, ids: Vec<ItemId>, verify: bool, around: &Surroundings<'_>) -> Move {
        if self.spent(around) {
            return Move::End(Ending::Waits(NoWrite::SessionLimit));
        }
        self.actions += 1;
        let ids = if ids.is_empty() { something_to_read() } else { ids };
        let mut items: Vec<Item> = ids.iter().map(|id| Item::plain(id.clone(), "")).collect();
        WireNames::of(phone).outward(&mut items);
        let frame = ServerMessage::encoded_frame_len(&self.nonce, Action::ReadItems);
        let short = |len: fn(&Item) -> usize| frame + items.iter().map(len).sum::<usize>() < MESSAGE_LIMIT;
        let short = short(ServerMessage::encoded_item_bound) || short(ServerMessage::encoded_item_len);
        let fits = short && self.max_items.is_none_or(|most| items.len() <= most as usize);
        tracing::trace!(phone = %phone.device, items = items.len(), fits, "reading");
        let (asked, action, items) =
            if fits { (ids, Action::ReadItems, items) } else { (Vec::new(), Action::ReadAllItems, Vec::new()) };
        self.step = Step::Reading { asked: asked.into(), reply: Reply::default(), verify };
        Move::Ask(action, items)
    }

    pub(super) fn read(&mut self, phone: &mut Phone, message: PhoneMessage, around: &Surroundings<'_>) -> Move {
        let Step::Reading { asked, reply, verify } = &mut self.step else {
            return Move::End(Ending::Failed("not reading"));
        };
        let verify = *verify;
        reply.bytes += message.items.iter().map(kept_bytes).sum::<usize>();
        reply.items.extend(message.items);
        if reply.bytes > around.settings.reply_bytes {
            return Move::End(Ending::Failed("the reply is too large"));
        }
        if message.fragment == Fragment::Next {
            reply.fragments += 1;
            if reply.fragments >= around.settings.fragments {
                return Move::End(Ending::Failed("the reply has too many fragments"));
            }
            return Move::Ask(Action::GetNextFragment, Vec::new());
        }
        let mut items = std::mem::take(&mut reply.items);
        if asked.is_empty() && items.is_empty() {
            return Move::End(Ending::Failed("the phone named none of its items"));
        }
        WireNames::of(phone).inward(&mut items);
        note_contact_gap(phone, &items);
        phone.note_server(&items);
        let readings = Readings::from_items(items, around.catalogue);
        let asked = std::mem::take(asked);
        if asked.is_empty() {
            phone.take_inventory(|| ObservedSet::of(&readings), around.now);
        }
        // one that is let go takes along what became of its last write
        if phone.goal.is_none() || (!phone.declared() && phone.stays()) {
            return Move::End(Ending::Done);
        }
        let readings = if asked.is_empty() {
            let all = phone.goal.as_ref().map(|goal| comparing(&goal.desired, around.catalogue)).unwrap_or_default();
            not_applicable::complete(readings, &all)
        } else {
            readings.with_absent(asked.iter())
        };
        let lost = phone.restart_lost(around.catalogue);
        let before = phone.look(&readings, around.catalogue);
        phone.read_at = Some(around.now);
        phone.unsaved |= phone.in_flight.is_some() || phone.unverified;
        phone.look_for_seeds(&readings, around);
        phone.assess(around.catalogue);
        if !verify {
            phone.look_for_reset(around);
        }
        phone.saw(before, around.catalogue, around.settings, around.now);
        phone.poll_url_lost();
        phone.in_flight = None;
        phone.unverified = false;
        phone.look_wanted = false;
        phone.passed_over = false;
        if self.reason != Reason::StartUp {
            phone.restart_found(lost);
        }
        phone.doubt_read(around.catalogue);
        if verify { self.verified(phone, around) } else { self.compare(phone, around) }
    }
}

/// What an item takes while its reply is put together; a secret counts with its length.
fn kept_bytes(item: &Item) -> usize {
    let text = match &item.text {
        ItemText::Plain(text) => text.len(),
        ItemText::Secret(secret) => secret.len(),
    };
    size_of::<Item>() + item.id.name.as_str().len() + text
}

/// A phone of which nothing is compared is still read, so that there is proof that it lives.
fn something_to_read() -> Vec<ItemId> {
    ItemName::new("device-type").map(|name| ItemId::new(name, None)).into_iter().collect()
}

fn note_contact_gap(phone: &mut Phone, items: &[Item]) {
    let gap = items.iter().find(|item| item.id.name.as_str() == "dls-contact-interval" && item.id.index.is_none());
    if let Some(seconds) = gap.and_then(|item| item.text.as_plain()?.parse().ok()) {
        phone.facts.contact_gap = Some(seconds);
    }
}
