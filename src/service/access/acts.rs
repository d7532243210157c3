//! What people have done, each act with who wants it and why: carried out, and noted in the audit log.

use jiff::SignedDuration;

use super::Access;
use crate::{
    fleet::{
        self, Fleet,
        audit::{AuditEntry, By},
        brake::{Brake, BrakeError, Braked, Scope},
        gate::{Approved, GateError},
        release::{DismissAnswer, ReleaseAnswer},
        resume::NotRestored,
        retry::{Retried, RetryAnswer},
        undo::{Undo, UndoError},
        view::PhoneView,
        words::AuditAct,
    },
    report::{
        ContactAnswer, Retry,
        release::Release,
        wire_log::{Recording, WireLogError},
    },
    spec::SiteName,
};

/// A phone as the audit log names it: its document and its device.
fn named(access: &Access, id: &str) -> String {
    access.shared.with_fleet(|fleet, now| match fleet.phone(id, now) {
        Some(PhoneView { name: Some(name), mac, .. }) => format!("{name} ({mac})"),
        Some(PhoneView { mac, .. }) => mac,
        None => id.to_owned(),
    })
}

/// Notes in the audit log what `by` did just now, and tells it in the log.
fn note(access: &Access, by: &By, act: AuditAct, target: &str, outcome: &str) {
    tracing::info!(actor = by.actor, %act, target, reason = by.reason, outcome, "act");
    let entry = access.shared.with_fleet(|_, now| AuditEntry::new(by, act, target, outcome, now));
    if !access.shared.saver.note(entry) {
        tracing::error!(actor = by.actor, %act, target, "the store is away, and no more acts can wait for it");
    }
}

pub(super) fn contact(access: &Access, id: &str, by: &By) -> ContactAnswer {
    let answer = access.shared.with_fleet(|fleet, now| match fleet.device(id) {
        Some(device) => fleet.ask_to_call(&device, now),
        None => fleet::ContactAnswer::NotFound,
    });
    let answer = told(answer);
    if answer != ContactAnswer::NotFound {
        note(access, by, AuditAct::Contact, &named(access, id), answer.as_str());
    }
    answer
}

pub(super) fn look(access: &Access, id: &str, all: bool, by: &By) -> ContactAnswer {
    let answer = access.shared.with_fleet(|fleet, now| match fleet.device(id) {
        Some(device) if all => fleet.read_all(&device, now),
        Some(device) => fleet.look_at(&device, now),
        None => fleet::ContactAnswer::NotFound,
    });
    let answer = told(answer);
    if answer != ContactAnswer::NotFound {
        note(access, by, AuditAct::Look, &named(access, id), answer.as_str());
    }
    answer
}

pub(super) fn retry(access: &Access, id: &str, secrets: bool, by: &By) -> Option<Retry> {
    let answer = access.shared.with_fleet(|fleet, now| {
        let device = fleet.device(id)?;
        Some(fleet.retry(&device, secrets, now))
    });
    let (retry, outcome) = match answer? {
        RetryAnswer::Taken(Retried { refusals, secrets, contact }) => {
            let outcome = format!("{refusals} items tried again, {secrets} written again without comparing");
            (Retry::Taken { refusals, secrets, contact: told(contact) }, outcome)
        }
        RetryAnswer::Undeclared => (Retry::Undeclared, "refused: no document declares it".to_owned()),
        RetryAnswer::NotFound => return None,
    };
    note(access, by, AuditAct::Retry, &named(access, id), &outcome);
    Some(retry)
}

pub(super) fn restart(access: &Access, id: &str, by: &By) -> fleet::RestartAnswer {
    let answer = access.shared.with_fleet(|fleet, now| match fleet.device(id) {
        Some(device) => fleet.restart(&device, &by.actor, now),
        None => fleet::RestartAnswer::NotFound,
    });
    if answer != fleet::RestartAnswer::NotFound {
        note(access, by, AuditAct::Restart, &named(access, id), answer.as_str());
    }
    answer
}

pub(super) fn record(access: &Access, id: &str, length: SignedDuration, by: &By) -> Result<Recording, WireLogError> {
    let now = access.shared.now();
    let phone = access.shared.with_fleet(|fleet, now| {
        let device = fleet.device(id)?;
        Some((fleet.phone(id, now)?, device))
    });
    let (view, device) = phone.ok_or(WireLogError::NoPhone)?;
    let name = view.name.unwrap_or(view.mac);
    let recording = access.shared.wire_log.record(&device, &name, length, by, now)?;
    // after it has begun: what comes from now on is heard by it
    if access.shared.with_fleet(|fleet, _| fleet.is_in_call(&device)) {
        access.shared.wire_log.waits(&device);
    }
    note(access, by, AuditAct::Record, &named(access, id), &format!("until {}", recording.until));
    Ok(recording)
}

pub(super) fn end_recording(access: &Access, id: &str, by: &By) -> Option<Recording> {
    let device = access.shared.with_fleet(|fleet, _| fleet.device(id))?;
    let why = format!("ended by {}", by.actor);
    let recording = access.shared.wire_log.end(&device, &why, access.shared.now())?;
    note(access, by, AuditAct::EndRecording, &named(access, id), "ended");
    Some(recording)
}

pub(super) fn brake(access: &Access, scope: Scope, length: SignedDuration, by: &By) -> Result<Braked, BrakeError> {
    let target = scope.to_string();
    let result = access.shared.with_fleet(|fleet, now| fleet.brake(scope, length, by, now));
    if let Ok(braked) = &result {
        let outcome = format!("{} phones, until {:.0}", braked.phones, braked.brake.until);
        note(access, by, AuditAct::Brake, &target, &outcome);
    }
    result
}

pub(super) fn release_brakes(access: &Access, scope: Option<&Scope>, by: &By) -> Vec<Brake> {
    let released = access.shared.with_fleet(|fleet, now| fleet.release_brakes(scope, now));
    for brake in &released {
        note(access, by, AuditAct::ReleaseBrake, &brake.scope.to_string(), "released");
    }
    released
}

pub(super) fn approve(
    access: &Access,
    revision: &str,
    digest: Option<&str>,
    site: Option<&SiteName>,
    by: &By,
) -> Result<Approved, GateError> {
    let done = access.shared.with_fleet(|fleet, now| fleet.approve(revision, digest, site, by, now));
    if let Ok(done) = &done {
        let of_site = site.map(|site| format!(" at site {site}")).unwrap_or_default();
        note(access, by, AuditAct::Approve, &done.revision, &format!("{} phones let go{of_site}", done.phones));
    }
    done
}

pub(super) fn reject(access: &Access, revision: &str, digest: Option<&str>, by: &By) -> Result<Approved, GateError> {
    let done = access.shared.with_fleet(|fleet, now| fleet.reject(revision, digest, by, now));
    if let Ok(done) = &done {
        note(access, by, AuditAct::Reject, &done.revision, &format!("{} phones keep what they have", done.phones));
    }
    done
}

pub(super) fn undo(
    access: &Access,
    revision: &str,
    site: Option<&SiteName>,
    by: Option<&By>,
) -> Result<Undo, UndoError> {
    let done = access.shared.with_fleet(|fleet, now| fleet.undo(revision, site, by.is_some(), now));
    if let (Ok(undo), Some(by)) = (&done, by) {
        let of_site = site.map(|site| format!(" at site {site}")).unwrap_or_default();
        let outcome = format!("put back on {} phones{of_site}, {} cannot be", undo.phones, undo.cannot.len());
        note(access, by, AuditAct::Undo, &undo.revision, &outcome);
    }
    done
}

pub(super) fn drop_leftovers(access: &Access, site: Option<&SiteName>, by: &By) -> usize {
    let dropped = access.shared.with_fleet(|fleet, now| fleet.drop_leftovers(site, now));
    let target = site.map_or_else(|| "all sites".to_owned(), |site| format!("site {site}"));
    note(access, by, AuditAct::DropLeftovers, &target, &format!("{dropped} dropped"));
    dropped
}

pub(super) fn release(access: &Access, id: &str, by: &By) -> Release {
    let target = named(access, id);
    let answer = access.shared.with_fleet(|fleet, now| match fleet.device(id) {
        Some(device) => fleet.release(&device, now),
        None => ReleaseAnswer::NotFound,
    });
    let (release, outcome) = match answer {
        ReleaseAnswer::Taken(contact) => (Release::Taken(told(contact)), "its account is taken off it".to_owned()),
        ReleaseAnswer::Refused(why) => (Release::Refused(why), format!("refused: {why}")),
        ReleaseAnswer::NotFound => return Release::NotFound,
    };
    note(access, by, AuditAct::Release, &target, &outcome);
    release
}

pub(super) fn dismiss(access: &Access, id: &str, by: &By) -> DismissAnswer {
    let target = named(access, id);
    let answer = access.shared.with_fleet(|fleet, now| match fleet.device(id) {
        Some(device) => fleet.dismiss(&device, now),
        None => DismissAnswer::NotFound,
    });
    match &answer {
        DismissAnswer::Done => note(access, by, AuditAct::Dismiss, &target, "forgotten"),
        DismissAnswer::Refused(why) => note(access, by, AuditAct::Dismiss, &target, &format!("refused: {why}")),
        DismissAnswer::NotFound => {}
    }
    answer
}

pub(super) fn resume(access: &Access, by: &By) -> Result<(), NotRestored> {
    let done = access.shared.with_fleet(Fleet::resume);
    if done.is_ok() {
        note(access, by, AuditAct::Resume, "the service", "it writes again");
    }
    done
}

/// The answer as the API has it.
pub(super) fn told(answer: fleet::ContactAnswer) -> ContactAnswer {
    match answer {
        fleet::ContactAnswer::Queued(at) => ContactAnswer::Queued { at },
        fleet::ContactAnswer::UnderWay => ContactAnswer::AlreadyUnderWay,
        fleet::ContactAnswer::RateLimited(next) => ContactAnswer::RateLimited { next },
        fleet::ContactAnswer::CannotBeReached(why) => ContactAnswer::CannotBeReached { why },
        fleet::ContactAnswer::NotFound => ContactAnswer::NotFound,
    }
}
