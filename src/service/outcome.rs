//! Session outcomes as log lines and metrics: item names and the phone's words, never values, never call states
//! (promise 10: a session that has to wait may be one, so its line is below info).

use crate::{
    fleet::{SessionReport, SessionResult},
    report::metrics::ServiceMetrics,
};

/// Most item names in one line.
const NAMED: usize = 10;

pub(super) fn tell(report: &SessionReport, metrics: &ServiceMetrics) {
    metrics.session(report.reason, report.result.as_str());
    metrics.times(report.reason, report.took, &report.steps, report.proven_after);
    let phone = report.name.as_deref().unwrap_or(report.device.as_str());
    let (reason, result) = (report.reason, report.result.as_str());
    let problem = report.problem.as_deref().unwrap_or_default();
    let drift = report.drift;
    let millis = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX);
    match report.result {
        SessionResult::Changed | SessionResult::Differs => {
            let written = names(report.written.iter().map(ToString::to_string));
            let refused = names(report.refused.iter().map(|(id, status)| format!("{id} ({status})")));
            let revision = report.revision.as_ref().map_or("", |revision| revision.short());
            tracing::info!(phone, mac = %report.device, reason, result, revision, drift, written, refused, millis, "session");
        }
        SessionResult::Failed | SessionResult::Silent => {
            tracing::warn!(phone, mac = %report.device, reason, result, problem, "session");
        }
        SessionResult::Waits
        | SessionResult::InSync
        | SessionResult::Nothing
        | SessionResult::Superseded
        | SessionResult::Overload
        | SessionResult::Undeclared => {
            tracing::debug!(phone, mac = %report.device, reason, result, problem, drift, "session");
        }
    }
}

fn names(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let mut list: Vec<String> = all.take(NAMED).collect();
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    list.join(", ")
}
