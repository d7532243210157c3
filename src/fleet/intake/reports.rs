//! What is told of a session that is over.

use jiff::Timestamp;

use crate::{
    fleet::{Effect, Fleet, SessionReport, SessionResult, flow::Flow, phone::Phone},
    wpi::{DeviceId, Reason},
};

impl Fleet {
    pub(in crate::fleet) fn result(&self, flow: &Flow) -> SessionResult {
        let Some(phone) = self.phones.get(&flow.device) else { return SessionResult::Nothing };
        if !phone.declared() {
            return SessionResult::Undeclared;
        }
        match (phone.proven(), flow.session.accepted.is_empty()) {
            (true, true) => SessionResult::InSync,
            (true, false) => SessionResult::Changed,
            (false, _) => SessionResult::Differs,
        }
    }

    pub(super) fn report(&mut self, flow: &Flow, result: SessionResult, problem: Option<String>, now: Timestamp) {
        let Some(phone) = self.phones.get_mut(&flow.device) else { return };
        let proven_after = phone.proven_after(now);
        let opened = flow.session.opened;
        let refused = phone.refused.iter().filter(|refused| refused.at >= opened);
        let refused = refused.map(|refused| (refused.id.clone(), refused.status.clone())).collect();
        let report = SessionReport {
            written: flow.session.accepted.clone(),
            refused,
            took: now.duration_since(opened).unsigned_abs(),
            steps: flow.session.steps.clone(),
            proven_after,
            ..bare_report(phone, &flow.session.reason, result, problem)
        };
        self.effects.push(Effect::Report(Box::new(report)));
    }

    pub(in crate::fleet) fn report_call(
        &mut self,
        device: &DeviceId,
        reason: &Reason,
        result: SessionResult,
        problem: Option<String>,
    ) {
        let Some(phone) = self.phones.get(device) else { return };
        let report = bare_report(phone, reason, result, problem);
        self.effects.push(Effect::Report(Box::new(report)));
    }
}

fn bare_report(phone: &Phone, reason: &Reason, result: SessionResult, problem: Option<String>) -> SessionReport {
    SessionReport {
        device: phone.device.clone(),
        name: phone.name().cloned(),
        reason: reason_label(reason),
        result,
        problem,
        written: Vec::new(),
        refused: Vec::new(),
        drift: phone.assessment.comparison.drift.as_ref().map_or(0, |drift| drift.items().len()),
        took: std::time::Duration::ZERO,
        steps: Vec::new(),
        proven_after: None,
        revision: phone.goal.as_ref().map(|goal| goal.revision.clone()),
    }
}

/// The reason as a metric label: foreign words count as one.
fn reason_label(reason: &Reason) -> &'static str {
    match reason {
        Reason::StartUp => "start-up",
        Reason::LocalChanges => "local-changes",
        Reason::InventoryChanges => "inventory-changes",
        Reason::Status => "status",
        Reason::Solicited => "solicited",
        Reason::ReplyTo { .. } => "reply-to",
        Reason::CleanUp => "clean-up",
        Reason::Unknown(_) => "other",
    }
}
