//! The last sessions of each phone, in memory: what the page of one phone shows. Sessions that had to wait are not among
//! them, for they may have met a call (promise 10).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::{
    fleet::{SessionReport, SessionResult},
    report::SessionView,
    wpi::DeviceId,
};

/// Sessions that are remembered of a phone.
const OF_PHONE: usize = 8;
/// Phones of which sessions are remembered.
const PHONES: usize = 50_000;
/// Longest text of a problem, in characters.
const PROBLEM: usize = 200;

/// The last sessions of each phone.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<DeviceId, VecDeque<SessionView>>>);

impl Sessions {
    /// Remembers a session; false when there are sessions of too many phones.
    pub(super) fn note(&self, report: &SessionReport, at: Timestamp) -> bool {
        if matches!(report.result, SessionResult::Waits | SessionResult::Nothing | SessionResult::Overload) {
            return true;
        }
        let mut phones = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if phones.len() >= PHONES && !phones.contains_key(&report.device) {
            return false;
        }
        let of_phone = phones.entry(report.device.clone()).or_default();
        of_phone.truncate(OF_PHONE - 1);
        of_phone.push_front(SessionView {
            at,
            reason: report.reason,
            result: report.result.as_str(),
            problem: report.problem.as_ref().map(|problem| problem.chars().take(PROBLEM).collect()),
            written: report.written.len(),
            refused: report.refused.len(),
            drift: report.drift,
        });
        true
    }

    /// Those of one phone, the newest first.
    pub(super) fn of(&self, device: &DeviceId) -> Vec<SessionView> {
        let phones = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        phones.get(device).map(|sessions| sessions.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report(number: usize, result: SessionResult) -> SessionReport {
        SessionReport {
            device: DeviceId::new(&format!("SOFT-{number}")).unwrap(),
            name: None,
            reason: "start-up",
            result,
            problem: None,
            written: Vec::new(),
            refused: Vec::new(),
            drift: number,
            took: Duration::ZERO,
            revision: None,
            steps: Vec::new(),
            proven_after: None,
        }
    }

    #[test]
    fn the_last_sessions_of_a_phone_are_remembered_and_none_that_waited() {
        let sessions = Sessions::default();
        let device = report(1, SessionResult::InSync).device;
        for second in 0..20 {
            let at = Timestamp::from_second(second).unwrap();
            assert!(sessions.note(&report(1, SessionResult::InSync), at));
            assert!(sessions.note(&report(1, SessionResult::Waits), at));
        }
        let kept = sessions.of(&device);
        assert_eq!(kept.len(), OF_PHONE);
        assert!(kept.iter().all(|session| session.result == "in-sync"));
        assert!(kept.is_sorted_by(|a, b| a.at > b.at));
    }

    #[test]
    fn sessions_of_too_many_phones_are_not_remembered() {
        let sessions = Sessions::default();
        for number in 0..PHONES {
            assert!(sessions.note(&report(number, SessionResult::InSync), Timestamp::UNIX_EPOCH));
        }
        assert!(!sessions.note(&report(PHONES, SessionResult::InSync), Timestamp::UNIX_EPOCH));
        assert!(sessions.note(&report(7, SessionResult::Changed), Timestamp::UNIX_EPOCH), "a known one is");
        assert_eq!(sessions.of(&report(PHONES, SessionResult::InSync).device), []);
    }
}
