//! A message read up to its item list: phones that have not changed send the same list again and again, and who
//! remembers it need not read it.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::{Nonce, PhoneMessage, Reason};
use crate::wpi::xml::Limits;

/// The element that the list begins with.
const LIST: &[u8] = b"<ItemList";
/// The list begins within so many bytes, or its message is read as a whole.
const HEAD_LIMIT: usize = 1_024;
/// What closes the message when its list is left out.
const CLOSING: &str = "</Message></WorkpointMessage>";

/// A reply without its items, and the bytes behind.
#[derive(Debug)]
pub struct Head<'a> {
    /// The message; it has no items.
    pub message: PhoneMessage,
    /// The body from the item list to its end. Where two replies have the same bytes here, they have the same items.
    pub rest: &'a [u8],
}

/// Most forms that are remembered; a fleet has a few, one for each firmware.
const FORMS: usize = 16;

/// Reads heads, and remembers the forms that they have: all that stands round the nonce is the same in message after
/// message.
#[derive(Debug, Default)]
pub struct Heads {
    forms: Mutex<VecDeque<Form>>,
}

/// A front as it was read once: the texts before and behind its nonce, and what they say.
#[derive(Debug)]
struct Form {
    before: Box<str>,
    behind: Box<str>,
    message: PhoneMessage,
}

impl Heads {
    /// Reads a `reply-to` up to its item list. `None` for any other message, and for one that is not of the usual form:
    /// then it is to be read as a whole.
    pub fn read<'a>(&self, body: &'a [u8], limits: &Limits) -> Option<Head<'a>> {
        if body.len() > limits.body {
            return None;
        }
        let within = body.get(..HEAD_LIMIT).unwrap_or(body);
        let (front, rest) = body.split_at(within.windows(LIST.len()).position(|bytes| bytes == LIST)?);
        let front = std::str::from_utf8(front).ok().filter(|front| front.contains("reply-to"))?;
        let (before, nonce, behind) = around_nonce(front)?;
        let message = self.known(before, nonce, behind).or_else(|| self.learn(front, before, nonce, behind, limits))?;
        Some(Head { message, rest })
    }

    fn known(&self, before: &str, nonce: &str, behind: &str) -> Option<PhoneMessage> {
        let forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        let form = forms.iter().find(|form| *form.before == *before && *form.behind == *behind)?;
        Some(PhoneMessage { nonce: Some(Nonce(nonce.into())), ..form.message.clone() })
    }

    fn learn(&self, front: &str, before: &str, nonce: &str, behind: &str, limits: &Limits) -> Option<PhoneMessage> {
        // what is open where the list begins is closed here, or the whole is no message: a comment, a section, another
        // element round the list
        let message = PhoneMessage::decode(format!("{front}{CLOSING}").as_bytes(), limits).ok()?;
        let is_reply = matches!(message.reason, Reason::ReplyTo { .. });
        if !is_reply || message.nonce.as_ref().is_none_or(|read| read.0 != nonce) {
            return None;
        }
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        forms.truncate(FORMS - 1);
        forms.push_front(Form { before: before.into(), behind: behind.into(), message: message.clone() });
        Some(message)
    }
}

/// A front in three: up to the nonce, the nonce, and what stands behind. Only a nonce without anything to resolve.
fn around_nonce(front: &str) -> Option<(&str, &str, &str)> {
    const NAME: &str = "nonce=\"";
    let begin = front.find(NAME)? + NAME.len();
    let (before, rest) = front.split_at_checked(begin)?;
    let (nonce, behind) = rest.split_at_checked(rest.find('"')?)?;
    nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some((before, nonce, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wpi::{
        Item, ItemId, ItemName,
        phone_message::{Fragment, Nonce, ReplyStatus},
    };

    fn reply() -> PhoneMessage {
        let item = |name: &str, text: &str| Item::plain(ItemId::new(ItemName::new(name).unwrap(), None), text);
        PhoneMessage {
            nonce: Some(Nonce("5a0C".into())),
            max_items: None,
            fragment: Fragment::Final,
            reason: Reason::ReplyTo { action: "ReadItems".into(), status: ReplyStatus::Accepted },
            items: vec![item("sntp-addr", "192.0.2.5"), item("display-id-unicode", "Anna & Bob")],
        }
    }

    #[test]
    fn the_head_says_what_the_whole_message_says_and_the_rest_is_its_list() {
        let (heads, text) = (Heads::default(), reply().encode());
        let head = heads.read(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(head.message, PhoneMessage { items: Vec::new(), ..reply() });
        let rest = std::str::from_utf8(head.rest).unwrap();
        assert!(rest.starts_with("<ItemList>") && text.ends_with(rest));
    }

    #[test]
    fn a_head_of_a_known_form_differs_by_its_nonce_only_and_another_form_is_read_anew() {
        let heads = Heads::default();
        let busy = Reason::ReplyTo { action: "ReadItems".into(), status: ReplyStatus::Busy };
        for nonce in ["A1", "B2", "C3"] {
            for reason in [reply().reason, busy.clone()] {
                let message = PhoneMessage { nonce: Some(Nonce(nonce.into())), reason, ..reply() };
                let text = message.encode();
                let head = heads.read(text.as_bytes(), &Limits::default()).unwrap();
                assert_eq!(head.message, PhoneMessage { items: Vec::new(), ..message });
            }
        }
        assert_eq!(heads.forms.lock().unwrap().len(), 2);
        for number in 0..50 {
            let message = PhoneMessage { max_items: Some(number + 1), ..reply() };
            let text = message.encode();
            let head = heads.read(text.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(head.message.max_items, Some(number + 1));
        }
        assert_eq!(heads.forms.lock().unwrap().len(), FORMS, "bounded");
    }

    #[test]
    fn only_replies_of_the_usual_form_have_a_head() {
        let text = reply().encode();
        let none = |text: &str| Heads::default().read(text.as_bytes(), &Limits::default()).is_none();
        assert!(!none(&text));
        assert!(none(&PhoneMessage { reason: Reason::StartUp, ..reply() }.encode()));
        assert!(none(&text.replace("<ItemList>", "<!-- <ItemList> --><ItemList>")), "a list in a comment");
        assert!(none(&text.replace("<ItemList>", "<Other><ItemList>").replace("</ItemList>", "</ItemList></Other>")));
        assert!(none(&text.replace("WorkpointMessage", "d:WorkpointMessage")));
        assert!(none(&text.replace("5a0C", "5a&#48;C")), "a nonce with something to resolve");
        assert!(none(&text.replace("<Message ", "<Message other-nonce=\"1\" ")), "another attribute of that ending");
        assert!(none(&text.replace("<ItemList>", &format!("{}<ItemList>", " ".repeat(HEAD_LIMIT)))));
        assert!(none(&text.replace("ItemList", "List")) && none("") && none("<ItemList>"));
        let tight = Limits { body: 20, ..Limits::default() };
        assert!(Heads::default().read(text.as_bytes(), &tight).is_none());
    }
}
