//! Edges out: the API and the metrics.
//!
//! - [`FleetAccess`]: what the API asks of the running service
//! - [`api`]: what the status server serves; `routes`: the table of all routes; [`openapi`]: their description, made of the same table
//! - [`phones`]: the routes of phones; [`contact`]: those that have one call or restart; [`service`]: those of the service
//!   as a whole
//! - [`plan`]: its route to what documents would change; `explain`: its route to where values come from
//! - [`look`]: the route that has a phone read; `export`: those to documents out of what phones have
//! - [`history`]: its route to the history
//! - [`retry`]: the route that has a phone tried again
//! - [`access`]: who may do what: loopback, tokens, the local user, Host and Origin
//! - [`tokens`]: the file of `--tokens`, read again when it changes
//! - `parameters`: parameters of requests; `named`: names in them that are none
//! - [`problem`]: answers that say no, as JSON
//! - [`server`]: accepts connections on TCP and on the Unix socket, within limits
//! - [`socket`]: the Unix socket in the state folder and the name of the user behind it
//! - [`audit`]: the routes to what people did
//! - [`act`]: what acts of people have in common; [`brake`]: the one that stops all writes;
//!   [`gate`]: those that let a revision go on, or not; [`undo`]: the one that takes a revision back;
//!   [`release`]: those that end an Abandoned phone
//! - [`back`]: the route that tells who has come back after an outage
//! - [`alert`]: the routes of alerts, and of what decides over emergency calls
//! - [`wire_log`]: the routes that have a phone recorded for support
//! - `counted`: what is counted over all phones, once for all who ask
//! - [`sites`], [`profiles`], [`revisions`]: how the phones of each are; [`standing`]: what these routes share
//! - [`web`]: the web page; [`events`]: its changes, and those of the API, as they come
//! - [`alerts`]: alerts told to people elsewhere
//! - [`commit_status`]: how far a commit is, told to its forge
//! - [`outgoing`]: requests to servers of other people
//! - [`webhook`]: a forge tells that somebody has pushed
//! - [`kube`]: statuses, events and acts of people in a cluster
//! - [`standby`]: the status port of a process that waits for the lease
//! - [`metrics`]: what is counted, as `OpenMetrics` text

use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::kube::share::Share;

use crate::{
    fleet::{
        RestartAnswer,
        alert::{AlertCounts, AlertList, Rules, Told},
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
        profiles::ProfileStanding,
        progress::{CommitProgress, CommitState},
        recovery::{BackView, NothingHappened},
        release::DismissAnswer,
        resume::NotRestored,
        safety::SafetyList,
        service_view::ServiceView,
        survey::{Sign, Survey},
        tally::Tallies,
        undo::{Undo, UndoError},
        view::{Page, PhoneView, Query},
    },
    report::{
        release::Release,
        wire_log::{Recording, WireLogError},
    },
    spec::{Revision, SiteName},
};

pub mod access;
pub mod act;
pub mod alert;
pub mod alerts;
pub mod api;
pub mod audit;
pub mod back;
pub mod brake;
pub mod commit_status;
pub mod contact;
mod counted;
pub mod events;
mod explain;
mod export;
pub mod gate;
pub mod history;
pub mod kube;
pub mod look;
pub mod metrics;
mod named;
pub mod openapi;
pub mod outgoing;
mod parameters;
pub mod phones;
pub mod plan;
pub mod problem;
pub mod profiles;
pub mod release;
pub mod retry;
pub mod revisions;
mod routes;
pub mod server;
pub mod service;
pub mod sites;
pub mod socket;
pub mod standby;
pub mod standing;
pub mod tokens;
pub mod undo;
pub mod web;
pub mod webhook;
pub mod wire_log;

/// Tells whether what was decided until now is on disk.
pub type Kept = Pin<Box<dyn Future<Output = bool> + Send>>;

/// What the API asks of the running service. Each call answers from memory and within milliseconds.
pub trait FleetAccess: Send + Sync + 'static {
    /// One page of phones.
    fn page(&self, query: &Query) -> Page;
    /// One phone by the name of its document or by its device id; a name wins.
    fn phone(&self, id: &str) -> Option<PhoneView>;
    /// Why a phone has what it has: all its items, or one.
    fn explain(&self, id: &str, item: Option<&str>) -> Option<Explanation>;
    /// Says so when there is nothing of that name, with those that come near. Looks at all phones and may read a file,
    /// so it is called where blocking is allowed, and when nothing was found.
    fn no_such(&self, named: &Named) -> Option<NoSuch>;
    /// Asks a phone to open a session.
    fn contact(&self, id: &str, by: &By) -> ContactAnswer;
    /// What documents would change. As much work as a revision, so it is called where blocking is allowed.
    fn plan(&self, documents: plan::Documents) -> PlanView;
    /// Has a phone read, and not written in that session: its managed items, or `all` that it has, declared or not.
    fn look(&self, id: &str, all: bool, by: &By) -> ContactAnswer;
    /// The document of a phone, out of what it has.
    fn export(&self, id: &str) -> Result<Export, NoExport>;
    /// Those of all declared phones, in pages.
    fn exports(&self, site: Option<&str>, after: Option<&str>, limit: usize) -> ExportPage;
    /// A page of the history, the newest change first. Reads a file, so it is called where blocking is allowed; the
    /// error is for people.
    fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, String>;
    /// The newest revisions that were taken over and who made them, the newest first; one of that name, if one is named.
    /// Reads a file, as [`Self::history`] does.
    fn commits(&self, revision: Option<&str>, limit: usize) -> Result<Vec<CommitView>, String>;
    /// The last sessions of a phone since the start of the service, the newest first. Those that had to wait are not
    /// among them (promise 10).
    fn sessions(&self, id: &str) -> Vec<SessionView>;
    /// The phones that are recorded for support.
    fn recordings(&self) -> Vec<Recording>;
    /// Has a phone recorded for so long. Makes a file, so it is called where blocking is allowed.
    fn record(&self, id: &str, length: SignedDuration, by: &By) -> Result<Recording, WireLogError>;
    /// Ends the recording of a phone; `None` when there is none.
    fn end_recording(&self, id: &str, by: &By) -> Option<Recording>;
    /// The profiles of the newest documents, and how their phones are.
    fn profiles(&self) -> Vec<ProfileStanding>;
    /// All phones at a glance.
    fn survey(&self) -> Survey;
    /// What streams of events tell of each phone.
    fn signs(&self) -> Vec<Sign>;
    /// Counts that a bound was hit.
    fn bound_hit(&self, bound: &'static str);
    /// Has refused items of a phone tried again, with `secrets` also all that is never compared.
    fn retry(&self, id: &str, secrets: bool, by: &By) -> Option<Retry>;
    /// Restarts a phone as soon as it is in no call, once.
    fn restart(&self, id: &str, by: &By) -> RestartAnswer;
    /// The service as a whole.
    fn service(&self) -> ServiceView;
    /// Whether an act can be kept: while the store is away only the brake is taken.
    fn can_keep(&self) -> bool;
    /// Waits until all that was decided until now is on disk, or could not be brought there.
    fn kept(&self) -> Kept;
    /// A page of the audit log. Reads a file, as [`Self::history`] does.
    fn audit(&self, query: &AuditQuery) -> Result<AuditPage, String>;
    /// Goes through the whole audit log. Reads a file.
    fn verify_audit(&self) -> Result<AuditVerdict, String>;
    /// The brakes that hold.
    fn brakes(&self) -> Vec<Brake>;
    /// Sets a brake; when this returns nothing leaves any more for its phones.
    fn brake(&self, scope: Scope, length: SignedDuration, by: &By) -> Result<Braked, BrakeError>;
    /// Releases the brake of this scope, or all brakes.
    fn release_brakes(&self, scope: Option<&Scope>, by: &By) -> Vec<Brake>;
    /// What waits at the gate.
    fn gate(&self) -> GateView;
    /// Lets what waits go on, for all phones or those of one site.
    fn approve(
        &self,
        revision: &str,
        digest: Option<&str>,
        site: Option<&SiteName>,
        by: &By,
    ) -> Result<Approved, GateError>;
    /// Has what waits wait for another revision.
    fn reject(&self, revision: &str, digest: Option<&str>, by: &By) -> Result<Approved, GateError>;
    /// Puts back what a revision changed; without `by` it is only told what would be put back.
    fn undo(&self, revision: &str, site: Option<&SiteName>, by: Option<&By>) -> Result<Undo, UndoError>;
    /// What phoneops wrote and nobody wants any more.
    fn leftovers(&self, site: Option<&SiteName>, part: &Part) -> Leftovers;
    /// Forgets it.
    fn drop_leftovers(&self, site: Option<&SiteName>, by: &By) -> usize;
    /// Has the account of an Abandoned phone taken off it.
    fn release(&self, id: &str, by: &By) -> Release;
    /// Forgets an Abandoned phone as it is.
    fn dismiss(&self, id: &str, by: &By) -> DismissAnswer;
    /// What somebody should look at.
    fn alerts(&self) -> AlertList;
    /// What is not as it should be with items that decide over emergency calls.
    fn safety(&self, site: Option<&SiteName>, part: &Part) -> SafetyList;
    /// Which phones have come back from a storm or an absence, and which have not.
    fn back(&self, site: Option<&SiteName>, since: Option<Timestamp>, part: &Part)
    -> Result<BackView, NothingHappened>;
    /// Has a restored service write again.
    fn resume(&self, by: &By) -> Result<(), NotRestored>;
    /// Whether the service can do its work, and if not, why.
    fn ready(&self) -> Readiness;
    /// What calls in although nobody wants it.
    fn undeclared(&self, part: &Part) -> Undeclared;
    /// All metrics as `OpenMetrics` text.
    fn metrics(&self) -> String;
}

/// What the status of resources in a cluster is made of. Each call answers from memory.
pub trait KubeAccess: FleetAccess {
    /// One phone by the name of its document.
    fn declared(&self, name: &str) -> Option<PhoneView>;
    /// How all phones are, by layer and by site.
    fn tallies(&self) -> Tallies;
    /// What is wrong with the document at a path of the source.
    fn problems_of(&self, path: &str) -> Vec<String>;
    /// The newest revision that was taken over as a whole.
    fn revision(&self) -> Option<Revision>;
    /// As which one of several releases this one tells, if others share the documents.
    fn share(&self) -> Option<Share>;
    /// Whether the status of a phone's resource is this release's to write.
    fn serves(&self, name: &str, path: &str) -> bool;
    /// Has a phone asked to call.
    fn read_now(&self, name: &str);
    /// A status was written to the cluster, or could not be.
    fn kube_write(&self, result: &'static str);
}

/// What telling alerts needs. Each call answers from memory.
pub trait AlertAccess: FleetAccess {
    /// Decides which alerts fire and which are over. Whether that is new, and then it is to be [kept](FleetAccess::kept)
    /// before anybody is told.
    fn decide_alerts(&self, rules: &Rules) -> bool;
    /// The alerts that fire, and those of which something is still to be told.
    fn told_alerts(&self) -> Vec<Told>;
    /// Notes what was told to a target.
    fn alerts_told(&self, target: &str, keys: &[String]);
    /// How telling stands.
    fn alert_counts(&self) -> AlertCounts;
}

/// What telling of commits needs. Each call answers from memory.
pub trait CommitAccess: Send + Sync + 'static {
    /// How the revisions that are followed stand.
    fn commit_progress(&self) -> Vec<CommitProgress>;
    /// Notes what was told of a revision.
    fn commit_told(&self, revision: &Revision, state: &CommitState);
}

/// What becomes of the wish to contact a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactAnswer {
    /// It is contacted at that time, mostly now.
    Queued {
        /// When.
        at: Timestamp,
    },
    /// A session or a contact is under way.
    AlreadyUnderWay,
    /// Not yet: contacts to one phone keep a distance (promise 4).
    RateLimited {
        /// When it is contacted at the earliest.
        next: Timestamp,
    },
    /// There is no way to it: it polls, or was never heard of.
    CannotBeReached {
        /// Why, and what helps.
        why: String,
    },
    /// There is no such phone.
    NotFound,
}

impl ContactAnswer {
    /// The word of the API and of the audit log. That a phone is in a call is not among them (promise 10).
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "Queued",
            Self::AlreadyUnderWay => "AlreadyUnderWay",
            Self::RateLimited { .. } => "RateLimited",
            Self::CannotBeReached { .. } => "CannotBeReached",
            Self::NotFound => "NotFound",
        }
    }
}

/// One session of a phone, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionView {
    /// When it ended.
    pub at: Timestamp,
    /// Why the phone called.
    pub reason: &'static str,
    /// How it ended.
    pub result: &'static str,
    /// What was wrong, in words.
    pub problem: Option<String>,
    /// Items that were written and taken.
    pub written: usize,
    /// Items that were refused.
    pub refused: usize,
    /// Items that differed at its end.
    pub drift: usize,
}

/// What becomes of the wish to try a phone again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// It is taken up.
    Taken {
        /// Refused items, and items held in a tug of war, that are tried again.
        refusals: usize,
        /// Items that are never compared and are written again.
        secrets: usize,
        /// Whether and when the phone is asked to call.
        contact: ContactAnswer,
    },
    /// No document declares the phone, so nothing is written to it.
    Undeclared,
}

/// Whether the service can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// Whether it can.
    pub ready: bool,
    /// Why it cannot; empty when it can.
    pub reasons: Vec<String>,
}

/// What calls in although nobody wants it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Undeclared {
    /// Phones that no document declares, the newest caller first.
    pub phones: Vec<PhoneView>,
    /// Where the next page of phones starts.
    #[serde(rename = "continue", default)]
    pub next: Option<String>,
    /// TLS handshakes that failed, the newest first, at most 100; on each page.
    pub handshakes: Vec<FailedHandshake>,
}

/// TLS handshakes of one address that failed for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedHandshake {
    /// The address they came from.
    pub address: String,
    /// The phone last heard of there.
    pub phone: Option<String>,
    /// The highest TLS version offered.
    pub highest_version: Option<String>,
    /// Why it failed.
    pub cause: String,
    /// The setting that would help.
    pub remedy: Option<String>,
    /// How often.
    pub count: u64,
    /// When it last happened.
    pub last: Timestamp,
}
