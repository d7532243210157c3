//! The end of a session that may write: where a restart is wanted it comes last, behind the read of what was written
//!
//!
//! A Restart has no reply, so a phone in a call could not say so. One goes only to a phone that took a write in the
//! same session: where nothing else is to be written, one item is written once more with the value that it has. The
//! restart is recorded as sent before it leaves, and passes [`may_write`](crate::fleet::may_write) like a write.

use super::{Ending, Job, Leaving, Move, NoWrite, Session, Step, Surroundings};
use crate::{
    fleet::{phone::Phone, sending::items_to_write},
    wpi::ItemText,
};

impl Session {
    /// Whether a restart left in this session.
    pub fn restarts(&self) -> bool {
        matches!(self.step, Step::Restarting(_))
    }

    /// Ends the session, by a restart where one is wanted.
    pub(super) fn close(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
        let done = Self::finish(phone);
        let Job::Enforce(writer) = &self.job else { return done };
        if !phone.restart_wanted() {
            return writer.cut.clone().map_or(done, |why| Move::End(Ending::Waits(why)));
        }
        let vanishing = phone.restart_vanishes(around.catalogue);
        if let Err(why) = self.permit(phone, Leaving::Restart { vanishing }, around) {
            return Move::End(Ending::Waits(why));
        }
        if self.accepted.is_empty() {
            return self.probe(phone, around);
        }
        let wish = phone.restart_begins(around.now);
        phone.doubt_restarts(vanishing, &around.site.name, around.settings.lockout_wait, around.now);
        self.step = Step::Restarting(wish);
        Move::Record
    }

    /// The restart is recorded (or not): it leaves, if it still may.
    pub(super) fn restart_recorded(&mut self, phone: &mut Phone, stored: bool, around: &Surroundings<'_>) -> Move {
        let leaving = Leaving::Restart { vanishing: phone.restart_vanishes(around.catalogue) };
        let permit = if stored { self.permit(phone, leaving, around) } else { Err(NoWrite::StoreAway) };
        match permit {
            Ok(permit) => {
                tracing::info!(phone = %phone.device, "restarting");
                self.actions += 1;
                Move::Write(permit)
            }
            Err(why) => {
                self.undo_restart(phone);
                Move::End(Ending::Waits(why))
            }
        }
    }

    /// The restart did not leave, or the phone is in a call: the wish stays.
    pub(super) fn undo_restart(&mut self, phone: &mut Phone) {
        if let Step::Restarting(wish) = &mut self.step {
            phone.restart_undone(wish.take());
            phone.doubt_undone();
        }
    }

    /// Writes one item once more with the value it has: a phone in a call answers `busy`.
    fn probe(&mut self, phone: &mut Phone, around: &Surroundings<'_>) -> Move {
        let harmless = phone.harmless(around.catalogue);
        let (Job::Enforce(writer), Some(goal)) = (&mut self.job, phone.goal.clone()) else {
            return Move::End(Ending::Done);
        };
        let ids = harmless.filter(|_| !writer.probed).into_iter().collect();
        let mut items = items_to_write(phone, &goal.desired, &ids, around);
        items.retain(|item| matches!(item.text, ItemText::Plain(_)));
        if items.is_empty() {
            return Move::End(Ending::Failed("nothing can be written that would tell whether the phone is in a call"));
        }
        writer.probed = true;
        writer.messages.push_back(items);
        self.next_message(phone, around)
    }
}
