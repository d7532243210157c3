//! What belongs together in one message (R-1210).

use std::sync::Arc;

use super::{item_type::ItemType, rules};
use crate::wpi::{Index, ItemId};

/// What belongs together in one message (R-1210): the group's name and the index, or one item on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey {
    /// Items of one group and index. Groups whose members carry different indexes (ringers, the LDAP set, secure
    /// mode) have none here.
    Group(Arc<str>, Option<Index>),
    /// An item on its own.
    Alone(ItemId),
}

pub(super) fn group(id: &ItemId, item: Option<&ItemType>) -> GroupKey {
    match item.and_then(|item| item.group.as_ref()) {
        None => GroupKey::Alone(id.clone()),
        Some(group) => {
            let index = id.index.filter(|_| !rules::group_spans_indexes(group));
            GroupKey::Group(Arc::clone(group), index)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Catalogue, *};
    use crate::wpi::ItemName;

    fn of(name: &str, index: Option<u32>) -> GroupKey {
        Catalogue::builtin().group(&ItemId::new(ItemName::new(name).unwrap(), index.map(Index)))
    }

    #[test]
    fn a_key_and_its_line_belong_together_by_index() {
        assert_eq!(of("function-key-def", Some(4)), of("line-sip-uri", Some(4)));
        assert_ne!(of("function-key-def", Some(4)), of("function-key-def", Some(5)));
    }

    #[test]
    fn an_account_and_a_network_are_written_whole() {
        assert_eq!(of("e164", None), of("sip-pwd", None));
        assert_eq!(of("dhcp", None), of("ipaddress", None));
        assert_eq!(of("vlan-method", None), of("vlan-id", None));
        assert_ne!(of("vlan-id", None), of("dhcp", None));
    }

    #[test]
    fn groups_that_mix_indexes_stay_whole() {
        assert_eq!(of("alert", Some(1)), of("map-special-ringer-0", None));
        assert_eq!(of("dls-server-ca", Some(0)), of("dls-client-certificate", None));
        assert_eq!(of("ldap-server-address", Some(1)), of("ldap-user", None));
    }

    #[test]
    fn other_items_are_on_their_own() {
        assert!(matches!(of("ringer-volume", None), GroupKey::Alone(_)));
        assert!(matches!(of("new-in-V9", Some(1)), GroupKey::Alone(_)));
    }
}
