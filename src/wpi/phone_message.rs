//! What a phone sends: `WorkpointMessage`, decoded by the service and encoded by the simulator.

use std::fmt;

use smol_str::{SmolStr, format_smolstr};

use super::{
    item::Item,
    item_list::{item_len, push_list},
    xml::{
        DecodeError, Limits,
        error::Fault,
        text::cut,
        write::{Place, push_attribute, push_escaped, push_root},
    },
};

mod decode;
mod head;

pub use head::{Head, Heads};

/// The opaque text that the answer repeats byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(pub SmolStr);

impl Nonce {
    /// Most bytes of a nonce that is read; real ones have 23 to 32.
    pub const LIMIT: usize = 1_024;

    pub(in crate::wpi) fn read(text: &str) -> Result<Self, Fault> {
        if text.len() > Self::LIMIT {
            return Err(Fault::NonceTooLong(text.len()));
        }
        Ok(Self(SmolStr::new(text)))
    }
}

/// Most characters of a word of a phone that is kept.
const WORD_LIMIT: usize = 64;

/// Which part of a reply this is; absent means final.
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

/// How the phone took the last action. Compared without case; other words count as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyStatus {
    /// Taken; single items may still have been refused.
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

/// Why the phone calls.
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
        /// The action answered, as the phone wrote it, cut to 64 characters.
        action: SmolStr,
        /// How it went.
        status: ReplyStatus,
    },
    /// `clean-up`: the phone gives up.
    CleanUp,
    /// Any other word, cut to 64 characters: answered by `CleanUp`.
    Unknown(SmolStr),
}

impl Reason {
    /// Whether this opens a flow: everything but `reply-to` and `clean-up`.
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
            other => Self::Unknown(SmolStr::new(cut(other, WORD_LIMIT))),
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
    /// The nonce; a message without one is answered by `CleanUp` with an empty one.
    pub nonce: Option<Nonce>,
    /// Most items the phone takes in one message; `None` = no limit: -1, absent, 0 or no number.
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
    /// usable name, or with an index that is no number.
    pub fn decode_counting(body: &[u8], limits: &Limits) -> Result<(Self, usize), DecodeError> {
        decode::decode(body, limits)
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

#[cfg(test)]
mod tests;
