//! Whether a session is opened with a phone that calls, and which one.

use jiff::Timestamp;

use crate::{
    fleet::{
        Fleet, SessionResult,
        flow::From,
        goal::Goal,
        hands_off::HandsOff,
        may_write::NoWrite,
        observed::Readings,
        phone::Phone,
        session::{Move, Session, Surroundings},
        wire_names::WireNames,
    },
    spec::Mode,
    wpi::{PhoneMessage, Reason},
};

impl Fleet {
    /// Opens a session where there is something to do, or says why there is none.
    pub(super) fn open(
        &mut self,
        phone: &mut Phone,
        message: &PhoneMessage,
        from: &From<'_>,
        now: Timestamp,
    ) -> Result<(Session, Move), (SessionResult, Option<String>)> {
        let peer = from.peer.ip().to_canonical();
        if phone.inventory_wanted(now) && !(phone.declared() && phone.mode() == Mode::Off) && reads(&message.reason) {
            let site = self.site_of(phone);
            return Ok(Session::inventory(phone, message, &self.surroundings(&site, phone, peer, now)));
        }
        let Some(goal) = phone.goal.clone() else { return Err((SessionResult::Undeclared, None)) };
        if !phone.declared() {
            return Err((SessionResult::Undeclared, Some("no document declares it any more".to_owned())));
        }
        if goal.desired.policy.mode == Mode::Off {
            return Err((SessionResult::Nothing, None));
        }
        if phone.facts.mobile_user {
            return Err((SessionResult::Waits, Some(NoWrite::HandsOff(HandsOff::MobileUser).to_string())));
        }
        let site = self.site_of(phone);
        let around = self.surroundings(&site, phone, peer, now);
        let storm = phone.storm_over(now).filter(|_| !around.owes_poll_url(phone, &goal));
        let look = match &message.reason {
            Reason::StartUp if unchanged(phone, &goal, message, &around) => {
                phone.last_proof = Some(now);
                return Err((SessionResult::InSync, None));
            }
            Reason::StartUp if storm.is_some() => {
                phone.passed_over = true;
                return Err((SessionResult::Waits, storm.map(|until| NoWrite::Recovering { until }.to_string())));
            }
            Reason::Solicited if phone.need(self.settings.report_only, now).is_none() => {
                if let Some(held) = phone.held_up(self.settings.report_only, now) {
                    return Err((SessionResult::Waits, Some(NoWrite::from(held).to_string())));
                }
                self.wanted.is_none()
            }
            Reason::StartUp | Reason::Solicited | Reason::Status => self.wanted.is_none(),
            Reason::LocalChanges if message.value("configuration-attached-flag") == Some("true") => {
                let mut items = message.items.clone();
                WireNames::of(phone).inward(&mut items);
                phone.note_server(&items);
                let before = phone.look(&Readings::from_items(items, &self.catalogue), &self.catalogue);
                phone.assess(&self.catalogue);
                phone.saw(before, &self.catalogue, &self.settings, now);
                return Err((SessionResult::Nothing, None));
            }
            Reason::LocalChanges => true,
            _ => return Err((SessionResult::Nothing, None)),
        };
        // promise 11: such a session is of a kind that cannot write
        let look = std::mem::take(&mut phone.only_look) || look;
        Ok(Session::open(phone, &goal, message, look || phone.proposed(), &around))
    }
}

/// Whether a call of this reason is one in which a phone may be read.
fn reads(reason: &Reason) -> bool {
    matches!(reason, Reason::StartUp | Reason::Solicited | Reason::Status | Reason::LocalChanges)
}

/// Whether a start-up needs no read: the phone says that nothing changed, nobody else writes to it (promise 9), and it
/// was proven before.
fn unchanged(phone: &Phone, goal: &Goal, message: &PhoneMessage, around: &Surroundings<'_>) -> bool {
    goal.desired.policy.sole_server
        && message.value("configuration-changed-flag") == Some("false")
        && phone.proven()
        && !around.owes_poll_url(phone, goal)
        && phone.need(around.settings.report_only, around.now).is_none()
}
