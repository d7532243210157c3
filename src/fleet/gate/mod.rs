//! The gate: a revision that would change many phones, or risky items, waits until a person lets it go on.
//!
//! Before a revision is taken over, what it would write is [planned](super::plan) phone by phone and
//! [judged](judge::judge) as a whole. Phones that it would write to are then held: what is in force stays in force for
//! them, and a phone with nothing in force is read towards what is proposed and never written to. Phones that it would
//! not write to take it over at once, so that a mode of Report, a pause or a brake in the documents never waits.
//!
//! What is held is known by a digest over the revision and the contents of its secrets. So an approval counts for
//! exactly that, also after a restart, where the same is planned and held again.
//!
//! - [`acts`]: what people decide, and how what waits is let go
//! - [`judge`]: thresholds, and who waits
//! - [`view`]: the plan as people read it

mod acts;
pub mod judge;
pub mod view;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;

use super::{
    Fleet, fingerprint::to_hex, goal::Goal, phone::Phone, plan::Writes, session::Documents, takeover::Takeover,
    words::HeldReason,
};
use crate::{
    catalogue::Catalogue,
    spec::{Revision, SiteName, Wanted},
    wpi::DeviceId,
};
pub use acts::{Approved, GateError};
use view::{NewestView, Plan};

/// What a phone waits with.
#[derive(Debug)]
pub struct AtGate {
    /// What is held.
    pub what: Waiting,
    /// What it would write.
    pub writes: Writes,
    /// The documents in force, for the content of secrets; none after a restart.
    pub documents: Option<Arc<Wanted>>,
    /// Whether nothing is in force: what the phone is read towards is only proposed.
    pub proposed: bool,
}

/// What is held of a phone.
#[derive(Debug)]
pub enum Waiting {
    /// Another desired state.
    Change(Box<Goal>),
    /// That no document names it any more.
    Vanish,
}

/// What must not be forgotten of the gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GateRecord {
    /// The newest revision that was held, also after it was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldRevision>,
    /// Approvals of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// Which catalogue is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<SmolStr>,
}

/// A revision that is held, or was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldRevision {
    /// How people name it.
    pub name: String,
    /// The revision.
    pub revision: Revision,
    /// Digest over the revision and the contents of its secrets.
    pub digest: SmolStr,
    /// Since when.
    pub since: Timestamp,
    /// The sites whose phones wait; absent = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites: Option<BTreeSet<SiteName>>,
    /// Why, a sentence each.
    pub causes: Vec<String>,
    /// Whether the catalogue waits, too.
    #[serde(default)]
    pub catalogue: bool,
    /// Who rejected it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Said>,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Said {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// For one site only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteName>,
    /// Who and why.
    #[serde(flatten)]
    pub said: Said,
}

impl GateRecord {
    /// Whether phones of this site are let through.
    fn approves(&self, site: &SiteName) -> bool {
        self.approvals.iter().any(|approval| approval.site.as_ref().is_none_or(|approved| approved == site))
    }

    fn approves_all(&self) -> bool {
        self.approvals.iter().any(|approval| approval.site.is_none())
    }

    /// Whether a phone of this site waits, if it is written to.
    fn holds(&self, site: &SiteName) -> bool {
        let Some(held) = &self.held else { return false };
        held.sites.as_ref().is_none_or(|sites| sites.contains(site)) && !self.approves(site)
    }
}

/// The gate at work; what must not be forgotten of it is in the record of the service.
#[derive(Debug, Default)]
pub struct Gate {
    plan: Option<Plan>,
    newest: Option<NewestView>,
    releasing: VecDeque<DeviceId>,
    since: Option<Timestamp>,
}

impl Phone {
    /// Whether what it is read towards is only proposed, and nothing is in force.
    pub fn proposed(&self) -> bool {
        self.at_gate.as_ref().is_some_and(|at_gate| at_gate.proposed)
    }

    /// Leaves the gate; what was only proposed is wanted no more.
    pub(super) fn leave_gate(&mut self) -> Option<Box<AtGate>> {
        let at_gate = self.at_gate.take()?;
        if at_gate.proposed {
            self.goal = None;
            self.doors.forget();
            self.unsaved = true;
        }
        Some(at_gate)
    }

    /// Waits at the gate with this desired state.
    pub(super) fn wait_at_gate(&mut self, goal: Goal, writes: Writes, before: Option<&Arc<Wanted>>) {
        let documents = match self.leave_gate() {
            Some(at_gate) => at_gate.documents,
            None => before.cloned(),
        };
        let proposed = self.goal.is_none();
        if proposed {
            let kept = goal.desired.items.iter().map(|item| &item.id);
            self.observed = self.observed.restricted(kept);
            self.goal = Some(goal.clone());
        }
        self.at_gate = Some(Box::new(AtGate { what: Waiting::Change(Box::new(goal)), writes, documents, proposed }));
    }
}

impl Fleet {
    /// Why a phone waits at the gate.
    pub(super) fn held_reason(&self, phone: &Phone) -> HeldReason {
        let is_rejected = self.service.gate.held.as_ref().is_some_and(|held| held.rejected.is_some());
        match phone.at_gate.as_ref().map(|at_gate| &at_gate.what) {
            _ if is_rejected => HeldReason::Rejected,
            Some(Waiting::Vanish) => HeldReason::Vanish,
            Some(Waiting::Change(_)) | None => HeldReason::Change,
        }
    }

    /// The catalogue that a revision brings, and the one in force where that is another one.
    pub(super) fn catalogues(&self, wanted: &Wanted) -> (Arc<Catalogue>, Option<Arc<Catalogue>>) {
        if wanted.catalogue_broken() {
            return (Arc::clone(&self.catalogue), None);
        }
        let new = Arc::clone(wanted.catalogue());
        let before = if self.classes_known {
            (self.catalogue.print() != new.print()).then(|| Arc::clone(&self.catalogue))
        } else {
            let known = self.service.gate.catalogue.as_ref();
            known.is_some_and(|known| *known != new.print()).then(Catalogue::builtin)
        };
        (new, before)
    }

    /// What this revision and its secrets are known by.
    fn gate_digest(&self, wanted: &Wanted) -> SmolStr {
        let mut hash = Sha256::new();
        hash.update(wanted.revision().as_str());
        if let Some(key) = &self.key {
            let mut prints: Vec<(String, String)> = wanted
                .secrets_read()
                .map(|(reference, secret)| (reference.to_string(), secret.map(|secret| key.of_secret(secret))))
                .map(|(reference, print)| (reference, print.unwrap_or_default()))
                .collect();
            prints.sort();
            for (reference, print) in prints {
                hash.update(reference.len().to_le_bytes());
                hash.update(reference);
                hash.update(print);
            }
        }
        let bytes = hash.finalize();
        SmolStr::new(to_hex(bytes.get(..8).unwrap_or_default()))
    }

    /// Which phones of a revision would wait.
    pub(super) fn verdict(&self, takeover: &Takeover) -> judge::Verdict {
        let gate_of = |name: &SiteName| {
            let new = takeover.wanted.declared_site(name).map(|site| site.gate).unwrap_or_default();
            judge::careful(self.sites.get(name).map(|site| &site.gate), &new)
        };
        judge::judge(&takeover.tally, &self.settings.gate, gate_of)
    }

    /// Judges a revision that is about to be taken over: which of its phones wait.
    pub(super) fn judge(&mut self, takeover: &Takeover, now: Timestamp) {
        let digest = self.gate_digest(&takeover.wanted);
        let wanted = &takeover.wanted;
        let settings = self.settings.gate;
        let verdict = self.verdict(takeover);
        let written = takeover.tally.whole().written;
        let again = self.service.gate.held.as_ref().is_some_and(|held| held.digest == digest);
        let said = settings.trailer && wanted.approved_phones() == Some(written) && takeover.tally.gone == 0;
        let before = self.service.gate.clone();
        let record = &mut self.service.gate;
        if !again {
            record.approvals.clear();
            record.held = None;
        }
        if !verdict.passes() && !again && said {
            tracing::info!(revision = %wanted.revision(), phones = written, "the commit itself approves its plan");
        } else if !verdict.passes() && !again {
            let sites = verdict.all.is_empty().then(|| verdict.sites.keys().cloned().collect());
            let causes = verdict.sentences();
            let revision = wanted.revision().clone();
            let renamed = self.taken.as_ref() == Some(&revision);
            let name = if renamed {
                format!("{revision}+secrets-{}", digest.get(..8).unwrap_or_default())
            } else {
                revision.to_string()
            };
            let catalogue = takeover.before.is_some();
            let sites = sites.filter(|_| !catalogue);
            record.held =
                Some(HeldRevision { name, revision, digest, since: now, sites, causes, catalogue, rejected: None });
        } else if let Some(held) = record.held.as_mut().filter(|_| !verdict.passes()) {
            if said && held.rejected.is_none() && record.approvals.iter().all(|approval| approval.site.is_some()) {
                tracing::info!(revision = held.name, phones = written, "a note approves its plan");
                let by = "git note".to_owned();
                let said = Said { by, reason: "the number of its plan".to_owned(), at: now };
                record.approvals.push(Approval { site: None, said });
            }
            // the same, counted anew after a restart: what was held stays held, and more may be
            if verdict.all.is_empty() {
                let more = verdict.sites.keys().cloned();
                if let Some(sites) = &mut held.sites {
                    sites.extend(more);
                }
            } else {
                held.sites = None;
            }
        }
        if !record.held.as_ref().is_some_and(|held| held.catalogue) || record.approves_all() {
            record.catalogue = Some(takeover.catalogue.print());
        }
        if *record != before {
            self.save_service();
        }
        self.gate.plan = None;
        self.gate.releasing.clear();
    }

    /// Whether a phone of these sites waits if it is written to.
    pub(super) fn gate_holds(&self, new: &SiteName, old: Option<&SiteName>) -> bool {
        let record = &self.service.gate;
        record.holds(new) || old.is_some_and(|old| record.holds(old) && !record.approves(new))
    }

    /// Whether the catalogue of the newest revision waits.
    pub(super) fn gate_holds_catalogue(&self) -> bool {
        let record = &self.service.gate;
        record.held.as_ref().is_some_and(|held| held.catalogue) && !record.approves_all()
    }

    /// Whether phones that vanish stay.
    pub(super) fn gate_holds_vanishing(&self, site: &SiteName) -> bool {
        self.service.gate.holds(site)
    }

    /// Sets down the plan of what is held, for people.
    pub(super) fn note_plan(&mut self, revision: &Revision, plan: Plan) {
        let (written, returned, held) = (plan.written, plan.returned, plan.phones);
        tracing::info!(%revision, written, returned, held, "planned: phones that it writes to, returns, and that wait");
        self.gate.newest = Some(NewestView { revision: revision.to_string(), written, returned });
        self.gate.plan = (plan.phones > 0).then_some(plan);
    }

    /// What the newest revision was planned to change.
    pub(super) fn newest_plan(&self) -> Option<&NewestView> {
        self.gate.newest.as_ref()
    }

    /// The revision that waits, if one does.
    pub(super) fn held_revision(&self) -> Option<(&HeldRevision, &Plan)> {
        Some((self.service.gate.held.as_ref()?, self.gate.plan.as_ref()?))
    }
}

impl Phone {
    /// The site that decides whether it waits: the one that it is to be of.
    fn gate_site(&self) -> Option<&SiteName> {
        match &self.at_gate.as_ref()?.what {
            Waiting::Change(goal) => Some(&goal.desired.site),
            Waiting::Vanish => self.goal.as_ref().map(|goal| &goal.desired.site),
        }
    }

    /// The documents that its secrets are read from: those in force.
    pub(super) fn documents<'a>(&self, newest: &'a Wanted) -> Documents<'a> {
        match &self.at_gate {
            Some(at_gate) => Documents::Kept(at_gate.documents.clone()),
            None => Documents::Newest(newest),
        }
    }

    /// What is to be said of what it waits with.
    pub(super) fn gate_note(&self, held: Option<&HeldRevision>) -> Option<String> {
        let at_gate = self.at_gate.as_ref()?;
        let name = held.map_or("the newest revision", |held| held.name.as_str());
        let rejected = held.and_then(|held| held.rejected.as_ref());
        let what = match &at_gate.what {
            Waiting::Vanish => "no document names it any more".to_owned(),
            Waiting::Change(_) => {
                let ids: Vec<_> = at_gate.writes.items.iter().map(|item| &item.id).collect();
                if ids.is_empty() {
                    "what it would write is not known before the phone says its model".to_owned()
                } else {
                    format!("it would write {}", super::show::some_names(&ids))
                }
            }
        };
        let rest = if at_gate.proposed { "nothing is in force, so it is only read" } else { "what is in force stays" };
        Some(match rejected {
            Some(Said { by, reason, .. }) => {
                format!("held at the gate: {name}, which {by} rejected ({reason}): {what}; {rest}")
            }
            None => format!("held at the gate: {name}: {what}; {rest}"),
        })
    }
}
