//! The basic items that open every flow, and the identity faults that bend them.

use smol_str::SmolStr;

use super::{fault::Fault, faults::Faults, memory::Memory, model::Facts};
use crate::wpi::{Item, ItemId, ItemName, ItemStatus, ItemText, Reason};

/// Sent by every phone in every initial message, in this order; `software-version` and kin stand among them.
const COMMON: [&str; 14] = [
    "device-type",
    "related-device-type",
    "software-type",
    "related-software-type",
    "software-version",
    "related-software-version",
    "contact-me-uri",
    "mac-addr",
    "configuration-changed-flag",
    "part-number",
    "sip-mobility-state",
    "e164",
    "basic-e164",
    "mobility-enabled",
];

/// What a start-up has beside them from V3R1.
const LONG_START_UP: [&str; 9] = [
    "slog-archive-me",
    "fault-report-admin-pwd",
    "fault-report-user-pwd",
    "fault-report-slog-entry",
    "fault-report-ocsr-connect",
    "fault-time-admin-pwd",
    "fault-time-user-pwd",
    "fault-time-slog-entry",
    "cloud-pin-value",
];

/// An item id without index; `None` for a text that is no name.
pub(super) fn plain_id(name: &str) -> Option<ItemId> {
    ItemName::new(name).ok().map(|name| ItemId::new(name, None))
}

/// The items that every initial message and every reply to `ReadAllItems` begin with.
pub(super) fn common(memory: &Memory, faults: &Faults) -> Vec<Item> {
    let mut items: Vec<Item> = COMMON.iter().filter_map(|name| plain_id(name)).map(|id| item(memory, id)).collect();
    bend(&mut items, faults);
    items
}

/// The basic items of an initial message. `attached` is the number of changed items that will follow.
pub(super) fn opening(
    facts: &Facts,
    reason: &Reason,
    memory: &Memory,
    attached: Option<usize>,
    faults: &Faults,
) -> Vec<Item> {
    let mut items = common(memory, faults);
    let mut add = |name: &str, text: Option<&str>| {
        let Some(id) = plain_id(name) else { return };
        items.push(match text {
            Some(text) => Item::plain(id, text),
            None => item(memory, id),
        });
    };
    if facts.old_basics {
        add("gigabit-ethernet", None);
    } else {
        add("gigabit-ethernet-enabled", None);
        add("backlight-type", None);
    }
    let start_up = matches!(reason, Reason::StartUp);
    if facts.long_start_up && start_up {
        for name in LONG_START_UP {
            add(name, None);
        }
        add("bootstrapping-tan", Some(""));
    } else {
        add("user-pwd", None);
    }
    if matches!(reason, Reason::InventoryChanges) && facts.long_start_up {
        for name in ["key-modules", "blf-modules", "slk-modules", "km15-modules"] {
            add(name, None);
        }
    }
    if let Some(number) = attached {
        add("configuration-attached-flag", Some("true"));
        add("configuration-attached-number", Some(&number.to_string()));
    }
    if facts.old_basics {
        for item in &mut items {
            if item.id.name.as_str() == "gigabit-ethernet" {
                fail(item);
            }
        }
        items.extend(plain_id("user-pwd-unicode").map(|id| {
            let mut item = Item::plain(id, "");
            fail(&mut item);
            item
        }));
    }
    items
}

fn item(memory: &Memory, id: ItemId) -> Item {
    let text = memory.value(&id).unwrap_or(ItemText::EMPTY);
    Item { id, text, status: None }
}

fn fail(item: &mut Item) {
    item.text = ItemText::EMPTY;
    item.status = Some(ItemStatus::Failed);
}

/// Identity as the faults want it: F-35 to F-38.
fn bend(items: &mut Vec<Item>, faults: &Faults) {
    let mut set = |name: &str, text: &str| {
        for item in items.iter_mut().filter(|item| item.id.name.as_str() == name) {
            item.text = ItemText::plain(text);
        }
    };
    for fault in faults.iter() {
        match fault {
            Fault::ForeignMac(mac) => set("mac-addr", mac),
            Fault::OddId => {
                let own = SmolStr::new_static("softclient-17");
                set("mac-addr", &own);
            }
            Fault::OddVersion => {
                set("software-version", "build of Tuesday");
                set("related-software-version", "build of Tuesday");
            }
            _ => {}
        }
    }
    if faults.has(&Fault::NoMac) {
        items.retain(|item| item.id.name.as_str() != "mac-addr");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Model;

    fn names(model: Model, reason: &Reason, attached: Option<usize>) -> Vec<String> {
        let items = opening(model.facts(), reason, &Memory::new(model), attached, &Faults::default());
        items.iter().map(|item| item.id.to_string()).collect()
    }

    #[test]
    fn new_firmware_keeps_the_password_out_of_its_start_up_and_tells_it_otherwise() {
        let start_up = names(Model::OpenStage60V3R1, &Reason::StartUp, None);
        assert!(!start_up.contains(&"user-pwd".to_owned()));
        assert!(start_up.contains(&"cloud-pin-value".to_owned()));
        assert!(names(Model::OpenStage60V3R1, &Reason::Solicited, None).contains(&"user-pwd".to_owned()));
    }

    #[test]
    fn old_firmware_reports_items_as_failed() {
        let model = Model::OpenStage20V2R1;
        let items = opening(model.facts(), &Reason::StartUp, &Memory::new(model), None, &Faults::default());
        let failed: Vec<_> =
            items.iter().filter(|item| item.status.is_some()).map(|item| item.id.to_string()).collect();
        assert_eq!(failed, ["gigabit-ethernet", "user-pwd-unicode"]);
    }

    #[test]
    fn identity_faults_bend_the_mac() {
        let model = Model::OpenStage40V3R5;
        let mac = |fault| {
            let items = common(&Memory::new(model), &Faults::new(vec![fault]));
            let found = items.iter().find(|item| item.id.name.as_str() == "mac-addr");
            found.map(|item| item.text.shown().to_owned())
        };
        assert_eq!(mac(Fault::NoMac), None);
        assert_eq!(mac(Fault::ForeignMac("00:1A:E8:00:00:09".into())).as_deref(), Some("00:1A:E8:00:00:09"));
        assert_eq!(mac(Fault::OddId).as_deref(), Some("softclient-17"));
    }
}
