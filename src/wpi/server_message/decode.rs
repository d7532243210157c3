//! A server's message as a phone reads it: exactly, or with the tolerance of real phones.

use quick_xml::events::BytesStart;
use smol_str::SmolStr;

use super::{Action, ROOT, ServerMessage};
use crate::wpi::{
    item_list::ItemList,
    phone_message::Nonce,
    xml::{
        DecodeError, Limits, NAMESPACE,
        error::{Fault, bearable},
        pull::{Pull, local},
        text::readable,
    },
};

/// The root that some servers write.
const OTHER_ROOT: &str = "DlsMessage";
/// The root of a signed message.
const SIGNATURE: &str = "Signature";

pub(super) fn decode(body: &[u8], limits: &Limits, lenient: bool) -> Result<ServerMessage, DecodeError> {
    let text = readable(body, limits)?;
    let bare = body.starts_with(b"<?xml") && body.ends_with(b">");
    if !lenient && !bare {
        return Err(DecodeError::NotExact("no XML declaration at its start, or something behind its end"));
    }
    let mut pull = Pull::new(&text, limits);
    let root = pull.root().map_err(|fault| pull.explain(fault))?;
    let mut draft = Draft { list: ItemList::for_body(text.len()), exact: !lenient, ..Draft::default() };
    let read = match root.local_name().into_inner() {
        ROOT => draft.read_root(&mut pull, &root),
        OTHER_ROOT if lenient => draft.read_root(&mut pull, &root),
        SIGNATURE if lenient => draft.read_signed(&mut pull, &root),
        OTHER_ROOT | SIGNATURE => return Err(DecodeError::NotExact("another root than DLSMessage")),
        found => return Err(DecodeError::WrongRoot { found: bearable(found), expected: ROOT }),
    };
    read.and_then(|()| pull.finish()).map_err(|fault| pull.explain(fault))?;
    draft.finish()
}

/// What is known of a message while it is read.
#[derive(Default)]
struct Draft {
    exact: bool,
    messages: usize,
    actions: usize,
    lists: usize,
    nonce: Option<Nonce>,
    action: SmolStr,
    list: ItemList,
}

impl Draft {
    /// `Signature` > `Object` > `DLSMessage`; what else a signature holds means nothing here.
    fn read_signed<'a>(&mut self, pull: &mut Pull<'a>, signature: &BytesStart<'a>) -> Result<(), Fault> {
        pull.attributes(signature, |_, _| {})?;
        while let Some(part) = pull.child()? {
            if part.local_name().into_inner() != "Object" {
                pull.skip(&part)?;
                continue;
            }
            pull.attributes(&part, |_, _| {})?;
            while let Some(inner) = pull.child()? {
                match inner.local_name().into_inner() {
                    ROOT | OTHER_ROOT => self.read_root(pull, &inner)?,
                    _ => pull.skip(&inner)?,
                }
            }
        }
        Ok(())
    }

    fn read_root<'a>(&mut self, pull: &mut Pull<'a>, root: &BytesStart<'a>) -> Result<(), Fault> {
        let prefix = root.name().prefix().map_or("", |prefix| prefix.into_inner());
        let mut ours = false;
        pull.attributes(root, |name, text| {
            let bound = if prefix.is_empty() { name == "xmlns" } else { name.strip_prefix("xmlns:") == Some(prefix) };
            ours |= bound && text == NAMESPACE;
        })?;
        if self.exact && !ours {
            return Err(Fault::NotExact("another namespace, or none"));
        }
        while let Some(child) = pull.child()? {
            match child.local_name().into_inner() {
                "Message" => self.read_message(pull, &child)?,
                "ItemList" if !self.exact => self.read_list(pull, &child)?,
                _ if self.exact => return Err(Fault::NotExact("an element beside Message")),
                _ => pull.skip(&child)?,
            }
        }
        Ok(())
    }

    fn read_message<'a>(&mut self, pull: &mut Pull<'a>, start: &BytesStart<'a>) -> Result<(), Fault> {
        self.messages += 1;
        if self.messages > 1 {
            return pull.skip(start);
        }
        let mut nonce = None;
        pull.attributes(start, |name, text| {
            if local(name) == "nonce" {
                nonce = Some(Nonce::read(text));
            }
        })?;
        self.nonce = nonce.transpose()?;
        while let Some(child) = pull.child()? {
            match child.local_name().into_inner() {
                "Action" => {
                    self.actions += 1;
                    pull.attributes(&child, |_, _| {})?;
                    self.action = SmolStr::new(pull.text()?);
                }
                "ItemList" => self.read_list(pull, &child)?,
                _ if self.exact => return Err(Fault::NotExact("an element in Message that has no meaning")),
                _ => pull.skip(&child)?,
            }
        }
        Ok(())
    }

    fn read_list<'a>(&mut self, pull: &mut Pull<'a>, start: &BytesStart<'a>) -> Result<(), Fault> {
        self.lists += 1;
        if self.exact && self.lists > 1 {
            return Err(Fault::NotExact("more than one ItemList"));
        }
        pull.attributes(start, |_, _| {})?;
        self.list.read(pull, self.exact)
    }

    fn finish(self) -> Result<ServerMessage, DecodeError> {
        for (element, count) in [("Message", self.messages), ("Action", self.actions)] {
            match count {
                0 => return Err(DecodeError::Missing { element, nonce: self.nonce }),
                1 => {}
                _ => return Err(DecodeError::Repeated { element, nonce: self.nonce }),
            }
        }
        if self.exact && self.nonce.is_none() {
            return Err(DecodeError::NotExact("no nonce"));
        }
        if self.exact && self.list.left_out > 0 {
            return Err(DecodeError::NotExact("an Item without a usable name or index"));
        }
        let nonce = self.nonce.unwrap_or_else(|| Nonce(SmolStr::default()));
        let Some(action) = Action::from_wire(&self.action) else {
            return Err(DecodeError::UnknownAction { action: bearable(&self.action), nonce });
        };
        Ok(ServerMessage { nonce, action, items: self.list.items })
    }
}
