//! A phone's message, form by form.

use super::*;
use crate::wpi::{Index, Item, ItemId, ItemName, ItemStatus, ItemText, Secret};

fn decode(body: &str) -> PhoneMessage {
    PhoneMessage::decode(body.as_bytes(), &Limits::default()).unwrap()
}

fn with_reason(reason: &str) -> PhoneMessage {
    decode(&format!("<WorkpointMessage><Message nonce=\"A1\">{reason}</Message></WorkpointMessage>"))
}

fn category(body: &str) -> &'static str {
    PhoneMessage::decode(body.as_bytes(), &Limits::default()).unwrap_err().category()
}

const REPLY: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<WorkpointMessage xmlns="http://www.siemens.com/DLS"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.siemens.com/DLS">
  <Message nonce="5A0C11D2E3F4051627384950A1B2C3D4" maxItems="-1" fragment="final">
<ReasonForContact action="WriteItems" status="accepted">reply-to</ReasonForContact>
<ItemList><Item name="device-type" status="read only"></Item></ItemList>
  </Message>
</WorkpointMessage>
"#;

#[test]
fn the_reply_of_the_protocol_is_read() {
    let message = decode(REPLY);
    assert_eq!(message.nonce, Some(Nonce("5A0C11D2E3F4051627384950A1B2C3D4".into())));
    assert_eq!((message.max_items, message.fragment), (None, Fragment::Final));
    assert_eq!(message.reason, Reason::ReplyTo { action: "WriteItems".into(), status: ReplyStatus::Accepted });
    assert!(!message.reason.is_initial());
    assert_eq!(message.items.len(), 1);
    assert_eq!(message.items[0].status, Some(ItemStatus::ReadOnly));
    assert_eq!(message.value("device-type"), None, "an item with a status has no value");
}

#[test]
fn prefixes_order_and_white_space_make_no_difference() {
    // R-501
    let message = decode(
        "\u{FEFF}\n<d:WorkpointMessage xmlns:d='urn:x'>\r\n<d:Message\n fragment='next'\n maxItems=' 20 '\n nonce='a b'\n>\
         <!-- a --><d:ReasonForContact>\n  start-up\r\n </d:ReasonForContact><?pi x?>\
         <d:ItemList ><d:Item  d:index = '3' name='e164' >\n 4930 1 \t</d:Item></d:ItemList>\
         </d:Message></d:WorkpointMessage>\r\n ",
    );
    assert_eq!(message.reason, Reason::StartUp);
    assert!(message.reason.is_initial());
    assert_eq!((message.max_items, message.fragment), (Some(20), Fragment::Next));
    assert_eq!(message.nonce, Some(Nonce("a b".into())));
    assert_eq!(message.items[0], Item::plain(id("e164", Some(3)), "4930 1"));
}

fn id(name: &str, index: Option<u32>) -> ItemId {
    ItemId { name: ItemName::new(name).unwrap(), index: index.map(Index) }
}

#[test]
fn a_nonce_keeps_every_byte() {
    // R-503, F-1, F-2
    for nonce in ["5a0c11d2e3f40516273849f", " A  b ", "&lt;&#10;\"", "\n"] {
        let raw = nonce.replace('"', "&quot;");
        let body = format!(
            "<WorkpointMessage><Message nonce=\"{raw}\"><ReasonForContact>status</ReasonForContact></Message></WorkpointMessage>"
        );
        let message = decode(&body);
        assert_eq!(message.nonce.clone().unwrap().0, nonce.replace("&lt;&#10;", "<\n"));
        assert_eq!(decode(&message.encode()), message);
    }
    let without = "<WorkpointMessage><Message><ReasonForContact>status</ReasonForContact></Message></WorkpointMessage>";
    assert_eq!(decode(without).nonce, None);
}

#[test]
fn references_and_sections_are_joined_before_white_space_goes() {
    let message = with_reason(
        "<ReasonForContact>&#115;ta<!-- x -->rt<![CDATA[-up]]></ReasonForContact>\
         <ItemList><Item name='a'> x&amp;y &lt;&#x7A;&gt;<![CDATA[ & ]]>&#32;</Item></ItemList>",
    );
    assert_eq!(message.reason, Reason::StartUp);
    assert_eq!(message.value("a"), Some("x&y <z> &"));
}

#[test]
fn the_status_of_a_reply_is_compared_without_case_and_strange_words_failed() {
    // R-515
    for (word, expected) in [
        ("accepted", ReplyStatus::Accepted),
        ("Accepted", ReplyStatus::Accepted),
        ("BUSY", ReplyStatus::Busy),
        ("failed", ReplyStatus::Failed),
        ("occupied", ReplyStatus::Failed),
        ("", ReplyStatus::Failed),
    ] {
        let reason = format!("<ReasonForContact status='{word}' action='ReadItems'>reply-to</ReasonForContact>");
        let expected = Reason::ReplyTo { action: "ReadItems".into(), status: expected };
        assert_eq!(with_reason(&reason).reason, expected, "{word}");
    }
    let bare = with_reason("<ReasonForContact>reply-to</ReasonForContact>");
    assert_eq!(bare.reason, Reason::ReplyTo { action: "".into(), status: ReplyStatus::Failed });
}

#[test]
fn a_fragment_may_stand_on_the_reason_too_and_the_message_wins() {
    // R-505
    let on_reason = with_reason("<ReasonForContact fragment='next'>reply-to</ReasonForContact>");
    assert_eq!(on_reason.fragment, Fragment::Next);
    let both = decode(
        "<WorkpointMessage><Message fragment='final'><ReasonForContact fragment='next'>reply-to</ReasonForContact>\
         </Message></WorkpointMessage>",
    );
    assert_eq!(both.fragment, Fragment::Final);
}

#[test]
fn most_items_is_a_number_or_no_limit() {
    // R-504
    for (text, expected) in [("-1", None), ("", None), ("many", None), ("0", None), ("25", Some(25))] {
        let body = format!(
            "<WorkpointMessage><Message maxItems='{text}'><ReasonForContact>status</ReasonForContact></Message></WorkpointMessage>"
        );
        assert_eq!(decode(&body).max_items, expected, "{text}");
    }
}

#[test]
fn unknown_items_statuses_reasons_and_elements_never_reject_a_message() {
    // R-507, R-517
    let message = with_reason(
        "<New x='1'><Deep>y</Deep></New><ReasonForContact>moon-phase</ReasonForContact>\
         <ItemList><Else/><Item name='XML-app-Name' type='t' status='lunar &#10; eclipse'>v<b>no</b>w</Item></ItemList>",
    );
    assert_eq!(message.reason, Reason::Unknown("moon-phase".into()));
    assert_eq!(message.items[0].id.name.as_str(), "XML-app-Name");
    assert_eq!(message.items[0].status, Some(ItemStatus::Other("lunar eclipse".into())));
    assert_eq!(message.items[0].text.as_plain(), Some("vw"));
}

#[test]
fn index_zero_differs_from_no_index_and_a_senseless_item_is_left_out_and_counted() {
    // R-506, R-507
    let body = "<WorkpointMessage><Message><ReasonForContact>status</ReasonForContact><ItemList>\
         <Item name='a'>1</Item><Item name='a' index='0'>2</Item><Item name='a' index=''>3</Item>\
         <Item name='a' index='x'>4</Item><Item name='a' index='-1'>5</Item><Item name='a b'>6</Item>\
         <Item name=''>7</Item><Item>8</Item></ItemList></Message></WorkpointMessage>";
    let (message, left_out) = PhoneMessage::decode_counting(body.as_bytes(), &Limits::default()).unwrap();
    let indexes: Vec<_> = message.items.iter().map(|item| item.id.index).collect();
    assert_eq!(indexes, [None, Some(Index(0)), None]);
    assert_eq!(left_out, 5);
}

#[test]
fn a_value_whose_name_sounds_secret_never_shows() {
    // R-1109: `user-pwd` comes in clear
    let message = with_reason(
        "<ReasonForContact>start-up</ReasonForContact><ItemList><Item name='user-pwd'>hunter2</Item></ItemList>",
    );
    assert_eq!(message.items[0].text, ItemText::Secret(Secret::new("hunter2")));
    assert_eq!(message.value("user-pwd"), None);
    assert!(!format!("{message:?}").contains("hunter2"));
    assert!(message.encode().contains(">hunter2<"));
}

#[test]
fn a_message_without_what_it_needs_is_refused_in_clear_words_and_can_be_answered() {
    // R-214
    let reason = "<ReasonForContact>status</ReasonForContact>";
    for (body, expected) in [
        ("<WorkpointMessage/>".to_owned(), "missing-element"),
        ("<WorkpointMessage><Message nonce='N'/></WorkpointMessage>".to_owned(), "missing-element"),
        (format!("<WorkpointMessage>{reason}</WorkpointMessage>"), "missing-element"),
        (
            format!("<WorkpointMessage><Message nonce='N'>{reason}{reason}</Message></WorkpointMessage>"),
            "repeated-element",
        ),
        (
            format!("<WorkpointMessage><Message>{reason}</Message><Message>{reason}</Message></WorkpointMessage>"),
            "repeated-element",
        ),
    ] {
        let error = PhoneMessage::decode(body.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.category(), expected, "{body}");
        assert!(error.is_answerable());
        assert_eq!(error.nonce().is_some(), body.contains("nonce"), "{body}");
    }
}

#[test]
fn another_document_is_no_message() {
    assert_eq!(category(""), "empty");
    assert_eq!(category(" \n "), "empty");
    assert_eq!(category("hello"), "not-well-formed");
    assert_eq!(category("<DLSMessage/>"), "wrong-root");
    let error = PhoneMessage::decode(b"<DLSMessage/>", &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "the message starts with `DLSMessage`, expected `WorkpointMessage`");
    assert!(!error.is_answerable());
}

#[test]
fn a_phone_marks_its_replies_as_final_and_its_initial_messages_not() {
    // R-1503
    let mut message = PhoneMessage {
        nonce: Some(Nonce("N".into())),
        max_items: None,
        fragment: Fragment::Final,
        reason: Reason::Solicited,
        items: Vec::new(),
    };
    assert!(message.encode().contains("<Message nonce=\"N\" maxItems=\"-1\"><ReasonForContact>solicited<"));
    message.reason = Reason::CleanUp;
    assert!(message.encode().contains("<Message nonce=\"N\" maxItems=\"-1\" fragment=\"final\">"));
    message.fragment = Fragment::Next;
    assert!(message.encode().contains("fragment=\"next\""));
}
