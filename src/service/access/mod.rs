//! What the API may see and do.
//!
//! - [`acts`]: what people have done, and the audit log of it
//! - [`scrape`]: the metrics
//! - [`alerts`], [`commits`]: what telling people elsewhere needs
//! - [`cluster`]: what statuses in a cluster are made of

mod acts;
mod alerts;
mod cluster;
mod commits;
mod scrape;

use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::{STORE_PATIENCE, follow::planned, shared::Shared};
use crate::{
    fleet::{
        Fleet, RestartAnswer,
        alert::AlertList,
        audit::{AuditPage, AuditQuery, AuditVerdict, By},
        brake::{Brake, BrakeError, Braked, Scope},
        explain::Explanation,
        export::{Export, ExportPage, NoExport},
        gate::{Approved, GateError, view::GateView},
        history::{CommitView, HistoryPage, HistoryQuery},
        leftovers::Leftovers,
        named::{Named, NoSuch},
        paging::Part,
        preview::PlanView,
        profiles::{ProfileStanding, ProfileTallies},
        recovery::{BackView, NothingHappened},
        release::DismissAnswer,
        resume::NotRestored,
        safety::SafetyList,
        service_view::ServiceView,
        survey::{SLICE, Sign, Survey},
        undo::{Undo, UndoError},
        view::{PAGE_LIMIT, Page, PhoneView, Query},
    },
    phone::{FailedHandshakes, HandshakeFailure},
    report::{
        ContactAnswer, FailedHandshake, FleetAccess, Kept, Readiness, Retry, SessionView, Undeclared,
        plan::Documents,
        release::Release,
        wire_log::{Recording, WireLogError},
    },
    source::SecretsDir,
    spec::{self, Revision, SiteName, Snapshot},
    store::Store,
};

/// The running service as the API sees it.
#[derive(Debug)]
pub struct Access {
    shared: Arc<Shared>,
    failures: Arc<FailedHandshakes>,
    store: Store,
    secrets: Arc<SecretsDir>,
}

impl Access {
    pub(super) fn new(
        shared: Arc<Shared>,
        failures: Arc<FailedHandshakes>,
        store: Store,
        secrets: Arc<SecretsDir>,
    ) -> Self {
        Self { shared, failures, store, secrets }
    }

    /// Has all phones looked at, a slice at a time, so that nobody waits for the fleet's lock meanwhile.
    fn sliced(&self, mut look: impl FnMut(&Fleet, Option<&str>, Timestamp) -> Option<String>) {
        let mut from: Option<String> = None;
        loop {
            from = self.shared.with_fleet(|fleet, now| look(fleet, from.as_deref(), now));
            if from.is_none() {
                return;
            }
        }
    }
}

impl FleetAccess for Access {
    fn page(&self, query: &Query) -> Page {
        let limit = query.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT);
        let mut query = query.clone();
        let mut phones = Vec::new();
        loop {
            query.limit = Some(limit - phones.len());
            let mut page = self.shared.with_fleet(|fleet, now| fleet.part_of_page(&query, SLICE, now));
            phones.append(&mut page.phones);
            if page.next.is_none() || phones.len() >= limit {
                return Page { phones, ..page };
            }
            query.after = page.next;
        }
    }

    fn phone(&self, id: &str) -> Option<PhoneView> {
        let mut view = self.shared.with_fleet(|fleet, now| fleet.phone(id, now))?;
        let recording = self.recordings().into_iter().find(|recording| recording.mac == view.mac);
        view.notes.extend(recording.as_ref().map(Recording::note));
        Some(view)
    }

    fn explain(&self, id: &str, item: Option<&str>) -> Option<Explanation> {
        self.shared.with_fleet(|fleet, now| fleet.explain(id, item, now))
    }

    fn no_such(&self, named: &Named) -> Option<NoSuch> {
        super::named::no_such(&self.shared, &self.store, named)
    }

    fn contact(&self, id: &str, by: &By) -> ContactAnswer {
        acts::contact(self, id, by)
    }

    fn export(&self, id: &str) -> Result<Export, NoExport> {
        self.shared.with_fleet(|fleet, _| fleet.export(id))
    }

    fn exports(&self, site: Option<&str>, after: Option<&str>, limit: usize) -> ExportPage {
        self.shared.with_fleet(|fleet, _| fleet.exports(site, after, limit))
    }

    fn look(&self, id: &str, all: bool, by: &By) -> ContactAnswer {
        acts::look(self, id, all, by)
    }

    fn retry(&self, id: &str, secrets: bool, by: &By) -> Option<Retry> {
        acts::retry(self, id, secrets, by)
    }

    fn restart(&self, id: &str, by: &By) -> RestartAnswer {
        acts::restart(self, id, by)
    }

    fn plan(&self, documents: Documents) -> PlanView {
        let files = documents.files.iter().map(|file| (file.path.as_str(), file.text.as_str()));
        let snapshot = Snapshot::of_texts(Revision::new("plan"), files);
        let known = self.shared.with_fleet(|fleet, _| fleet.known());
        let wanted = Arc::new(spec::load_knowing(&snapshot, &*self.secrets, &known));
        let takeover = planned(&self.shared, &wanted);
        self.shared.with_fleet(|fleet, now| fleet.preview(&takeover, documents.phone.as_deref(), now))
    }

    fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, String> {
        let device = query.phone.as_deref().and_then(|phone| self.shared.with_fleet(|fleet, _| fleet.device(phone)));
        self.store.history(&HistoryQuery { device, ..query.clone() })
    }

    fn commits(&self, revision: Option<&str>, limit: usize) -> Result<Vec<CommitView>, String> {
        self.store.commits(revision, limit)
    }

    fn sessions(&self, id: &str) -> Vec<SessionView> {
        let device = self.shared.with_fleet(|fleet, _| fleet.device(id));
        device.map(|device| self.shared.sessions.of(&device)).unwrap_or_default()
    }

    fn survey(&self) -> Survey {
        let mut survey = Survey::default();
        self.sliced(|fleet, from, now| fleet.survey(&mut survey, from, SLICE, now));
        survey
    }

    fn profiles(&self) -> Vec<ProfileStanding> {
        let mut tallies = ProfileTallies::default();
        self.sliced(|fleet, from, now| fleet.tally_profiles(&mut tallies, from, SLICE, now));
        self.shared.with_fleet(|fleet, _| fleet.profiles(&tallies))
    }

    fn signs(&self) -> Vec<Sign> {
        let mut signs = Vec::new();
        self.sliced(|fleet, from, now| fleet.signs(&mut signs, from, SLICE, now));
        signs
    }

    fn bound_hit(&self, bound: &'static str) {
        self.shared.metrics.bound_hit(bound);
    }

    fn service(&self) -> ServiceView {
        let mut view = self.shared.with_fleet(|fleet, now| fleet.service_view(now));
        view.notes.extend(self.recordings().iter().map(Recording::note));
        view
    }

    fn recordings(&self) -> Vec<Recording> {
        self.shared.wire_log.list(self.shared.now())
    }

    fn record(&self, id: &str, length: SignedDuration, by: &By) -> Result<Recording, WireLogError> {
        acts::record(self, id, length, by)
    }

    fn end_recording(&self, id: &str, by: &By) -> Option<Recording> {
        acts::end_recording(self, id, by)
    }

    fn audit(&self, query: &AuditQuery) -> Result<AuditPage, String> {
        self.store.audit(query)
    }

    fn verify_audit(&self) -> Result<AuditVerdict, String> {
        self.store.verify_audit()
    }

    fn brakes(&self) -> Vec<Brake> {
        self.shared.with_fleet(|fleet, now| fleet.brakes(now))
    }

    fn brake(&self, scope: Scope, length: SignedDuration, by: &By) -> Result<Braked, BrakeError> {
        acts::brake(self, scope, length, by)
    }

    fn release_brakes(&self, scope: Option<&Scope>, by: &By) -> Vec<Brake> {
        acts::release_brakes(self, scope, by)
    }

    fn gate(&self) -> GateView {
        self.shared.with_fleet(|fleet, _| fleet.gate_view())
    }

    fn approve(
        &self,
        revision: &str,
        digest: Option<&str>,
        site: Option<&SiteName>,
        by: &By,
    ) -> Result<Approved, GateError> {
        acts::approve(self, revision, digest, site, by)
    }

    fn reject(&self, revision: &str, digest: Option<&str>, by: &By) -> Result<Approved, GateError> {
        acts::reject(self, revision, digest, by)
    }

    fn undo(&self, revision: &str, site: Option<&SiteName>, by: Option<&By>) -> Result<Undo, UndoError> {
        acts::undo(self, revision, site, by)
    }

    fn leftovers(&self, site: Option<&SiteName>, part: &Part) -> Leftovers {
        self.shared.with_fleet(|fleet, _| fleet.leftovers(site, part))
    }

    fn drop_leftovers(&self, site: Option<&SiteName>, by: &By) -> usize {
        acts::drop_leftovers(self, site, by)
    }

    fn release(&self, id: &str, by: &By) -> Release {
        acts::release(self, id, by)
    }

    fn dismiss(&self, id: &str, by: &By) -> DismissAnswer {
        acts::dismiss(self, id, by)
    }

    fn alerts(&self) -> AlertList {
        let around = self.around();
        self.shared.with_fleet(|fleet, now| {
            fleet.set_around(around);
            fleet.alerts(now)
        })
    }

    fn safety(&self, site: Option<&SiteName>, part: &Part) -> SafetyList {
        self.shared.with_fleet(|fleet, now| fleet.safety(site, part, now))
    }

    fn back(
        &self,
        site: Option<&SiteName>,
        since: Option<Timestamp>,
        part: &Part,
    ) -> Result<BackView, NothingHappened> {
        self.shared.with_fleet(|fleet, now| fleet.back(site, since, part, now))
    }

    fn resume(&self, by: &By) -> Result<(), NotRestored> {
        acts::resume(self, by)
    }

    fn can_keep(&self) -> bool {
        *self.store.writable().borrow()
    }

    fn kept(&self) -> Kept {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { timeout(STORE_PATIENCE, shared.saver.flush()).await.unwrap_or(false) })
    }

    fn ready(&self) -> Readiness {
        let mut reasons = Vec::new();
        let source = self.shared.source.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !source.taken {
            reasons.push(match source.away {
                Some((problem, since)) => format!("no revision was taken over yet; since {since}: {problem}"),
                None => "no revision was taken over yet".to_owned(),
            });
        }
        if !*self.store.writable().borrow() {
            reasons.push("the store cannot be written: phones are answered and read, no write leaves".to_owned());
        }
        Readiness { ready: reasons.is_empty(), reasons }
    }

    fn undeclared(&self, part: &Part) -> Undeclared {
        let page = self.shared.with_fleet(|fleet, now| fleet.undeclared(part, now));
        Undeclared {
            phones: page.entries,
            next: page.next,
            handshakes: self.failures.list().into_iter().map(shown).collect(),
        }
    }

    fn metrics(&self) -> String {
        scrape::scrape(self)
    }
}

fn shown(failure: HandshakeFailure) -> FailedHandshake {
    FailedHandshake {
        address: failure.address.to_string(),
        phone: failure.phone,
        highest_version: failure.offered,
        cause: failure.cause.to_string(),
        remedy: failure.remedy,
        count: failure.times,
        last: failure.at,
    }
}
