//! Names of items on the wire, where firmware V1 and V2 knows them without the `-user` at their end (section 13).
//!
//! Documents, records and people know one name; only the messages to and from such a phone have the other. Where its
//! documents want the old name as well, nothing is renamed: both mean what they say.

use super::phone::Phone;
use crate::{
    spec::Desired,
    wpi::{Item, ItemId, ItemName},
};

const RENAMED: [(&str, &str); 3] = [
    ("sgnl-gateway-addr-user", "sgnl-gateway-addr"),
    ("sgnl-gateway-port-user", "sgnl-gateway-port"),
    ("sip-transport-user", "sip-transport"),
];

/// How the names of one phone are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct WireNames<'a> {
    desired: Option<&'a Desired>,
}

impl<'a> WireNames<'a> {
    /// Those of this phone.
    pub(super) fn of(phone: &'a Phone) -> Self {
        let old = !phone.profile().user_names;
        Self { desired: phone.goal.as_ref().filter(|_| old).map(|goal| &*goal.desired) }
    }

    /// The items as the phone knows them.
    pub(super) fn outward(self, items: &mut [Item]) {
        self.rename(items, |(name, old)| (name, old));
    }

    /// The items as we know them.
    pub(super) fn inward(self, items: &mut [Item]) {
        self.rename(items, |(name, old)| (old, name));
    }

    fn rename(
        self,
        items: &mut [Item],
        direction: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str),
    ) {
        let Some(desired) = self.desired else { return };
        for pair in RENAMED {
            let wanted = |name: &str| desired.items.iter().any(|item| item.id.name.as_str() == name);
            if !wanted(pair.0) || wanted(pair.1) {
                continue;
            }
            let (from, to) = direction(pair);
            let Ok(name) = ItemName::new(to) else { continue };
            for item in items.iter_mut().filter(|item| item.id.name.as_str() == from) {
                item.id = ItemId::new(name.clone(), item.id.index);
            }
        }
    }
}
