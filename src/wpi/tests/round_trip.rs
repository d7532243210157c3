//! What is written reads back as it was, and is as long as foretold.

use proptest::{collection::vec, option, prelude::*, sample::select};
use smol_str::SmolStr;

use crate::wpi::{
    Action, Index, Item, ItemId, ItemName, ItemStatus, ItemText, PhoneMessage, Reason, ReplyStatus, Secret,
    ServerMessage,
    phone_message::{Fragment, Nonce},
    xml::{
        Limits,
        text::{is_forbidden, trim},
    },
};

/// Any text that XML can carry, often with what has to be escaped.
fn text() -> impl Strategy<Value = String> {
    let any_char = prop_oneof![
        3 => select(vec!['&', '<', '>', '"', '\'', ';', '#', ' ', '\t', '\n', '\r', ']', 'ä', '\u{85}', '\u{2028}', '\u{FFFD}']),
        3 => proptest::char::range(' ', '~'),
        1 => any::<char>(),
    ];
    vec(any_char, 0..40).prop_map(|chars| chars.into_iter().filter(|c| !is_forbidden(*c)).collect())
}

/// Any text without white space around it, which is never kept.
fn trimmed() -> impl Strategy<Value = String> {
    text().prop_map(|text| trim(&text).to_owned())
}

/// A word: no white space but single blanks inside.
fn word() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

fn name() -> impl Strategy<Value = ItemName> {
    prop_oneof![
        Just("sip-pwd".to_owned()),
        "[A-Za-z][A-Za-z0-9-]{0,30}",
        text().prop_map(|text| text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect()),
    ]
    .prop_filter_map("a name", |name| ItemName::new(&name).ok())
}

fn item() -> impl Strategy<Value = Item> {
    (name(), option::of(any::<u32>()), trimmed(), option::of(word().prop_filter("a word", |word| !word.is_empty())))
        .prop_map(|(name, index, text, status)| Item {
            text: if name.sounds_secret() { ItemText::Secret(Secret::new(text)) } else { ItemText::plain(text) },
            id: ItemId { name, index: index.map(Index) },
            status: status.map(|word| ItemStatus::from_wire(&word)),
        })
}

fn reason() -> impl Strategy<Value = Reason> {
    let status = select(vec![ReplyStatus::Accepted, ReplyStatus::Failed, ReplyStatus::Busy]);
    prop_oneof![
        select(vec![
            Reason::StartUp,
            Reason::LocalChanges,
            Reason::InventoryChanges,
            Reason::Status,
            Reason::Solicited,
            Reason::CleanUp,
        ]),
        (trimmed(), status).prop_map(|(action, status)| Reason::ReplyTo { action: action.into(), status }),
        trimmed()
            .prop_filter("unknown", |word| !["start-up", "reply-to", "status", "solicited", "clean-up"]
                .contains(&&**word))
            .prop_map(|word| Reason::Unknown(word.into())),
    ]
}

fn nonce() -> impl Strategy<Value = Nonce> {
    prop_oneof!["[0-9A-F]{32}", "[0-9a-f]{23}", text()].prop_map(|nonce| Nonce(SmolStr::new(nonce)))
}

fn phone_message() -> impl Strategy<Value = PhoneMessage> {
    let fragment = select(vec![Fragment::Next, Fragment::Final]);
    (option::of(nonce()), option::of(1u32..), fragment, reason(), vec(item(), 0..12)).prop_map(
        |(nonce, max_items, fragment, reason, items)| PhoneMessage { nonce, max_items, fragment, reason, items },
    )
}

fn server_message() -> impl Strategy<Value = ServerMessage> {
    let action = select(vec![
        Action::ReadAllItems,
        Action::ReadItems,
        Action::WriteItems,
        Action::Restart,
        Action::FileDeployment,
        Action::SoftwareDeployment,
        Action::GetNextFragment,
        Action::CleanUp,
    ]);
    (nonce(), action, vec(item(), 0..12)).prop_map(|(nonce, action, items)| ServerMessage { nonce, action, items })
}

proptest! {
    #[test]
    fn a_phones_message_reads_back(message in phone_message()) {
        let (read, left_out) = PhoneMessage::decode_counting(message.encode().as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(read, message);
        prop_assert_eq!(left_out, 0);
    }

    #[test]
    fn a_servers_message_reads_back_strictly_and_leniently(message in server_message()) {
        let body = message.encode();
        for lenient in [false, true] {
            let read = ServerMessage::decode(body.as_bytes(), &Limits::default(), lenient).unwrap();
            prop_assert_eq!(&read, &message);
        }
    }

    #[test]
    fn the_length_foretold_is_the_length_written(message in server_message(), odd in any::<String>()) {
        let mut message = message;
        message.items.push(Item::plain(ItemId { name: ItemName::new("a").unwrap(), index: None }, odd));
        let items: usize = message.items.iter().map(ServerMessage::encoded_item_len).sum();
        let frame = ServerMessage::encoded_frame_len(&message.nonce, message.action);
        prop_assert_eq!(message.encode().len(), frame + items);
        let bound = |item| ServerMessage::encoded_item_bound(item) >= ServerMessage::encoded_item_len(item);
        prop_assert!(message.items.iter().all(bound));
    }

    #[test]
    fn an_item_reads_the_same_however_its_element_is_written(message in phone_message()) {
        let body = message.encode();
        let read = |body: &str| PhoneMessage::decode(body.as_bytes(), &Limits::default()).unwrap();
        for (usual, other) in [("<Item ", "<Item\t"), ("</Item>", "</Item >"), ("<Item ", "\r\n  <Item "), ("<Item ", "<x:y/><Item ")] {
            prop_assert_eq!(read(&body.replace(usual, other)), read(&body), "{} {}", usual, other);
        }
        prop_assert_eq!(read(&body), message);
    }

    #[test]
    fn whatever_a_value_holds_the_message_stays_well_formed(odd in any::<String>()) {
        let item = Item::plain(ItemId { name: ItemName::new("a").unwrap(), index: None }, odd.clone());
        let message = ServerMessage { nonce: Nonce("N".into()), action: Action::WriteItems, items: vec![item] };
        let read = ServerMessage::decode(message.encode().as_bytes(), &Limits::default(), false).unwrap();
        let kept: String = odd.chars().filter(|c| !is_forbidden(*c)).collect();
        prop_assert_eq!(read.items[0].text.as_plain(), Some(trim(&kept)));
    }
}
