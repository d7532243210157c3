//! What the API may see and do.

use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::{STORE_PATIENCE, follow::planned, shared::Shared};
use crate::{
    fleet::{
        self, Counters, Fleet,
        alert::{AlertCounts, AlertList, Around, Rules, Told},
        audit::{AuditEntry, AuditPage, AuditQuery, AuditVerdict, By},
        brake::{Brake, BrakeError, Braked, Scope},
        explain::Explanation,
        export::{Export, ExportPage, NoExport},
        gate::{Approved, GateError, view::GateView},
        history::{CommitView, HistoryPage, HistoryQuery},
        leftovers::Leftovers,
        paging::Part,
        preview::PlanView,
        profiles::{ProfileStanding, ProfileTallies},
        progress::{CommitProgress, CommitState},
        recovery::{BackView, NothingHappened},
        release::{DismissAnswer, ReleaseAnswer},
        resume::NotRestored,
        retry::{Retried, RetryAnswer},
        safety::SafetyList,
        service_view::ServiceView,
        survey::{SLICE, Sign, Survey},
        tally::Tallies,
        undo::{Undo, UndoError},
        view::{PAGE_LIMIT, Page, PhoneView, Query},
        words::{AuditAct, PendingReason},
    },
    phone::{FailedHandshakes, HandshakeFailure},
    report::{
        AlertAccess, CommitAccess, ContactAnswer, FailedHandshake, FleetAccess, Kept, KubeAccess, Readiness, Retry,
        SessionView, Undeclared,
        kube::share::Share,
        metrics::FleetCounts,
        plan::Documents,
        release::Release,
        wire_log::{Recording, WireLogError},
    },
    source::SecretsDir,
    spec::{self, Revision, SiteName, Snapshot},
    store::Store,
};

/// For how long a failed handshake is an alert.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

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

    /// What the fleet does not know and alerts are about.
    fn around(&self) -> Around {
        let source_away = self.shared.source.lock().unwrap_or_else(PoisonError::into_inner).away.is_some();
        let recent = |failure: &HandshakeFailure| failure.at.duration_since(Timestamp::now()).abs() <= RECENT;
        let failures = self.failures.list().into_iter().filter(recent);
        let handshakes = failures.filter_map(|failure| Some((failure.cause.as_str(), failure.phone?))).collect();
        Around { source_away, handshakes }
    }

    /// A phone as the audit log names it: its document and its device.
    fn named(&self, id: &str) -> String {
        self.shared.with_fleet(|fleet, now| match fleet.phone(id, now) {
            Some(PhoneView { name: Some(name), mac, .. }) => format!("{name} ({mac})"),
            Some(PhoneView { mac, .. }) => mac,
            None => id.to_owned(),
        })
    }

    /// Notes in the audit log what `by` did just now, and tells it in the log.
    fn note(&self, by: &By, act: AuditAct, target: &str, outcome: &str) {
        tracing::info!(actor = by.actor, %act, target, reason = by.reason, outcome, "act");
        let entry = self.shared.with_fleet(|_, now| AuditEntry::new(by, act, target, outcome, now));
        if !self.shared.saver.note(entry) {
            tracing::error!(actor = by.actor, %act, target, "the store is away, and no more acts can wait for it");
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

    fn contact(&self, id: &str, by: &By) -> ContactAnswer {
        let answer = self.shared.with_fleet(|fleet, now| match fleet.device(id) {
            Some(device) => fleet.ask_to_call(&device, now),
            None => fleet::ContactAnswer::NotFound,
        });
        let answer = told(answer);
        if answer != ContactAnswer::NotFound {
            self.note(by, AuditAct::Contact, &self.named(id), answer.as_str());
        }
        answer
    }

    fn export(&self, id: &str) -> Result<Export, NoExport> {
        self.shared.with_fleet(|fleet, _| fleet.export(id))
    }

    fn exports(&self, site: Option<&str>, after: Option<&str>, limit: usize) -> ExportPage {
        self.shared.with_fleet(|fleet, _| fleet.exports(site, after, limit))
    }

    fn look(&self, id: &str, all: bool, by: &By) -> ContactAnswer {
        let answer = self.shared.with_fleet(|fleet, now| match fleet.device(id) {
            Some(device) if all => fleet.read_all(&device, now),
            Some(device) => fleet.look_at(&device, now),
            None => fleet::ContactAnswer::NotFound,
        });
        let answer = told(answer);
        if answer != ContactAnswer::NotFound {
            self.note(by, AuditAct::Look, &self.named(id), answer.as_str());
        }
        answer
    }

    fn retry(&self, id: &str, secrets: bool, by: &By) -> Option<Retry> {
        let answer = self.shared.with_fleet(|fleet, now| {
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
        self.note(by, AuditAct::Retry, &self.named(id), &outcome);
        Some(retry)
    }

    fn restart(&self, id: &str, by: &By) -> fleet::RestartAnswer {
        let answer = self.shared.with_fleet(|fleet, now| match fleet.device(id) {
            Some(device) => fleet.restart(&device, &by.actor, now),
            None => fleet::RestartAnswer::NotFound,
        });
        if answer != fleet::RestartAnswer::NotFound {
            self.note(by, AuditAct::Restart, &self.named(id), answer.as_str());
        }
        answer
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
        let mut from: Option<String> = None;
        loop {
            from = self.shared.with_fleet(|fleet, now| fleet.survey(&mut survey, from.as_deref(), SLICE, now));
            if from.is_none() {
                return survey;
            }
        }
    }

    fn profiles(&self) -> Vec<ProfileStanding> {
        let mut tallies = ProfileTallies::default();
        let mut from: Option<String> = None;
        loop {
            from = self.shared.with_fleet(|fleet, now| fleet.tally_profiles(&mut tallies, from.as_deref(), SLICE, now));
            if from.is_none() {
                return self.shared.with_fleet(|fleet, _| fleet.profiles(&tallies));
            }
        }
    }

    fn signs(&self) -> Vec<Sign> {
        let mut signs = Vec::new();
        let mut from: Option<String> = None;
        loop {
            from = self.shared.with_fleet(|fleet, now| fleet.signs(&mut signs, from.as_deref(), SLICE, now));
            if from.is_none() {
                return signs;
            }
        }
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
        let now = self.shared.now();
        let phone = self.shared.with_fleet(|fleet, now| Some((fleet.device(id)?, fleet.phone(id, now)?)));
        let (device, view) = phone.ok_or(WireLogError::NoPhone)?;
        let name = view.name.unwrap_or(view.mac);
        let in_call = view.pending.is_some_and(|pending| pending.reason == PendingReason::InCall);
        let recording = self.shared.wire_log.record((&device, &name, in_call), length, by, now)?;
        self.note(by, AuditAct::Record, &self.named(id), &format!("until {}", recording.until));
        Ok(recording)
    }

    fn end_recording(&self, id: &str, by: &By) -> Option<Recording> {
        let device = self.shared.with_fleet(|fleet, _| fleet.device(id))?;
        let why = format!("ended by {}", by.actor);
        let recording = self.shared.wire_log.end(&device, &why, self.shared.now())?;
        self.note(by, AuditAct::EndRecording, &self.named(id), "ended");
        Some(recording)
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
        let target = scope.to_string();
        let result = self.shared.with_fleet(|fleet, now| fleet.brake(scope, length, by, now));
        if let Ok(braked) = &result {
            let outcome = format!("{} phones, until {:.0}", braked.phones, braked.brake.until);
            self.note(by, AuditAct::Brake, &target, &outcome);
        }
        result
    }

    fn release_brakes(&self, scope: Option<&Scope>, by: &By) -> Vec<Brake> {
        let released = self.shared.with_fleet(|fleet, now| fleet.release_brakes(scope, now));
        for brake in &released {
            self.note(by, AuditAct::ReleaseBrake, &brake.scope.to_string(), "released");
        }
        released
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
        let done = self.shared.with_fleet(|fleet, now| fleet.approve(revision, digest, site, by, now));
        if let Ok(done) = &done {
            let of_site = site.map(|site| format!(" at site {site}")).unwrap_or_default();
            self.note(by, AuditAct::Approve, &done.revision, &format!("{} phones let go{of_site}", done.phones));
        }
        done
    }

    fn reject(&self, revision: &str, digest: Option<&str>, by: &By) -> Result<Approved, GateError> {
        let done = self.shared.with_fleet(|fleet, now| fleet.reject(revision, digest, by, now));
        if let Ok(done) = &done {
            self.note(by, AuditAct::Reject, &done.revision, &format!("{} phones keep what they have", done.phones));
        }
        done
    }

    fn undo(&self, revision: &str, site: Option<&SiteName>, by: Option<&By>) -> Result<Undo, UndoError> {
        let done = self.shared.with_fleet(|fleet, now| fleet.undo(revision, site, by.is_some(), now));
        if let (Ok(undo), Some(by)) = (&done, by) {
            let of_site = site.map(|site| format!(" at site {site}")).unwrap_or_default();
            let outcome = format!("put back on {} phones{of_site}, {} cannot be", undo.phones, undo.cannot.len());
            self.note(by, AuditAct::Undo, &undo.revision, &outcome);
        }
        done
    }

    fn leftovers(&self, site: Option<&SiteName>, part: &Part) -> Leftovers {
        self.shared.with_fleet(|fleet, _| fleet.leftovers(site, part))
    }

    fn drop_leftovers(&self, site: Option<&SiteName>, by: &By) -> usize {
        let dropped = self.shared.with_fleet(|fleet, now| fleet.drop_leftovers(site, now));
        let target = site.map_or_else(|| "all sites".to_owned(), |site| format!("site {site}"));
        self.note(by, AuditAct::DropLeftovers, &target, &format!("{dropped} dropped"));
        dropped
    }

    fn release(&self, id: &str, by: &By) -> Release {
        let target = self.named(id);
        let answer = self.shared.with_fleet(|fleet, now| match fleet.device(id) {
            Some(device) => fleet.release(&device, now),
            None => ReleaseAnswer::NotFound,
        });
        let (release, outcome) = match answer {
            ReleaseAnswer::Taken(contact) => (Release::Taken(told(contact)), "its account is taken off it".to_owned()),
            ReleaseAnswer::Refused(why) => (Release::Refused(why), format!("refused: {why}")),
            ReleaseAnswer::NotFound => return Release::NotFound,
        };
        self.note(by, AuditAct::Release, &target, &outcome);
        release
    }

    fn dismiss(&self, id: &str, by: &By) -> DismissAnswer {
        let target = self.named(id);
        let answer = self.shared.with_fleet(|fleet, now| match fleet.device(id) {
            Some(device) => fleet.dismiss(&device, now),
            None => DismissAnswer::NotFound,
        });
        match &answer {
            DismissAnswer::Done => self.note(by, AuditAct::Dismiss, &target, "forgotten"),
            DismissAnswer::Refused(why) => self.note(by, AuditAct::Dismiss, &target, &format!("refused: {why}")),
            DismissAnswer::NotFound => {}
        }
        answer
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
        let done = self.shared.with_fleet(Fleet::resume);
        if done.is_ok() {
            self.note(by, AuditAct::Resume, "the service", "it writes again");
        }
        done
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
        let (census, counters, forgotten, waiting, now) = self.shared.with_fleet(|fleet, now| {
            (fleet.census(now), fleet.counters().clone(), fleet.sightings_forgotten(), fleet.waiting(), now)
        });
        let alerts = self.alerts();
        let metrics = &self.shared.metrics;
        metrics.set_fleet(&FleetCounts {
            states: census.states,
            pending: census.pending,
            reasons: census.reasons,
            drift_items: usize::try_from(census.drift).unwrap_or(usize::MAX),
            refused_items: usize::try_from(census.refused).unwrap_or(usize::MAX),
            oldest_pending: census.oldest_pending.map(|since| now.duration_since(since).unsigned_abs()),
            held_items: usize::try_from(census.held).unwrap_or(usize::MAX),
            stopped_sites: census.stopped_sites,
            not_applicable_items: usize::try_from(census.not_applicable).unwrap_or(usize::MAX),
            stopped_ladders: census.stopped_ladders,
            foreign_phones: census.foreign_phones,
            brakes: census.brakes,
            braked_phones: census.braked_phones,
            alerts: alerts.by_kind(),
            recovering_sites: census.recovering_sites,
        });
        let (phones, sessions) = waiting;
        metrics.set_queues([
            ("phones", phones),
            ("sessions", sessions),
            ("store", self.shared.saver.depth()),
            ("history", self.shared.history.depth()),
        ]);
        let source = self.shared.source.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let away = source.away.map(|(_, since)| now.duration_since(since).unsigned_abs());
        metrics.set_source(source.taken_at, away, source.problems);
        if metrics.tells_phones() {
            let all = self.shared.with_fleet(|fleet, now| fleet.each(now));
            metrics.set_phones(&all);
        }
        metrics.set_alert_counts(&self.alert_counts());
        metrics.set_bound("sightings-forgotten", forgotten);
        metrics.set_bound("audit", self.shared.saver.acts().1);
        metrics.set_bound("wire-log", self.shared.wire_log.lost());
        metrics.set_history_lost(self.shared.history.lost());
        metrics.set_factory_resets(counters.factory_resets);
        for (bound, count) in bounds(&counters) {
            metrics.set_bound(bound, count);
        }
        if let Some(cluster) = self.store.cluster() {
            metrics.set_cluster_store(cluster.stats());
        }
        metrics.set_store(*self.store.writable().borrow(), &self.store.stats());
        metrics.encode()
    }
}

impl AlertAccess for Access {
    fn decide_alerts(&self, rules: &Rules) -> bool {
        let around = self.around();
        self.shared.with_fleet(|fleet, now| {
            fleet.set_around(around);
            fleet.decide_alerts(rules, now)
        })
    }

    fn told_alerts(&self) -> Vec<Told> {
        self.shared.with_fleet(|fleet, _| fleet.told_alerts())
    }

    fn alerts_told(&self, target: &str, keys: &[String]) {
        self.shared.with_fleet(|fleet, _| fleet.alerts_told(target, keys));
    }

    fn alert_counts(&self) -> AlertCounts {
        self.shared.with_fleet(|fleet, _| fleet.alert_counts())
    }
}

impl CommitAccess for Access {
    fn commit_progress(&self) -> Vec<CommitProgress> {
        self.shared.with_fleet(|fleet, _| fleet.commit_progress())
    }

    fn commit_told(&self, revision: &Revision, state: &CommitState) {
        self.shared.with_fleet(|fleet, _| fleet.commit_told(revision, state));
    }
}

impl KubeAccess for Access {
    fn declared(&self, name: &str) -> Option<PhoneView> {
        self.shared.with_fleet(|fleet, now| fleet.phone(name, now)).filter(|phone| phone.name.as_deref() == Some(name))
    }

    fn tallies(&self) -> Tallies {
        self.shared.with_fleet(|fleet, now| fleet.tallies(now))
    }

    fn problems_of(&self, path: &str) -> Vec<String> {
        self.shared.with_fleet(|fleet, _| fleet.problems_of(path))
    }

    fn revision(&self) -> Option<Revision> {
        self.shared.with_fleet(|fleet, _| fleet.revision().cloned())
    }

    fn share(&self) -> Option<Share> {
        let selector = self.shared.with_fleet(|fleet, _| fleet.site_selector().cloned())?;
        let shard = self.store.cluster().map(|cluster| cluster.shard().to_owned())?;
        Some(Share { shard, selector })
    }

    fn serves(&self, name: &str, path: &str) -> bool {
        let (is_own, device) = self.shared.with_fleet(|fleet, _| (fleet.is_own_file(path), fleet.device(name)));
        let Some(cluster) = self.store.cluster().filter(|_| is_own) else { return is_own };
        // a document of which nobody knows the device, or whose device has another document
        device.is_none_or(|device| cluster.keeps(&device))
    }

    fn kube_write(&self, result: &'static str) {
        self.shared.metrics.kube_write(result);
    }

    fn read_now(&self, name: &str) {
        let answer = self.shared.with_fleet(|fleet, now| match fleet.device(name) {
            Some(device) => fleet.ask_to_call(&device, now),
            None => fleet::ContactAnswer::NotFound,
        });
        tracing::info!(phone = name, answer = told(answer).as_str(), "asked for by annotation");
    }
}

fn told(answer: fleet::ContactAnswer) -> ContactAnswer {
    match answer {
        fleet::ContactAnswer::Queued(at) => ContactAnswer::Queued { at },
        fleet::ContactAnswer::UnderWay => ContactAnswer::AlreadyUnderWay,
        fleet::ContactAnswer::RateLimited(next) => ContactAnswer::RateLimited { next },
        fleet::ContactAnswer::CannotBeReached(why) => ContactAnswer::CannotBeReached { why },
        fleet::ContactAnswer::NotFound => ContactAnswer::NotFound,
    }
}

fn bounds(counters: &Counters) -> [(&'static str, u64); 11] {
    [
        ("overload", counters.overload),
        ("site-overload", counters.site_overload),
        ("undeclared-forgotten", counters.undeclared_forgotten),
        ("stray-replies", counters.stray_replies),
        ("incomplete-messages", counters.incomplete_messages),
        ("contact-uris-refused", counters.contact_uris_refused),
        ("served-elsewhere", counters.elsewhere),
        ("wrong-site", counters.wrong_site),
        ("drift-forgotten", counters.drift_forgotten),
        ("inventories-forgotten", counters.inventories_forgotten),
        ("polls-outside", counters.polls_outside),
    ]
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
