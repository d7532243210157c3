//! What phones of older firmware take otherwise, or not at all (section 13 of the protocol).

use crate::wpi::{FirmwareProfile, Item};

/// Why a phone of this profile cannot take the item. A secret is no exception: garbled, it would lock the phone out.
pub(super) fn refuses(profile: &FirmwareProfile, item: &Item) -> Option<&'static str> {
    let name = item.id.name.as_str();
    if !profile.decodes_entities && item.text.has_markup() {
        return Some("this firmware cannot read a value with <, > or & (R-616)");
    }
    if !profile.free_passwords && is_login_password(name) && !item.text.is_six_digits() {
        return Some("passwords of firmware V1 and V2 are exactly six digits, 000000 for none (R-1213)");
    }
    if !profile.alert_file && name == "alert" && item.text.as_plain().is_some_and(has_file) {
        return Some("the fifth field of alert, the file, is known from firmware V3R3 on (R-1208)");
    }
    if name == "locked-config-menus" && item.id.index.is_some_and(|index| index.0 > profile.config_menus) {
        return Some("before firmware V3R1 locked-config-menus has the indexes 1 to 66");
    }
    None
}

/// `alert` with as many fields as the phone reported, at least one and as many as the firmware knows (R-1208).
pub(super) fn form_for(profile: &FirmwareProfile, item: &Item, reported: Option<&str>) -> Option<String> {
    let text = item.text.as_plain().filter(|text| item.id.name.as_str() == "alert" && !text.is_empty())?;
    let known = if profile.alert_file { 5 } else { 4 };
    let told = reported.filter(|reported| reported.contains('^')).map_or(known, |reported| fields(reported).min(known));
    let mut form = text.to_owned();
    while fields(&form) < told {
        form.push('^');
    }
    while fields(&form) > told && form.ends_with('^') {
        form.pop();
    }
    (form != text).then_some(form)
}

fn fields(text: &str) -> usize {
    text.matches('^').count() + 1
}

fn has_file(alert: &str) -> bool {
    alert.split('^').nth(4).is_some_and(|file| !file.is_empty())
}

/// The passwords of the phone's own log-ins; those of accounts elsewhere are what they are there.
fn is_login_password(name: &str) -> bool {
    matches!(name, "admin-pwd" | "admin-pwd-unicode" | "user-pwd" | "user-pwd-unicode")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wpi::{Index, ItemId, ItemName, ItemText, Secret};

    fn phone(firmware: &str) -> FirmwareProfile {
        FirmwareProfile::of(Some("OpenStage 40"), Some(firmware))
    }

    fn item(name: &str, index: Option<u32>, text: &str) -> Item {
        Item::plain(ItemId::new(ItemName::new(name).unwrap(), index.map(Index)), text)
    }

    fn secret(name: &str, text: &str) -> Item {
        Item { text: ItemText::Secret(Secret::new(text)), ..item(name, None, "") }
    }

    #[test]
    fn a_password_of_old_firmware_is_six_digits() {
        for firmware in ["V1 R5.6.0", "V2 R2.30.0"] {
            for name in ["admin-pwd", "user-pwd-unicode"] {
                assert!(refuses(&phone(firmware), &secret(name, "12345")).unwrap().contains("R-1213"));
                assert!(refuses(&phone(firmware), &secret(name, "abcdef")).is_some());
                assert_eq!(refuses(&phone(firmware), &secret(name, "000000")), None);
            }
            assert_eq!(refuses(&phone(firmware), &secret("sip-pwd", "long enough")), None, "the account's own");
        }
        assert_eq!(refuses(&phone("V3 R0.1"), &secret("admin-pwd", "long enough")), None);
        let cp = FirmwareProfile::of(Some("OpenScape Desk Phone CP210"), Some("V1 R10.2.2"));
        assert_eq!(refuses(&cp, &secret("admin-pwd", "long enough")), None, "R-523: CP phones count on their own");
    }

    #[test]
    fn the_file_of_an_alert_needs_firmware_that_knows_it() {
        let with_file = item("alert", Some(1), "internal^7^2^60^bell.mp3");
        assert!(refuses(&phone("V3 R2.9"), &with_file).unwrap().contains("V3R3"));
        assert_eq!(refuses(&phone("V3 R3.0"), &with_file), None);
        assert_eq!(refuses(&phone("V3 R2.9"), &item("alert", Some(1), "internal^7^2^60^")), None);
    }

    #[test]
    fn an_alert_goes_with_as_many_fields_as_the_phone_reports() {
        let form = |firmware, text, reported| form_for(&phone(firmware), &item("alert", Some(1), text), reported);
        assert_eq!(form("V3 R5", "a^1^2^60", Some("^^^^")).as_deref(), Some("a^1^2^60^"));
        assert_eq!(form("V3 R5", "a^1^2^60", None).as_deref(), Some("a^1^2^60^"));
        assert_eq!(form("V3 R5", "a^1^2^60", Some("^^^")), None);
        assert_eq!(form("V3 R1", "a^1^2^60^", Some("^^^")).as_deref(), Some("a^1^2^60"));
        assert_eq!(form("V3 R5", "a^1^2^60^x.mp3", Some("^^^")), None, "nothing is cut off");
        assert_eq!(form("V3 R5", "", Some("^^^^")), None);
        assert_eq!(form_for(&phone("V3 R5"), &item("e164", None, "1"), None), None);
    }

    #[test]
    fn old_firmware_has_fewer_menus_to_lock() {
        let menu = |index| item("locked-config-menus", Some(index), "true");
        assert!(refuses(&phone("V3 R0.9"), &menu(67)).is_some());
        assert_eq!(refuses(&phone("V3 R0.9"), &menu(66)), None);
        assert_eq!(refuses(&phone("V3 R1.0"), &menu(79)), None);
    }
}
