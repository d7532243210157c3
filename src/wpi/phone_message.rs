//! What a phone sends: `WorkpointMessage` (R-501 to R-524), decoded by the service and encoded by the simulator.

use std::fmt;

use quick_xml::events::BytesStart;
use smol_str::{SmolStr, format_smolstr};

use super::{
    item::Item,
    item_list::{ItemList, item_len, push_list},
    xml::{
        DecodeError, Limits,
        error::{Fault, bearable},
        pull::{Pull, local},
        text::{readable, trim},
        write::{Place, push_attribute, push_escaped, push_root},
    },
};

/// The opaque text that the answer repeats byte for byte (R-503, R-603).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(pub SmolStr);

/// Which part of a reply this is (R-505); absent means final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fragment {
    /// More parts follow; ask with `GetNextFragment`.
    Next,
    /// The last or only part.
    #[default]
    Final,
}

impl Fragment {
    fn from_wire(word: &str) -> Self {
        if word.eq_ignore_ascii_case("next") { Self::Next } else { Self::Final }
    }
}

/// How the phone took the last action (R-515). Compared without case; other words count as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyStatus {
    /// Taken; single items may still have been refused (R-516).
    Accepted,
    /// Not accepted or not supported.
    Failed,
    /// The phone is in a call.
    Busy,
}

impl ReplyStatus {
    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Busy => "busy",
        }
    }

    fn from_wire(word: &str) -> Self {
        [Self::Accepted, Self::Busy]
            .into_iter()
            .find(|status| word.eq_ignore_ascii_case(status.as_str()))
            .unwrap_or(Self::Failed)
    }
}

impl fmt::Display for ReplyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why the phone calls (R-508 to R-514).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// `start-up`: every start or reset.
    StartUp,
    /// `local-changes`: a change by menu or web page.
    LocalChanges,
    /// `inventory-changes`: a module or adapter, or mobility.
    InventoryChanges,
    /// `status`: a file transfer ended.
    Status,
    /// `solicited`: after contact-me, a poll or a kept wish.
    Solicited,
    /// `reply-to`: the answer to the last action.
    ReplyTo {
        /// The action answered, as the phone wrote it.
        action: SmolStr,
        /// How it went.
        status: ReplyStatus,
    },
    /// `clean-up`: the phone gives up.
    CleanUp,
    /// Any other word, verbatim: answered by `CleanUp` (R-214).
    Unknown(SmolStr),
}

impl Reason {
    /// Whether this opens a flow (R-209): everything but `reply-to` and `clean-up`.
    pub fn is_initial(&self) -> bool {
        !matches!(self, Self::ReplyTo { .. } | Self::CleanUp)
    }

    /// The word of the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::StartUp => "start-up",
            Self::LocalChanges => "local-changes",
            Self::InventoryChanges => "inventory-changes",
            Self::Status => "status",
            Self::Solicited => "solicited",
            Self::ReplyTo { .. } => "reply-to",
            Self::CleanUp => "clean-up",
            Self::Unknown(word) => word,
        }
    }

    fn from_wire(word: &str, action: SmolStr, status: ReplyStatus) -> Self {
        match word {
            "start-up" => Self::StartUp,
            "local-changes" => Self::LocalChanges,
            "inventory-changes" => Self::InventoryChanges,
            "status" => Self::Status,
            "solicited" => Self::Solicited,
            "reply-to" => Self::ReplyTo { action, status },
            "clean-up" => Self::CleanUp,
            other => Self::Unknown(SmolStr::new(other)),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One message of a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneMessage {
    /// The nonce; a message without one is answered by `CleanUp` with an empty one (R-214).
    pub nonce: Option<Nonce>,
    /// Most items the phone takes in one message; `None` = no limit: -1, absent, 0 or no number (R-504).
    pub max_items: Option<u32>,
    /// Which part this is.
    pub fragment: Fragment,
    /// Why the phone calls.
    pub reason: Reason,
    /// The items; values whose names sound secret (R-1109) are in custody already.
    pub items: Vec<Item>,
}

impl PhoneMessage {
    /// Reads one message (pull parser, local names, bounded, no DTD).
    pub fn decode(body: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        Self::decode_counting(body, limits).map(|(message, _)| message)
    }

    /// The same, with the number of `Item` elements that are left out because no item can be told from them: without a
    /// usable name, or with an index that is no number (R-507).
    pub fn decode_counting(body: &[u8], limits: &Limits) -> Result<(Self, usize), DecodeError> {
        let text = readable(body, limits)?;
        let mut pull = Pull::new(&text, limits);
        let root = pull.root().map_err(|fault| pull.explain(fault))?;
        let found = root.local_name().into_inner();
        if found != ROOT {
            return Err(DecodeError::WrongRoot { found: bearable(found), expected: ROOT });
        }
        let mut draft = Draft { list: ItemList::for_body(text.len()), ..Draft::default() };
        draft.read(&mut pull, &root).map_err(|fault| pull.explain(fault))?;
        draft.finish()
    }

    /// Writes the message as a phone does (for simulators).
    pub fn encode(&self) -> String {
        let items: usize = self.items.iter().map(item_len).sum();
        let mut out = String::with_capacity(items + 512);
        push_root(&mut out, ROOT);
        out.push_str("<Message");
        if let Some(Nonce(nonce)) = &self.nonce {
            push_attribute(&mut out, "nonce", nonce);
        }
        match self.max_items {
            Some(count) => push_attribute(&mut out, "maxItems", &format_smolstr!("{count}")),
            None => push_attribute(&mut out, "maxItems", "-1"),
        }
        match self.fragment {
            Fragment::Next => push_attribute(&mut out, "fragment", "next"),
            Fragment::Final if !self.reason.is_initial() => push_attribute(&mut out, "fragment", "final"),
            Fragment::Final => {}
        }
        out.push_str("><ReasonForContact");
        if let Reason::ReplyTo { action, status } = &self.reason {
            push_attribute(&mut out, "action", action);
            push_attribute(&mut out, "status", status.as_str());
        }
        out.push('>');
        push_escaped(&mut out, self.reason.as_str(), Place::Text);
        out.push_str("</ReasonForContact>");
        push_list(&mut out, &self.items);
        out.push_str("</Message></WorkpointMessage>");
        out
    }

    /// The first item of that name without an index, where it has no status.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.items
            .iter()
            .find(|item| item.id.index.is_none() && item.id.name.as_str() == name && item.status.is_none())
            .and_then(|item| item.text.as_plain())
    }
}

const ROOT: &str = "WorkpointMessage";

/// What is known of a message while it is read.
#[derive(Default)]
struct Draft {
    messages: usize,
    reasons: usize,
    nonce: Option<Nonce>,
    max_items: Option<u32>,
    fragment: Option<Fragment>,
    reason: Option<Reason>,
    list: ItemList,
}

impl Draft {
    fn read<'a>(&mut self, pull: &mut Pull<'a>, root: &BytesStart<'a>) -> Result<(), Fault> {
        pull.attributes(root, |_, _| {})?;
        while let Some(child) = pull.child()? {
            match child.local_name().into_inner() {
                "Message" => self.read_message(pull, &child)?,
                _ => pull.skip(&child)?,
            }
        }
        pull.finish()
    }

    fn read_message<'a>(&mut self, pull: &mut Pull<'a>, start: &BytesStart<'a>) -> Result<(), Fault> {
        self.messages += 1;
        if self.messages > 1 {
            return pull.skip(start);
        }
        pull.attributes(start, |name, text| match local(name) {
            "nonce" => self.nonce = Some(Nonce(SmolStr::new(text))),
            "maxItems" => self.max_items = trim(text).parse().ok().filter(|count| *count > 0),
            "fragment" => self.fragment = Some(Fragment::from_wire(trim(text))),
            _ => {}
        })?;
        while let Some(child) = pull.child()? {
            match child.local_name().into_inner() {
                "ReasonForContact" => self.read_reason(pull, &child)?,
                "ItemList" => {
                    pull.attributes(&child, |_, _| {})?;
                    self.list.read(pull, false)?;
                }
                _ => pull.skip(&child)?,
            }
        }
        Ok(())
    }

    fn read_reason<'a>(&mut self, pull: &mut Pull<'a>, start: &BytesStart<'a>) -> Result<(), Fault> {
        self.reasons += 1;
        let (mut action, mut status) = (SmolStr::default(), ReplyStatus::Failed);
        pull.attributes(start, |name, text| match local(name) {
            "action" => action = SmolStr::new(trim(text)),
            "status" => status = ReplyStatus::from_wire(trim(text)),
            "fragment" if self.fragment.is_none() => self.fragment = Some(Fragment::from_wire(trim(text))),
            _ => {}
        })?;
        let word = pull.text()?;
        self.reason = Some(Reason::from_wire(&word, action, status));
        Ok(())
    }

    fn finish(self) -> Result<(PhoneMessage, usize), DecodeError> {
        let Self { nonce, max_items, fragment, reason, list, .. } = self;
        for (element, count) in [("Message", self.messages), ("ReasonForContact", self.reasons)] {
            match count {
                0 => return Err(DecodeError::Missing { element, nonce }),
                1 => {}
                _ => return Err(DecodeError::Repeated { element, nonce }),
            }
        }
        let Some(reason) = reason else {
            return Err(DecodeError::Missing { element: "ReasonForContact", nonce });
        };
        let fragment = fragment.unwrap_or_default();
        Ok((PhoneMessage { nonce, max_items, fragment, reason, items: list.items }, list.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wpi::{Index, ItemStatus, ItemText};

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
        assert_eq!(message.items[0], Item::plain("e164".parse_id(Some(3)), "4930 1"));
    }

    trait ParseId {
        fn parse_id(&self, index: Option<u32>) -> crate::wpi::ItemId;
    }

    impl ParseId for str {
        fn parse_id(&self, index: Option<u32>) -> crate::wpi::ItemId {
            crate::wpi::ItemId { name: crate::wpi::ItemName::new(self).unwrap(), index: index.map(Index) }
        }
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
        let without =
            "<WorkpointMessage><Message><ReasonForContact>status</ReasonForContact></Message></WorkpointMessage>";
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
        assert_eq!(message.items[0].text, ItemText::Secret(crate::wpi::Secret::new("hunter2")));
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
}
