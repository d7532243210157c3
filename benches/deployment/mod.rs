//! The deployment that both benches of whole sessions use: two profiles with 54 items, phones with 6 items of their own,
//! each in a file of its own, and what such a phone says.

use std::fmt::Write;

use phoneops::wpi::{
    Index, Item, ItemId, ItemName, PhoneMessage, Reason, ReplyStatus,
    phone_message::{Fragment, Nonce},
};

/// Items that each phone is to have.
pub(crate) const MANAGED: usize = 60;

/// A nonce as long as phones send it.
pub(crate) const NONCE: &str = "5A0C11D2E3F4051627384950A1B2C3D4";

/// Of the profile `fleet`.
const FLEET: [(&str, &str); 32] = [
    ("audio-silence-suppression", "false"),
    ("auto-daylight-save", "true"),
    ("blf-code", "*8"),
    ("busy-when-dialling-enabled", "false"),
    ("call-join-enabled", "true"),
    ("call-pickup-allowed", "true"),
    ("call-transfer-enabled", "true"),
    ("callback-busy-code", "*37"),
    ("Canonical-dialing-external-access", "0"),
    ("Canonical-dialing-international-prefix", "00"),
    ("Canonical-dialing-local-country-code", "49"),
    ("Canonical-dialing-min-local-number-length", "4"),
    ("Canonical-dialing-national-prefix", "0"),
    ("conference-factory-uri", "conference@pbx.example"),
    ("context-menu-auto-hide-time", "20"),
    ("country-iso", "DE"),
    ("daylight-save", "true"),
    ("daylight-save-zone-id", "9"),
    ("dss-sip-detect-timer", "10"),
    ("hot-keypad-dialing", "false"),
    ("idle-missed-calls", "true"),
    ("initial-digit-timer", "30"),
    ("join-allowed-in-conference", "true"),
    ("keyset-reservation-timer", "60"),
    ("l2qos-signalling", "3"),
    ("l2qos-voice", "5"),
    ("l3qos-signalling", "26"),
    ("l3qos-voice", "46"),
    ("line-button-mode", "0"),
    ("MWI-new-show", "true"),
    ("session-duration", "3600"),
    ("transfer-on-ring", "true"),
];

/// Of the profile `site-berlin`, which builds on it.
const SITE: [(&str, &str); 10] = [
    ("Canonical-dialing-local-area-code", "30"),
    ("default-domain", "berlin.example"),
    ("mwi-e164", "4930123499"),
    ("pickup-group-uri", "sip:pickup-berlin@pbx.example"),
    ("qos-layer2", "true"),
    ("registrar-addr", "192.0.2.20"),
    ("registrar-port", "5060"),
    ("sntp-addr", "ntp.berlin.example"),
    ("sntp-addr-backup", "192.0.2.123"),
    ("sntp-tz-offset", "60"),
];

/// Of `site-berlin` too: indexed ones.
const INDEXED: [(&str, [u32; 6], &str); 2] = [
    ("feature-availability", [2, 5, 11, 14, 20, 30], "true"),
    ("locked-local-function-menus", [1, 3, 4, 5, 7, 9], "true"),
];

/// The files of a deployment of `phones` phones: path and text.
pub(crate) fn files(phones: usize) -> Vec<(String, String)> {
    let mut fleet = profile("fleet", "");
    for (name, value) in FLEET {
        line(&mut fleet, name, value);
    }
    let mut site = profile("site-berlin", "  profiles: [fleet]\n  site: berlin\n  policy: {mode: Enforce}\n");
    for (name, value) in SITE {
        line(&mut site, name, value);
    }
    for (name, indexes, value) in INDEXED {
        let values: Vec<String> = indexes.into_iter().map(|index| format!("{index}: {value}")).collect();
        writeln!(site, "    {name}: {{{}}}", values.join(", ")).expect("a text");
    }
    let berlin = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\n\
                  spec: {networks: [127.0.0.0/8, 192.0.2.0/24]}\n";
    let mut files =
        vec![("fleet.yaml".to_owned(), fleet), ("sites/berlin.yaml".to_owned(), format!("{berlin}---\n{site}"))];
    files.extend((0..phones).map(|number| (format!("phones/room-{number:05}.yaml"), phone(number))));
    files
}

fn profile(name: &str, fields: &str) -> String {
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: {name}}}\nspec:\n{fields}  items:\n"
    )
}

/// Booleans and numbers of up to four digits stand plain, all else quoted; texts of digits that people call numbers
/// (phone numbers, prefixes) too.
fn line(yaml: &mut String, name: &str, value: &str) {
    let text = ["Canonical", "callback", "e164"].iter().any(|part| name.contains(part)) && !name.contains("length");
    let plain = value == "true" || value == "false" || value.parse::<u16>().is_ok();
    let quote = if plain && !text { "" } else { "\"" };
    writeln!(yaml, "    {name}: {quote}{value}{quote}").expect("a text");
}

fn phone(number: usize) -> String {
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: room-{number:05}, labels: {{ward: \"{}\"}}}}\n\
         spec:\n  phone: {{mac: \"{}\"}}\n  profiles: [site-berlin]\n  items:\n    e164: \"{e164}\"\n    display-id-unicode: \"Room {number}\"\n\
         \x20 byIndex:\n    2: {{function-key-def: 59, key-label-unicode: \"Ward {}\", stimulus-led-control-uri: \"{}\", blf-audible: true}}\n",
        number % 40,
        mac(number),
        number % 40,
        neighbour(number),
        e164 = e164(number),
    )
}

/// The identity of a phone.
pub(crate) fn mac(number: usize) -> String {
    format!("00:1A:E8:{:02X}:{:02X}:{:02X}", number >> 16 & 0xFF, number >> 8 & 0xFF, number & 0xFF)
}

fn e164(number: usize) -> String {
    format!("4930{number:06}")
}

fn neighbour(number: usize) -> String {
    e164(number + 1)
}

/// The start-up message of a phone at that address.
pub(crate) fn start_up(number: usize, address: &str) -> PhoneMessage {
    let basic = [
        ("device-type", "OpenStage 40".to_owned()),
        ("related-device-type", "OpenStage 40".to_owned()),
        ("software-type", "Siemens SIP".to_owned()),
        ("software-version", "V3 R5.12.0".to_owned()),
        ("contact-me-uri", format!("http://{address}:8085/contact_dls.html/ContactDLS")),
        ("mac-addr", mac(number)),
        ("configuration-changed-flag", "true".to_owned()),
        ("part-number", "S30817-S7402-A103-15".to_owned()),
        ("sip-mobility-state", "0".to_owned()),
        ("e164", e164(number)),
        ("basic-e164", e164(number)),
        ("mobility-enabled", "false".to_owned()),
    ];
    let items = basic.into_iter().map(|(name, value)| item(name, None, &value)).collect();
    message(Reason::StartUp, items)
}

/// The reply to ReadItems of all managed items, from a phone that has them all; in the order in which it was asked.
pub(crate) fn reply(number: usize) -> PhoneMessage {
    let plain = FLEET.into_iter().chain(SITE).map(|(name, value)| item(name, None, value));
    let indexed =
        INDEXED.into_iter().flat_map(|(name, indexes, value)| indexes.map(|index| item(name, Some(index), value)));
    let ward = format!("Ward {}", number % 40);
    let own = [
        item("e164", None, &e164(number)),
        item("display-id-unicode", None, &format!("Room {number}")),
        item("function-key-def", Some(2), "59"),
        item("key-label-unicode", Some(2), &ward),
        item("stimulus-led-control-uri", Some(2), &neighbour(number)),
        item("blf-audible", Some(2), "true"),
    ];
    let mut items: Vec<Item> = plain.chain(indexed).chain(own).collect();
    items.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(items.len(), MANAGED);
    message(Reason::ReplyTo { action: "ReadItems".into(), status: ReplyStatus::Accepted }, items)
}

fn message(reason: Reason, items: Vec<Item>) -> PhoneMessage {
    PhoneMessage { nonce: Some(Nonce(NONCE.into())), max_items: None, fragment: Fragment::Final, reason, items }
}

fn item(name: &str, index: Option<u32>, value: &str) -> Item {
    Item::plain(ItemId { name: ItemName::new(name).expect("a name"), index: index.map(Index) }, value)
}
