//! Replies in parts, and the items that only faults put into them.

use std::collections::VecDeque;

use super::{basic::plain_id, fault::Fault, faults::Faults};
use crate::wpi::{Index, Item, ItemId, ItemName, server_message::MESSAGE_LIMIT};

/// Room for declaration, root and reason.
const FRAME: usize = 1_000;
/// Marks and white space round one item, at most.
const AROUND: usize = 60;

/// Cuts a reply below the limit of a message, and after `most` items where the phone does that. Never empty.
pub(super) fn parts(items: Vec<Item>, most: Option<usize>) -> VecDeque<Vec<Item>> {
    let most = most.unwrap_or(usize::MAX).max(1);
    let mut parts = VecDeque::new();
    let mut part = Vec::new();
    let mut size = FRAME;
    for item in items {
        let length = length(&item);
        if !part.is_empty() && (size + length > MESSAGE_LIMIT || part.len() >= most) {
            parts.push_back(std::mem::take(&mut part));
            size = FRAME;
        }
        size += length;
        part.push(item);
    }
    parts.push_back(part);
    parts
}

/// What an item takes on the wire, rather too much than too little.
fn length(item: &Item) -> usize {
    let text = item.text.as_plain().unwrap_or_default();
    let escaped = text.len() + 5 * text.matches(['&', '<', '>', '"', '\'']).count();
    AROUND + item.id.name.as_str().len() + escaped + item.status.as_ref().map_or(0, |status| status.as_str().len())
}

/// F-16 to F-18 and many more items.
pub(super) fn add_faulty_items(items: &mut Vec<Item>, faults: &Faults) {
    for fault in faults.iter() {
        match fault {
            Fault::UnknownItem => items.extend(plain_id("x-item-of-nobody").map(|id| Item::plain(id, "odd"))),
            Fault::DuplicateItem => {
                // the true value comes last, and last wins
                if let Some(double) = items.iter().find(|item| item.id.name.as_str() == "sntp-addr") {
                    let odd = Item::plain(double.id.clone(), "192.0.2.254");
                    items.insert(0, odd);
                }
            }
            Fault::IndexZeroAndNone => {
                let plain = |item: &&Item| item.id.name.as_str() == "ldap-server-port" && item.id.index.is_none();
                if let Some(plain) = items.iter().find(plain) {
                    let id = ItemId::new(plain.id.name.clone(), Some(Index(0)));
                    items.push(Item::plain(id, "10389"));
                }
            }
            Fault::ManyItems(number) => {
                let Ok(name) = ItemName::new("x-many") else { continue };
                let numbers = 1..=*number;
                items.extend(numbers.map(|n| Item::plain(ItemId::new(name.clone(), Some(Index(n))), "x")));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(number: usize, text: &str) -> Vec<Item> {
        (0..number).filter_map(|n| plain_id(&format!("item-{n}"))).map(|id| Item::plain(id, text)).collect()
    }

    #[test]
    fn a_reply_is_one_part_until_it_is_too_long() {
        assert_eq!(parts(Vec::new(), None).len(), 1);
        assert_eq!(parts(items(400, "short"), None).len(), 1);
        let long = parts(items(400, &"<".repeat(200)), None);
        assert!(long.len() > 3);
        assert_eq!(long.iter().map(Vec::len).sum::<usize>(), 400);
    }

    #[test]
    fn a_reply_is_cut_after_as_many_items_as_wished() {
        let sizes: Vec<usize> = parts(items(7, ""), Some(3)).iter().map(Vec::len).collect();
        assert_eq!(sizes, [3, 3, 1]);
    }
}
