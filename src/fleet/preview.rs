//! What documents would change, told before they are anybody's revision: the same code plans them that plans a revision, and
//! nothing is taken over.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Fleet,
    gate::view::{NAMED, Plan, PlannedChange},
    phone::Newest,
    takeover::Takeover,
};
use crate::{catalogue::Severity, spec::Wanted};

/// Most problems that are told.
const PROBLEMS: usize = 50;

/// What documents would change. Values of secrets are `***`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    /// The revision that it is compared with.
    pub against: Option<String>,
    /// Phones that the documents declare.
    pub phones: usize,
    /// Phones that are written something that is new to them.
    pub written: usize,
    /// Phones that only return to what they had.
    pub returned: usize,
    /// Phones among them that get items of effect service, safety or lockout.
    pub risky: usize,
    /// Phones that no document would name any more.
    pub gone: usize,
    /// The first ten of them, by name.
    pub gone_names: Vec<String>,
    /// Why it would wait at the gate, a sentence each.
    pub waits: Vec<String>,
    /// What is written, the changes of most phones first.
    pub changes: Vec<PlannedChange>,
    /// Changes beyond those, not grouped.
    pub more: usize,
    /// Errors of the documents.
    pub errors: Vec<String>,
    /// Errors beyond those.
    pub more_errors: usize,
}

impl Fleet {
    /// What would come of documents whose phones were all resolved and [planned](Self::plan).
    pub fn preview(&self, takeover: &Takeover) -> PlanView {
        let wanted: &Arc<Wanted> = &takeover.wanted;
        let mut plan = Plan::default();
        for (name, writes) in takeover.planned() {
            if !writes.items.is_empty() {
                plan.add(name, writes);
            }
        }
        let whole = takeover.tally.whole();
        let gone = self.by_name().filter(|phone| {
            let known = phone.declared() && phone.goal.is_some() && phone.newest != Newest::Released;
            known && !wanted.declares(&phone.device)
        });
        let gone_names = gone.filter_map(|phone| phone.name()).take(NAMED).map(ToString::to_string).collect();
        let errors = wanted.problems().iter().filter(|problem| problem.severity == Severity::Error);
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        let more_errors = errors.len().saturating_sub(PROBLEMS);
        let waits = self.verdict(takeover).sentences();
        let (changes, more) = plan.into_changes();
        PlanView {
            against: self.revision().map(ToString::to_string),
            phones: wanted.counts().phones,
            written: whole.written,
            returned: whole.returned,
            risky: whole.risky,
            gone: takeover.tally.gone,
            gone_names,
            waits,
            changes,
            more,
            errors: errors.into_iter().take(PROBLEMS).collect(),
            more_errors,
        }
    }
}
