//! A phone's message as the service reads it: by local names, with whatever else a phone may put in.

use quick_xml::events::BytesStart;
use smol_str::SmolStr;

use super::{Fragment, Nonce, PhoneMessage, ROOT, Reason, ReplyStatus, WORD_LIMIT};
use crate::wpi::{
    item_list::ItemList,
    xml::{
        DecodeError, Limits,
        error::{Fault, bearable},
        pull::{Pull, local},
        text::{cut, readable, trim},
    },
};

/// The message, and how many `Item` elements are left out.
pub(super) fn decode(body: &[u8], limits: &Limits) -> Result<(PhoneMessage, usize), DecodeError> {
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
        let mut nonce = None;
        pull.attributes(start, |name, text| match local(name) {
            "nonce" => nonce = Some(Nonce::read(text)),
            "maxItems" => self.max_items = trim(text).parse().ok().filter(|count| *count > 0),
            "fragment" => self.fragment = Some(Fragment::from_wire(trim(text))),
            _ => {}
        })?;
        self.nonce = nonce.transpose()?;
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
            "action" => action = SmolStr::new(cut(trim(text), WORD_LIMIT)),
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
