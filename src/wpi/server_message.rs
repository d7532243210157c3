//! What a phone is sent: `DLSMessage`, encoded by the service and decoded by the simulator.

use std::fmt;

use super::{
    item::Item,
    item_list::{LIST_LEN, item_bound, item_len, item_room, push_list},
    phone_message::Nonce,
    xml::{
        DecodeError, Limits,
        write::{Place, escaped_len, push_attribute, push_root},
    },
};

mod decode;

/// The names of the actions are case-sensitive; there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    ///
    ReadAllItems,
    ///
    ReadItems,
    ///
    WriteItems,
    ///
    Restart,
    ///
    FileDeployment,
    ///
    SoftwareDeployment,
    ///
    GetNextFragment,
    ///
    CleanUp,
}

impl Action {
    /// The name of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadAllItems => "ReadAllItems",
            Self::ReadItems => "ReadItems",
            Self::WriteItems => "WriteItems",
            Self::Restart => "Restart",
            Self::FileDeployment => "FileDeployment",
            Self::SoftwareDeployment => "SoftwareDeployment",
            Self::GetNextFragment => "GetNextFragment",
            Self::CleanUp => "CleanUp",
        }
    }

    /// Reads the name of the wire.
    pub fn from_wire(name: &str) -> Option<Self> {
        [
            Self::ReadAllItems,
            Self::ReadItems,
            Self::WriteItems,
            Self::Restart,
            Self::FileDeployment,
            Self::SoftwareDeployment,
            Self::GetNextFragment,
            Self::CleanUp,
        ]
        .into_iter()
        .find(|action| action.as_str() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Most bytes of one message either way.
pub const MESSAGE_LIMIT: usize = 50_000;

/// One message to a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMessage {
    /// The nonce of the very request that is answered; empty when it had none.
    pub nonce: Nonce,
    /// What the phone is to do.
    pub action: Action,
    /// The items of the action.
    pub items: Vec<Item>,
}

/// An item list as it stands in a message, written once for many; to be made of questions only, as it does not guard its
/// texts like items do.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PreparedList(Box<str>);

impl PreparedList {
    /// Writes the names and indexes of a question, without any text.
    pub fn of_question(items: &[Item]) -> Self {
        let bare: Vec<Item> = items.iter().map(|item| Item::plain(item.id.clone(), "")).collect();
        let mut list = String::with_capacity(bare.iter().map(item_room).sum::<usize>() + LIST_LEN);
        push_list(&mut list, &bare);
        Self(list.into())
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty, which none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl ServerMessage {
    /// Writes the message exactly as R-601 says. This and [`Self::encoded_item_len`] are the only readers of a secret.
    pub fn encode(&self) -> String {
        let items: usize = self.items.iter().map(item_room).sum();
        let mut out = String::with_capacity(FRAME_ROOM + escaped_len(&self.nonce.0, Place::Attribute) + items);
        push_head(&mut out, &self.nonce, self.action);
        if !self.items.is_empty() {
            push_list(&mut out, &self.items);
        }
        out.push_str(TAIL);
        out
    }

    /// The same with a list that was written before, in place of its own items.
    pub fn encode_prepared(&self, list: &PreparedList) -> String {
        let nonce = escaped_len(&self.nonce.0, Place::Attribute);
        let mut out = String::with_capacity(FRAME_ROOM + nonce + list.0.len());
        push_head(&mut out, &self.nonce, self.action);
        out.push_str(&list.0);
        out.push_str(TAIL);
        out
    }

    /// Bytes that `item` takes in an encoded message.
    pub fn encoded_item_len(item: &Item) -> usize {
        item_len(item)
    }

    /// At least as many bytes as `item` takes in an encoded message, at a glance.
    pub fn encoded_item_bound(item: &Item) -> usize {
        item_bound(item)
    }

    /// Bytes of an encoded message without items, with an `ItemList`, for a nonce of that length.
    pub fn encoded_frame_len(nonce: &Nonce, action: Action) -> usize {
        let mut head = String::with_capacity(512);
        push_head(&mut head, nonce, action);
        head.len() + LIST_LEN + TAIL.len()
    }

    /// Reads a message as a phone does (for simulators). An unknown action is an error of its own that names it.
    /// `lenient` tolerates what R-602 lists and takes off a signature around the message, unchecked; otherwise
    /// all that R-601 does not list is [`DecodeError::NotExact`].
    pub fn decode(body: &[u8], limits: &Limits, lenient: bool) -> Result<Self, DecodeError> {
        decode::decode(body, limits, lenient)
    }
}

const ROOT: &str = "DLSMessage";
/// More than a message takes without its items and its nonce.
const FRAME_ROOM: usize = 384;
const TAIL: &str = "</Message></DLSMessage>";

fn push_head(out: &mut String, nonce: &Nonce, action: Action) {
    push_root(out, ROOT);
    out.push_str("<Message");
    push_attribute(out, "nonce", &nonce.0);
    out.extend(["><Action>", action.as_str(), "</Action>"]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wpi::{ItemId, ItemName, ItemText, Secret};

    fn item(name: &str, text: &str) -> Item {
        Item::plain(ItemId { name: ItemName::new(name).unwrap(), index: None }, text)
    }

    fn clean_up() -> ServerMessage {
        ServerMessage {
            nonce: Nonce("5A0C11D2E3F4051627384950A1B2C3D4".into()),
            action: Action::CleanUp,
            items: vec![item("send-solicited", "true")],
        }
    }

    fn decode(body: &str, lenient: bool) -> Result<ServerMessage, DecodeError> {
        ServerMessage::decode(body.as_bytes(), &Limits::default(), lenient)
    }

    const DECLARED: &str = "<?xml version=\"1.0\"?>";

    #[test]
    fn a_message_is_written_exactly_as_phones_expect_it() {
        //
        assert_eq!(
            clean_up().encode(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <DLSMessage xmlns=\"http://www.siemens.com/DLS\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:schemaLocation=\"http://www.siemens.com/DLS\">\
             <Message nonce=\"5A0C11D2E3F4051627384950A1B2C3D4\"><Action>CleanUp</Action>\
             <ItemList><Item name=\"send-solicited\">true</Item></ItemList></Message></DLSMessage>"
        );
        let bare = ServerMessage { items: Vec::new(), action: Action::ReadAllItems, ..clean_up() };
        assert!(bare.encode().ends_with("<Action>ReadAllItems</Action></Message></DLSMessage>"));
    }

    #[test]
    fn a_secret_is_written_to_the_wire_and_shown_nowhere_else() {
        let text = ItemText::Secret(Secret::new("p<w"));
        let message = ServerMessage {
            items: vec![Item { text, ..item("sip-pwd", "") }],
            action: Action::WriteItems,
            ..clean_up()
        };
        assert!(message.encode().contains("<Item name=\"sip-pwd\">p&lt;w</Item>"));
        assert!(!format!("{message:?}").contains("p<w"));
        assert_eq!(decode(&message.encode(), false).unwrap(), message);
    }

    #[test]
    fn only_the_eight_actions_are_known_and_another_is_named_with_its_nonce() {
        //
        let message = clean_up().encode();
        for wrong in ["cleanup", "CLEANUP", "Explode", ""] {
            let error = decode(&message.replace("CleanUp", wrong), false).unwrap_err();
            assert_eq!(error, DecodeError::UnknownAction { action: wrong.into(), nonce: clean_up().nonce });
            assert_eq!(error.nonce(), Some(&clean_up().nonce));
            assert!(error.is_answerable());
        }
        assert_eq!(decode(&message.replace("CleanUp", " CleanUp\n"), false).unwrap(), clean_up());
    }

    #[test]
    fn a_lenient_phone_takes_what_a_strict_one_refuses() {
        //
        let exact = clean_up().encode();
        let inner = "<Message nonce='N'><Action>CleanUp</Action></Message>";
        let list = "<ItemList><Item name='send-solicited'>true</Item></ItemList>";
        for body in [
            exact.replace("xmlns=\"http://www.siemens.com/DLS\"", "xmlns=\"urn:other\""),
            exact.replace(" xmlns=\"http://www.siemens.com/DLS\"", ""),
            exact.replace("DLSMessage", "DlsMessage"),
            exact.replace("<Message nonce=\"5A0C11D2E3F4051627384950A1B2C3D4\">", "<Message>"),
            exact.replace("<Action>", "<More/><Action>"),
            exact.replace("<ItemList>", "<ItemList><More/>"),
            exact.replace("</ItemList>", "</ItemList><ItemList/>"),
            format!(" {exact}"),
            format!("{exact}\r\n"),
            exact.replace("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n", ""),
            format!("{DECLARED}<DLSMessage xmlns='{}'>{inner}{list}</DLSMessage>", crate::wpi::xml::NAMESPACE),
        ] {
            assert_eq!(decode(&body, false).unwrap_err().category(), "not-exact", "{body}");
            let message = decode(&body, true).unwrap();
            assert_eq!((message.action, message.items), (Action::CleanUp, clean_up().items), "{body}");
        }
    }

    #[test]
    fn a_prefix_bound_to_the_namespace_is_exact() {
        let body = format!(
            "{DECLARED}<d:DLSMessage xmlns:d='{}'><d:Message nonce='N'><d:Action>Restart</d:Action></d:Message></d:DLSMessage>",
            crate::wpi::xml::NAMESPACE
        );
        assert_eq!(decode(&body, false).unwrap().action, Action::Restart);
    }

    #[test]
    fn a_lenient_phone_takes_off_the_signature_of_the_vendor_server() {
        //
        let exact = clean_up().encode();
        let (_, message) = exact.split_once('\n').unwrap();
        let signed = format!(
            "<?xml version=\"1.0\"?><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo><a/></SignedInfo>\
             <SignatureValue>AAAA</SignatureValue><Object Id=\"DLSMessage\">{message}</Object></Signature>"
        );
        assert_eq!(decode(&signed, true).unwrap(), clean_up());
        assert_eq!(decode(&signed, false).unwrap_err().category(), "not-exact");
        assert_eq!(decode("<Signature/>", true).unwrap_err().category(), "missing-element");
    }

    #[test]
    fn the_length_of_a_message_is_known_before_it_is_written() {
        //
        let message = clean_up();
        let frame = ServerMessage::encoded_frame_len(&message.nonce, message.action);
        let items: usize = message.items.iter().map(ServerMessage::encoded_item_len).sum();
        assert_eq!(message.encode().len(), frame + items);
    }
}
