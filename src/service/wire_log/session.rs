//! A session under way, and which ones are left out, so that a recording is no history of calls (promise 10).
//!
//! Left out as a whole is a session in which the phone was busy, or was told to come back. So is the next one that it
//! opens as `solicited`: phones that keep the wish open it in the moment in which the call ends, others when they are
//! asked again some minutes later, and beside the gap before it its time would be that of the end of the call. What was
//! written in it is in the history, as any write is. A phone that starts anew is in no call, and keeps no wish.
//!
//! What the phone keeps is known better by the fleet, which is asked with each message: a recording may begin long after
//! the wish was sent, and the phone may be asked for other things meanwhile. Of the session in which a recording begins
//! nothing is kept: nobody knows with which message it began.

use super::{Exchange, text};
use crate::wpi::{ItemText, Reason, ReplyStatus};

/// Most bytes of a session that are kept until it ends; what comes behind is left out, and that is said.
pub(super) const SESSION_LIMIT: usize = 1 << 20;

/// What is known of the session under way, and of the ones before.
#[derive(Debug, Default)]
pub(super) struct Session {
    text: String,
    fate: Fate,
    /// Whether the phone had to wait in an earlier one, and has not come back since.
    waited: bool,
    /// Whether a message of it was heard.
    begun: bool,
}

/// What becomes of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    /// It is kept.
    #[default]
    Kept,
    /// What came so far is kept, and no more.
    Cut,
    /// It is left out: the phone has to wait in it.
    Waits,
    /// It is left out: the phone comes back with it.
    ComesBack,
    /// It is left out: it was under way when the recording began.
    UnderWay,
}

impl Session {
    /// The phone is in a call, or may tell the end of one.
    pub(super) fn waits(&mut self) {
        self.waited = true;
    }

    /// Adds an exchange; false when it is too much for one session.
    pub(super) fn add(&mut self, exchange: &Exchange<'_>) -> bool {
        let reason = &exchange.question.reason;
        match reason {
            Reason::Solicited if self.waited || exchange.in_call => self.fate = Fate::ComesBack,
            Reason::StartUp => self.waited = false,
            reason if !self.begun && !reason.is_initial() => self.fate = Fate::UnderWay,
            _ => {}
        }
        self.begun = true;
        if exchange.waits() {
            (self.fate, self.waited) = (Fate::Waits, true);
            self.text.clear();
        }
        // nobody needs what is left out as text
        self.is_left_out() || self.keep(&text::exchange(exchange))
    }

    /// Adds a message that nobody could read; false when it is too much for one session. It may be the one with which the
    /// phone comes back.
    pub(super) fn add_unread(&mut self, text: &str, in_call: bool) -> bool {
        let comes_back = (self.waited || in_call) && self.text.is_empty();
        self.is_left_out() || comes_back || self.keep(text)
    }

    fn keep(&mut self, text: &str) -> bool {
        if self.fate == Fate::Kept {
            let is_too_much = self.text.len() + text.len() > SESSION_LIMIT;
            self.text.push_str(if is_too_much { text::CUT } else { text });
            self.fate = if is_too_much { Fate::Cut } else { Fate::Kept };
        }
        self.fate == Fate::Kept
    }

    fn is_left_out(&self) -> bool {
        matches!(self.fate, Fate::Waits | Fate::ComesBack | Fate::UnderWay)
    }

    /// What is kept of it; the next one begins. `is_over` unless it was given up.
    pub(super) fn take(&mut self, is_over: bool) -> Option<String> {
        let is_kept = !self.is_left_out();
        let Self { text, fate, waited, .. } = std::mem::take(self);
        self.waited = waited && !(is_over && fate == Fate::ComesBack);
        (is_kept && !text.is_empty()).then_some(text)
    }
}

impl Exchange<'_> {
    /// Whether the phone is told to come back, or says that it is busy: it may be in a call.
    fn waits(&self) -> bool {
        let busy = matches!(self.question.reason, Reason::ReplyTo { status: ReplyStatus::Busy, .. });
        let wish = |text: &ItemText| text.as_plain() == Some("true");
        busy || self.answer.items.iter().any(|item| item.id.name.as_str() == "send-solicited" && wish(&item.text))
    }
}
