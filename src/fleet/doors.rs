//! Whether a phone may be written by the clock: pauses and windows of its policy.
//!
//! [`Held::now`] is asked for each message of a write. What waits keeps the answer as [`Doors`] for as long as it holds:
//! looking at a phone costs no search through a calendar.

use jiff::Timestamp;

use super::{Fleet, may_write::NoWrite, phone::Phone, words::PendingReason};
use crate::{
    spec::{Mode, Opening, Policy, windows_open},
    wpi::DeviceId,
};

/// What keeps writes back until its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The brake is on until then.
    Braked(Timestamp),
    /// Its site or the service comes back; until then, or longer.
    Recovering(Timestamp),
    /// A pause; its end, if it has one.
    Paused(Option<Timestamp>),
    /// Outside the windows; the next opening, if there ever is one.
    Closed(Option<Timestamp>),
}

impl Held {
    /// What keeps writes under this policy back now, and until when that answer holds (`None` = for ever).
    fn look(policy: &Policy, now: Timestamp) -> (Option<Self>, Option<Timestamp>) {
        if let Some(pause) = policy.pause.as_ref().filter(|pause| pause.holds(now)) {
            return (Some(Self::Paused(pause.until)), pause.until);
        }
        match windows_open(&policy.windows, now) {
            Opening::Always => (None, None),
            Opening::OpenUntil(end) => (None, Some(end)),
            Opening::ClosedUntil(next) => (Some(Self::Closed(next)), next),
        }
    }

    /// What keeps writes under this policy back now.
    pub fn now(policy: &Policy, now: Timestamp) -> Option<Self> {
        Self::look(policy, now).0
    }

    /// When it ends.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Braked(until) | Self::Recovering(until) => Some(until),
            Self::Paused(until) | Self::Closed(until) => until,
        }
    }

    /// As a reason why a phone is Pending.
    pub fn reason(self) -> PendingReason {
        match self {
            Self::Braked(_) => PendingReason::Braked,
            Self::Recovering(_) => PendingReason::Recovering,
            Self::Paused(_) => PendingReason::Paused,
            Self::Closed(_) => PendingReason::WindowClosed,
        }
    }
}

impl From<Held> for NoWrite {
    fn from(held: Held) -> Self {
        match held {
            Held::Braked(until) => Self::Braked { until },
            Held::Recovering(until) => Self::Recovering { until },
            Held::Paused(until) => Self::Paused { until },
            Held::Closed(next) => Self::WindowClosed { next },
        }
    }
}

/// The last answer for a phone, while it holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Doors {
    held: Option<Held>,
    /// From when to when the answer holds; `None` = there is none yet.
    holds: Option<(Timestamp, Timestamp)>,
}

impl Doors {
    fn at(policy: &Policy, now: Timestamp) -> Self {
        let (held, until) = Held::look(policy, now);
        Self { held, holds: Some((now, until.unwrap_or(Timestamp::MAX))) }
    }

    /// Another policy is in force: the answer counts no more.
    pub fn forget(&mut self) {
        self.holds = None;
    }

    fn hold(&self, now: Timestamp) -> bool {
        self.holds.is_some_and(|(from, until)| from <= now && now < until)
    }
}

impl Phone {
    /// What keeps its writes back by a brake or by the clock, whether there are any or not.
    pub(super) fn held(&self, now: Timestamp) -> Option<Held> {
        if let Some(until) = self.braked.filter(|until| now < *until) {
            return Some(Held::Braked(until));
        }
        if let Some(until) = self.left_alone(now) {
            return Some(Held::Recovering(until));
        }
        let policy = &self.goal.as_ref()?.desired.policy;
        if policy.windows.is_empty() && policy.pause.is_none() {
            None
        } else if self.doors.hold(now) {
            self.doors.held
        } else {
            Held::now(policy, now)
        }
    }

    /// Whether something differs that is to be written, or a restart is wanted, now or at another time. `report_only` =
    /// the whole service is in Report.
    pub fn wants_write(&self, report_only: bool) -> bool {
        let wants = !self.unsure && !self.proposed() && (self.assessment.writable || self.restart_wanted());
        wants && self.declared() && self.mode() == Mode::Enforce && !report_only && self.hands_off().is_none()
    }

    /// What keeps a write back that this phone wants.
    pub fn held_up(&self, report_only: bool, now: Timestamp) -> Option<Held> {
        if self.wants_write(report_only) { self.held(now) } else { None }
    }
}

impl Fleet {
    /// Renews the answer for a phone when it does not hold any more. An opening is a trigger: the phone is asked anew,
    /// whatever failed before, and also when it is in a call, for only a write that it refused makes it call after it.
    pub(super) fn renew_doors(&mut self, device: &DeviceId, now: Timestamp) {
        self.renew_brake(device, now);
        self.renew_recovery(device, now);
        let report_only = self.settings.report_only;
        let Some(phone) = self.phones.get_mut(device) else { return };
        let Some(policy) = phone.goal.as_ref().map(|goal| &goal.desired.policy) else { return };
        let none = policy.windows.is_empty() && policy.pause.is_none() && phone.doors.held.is_none();
        if none || phone.doors.hold(now) {
            return;
        }
        let before = std::mem::replace(&mut phone.doors, Doors::at(policy, now));
        if before.held.is_some() && phone.doors.held.is_none() && phone.wants_write(report_only) {
            phone.calling.begin_afresh();
        }
    }

    /// Notes whether a phone is braked. The end of a brake is a trigger like an opening.
    fn renew_brake(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(braked) = self.phones.get(device).map(|phone| self.braked(phone, now)) else { return };
        let report_only = self.settings.report_only;
        let Some(phone) = self.phones.get_mut(device) else { return };
        let before = std::mem::replace(&mut phone.braked, braked);
        if before.is_some() && braked.is_none() && phone.held_up(report_only, now).is_none() {
            phone.calling.begin_afresh();
        }
    }

    /// Notes whether a phone is left alone because its site or the service comes back. The end of that is a trigger, too.
    fn renew_recovery(&mut self, device: &DeviceId, now: Timestamp) {
        let Some(recovering) = self.phones.get(device).map(|phone| self.recovering(phone, now)) else { return };
        let report_only = self.settings.report_only;
        let Some(phone) = self.phones.get_mut(device) else { return };
        let before = std::mem::replace(&mut phone.recovering, recovering);
        if before.is_some() && recovering.is_none() && phone.held_up(report_only, now).is_none() {
            phone.calling.begin_afresh();
        }
    }

    /// What people should know of what keeps writes back, in words: who wants a pause and why, and what ends by none of
    /// its own.
    pub(super) fn door_notes(&self, phone: &Phone, now: Timestamp) -> Vec<String> {
        let mut notes = Vec::new();
        let policy = phone.goal.as_ref().filter(|_| phone.declared()).map(|goal| &goal.desired.policy);
        let policy = policy.filter(|policy| policy.mode == Mode::Enforce && !self.settings.report_only);
        if let Some(pause) = policy.and_then(|policy| policy.pause.as_ref()).filter(|pause| pause.holds(now)) {
            let end = pause.until.map(|until| format!(" until {until:.0}")).unwrap_or_default();
            notes.push(format!("paused{end} by {}: {}", pause.by, pause.reason));
        }
        let undecided = phone.goal.as_ref().is_some_and(|goal| goal.desired.undecided);
        if policy.is_some() && undecided && phone.facts.last_seen.is_some() {
            notes.push(format!("{}: nothing is written", NoWrite::Undecided));
        }
        if policy.is_some() && self.wanted.is_some() && !self.classes_known {
            let why =
                "`catalogue.csv` has errors, so it is not known which items can cut phones off: nothing is written";
            notes.push(why.to_owned());
        }
        notes
    }

    /// When the doors of a phone that wants a write open or close next.
    pub(super) fn doors_turn(&self, phone: &Phone, now: Timestamp) -> Option<Timestamp> {
        let recovers = phone.recovering.filter(|_| phone.declared()).map(|recovering| recovering.until);
        if !phone.wants_write(self.settings.report_only) {
            return recovers.filter(|until| *until > now);
        }
        let door = phone.doors.holds.map(|(_, until)| until);
        door.into_iter()
            .chain(phone.braked)
            .chain(recovers)
            .filter(|until| *until > now && *until < Timestamp::MAX)
            .min()
    }
}
